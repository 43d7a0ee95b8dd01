"""How often a normalizer failed, or did not learn, in one ledger and in another, and whether the change is more than noise.

Rates are compared on cells that take each other's place; they are means over these, as on the leaderboards, and a change
is that of all trials together, as its test is. Trials that share their random streams (cells that differ in
nothing but the normalizer's own specification, one suite's seed, one seed) are pairs, and McNemar's exact test is taken
over them; those that share nothing are compared by Boschloo's, or by Fisher's where there are many. All tests together are
corrected by Holm.

Rates are those of decided trials. An undecided one may be either: a change is claimed only if it is there with the
undecided of both ledgers counted as failed (not learnt), and with those of both counted as stable (learnt), and if the
decided ones alone, and the rates, lean to the same side. How often a normalizer did not learn is tested where it happened.
Intervals hold for all comparisons together, as p-values do.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ganbench.harness.stability import UNSTABLE
from ganbench.harness.statistics import (
    ALPHA,
    RiskDifference,
    holm,
    least_discordant,
    mean_rate,
    risk_difference,
    seeds_needed,
)
from ganbench.harness.statistics.unpaired import rate_difference, unpaired_test
from ganbench.reports.board.counting import Count, count_all, count_cell
from ganbench.reports.differences.compared_trials import Compared, compared_trials, discordant, table
from ganbench.reports.differences.plan_changes import CellPair
from ganbench.reports.differences.sides import Side

PAIRED = "McNemar"

SUPPOSED = 0.2
"""The change that the seeds needed are said for where two rates are equal."""


@dataclass(frozen=True)
class RateComparison:
    """A normalizer's trials in one ledger against those in the other.

    Attributes:
        normalizer: Its label.
        what: What is compared: how often they are ``"unstable"``, or ``"not_learnt"``.
        test: ``"McNemar"`` on pairs, ``"Boschloo"`` or ``"Fisher"`` on trials that share nothing.
        cells: On how many cells.
        first: The first's trials that are compared.
        second: The second's.
        shares: Of both sides the same, with what is compared in the numerators of the rates: a mean over cells, as on the
            leaderboards.
        change: Second rate minus first over all decided trials together, and of pairs over those both of which are. Its
            interval holds with those of all comparisons (Bonferroni), and contains 0 where no change is claimed.
        pooled: The two rates that it is the difference of; nan where no trial is decided.
        undecided: Pairs of which at least one trial is undecided; of trials that are no pairs, the undecided ones.
        more: The side that has more, ``"A"`` or ``"B"``, whichever way undecided trials are counted; empty where none has.
        against: Whether the p-value is small enough for a claim, and the rates do not lean to that side: no change is
            claimed then.
        unequal: Whether cells have unequal numbers of decided trials, so that a mean is not the rate of all together.
        single: Of pairs, how many have one decided trial, which is in its side's rate and not in the change.
        equal: Of pairs, how many are the same training, bit for bit, with the same verdict.
        only_first: Of decided pairs, how many count (failed, or did not learn) in the first only.
        only_second: In the second only.
        p: Two-sided p-value: the larger one of both ways to count undecided trials, 1 where they disagree on who has more.
        holm_p: Corrected for all comparisons.
        needed: Of pairs, the discordant ones, all one way, that could show a change.
        supposed: Two rates: the observed ones, or where these are equal others that are as far apart as ``SUPPOSED``; nan
            where no trial is decided.
        seeds: Seeds per cell that would tell these rates apart with a power of 80 %: if failures are nested, and if they
            are independent; None for more than any sweep has.
    """

    normalizer: str
    what: str
    test: str
    cells: int
    first: Count
    second: Count
    shares: tuple[Count, Count]
    change: RiskDifference
    pooled: tuple[float, float]
    undecided: int
    more: str
    against: bool
    unequal: bool
    single: int
    equal: int
    only_first: int
    only_second: int
    p: float
    holm_p: float
    needed: int
    supposed: tuple[float, float]
    seeds: tuple[int | None, int | None]

    @property
    def significant(self) -> bool:
        """Whether the change is more than noise."""
        return self.holm_p <= ALPHA and not self.against

    @property
    def uneven(self) -> bool:
        """Whether the change is not the rates' difference: where it is, :attr:`unequal` or :attr:`single` say why."""
        apart = self.shares[1].rate - self.shares[0].rate - self.change.value
        return abs(apart) > 1e-9

    @property
    def identical(self) -> bool:
        """Whether nothing was left to noise: every pair is the same training."""
        return self.test == PAIRED and self.equal == self.first.trials > 0


@dataclass(frozen=True)
class Standing:
    """A normalizer's place in a leaderboard.

    Attributes:
        count: Over all cells.
        rank: The ranks that it may have; None where it stands in no order.
        among: Of how many normalizers.
    """

    count: Count
    rank: tuple[int, int] | None
    among: int


@dataclass(frozen=True)
class NormalizerChange:
    """What is said of one normalizer.

    Attributes:
        normalizer: Its label.
        before: Its place in the first leaderboard; None if it is new.
        after: In the second; None if it vanished.
        comparisons: On the cells of both: none, one, or two where some trials share their streams and others do not; as
            many again where some trials did not learn.
    """

    normalizer: str
    before: Standing | None
    after: Standing | None
    comparisons: tuple[RateComparison, ...]


def normalizer_changes(first: Side, second: Side, pairs: Sequence[CellPair]) -> tuple[NormalizerChange, ...]:
    """Compare every normalizer of two ledgers.

    Args:
        first: The one ledger.
        second: The other.
        pairs: The cells that take each other's place.

    Returns:
        In the order of the second leaderboard; those that vanished last.
    """
    before, after = _standings(first), _standings(second)
    order = [*after, *(name for name in before if name not in after)]
    raw = [item for name in order for item in compared_trials(first, second, name, pairs)]
    tested = [item.tested() for item in raw]
    p_values = [p for p, _ in tested]
    compared: dict[str, list[RateComparison]] = {}
    for index, (item, holm_p) in enumerate(zip(raw, holm(p_values), strict=True)):
        found = _comparison(item, p_values, index, holm_p, tested[index][1])
        compared.setdefault(item.normalizer, []).append(found)
    return tuple(
        NormalizerChange(name, before.get(name), after.get(name), tuple(compared.get(name, []))) for name in order
    )


def _standings(side: Side) -> dict[str, Standing]:
    ranked = len(side.board.rows)
    return {row.normalizer: Standing(row.count, row.rank, ranked) for row in side.board.all_rows}


def _comparison(raw: Compared, p_values: Sequence[float], index: int, holm_p: float, more: str) -> RateComparison:
    decided = raw.counted(None)
    some, trials, later, others = table(decided)
    level, against = ALPHA / len(p_values), holm_p <= ALPHA and raw.against(more)
    first, second = (
        count_all([count_cell(cell[side], len(cell[side]), ()) for cell in raw.cells], (), level) for side in (0, 1)
    )
    both, only_first, only_second, neither = discordant(decided) if raw.paired else (0, 0, 0, 0)
    if raw.paired:
        change = risk_difference(both, only_second, only_first, neither, level)
        known = both + only_first + only_second + neither
        undecided = first.trials - known
        pooled = _rates(both + only_first, known, both + only_second, known)
    else:
        change = rate_difference(later, others, some, trials, level)
        undecided = first.undecided + second.undecided
        pooled = _rates(some, trials, later, others)
    rates = _rates(some, trials, later, others)
    shares = _share(raw, 0, first, level), _share(raw, 1, second, level)
    supposed = rates if math.isnan(rates[0]) else _supposed(*rates)
    seeds = [
        seeds_needed(*supposed, nested=nested, cells=len(raw.cells), alpha=level) if trials and others else None
        for nested in (raw.paired, False)
    ]
    return RateComparison(
        normalizer=raw.normalizer,
        what=raw.what,
        test=PAIRED if raw.paired else unpaired_test(first.trials, second.trials),
        cells=len(raw.cells),
        first=first,
        second=second,
        shares=shares,
        change=change.as_tested(separated=holm_p <= ALPHA and not against),
        pooled=pooled,
        undecided=undecided,
        more=more,
        against=against,
        unequal=any(abs(share.rate - rate) > 1e-9 for share, rate in zip(shares, rates, strict=True)),
        single=first.decided + second.decided - 2 * known if raw.paired else 0,
        equal=raw.equal,
        only_first=only_first,
        only_second=only_second,
        p=p_values[index],
        holm_p=holm_p,
        needed=least_discordant(p_values, index) if raw.paired else 0,
        supposed=supposed,
        seeds=(seeds[0], seeds[1]),
    )


def _share(raw: Compared, side: int, counted: Count, level: float) -> Count:
    """Return a side's trials with those in the rate's numerator that a comparison counts."""
    if raw.what == UNSTABLE:
        return counted
    share, low, high = mean_rate([(sum(cell), len(cell)) for cell in raw.decided(side)], level)
    return replace(counted, unstable=counted.not_learnt, rate=share, low=low, high=high)


def _rates(some: int, trials: int, later: int, others: int) -> tuple[float, float]:
    return (some / trials, later / others) if trials and others else (math.nan, math.nan)


def _supposed(first: float, second: float) -> tuple[float, float]:
    if first != second:
        return first, second
    return first, first + SUPPOSED if first + SUPPOSED <= 1 else first - SUPPOSED
