"""Stochastic gradient descent."""

from __future__ import annotations

from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor

from ganbench.harness.optimizers.lists import foreach
from ganbench.harness.optimizers.optimizer import Optimizer, Slots


class SGD(Optimizer):
    """Gradient descent with heavy-ball momentum (Polyak 1964): v <- momentum v + g; a step of lr v."""

    name: ClassVar[str] = "sgd"
    summary: ClassVar[str] = "Plain gradient steps, with momentum if asked for."
    paper: ClassVar[str] = "Robbins & Monro 1951; Polyak 1964"

    momentum: float = Field(0.0, ge=0, lt=1, description="share of the last step that is kept")

    def init(self, params: list[Tensor]) -> Slots:
        """Start at rest."""
        return {"velocity": [torch.zeros_like(param) for param in params]}

    def update(
        self, params: list[Tensor], grads: list[Tensor], slots: Slots, count: Tensor, lr: float | Tensor
    ) -> tuple[list[Tensor], Slots]:
        """Make one step."""
        velocity = foreach("add", foreach("mul", slots["velocity"], self.momentum), grads)
        return foreach("add", params, foreach("mul", velocity, -lr)), {"velocity": velocity}
