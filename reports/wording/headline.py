"""The sentence on top of the page: what failed least, by how much, how sure, on what, at what cost, and level with what."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from ganbench.reports.board import Board, Row
from ganbench.reports.evidence import Evidence
from ganbench.reports.formatting import count, digits_apart, length, named, percent, rate, thousands

WORDS = 25
"""At most, with a name or a number with its unit as one."""


def headline(evidence: Evidence, board: Board) -> str:
    """Return the sentence. A method is said to be the more stable one only as far as the tests say it.

    "On settings like these" needs both levels of ``board.comparisons``, "in these settings" the first.
    """
    rows = [row for row in board.rows if row.count.trials]
    if not rows:
        return "No trial has been committed yet, so nothing can be said."
    texts = [_so_far(evidence) + text for text in _variants(board, rows)]
    return next((text for text in texts if length(text) <= WORDS), texts[-1])


def _variants(board: Board, rows: Sequence[Row]) -> list[str]:
    """Return what can be said of an order with trials, the longest variant first."""
    order = _of_the_order(board)
    if len(rows) == 1 and rows[0].count.decided:
        alone = "there is no other" if len(board.all_rows) == 1 else "no other ran in all of its settings"
        return [f"{named(rows[0].normalizer)} failed in {_share(rows[0])}, and {alone}."]
    if not any(row.count.unstable for row in rows):
        return [_none_failed(board, rows)]
    if all(row.count.unstable == row.count.decided for row in rows):
        return [f"Every decided trial{order} failed: nothing{order} shows which method is more stable."]
    decided = [row for row in rows if row.count.decided]
    lowest = min(row.count.middle for row in decided)
    least = [row for row in decided if math.isclose(row.count.middle, lowest, abs_tol=1e-9)]
    best = max((row for row in least if not _but(row, board)), key=lambda row: _claims(row, board), default=least[0])
    unequal = any(not math.isclose(row.count.rate, best.count.rate, abs_tol=1e-9) for row in least)
    if unequal or any(row.count.rate < best.count.rate - 1e-9 or row.count.middle < lowest - 1e-9 for row in rows):
        return [f"Open: which method{order} failed least depends on the trials that are undecided."]
    if but := _but(best, board):
        return [f"Open: {named(best.normalizer)} failed least{order} ({_rate(best)}), but {but}."]
    return _failed_least(board, rows, best, len(least) - 1)


def _so_far(evidence: Evidence) -> str:
    return "" if evidence.complete else "So far: "


def _of_the_order(board: Board) -> str:
    """Return words for where others ran that are not in the order; empty where none did."""
    return " in the order" if any(row.count.trials for row in board.apart) else ""


def _claims(row: Row, board: Board) -> tuple[int, int]:
    """Return how many others of the order a normalizer is shown to fail less often than: on both levels."""
    return len(_beaten(row, board, "elsewhere")), len(_beaten(row, board, "significant"))


def _beaten(row: Row, board: Board, level: str) -> list[str]:
    """Return the others of the order that a normalizer fails less often than, on a level."""
    found = [pair.worse for pair in board.pairs if getattr(pair, level) and pair.better == row.normalizer]
    return [name for name in found if name in board.standing.names]


def _failed_least(board: Board, rows: Sequence[Row], best: Row, equal: int) -> list[str]:
    """Say which one failed least, and as far as the tests say it against which others; the longest variant first."""
    name, settings, order = named(best.normalizer), len(board.standing.settings), _of_the_order(board)
    these = "this setting" if settings == 1 else f"these {settings} settings"
    level = next((level for level in ("elsewhere", "significant") if _beaten(best, board, level)), None)
    if level is None and any(_claims(row, board) > (0, 0) for row in rows):
        but = "but is not shown to fail less often than any other"
        return [f"{name} failed least{order} in {these}, {rate(best.count)}, {but}."]
    if level is None:
        none = f"{'In the order, no' if order else 'No'} method is shown more stable in {these}"
        if learns := _learns_more(board, rows):
            return [f"{none}; {learns}."]
        others = f" and {count(equal, 'other')}" if equal else ""
        return [f"{none}; {name}{others} failed least: {rate(best.count)}."]
    worse = _beaten(best, board, level)
    rates = [row.count.rate for row in rows if row.normalizer in worse]
    if min(rates) <= best.count.rate:
        return [
            f"Open: on the trials that they share {name} failed less often than {_those(worse)}, in the"
            " mean over settings not."
        ]
    digits = digits_apart(best.count.rate, min(rates))
    against = " to ".join(dict.fromkeys(percent(share, digits) for share in (min(rates), max(rates))))
    timed = math.isfinite(best.cost) and board.reference != best.normalizer
    cost = f", at {best.cost:.2f}× step time" if timed else ""
    # That it failed least is said where it is shown of all others on the level that is spoken of, or else of how many.
    left = len(board.rows) - 1 - len(worse)
    did = f"failed less often than {_those(worse)}" if left else f"failed least{order}"
    counted = f"; {left} open{order if left else ''}"
    ends = [f"{cost}{counted}", counted, ""]
    if level == "elsewhere":
        low, high = best.elsewhere
        found = f"{rate(replace(best.count, low=low, high=high), digits)} against {against}"
        return [f"{name} {did} on {settings} settings like these: {found}{end}." for end in ends]
    found = f"{rate(best.count, digits)} against {against}"
    return [f"In {these} {name} {did}: {found}{end}. Elsewhere: open for it." for end in ends]


def _learns_more(board: Board, rows: Sequence[Row]) -> str:
    """Say which one learns more often than others of the order; empty where none is shown to."""
    learns = [
        pair.learns_more
        for pair in board.pairs
        if pair.learns_less and {pair.learns_more, pair.learns_less} <= set(board.standing.names)
    ]
    if not learns:
        return ""
    best = max(rows, key=lambda row: learns.count(row.normalizer))
    return f"{named(best.normalizer)} learns more often than {count(learns.count(best.normalizer), 'other')}"


def _none_failed(board: Board, rows: Sequence[Row]) -> str:
    """Say of an order without a failure what was seen instead."""
    undecided, trials = sum(row.count.undecided for row in rows), sum(row.count.trials for row in rows)
    not_learnt = sum(row.count.not_learnt for row in rows)
    if undecided == trials:
        return f"No trial{_of_the_order(board)} could be decided: all {thousands(trials)} are undecided."
    of_these = f"{thousands(trials - undecided)} decided" if undecided else thousands(trials)
    found = f"No trial{_of_the_order(board)} failed, of {of_these}" + (
        f"; {thousands(not_learnt)} did not learn" if not_learnt else ""
    )
    if learns := _learns_more(board, rows):
        return f"{found}. In these settings {learns}."
    return f"{found}. Nothing{_of_the_order(board)} shows which method is more stable."


def _but(row: Row, board: Board) -> str:
    """Say what speaks against a normalizer, however seldom it failed; empty where nothing does."""
    counts = row.count
    if 2 * counts.undecided > counts.trials:
        return f"{counts.undecided} of its {count(counts.trials, 'trial')} are undecided"
    if 2 * counts.not_learnt > counts.decided:
        return f"{counts.not_learnt} of its {count(counts.decided, 'decided trial')} did not learn"
    learn = [pair.learns_more for pair in board.pairs if pair.learns_less == row.normalizer]
    if learn:
        return f"it learns significantly less often than {_those(learn)}"
    fail = [pair.better for pair in board.pairs if pair.significant and pair.worse == row.normalizer]
    return f"{_those(fail)} failed significantly less often on shared trials together" if fail else ""


def _those(names: Sequence[str]) -> str:
    return named(names[0]) if len(names) == 1 else f"{len(names)} others"


def _rate(row: Row) -> str:
    """Return how often a normalizer failed: counts, where these say the same as its rate."""
    counts = row.count
    same = math.isclose(counts.rate, counts.unstable / counts.decided, abs_tol=1e-9)
    return _share(row) if same else f"{percent(counts.rate)}, the mean over settings"


def _share(row: Row) -> str:
    of_these = "decided trial" if row.count.undecided else "trial"
    return f"{row.count.unstable} of {count(row.count.decided, of_these)}"
