"""How many of some trials failed, and how; how many did not learn, and how many are undecided."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from ganbench.harness.stability.verdict import NOT_LEARNT
from ganbench.harness.statistics import ALPHA, mean_rate
from ganbench.harness.statistics.intervals import rate_interval
from ganbench.reports.evidence import Result

SLOW = "never_converged"
"""What definitions 1 and 2 call a failure in a training that may only need more steps."""


@dataclass(frozen=True)
class Count:
    """How many of some trials failed.

    Attributes:
        unstable: Failed trials; a method that cannot run is not stable.
        trials: Committed trials.
        planned: Planned trials.
        rate: The instability rate, over decided trials; nan without any.
        low: Lower end of its interval, with all undecided trials counted as stable.
        high: Upper end, with all of them counted as failed.
        modes: How often each failure mode was found, of those of the definition; one trial can have several.
        only_slow: Failed trials of which nothing but "never converged" was found: more steps might have mended them.
        not_learnt: Trials that did not learn within their budget; they are decided, and did not fail.
        undecided: Trials of which too little was seen; they are in neither number of the rate.
        low_bound: The rate if all undecided trials were stable; nan without trials.
        high_bound: The rate if all of them had failed.
        not_learnt_rate: Share of decided trials that did not learn; nan without any.
        needs: What would decide the undecided ones (``harness.stability.verdict.NEEDS``), and how many of them.
    """

    unstable: int
    trials: int
    planned: int
    rate: float
    low: float
    high: float
    modes: dict[str, int]
    only_slow: int = 0
    not_learnt: int = 0
    undecided: int = 0
    low_bound: float = math.nan
    high_bound: float = math.nan
    not_learnt_rate: float = math.nan
    needs: dict[str, int] = field(default_factory=dict)

    @property
    def missing(self) -> int:
        """Planned trials that are not committed. They are in neither number of the rate."""
        return self.planned - self.trials

    @property
    def middle(self) -> float:
        """The rate if half of the undecided trials had failed; nan without trials."""
        return (self.low_bound + self.high_bound) / 2

    @property
    def decided(self) -> int:
        """Committed trials of which is known what became of them."""
        return self.trials - self.undecided


def count_cell(results: Sequence[Result], planned: int, modes: Sequence[str]) -> Count:
    """Count a cell's trials.

    Args:
        results: The committed ones.
        planned: How many there are to be.
        modes: Every way to fail, in the order of the tables.
    """
    verdicts = [result.verdict for result in results]
    failed = sum(verdict.failed for verdict in verdicts)
    not_learnt = sum(verdict.outcome == NOT_LEARNT for verdict in verdicts)
    needs = Counter(verdict.needs for verdict in verdicts if not verdict.decided)
    undecided, trials = needs.total(), len(verdicts)
    low, high = rate_interval(failed, trials)[0], rate_interval(failed + undecided, trials)[1]
    found = Counter(mode for verdict in verdicts for mode in set(verdict.modes))
    return Count(
        unstable=failed,
        trials=trials,
        planned=planned,
        rate=_share(failed, trials - undecided),
        low=low,
        high=high,
        modes={mode: found[mode] for mode in modes},
        only_slow=sum(verdict.modes == (SLOW,) for verdict in verdicts),
        not_learnt=not_learnt,
        undecided=undecided,
        low_bound=_share(failed, trials),
        high_bound=_share(failed + undecided, trials),
        not_learnt_rate=_share(not_learnt, trials - undecided),
        needs=dict(needs),
    )


def count_all(counts: Sequence[Count], modes: Sequence[str], alpha: float = ALPHA) -> Count:
    """Count all cells of a normalizer; rates and bounds are the means of theirs.

    Args:
        counts: Of the cells.
        modes: Every way to fail, in the order of the tables.
        alpha: One minus the confidence of the rate's interval, which is for these very cells.
    """
    low_bound, low, _ = mean_rate([(count.unstable, count.trials) for count in counts], alpha)
    high_bound, _, high = mean_rate([(count.unstable + count.undecided, count.trials) for count in counts], alpha)
    needs: Counter[str] = Counter()
    for count in counts:
        needs.update(count.needs)
    return Count(
        unstable=sum(count.unstable for count in counts),
        trials=sum(count.trials for count in counts),
        planned=sum(count.planned for count in counts),
        rate=mean_rate([(count.unstable, count.decided) for count in counts])[0],
        low=low,
        high=high,
        modes={mode: sum(count.modes[mode] for count in counts) for mode in modes},
        only_slow=sum(count.only_slow for count in counts),
        not_learnt=sum(count.not_learnt for count in counts),
        undecided=needs.total(),
        low_bound=low_bound,
        high_bound=high_bound,
        not_learnt_rate=mean_rate([(count.not_learnt, count.decided) for count in counts])[0],
        needs=dict(needs),
    )


def _share(some: int, trials: int) -> float:
    return some / trials if trials else math.nan
