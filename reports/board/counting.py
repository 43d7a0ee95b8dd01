"""How many of some trials failed, and how."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from ganbench.harness.stability import METHOD_ERROR
from ganbench.harness.stability.definition import FAILURE_MODES
from ganbench.harness.statistics import mean_rate
from ganbench.harness.statistics.intervals import rate_interval
from ganbench.reports.evidence import Result

MODES = (*FAILURE_MODES, METHOD_ERROR)
"""Every way to fail, in the order of the tables."""


SLOW = "never_converged"


@dataclass(frozen=True)
class Count:
    """How many of some trials failed.

    Attributes:
        unstable: Failed trials; a method that cannot run is not stable.
        trials: Committed trials.
        planned: Planned trials.
        rate: The instability rate; nan without trials.
        low: Lower end of its interval.
        high: Upper end.
        modes: How often each failure mode was found; one trial can have several.
        only_slow: Failed trials of which nothing but "never converged" was found: more steps might have mended them.
    """

    unstable: int
    trials: int
    planned: int
    rate: float
    low: float
    high: float
    modes: dict[str, int]
    only_slow: int = 0

    @property
    def missing(self) -> int:
        """Planned trials that are not committed. They are in neither number of the rate."""
        return self.planned - self.trials


def count_cell(results: Sequence[Result], planned: int) -> Count:
    """Count a cell's trials.

    Args:
        results: The committed ones.
        planned: How many there are to be.
    """
    failed = sum(result.verdict.failed for result in results)
    low, high = rate_interval(failed, len(results))
    rate = failed / len(results) if results else math.nan
    only_slow = sum(result.verdict.modes == (SLOW,) for result in results)
    return Count(failed, len(results), planned, rate, low, high, _modes(results), only_slow)


def count_all(counts: Sequence[Count]) -> Count:
    """Count all cells of a normalizer; the rate is the mean of theirs."""
    rate, low, high = mean_rate([(count.unstable, count.trials) for count in counts])
    return Count(
        unstable=sum(count.unstable for count in counts),
        trials=sum(count.trials for count in counts),
        planned=sum(count.planned for count in counts),
        rate=rate,
        low=low,
        high=high,
        modes={mode: sum(count.modes[mode] for count in counts) for mode in MODES},
        only_slow=sum(count.only_slow for count in counts),
    )


def _modes(results: Sequence[Result]) -> dict[str, int]:
    found = Counter(mode for result in results for mode in set(result.verdict.modes))
    return {mode: found[mode] for mode in MODES}
