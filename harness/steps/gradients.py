"""How a step takes gradients: by plain autograd, or as a function that can be batched over seeds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import torch
from torch import Tensor

from ganbench.harness.models.network import leaves
from ganbench.harness.models.operations import Tree

Loss = Callable[[Tree], tuple[Tensor, Any]]
"""From parameters to a scalar and whatever else is to be kept."""


class Differentiate(Protocol):
    """From a loss and parameters to the gradient, in the order of ``leaves(params)``, and what else the loss returned."""

    def __call__(self, loss: Loss, params: Tree) -> tuple[list[Tensor], Any]:
        """Differentiate."""


def eager_gradients(loss: Loss, params: Tree) -> tuple[list[Tensor], Any]:
    """Use autograd on leaves: the fastest where nothing is batched."""
    tracked = {
        name: {key: value.detach().requires_grad_() for key, value in layer.items()} for name, layer in params.items()
    }
    value, kept = loss(tracked)
    return list(torch.autograd.grad(value, leaves(tracked))), kept


def functional_gradients(loss: Loss, params: Tree) -> tuple[list[Tensor], Any]:
    """Use ``torch.func.grad``, which works inside ``torch.func.vmap``."""
    grads, kept = torch.func.grad(loss, has_aux=True)(params)
    return leaves(grads), kept
