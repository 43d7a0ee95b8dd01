"""Seeds one after the other: which cells should get more of them, given what is known so far.

Two answers end the need for more seeds, and neither is spoilt by looking after every seed:

* **Separation.** Two normalizers differ, by a test that allows for all the looks. There are two such tests. The
  *spending* test (:func:`crossings`) needs the largest number of seeds beforehand, and its looks cost hardly any power.
  The *betting* test (:func:`e_values`) needs nothing beforehand, and one may add seeds for ever; it is weaker. In both
  every group and seed is a pair of its own, as random streams depend on both (``harness/training/streams.py``). They
  are looked at after whole seeds, so the order of the groups does not matter. All comparisons are corrected by Holm's
  procedure (valid with repeated looks: Maurer & Bretz 2013, doi:10.1080/19466315.2013.807748).
* **Precision.** The interval of a rate is narrow enough. Its width decides, not the verdict of a test.

A third answer only saves seeds: a pair is given up when even at the largest number of seeds it would probably stay
open. To give up makes no claim, so it adds no false ones.

An outcome that nobody can tell is either. Two normalizers are separated only where they are, the same way round, with all
such outcomes taken as failures and with all taken as stable, and a pair goes on where either leaves it open. Precision
is that of the outcomes that are known.

Pure functions of the outcomes; nothing here is random, and nothing runs a trial.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import ArrayLike

from ganbench.harness.statistics.intervals import rate_interval

if TYPE_CHECKING:
    from numpy.typing import NDArray

SPENDING = 1.5
"""How the spending test uses up its level: the share used is the share of the seeds to this power."""

NODES = 64
"""Stakes that the betting test is mixed over."""

UNDECIDED = 0.5
"""An outcome of which nobody can tell whether it is a failure."""


@dataclass(frozen=True)
class Rule:
    """When a cell needs no more seeds.

    Attributes:
        least: Every cell gets so many seeds before anything is decided.
        most: No cell gets more.
        alpha: Chance of any false claim of a difference, over all comparisons and all looks.
        half_width: A cell whose normalizer's rate has an interval of at most this half-width needs no more seeds; None
            if only comparisons count.
        futility: A pair is given up when its chance of being separated within ``most`` seeds, if its true difference is
            what is seen so far, is below this; 0 never gives up.
        test: ``"spending"`` or ``"betting"``.
        baseline: Index of the normalizer that the others are compared with; None compares all pairs.
        compare: Whether comparisons count. If not, the half-width alone decides, and it must be given.
    """

    least: int = 8
    most: int = 64
    alpha: float = 0.05
    half_width: float | None = None
    futility: float = 0.3
    test: Literal["spending", "betting"] = "spending"
    baseline: int | None = None
    compare: bool = True

    def __post_init__(self) -> None:
        """Check the ranges."""
        if not 1 <= self.least <= self.most:
            raise ValueError(f"least is from 1 to most, not {self.least} of {self.most}")
        if not 0 < self.alpha < 1 or not 0 <= self.futility < 1:
            raise ValueError("alpha is between 0 and 1, futility from 0 to below 1")
        if self.half_width is not None and not 0 < self.half_width < 1:
            raise ValueError(f"a half-width is between 0 and 1, not {self.half_width:g}")
        if self.test not in ("spending", "betting"):
            raise ValueError(f'test is "spending" or "betting", not "{self.test}"')
        if not self.compare and self.half_width is None:
            raise ValueError("without comparisons a half-width must say when a cell needs no more seeds")


@dataclass(frozen=True)
class SequentialComparison:
    """What is known about a pair of normalizers.

    Attributes:
        first: Index of one.
        second: Index of the other.
        seeds: Seeds that were compared: those from the first on of which both have all trials.
        separated: After how many of them the two were found to differ; None while they were not.
        worse: The one that failed more often then, or so far; None while they are level.
        hopeless: Whether the pair was given up.
    """

    first: int
    second: int
    seeds: int
    separated: int | None
    worse: int | None
    hopeless: bool

    @property
    def decided(self) -> bool:
        """Whether more seeds would not be worth their cost."""
        return self.separated is not None or self.hopeless


def open_cells(outcomes: ArrayLike, rule: Rule) -> set[tuple[int, int]]:
    """Return the cells that should get more seeds.

    A cell is open while its normalizer has an open comparison and, if a width is wanted, the interval of the
    normalizer's rate is wider; where comparisons do not count, while the interval is wider. All cells of a normalizer go
    on together: its comparisons pool them, and to stop one cell by its own outcomes would tilt the mean over cells. A
    cell with fewer seeds than ``least`` is always open, one with ``most`` never.

    Args:
        outcomes: [normalizers, groups, seeds]: 1 failed, 0 stable, :data:`UNDECIDED`, nan not run yet, or no such cell.
            Seeds are in the order in which they are run. A lost trial runs again; until it has, later ones do not count.
        rule: When a cell needs no more seeds.

    Returns:
        (normalizer, group) of each open cell; empty when all is settled. What the plan has no cell for has no seeds either,
        so it is among them, and the caller leaves it out.

    Raises:
        ValueError: The array has another number of dimensions, or other values, or lacks the baseline.
    """
    values = _checked(outcomes)
    run = np.isfinite(values).sum(axis=2)
    in_question = set(range(len(values)))
    if rule.compare:
        in_question = {item for pair in compare(values, rule) if not pair.decided for item in (pair.first, pair.second)}
    known = np.where(values == UNDECIDED, np.nan, values)
    wanting = {
        item
        for item in in_question
        if rule.half_width is None or ci_halfwidth(known[item], rule.alpha) > rule.half_width
    }
    return {
        (item, group)
        for item, group in np.ndindex(*run.shape)
        if run[item, group] < rule.least or (item in wanting and run[item, group] < rule.most)
    }


def compare(outcomes: ArrayLike, rule: Rule) -> list[SequentialComparison]:
    """Compare normalizers in pairs, after any seed and as often as wanted.

    Where outcomes are undecided, a pair is separated only if it is with all of them as failures and with all as stable, by
    the same one being worse. It is given up where neither leaves it open: more seeds do not bring the two together.

    Args:
        outcomes: As in :func:`open_cells`. Groups in which one of a pair has no trial are left out of its comparison.
        rule: Which test, at what level, and when to give up.

    Returns:
        One comparison for each pair, or for each with the baseline, in the order of ``itertools.combinations``.

    Raises:
        ValueError: The array has another number of dimensions, or other values, or lacks the baseline.
    """
    values = _checked(outcomes)[..., : rule.most]
    undecided = values == UNDECIDED
    if not undecided.any():
        return _compare(values, rule)
    as_failed, as_stable = (_compare(np.where(undecided, code, values), rule) for code in (1.0, 0.0))
    return [_either(one, other) for one, other in zip(as_failed, as_stable, strict=True)]


def _either(one: SequentialComparison, other: SequentialComparison) -> SequentialComparison:
    """Return what holds of a pair whichever of two ways its undecided outcomes are counted."""
    worse = one.worse if one.worse == other.worse else None
    since = None
    if worse is not None and one.separated is not None and other.separated is not None:
        since = max(one.separated, other.separated)
    return replace(one, separated=since, worse=worse, hopeless=since is None and one.decided and other.decided)


def _compare(values: NDArray[np.float64], rule: Rule) -> list[SequentialComparison]:
    """Compare normalizers in pairs, by outcomes [normalizers, groups, seeds] of 0, 1 and nan."""
    if rule.baseline is not None and not 0 <= rule.baseline < len(values):
        raise ValueError(f"there is no normalizer {rule.baseline} among {len(values)}")
    names = [pair for pair in combinations(range(len(values)), 2) if rule.baseline is None or rule.baseline in pair]
    if not names:
        return []
    first, second = ([pair[side] for pair in names] for side in (0, 1))
    known: NDArray[np.bool_] = ~np.isnan(values)
    ran: NDArray[np.bool_] = np.asarray(known.any(axis=2))
    shared = (ran[first] & ran[second])[..., None]
    complete = ((known[first] & known[second]) | ~shared).all(axis=1) & shared.any(axis=1)
    complete = np.logical_and.accumulate(complete, axis=1)  # from the first seed on, without a gap
    seeds = complete.sum(axis=1)
    each = values.shape[1]
    differences = np.nan_to_num(np.where(complete[:, None] & shared, values[first] - values[second], 0))
    differences = differences.transpose(0, 2, 1).reshape(len(names), -1).astype(np.int64)  # seed by seed
    separated = _holm(differences, seeds, rule, each)
    level = rule.alpha / max(1, len(names) - len(separated))
    found = []
    for index, (a, b) in enumerate(names):
        since = separated.get(index)
        total = int(differences[index, : None if since is None else since * each].sum())
        hopeless = since is None and _chance(differences[index], int(seeds[index]), rule, level, each) < rule.futility
        worse = None if total == 0 else a if total > 0 else b
        found.append(SequentialComparison(a, b, int(seeds[index]), since, worse, hopeless))
    return found


def ci_halfwidth(outcomes: ArrayLike, alpha: float = 0.05) -> float:
    """Return half the width of the interval of a rate, from ``ganbench.harness.statistics.intervals``.

    Args:
        outcomes: Of any shape: 1 failed, 0 stable, nan not run.
        alpha: One minus the confidence.

    Returns:
        In (0, 0.5]; 0.5 without a trial.
    """
    values = np.asarray(outcomes, dtype=float)
    known = values[np.isfinite(values)]
    low, high = rate_interval(float(known.sum()), known.size, alpha)
    return (high - low) / 2


def crossings(
    differences: ArrayLike, levels: Sequence[float], most: int, spending: float = SPENDING, every: int = 1
) -> NDArray[np.int64]:
    """Return the block at which a sign-flip test that is looked at again and again first rejects, at each level.

    Given the sizes of the differences, their signs are fair coins where two normalizers do not differ, so the chance
    of every path of their sum is known exactly. By block s of ``most``, the chance of having rejected is held at or below
    ``level * (s / most) ** spending`` (Lan & DeMets 1983, doi:10.1093/biomet/70.3.659, with the power family of Kim
    & DeMets 1987, doi:10.1093/biomet/74.1.149): the test rejects where all sums at least as far from 0, on paths that
    were not rejected before, fit into what is left of that. Looks may be left out, as long as the outcomes do not
    decide which.

    Args:
        differences: [pairs, blocks] First normalizer minus second, in whole numbers. A block is independent of the others:
            one group and seed, or a whole seed where its groups hang together.
        levels: Of the test, each in (0, 1).
        most: The largest number of blocks, fixed beforehand. Later ones are not looked at.
        spending: 1 spends evenly; more saves the level for later blocks.
        every: How many blocks there are from one look to the next.

    Returns:
        [pairs, levels] After how many blocks the test rejects; 0 where it has not.
    """
    values = np.asarray(differences, dtype=np.int64)[:, :most]
    found = np.zeros((len(values), len(levels)), dtype=np.int64)
    looks = values.shape[1] // every
    values = values[:, : looks * every]
    if not values.size or not len(levels):
        return found
    squares = np.cumsum(values**2, axis=1)[:, every - 1 :: every]
    sums = np.cumsum(values, axis=1)[:, every - 1 :: every]
    # What is rejected has at most the level as its chance, so a sum that never was far from 0 need not be followed.
    least = 1.2 if max(levels) <= 0.1 else 0
    far = (np.abs(sums) >= least * np.sqrt(np.maximum(squares, 1))).any(axis=1)
    followed = np.flatnonzero(far)
    if not len(followed):
        return found
    sizes = np.abs(values[followed]).reshape(len(followed), looks, every)
    sums, squares = sums[followed], squares[followed]
    # Sums farther out have a chance below 1e-10 (Hoeffding 1963, doi:10.1080/01621459.1963.10500830, theorem 2).
    reach = min(int(sizes.sum(axis=(1, 2)).max()), math.ceil(7 * math.sqrt(float(squares.max())))) + 1
    place = np.arange(2 * reach + 1)
    length = 2 * reach + 1 + 2 * int(sizes.sum(axis=2).max())  # a look's steps do not reach around
    length = 1 << (length - 1).bit_length()
    turns = _turns(sizes, length)
    limits, spent = np.asarray(levels, dtype=float), np.zeros((len(followed), len(levels)))
    chances = np.zeros((len(followed), len(levels), len(place)))  # of the sums -reach ... reach, while not rejected
    chances[..., reach] = 1
    crossed = np.zeros((len(followed), len(levels)), dtype=np.int64)
    for look in range(looks):
        spectrum = np.fft.rfft(chances, length, axis=2) * turns(look)[:, None]
        chances = np.maximum(np.fft.irfft(spectrum, length, axis=2)[..., : len(place)], 0)
        left = limits * ((look + 1) * every / most) ** spending - spent
        farther = 2 * np.cumsum(chances[..., :reach], axis=2)[..., ::-1]  # chance of at least 1, 2, ..., reach
        fits = farther <= left[..., None]
        bound = np.where(fits.any(axis=2), fits.argmax(axis=2) + 1, reach + 1)
        rejected = np.abs(place - reach) >= bound[..., None]
        spent += np.where(rejected, chances, 0).sum(axis=2)
        chances = np.where(rejected, 0, chances)
        crossed[(np.abs(sums[:, look, None]) >= bound) & (crossed == 0)] = (look + 1) * every
    found[followed] = crossed
    return found


def _turns(sizes: NDArray[np.int64], length: int) -> Callable[[int], NDArray[np.float64]]:
    """Return the characteristic function of the fair signs of each look's differences, [pairs, looks, blocks].

    That of one difference d is the cosine of d times the angle; independent ones multiply.
    """
    angles = 2 * np.pi * np.arange(length // 2 + 1) / length
    parts = []
    for size in np.unique(sizes[sizes > 0]):
        counts = (sizes == size).sum(axis=2)
        powers = np.cos(size * angles) ** np.arange(counts.max() + 1)[:, None]
        parts.append((counts, powers))

    def at(look: int) -> NDArray[np.float64]:
        product = np.ones((len(sizes), len(angles)))
        for counts, powers in parts:
            product *= powers[counts[:, look]]
        return product

    return at


def e_values(differences: ArrayLike, every: int = 1) -> NDArray[np.float64]:
    """Return the fortune, at each look, of somebody who bets one unit that two normalizers differ.

    With the difference d of a block and the log-odds k of a bet, the fortune is multiplied by exp(k d) / cosh(k d). Its
    mean is 1 if -d is as likely as d, given the size of d and the blocks before; that is so where the two could be swapped
    within a block. So the chance that it ever reaches 1 / alpha is at most alpha (Ville 1939; Ramdas, Grünwald, Vovk &
    Shafer 2023, doi:10.1214/23-STS894). The fortunes are averaged over k = artanh(x) with x at the Chebyshev nodes, that
    is over the arcsine law: where differences are of single pairs, so that only discordant ones count and each is a
    coin, that is the mixture of Krichevsky & Trofimov (1981, doi:10.1109/TIT.1981.1056331).

    Args:
        differences: [..., blocks] As in :func:`crossings`.
        every: How many blocks there are from one look to the next.

    Returns:
        [..., looks], at least 0; all 1 without a discordant pair.
    """
    values = np.asarray(differences, dtype=np.int64)
    looks = values.shape[-1] // every
    values = values[..., : looks * every].reshape(*values.shape[:-1], looks, every)
    stakes = np.arctanh(np.cos((2 * np.arange(NODES) + 1) * math.pi / (2 * NODES)))
    growth = values.sum(axis=-1)[..., None] * stakes
    for size in np.unique(np.abs(values[values != 0])):
        exponent = size * np.abs(stakes)  # log cosh without overflow
        log_cosh = exponent + np.log1p(np.exp(-2 * exponent)) - math.log(2)
        growth = growth - (np.abs(values) == size).sum(axis=-1)[..., None] * log_cosh
    wealth = np.cumsum(growth, axis=-2)
    highest = wealth.max(axis=-1, keepdims=True)
    return np.asarray(np.exp(np.minimum(highest[..., 0] + np.log(np.mean(np.exp(wealth - highest), axis=-1)), 700.0)))


def _holm(differences: NDArray[np.int64], seeds: NDArray[np.int64], rule: Rule, each: int) -> dict[int, int]:
    """Return which pairs are separated and since which seed: at alpha over how many are not, until none more is.

    Args:
        differences: [pairs, seeds * each] Of single pairs of trials, -1, 0 or 1, seed by seed.
        seeds: [pairs] How many seeds may be looked at.
        rule: The test and its level.
        each: Groups.
    """
    separated: dict[int, int] = {}
    differences = differences[:, : int(seeds.max()) * each]
    if not differences.size:
        return separated
    run = np.arange(1, differences.shape[1] // each + 1)
    seen = run <= seeds[:, None]
    if rule.test == "betting":
        surprise = 1 / np.maximum(e_values(differences, each), 1e-300)
        allowed = np.ones(len(run))
    else:
        # A test that rejects at a look has used up no more than it may by then, and rejects all sums farther out. So where
        # McNemar's p-value of that look alone is larger, it cannot reject, and need not be followed.
        from scipy.special import bdtr

        discordant, sums = (np.cumsum(item, axis=1)[:, each - 1 :: each] for item in (np.abs(differences), differences))
        rarer = (discordant - np.abs(sums)) // 2
        surprise = np.where(discordant > 0, 2 * bdtr(rarer, np.maximum(discordant, 1), 0.5), 2.0)
        allowed = (run / rule.most) ** SPENDING
    surprise = np.where(seen, surprise, np.inf)
    while len(separated) < len(differences):
        left = [index for index in range(len(differences)) if index not in separated]
        level = rule.alpha / len(left)
        reached = surprise <= level * allowed * (1 + 1e-9)
        left = [index for index in left if reached[index].any()]
        if not left:
            break
        if rule.test == "spending":
            times = crossings(differences[left], [level], rule.most * each, every=each)[:, 0] // each
        else:
            times = reached[left].argmax(axis=1) + 1
        more = {index: int(time) for index, time in zip(left, times, strict=True) if 0 < time <= seeds[index]}
        if not more:
            break
        separated |= more
    return separated


def _chance(differences: NDArray[np.int64], seeds: int, rule: Rule, level: float, each: int) -> float:
    """Return the chance that a pair is separated by the last seed, if what is seen so far goes on.

    What is to come is taken as normal with the mean and the variance seen so far, and the mean as uncertain by as much
    as the seeds so far leave it. A guess is enough, as no claim rests on it.
    """
    left = rule.most - seeds
    if left <= 0:
        return 0.0
    total, squares = abs(float(differences.sum())), float((differences**2).sum())
    if squares == 0:  # not one discordant pair: as likely as before for a few seeds, and then no more
        return 1.0 if seeds < rule.least else 0.0
    if rule.test == "betting":
        quantile = math.sqrt(2 * math.log(1 / level))
    else:
        from scipy.special import ndtri

        quantile = 1.05 * -float(ndtri(level / 2))  # looking costs about so much
    needed = quantile * math.sqrt(squares / seeds * rule.most)
    variance = max(squares / seeds - (total / seeds) ** 2 / each, 0.25 * squares / seeds)  # of a seed's sum over groups
    spread = math.sqrt(variance * left * (1 + left / seeds))
    return 0.5 * math.erfc((needed - total - total / seeds * left) / spread / math.sqrt(2))


def _checked(outcomes: ArrayLike) -> NDArray[np.float64]:
    values = np.asarray(outcomes, dtype=float)
    if values.ndim != 3 or not np.isin(values[~np.isnan(values)], (0, UNDECIDED, 1)).all():
        raise ValueError(f"outcomes are [normalizers, groups, seeds] of 0, 1, {UNDECIDED} (undecided) and nan")
    return values
