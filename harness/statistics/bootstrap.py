"""The bootstrap of the mean instability rate, its differences, ranks, and the chance of being the best."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ganbench.harness.statistics.constants import ALPHA

DRAWS = 10_000
CHUNK = 2_000_000
"""Numbers held at a time."""


@dataclass(frozen=True)
class MacroBootstrap:
    """What resampled seeds say about the mean rates.

    Attributes:
        rates: [normalizers] Mean over groups of the failed share; nan without trials.
        rate_intervals: [normalizers, 2] Percentile intervals of the rates.
        differences: [normalizers] Rate minus the baseline's; nan without a baseline.
        difference_intervals: [normalizers, 2] Percentile intervals of the differences.
        ranks: [normalizers, normalizers] Chance of each rank, the first column being rank 1. Tied normalizers share
            the ranks that they cover equally. A normalizer without trials has no rank.
        best: [normalizers] Chance of the lowest rate, shared among those that tie.
    """

    rates: NDArray[np.float64]
    rate_intervals: NDArray[np.float64]
    differences: NDArray[np.float64]
    difference_intervals: NDArray[np.float64]
    ranks: NDArray[np.float64]
    best: NDArray[np.float64]


def suite_generator(identity: str, purpose: str = "bootstrap") -> np.random.Generator:
    """Return the generator that belongs to a suite, so that the same ledger gives the same bytes.

    Args:
        identity: What identifies the suite, such as its hash.
        purpose: What the numbers are for; two purposes have independent streams.
    """
    digest = hashlib.sha256(f"{identity}\n{purpose}".encode()).digest()
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(int.from_bytes(digest, "big"))))


def macro_bootstrap(
    outcomes: ArrayLike,
    random: np.random.Generator,
    *,
    baseline: int | None = None,
    draws: int = DRAWS,
    alpha: float = ALPHA,
    across_groups: bool = False,
) -> MacroBootstrap:
    """Resample seeds, the same ones for all normalizers, and compute the mean rates of each resample.

    The pairing of normalizers is kept. With ``across_groups`` a drawn seed brings its outcomes in all groups, so that a
    seed may fail in many cells at once; otherwise seeds are drawn anew inside every group, which takes groups as
    independent (the stratified bootstrap of Agarwal et al. 2021, arXiv:2108.13264, section 4.2). The cells are
    these ones: nothing is said about others. Percentile intervals (Efron 1979, doi:10.1214/aos/1176344552) are too narrow
    with few seeds, and have no width where a normalizer never or always failed; the leaderboard prints
    :func:`ganbench.harness.statistics.mean_rate`'s for rates.

    Args:
        outcomes: [normalizers, groups, seeds]: 1 failed, 0 stable, nan missing.
        random: Of the suite, see :func:`suite_generator`.
        baseline: Index of the normalizer that differences are taken to.
        draws: Resamples.
        alpha: One minus the confidence.
        across_groups: Whether groups share the drawn seeds.

    Raises:
        ValueError: The array has another number of dimensions, or values other than 0, 1 and nan.
    """
    values = np.asarray(outcomes, dtype=float)
    present = ~np.isnan(values)
    if values.ndim != 3 or not np.isin(values[present], (0, 1)).all():
        raise ValueError("outcomes are [normalizers, groups, seeds] of 0, 1 and nan")
    failed = np.where(present, values, 0.0)
    count = len(values)
    rates = _means(failed.sum(2), present.sum(2))
    sampled = _resampled(failed, present, random, draws, across_groups)
    low_high = [alpha / 2, 1 - alpha / 2]
    differences, difference_intervals = np.full(count, np.nan), np.full((count, 2), np.nan)
    if baseline is not None:
        differences = rates - rates[baseline]
        difference_intervals = _quantiles(sampled - sampled[:, [baseline]], low_high)
    ranks = _rank_chances(sampled, np.isfinite(rates))
    return MacroBootstrap(rates, _quantiles(sampled, low_high), differences, difference_intervals, ranks, ranks[:, 0])


def _resampled(
    failed: NDArray[np.float64],
    present: NDArray[np.bool_],
    random: np.random.Generator,
    draws: int,
    across_groups: bool,
) -> NDArray[np.float64]:
    """Return the mean rates of each resample, [draws, normalizers]; how often a seed was drawn weighs its outcomes."""
    count, groups, seeds = failed.shape
    if seeds == 0:
        return np.full((draws, count), np.nan)
    each = (count + 1) * groups * (seeds if not across_groups else 2) + seeds
    shares = np.full(seeds, 1 / seeds)
    rows, whole = [], bool(present.all())
    for start in range(0, draws, max(1, CHUNK // each)):
        size = min(max(1, CHUNK // each), draws - start)
        drawn = random.multinomial(seeds, shares, size if across_groups else (size, groups)).astype(float)
        form = "ds,mgs->dmg" if across_groups else "dgs,mgs->dmg"
        sums = np.einsum(form, drawn, failed, optimize=True)
        trials = np.full_like(sums, seeds) if whole else np.einsum(form, drawn, present.astype(float), optimize=True)
        rows.append(_means(sums, trials))
    return np.concatenate(rows)


def _means(failed: NDArray[np.float64], trials: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean over groups (the last axis) that have trials; rounded, so that equal rates tie."""
    ran = trials > 0
    shares = np.where(ran, failed / np.where(ran, trials, 1), 0.0)
    groups = ran.sum(-1)
    means: NDArray[np.float64] = np.where(groups > 0, shares.sum(-1) / np.maximum(groups, 1), np.nan)
    return means.round(12)


def _quantiles(sampled: NDArray[np.float64], levels: list[float]) -> NDArray[np.float64]:
    """Return quantiles [columns, levels] over the resamples that have a value."""
    columns = [column[np.isfinite(column)] for column in sampled.T]
    return np.array([np.quantile(item, levels) if len(item) else [np.nan] * len(levels) for item in columns])


def _rank_chances(sampled: NDArray[np.float64], ran: NDArray[np.bool_]) -> NDArray[np.float64]:
    count = sampled.shape[1]
    chances = np.zeros((count, count))
    for item in np.flatnonzero(ran):
        mine = sampled[:, [item]]
        valid = np.isfinite(mine[:, 0])
        if not valid.any():
            continue
        before = (sampled < mine).sum(1)[valid]
        level = (sampled == mine).sum(1)[valid]  # itself among them
        # A tie over the ranks before+1 ... before+level gives each of them an equal share.
        steps = np.zeros(count + 1)
        np.add.at(steps, before, 1 / level)
        np.add.at(steps, before + level, -1 / level)
        chances[item] = np.cumsum(steps)[:count] / valid.sum()
    return np.clip(chances, 0.0, 1.0)
