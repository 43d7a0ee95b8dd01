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
        return _none_failed(board, rows)
    if all(row.count.unstable == row.count.decided for row in rows):
        every = f"Every decided trial{order} failed: nothing{order} shows which method is more stable."
        return _undecided_too(rows, [every])
    least = _lowest(rows, [row.count.rate for row in rows])  # of the decided trials
    sure = [row for row in least if not _but(row, board)]
    depends = [f"Open: which method{order} failed least depends on the trials that are undecided."]
    if any(row not in least for row in _lowest(rows, [row.count.middle for row in rows])):
        return depends
    if sure:
        best = max(sure, key=lambda row: (*_claims(row, board), -row.count.middle))
        return _failed_least(board, rows, best, len(least) - 1)
    equal, first = len(least) - 1, least[0]
    if equal and any(row.count.undecided for row in least):
        return depends
    name = f"{named(first.normalizer)}{_and_others(equal)}"
    but = _but(first, board, alone=not equal)
    texts = [f"Open: {name} failed least{order}{share}, but {but}." for share in (f" ({_rate(first)})", "")]
    return [*texts, f"Open: {name} failed least{order}, but the tests say otherwise."]


def _lowest(rows: Sequence[Row], values: Sequence[float]) -> list[Row]:
    """Return the rows with the lowest of some values, of which not all are nan."""
    lowest = min(value for value in values if not math.isnan(value))
    return [row for row, value in zip(rows, values, strict=True) if math.isclose(value, lowest, abs_tol=1e-9)]


def _and_others(equal: int) -> str:
    return f" and {count(equal, 'other')}" if equal else ""


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
    return board.beaten.get((row.normalizer, level == "elsewhere"), [])


def _failed_least(board: Board, rows: Sequence[Row], best: Row, equal: int) -> list[str]:
    """Say which one failed least, and as far as the tests say it against which others; the longest variant first.

    Args:
        board: All numbers.
        rows: Those of the order that have trials.
        best: One of those with the lowest rate.
        equal: How many others have that rate.
    """
    name, settings, order = named(best.normalizer), len(board.standing.settings), _of_the_order(board)
    these = "this setting" if settings == 1 else f"these {settings} settings"
    level = next((level for level in ("elsewhere", "significant") if _beaten(best, board, level)), None)
    if level is None:
        return _undecided_too(rows, _not_shown(board, rows, best, equal, these))
    beaten = _beaten(best, board, level)
    worse = {row.normalizer: row.count.rate for row in rows if row.normalizer in beaten}
    if not_above := [other for other, share in worse.items() if share <= best.count.rate + 1e-9]:
        return [
            f"Open: on the trials that they share {name} failed less often than {_those(not_above)}, in the"
            " mean over settings not."
        ]
    digits = digits_apart(best.count.rate, min(worse.values()))
    against = " to ".join(dict.fromkeys(percent(share, digits) for share in (min(worse.values()), max(worse.values()))))
    timed = math.isfinite(best.cost) and board.reference != best.normalizer
    cost = f", at {best.cost:.2f}× step time" if timed else ""
    # That it failed least is said where it is shown of all others on the level that is spoken of, or else of how many.
    left = len(board.rows) - 1 - len(worse)
    did = f"failed less often than {_those([*worse])}" if left else f"failed least{order}{_if_unlearnt(best)}"
    counted = f"; {left} open{order if left else ''}"
    low, high = best.elsewhere
    own = rate(replace(best.count, low=low, high=high) if level == "elsewhere" else best.count, digits)
    found, short = (f": {share} against {against}" for share in (own, percent(best.count.rate, digits)))
    ends = [f"{found}{cost}{counted}", f"{found}{counted}", found, short, ""]
    if level == "elsewhere":
        return [f"{name} {did} on {settings} settings like these{end}." for end in ends]
    return [f"In {these} {name} {did.removesuffix(',')}{end}. Elsewhere: open for it{order}." for end in ends]


def _if_unlearnt(row: Row) -> str:
    return ", but mostly did not learn," if _mostly_unlearnt(row) else ""


def _not_shown(board: Board, rows: Sequence[Row], best: Row, equal: int, these: str) -> list[str]:
    """Say which one failed least where it is not shown of any other; the longest variant first."""
    name, order = named(best.normalizer), _of_the_order(board)
    others = _and_others(equal)
    shares = [*([] if equal else [rate(best.count)]), percent(best.count.rate)]
    if any(_claims(row, board) > (0, 0) for row in rows):
        but = f"but {f'{name} ' if equal else ''}not significantly less often than any other"
        return [
            f"{name}{others} failed least{order}{where}, {share}, {but}."
            for where in (f" in {these}", "")
            for share in shares
        ]
    none = f"{'In the order, no' if order else 'No'} method is shown more stable"
    if learns := _learns_more(board, rows):
        return [f"{none} in {these}; {learns}."]
    return [
        f"{none}{where}; {name}{others} failed least: {share}." for where in (f" in {these}", "") for share in shares
    ]


def _undecided_too(rows: Sequence[Row], texts: Sequence[str]) -> list[str]:
    """Say with sentences that claim nothing that most trials are undecided, where they are; the longest variant first."""
    undecided, trials = sum(row.count.undecided for row in rows), sum(row.count.trials for row in rows)
    if 2 * undecided <= trials:
        return [*texts]
    notes = (f"{thousands(undecided)} of {count(trials, 'trial')} are undecided", "most trials are undecided")
    return [*(f"{text.removesuffix('.')}; {note}." for note in notes for text in texts), *texts]


def _learns_more(board: Board, rows: Sequence[Row]) -> str:
    """Say which one learns more often than others of the order; empty where none is shown to."""
    learns = [
        pair.learns_more
        for pair in board.pairs
        if pair.learns_less
        and {pair.learns_more, pair.learns_less} <= set(board.standing.names)
        and not board.torn_in_learning(pair)
    ]
    if not learns:
        return ""
    best = max(rows, key=lambda row: learns.count(row.normalizer))
    return f"{named(best.normalizer)} learns more often than {count(learns.count(best.normalizer), 'other')}"


def _none_failed(board: Board, rows: Sequence[Row]) -> list[str]:
    """Say of an order without a failure what was seen instead; the longest variant first."""
    undecided, trials = sum(row.count.undecided for row in rows), sum(row.count.trials for row in rows)
    not_learnt, order = sum(row.count.not_learnt for row in rows), _of_the_order(board)
    if undecided == trials:
        return [f"No trial{order} could be decided: all {thousands(trials)} are undecided."]
    of_these = f"{thousands(trials - undecided)} decided" if undecided else thousands(trials)
    learns = _learns_more(board, rows)
    shown = f"In these settings {learns}" if learns else f"Nothing{order} shows which method is more stable"
    others = [f"; {thousands(not_learnt)} did not learn", ""] if not_learnt else [""]
    return _undecided_too(rows, [f"No trial{order} failed, of {of_these}{other}. {shown}." for other in others])


def _but(row: Row, board: Board, *, alone: bool = True) -> str:
    """Say what speaks against that a normalizer is the most stable, however seldom it failed; empty where nothing does.

    Args:
        row: Of the normalizer.
        board: All numbers.
        alone: Whether no other one is spoken of.
    """
    counts, it = row.count, "it" if alone else named(row.normalizer)
    its = "its" if alone else f"{it}'s"
    if len(_beaten(row, board, "significant")) == len(board.rows) - 1:
        return ""
    if 2 * counts.undecided > counts.trials:
        return f"{counts.undecided} of {its} {count(counts.trials, 'trial')} are undecided"
    if _mostly_unlearnt(row):
        return f"{counts.not_learnt} of {its} {count(counts.decided, 'decided trial')} did not learn"
    learn = [pair.learns_more for pair in board.pairs if pair.learns_less == row.normalizer]
    if learn:
        return f"{it} learns significantly less often than {_those(learn)}"
    fail = [pair.better for pair in board.pairs if pair.significant and pair.worse == row.normalizer]
    than = "" if alone else f" than {it}"
    return f"{_those(fail)} failed significantly less often{than} on shared trials together" if fail else ""


def _mostly_unlearnt(row: Row) -> bool:
    return 2 * row.count.not_learnt > row.count.decided


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
