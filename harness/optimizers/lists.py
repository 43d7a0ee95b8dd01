"""Operations on lists of tensors, for optimizers: one call for all of them."""

from __future__ import annotations

import torch
from torch import Tensor


def foreach(operation: str, tensors: list[Tensor], *others: list[Tensor] | Tensor | float) -> list[Tensor]:
    """Apply ``torch.<operation>`` to every tensor of a list; nothing is changed in place.

    Launching one kernel for a whole list is what makes torch's optimizers fast.

    Args:
        operation: ``"mul"``, ``"add"``, ``"sub"``, ``"div"``, ``"sqrt"``, ``"lerp"``, ``"norm"``, ``"addcmul"`` or
            ``"addcdiv"``.
        tensors: The first argument.
        others: Further arguments: a list with one tensor for each, or one number or scalar tensor for all.
    """
    return list(getattr(torch, f"_foreach_{operation}")(tensors, *others)) if tensors else []
