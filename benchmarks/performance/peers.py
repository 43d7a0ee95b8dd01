"""The same trainings as one writes them in plain PyTorch: modules, parametrizations, ``torch.optim.Adam``, a DataLoader.

The networks are written here from the papers' tables, not from ours; :func:`apart` says how far they are from ours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations, parametrize
from torch.utils.data import DataLoader, TensorDataset

from harness.cell import Cell, Trial
from harness.models.layers import Layer, output_matrix
from harness.models.network import leaves, with_leaves
from harness.training.step import Batch, NetworkState, State
from harness.training.training import Material, Training

WEIGHTED = (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)


class BothSpectralNorms(nn.Module):
    """c W over the mean of the spectral norms of W as a matrix by output and by input channels, for BSSN."""

    def __init__(self, weight: Tensor, scale: float) -> None:
        super().__init__()
        self.scale = scale
        self.register_buffer("u_out", F.normalize(torch.randn(weight.shape[0]), dim=0))
        self.register_buffer("u_in", F.normalize(torch.randn(weight.shape[1]), dim=0))

    def forward(self, weight: Tensor) -> Tensor:
        """Normalize; each call makes an iteration, as torch's own spectral norm does."""
        by_out = self._sigma(weight.flatten(1), self.u_out)
        by_in = self._sigma(weight.transpose(0, 1).flatten(1), self.u_in) if weight.dim() > 2 else by_out
        return weight * (2 * self.scale / (by_out + by_in))

    def _sigma(self, matrix: Tensor, u: Tensor) -> Tensor:
        with torch.no_grad():
            v = F.normalize(matrix.mT @ u, dim=0)
            u.copy_(F.normalize(matrix @ v, dim=0))
        return u.clone() @ (matrix @ v)


class UnitLength(nn.Module):
    """Every output unit's weight over its norm; in the last layer times gamma, for strict weight normalization."""

    def __init__(self, layer: nn.Module, last: bool) -> None:
        super().__init__()
        transposed = isinstance(layer, nn.ConvTranspose2d)
        self.dim = 1 if transposed else 0
        self.stride = layer.stride[0] if transposed else 1
        self.gamma = nn.Parameter(torch.ones(layer.weight.shape[self.dim])) if last else None

    def forward(self, weight: Tensor) -> Tensor:
        """Normalize."""
        others = [index for index in range(weight.dim()) if index != self.dim]
        length = torch.linalg.vector_norm(weight, dim=others, keepdim=True) / self.stride
        weight = weight / (length + 1e-8)
        return (
            weight
            if self.gamma is None
            else weight * self.gamma.view([-1 if i == self.dim else 1 for i in range(weight.dim())])
        )


class TPReLU(nn.Module):
    """PReLU with a learned threshold per channel, for strict weight normalization."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.slope = nn.Parameter(torch.full((features,), 0.25))
        self.threshold = nn.Parameter(torch.zeros(features))

    def forward(self, x: Tensor) -> Tensor:
        """Apply it to [N, C] or [N, C, H, W]."""
        threshold = self.threshold.view(1, -1, *[1] * (x.dim() - 2))
        return F.prelu(x - threshold, self.slope.clamp(0, 1)) + threshold


@dataclass(frozen=True)
class Manner:
    """How a normalizer is written with torch.

    Attributes:
        wrap: From a layer, and whether it is the network's last, to the layer with its parametrization.
        batch_norm: Whether batch normalization stands where the papers have it.
        strict: Whether hidden layers have no bias and a translated PReLU.
        both: Whether it is for the generator too.
    """

    wrap: Callable[[nn.Module, bool], nn.Module] = lambda layer, last: layer
    batch_norm: bool = False
    strict: bool = False
    both: bool = False

    def row(
        self,
        make: Callable[..., nn.Module],
        *sizes: int,
        activation: nn.Module | None = None,
        normalized: bool = False,
        last: bool = False,
        **options: Any,
    ) -> list[nn.Module]:
        """Return a layer and what follows it."""
        normed = normalized and self.batch_norm
        bias = last if self.strict else not normed
        parts = [self.wrap(make(*sizes, bias=bias, **options), last)]
        if normed:
            parts.append((nn.BatchNorm1d if make is nn.Linear else nn.BatchNorm2d)(sizes[1]))
        if activation is not None:
            parts.append(TPReLU(sizes[1]) if self.strict and not last else activation)
        return parts


def _bssn(scale: float) -> Manner:
    def wrap(layer: nn.Module, last: bool) -> nn.Module:
        parametrize.register_parametrization(layer, "weight", BothSpectralNorms(layer.weight, scale))
        return layer

    return Manner(wrap)


def _strict(layer: nn.Module, last: bool) -> nn.Module:
    parametrize.register_parametrization(layer, "weight", UnitLength(layer, last))
    return layer


MANNERS: dict[str, Callable[[Any], Manner]] = {
    "none": lambda normalizer: Manner(),
    "batch_norm": lambda normalizer: Manner(batch_norm=True),
    "spectral_norm": lambda normalizer: Manner(lambda layer, last: parametrizations.spectral_norm(layer)),
    "bssn": lambda normalizer: _bssn(normalizer.scale),
    "weight_norm_strict": lambda normalizer: Manner(_strict, strict=True, both=True),
}


def mlp(about: Any, g: Manner, d: Manner, shape: tuple[int, ...]) -> tuple[nn.Module, nn.Module]:
    """Hidden layers of ReLU for points; leaky ReLU in the discriminator (Srivastava et al. 2017)."""
    generator, discriminator, inner, outer = [], [], about.latent, shape[0]
    for index in range(about.depth):
        generator += g.row(nn.Linear, inner, about.width, activation=nn.ReLU(), normalized=True)
        discriminator += d.row(nn.Linear, outer, about.width, activation=nn.LeakyReLU(0.2), normalized=index > 0)
        inner = outer = about.width
    generator += g.row(nn.Linear, inner, shape[0], last=True)
    discriminator += d.row(nn.Linear, outer, 1, last=True)
    return nn.Sequential(*generator), nn.Sequential(*discriminator, nn.Flatten(0))


def dcgan(about: Any, g: Manner, d: Manner, shape: tuple[int, ...]) -> tuple[nn.Module, nn.Module]:
    """Strided convolutions of kernel 4 (Radford et al. 2016, section 3)."""
    side = about.smallest
    levels = (shape[1] // side).bit_length() - 1
    half = {"kernel_size": 4, "stride": 2, "padding": 1}
    channels = about.width * 2 ** (levels - 1)
    first = g.row(nn.Linear, about.latent, channels * side**2, activation=nn.ReLU(), normalized=True)
    generator = [*first, nn.Unflatten(1, (channels, side, side))]
    for _ in range(levels - 1):
        sizes = (channels, channels // 2)
        generator += g.row(nn.ConvTranspose2d, *sizes, activation=nn.ReLU(), normalized=True, **half)
        channels //= 2
    generator += g.row(nn.ConvTranspose2d, channels, shape[0], activation=nn.Tanh(), last=True, **half)
    discriminator, before = [], shape[0]
    for level in range(levels):
        after = about.width * 2**level
        leaky = nn.LeakyReLU(0.2)
        discriminator += d.row(nn.Conv2d, before, after, activation=leaky, normalized=level > 0, **half)
        before = after
    discriminator += [nn.Flatten(), *d.row(nn.Linear, before * side**2, 1, last=True)]
    return nn.Sequential(*generator), nn.Sequential(*discriminator, nn.Flatten(0))


def sngan_cnn(about: Any, g: Manner, d: Manner, shape: tuple[int, ...]) -> tuple[nn.Module, nn.Module]:
    """The CNN of Miyato et al. 2018, table 3, in the widths of the table."""
    assert about.widths == "paper", "the peer has the paper's widths"
    side = shape[1] // 8
    half = {"kernel_size": 4, "stride": 2, "padding": 1}
    same = {"kernel_size": 3, "stride": 1, "padding": 1}
    first = g.row(nn.Linear, about.latent, 512 * side**2, activation=nn.ReLU(), normalized=True)
    generator = [*first, nn.Unflatten(1, (512, side, side))]
    for sizes in ((512, 256), (256, 128), (128, 64)):
        generator += g.row(nn.ConvTranspose2d, *sizes, activation=nn.ReLU(), normalized=True, **half)
    generator += g.row(nn.ConvTranspose2d, 64, shape[0], activation=nn.Tanh(), last=True, **same)
    discriminator, before = [], shape[0]
    for index, after in enumerate((64, 64, 128, 128, 256, 256, 512)):
        leaky, size = nn.LeakyReLU(0.1), half if index % 2 else same
        discriminator += d.row(nn.Conv2d, before, after, activation=leaky, normalized=index > 0, **size)
        before = after
    discriminator += [nn.Flatten(), *d.row(nn.Linear, 512 * side**2, 1, last=True)]
    return nn.Sequential(*generator), nn.Sequential(*discriminator, nn.Flatten(0))


class UpBlock(nn.Module):
    """A generator's residual block, which doubles the side."""

    def __init__(self, g: Manner, before: int, after: int) -> None:
        super().__init__()
        norm = [nn.BatchNorm2d(before)] if g.batch_norm else []
        self.residual = nn.Sequential(
            *norm,
            nn.ReLU(),
            nn.Upsample(scale_factor=2),
            *g.row(nn.Conv2d, before, after, activation=nn.ReLU(), normalized=True, kernel_size=3, padding=1),
            *g.row(nn.Conv2d, after, after, kernel_size=3, padding=1),
        )
        self.shortcut = nn.Sequential(nn.Upsample(scale_factor=2), *g.row(nn.Conv2d, before, after, kernel_size=1))

    def forward(self, x: Tensor) -> Tensor:
        """Add both branches."""
        return self.residual(x) + self.shortcut(x)


class DownBlock(nn.Module):
    """A discriminator's residual block, which may halve the side; the first one starts without an activation."""

    def __init__(self, d: Manner, before: int, after: int, pool: bool, first: bool = False) -> None:
        super().__init__()
        assert not d.batch_norm, "the residual discriminator of the papers has no batch normalization"
        middle = after if first else before
        kernel = {"kernel_size": 3, "padding": 1}
        self.residual = nn.Sequential(
            *([] if first else [nn.ReLU()]),
            *d.row(nn.Conv2d, before, middle, activation=nn.ReLU(), **kernel),
            *d.row(nn.Conv2d, middle, after, **kernel),
            *([nn.AvgPool2d(2)] if pool else []),
        )
        narrow = d.row(nn.Conv2d, before, after, kernel_size=1) if pool or before != after else []
        halved = [nn.AvgPool2d(2)] if pool else []
        self.shortcut = nn.Sequential(*(halved + narrow if first else narrow + halved))

    def forward(self, x: Tensor) -> Tensor:
        """Add both branches."""
        return self.residual(x) + self.shortcut(x)


class Summed(nn.Module):
    """The sum over places."""

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, H, W] to [N, C]."""
        return x.sum(dim=(2, 3))


RESNETS = {
    32: ((4, 256), (256, 256, 256), ((128, True), (128, True), (128, False), (128, False))),
    64: ((4, 1024), (512, 256, 128, 64), ((64, True), (128, True), (256, True), (512, True), (1024, True))),
}
"""By side: the first map's side and channels, the generator's blocks, the discriminator's and whether they pool."""


def sngan_resnet(about: Any, g: Manner, d: Manner, shape: tuple[int, ...]) -> tuple[nn.Module, nn.Module]:
    """The residual networks of Miyato et al. 2018, tables 4 and 5."""
    (side, channels), ups, downs = RESNETS[shape[1]]
    generator = [*g.row(nn.Linear, about.latent, channels * side**2), nn.Unflatten(1, (channels, side, side))]
    for after in ups:
        generator.append(UpBlock(g, channels, after))
        channels = after
    generator += [*([nn.BatchNorm2d(channels)] if g.batch_norm else []), nn.ReLU()]
    generator += g.row(nn.Conv2d, channels, shape[0], activation=nn.Tanh(), last=True, kernel_size=3, padding=1)
    discriminator, before = [], shape[0]
    for index, (after, pool) in enumerate(downs):
        discriminator.append(DownBlock(d, before, after, pool, first=index == 0))
        before = after
    discriminator += [nn.ReLU(), Summed(), *d.row(nn.Linear, before, 1, last=True), nn.Flatten(0)]
    return nn.Sequential(*generator), nn.Sequential(*discriminator)


NETWORKS = {"mlp": mlp, "dcgan": dcgan, "sngan_cnn": sngan_cnn, "sngan_resnet": sngan_resnet}


def networks(cell: Cell, shape: tuple[int, ...]) -> tuple[nn.Module, nn.Module]:
    """Return a cell's generator and discriminator as modules, with torch's own initial weights."""
    manner = MANNERS[cell.normalizer.name](cell.normalizer)
    default = MANNERS[cell.architecture.generator_normalizer](None)
    return NETWORKS[cell.architecture.name](cell.architecture, manner if manner.both else default, manner, shape)


LOSSES: dict[str, tuple[Callable[[Tensor, Tensor], Tensor], Callable[[Tensor], Tensor]]] = {
    "non_saturating": (
        lambda real, fake: F.softplus(-real).mean() + F.softplus(fake).mean(),
        lambda fake: F.softplus(-fake).mean(),
    ),
    "hinge": (lambda real, fake: F.relu(1 - real).mean() + F.relu(1 + fake).mean(), lambda fake: -fake.mean()),
}
"""The discriminator's of logits, and the generator's."""


class Loop:
    """A training in plain eager PyTorch.

    The usual way: a DataLoader over the decoded examples, reshuffled each epoch; generated samples made with a graph and
    detached; the generator's backward pass goes to the discriminator's weights as well; both losses are read each step.

    The careful way leaves out what an experienced hand would: batches are gathered by index, generated samples are made
    without a graph, the discriminator's weights are frozen while the generator learns, nothing is read back.

    Args:
        cell: What to train.
        data: Its examples, decoded, [N, ...].
        device: Where.
        careful: The careful way.
        fused: Whether Adam is torch's fused one.
    """

    def __init__(
        self, cell: Cell, data: Tensor, device: str = "cpu", *, careful: bool = False, fused: bool | None = None
    ) -> None:
        self.cell, self.device, self.careful = cell, device, careful
        self.generator, self.discriminator = (net.to(device) for net in networks(cell, tuple(data.shape[1:])))
        self.d_loss, self.g_loss = LOSSES[cell.loss.name]
        self.optimizer_g, self.optimizer_d = (
            torch.optim.Adam(
                network.parameters(), lr=lr, betas=(cell.optimizer.beta1, cell.optimizer.beta2), fused=fused
            )
            for network, lr in ((self.generator, cell.lr_g), (self.discriminator, cell.lr_d))
        )
        self._batches = self._gathered(data.to(device)) if careful else self._loaded(data)

    def run(self, steps: int) -> None:
        """Make steps."""
        size, latent = self.cell.batch_size, self.cell.architecture.latent
        for _ in range(steps):
            real = [next(self._batches) for _ in range(self.cell.n_dis)]
            latents = [torch.randn(size, latent, device=self.device) for _ in range(self.cell.n_dis + 1)]
            losses = self.step(real, latents)
            if not self.careful:
                _ = [loss.item() for loss in losses]

    def step(self, real: list[Tensor], latents: list[Tensor]) -> tuple[Tensor, Tensor]:
        """Make one step.

        Args:
            real: A batch for each discriminator update.
            latents: One for each, and one for the generator's own update.

        Returns:
            The last loss of the discriminator and the generator's.
        """
        for examples, latent in zip(real, latents, strict=False):
            with torch.set_grad_enabled(not self.careful):
                fake = self.generator(latent).detach()
            d_loss = self.d_loss(self.discriminator(examples), self.discriminator(fake))
            self.optimizer_d.zero_grad()
            d_loss.backward()
            self.optimizer_d.step()
        if self.careful:
            self.discriminator.requires_grad_(False)
        g_loss = self.g_loss(self.discriminator(self.generator(latents[-1])))
        self.optimizer_g.zero_grad()
        g_loss.backward()
        self.optimizer_g.step()
        if self.careful:
            self.discriminator.requires_grad_(True)
        return d_loss.detach(), g_loss.detach()

    def _loaded(self, data: Tensor) -> Iterator[Tensor]:
        loader = DataLoader(TensorDataset(data.cpu()), batch_size=self.cell.batch_size, shuffle=True, drop_last=True)
        while True:
            for (examples,) in loader:
                yield examples.to(self.device)

    def _gathered(self, data: Tensor) -> Iterator[Tensor]:
        while True:
            yield data[torch.randint(len(data), (self.cell.batch_size,), device=data.device)]


@dataclass(frozen=True)
class Apart:
    """How far a peer is from ours after some steps from the same weights, on the same batches, in float64.

    Attributes:
        parameters: Trained numbers of ours and the peer's.
        losses: The largest relative difference of a loss.
        first_loss: That of the first step's discriminator loss, before any update.
    """

    parameters: tuple[int, int]
    losses: float
    first_loss: float


def apart(cell: Cell, material: Material, steps: int = 3, batch_size: int = 8) -> Apart:
    """Train both from the same weights on the same batches, in float64, and compare.

    Under spectral normalization torch's parametrization makes an iteration in every pass and ours one per update. Both
    start from the exact singular vectors, which iterations leave where they are; after an update they differ a little.
    """
    cell = replace(cell, batch_size=batch_size)
    training = Training(Trial(cell, 0, 0), material)
    loop = Loop(cell, material.data.decode(material.data.examples[:batch_size]))
    loop.generator.double()
    loop.discriminator.double()
    state = _in_double(training.state)
    table = training.discriminator.layers
    settled = {name: _settled(state.discriminator.params[name]["weight"], kept, table[name])
               for name, kept in state.discriminator.norm.items()}  # fmt: skip
    state = replace(state, discriminator=replace(state.discriminator, norm=settled))
    for network, ours in ((loop.generator, state.generator), (loop.discriminator, state.discriminator)):
        _copy(leaves(ours.params), network)
    sizes = (
        sum(value.numel() for side in (state.generator, state.discriminator) for value in leaves(side.params)),
        sum(value.numel() for network in (loop.generator, loop.discriminator) for value in network.parameters()),
    )
    differences = []
    for now in range(1, steps + 1):
        batch = training.draw(now)
        batch = Batch(batch.real.double(), batch.latents.double())
        state, seen = training.step(state, batch, True)
        theirs = loop.step(list(batch.real), list(batch.latents))
        for name, value in zip(("d_loss", "g_loss"), theirs, strict=True):
            differences.append(abs(float(seen[name]) - float(value)) / max(abs(float(value)), 1e-12))
    return Apart(sizes, max(differences), differences[0])


def _in_double(state: State) -> State:
    def doubled(network: NetworkState) -> NetworkState:
        params = with_leaves(network.params, [value.double() for value in leaves(network.params)])
        slots = {name: [value.double() for value in values] for name, values in network.slots.items()}
        return replace(network, params=params, slots=slots)

    return State(doubled(state.generator), doubled(state.discriminator))


def _settled(weight: Tensor, kept: dict[str, Tensor], layer: Layer) -> dict[str, Tensor]:
    """Return a spectral normalizer's vectors, all of them exact."""
    matrices = {"u": output_matrix(weight, layer), "u_out": output_matrix(weight, layer)}
    if layer.kind != "linear":
        matrices["u_in"] = weight.transpose(0, 1).flatten(1)
    return {name: torch.linalg.svd(matrices[name], full_matrices=False)[0][:, 0] for name in kept}


@torch.no_grad()
def _copy(values: list[Tensor], network: nn.Module) -> None:
    """Give a network our parameters, in the order of the table, and its power iterations the exact vectors."""
    left = iter(values)
    for module in network.modules():
        if isinstance(module, WEIGHTED):
            made = getattr(module, "parametrizations", None)
            raw = made.weight.original if made else module.weight
            raw.copy_(next(left))
            if module.bias is not None:
                module.bias.copy_(next(left))
            for item in made.weight if made else ():
                _settle(item, raw)
                for extra in item.parameters():
                    extra.copy_(next(left))
        elif isinstance(module, (*NORMS, TPReLU)):
            for value in module.parameters():
                value.copy_(next(left))
    assert next(left, None) is None, "ours has more parameters"


def _settle(item: nn.Module, raw: Tensor) -> None:
    u, _, vh = torch.linalg.svd(raw.flatten(1), full_matrices=False)
    exact = {"_u": u[:, 0], "_v": vh[0], "u_out": u[:, 0]}
    if hasattr(item, "u_in"):
        exact["u_in"] = torch.linalg.svd(raw.transpose(0, 1).flatten(1), full_matrices=False)[0][:, 0]
    for name, vector in exact.items():
        if hasattr(item, name):
            getattr(item, name).copy_(vector)


def decoded(material: Material) -> Tensor:
    """Return a data set as one loads it for such a loop: all examples as networks see them."""
    return material.data.decode(material.data.examples[:])
