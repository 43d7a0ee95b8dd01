"""The statistics behind the leaderboard: intervals of rates, paired tests, ranks with their uncertainty.

Pure functions of counts; nothing here is random.

What is computed, and why:

* **Intervals of a rate** are those of ``harness.intervals``: Wilson's, and the exact ones where trials are few.
* **Two normalizers** are compared by McNemar's exact test on the trials that share a cell's other choices and a seed.
  Only discordant pairs, where one failed and the other did not, carry information.
* **Many comparisons** are corrected by Holm's procedure over all pairs of normalizers.
* **Ranks** are intervals: all the ranks that the corrected tests leave possible. As the chance of even one false
  rejection is at most 5 %, all intervals hold at once (in the manner of Mogstad, Romano, Shaikh & Wilhelm 2024).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from harness.intervals import rate_interval

ALPHA = 0.05
"""Chance of a false claim anywhere on the page, and one minus the confidence of every interval."""


def mean_rate(counts: Sequence[tuple[int, int]], alpha: float = ALPHA) -> tuple[float, float, float]:
    """Return the mean over cells of k/n, each cell weighing the same, and its interval.

    Where all cells have as many trials, this is the pooled rate with the interval of the pooled counts. It is then
    conservative for these very cells: rates that differ between cells vary less in the mean than the pooled binomial
    does. Where some trials are missing, the pooled counts would favour the cells that have more. The interval is then
    that of the mean rate over the number of trials with the same variance, ``cells² / Σ 1/n``.

    Args:
        counts: (failures, trials) of each cell; cells without trials are left out.
        alpha: One minus the confidence.

    Returns:
        The rate and its interval; (nan, 0, 1) without any trial.
    """
    ran = [(failures, trials) for failures, trials in counts if trials > 0]
    if not ran:
        return math.nan, 0.0, 1.0
    if len({trials for _, trials in ran}) == 1:  # whole numbers, free of rounding
        failures, trials = sum(k for k, _ in ran), sum(n for _, n in ran)
        return failures / trials, *rate_interval(failures, trials, alpha)
    rate = sum(k / n for k, n in ran) / len(ran)
    if all(k == 0 for k, _ in ran) or all(k == n for k, n in ran):
        rate = float(round(rate))  # a sum of ones must not end beside one
    effective = len(ran) ** 2 / sum(1 / n for _, n in ran)
    return rate, *rate_interval(rate * effective, effective, alpha)


def mcnemar(only_first: int, only_second: int) -> float:
    """Return the two-sided p-value of McNemar's exact test.

    Args:
        only_first: Pairs in which only the first failed.
        only_second: Pairs in which only the second failed.
    """
    from scipy.stats import binomtest

    discordant = only_first + only_second
    return 1.0 if discordant == 0 else float(binomtest(only_first, discordant, 0.5).pvalue)


def holm(p_values: Sequence[float]) -> list[float]:
    """Return Holm's adjusted p-values, in the order given."""
    order = sorted(range(len(p_values)), key=lambda index: p_values[index])
    adjusted, highest = [1.0] * len(p_values), 0.0
    for place, index in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - place) * p_values[index]))
        adjusted[index] = highest
    return adjusted


def least_discordant(p_values: Sequence[float], index: int, alpha: float = ALPHA) -> int:
    """Return how many discordant pairs, all one way, one comparison would need to pass Holm's procedure.

    Args:
        p_values: Those of all comparisons; the others stay as they are.
        index: Which comparison.
        alpha: Chance of a false claim.
    """
    pairs = 1
    while True:
        tried = [*p_values[:index], mcnemar(pairs, 0), *p_values[index + 1 :]]
        if holm(tried)[index] <= alpha:
            return pairs
        pairs += 1


def rank_intervals(count: int, worse: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the ranks that each of several methods may have, 1 being the most stable.

    Args:
        count: How many methods.
        worse: (better, worse) for every pair that the corrected tests separate.
    """
    return [(1 + sum(item == loser for _, loser in worse), count - sum(item == winner for winner, _ in worse))
            for item in range(count)]  # fmt: skip


def median_failures_worst(values: Sequence[float], failures: int, better: str) -> float:
    """Return the median over all trials, where a failed trial is worse than any number.

    Args:
        values: Of the trials that did not fail.
        failures: How many failed.
        better: ``"lower"`` or ``"higher"``.

    Returns:
        The median; infinity of the bad sign where half or more failed; nan without trials.
    """
    worst = math.inf if better == "lower" else -math.inf
    ordered = sorted([*values, *[worst] * failures])
    if not ordered:
        return math.nan
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2
