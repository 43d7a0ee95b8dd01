"""How many seeds, and how many settings, it takes to tell two normalizers apart."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ganbench.harness.statistics.bootstrap import suite_generator
from ganbench.harness.statistics.constants import ALPHA
from ganbench.harness.statistics.paired import mcnemar_many
from ganbench.harness.statistics.permutation import sign_flip_many

POWER = 0.8
AGREEMENT = 0.8
"""Of the seeds of a setting: on measured boards two thirds to nine tenths of cells fail always or never."""

DRAWS = 2000
"""Suites that are drawn for a power: its standard error is at most 1.1 %."""

MOST = 20_000
"""More pairs than this are not looked for."""


def discordant_chances(first: float, second: float, *, nested: bool) -> tuple[float, float]:
    """Return the chances that of a pair only the first, and only the second, fails.

    Args:
        first: Failure rate of the first, in [0, 1].
        second: Of the second.
        nested: Whether the more stable one fails only where the other does too, the best case for pairing; otherwise the
            outcomes are independent, the worst case short of seeds that favour one and harm the other.

    Raises:
        ValueError: A rate is outside [0, 1].
    """
    if not (0 <= first <= 1 and 0 <= second <= 1):
        raise ValueError(f"rates are from 0 to 1, not {first:g} and {second:g}")
    if nested:
        return max(first - second, 0.0), max(second - first, 0.0)
    return first * (1 - second), second * (1 - first)


def mcnemar_power(pairs: int, only_first: float, only_second: float, alpha: float = ALPHA) -> float:
    """Return the chance that McNemar's exact test separates two normalizers.

    Exact: summed over the number of discordant pairs, and given it over their direction.

    Args:
        pairs: Independent pairs of trials.
        only_first: Chance that only the first of a pair fails.
        only_second: Chance that only the second does.
        alpha: Level of the one comparison, after any correction.
    """
    from scipy.special import bdtr, bdtrc, gammaln, xlog1py, xlogy

    chance = only_first + only_second
    if chance <= 0 or pairs < 1:
        return 0.0
    number = np.arange(pairs + 1)
    each = np.exp(
        gammaln(pairs + 1) - gammaln(number + 1) - gammaln(pairs - number + 1)
        + xlogy(number, chance) + xlog1py(pairs - number, -min(chance, 1.0))
    )  # fmt: skip
    limit = _largest_rejected(number, alpha)
    share = only_first / chance
    some = limit >= 0
    k, n = limit[some], number[some]
    return float((each[some] * (bdtr(k, n, share) + bdtrc(n - k - 1, n, share))).sum())


def seeds_needed(
    first: float,
    second: float,
    *,
    nested: bool,
    cells: int = 1,
    alpha: float = ALPHA,
    power: float = POWER,
) -> int | None:
    """Return the fewest seeds per cell with which two normalizers are told apart with some power.

    Exact: seeds × cells pairs are independent (``harness/training/streams.py``), and McNemar's test pools them.

    Args:
        first: True failure rate of the first, in [0, 1], the same in every cell.
        second: Of the second.
        nested: As in :func:`discordant_chances`.
        cells: Cells of each normalizer that are pooled, at least 1.
        alpha: Level of the one comparison: for the first step of Holm's procedure, the page's level over the number of
            comparisons.
        power: Chance of telling them apart, in (0, 1).

    Returns:
        Seeds per cell; None where the rates are equal or more than :data:`MOST` pairs would be needed.

    Raises:
        ValueError: An argument is outside its range.
    """
    if cells < 1 or not 0 < alpha < 1 or not 0 < power < 1:
        raise ValueError("cells are at least 1; alpha and power are between 0 and 1")
    chances = discordant_chances(first, second, nested=nested)
    if first == second:
        return None
    return _fewest(lambda seeds: mcnemar_power(seeds * cells, *chances, alpha) >= power, MOST // cells)


def pairs_needed(
    only_first: ArrayLike, only_second: ArrayLike, pairs: ArrayLike, alpha: float = ALPHA, power: float = POWER
) -> NDArray[np.float64]:
    """Return about how many pairs would separate two normalizers if their discordant pairs went on as they came.

    The normal approximation of Connor (1987, Biometrics 43, pp. 207-211, doi:10.2307/2531961) for McNemar's test.

    Args:
        only_first: Pairs in which only the first failed, of any shape.
        only_second: Pairs in which only the second failed.
        pairs: All pairs.
        alpha: Level of the one comparison, after any correction.
        power: Chance of telling the two apart, in (0, 1).

    Returns:
        Of the same shape; infinite where both failed equally often, and without pairs.
    """
    from scipy.special import ndtri

    first, second, shared = (np.asarray(item, dtype=float) for item in (only_first, only_second, pairs))
    with np.errstate(divide="ignore", invalid="ignore"):
        discordant, difference = (first + second) / shared, (first - second) / shared
        spread = np.sqrt(np.maximum(discordant - difference**2, 0))
        needed = ((ndtri(1 - alpha / 2) * np.sqrt(discordant) + ndtri(power) * spread) / difference) ** 2
    return np.where(np.isfinite(needed), needed, np.inf)


def detectable_rate(
    rate: float, pairs: int, *, nested: bool, alpha: float = ALPHA, power: float = POWER
) -> float | None:
    """Return the highest failure rate that is told apart from a higher one with some power.

    Args:
        rate: Failure rate of the less stable normalizer, in [0, 1].
        pairs: Independent pairs of trials.
        nested: As in :func:`discordant_chances`.
        alpha: Level of the one comparison, after any correction.
        power: Chance of telling the two apart, in (0, 1).

    Returns:
        In whole per cents, rounded down; None where not even a normalizer that never fails is told apart.
    """
    for per_cent in range(math.floor(100 * rate), -1, -1):
        if mcnemar_power(pairs, *discordant_chances(rate, per_cent / 100, nested=nested), alpha) >= power:
            return per_cent / 100
    return None


def power_by_settings(
    first: float,
    second: float,
    settings: int,
    seeds: int,
    *,
    agreement: float = AGREEMENT,
    alpha: float = ALPHA,
) -> tuple[float, float]:
    """Return the chance that two normalizers are told apart in these settings, and on settings like these.

    In each setting a normalizer has a rate of its own, from the beta distribution of its mean and of the intraclass
    correlation ``agreement``, independent of the other normalizer's: settings that are hard for both would help.

    Args:
        first: Mean failure rate of the first, in [0, 1].
        second: Of the second.
        settings: How many, at least 1.
        seeds: In each, at least 1.
        agreement: Correlation of the outcomes of two seeds in one setting, from 0 (the same rate in all settings) to 1
            (always or never).
        alpha: Level of the one comparison, after any correction.

    Raises:
        ValueError: An argument is outside its range.
    """
    if not (0 <= first <= 1 and 0 <= second <= 1 and 0 <= agreement <= 1):
        raise ValueError(f"rates and agreement are from 0 to 1, not {first:g}, {second:g} and {agreement:g}")
    if settings < 1 or seeds < 1 or not 0 < alpha < 1:
        raise ValueError("settings and seeds are at least 1; alpha is between 0 and 1")
    random = suite_generator(f"{first} {second} {settings} {seeds} {agreement}", "power")
    failed = [random.binomial(seeds, _rates(random, mean, agreement, (DRAWS, settings))) for mean in (first, second)]
    both = random.hypergeometric(failed[0], seeds - failed[0], failed[1])
    only = [(item - both).sum(axis=1) for item in failed]
    right = np.sign(first - second) * (only[0] - only[1]) > 0
    here = right & (mcnemar_many(*only) <= alpha)
    return float(here.mean()), float((here & (sign_flip_many(failed[0] - failed[1]) <= alpha)).mean())


def _rates(random: np.random.Generator, mean: float, agreement: float, shape: tuple[int, int]) -> NDArray[np.float64]:
    if agreement == 0 or mean in (0, 1):
        return np.full(shape, mean)
    if agreement == 1:
        return (random.random(shape) < mean).astype(float)
    size = 1 / agreement - 1
    return random.beta(mean * size, (1 - mean) * size, shape)


def _fewest(enough: Callable[[int], bool], most: int) -> int | None:
    """Return the first number that is enough, when more of them nearly always are too."""
    few, many = 0, 1
    while not enough(many):
        few, many = many, 2 * many
        if few > most:
            return None
    while many - few > 1:
        middle = (few + many) // 2
        if enough(middle):
            many = middle
        else:
            few = middle
    # Power is not quite monotone, as the tests are of counts.
    return next((number for number in range(max(1, many - 4), many) if enough(number)), many)


def _largest_rejected(number: np.ndarray, alpha: float) -> np.ndarray:
    """Return the largest count of the rarer kind that is significant, for each number of discordant pairs; or -1."""
    from scipy.special import bdtr, ndtri

    guess = np.floor(number / 2 + ndtri(alpha / 2) * np.sqrt(number) / 2 + 3)
    limit = np.minimum(guess, number)
    for _ in range(8):  # from above: each pass steps down where the count is not significant
        limit = np.where((limit >= 0) & (2 * bdtr(np.maximum(limit, 0), number, 0.5) > alpha), limit - 1, limit)
    return limit
