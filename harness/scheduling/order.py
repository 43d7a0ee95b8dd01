"""Which trial comes first.

Longest first, so that no long trial is begun when all others are done. Lengths count in classes, each twice the one
before: within a class seed follows seed, so that a sweep that is cut off has whole pairs, and its rates of all cells grow
together. What is compared stays together: all normalizers of one data set, architecture, setting and seed follow each
other, in an order that is drawn anew for each seed: whatever a fast node picks, it picks no normalizer more than another.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from ganbench.harness.cells.cell import Trial


def ordered(trials: Sequence[Trial], expected: Mapping[str, float]) -> list[Trial]:
    """Return trials in the order in which they should be begun.

    Args:
        trials: Of one suite.
        expected: Seconds of each cell's trials by its identity; only their ratios matter.
    """
    longest: dict[str, float] = {}
    places: dict[str, int] = {}
    for trial in trials:
        group = trial.cell.group
        places.setdefault(group, len(places))
        longest[group] = max(longest.get(group, 0.0), expected[trial.cell.id])
    classes = {group: math.floor(math.log2(max(seconds, 1e-9))) for group, seconds in longest.items()}

    def place(trial: Trial) -> tuple[int, int, int, str]:
        group = trial.cell.group
        # A trial's identity is a hash of its seed and its normalizer: an order drawn anew for each seed.
        return (-classes[group], trial.seed, places[group], trial.id)

    return sorted(trials, key=place)
