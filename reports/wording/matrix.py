"""All pairs of the order at once: a matrix of differences, with what was shown of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ganbench.reports.board import Board
from ganbench.reports.board.pair import Pair
from ganbench.reports.formatting import points

ELSEWHERE, HERE, MIXED, OPEN = "elsewhere", "here", "mixed", "open"
MARKS = {ELSEWHERE: "●", HERE: "○", MIXED: "◐", OPEN: ""}
LEARNS = {1: "▲", -1: "▼"}
LEGEND = (
    "A number is the rate of the row less that of the column, in percentage points, on the trials that both have, all"
    " settings together: it can differ from that of the rates, which are means over settings. ● separated on settings like"
    " these, ○ in these settings only, no mark: open."
)
BOTH = " ◐ mixed: the one that failed significantly less often learns significantly less often."
EMPTY = " Empty: no decided trial of both."
LEARNING = " ▲ the row learns significantly more often, ▼ less often."


@dataclass(frozen=True)
class Entry:
    """What is said of a row's normalizer against a column's.

    Attributes:
        text: The difference, with its marks; empty where they share nothing.
        level: :data:`ELSEWHERE`, :data:`HERE`, :data:`MIXED` or :data:`OPEN`.
        better: Whether the row's is the more stable one, where they are separated.
    """

    text: str
    level: str
    better: bool


def level_of(pair: Pair) -> str:
    """Return on which level two normalizers are separated in how often they fail."""
    if pair.mixed:
        return MIXED
    return ELSEWHERE if pair.elsewhere else HERE if pair.significant else OPEN


def matrix(board: Board) -> list[tuple[str, list[Entry | None]]]:
    """Return a row for each normalizer of the order, with an entry for each; None on the diagonal."""
    names = [row.normalizer for row in board.rows]
    pairs = {frozenset((pair.first, pair.second)): pair for pair in board.pairs}
    return [
        (name, [None if other == name else _entry(name, pairs[frozenset((name, other))]) for other in names])
        for name in names
    ]


def legend(rows: Sequence[tuple[str, Sequence[Entry | None]]]) -> str:
    """Return what the signs mean that are in a matrix."""
    texts = [entry.text for _, entries in rows for entry in entries if entry is not None]
    learns = any(mark in text for mark in LEARNS.values() for text in texts)
    mixed = any(MARKS[MIXED] in text for text in texts)
    return LEGEND + BOTH * mixed + LEARNING * learns + EMPTY * ("" in texts)


def _entry(name: str, pair: Pair) -> Entry:
    level = level_of(pair)
    if not pair.shared:
        return Entry("", level, better=False)
    difference = pair.difference().value * (1 if pair.first == name else -1)
    learns = "" if not pair.learns_less else LEARNS[-1 if pair.learns_less == name else 1]
    text = " ".join(part for part in (points(difference), MARKS[level], learns) if part)
    return Entry(text, level, better=pair.significant and pair.better == name)
