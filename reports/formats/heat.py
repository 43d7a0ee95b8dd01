"""The map of failures: a row for every setting, a column for every normalizer, as the page shows it."""

from __future__ import annotations

from dataclasses import dataclass

from ganbench.harness.stability.verdict import NOT_LEARNT, UNDECIDED
from ganbench.reports import formatting as f
from ganbench.reports.board import Board, CellRow
from ganbench.reports.evidence import Evidence, Group
from ganbench.reports.formats.comparison_data import LETTERS


@dataclass(frozen=True)
class HeatCell:
    """One cell of the map.

    Attributes:
        cell: The numbers.
        id: Identity of the cell.
        words: Rate, interval, failure modes and other outcomes, for whoever points at it or hears it.
        modes: How often each failure mode was found, those that were: ``"mode_collapse:3 diverged:1"``; likewise how many
            did not learn, and how many are undecided.
        others: How many those are, in letters: ``"3n 5u"``.
    """

    cell: CellRow
    id: str
    words: str
    modes: str
    others: str


@dataclass(frozen=True)
class HeatRow:
    """One setting.

    Attributes:
        group: The setting.
        rate: Mean rate of its normalizers: how hard it is. Nan without decided trials.
        cells: In the order of the leaderboard; None where the plan has no such cell.
    """

    group: Group
    rate: float
    cells: tuple[HeatCell | None, ...]


def heat(evidence: Evidence, board: Board) -> list[HeatRow]:
    """Return the map, settings in the plan's order and normalizers in that of the leaderboard."""
    known = {(cell.group.title, cell.normalizer): cell for cell in board.cells}
    return [
        _row(group, [known.get((group.title, row.normalizer)) for row in board.all_rows]) for group in evidence.groups
    ]


def _row(group: Group, cells: list[CellRow | None]) -> HeatRow:
    rates = [cell.count.rate for cell in cells if cell is not None and cell.count.decided]
    mean = sum(rates) / len(rates) if rates else float("nan")
    return HeatRow(group, mean, tuple(None if cell is None else _cell(cell) for cell in cells))


def _cell(cell: CellRow) -> HeatCell:
    found = {mode: times for mode, times in cell.count.modes.items() if times}
    words = f.rate(cell.count) if cell.count.trials else "missing"
    words += f"; {f.modes(found)}" if found else ""
    words += f"; first failed at step {f.steps(cell.since)}" if cell.since else ""
    words += f"; {others}" if (others := f.others(cell.count)) else ""
    neither = {NOT_LEARNT: cell.count.not_learnt, UNDECIDED: cell.count.undecided}
    found |= {outcome: times for outcome, times in neither.items() if times}
    return HeatCell(
        cell,
        cell.group.cells[cell.normalizer],
        words,
        " ".join(f"{mode}:{times}" for mode, times in found.items()),
        " ".join(f"{times}{LETTERS[outcome]}" for outcome, times in neither.items() if times),
    )
