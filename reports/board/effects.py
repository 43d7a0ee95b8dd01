"""Where each normalizer fails: its failure rate by the value of every hyperparameter that the suite drew."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from ganbench.harness.planning.draws import DIGITS, Between, root
from ganbench.harness.statistics.intervals import rate_interval
from ganbench.reports.board.counting import Count, count_all, count_cell
from ganbench.reports.evidence import Evidence, Group

BINS = 4
"""Of a hyperparameter that was drawn from a range, at most."""


@dataclass(frozen=True)
class Rate:
    """How often a normalizer failed in the settings of a bin.

    Attributes:
        count: Over their cells; the rate is the mean of the cells' rates, and its interval that of settings like these: a
            setting counts as one observation, for its seeds mostly end alike.
        settings: In how many settings it has decided trials; the others are left out.
    """

    count: Count
    settings: int


@dataclass(frozen=True)
class Bin:
    """Settings whose values of a hyperparameter are equal, or near each other.

    Attributes:
        ends: The value; or the ends of a range, of which only the last one of all has its upper end in it.
        settings: How many the plan has.
        rates: By normalizer.
    """

    ends: tuple[Any, ...]
    settings: int
    rates: dict[str, Rate]


@dataclass(frozen=True)
class Effect:
    """A hyperparameter that was drawn.

    Attributes:
        key: Its name in the suite.
        tied: Others that always had its value.
        bins: Rising.
    """

    key: str
    tied: tuple[str, ...]
    bins: tuple[Bin, ...]

    @property
    def ranged(self) -> bool:
        """Whether the bins are ranges, and not values."""
        return len(self.bins[0].ends) > 1


def effects(evidence: Evidence) -> tuple[Effect, ...]:
    """Return every hyperparameter that the suite drew, by name; none where it wrote all settings down."""
    found = []
    for key in sorted({key for group in evidence.groups for key in group.drawn}):
        own = [group for group in evidence.groups if key in group.drawn and _tied_to(group, key) == key]
        if own:
            tied = {other for group in own for other in group.drawn if other != key and _tied_to(group, other) == key}
            bins = tuple(_bin(evidence, ends, groups) for ends, groups in _binned(own, key))
            found.append(Effect(key, tuple(sorted(tied)), bins))
    return tuple(found)


def _tied_to(group: Group, key: str) -> str:
    return root({name: item.distribution for name, item in group.drawn.items()}, key)


def _binned(groups: Sequence[Group], key: str) -> list[tuple[tuple[Any, ...], list[Group]]]:
    """Return values with their groups; or, where any was drawn from a range, ranges of about as many groups each."""
    ranges = [item for group in groups if isinstance(item := group.drawn[key].distribution, Between)]
    values = [group.drawn[key].value for group in groups]
    if not ranges or any(_place(value)[0] for value in values):
        distinct = sorted(dict.fromkeys(values), key=_place)
        return [((value,), [g for g in groups if g.drawn[key].value == value]) for value in distinct]
    inner = _edges(sorted(values))
    edges = [min(item.low for item in ranges), *inner, max(item.high for item in ranges)]
    above = [sum(edge <= value for edge in inner) for value in values]
    return [
        (ends, [group for group, own in zip(groups, above, strict=True) if own == place])
        for place, ends in enumerate(pairwise(edges))
    ]


def _place(value: Any) -> tuple[bool, float, str]:
    """Return what values are sorted by: numbers first."""
    return (False, value, "") if isinstance(value, int | float) else (True, 0, str(value))


def _edges(values: Sequence[float]) -> list[float]:
    """Return what rising values are divided at, equal ones never, into as many parts of as equal sizes as can be."""
    steps = [place for place in range(1, len(values)) if values[place - 1] < values[place]]
    wanted = [len(values) * part / BINS for part in range(1, BINS)]
    chosen = sorted({min(steps, key=lambda step: abs(step - place)) for place in wanted}) if steps else []
    return [_between(values[place - 1], values[place]) for place in chosen]


def _between(low: float, high: float) -> float:
    """Return the shortest number above the one and not above the other: what people would divide them at."""
    middle = math.sqrt(low * high) if low > 0 else (low + high) / 2
    rounded = (float(f"{number:.{digits}e}") for digits in range(DIGITS) for number in (middle, high))
    return next((number for number in rounded if low < number <= high), high)


def _bin(evidence: Evidence, ends: tuple[Any, ...], groups: Sequence[Group]) -> Bin:
    return Bin(ends, len(groups), {name: _rate(evidence, groups, name) for name in evidence.normalizers})


def _rate(evidence: Evidence, groups: Sequence[Group], normalizer: str) -> Rate:
    counts = [
        count_cell(evidence.of(group, normalizer), evidence.wanted[group.cells[normalizer]], evidence.modes)
        for group in groups
        if normalizer in group.cells
    ]
    decided = [count for count in counts if count.decided]
    count, settings = count_all(decided, evidence.modes), len(decided)
    low, high = rate_interval(count.rate * settings, settings) if decided else (0.0, 1.0)
    return Rate(replace(count, low=low, high=high), settings)
