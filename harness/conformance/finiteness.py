"""Numbers stay numbers, whatever the size of the weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ganbench.harness.conformance.outcome import Failed
from ganbench.harness.conformance.subject import Subject, cast, start

if TYPE_CHECKING:
    from ganbench.harness.models.network import Network
    from ganbench.harness.models.operations import Tree

SCALES = (0.0, 1e-4, 1e-2, 1.0, 1e2, 1e4)
"""Standard deviations of the weights on which values and gradients must be finite."""


def is_finite(subject: Subject) -> None:
    """Effective weights, states and gradients are finite in both precisions."""
    for network in subject.networks:
        for scale in SCALES:
            _is_finite(network, start(network, scale), f"weights of standard deviation {scale:g}")
        params, state = start(network)
        # With parameters and state as they are for other weights, for a training may bring a unit to zero.
        dead = {name: layer | {"weight": 0 * layer["weight"]} for name, layer in params.items() if "weight" in layer}
        _is_finite(network, (params | dead, state), "weights that became 0")


def _is_finite(network: Network, begun: tuple[Tree, Tree], what: str) -> None:
    import torch

    from ganbench.harness.models.network import leaves

    for dtype in (torch.float32, torch.bfloat16):
        where = f"{what} in {str(dtype).removeprefix('torch.')}"
        params, state = (cast(tree, dtype) for tree in begun)
        tracked = {name: {k: v.detach().requires_grad_() for k, v in layer.items()} for name, layer in params.items()}
        weights, after = network.effective(tracked, state)
        effective = [weights[name]["weight"] for name in network.weighted]
        if not all(bool(torch.isfinite(value).all()) for value in effective + leaves(after)):
            raise Failed(f"{where} became values that are not finite; hold what you divide by away from 0")
        # Any direction of descent: with the sum of squares, zeros would hide what is divided by zero.
        generator = torch.Generator().manual_seed(4)
        total = sum((torch.randn(w.shape, generator=generator).to(dtype) * w).sum() for w in effective)
        asked = [value for layer in tracked.values() for value in layer.values()]
        grads = torch.autograd.grad(total, asked, allow_unused=True)  # type: ignore[arg-type]
        if not all(grad is None or bool(torch.isfinite(grad).all()) for grad in grads):
            raise Failed(f"{where} have gradients that are not finite; a root has none at 0: add a small number inside")
