"""The section on published numbers, as rows of words for page and markdown."""

from __future__ import annotations

from dataclasses import dataclass

from ganbench.reports import formatting as f
from ganbench.reports.published.matching import Apart, Match, Published

MATCHED = ("published", "number", "ours", "failed", "setting", "note")
"""Heads of the table of numbers by the same protocol."""

APART = ("published", "number", "why it may not be set beside ours")
"""Heads of the table of numbers by other protocols."""


@dataclass(frozen=True)
class Section:
    """What the page says of published numbers.

    Attributes:
        sentence: What there is.
        matched: A row of words for each number by our protocol, under :data:`MATCHED`.
        near: One for each on our data sets by another protocol, under :data:`APART`.
        far: How many more only share a normalizer.
    """

    sentence: str
    matched: tuple[tuple[str, ...], ...]
    near: tuple[tuple[str, ...], ...]
    far: int


def section(found: Published) -> Section:
    """Put what was found into words."""
    return Section(
        sentence=found.sentence,
        matched=tuple(_matched(match) for match in found.matched),
        near=tuple(_apart(item) for item in found.near),
        far=len(found.far),
    )


def _matched(match: Match) -> tuple[str, ...]:
    unmeasured = f", {match.unmeasured} without a number" if match.unmeasured else ""
    return (
        _who(match),
        _number(match),
        f"{f.quality(match.ours)} ({match.normalizer})",
        f"{match.failed}/{match.trials}{unmeasured}",
        f"{match.setting}: {match.measure}, {match.better} is better",
        match.row.note,
    )


def _apart(item: Apart) -> tuple[str, ...]:
    return (_who(item), _number(item), "; ".join([*item.differs, *_note(item)]))


def _who(item: Match | Apart) -> str:
    row = item.row
    return f"{row.method} on {row.their_dataset} ({row.source})"


def _number(item: Match | Apart) -> str:
    row = item.row
    spread = f" ({row.std_of})" if row.std is not None and row.std_of else ""
    return f"{row.their_metric} {f.as_published(row.value, row.std)}{spread}"


def _note(item: Match | Apart) -> list[str]:
    return [item.row.note] if item.row.note else []
