"""RMSProp."""

from __future__ import annotations

from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor

from ganbench.harness.optimizers.lists import foreach
from ganbench.harness.optimizers.optimizer import Optimizer, Slots


class RMSProp(Optimizer):
    """RMSProp (Tieleman & Hinton 2012, lecture 6e): a step of lr g / (sqrt(E[g^2]) + eps), without momentum.

    Xiang & Li (2017) train with alpha 0.9 and eps 1e-6, Mescheder et al. (2018) with alpha 0.99.
    """

    name: ClassVar[str] = "rmsprop"
    summary: ClassVar[str] = "Gradients over the root of their running mean square."
    paper: ClassVar[str] = "Tieleman & Hinton 2012, Coursera, lecture 6e"

    alpha: float = Field(0.9, ge=0, lt=1, description="decay of the mean square")
    eps: float = Field(1e-6, gt=0, le=1, description="added to the root of the mean square")

    def init(self, params: list[Tensor]) -> Slots:
        """Start from a mean square of zero."""
        return {"square": [torch.zeros_like(param) for param in params]}

    def update(
        self, params: list[Tensor], grads: list[Tensor], slots: Slots, count: Tensor, lr: float | Tensor
    ) -> tuple[list[Tensor], Slots]:
        """Make one step."""
        square = foreach("lerp", slots["square"], foreach("mul", grads, grads), 1 - self.alpha)
        root = foreach("add", foreach("sqrt", square), self.eps)
        return foreach("addcdiv", params, foreach("mul", grads, -lr), root), {"square": square}
