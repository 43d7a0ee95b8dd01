"""What the numbers allow one to say, in sentences. Every claim of the page that is not a number is made here."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

from ganbench.reports.board import Board
from ganbench.reports.board.comparisons import Pair
from ganbench.reports.board.counting import Count
from ganbench.reports.evidence import Evidence
from ganbench.reports.formatting import count, listing, named, of, p_value, percent, rate, thousands

CLAIMS = 60
"""Of separated pairs, and of others, that are spoken of; any two can be compared on the page."""

FAR = 1000
"""Seeds in each setting; of more, no number is said."""

NAMES = 5
"""In a row, in the headline."""


def headline(evidence: Evidence, board: Board) -> str:
    """Answer "what should I use, and how sure are you?" in one or two sentences."""
    rows = [row for row in board.rows if row.count.trials]
    if not rows:
        return "No trial has been committed yet, so nothing can be said."
    if len(rows) == 1:
        return f"{named(rows[0].normalizer)} failed in {_share(rows[0].count)}; there is nothing to compare it with."
    if all(row.count.unstable == 0 for row in rows):
        return "No trial failed: this suite is too easy, or has too few seeds, to tell its normalizers apart."
    if all(row.count.unstable == row.count.trials for row in rows):
        return "Every trial failed: nothing here can be recommended."
    best = rows[0]
    least = [named(row.normalizer) for row in rows if row.count.rate == best.count.rate]
    beaten = [pair.worse for pair in board.pairs if pair.significant and pair.better == best.normalizer]
    level = [named(row.normalizer) for row in rows if row is not best and row.normalizer not in beaten]
    partly = ""
    if best.settings < len(evidence.groups):
        partly = f" It was tried in {best.settings} of {count(len(evidence.groups), 'setting')} only."
    if not beaten:
        return (
            f"Not enough seeds to recommend one. {_some(least)} failed least often ({rate(best.count)}),"
            f" and no other normalizer is significantly worse.{partly}"
        )
    worse = [named(row.normalizer) for row in rows if row.normalizer in beaten]
    use = "Use" if evidence.committed == evidence.planned else "So far, use"
    claim = (
        f"{use} {named(best.normalizer)} on settings like these{_settings(evidence)}: it failed in {_share(best.count)},"
        " significantly less often than"
    )
    if not level:
        return f"{claim} every other normalizer here.{partly}"
    return f"{claim} {_some(worse)}. There are not enough seeds to separate it from {_some(level, 'or')}.{partly}"


def _settings(evidence: Evidence) -> str:
    """Return on what, and for how long, was trained: `` (400 to 1,000 steps on ring8 and digits)``."""
    steps = sorted({cell["spec"]["steps"] for cell in evidence.plan["cells"] if "steps" in cell["spec"]})
    datasets = list(dict.fromkeys(group.dataset for group in evidence.groups))
    on = listing([named(name) for name in datasets]) if len(datasets) <= 3 else count(len(datasets), "data set")
    if not steps:
        return f" ({on})"
    budget = " to ".join(thousands(budget) for budget in dict.fromkeys((steps[0], steps[-1])))
    return f" ({budget} steps on {on})"


def _some(names: list[str], last: str = "and") -> str:
    """Return a few names and how many more there are: a headline is read at once."""
    if len(names) <= NAMES:
        return listing(names, last)
    return listing([*names[: NAMES - 1], count(len(names) - NAMES + 1, "other")], last)


def intro(evidence: Evidence) -> str:
    """Say what the first table shows."""
    return (
        "The instability rate is the share of seeded trainings that failed, as the mean over"
        f" {count(len(evidence.groups), 'setting')} with {_seeds(evidence)} each, with its 95 % interval."
        " A rank is an interval too: all the places that the data leave open."
    )


def seeds_each(evidence: Evidence) -> str:
    """Say how many seeds a cell has: as planned, and from the fewest to the most where suites differ in that."""
    fewest = min(evidence.wanted.values(), default=evidence.seeds)
    most = count(evidence.seeds, "seed")
    return most if fewest == evidence.seeds else f"{fewest} to {most}"


def _seeds(evidence: Evidence) -> str:
    if evidence.sequential is None:
        return seeds_each(evidence)
    return f"{evidence.sequential.least} to {evidence.sequential.most} seeds, as many as it took"


def caution(evidence: Evidence, board: Board) -> str:
    """Say what is missing, and how far that could move the rates; empty when nothing is."""
    if evidence.committed == evidence.planned:
        return ""
    parts = []
    for row in board.rows:
        if row.count.missing and row.count.trials:
            low, high = _bounds(board, row.normalizer)
            parts.append(f"{named(row.normalizer)} {percent(low)} to {percent(high)}")
    missing = evidence.planned - evidence.committed
    text = f"Provisional: missing are {missing} of {count(evidence.planned, 'planned trial')}."
    if parts:
        text += f" If all of them turned out stable, or all failed, the instability rates would be: {'; '.join(parts)}."
        text += (
            f" That could change the order: {listing(moved)}."
            if (moved := _movable(board))
            else " No order would change."
        )
    return text


def _movable(board: Board) -> list[str]:
    """Return neighbours in the table whose order the missing trials could turn round."""
    rows = [row for row in board.rows if row.count.trials]
    return [
        f"{named(first.normalizer)} and {named(second.normalizer)}"
        for first, second in pairwise(rows)
        if (first.count.missing or second.count.missing)
        and _bounds(board, first.normalizer)[1] > _bounds(board, second.normalizer)[0]
    ]


def conclusion(pair: Pair) -> str:
    """Say what a comparison of two normalizers supports."""
    first, second, better, worse = (named(name) for name in (pair.first, pair.second, pair.better, pair.worse))
    if not pair.shared:
        return f"{first} and {second} share no trials yet."
    found = (
        f"of {count(pair.shared, 'shared pair')} only {first} failed in {pair.only_first} and only {second} in"
        f" {pair.only_second}"
    )
    if not pair.significant and pair.test is not None:
        return f"Not enough seeds to separate {first} and {second}: {found}, and the {pair.test} test left it open."
    if not pair.significant:
        missing = (
            f"not enough seeds to separate {first} and {second}: {found} (Holm {p_value(pair.holm_p)})"
            f"{_outlook(pair)}.{_disagreement(pair)}"
        )
        if not pair.significant_to_baseline:
            return missing[0].upper() + missing[1:]
        return (
            f"Among the comparisons with the baseline alone, {better} failed significantly less often than {worse}"
            f" (Holm {p_value(pair.baseline_p or 0)}); among all pairs there are {missing}"
        )
    fewer, more = sorted((pair.only_first, pair.only_second))
    grounds = f"Holm {p_value(pair.holm_p)}"
    if pair.test is not None:
        grounds = f"{pair.test} test, decided with {count(pair.separated or 0, 'seed')}"
    return (
        f"{better} failed significantly less often than {worse}: of {count(pair.shared, 'shared pair')},"
        f" only {worse} failed in {more} and only {better} in {fewer} ({grounds}).{_disagreement(pair)}"
    )


def _outlook(pair: Pair) -> str:
    """Say what it would take to separate the two."""
    few = pair.only_first + pair.only_second < pair.needed
    least = f"; fewer than {count(pair.needed, 'such pair')} cannot claim anything" if few else ""
    if not math.isfinite(pair.enough):
        return f"{least}; they failed equally often"
    seeds = seeds_to_separate(pair) or 0
    many = f"more than {thousands(FAR)} seeds" if seeds > FAR else f"about {count(seeds, 'seed')}"
    return f"{least}; if that went on, {many} in each setting would"


def seeds_to_separate(pair: Pair) -> int | None:
    """Return about how many seeds in each setting would separate the two, if discordant pairs went on as they came.

    No fewer than bring as many discordant pairs as any claim needs: of few pairs the approximation would promise more.
    None where they failed equally often, or share no pairs.
    """
    if not math.isfinite(pair.enough):
        return None
    least = pair.needed * pair.shared / (pair.only_first + pair.only_second)
    return math.ceil(max(pair.enough, least) / max(1, pair.groups_first + pair.groups_second + pair.groups_level))


def _disagreement(pair: Pair) -> str:
    """Say in how many settings each failed less often, where settings disagree."""
    if not (pair.groups_first and pair.groups_second):
        return ""
    return (
        f" The settings disagree: {named(pair.first)} failed less often in {pair.groups_second}, {named(pair.second)} in"
        f" {pair.groups_first}."
    )


@dataclass(frozen=True)
class Claims:
    """What is said of pairs of normalizers, those with the baseline first where there are too many.

    Attributes:
        sure: Pairs that are separated, with their sentences; the surest first.
        open: Pairs that the seeds leave open.
        more_sure: How many more are separated.
        more_open: How many more are open.
    """

    sure: tuple[tuple[Pair, str], ...]
    open: tuple[tuple[Pair, str], ...]
    more_sure: int
    more_open: int


def claims(evidence: Evidence, board: Board) -> Claims:
    """Return what the page says of pairs, at most :data:`CLAIMS` of those that are separated and of the others."""
    sure, more_sure = _first(evidence, [pair for pair in board.pairs if pair.significant])
    open_, more_open = _first(evidence, [pair for pair in board.pairs if not pair.significant])
    said = [tuple((pair, conclusion(pair)) for pair in pairs) for pairs in (sure, open_)]
    return Claims(said[0], said[1], more_sure, more_open)


def _first(evidence: Evidence, pairs: list[Pair]) -> tuple[list[Pair], int]:
    if len(pairs) <= CLAIMS:
        return pairs, 0
    baseline = evidence.plan.get("baseline")
    return sorted(pairs, key=lambda pair: baseline not in (pair.first, pair.second))[:CLAIMS], len(pairs) - CLAIMS


def first_failure(step: int | None) -> str:
    """Return when a trial failed."""
    return "did not run" if step is None else "from the start" if step == 0 else f"step {step}"


def _share(counts: Count) -> str:
    return f"{of(counts)} trials, {rate(counts)}"


def _bounds(board: Board, normalizer: str) -> tuple[float, float]:
    """Return the mean of the cells' rates if all missing trials were stable, and if all failed."""
    counts = [cell.count for cell in board.cells if cell.normalizer == normalizer]
    low = sum(item.unstable / item.planned for item in counts) / len(counts)
    high = sum((item.unstable + item.missing) / item.planned for item in counts) / len(counts)
    return low, high
