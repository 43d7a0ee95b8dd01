"""Layers of equal shape, reparameterized together: which they are, and how.

A small network's step waits for the number of kernels and not for their work, and most of them are the normalizer's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ganbench.harness.errors import MethodError
from ganbench.harness.models.operations import Tree, hook_misfit, hook_raised
from ganbench.harness.normalizer import Normalizer
from ganbench.harness.normalizer.composition import offers_stacked
from ganbench.harness.normalizer.layers import Layer

HOOK = "reparameterize_stacked"


def groups(layers: Mapping[str, Layer], params: Tree, state: Tree) -> list[tuple[str, ...]]:
    """Return the names of layers of equal shape, two or more together; see :meth:`Normalizer.reparameterize_stacked`.

    Args:
        layers: The layers that have a weight, by name.
        params: Trained parameters, by layer.
        state: The normalizer's state, by layer.
    """
    alike: dict[tuple[Any, ...], list[str]] = {}
    for name, layer in layers.items():
        alike.setdefault((layer.kind, layer.shape, _form(params[name]), _form(state[name])), []).append(name)
    return [tuple(names) for names in alike.values() if len(names) > 1]


def stacked_reparameterization(
    normalizer: Normalizer, layers: Mapping[str, Layer], params: Tree, state: Tree
) -> dict[str, tuple[Tensor, dict[str, Tensor]]]:
    """Return effective weight and next state of the layers that the normalizer treats together.

    Args:
        normalizer: What reparameterizes the weights.
        layers: The layers that have a weight, by name.
        params: Trained parameters, by layer.
        state: The normalizer's state, by layer.

    Returns:
        By layer; those are missing that are alone of their shape, or for which the normalizer has no fast path.

    Raises:
        MethodError: The normalizer raised, or returned other shapes, dtypes or keys.
    """
    made: dict[str, tuple[Tensor, dict[str, Tensor]]] = {}
    if not offers_stacked(normalizer):
        return made
    for names in groups(layers, params, state):
        raw, states = _stack(params, names), _stack(state, names)
        where = ", ".join(names)
        try:
            found = normalizer.reparameterize_stacked(raw["weight"], raw, states, [layers[name] for name in names])
            if found is None:
                continue
            weights, after = found
            fits = _form({"weight": weights}) == _form({"weight": raw["weight"]}) and _form(after) == _form(states)
        except BaseException as error:
            raise hook_raised(normalizer, HOOK, where, error) from error
        if not fits:
            raise MethodError(hook_misfit(normalizer, HOOK, where, raw["weight"], weights))
        for index, name in enumerate(names):
            made[name] = weights[index], {key: after[key][index] for key in state[name]}
    return made


def _form(tensors: Mapping[str, Tensor]) -> tuple[tuple[Any, ...], ...]:
    return tuple((key, tuple(tensors[key].shape), tensors[key].dtype) for key in sorted(tensors))


def _stack(tree: Tree, names: tuple[str, ...]) -> dict[str, Tensor]:
    return {key: torch.stack([tree[name][key] for name in names]) for key in tree[names[0]]}
