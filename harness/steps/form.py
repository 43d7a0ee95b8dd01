"""How a state and a batch stand in one list of tensors, which is what programs take and return."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import torch
from torch import Tensor

from ganbench.harness.models.network import leaves, with_leaves
from ganbench.harness.steps.step import Batch, NetworkState, State

Layout = tuple[tuple[int, ...], ...]
"""The strides of tensors, in their order."""

DRAWN = tuple(item.name for item in fields(Batch) if item.name != "penalized")
"""What of a batch is a tensor, where it is not None."""


def state_tensors(state: State) -> list[Tensor]:
    """Return the tensors of a state, in an order that depends on its form alone."""
    tensors: list[Tensor] = []
    for network in (state.generator, state.discriminator):
        tensors += leaves(network.params)
        tensors += leaves(network.norm)
        for slot in network.slots.values():
            tensors += slot
        tensors.append(network.count)
    return tensors if state.average is None else tensors + leaves(state.average)


def state_like(form: State, tensors: list[Tensor]) -> State:
    """Return a state of the same form with other tensors, given in the order of :func:`state_tensors`."""
    at = 0

    def take(count: int) -> list[Tensor]:
        nonlocal at
        at += count
        return tensors[at - count : at]

    def network(of: NetworkState) -> NetworkState:
        params = with_leaves(of.params, take(len(leaves(of.params))))
        norm = with_leaves(of.norm, take(len(leaves(of.norm))))
        slots = {name: take(len(values)) for name, values in of.slots.items()}
        return NetworkState(params, norm, slots, take(1)[0])

    generator, discriminator = network(form.generator), network(form.discriminator)
    average = None if form.average is None else with_leaves(form.average, take(len(leaves(form.average))))
    return State(generator, discriminator, average)


def batch_tensors(batch: Batch) -> list[Tensor]:
    """Return the tensors of a batch; those that are None are left out."""
    return [value for name in DRAWN if (value := getattr(batch, name)) is not None]


def batch_like(form: Batch, tensors: list[Tensor]) -> Batch:
    """Return a batch of the same form with other tensors, given in the order of :func:`batch_tensors`."""
    given = iter(tensors)
    found: dict[str, Any] = {name: next(given) for name in DRAWN if getattr(form, name) is not None}
    return replace(form, **found)


def layout_of(tensors: list[Tensor]) -> Layout:
    """Return how tensors lie in memory."""
    return tuple(tensor.stride() for tensor in tensors)


def alike(tensors: list[Tensor]) -> list[Tensor]:
    """Return a tensor of each one's form, with values of its own that mean nothing.

    At its start an average is the same tensors as the parameters that it is of. Whoever follows a step tells tensors apart
    by which object they are, and would take the one for the other ever after.
    """
    return [tensor.new_empty_strided(tensor.shape, tensor.stride()) for tensor in tensors]


def channels_last(tensors: list[Tensor]) -> list[Tensor]:
    """Return tensors that lie in memory in one way whatever they came as, so that a program is the same in every process.

    Those of four axes have their channels last, where convolutions are fastest.
    """
    return [
        tensor.contiguous(memory_format=torch.channels_last if tensor.dim() == 4 else torch.contiguous_format)
        for tensor in tensors
    ]


def laid_out(tensors: list[Tensor], layout: Layout) -> list[Tensor]:
    """Return tensors with the same values that lie in memory as ``layout`` says, copied where they do not."""
    if layout_of(tensors) == layout:
        return tensors
    return [
        tensor
        if tensor.stride() == stride
        else tensor.new_empty_strided(tensor.shape, stride, dtype=tensor.dtype).copy_(tensor)
        for tensor, stride in zip(tensors, layout, strict=True)
    ]
