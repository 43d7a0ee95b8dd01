"""Operations on lists of tensors, for optimizers: one call for all of them wherever torch can."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def foreach(operation: str, tensors: list[Tensor], *others: list[Tensor] | Tensor | float) -> list[Tensor]:
    """Apply ``torch.<operation>`` to every tensor of a list; nothing is changed in place.

    Launching one kernel for a whole list is what makes torch's optimizers fast. Inside ``torch.func.vmap`` the grouped
    kernels do not exist, and the tensors are taken one by one.

    Args:
        operation: ``"mul"``, ``"add"``, ``"sub"``, ``"div"``, ``"sqrt"``, ``"lerp"``, ``"norm"``, ``"addcmul"`` or
            ``"addcdiv"``.
        tensors: The first argument.
        others: Further arguments: a list with one tensor for each, or one number or scalar tensor for all.
    """
    if not tensors:
        return []
    if torch.compiler.is_compiling() or not torch._C._functorch.is_batchedtensor(tensors[0]):
        return list(getattr(torch, f"_foreach_{operation}")(tensors, *others))
    single = getattr(torch, operation)
    return [single(tensor, *(_at(other, index) for other in others)) for index, tensor in enumerate(tensors)]


def _at(value: Any, index: int) -> Any:
    return value[index] if isinstance(value, list) else value
