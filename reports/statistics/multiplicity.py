"""Many comparisons on one page: Holm's correction, and what it takes to pass it."""

from __future__ import annotations

from collections.abc import Sequence

from reports.statistics.constants import ALPHA


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
