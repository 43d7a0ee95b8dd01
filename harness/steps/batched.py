"""Several seeds of a cell in one step: states stacked along a leading axis, the step batched by ``torch.func.vmap``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import TypeVar

import torch
from torch.utils import _pytree as pytree

from ganbench.harness.steps.step import Batch, NetworkState, Observations, State, StepFunction

T = TypeVar("T", State, Batch)


def batched(step: StepFunction) -> StepFunction:
    """Return a step over several seeds at once.

    Args:
        step: Of one seed, made with :func:`ganbench.harness.steps.gradients.functional_gradients`.

    Returns:
        A step of stacked states and batches; observations get a leading axis as well. Seeds do not see each other. On
        CPU the numbers depend on how many seeds there are, not on which.
    """
    _register()

    def run(states: State, batches: Batch, observe: bool) -> tuple[State, Observations]:
        flags = batches.penalized

        def one(state: State, batch: Batch) -> tuple[State, Observations]:
            return step(state, replace(batch, penalized=flags), observe)

        result: tuple[State, Observations] = torch.func.vmap(one)(states, replace(batches, penalized=None))
        return result

    return run


def stacked(values: Sequence[T]) -> T:
    """Stack the states or the batches of several seeds along a new first axis."""
    _register()
    result: T = pytree.tree_map(
        lambda *parts: torch.stack(parts) if isinstance(parts[0], torch.Tensor) else parts[0], *values
    )
    return result


def unstacked(value: T, index: int) -> T:
    """Return one seed's part of what :func:`stacked` made."""
    _register()
    result: T = pytree.tree_map(lambda part: part[index] if isinstance(part, torch.Tensor) else part, value)
    return result


@lru_cache(maxsize=1)
def _register() -> None:
    """Let torch see the tensors in our dataclasses."""
    for kind in (NetworkState, State, Batch):
        torch.export.register_dataclass(kind)
