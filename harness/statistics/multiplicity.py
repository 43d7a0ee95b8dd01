"""Many comparisons on one page: Holm's correction, and what it takes to pass it."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ganbench.harness.statistics.constants import ALPHA


def holm(p_values: Sequence[float]) -> list[float]:
    """Return Holm's adjusted p-values, in the order given (Holm 1979, Scand. J. Statist. 6, pp. 65-70).

    The chance of even one false rejection is held at the level, whatever the dependence of the tests.
    """
    order = sorted(range(len(p_values)), key=lambda index: p_values[index])
    adjusted, highest = [1.0] * len(p_values), 0.0
    for place, index in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - place) * p_values[index]))
        adjusted[index] = highest
    return adjusted


def least_discordant(p_values: Sequence[float], index: int, alpha: float = ALPHA) -> int:
    """Return how many discordant pairs, all one way, one comparison would need to pass Holm's procedure.

    By McNemar's test n of them that all point one way have the p-value 2 / 2ⁿ.

    Args:
        p_values: Those of all comparisons; the others stay as they are.
        index: Which comparison.
        alpha: Chance of a false claim.
    """
    pairs = 1
    while True:
        tried = [*p_values[:index], 2.0 ** (1 - pairs), *p_values[index + 1 :]]
        if holm(tried)[index] <= alpha:
            return pairs
        pairs += 1


def least_discordant_each(p_values: Sequence[float], alpha: float = ALPHA) -> list[int]:
    """Return :func:`least_discordant` for every comparison; for thousands of them, in a second.

    A tried value passes if Holm's procedure gets to it, which takes all smaller values to pass, and passes it. Which place
    it takes among the others, and how far the others pass without the one that is tried, is looked up for all at once.

    Args:
        p_values: Those of all comparisons.
        alpha: Chance of a false claim.
    """
    values = np.asarray(p_values, dtype=float)
    count = len(values)
    order = np.argsort(values, kind="stable")
    ordered, indices = values[order], np.arange(count)
    place_of = np.empty(count, dtype=int)
    place_of[order] = indices
    # Where one is taken out, those before it keep their place and those behind it move up by one.
    fails_before = np.append(0, np.cumsum((count - indices) * ordered > alpha))
    fails_behind = np.append(0, np.cumsum((count - indices + 1) * ordered > alpha))
    needed = np.zeros(count, dtype=int)
    pairs = 1
    while (needed == 0).any():
        tried = 2.0 ** (1 - pairs)
        low, high = np.searchsorted(ordered, tried, "left"), np.searchsorted(ordered, tried, "right")
        # Equal values keep their order, and the one that is tried is not among the others.
        equal = np.searchsorted(np.sort(order[low:high]), indices, "left")
        places = low - (place_of < low) + equal
        end = places + (place_of < places)  # behind the last of the others in front of it, in the full order
        own = np.minimum(place_of, end)
        failed = fails_before[own] + np.where(end > own, fails_behind[end] - fails_behind[np.minimum(own + 1, end)], 0)
        passes = (failed == 0) & ((count - places) * tried <= alpha)
        needed[(needed == 0) & passes] = pairs
        pairs += 1
    return needed.tolist()


def settings_needed(comparisons: int, alpha: float = ALPHA) -> int:
    """Return how many settings the sign-flip test with settings as blocks needs for any claim among some comparisons.

    With n settings, all for the one, its p-value is 2 / 2ⁿ, and Holm's first step asks for alpha over the comparisons.

    Args:
        comparisons: How many, at least 1.
        alpha: Chance of a false claim.
    """
    return math.ceil(math.log2(2 * comparisons / alpha) - 1e-9)
