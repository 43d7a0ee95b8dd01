"""``points``: points as their own features, so that distances of distributions work on toys such as ring8."""

from __future__ import annotations

from torch import Tensor, nn

POINTS = "points"


class Points(nn.Module):
    """Returns its input."""

    def forward(self, points: Tensor) -> tuple[Tensor]:
        """Return points [N, d] as their own features."""
        return (points,)


def is_points(shape: tuple[int, ...]) -> bool:
    """Say whether samples of a shape are points."""
    return len(shape) == 1
