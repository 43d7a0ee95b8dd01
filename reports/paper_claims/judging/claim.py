"""What a claim is, and what is found of it in one suite."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ganbench.reports.paper_claims.judging.cases import Case, Cases
from ganbench.reports.paper_claims.judging.reading import Answer, Reading

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
    """One of the claims in ``rules.md``.

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
