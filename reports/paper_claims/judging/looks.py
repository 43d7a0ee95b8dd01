"""The ways in which a verdict is read, and what follows from the noise: tails, and the settings that have settled."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from ganbench.harness.traces.trace import Column
from ganbench.reports.evidence import Group
from ganbench.reports.formatting import percent
from ganbench.reports.paper_claims.judging.cases import Case, Cases
from ganbench.reports.paper_claims.judging.measures import NEAR_BEST, late_ratio, settled, tail, trained

LEAST = 3
SHARE = 0.25
"""A tail has at least so many evaluations, and at least this share of them."""

STANDARD_ERROR = 0.05
"""The largest standard error of a tail's median, relative to its value."""

OF_MEDIAN, OF_CHANGE = 1.25, 0.95
"""Standard errors of a median over those of a mean; the median change over the standard deviation of normal noise."""

NEIGHBOUR = 0.25
"""Lengths nearby are this share shorter and longer."""

LATE, LATE_LEAST = 0.5, 10
"""What comes late is asked where trainings had settled by this share of the budget, and so many evaluations followed."""

END = 0.75
"""An error at the end is asked for where trainings had settled by this share."""


@dataclass(frozen=True)
class Look:
    """One of the ways in which a verdict is read.

    Attributes:
        tail: -1 for the shorter tail, 1 for the longer.
        undecided: Whether undecided trials count as failed.
        other: Whether the other evaluation is taken that a rule names.
    """

    tail: int = 0
    undecided: bool = False
    other: bool = False


FIRST = Look()
Looks = Mapping[str, Mapping[str, Look]]
"""Further looks by how they differ, by what a verdict depends on if it is another by them."""

TAILS: Looks = {"the tail": {"a shorter tail": Look(tail=-1), "a longer tail": Look(tail=1)}}
UNDECIDED: Looks = {"undecided trials": {"undecided trials counted as failed": Look(undecided=True)}}


@dataclass(frozen=True)
class Tail:
    """The last evaluations of a setting whose median is taken.

    Attributes:
        length: How many.
        evaluations: Of how many.
        noise: Relative standard deviation of one, from the changes before; nan where there are none.
    """

    length: int
    evaluations: int
    noise: float

    @property
    def error(self) -> float:
        """The standard error of the median, relative to its value."""
        return OF_MEDIAN * self.noise / math.sqrt(self.length)

    def by(self, look: Look) -> int:
        """Return the length by a look."""
        return self.length + look.tail * math.ceil(NEIGHBOUR * self.length)


def tail_of(cases: Cases, group: Group, key: str) -> Tail:
    """Return the tail of a measure in a setting: one for all methods and seeds."""
    return _tail(cases, group.title, key)


@lru_cache(maxsize=256)
def _tail(cases: Cases, title: str, key: str) -> Tail:
    columns = [trained(case.trace, key) for case in cases.cases if case.group.title == title and case.trace is not None]
    evaluations = max(map(len, columns), default=0)
    shortest = max(LEAST, math.ceil(SHARE * evaluations))
    stretch = slice(max(0, evaluations - 2 * shortest), max(0, evaluations - shortest))
    changes = np.concatenate([np.empty(0), *(_changes(column[stretch]) for column in columns)])
    if not len(changes):
        return Tail(shortest, evaluations, math.nan)
    noise = float(np.median(changes)) / OF_CHANGE
    wanted = math.ceil((OF_MEDIAN * noise / STANDARD_ERROR) ** 2)
    return Tail(min(max(shortest, wanted), max(shortest, evaluations // 2)), evaluations, noise)


def _changes(column: Column) -> Column:
    """Return relative changes from one value to the next; those that are not finite are left out."""
    with np.errstate(invalid="ignore"):
        size, change = np.abs(column[1:]) + np.abs(column[:-1]), np.abs(np.diff(column))
        found = np.where(size > 0, 2 * change / np.where(size > 0, size, 1), 0.0)
    return found[np.isfinite(found)]


def tail_by(cases: Cases, case: Case, key: str, look: Look = FIRST) -> float:
    """Return the median of a trial's tail; nan without any."""
    return math.nan if case.trace is None else tail(case.trace, key, tail_of(cases, case.group, key).by(look))


def late_by(cases: Cases, case: Case, key: str, look: Look = FIRST) -> float:
    """Return the tail of a trial's measure that is better low over its best; infinite where it is not finite."""
    if case.trace is None:
        return math.inf
    return late_ratio(case.trace, key, tail_of(cases, case.group, key).by(look))


def quality(cases: Cases, case: Case, look: Look = FIRST) -> float:
    """Return a trial's quality as measured, on a scale on which more is better; minus infinity where it is not finite."""
    protocol = case.group.protocol
    value = tail_by(cases, case, protocol.measure, look)
    return (value if protocol.better == "higher" else -value) if math.isfinite(value) else -math.inf


def goodness(cases: Cases, case: Case, look: Look = FIRST) -> float:
    """Return a trial's quality, minus infinity for a failure."""
    return -math.inf if case.failed else quality(cases, case, look)


# --- who had settled


def share_settled(cells: Iterable[Sequence[Case]], key: str, share: float) -> tuple[int, int]:
    """Return how many trials of some cells had settled by a share of the budget, and of how many."""
    found = [case.trace is not None and settled(case.trace, key, share) for cell in cells for case in cell]
    return sum(found), len(found)


def speaks_late(cells: Sequence[Sequence[Case]], key: str) -> bool:
    """Return whether the trials of one setting can speak of what comes late."""
    return _followed(cells) and _half(share_settled(cells, key, LATE))


def speaks_at_the_end(cells: Sequence[Sequence[Case]], key: str) -> bool:
    """Return whether the trials of one setting can speak of an error at the end."""
    return _half(share_settled(cells, key, END))


def _half(found: tuple[int, int]) -> bool:
    return 2 * found[0] >= found[1] > 0


def _followed(cells: Iterable[Sequence[Case]]) -> bool:
    """Return whether enough evaluations follow the share of the budget after which it is late."""
    traces = [case.trace for cell in cells for case in cell if case.trace is not None]
    return any((trace.evaluation_steps > LATE * trace.budget).sum() >= LATE_LEAST for trace in traces)


def why_not_late(cells: Sequence[Sequence[Case]], key: str) -> str:
    """Return the reason why no setting can speak of what comes late."""
    if not _followed(cells):
        return f"no setting has {LATE_LEAST} evaluations in the second half of its budget"
    return why_not_settled(cells, key, LATE)


def why_not_settled(cells: Iterable[Sequence[Case]], key: str, share: float = END) -> str:
    """Return the reason why no setting can speak: ``by 50 % of the budget 3 of 32 trainings had settled``."""
    some, every = share_settled(cells, key, share)
    return f"by {percent(share)} of the budget {some} of {every} trainings had settled, and in no setting half of them"


def told_settled(cases: Cases, groups: Iterable[Group], labels: Sequence[str]) -> str:
    """Return a sentence on how many of the trials that are compared had settled, where distances are."""
    counts = [
        share_settled([cases.cell(group, label) for label in labels], group.protocol.measure, END)
        for group in groups
        if group.protocol.better == "lower"
    ]
    some, every = (sum(side) for side in zip(*counts, strict=True)) if counts else (0, 0)
    after = f"the others became more than {percent(NEAR_BEST - 1)} better after it"
    return f"Of {every} trials {some} had settled by {percent(END)} of the budget; {after}."
