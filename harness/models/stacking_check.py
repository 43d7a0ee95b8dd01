"""Whether layers reparameterized together give what they give one after another."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from ganbench.harness.errors import MethodError
from ganbench.harness.models.network import Network
from ganbench.harness.models.operations import Tree, hook_raised
from ganbench.harness.models.stacking import HOOK, groups
from ganbench.harness.normalizer.composition import offers_stacked

TOLERANCE = 1e-10
"""Of float64 numbers, relative to the largest of their tensor. Rounding leaves about 1e-15."""

FLOOR = 1e-3
"""The least that they are compared relative to, as a share of the largest of their sort. What is 0 but for rounding, as the
gradient of a weight of one entry over its own length, has no size of its own."""

SEED = 1


def misfit(network: Network, params: Tree, state: Tree) -> str | None:
    """Say why a network's stacked path is not to be used, or return None where it equals the plain one.

    It is compared in float64, on the given numbers moved a little at random, so that two layers that start alike differ:
    the effective weights, the next state, and the gradients of a random projection of the weights by all that is trained.
    Where the normalizer offers no fast path, every layer is treated by itself, which fits.

    Args:
        network: The network; whether it is ``stacked`` does not matter.
        params: Trained parameters, by layer.
        state: The normalizer's state, by layer.
    """
    if not offers_stacked(network.normalizer) or not groups(network.weighted, params, state):
        return None
    generator = torch.Generator().manual_seed(SEED)
    params, state = _moved(params, generator), _moved(state, generator)
    name = f"{network.normalizer.name}.{HOOK}"
    try:
        plain = _measured(replace(network, stacked=False), params, state)
    except MethodError as error:
        return f"{name} has nothing to be compared with in float64: {error}"
    try:
        stacked = _measured(replace(network, stacked=True), params, state)
    except MethodError as error:
        return str(error)
    for what, expected in plain.items():
        largest = max((float(value.abs().max()) for value in expected.values() if value.numel()), default=0.0)
        for (layer, key), value in expected.items():
            found = stacked[what][layer, key]
            if value.numel() and not _near(found, value, FLOOR * largest):
                far = float((found - value).abs().max())
                return (
                    f"{name} differs from reparameterize by {far:.2g} in {what} {key!r} of layer {layer!r}, in float64"
                )
    return None


def _moved(tree: Tree, generator: torch.Generator) -> Tree:
    """Return numbers near others, in float64 on the CPU; what is positive stays so."""

    def moved(value: Tensor) -> Tensor:
        value = value.detach().cpu()
        if not value.is_floating_point():
            return value
        factor, more = torch.rand((2, *value.shape), generator=generator, dtype=torch.float64)
        return value.double() * (1 + 0.1 * factor) + 0.01 * more

    return {name: {key: moved(value) for key, value in layer.items()} for name, layer in tree.items()}


def _measured(network: Network, params: Tree, state: Tree) -> dict[str, dict[tuple[str, str], Tensor]]:
    """Return what is compared, by sort, layer and key.

    Raises:
        MethodError: The normalizer raised, or what it computed cannot be differentiated.
    """
    tracked = {
        (name, key): value.clone().requires_grad_(value.is_floating_point()) for name, key, value in _items(params)
    }
    tree: Tree = {name: {key: tracked[name, key] for key in layer} for name, layer in params.items()}
    weights, after = network.effective(tree, state)
    made = {(name, "weight"): weights[name]["weight"] for name in network.weighted}
    generator = torch.Generator().manual_seed(SEED)
    total = torch.zeros((), dtype=torch.float64)
    for value in made.values():
        total = total + (torch.randn(value.shape, generator=generator, dtype=torch.float64) * value).sum()
    asked = {place: value for place, value in tracked.items() if value.requires_grad}
    grads: Any = [None] * len(asked)
    if total.requires_grad:
        try:
            grads = torch.autograd.grad(total, list(asked.values()), allow_unused=True)
        except BaseException as error:
            raise hook_raised(
                network.normalizer, HOOK if network.stacked else "reparameterize", "all", error
            ) from error
    filled = [torch.zeros_like(at) if grad is None else grad for at, grad in zip(asked.values(), grads, strict=True)]
    return {
        "the effective": {place: value.detach().double() for place, value in made.items()},
        "the next state": {(name, key): value.double() for name, key, value in _items(after)},
        "the gradient by": dict(zip(asked, filled, strict=True)),
    }


def _items(tree: Tree) -> Iterator[tuple[str, str, Tensor]]:
    return ((name, key, value) for name, layer in tree.items() for key, value in layer.items())


def _near(found: Tensor, expected: Tensor, floor: float) -> bool:
    """Say whether two tensors are equal to rounding; what is not finite is near nothing."""
    scale = max(float(expected.abs().max()), floor)
    return bool(torch.isfinite(expected).all() and ((found - expected).abs() <= TOLERANCE * scale).all())
