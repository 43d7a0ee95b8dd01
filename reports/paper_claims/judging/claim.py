"""What a claim is, and what is found of it in one suite."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ganbench.reports.formatting import percent
from ganbench.reports.paper_claims.judging.cases import Case, Cases
from ganbench.reports.paper_claims.judging.effects import rate
from ganbench.reports.paper_claims.judging.looks import Look, tail_of
from ganbench.reports.paper_claims.judging.reading import Answer, Barred, Reading

if TYPE_CHECKING:
    from ganbench.harness.traces.trace import Trace
    from ganbench.reports.evidence import Group
    from ganbench.reports.figures import Picture


@dataclass(frozen=True)
class Table:
    """What was measured, beside the verdict.

    Attributes:
        words: What it is.
        head: Titles of the columns.
        rows: Texts; a label from outside is escaped by the page.
    """

    words: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class JudgedClaim:
    """What one suite says of a claim.

    Attributes:
        answers: The verdict; four of them where a claim is four.
        tables: What was measured.
        told: What the rule tells without a verdict.
        pictures: Figures.
    """

    answers: tuple[Answer, ...]
    tables: tuple[Table, ...] = ()
    told: tuple[str, ...] = ()
    pictures: tuple[Picture, ...] = ()


@dataclass(frozen=True)
class Claim:
    """One of the claims in ``rules-2.md``.

    Attributes:
        number: There.
        suites: From which it is read: the paper's protocol, and the small forms.
        read: Applies the rule.
    """

    number: int
    suites: tuple[str, ...]
    read: Callable[[Cases], JudgedClaim]


def missing(cases: Cases, normalizers: Iterable[str], groups: Sequence[Group]) -> JudgedClaim | None:
    """Return what there is to say where too few trials are there for a verdict; None where they are enough.

    Args:
        cases: The trials.
        normalizers: Whose cells the rule reads.
        groups: Where; none where the suite has none of them, as an edited copy of a shipped one may.
    """
    if not groups:
        words = f"This {cases.suite} has none of the cells that the rule reads."
        return JudgedClaim((Answer("", Reading.INCOMPLETE, ()),), told=(words,))
    cells = cases.incomplete(normalizers, groups)
    if not cells:
        return None
    words = f"{cells} of the cells that the rule reads have too few trials: a verdict needs 95 % of each."
    return JudgedClaim((Answer("", Reading.INCOMPLETE, ()),), told=(words,))


def measured(cases: Iterable[Case], measure: Callable[[Trace], float], otherwise: float) -> list[float]:
    """Return what was measured of each trial; ``otherwise`` where its method could not run."""
    return [otherwise if case.trace is None else measure(case.trace) for case in cases]


def tail_table(cases: Cases, groups: Iterable[Group], key: str = "") -> Table:
    """Return the tails of some settings.

    Args:
        cases: The trials.
        groups: The settings.
        key: Of which measure; by default each protocol's own.
    """
    rows = []
    for group in groups:
        found = tail_of(cases, group, key or group.protocol.measure)
        lengths = ", ".join(str(found.by(Look(tail=step))) for step in (-1, 1))
        noise, error = ("–" if math.isnan(one) else f"{100 * one:.1f} %" for one in (found.noise, found.error))
        rows.append((group.title, str(found.evaluations), noise, str(found.length), error, lengths))
    head = ("setting", "evaluations", "noise of one", "tail", "standard error of its median", "read again with")
    return Table("Tails, from the noise before them", head, tuple(rows))


def nothing_seen(
    first: Sequence[Case],
    second: Sequence[Case],
    bad: Callable[[Case, bool], bool],
    threshold: float | None = None,
) -> Barred | None:
    """Return why a failure of the first of two cannot be compared; None where it can.

    Args:
        first: Trials of the one that is said to fail more often.
        second: Of the other.
        bad: Whether a trial shows the failure, and with undecided trials counted as failed.
        threshold: Where the first fails less often than so, there is nothing to reduce; None where that is not asked.
    """
    seen = [sum(bad(case, False) for case in side) for side in (first, second)]
    most = rate([bad(case, True) for case in first]).high
    if threshold is not None and most < threshold:
        words = f"seen in {seen[0]} of {len(first)} trials without, it happens in at most {percent(most)}"
        return Reading.NOTHING_TO_REDUCE, words
    if any(seen):
        return None
    undecided = sum(bad(case, True) for case in (*first, *second))
    more = f"; {undecided} are undecided" if undecided else ""
    return Reading.CANNOT_SPEAK, f"the failure was seen in none of the {len(first) + len(second)} trials{more}"
