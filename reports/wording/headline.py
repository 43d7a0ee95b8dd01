"""What the numbers allow one to say, in sentences. Every claim of the page that is not a number is made here."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

from ganbench.reports.board import Board, Row
from ganbench.reports.board.comparisons import Pair, Tested
from ganbench.reports.board.counting import Count
from ganbench.reports.evidence import Evidence
from ganbench.reports.formatting import (
    bounds,
    budgets,
    count,
    listing,
    named,
    of,
    p_value,
    percent,
    rate,
    thousands,
)

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
        return _none_failed(evidence, board, rows)
    if all(row.count.unstable == row.count.trials for row in rows):
        return "Every trial failed: nothing here can be recommended."
    # Of several that failed equally often, the first one that a recommendation could be made of.
    level_first = [row for row in rows if row.count.rate == rows[0].count.rate] or rows[:1]
    best = next((row for row in level_first if not _unfit(row, board)), rows[0])
    if against := _unfit(best, board):
        return (
            f"Nothing can be recommended: {named(best.normalizer)} stands first ({of(best.count)} decided trials failed),"
            f" but {against}."
            f"{_learnt(evidence, board, best)}"
        )
    least = [named(row.normalizer) for row in rows if row.count.rate == best.count.rate]
    beaten = [pair.worse for pair in board.pairs if pair.significant and pair.better == best.normalizer]
    level = [named(row.normalizer) for row in rows if row is not best and row.normalizer not in beaten]
    partly = ""
    if best.settings < len(evidence.groups):
        partly = f" It was tried in {best.settings} of {count(len(evidence.groups), 'setting')} only."
    if not beaten:
        lacking = "seeds" if not any(row.count.undecided for row in rows) else "decided trials"
        return (
            f"Not enough {lacking} to recommend one. {_some(least)} failed least often ({rate(best.count)}),"
            f" and no other normalizer is significantly worse.{partly}{_learnt(evidence, board, best)}"
        )
    worse = [named(row.normalizer) for row in rows if row.normalizer in beaten]
    use = "Use" if evidence.committed == evidence.planned else "So far, use"
    claim = (
        f"{use} {named(best.normalizer)} on settings like these{_settings(evidence)}: it failed in {_share(best.count)},"
        " significantly less often than"
    )
    if not level:
        return f"{claim} every other normalizer here.{partly}"
    return f"{claim} {_some(worse)}. {_open(rows)} from {_some(level, 'or')}.{partly}"


def _open(rows: list[Row]) -> str:
    """Say why the best one is not separated from others."""
    if any(row.count.undecided or row.count.not_learnt for row in rows):
        return "What was seen does not separate it"
    return "There are not enough seeds to separate it"


def _none_failed(evidence: Evidence, board: Board, rows: list[Row]) -> str:
    """Say of a board without a failure what was seen instead."""
    undecided = sum(row.count.undecided for row in rows)
    not_learnt = sum(row.count.not_learnt for row in rows)
    decided = sum(row.count.decided for row in rows)
    if not undecided and not not_learnt:
        return "No trial failed: this suite is too easy, or has too few seeds, to tell its normalizers apart."
    if not decided:
        return f"No trial could be decided: all {undecided} are undecided, so nothing here can be recommended."
    found = f"No trial failed of the {thousands(decided)} that could be decided"
    found += f", and {thousands(not_learnt)} of them did not learn" if not_learnt else ""
    found += f"; {thousands(undecided)} {'is' if undecided == 1 else 'are'} undecided" if undecided else ""
    return f"{found}. Nothing here says which normalizer is more stable.{_learnt(evidence, board, rows[0])}"


def _unfit(row: Row, board: Board) -> str:
    """Say why a normalizer cannot be recommended, however seldom it failed; empty where nothing speaks against it."""
    counts = row.count
    if 2 * counts.undecided > counts.trials:
        return f"{counts.undecided} of its {count(counts.trials, 'trial')} are undecided"
    if 2 * counts.not_learnt > counts.decided:
        return f"{counts.not_learnt} of its {count(counts.decided, 'decided trial')} did not learn"
    better = [
        pair.second if pair.first == row.normalizer else pair.first
        for pair in board.pairs
        if pair.learns_less == row.normalizer
    ]
    return f"it learns significantly less often than {_some([named(name) for name in better])}" if better else ""


def _learnt(evidence: Evidence, board: Board, row: Row) -> str:
    """Say than which others a normalizer learns significantly more often."""
    slower = {pair.learns_less for pair in board.pairs if row.normalizer in (pair.first, pair.second)}
    names = [named(other.normalizer) for other in board.rows if other.normalizer in slower - {row.normalizer}]
    if not names:
        return ""
    return (
        f" Within {budgets(evidence.budgets)}, {named(row.normalizer)} has significantly fewer trials that did not learn"
        f" than {_some(names)}."
    )


def _settings(evidence: Evidence) -> str:
    """Return on what, and for how long, was trained: `` (400 to 1,000 steps on ring8 and digits)``."""
    datasets = list(dict.fromkeys(group.dataset for group in evidence.groups))
    on = listing([named(name) for name in datasets]) if len(datasets) <= 3 else count(len(datasets), "data set")
    return f" ({budgets(evidence.budgets)} on {on})" if evidence.budgets else f" ({on})"


def _some(names: list[str], last: str = "and") -> str:
    """Return a few names and how many more there are: a headline is read at once."""
    if len(names) <= NAMES:
        return listing(names, last)
    return listing([*names[: NAMES - 1], count(len(names) - NAMES + 1, "other")], last)


def intro(evidence: Evidence) -> str:
    """Say what the first table shows."""
    of_these = "seeded" if evidence.decides_all else "decided"
    return (
        f"The instability rate is the share of {of_these} trainings that failed, as the mean over"
        f" {count(len(evidence.groups), 'setting')} with {_seeds(evidence)} each, with its 95 % interval."
        " A rank is an interval too: all the places that the data leave open."
        + " No normalizer stands above one that learns significantly more often."
        * (not evidence.decides_all)
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
    first, second = named(pair.first), named(pair.second)
    if not pair.shared:
        if pair.undecided:
            return (
                f"{first} and {second} share no trials that are decided: of {count(pair.undecided, 'pair')} one or both"
                " are undecided."
            )
        return f"{first} and {second} share no trials yet."
    learning = _of_learning(pair)
    if learning and not pair.failing.significant and not pair.significant_to_baseline:
        return f"{learning} How often they failed leaves open which is more stable."
    return " ".join(filter(None, (_of_failing(pair), learning)))


def _of_failing(pair: Pair) -> str:
    """Say what a comparison of how often two normalizers fail supports."""
    first, second, better, worse = (named(name) for name in (pair.first, pair.second, pair.better, pair.worse))
    found = (
        f"of {count(pair.shared, _shared(pair))} only {first} failed in {pair.only_first} and only {second} in"
        f" {pair.only_second}"
    )
    if pair.failing.significant and not pair.significant:
        return (
            f"{better} fails less often than {worse}, but learns less often, so neither counts as the more stable: {found}"
            f" ({_grounds(pair.failing)}){_both_ways(pair, pair.failing, 'failed', 'stable')}."
        )
    lacking = f"not enough {'decided trials' if pair.undecided else 'seeds'} to separate {first} and {second}"
    if not pair.significant and pair.test is not None:
        return f"N{lacking[1:]}: {found}, and the {pair.test} test left it open."
    if not pair.significant:
        missing = f"{lacking}: {found} (Holm {p_value(pair.holm_p)}){_outlook(pair)}.{_disagreement(pair)}"
        if not pair.significant_to_baseline:
            return missing[0].upper() + missing[1:]
        return (
            f"Among the comparisons with the baseline alone, {better} failed significantly less often than {worse}"
            f" (Holm {p_value(pair.baseline_p or 0)}); among all pairs there are {missing}"
        )
    alone = {pair.first: pair.only_first, pair.second: pair.only_second}
    return (
        f"{better} failed significantly less often than {worse}: of {count(pair.shared, _shared(pair))},"
        f" only {worse} failed in {alone[pair.worse]} and only {better} in {alone[pair.better]} ({_grounds(pair.failing)})"
        f"{_both_ways(pair, pair.failing, 'failed', 'stable')}.{_disagreement(pair)}"
    )


def _of_learning(pair: Pair) -> str:
    """Say which of two normalizers learns significantly more often; empty where neither does."""
    less, more = pair.learns_less, pair.learns_more
    if not less:
        return ""
    alone = {pair.first: pair.unlearnt_first, pair.second: pair.unlearnt_second}
    return (
        f"{named(more)} has significantly fewer trials that did not learn than {named(less)}: of the {_shared(pair)}s only"
        f" {named(less)} did not learn in {alone[less]} and only {named(more)} in {alone[more]} ({_grounds(pair.learning)})"
        f"{_both_ways(pair, pair.learning, 'not learnt', 'learnt')}."
    )


def _shared(pair: Pair) -> str:
    return "decided pair" if pair.undecided else "shared pair"


def _grounds(tested: Tested) -> str:
    if tested.test is None:
        return f"Holm {p_value(tested.holm_p)}"
    return f"{tested.test} test, decided with {count(tested.separated or 0, 'seed')}"


def _both_ways(pair: Pair, tested: Tested, has: str, lacks: str) -> str:
    """Say how a claim holds whichever way undecided trials are counted; empty where none is undecided."""
    if not pair.undecided:
        return ""
    as_has, as_lacks = (f"in {more} and {less}" for more, less in tested.ways)
    return (
        f"; of all {pair.shared + pair.undecided} pairs {as_has} if the undecided trials of both count as {has}, and"
        f" {as_lacks} if they count as {lacks}"
    )


def _outlook(pair: Pair) -> str:
    """Say what it would take to separate the two."""
    if pair.undecided:
        return f"; {count(pair.undecided, 'more pair')} {'has' if pair.undecided == 1 else 'have'} an undecided trial"
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
    None where they failed equally often, or share no pairs; and where trials are undecided, which may be what is missing.
    """
    if pair.undecided or not math.isfinite(pair.enough):
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
        sure: Pairs that are separated, in how often they fail or in how often they learn, with their sentences; the surest
            first.
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
    claimed = [pair for pair in board.pairs if pair.significant or pair.learns_less]
    sure, more_sure = _first(evidence, claimed)
    open_, more_open = _first(evidence, [pair for pair in board.pairs if not (pair.significant or pair.learns_less)])
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
    if not counts.undecided and not counts.not_learnt:
        return f"{of(counts)} trials, {rate(counts)}"
    if not counts.decided:
        return "no trial, as none could be decided"
    open_ = f"; {bounds(counts)}" if counts.undecided else ""
    return f"{of(counts)} decided trials, {rate(counts)}{open_}"


def _bounds(board: Board, normalizer: str) -> tuple[float, float]:
    """Return the mean of the cells' rates if all missing trials were stable, and if all failed."""
    counts = [cell.count for cell in board.cells if cell.normalizer == normalizer]
    known = [(item, item.decided + item.missing) for item in counts if item.decided + item.missing]
    low = sum(item.unstable / trials for item, trials in known) / max(1, len(known))
    high = sum((item.unstable + item.missing) / trials for item, trials in known) / max(1, len(known))
    return low, high
