"""Adam."""

from __future__ import annotations

from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor

from ganbench.harness.optimizers.lists import foreach
from ganbench.harness.optimizers.optimizer import Optimizer, Slots


class Adam(Optimizer):
    """Adam (Kingma & Ba 2015, algorithm 1).

    Written out instead of ``torch.optim.Adam``, because the step function is pure, and because the fused variant of
    torch reads gradients wrongly on the CPU when they are not contiguous in their parameter's layout.
    """

    name: ClassVar[str] = "adam"
    summary: ClassVar[str] = "Adam with bias correction."
    paper: ClassVar[str] = "Kingma & Ba 2015, arXiv:1412.6980"

    beta1: float = Field(0.5, ge=0, lt=1, description="decay of the first moment")
    beta2: float = Field(0.999, ge=0, lt=1, description="decay of the second moment")
    eps: float = Field(1e-8, gt=0, le=1, description="added to the root of the second moment")

    def init(self, params: list[Tensor]) -> Slots:
        """Start from moments of zero."""
        return {slot: [torch.zeros_like(param) for param in params] for slot in ("first", "second")}

    def update(
        self, params: list[Tensor], grads: list[Tensor], slots: Slots, count: Tensor, lr: float | Tensor
    ) -> tuple[list[Tensor], Slots]:
        """Make one step."""
        first = foreach("lerp", slots["first"], grads, 1 - self.beta1)
        square = foreach("mul", grads, grads)
        second = foreach("lerp", slots["second"], square, 1 - self.beta2)
        # Scalar tensors, not Python numbers: nothing has to be read back from the device. They are of the parameters' type,
        # or a GPU would take the tensors one by one.
        root = foreach("div", foreach("sqrt", second), (1 - self.beta2**count).sqrt().to(params[0].dtype))
        step = foreach("mul", first, (-lr / (1 - self.beta1**count)).to(params[0].dtype))
        return foreach("addcdiv", params, step, foreach("add", root, self.eps)), {"first": first, "second": second}
