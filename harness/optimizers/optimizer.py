"""The contract of an optimizer: pure functions over lists of tensors."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from ganbench.harness.plugins.plugin import Plugin

Slots = dict[str, list[Tensor]]
"""An optimizer's memory: for each slot one tensor per parameter."""


class Optimizer(Plugin):
    """Base of all optimizers."""

    kind: ClassVar[str] = "optimizer"

    def init(self, params: list[Tensor]) -> Slots:
        """Return the memory before the first update."""
        raise NotImplementedError

    def update(
        self, params: list[Tensor], grads: list[Tensor], slots: Slots, count: Tensor, lr: float | Tensor
    ) -> tuple[list[Tensor], Slots]:
        """Return new parameters and memory; nothing is changed in place.

        Args:
            params: The parameters.
            grads: Their gradients.
            slots: The memory.
            count: Number of this update, from 1; a scalar tensor.
            lr: The learning rate; a scalar tensor where it changes from step to step.
        """
        raise NotImplementedError
