"""Whether a program makes the numbers of the plain step that it was made from.

Where the plain step repeats itself, bit for bit, so must the program. Where it does not, as on a GPU whose kernels add in
no fixed order, the program may be about as far from it as it is from itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

import torch
from torch import Tensor

FACTOR = 4.0
"""How many times further the program may be from the plain step than two plain steps are from each other, at most."""

FLOOR = 1e-5
"""Of a tensor's largest value: what is not further apart is equal where the plain step does not repeat itself."""

MORE = 8
"""Plain steps that are made when two of them do not explain a difference: what varies seldom needs more of them."""


@dataclass(frozen=True)
class Agreement:
    """What came of comparing steps.

    Attributes:
        steps: How many were compared.
        exact: Whether all were compared bit for bit.
        spread: The largest distance of two plain steps, of a tensor's largest value; 0 where they are equal.
        difference: The largest distance of the program from the plain step, likewise.
    """

    steps: int = 0
    exact: bool = True
    spread: float = 0.0
    difference: float = 0.0

    def and_also(self, other: Agreement) -> Agreement:
        """Return what came of both."""
        return Agreement(
            self.steps + other.steps,
            self.exact and other.exact,
            max(self.spread, other.spread),
            max(self.difference, other.difference),
        )

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values; a distance that is not finite is None."""
        return {key: None if value == math.inf else value for key, value in asdict(self).items()}


Numbers = list[Tensor]
"""All that a step makes."""


def compared(made: Numbers, plain: Numbers, again: Callable[[], Numbers] | None) -> Agreement | None:
    """Compare a step of a program with the plain step.

    Args:
        made: By the program.
        plain: By the plain step, of the same state and batch.
        again: Makes that step plainly once more; None where it is known to repeat itself.

    Returns:
        None where the program is wrong.
    """
    if again is None:
        return Agreement(1) if _equal(made, plain) else None
    plains = [plain, again()]
    if _equal(*plains):
        return Agreement(1) if _equal(made, plain) else None
    if not _explained(made, plains):
        plains += [again() for _ in range(MORE)]
        if not _explained(made, plains):
            return None
    spread = max(relative_difference(*pair) for pair in combinations(plains, 2))
    return Agreement(1, exact=False, spread=spread, difference=relative_difference(made, plain))


def _equal(one: Numbers, other: Numbers) -> bool:
    """Say whether numbers are equal; NaN is equal to NaN."""
    return all(torch.allclose(a, b, rtol=0, atol=0, equal_nan=True) for a, b in zip(one, other, strict=True))


def _explained(made: Numbers, plains: list[Numbers]) -> bool:
    """Say whether tensors are about as near to plain ones as these to each other, at their worst and in the mean."""
    for ours, *theirs in zip(made, *plains, strict=True):
        spreads = [_distances(*pair) for pair in combinations(theirs, 2)]
        allowed = [FLOOR + FACTOR * max(kind) for kind in zip(*spreads, strict=True)]
        # What is not a number is in no distance.
        if any(not distance <= most for distance, most in zip(_distances(ours, theirs[0]), allowed, strict=True)):
            return False
    return True


def _distances(one: Tensor, other: Tensor) -> tuple[float, float]:
    """Return the largest and the root mean square difference of two tensors, of the largest value of the second.

    NaN in both, or the same infinity in both, counts as equal; in one of them only, as infinitely far apart.
    """
    a, b = one.double().flatten(), other.double().flatten()
    same = (a == b) | (a.isnan() & b.isnan())
    apart = torch.where(same, 0.0, (a - b).abs()).nan_to_num(nan=torch.inf)
    scale = float(b[b.isfinite()].abs().amax()) if bool(b.isfinite().any()) else 0.0
    if not apart.numel() or not bool(apart.any()):
        return 0.0, 0.0
    if not scale:
        return torch.inf, torch.inf
    return float(apart.amax()) / scale, float(apart.square().mean().sqrt()) / scale


def relative_difference(one: Numbers, other: Numbers) -> float:
    """Return the largest difference of two lists of tensors, of the largest value of each tensor of the second."""
    return max((_distances(*pair)[0] for pair in zip(one, other, strict=True)), default=0.0)
