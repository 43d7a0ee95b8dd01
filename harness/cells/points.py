"""Steps of a budget, evenly spaced: where trials are logged and evaluated."""

from __future__ import annotations

import math


def even_points(steps: int, count: int) -> list[int]:
    """Return ``count`` steps, evenly spaced, the last of them ``steps``; all of them if there are fewer.

    Args:
        steps: The budget, at least 1.
        count: How many points, at least 1.
    """
    count = min(count, steps)
    return [math.ceil(steps * index / count) for index in range(1, count + 1)]
