"""What ``ganbench check`` runs on a normalizer before it is trusted with a sweep."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.errors import GanbenchError

if TYPE_CHECKING:
    import torch

    from harness.models.layers import Layer
    from harness.models.network import Network
    from harness.models.operations import Tree
    from harness.normalizer import Normalizer
    from harness.registry import Catalog

SCALES = (1e-4, 1.0, 1e4)
"""Standard deviations of the weights on which values and gradients must be finite."""


@dataclass(frozen=True)
class Check:
    """The outcome of one check.

    Attributes:
        claim: What was checked, as a sentence.
        passed: Whether it holds.
        detail: What was found where it does not, and what to do.
    """

    claim: str
    passed: bool
    detail: str = ""


class _CheckError(Exception):
    """Raised inside a check to say why it fails."""


def check_normalizer(normalizer: Normalizer, catalog: Catalog) -> Iterator[Check]:
    """Check a normalizer, yielding each outcome as it is known.

    Args:
        normalizer: With the parameters to check.
        catalog: The plugins, for the short training at the end.
    """
    checks: list[tuple[str, Callable[[], None]]] = [
        ("says what it is in one line", lambda: _describes_itself(normalizer)),
        ("keeps shape, dtype and state of every layer type", lambda: _keeps_shapes(normalizer)),
        ("changes none of its arguments and answers the same twice", lambda: _is_pure(normalizer)),
        ("touches no global random state", lambda: _leaves_global_random_state(normalizer)),
        ("has finite values and gradients for weights from 1e-4 to 1e4", lambda: _is_finite(normalizer)),
        ("trains ring8 for 50 steps to a verdict", lambda: _trains(normalizer, catalog)),
    ]
    for claim, check in checks:
        try:
            check()
        except (_CheckError, GanbenchError) as error:
            yield Check(claim, False, str(error))
        except Exception as error:
            yield Check(claim, False, f"{type(error).__name__}: {error}")
        else:
            yield Check(claim, True)


def conformance(normalizer: Normalizer, outcomes: Sequence[Check]) -> dict[str, Any]:
    """Return what ``ganbench check --json`` says of a normalizer: which one it was, and what came of each check."""
    return {
        "normalizer": normalizer.label(),
        "version": normalizer.version,
        "source": normalizer.source(),
        "passed": [outcome.claim for outcome in outcomes if outcome.passed],
        "failed": {outcome.claim: outcome.detail for outcome in outcomes if not outcome.passed},
    }


def _networks(normalizer: Normalizer) -> list[Network]:
    """Return networks that together have every layer type, additions and activations that stand alone among them."""
    from harness.models.dcgan import DCGAN
    from harness.models.network import Network
    from harness.models.xiang_li_resnet import XiangLiResNet

    plain, residual = DCGAN(width=4, latent=8), XiangLiResNet(width=0.06, latent=8)
    return [
        Network.build("discriminator", plain.discriminator, (3, 8, 8), normalizer),
        Network.build("generator", lambda net, z: plain.generator(net, z, (3, 8, 8)), (8,), normalizer),
        Network.build("discriminator", residual.discriminator, (3, 8, 8), normalizer),
    ]


def _start(network: Network, scale: float = 1.0) -> tuple[Tree, Tree]:
    import torch

    def draw(layer: Layer, generator: torch.Generator) -> torch.Tensor:
        return scale * torch.randn(layer.shape, generator=generator)

    return network.init(draw, torch.Generator().manual_seed(1), torch.Generator().manual_seed(2))


def _input(network: Network) -> torch.Tensor:
    import torch

    first = next(iter(network.layers.values()))
    shape = (8, first.in_features) if first.kind == "linear" else (8, first.in_features, 8, 8)
    return torch.randn(shape, generator=torch.Generator().manual_seed(3))


def _describes_itself(normalizer: Normalizer) -> None:
    for key in ("name", "version", "summary"):
        if not getattr(normalizer, key):
            raise _CheckError(f"the class attribute {key!r} is empty")


def _keeps_shapes(normalizer: Normalizer) -> None:
    for network in _networks(normalizer):
        params, state = _start(network)
        weights, after = network.effective(params, state)  # raises where a shape or dtype is wrong
        network(weights, _input(network))
        for layer, before in state.items():
            for key, value in before.items():
                if after[layer][key].shape != value.shape or after[layer][key].dtype != value.dtype:
                    raise _CheckError(f"the state {key!r} of layer {layer!r} changed its shape or dtype")


def _is_pure(normalizer: Normalizer) -> None:
    import torch

    from harness.models.network import leaves

    for network in _networks(normalizer):
        params, state = _start(network)
        before = [value.clone() for value in leaves(params) + leaves(state)]
        attributes = dict(vars(normalizer))
        first, first_state = network.effective(params, state)
        second, second_state = network.effective(params, state)
        x = _input(network)
        outputs = [network(first, x), network(second, x)]
        now = leaves(params) + leaves(state)
        if not all(torch.equal(a, b) for a, b in zip(before, now, strict=True)):
            raise _CheckError("a raw weight, parameter or state was changed in place; return new tensors instead")
        pairs = zip(leaves(first) + leaves(first_state), leaves(second) + leaves(second_state), strict=True)
        if not all(torch.equal(a, b) for a, b in pairs) or not torch.equal(*outputs):
            raise _CheckError(
                "two calls with the same arguments gave different answers; keep what changes in the state"
            )
        if dict(vars(normalizer)) != attributes:
            raise _CheckError("an attribute was written; keep what changes in the state")


def _leaves_global_random_state(normalizer: Normalizer) -> None:
    before = _global_random_state()
    for network in _networks(normalizer):
        weights, _ = network.effective(*_start(network))
        network(weights, _input(network))
    if _global_random_state() != before:
        raise _CheckError("global random numbers were drawn; use the generator that init_state is given")


def _global_random_state() -> tuple[bytes, str, str]:
    import numpy as np
    import torch

    return torch.get_rng_state().numpy().tobytes(), repr(np.random.get_state()), repr(random.getstate())


def _is_finite(normalizer: Normalizer) -> None:
    import torch

    from harness.models.network import leaves

    for scale in SCALES:
        for network in _networks(normalizer):
            params, state = _start(network, scale)
            tracked = {name: {k: v.requires_grad_() for k, v in layer.items()} for name, layer in params.items()}
            weights, _ = network.effective(tracked, state)
            effective = [weights[name]["weight"] for name in network.weighted]
            total = torch.stack([(weight**2).sum() for weight in effective]).sum()
            raw = [tracked[name]["weight"] for name in network.weighted]
            grads = torch.autograd.grad(total, raw, allow_unused=True)
            if not all(bool(torch.isfinite(value).all()) for value in effective + leaves(state)):
                raise _CheckError(f"weights of standard deviation {scale:g} became values that are not finite")
            if any(grad is not None and not bool(torch.isfinite(grad).all()) for grad in grads):
                raise _CheckError(f"weights of standard deviation {scale:g} have gradients that are not finite")


def _trains(normalizer: Normalizer, catalog: Catalog) -> None:
    from harness.cell import Cell, Trial
    from harness.stability import METHOD_ERROR, known_definitions, load_definition
    from harness.trial import Workshop

    toy = {
        "dataset": "ring8",
        "architecture": "mlp",
        "loss": "non_saturating",
        "optimizer": "adam",
        "metric": "mode_coverage",
    }
    plugins = {kind: catalog.create(kind, name) for kind, name in toy.items()}
    numbers = {"lr_g": 1e-3, "lr_d": 1e-3, "n_dis": 1, "batch_size": 64}
    budget = {"steps": 50, "evaluations": 5, "log_points": 50}
    cell = Cell(normalizer=normalizer, **plugins, **numbers, **budget)  # type: ignore[arg-type]
    record = Workshop(catalog).run(Trial(cell, 0, 0), load_definition(known_definitions()[-1]))
    if record.verdict.outcome == METHOD_ERROR:
        raise _CheckError(record.verdict.message)
