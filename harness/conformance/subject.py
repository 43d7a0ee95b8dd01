"""What the checks work on: a normalizer on small networks with every layer type, and in small trainings."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ganbench.harness.conformance.outcome import Failed

if TYPE_CHECKING:
    import torch

    from ganbench.harness.cells.cell import Cell
    from ganbench.harness.models.network import Initializer, Network
    from ganbench.harness.models.operations import Tree
    from ganbench.harness.normalizer import Normalizer
    from ganbench.harness.plugins.registry import Catalog
    from ganbench.harness.training.training import Training

SUITE_SEED = 0

TOY = {"dataset": "ring8", "architecture": "mlp", "metric": "mode_coverage"}
IMAGES = {
    "dataset": "digits",
    "architecture": {"name": "dcgan", "width": 4, "latent": 8},
    "metric": {"name": "fidelity", "extractor": "digits-cnn", "samples": 1000},
}
COMMON = {"loss": "non_saturating", "optimizer": "adam"}
NUMBERS = {"lr_g": 1e-3, "lr_d": 1e-3, "n_dis": 1, "steps": 50, "evaluations": 2, "log_points": 50}


@dataclass
class Subject:
    """A normalizer that is checked.

    Attributes:
        normalizer: With the parameters to check.
        catalog: The plugins, for trainings.
    """

    normalizer: Normalizer
    catalog: Catalog

    @cached_property
    def networks(self) -> list[Network]:
        """Networks that together have every layer type, additions and activations that stand alone among them.

        Those on which the normalizer says that it makes no sense are left out.
        """
        from ganbench.harness.models.dcgan import DCGAN
        from ganbench.harness.models.network import Network
        from ganbench.harness.models.xiang_li_resnet import XiangLiResNet

        plain, residual = DCGAN(width=4, latent=8), XiangLiResNet(width=0.06, latent=8)
        built = [
            Network.build("discriminator", plain.discriminator, (3, 8, 8), self.normalizer),
            Network.build("generator", lambda net, z: plain.generator(net, z, (3, 8, 8)), (8,), self.normalizer),
            Network.build("discriminator", residual.discriminator, (3, 8, 8), self.normalizer),
        ]
        reasons = [self.normalizer.refuse(network.layers) for network in built]
        fit = [network for network, reason in zip(built, reasons, strict=True) if not reason]
        if not fit:
            raise Failed(f"it refuses every network that it is tried on: {reasons[0]}; accept one of them", "refuse")
        return fit

    @cached_property
    def image_cell(self) -> Cell:
        """A cell of a small convolutional network on images."""
        return self._cell(IMAGES, batch_size=8)

    @cached_property
    def cell(self) -> Cell:
        """The toy cell; that on images where the normalizer says that it makes no sense on the toy's networks."""
        from ganbench.harness.models.build import refusal

        toy = self._cell(TOY, batch_size=64)
        refused = refusal(toy.architecture, self.normalizer, (2,))
        return replace(self.image_cell, batch_size=64) if refused else toy

    def without(self, cell: Cell) -> Cell:
        """Return the same cell under no normalizer."""
        return replace(cell, normalizer=self.catalog.create("normalizer", "none"))  # type: ignore[arg-type]

    def training(self, cell: Cell, seed: int = 0) -> Training:
        """Return a training of a cell before its first step, with a metric that measures nothing."""
        from ganbench.harness.cells.cell import Trial
        from ganbench.harness.data.store import Store
        from ganbench.harness.training.training import Material, Training

        default: Any = self.catalog.create("normalizer", cell.architecture.generator_normalizer)
        if cell.dataset.name not in self._loaded:
            self._loaded[cell.dataset.name] = cell.dataset.load(Store.find())
        data = self._loaded[cell.dataset.name]
        return Training(Trial(cell, SUITE_SEED, seed), Material(data, "", lambda samples: {}, default))

    @cached_property
    def _loaded(self) -> dict[str, Any]:
        return {}

    def _cell(self, base: dict[str, Any], batch_size: int) -> Cell:
        from ganbench.harness.cells.cell import Cell

        plugins: dict[str, Any] = {kind: self.catalog.create(kind, name) for kind, name in (base | COMMON).items()}
        return Cell(normalizer=self.normalizer, **plugins, **NUMBERS, batch_size=batch_size)  # type: ignore[arg-type]


def start(network: Network, scale: float = 1.0, seed: int = 1) -> tuple[Tree, Tree]:
    """Return parameters and state of a network whose raw weights have a standard deviation of ``scale``."""
    import torch

    return start_from(network, lambda layer, generator: scale * torch.randn(layer.shape, generator=generator), seed)


def start_from(network: Network, draw: Initializer, seed: int = 1) -> tuple[Tree, Tree]:
    """Return parameters and state of a network whose raw weights are drawn by ``draw``.

    The normalizer's own initial weights are not what is checked: these are the same under every one.
    """
    import torch

    params, _ = network.init(draw, torch.Generator().manual_seed(seed), torch.Generator().manual_seed(seed + 1))
    raw, own = torch.Generator().manual_seed(seed), torch.Generator().manual_seed(seed + 1)
    state: Tree = {}
    for name, layer in network.weighted.items():
        weight = draw(layer, raw)
        params[name] |= {"weight": weight, **network.normalizer.init_params(weight, layer, own)}
        state[name] = network.normalizer.init_state(weight, layer, own)
    return params, state


def an_input(network: Network) -> torch.Tensor:
    """Return a batch of eight inputs for a network."""
    import torch

    first = next(iter(network.layers.values()))
    shape = (8, first.in_features) if first.kind == "linear" else (8, first.in_features, 8, 8)
    return torch.randn(shape, generator=torch.Generator().manual_seed(3))


def cast(tree: Tree, dtype: torch.dtype) -> Tree:
    """Return a tree with its floating-point tensors in a dtype."""
    return {
        name: {key: value.to(dtype) if value.is_floating_point() else value for key, value in layer.items()}
        for name, layer in tree.items()
    }


def same(a: Tree, b: Tree) -> bool:
    """Say whether two trees have the same keys and bits."""
    import torch

    return a.keys() == b.keys() and all(
        a[name].keys() == b[name].keys()
        and all(torch.equal(a[name][key].nan_to_num(), b[name][key].nan_to_num()) for key in a[name])
        for name in a
    )


def differences(a: Any, b: Any) -> float:
    """Return the largest absolute difference of two equally formed collections of tensors; NaN where one is NaN."""
    import torch
    from torch.utils import _pytree as pytree

    pairs = zip(pytree.tree_leaves(a), pytree.tree_leaves(b), strict=True)
    found = [(x - y).abs().max() for x, y in pairs if isinstance(x, torch.Tensor) and x.numel()]
    return float(torch.stack([value.double() for value in found]).max())
