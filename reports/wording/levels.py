"""What the main table shows, and what the two levels of claims say: in these settings, and on settings like these."""

from __future__ import annotations

import math

from ganbench.harness.statistics import ALPHA, settings_needed
from ganbench.reports.board import Board, Row
from ganbench.reports.evidence import Evidence
from ganbench.reports.formatting import budgets, count, listing, named, percent
from ganbench.reports.wording.pairs import by_others

CONTRADICTED = 'circles and chains, which are named under "What the data support"'

SHOWN = 3
"""Circles and chains that are named there."""


def intro(evidence: Evidence, board: Board) -> str:
    """Say what the main table shows, on what, and for how long was trained."""
    of_these = "seeded" if evidence.decides_all else "decided"
    settings, where = len(board.standing.settings), _where(evidence, board)
    only = 0 < settings < len(evidence.groups)
    over = f"{settings} of {count(len(evidence.groups), 'setting')}" if only else count(len(evidence.groups), "setting")
    undecided = any(row.count.undecided for row in board.rows)
    mixed = any(pair.mixed for pair in board.pairs)
    return (
        f"Instability rate: the share of {of_these} trainings that failed, the mean over {over}{where} with"
        f" {_seeds(evidence)} each{', decided or not' if undecided else ''}. Its intervals hold for all rows of the order"
        f" together with {percent(1 - ALPHA)} confidence, also for the first one. A rank is all the places that the data"
        " leave open in these settings: nobody is above one that is significantly better"
        + (", or that learns significantly more often" if not evidence.decides_all else "")
        + (", however often that one failed" if mixed else "")
        + (f", but for {CONTRADICTED}." if any(pair.contradicted for pair in board.pairs) else ".")
        + "".join(f" {note}" for note in _notes(evidence, board))
    )


def _notes(evidence: Evidence, board: Board) -> list[str]:
    """Return what numbers of the table must be read with, where they look as if they contradicted each other."""
    counts = [row.count for row in board.all_rows if row.count.decided]
    means = any(
        not math.isclose(share, some / item.decided, abs_tol=1e-9)
        for item in counts
        for share, some in ((item.rate, item.unstable), (item.not_learnt_rate, item.not_learnt))
    )
    notes = ["Shares are means over settings, counts are sums."] if means else []
    if any(row.count.undecided for row in board.rows):
        notes.append("In the order an undecided trial counts as half a failure.")
    baseline = str(evidence.plan.get("baseline"))
    if any(row.change is not None and row.count.undecided for row in board.all_rows):
        notes.append(
            "A p-value is the larger one of both ways to count the undecided, and 1 where they disagree on who fails more."
        )
    rates = {row.normalizer: row.count.rate for row in board.all_rows}
    other_way = [
        named(row.normalizer)
        for row in board.all_rows
        if row.change is not None and row.change.difference * (row.count.rate - rates[baseline]) < 0
    ]
    if other_way:
        notes.append(
            f"On the trials shared with {named(baseline)}, all settings together, {listing(_few(other_way))}"
            f" {'differs' if len(other_way) == 1 else 'differ'} from it in another direction than in rates."
        )
    torn = [(pair.better, pair.worse) for pair in board.pairs if board.torn(pair)]
    torn += [(pair.learns_more, pair.learns_less) for pair in board.pairs if board.torn_in_learning(pair)]
    if torn:
        both = [" and ".join(map(named, names)) for names in torn]
        notes.append(f"For {listing(_few(both))} shared trials and rates lean to different sides.")
    return notes


def _few(names: list[str]) -> list[str]:
    """Return some names, and how many more there are."""
    return names if len(names) <= SHOWN else [*names[:SHOWN], count(len(names) - SHOWN, "other")]


def _where(evidence: Evidence, board: Board) -> str:
    """Return on what, and for how long, was trained: `` (400 to 1,000 steps on ring8 and digits)``."""
    datasets = list(dict.fromkeys(group.dataset for group in board.standing.settings or evidence.groups))
    on = listing([named(name) for name in datasets]) if len(datasets) <= 3 else count(len(datasets), "data set")
    return f" ({budgets(evidence.budgets)} on {on})" if evidence.budgets else f" ({on})"


def seeds_each(evidence: Evidence) -> str:
    """Say how many seeds a cell has: as planned, and from the fewest to the most where suites differ in that."""
    fewest = min(evidence.wanted.values(), default=evidence.seeds)
    most = count(evidence.seeds, "seed")
    return most if fewest == evidence.seeds else f"{fewest} to {most}"


def _seeds(evidence: Evidence) -> str:
    if evidence.sequential is None:
        return seeds_each(evidence)
    return f"{evidence.sequential.least} to {evidence.sequential.most} seeds, as many as it took"


def support(evidence: Evidence, board: Board) -> str:
    """Say how many claims are made on each level, and what it would take to make one on settings like these."""
    if not board.pairs:
        return ""
    pairs, settings = len(board.pairs), len(board.standing.settings)
    here, elsewhere = sum(pair.significant for pair in board.pairs), sum(pair.elsewhere for pair in board.pairs)
    sequential = None if evidence.sequential is None else evidence.sequential.test
    test = "McNemar's exact test" if sequential is None else f"the {sequential} test"
    both = "the settings that both have" if board.apart else f"the {count(settings, 'setting')}"
    mixed = sum(pair.mixed for pair in board.pairs)
    are = "is" if 1 in (here, pairs) else "are"
    others = f", {mixed} {'is' if mixed == 1 else 'are'} mixed and {pairs - here - mixed} open" if mixed else ""
    neither = (
        " Of a mixed pair one failed significantly less often and learns significantly less often: neither counts as the"
        " more stable."
    )
    blocks = f"{both} as blocks" if board.apart or settings != 1 else "the one setting as block"
    text = (
        f"In these settings, {here} of {count(pairs, 'pair')} {are} separated{others} ({test} on seeds"
        f" paired within settings). On settings like these, {elsewhere} (sign-flips with"
        f" {blocks}). Both are corrected for all pairs (Holm).{neither if mixed else ''} The tests decide: where they leave"
        " a pair open in these settings, the interval of its difference is widened to contain 0, and otherwise cut there,"
        " so that one that ends at 0 can be either."
    )
    against = list(dict.fromkeys(by_others(pair) for pair in board.pairs if pair.contradicted))
    more = [f"All {len(against)} such circles and chains are in the sentences on two normalizers."]
    text = " ".join([text, *against[:SHOWN], *(more if len(against) > SHOWN else [])])
    needed, most = settings_needed(pairs), max(pair.failing.settings for pair in board.pairs)
    if most < needed:
        text += (
            f" With {count(most, 'setting')} nothing can be claimed of settings that were not run: for"
            f" {count(pairs, 'pair')} it takes at least {needed}. More settings would change that, more seeds would not."
        )
    return text


def apart_words(row: Row, board: Board, settings: int) -> str:
    """Say why a normalizer is not in the order, and what it shares with whom.

    Args:
        row: Of the normalizer.
        board: All numbers.
        settings: How many there are.
    """
    if not row.count.trials:
        return "no trial yet"
    shared = {
        (pair.second if pair.first == row.normalizer else pair.first): pair
        for pair in board.pairs
        if row.normalizer in (pair.first, pair.second) and pair.failing.settings
    }
    ran = f"in {row.settings} of {count(settings, 'setting')}"
    ranked = [other for other in board.rows if other.normalizer in shared]
    if not ranked:
        return f"{ran}; shares no trial with those above"
    pair = shared[ranked[0].normalizer]
    rates = pair.rates if pair.first == row.normalizer else pair.rates[::-1]
    both = f"{ran}; shares trials with {ranked[0].normalizer} in {pair.failing.settings}"
    if not pair.shared:
        return f"{both}, none of them decided for both"
    return f"{both}: {percent(rates[0])} against {percent(rates[1])}"
