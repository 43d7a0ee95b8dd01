"""What may be said of two leaderboards, in sentences: first the answer, then its grounds. A and B are the two ledgers."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from ganbench.harness.stability import METHOD_ERROR, NEEDS, NOT_LEARNT, UNSTABLE, Verdict
from ganbench.reports.board.counting import Count
from ganbench.reports.differences.comparing import Difference, Flip, Rejudged
from ganbench.reports.differences.method import method
from ganbench.reports.differences.plan_changes import Change
from ganbench.reports.differences.rate_changes import PAIRED, NormalizerChange, RateComparison, Standing
from ganbench.reports.formatting import (
    NOTHING,
    count,
    first_failure,
    listing,
    mode,
    needs,
    of,
    others,
    p_value,
    percent,
    plain,
    points,
    quality,
    rank,
    rate,
)

LINES = 20
"""Of a list that has no end."""

AGAINST = "all pairs or trials together lean one way, and the rates in A and B do not"
"""Why no change is claimed, whatever the p-value."""


def answer(difference: Difference) -> str:
    """Say in a few sentences whether anything changed, and whether it is more than noise."""
    return " ".join(text for text in (_changed(difference), _definitions(difference)) if text)


def _definitions(difference: Difference) -> str:
    """Say so where the two have different words for "unstable"; nothing is judged by another definition silently."""
    judging = difference.judging
    if judging.first == judging.second:
        return ""
    side, other, moved = ("A", judging.first, judging.moved_first)
    if judging.first == judging.used:
        side, other, moved = ("B", judging.second, judging.moved_second)
    return (
        f"Both are judged by definition {judging.used} here; {side} has its own, {other}, by which"
        f" {count(moved, 'verdict')} {'is' if moved == 1 else 'are'} another."
    )


def _changed(difference: Difference) -> str:
    compared = difference.comparisons
    shared = difference.shared
    if not compared:
        return "Nothing can be compared: the two have no cell in common in which both have trials."
    moved = [item for item in compared if item.significant]
    if all(item.identical for item in compared):
        return _same(difference)
    told = {item.normalizer for item in moved}
    torn = [item for item in compared if item.against and item.normalizer not in told]
    told |= {item.normalizer for item in torn}
    open_ = [item for item in compared if not item.identical and item.normalizer not in told]
    parts = []
    if moved:
        parts.append(f"More than noise: {'; '.join(_moved(item, difference) for item in moved)}.")
    if open_ and (moved or torn):
        parts.append(f"For {_names(open_)} there are not enough seeds to say that anything changed.")
    elif open_:
        parts.append(f"Nothing here is more than noise: there are not enough seeds to see a change in {_names(open_)}.")
    if torn:
        of = " of what did not learn" if all(item.what != UNSTABLE for item in torn) else ""
        parts.append(f"For {_names(torn)} no change{of} is claimed: {AGAINST}.")
    parts += _undecided(compared)
    if shared.trials:
        parts.append(
            f"Of {count(shared.trials, 'trial')} that both have, {_equal(difference)},"
            f" and {count(len(shared.flips), 'verdict')} flipped."
        )
    return " ".join(parts)


def _undecided(compared: Sequence[RateComparison]) -> list[str]:
    """Say how many of the trials that are compared are undecided, and what would decide them."""
    needed: Counter[str] = Counter()
    for item in compared:
        if item.what == UNSTABLE:
            needed.update(item.first.needs)
            needed.update(item.second.needs)
    if not needed:
        return []
    trials = needed.total()
    return [
        f"{count(trials, 'trial')} of those that are compared {'is' if trials == 1 else 'are'} undecided, and counted as"
        f" failed and as stable: nothing is said that holds in one way only. What would decide them: {needs(needed)}."
    ]


def _same(difference: Difference) -> str:
    shared = difference.shared
    if not shared.trials:
        return "Nothing changed that was measured: every pair of trials is the same training, bit for bit."
    if not shared.only_first and not shared.only_second:
        return f"The same: all {count(shared.trials, 'trial')} that both have are equal bit for bit."
    return (
        f"Equal where both have trials: all {shared.trials} of them bit for bit. {count(shared.only_first, 'trial')} only A"
        f" has, and {count(shared.only_second, 'trial')} only B: of these nothing is said."
    )


def _equal(difference: Difference) -> str:
    shared = difference.shared
    return f"{shared.equal} {'is' if shared.equal == 1 else 'are'} equal bit for bit"


def _moved(item: RateComparison, difference: Difference) -> str:
    several = sum(other.normalizer == item.normalizer for other in difference.comparisons) > 1
    first, second = item.pooled if item.uneven else (share.rate for share in item.shares)
    rates = (
        f"{percent(second)} instead of {percent(first)}{_together(item)}"
        f"{f' in {_cells_of(item)}' if several else ''} (Holm {p_value(item.holm_p)})"
    )
    if item.what == NOT_LEARNT:
        unlearnt = f"trainings of {name(item.normalizer)} that do not learn"
        return f"{unlearnt} are {_direction(item)} frequent in B than in A, {rates}"
    told = [f"in {side} {words}" for side, found in (("A", item.first), ("B", item.second)) if (words := others(found))]
    return f"{name(item.normalizer)} fails {_direction(item)} often in B than in A, {rates}{', '.join(['', *told])}"


def _together(item: RateComparison) -> str:
    return f" of all {'pairs' if item.test == PAIRED else 'trials'} together" if item.uneven else ""


def _direction(item: RateComparison) -> str:
    return "more" if item.more == "B" else "less"


def _cells_of(item: RateComparison) -> str:
    return count(item.cells, "cell")


def _names(items: Sequence[RateComparison]) -> str:
    return listing([name(item) for item in dict.fromkeys(item.normalizer for item in items)])


def name(label: str) -> str:
    """Return a normalizer's label in quotes: "none" is a normalizer, not a word."""
    return f"'{plain(label)}'"


# --- the table --------------------------------------------------------------------------------------------------------

COLUMNS = ("normalizer", "rank A → B", "unstable in A", "in B", "change", "more than noise?")


def rows(difference: Difference) -> list[tuple[str, ...]]:
    """Return the table's rows, a text for each of :data:`COLUMNS`; a normalizer has one for each comparison."""
    return [row for change in difference.normalizers for row in _rows(change)]


def _rows(change: NormalizerChange) -> list[tuple[str, ...]]:
    label = plain(change.normalizer)
    ranks = f"{_rank(change.before)} → {_rank(change.after)}"
    if not change.comparisons:
        texts = [rate(item.count) if item else NOTHING for item in (change.before, change.after)]
        return [(label, ranks, *texts, NOTHING, _alone(change))]
    return [
        (
            label if not index else f"  {'pairs' if item.test == PAIRED else 'unpaired'}",
            ranks if not index else "",
            _rate(item, item.shares[0]),
            _rate(item, item.shares[1]),
            _points(item),
            meaning(item),
        )
        for index, item in enumerate(change.comparisons)
    ]


def _rate(item: RateComparison, counted: Count) -> str:
    """Return ``12 % (5–25 %); 3 not learnt, 2 undecided``, or ``not learnt 12 % (5–25 %)``."""
    if item.what == NOT_LEARNT:
        return f"not learnt {rate(counted)}"
    more = others(counted)
    return f"{rate(counted)}; {more}" if more else rate(counted)


def _rank(standing: Standing | None) -> str:
    return NOTHING if standing is None or standing.rank is None else f"{rank(standing.rank)} of {standing.among}"


def _alone(change: NormalizerChange) -> str:
    if change.before is None:
        return "new in B"
    return "gone from B" if change.after is None else "no cell in which both have trials"


def _points(item: RateComparison) -> str:
    if item.identical:
        return points(0)
    if math.isnan(item.change.value):
        return NOTHING
    low, high = points(item.change.low), points(item.change.high)
    return f"{points(item.change.value)} pp ({low} to {high}){', pooled' if item.uneven else ''}"


def meaning(item: RateComparison) -> str:
    """Say in a few words what a comparison supports; never that there is no difference."""
    if item.identical:
        return "equal bit for bit"
    if item.significant:
        return f"yes: {_direction(item)} often in B"
    if item.against:
        return "no claim: the rates say otherwise"
    return f"not enough seeds, {item.undecided} undecided" if item.undecided else "not enough seeds"


def grounds(item: RateComparison) -> str:
    """Say what a comparison rests on, and where it shows nothing how many seeds it would take."""
    pairs = item.test == PAIRED
    text = f"{plain(item.normalizer)}, {_cells_of(item)}: "
    if item.identical:
        return text + f"{count(item.first.trials, 'pair')}, all equal bit for bit"
    happened = "failed" if item.what == UNSTABLE else "did not learn"
    if pairs:
        text += (
            f"of {count(item.first.trials, 'pair')}, {item.equal} equal bit for bit, {item.only_first} {happened} in A only"
            f" and {item.only_second} in B only"
        )
    else:
        text += f"{of(item.shares[0])} {happened} in A and {of(item.shares[1])} in B"
    if item.undecided:
        text += f", {count(item.undecided, 'pair' if pairs else 'trial')} undecided"
    text += f" (Holm {p_value(item.holm_p)}, {item.test})"
    if item.significant:
        return text
    if item.against:
        return f"{text}; no change is claimed: {AGAINST}"
    least = f"at least {item.needed} are needed, all one way; " if pairs else ""
    return f"{text}; {least}{_needed(item)}"


def _needed(item: RateComparison) -> str:
    low, high = item.seeds
    first, second = item.supposed
    if math.isnan(first):
        return "no trial is decided on one of the sides"
    rates = f"{percent(first)} from {percent(second)}"
    if low is None or high is None:
        return f"to tell {rates} takes more seeds than any sweep has"
    many = f"{low} to {high}" if low < high else f"about {high}"
    return f"{many} seeds per cell would tell {rates}{', if all their trials were decided' if item.undecided else ''}"


# --- the details ------------------------------------------------------------------------------------------------------


def details(difference: Difference) -> list[tuple[str, list[str]]]:
    """Return what stands below the table: for each heading its lines; headings without lines are left out."""
    found = [
        ("Grounds", [grounds(item) for item in difference.comparisons]),
        ("Rates of the whole leaderboards, where they are not the table's", _whole(difference)),
        ("Judged by", _judged(difference)),
        ("Plans", [_change(item) for item in difference.plan]),
        ("Cells", _cells(difference)),
        ("Trials", _trials(difference)),
        ("Verdicts that flipped", _most([_flip(item) for item in difference.shared.flips])),
        ("Software and devices", _software(difference)),
        ("Plugins whose source differs under one version", _most([_change(item) for item in difference.sources])),
        ("Data sets whose content differs", _most([_change(item) for item in difference.data])),
        ("Quality, median over all trials with failures worst; not tested", _quality(difference)),
        ("How sure", method(difference)),
        ("Ledgers", [f"{side}: {words} sha256 {digest}" for side, words, digest in _ledgers(difference)]),
    ]
    return [(title, lines) for title, lines in found if lines]


def _whole(difference: Difference) -> list[str]:
    """Return the leaderboards' own rates of the normalizers of which the table compares a part."""
    return [
        f"{plain(change.normalizer)}: {_whole_rate(change.before.count)} in A, {_whole_rate(change.after.count)} in B"
        for change in difference.normalizers
        if change.before and change.after and change.comparisons
        if [rate(change.before.count), rate(change.after.count)] != _compared(change)
    ]


def _compared(change: NormalizerChange) -> list[str]:
    """Return the rates of A and of B in the table; none where there are two rows."""
    failing = [item for item in change.comparisons if item.what == UNSTABLE]
    return [rate(share) for share in failing[0].shares] if len(failing) == 1 else []


def _whole_rate(counted: Count) -> str:
    more = others(counted)
    return f"{rate(counted)} of {count(counted.trials, 'trial')}{f' ({more})' if more else ''}"


def _judged(difference: Difference) -> list[str]:
    judging = difference.judging
    if judging.first == judging.second:
        return []
    lines = [
        f"A's readers judge by definition {judging.first}, B's by definition {judging.second}. Here both are judged by"
        f" definition {judging.used}, from the stored traces: that alone changes the verdict of {judging.moved_first} of"
        f" A's trials and {judging.moved_second} of B's."
    ]
    lines += [
        f"  {item.side}, {plain(item.normalizer)}: {item.own} of {count(item.trials, 'trial')} failed by its own"
        f" definition, {item.used} by definition {judging.used}{_others(item)}"
        for item in judging.rates
    ]
    if judging.kept:
        lines.append(f"{count(judging.kept, 'method error')} without a trace could not be judged anew.")
    return lines


def _others(item: Rejudged) -> str:
    found = [(item.not_learnt, "not learnt"), (item.undecided, "undecided")]
    told = ", ".join(f"{number} {words}" for number, words in found if number)
    return f", by which {told}" if told else ""


def _change(item: Change) -> str:
    return f"{plain(item.key)}: {plain(item.before)} → {plain(item.after)}"


def _cells(difference: Difference) -> list[str]:
    cells = difference.cells
    lines = [f"{count(cells.same, 'cell')} in both, the same in everything."]
    for item in cells.changed:
        changes = "; ".join(_change(change) for change in item.changes)
        more = "" if len(item.cells) == 1 else f" and {len(item.cells) - 1} more"
        lines.append(
            f"{count(len(item.cells), 'cell')} with another identity: {changes} ({plain(item.cells[0])}{more})"
        )
    for side, only in (("A", cells.only_first), ("B", cells.only_second)):
        if only:
            lines += [f"{count(len(only), 'cell')} only in {side}, left out of the table:"]
            lines += [f"  {line}" for line in _most([plain(title) for title in only])]
    return lines


def _trials(difference: Difference) -> list[str]:
    shared = difference.shared
    lines = [
        f"{side}: {done} committed of {planned} planned."
        for side, (done, planned) in zip("AB", difference.committed, strict=True)
    ]
    if not shared.trials:
        return [*lines, "No trial is in both."]
    lines.append(
        f"{count(shared.trials, 'trial')} in both: {_equal(difference)}; {shared.different} with another result;"
        f" {len(shared.flips)} of another verdict, {shared.otherwise} that failed in both, in other ways or at other steps."
    )
    if shared.only_first or shared.only_second:
        lines.append(f"{shared.only_first} only in A, {shared.only_second} only in B.")
    return lines


def _flip(item: Flip) -> str:
    return f"{plain(item.cell)}, seed {item.seed}: {verdict_words(item.before)} → {verdict_words(item.after)}"


def verdict_words(verdict: Verdict) -> str:
    """Return the outcome: the failure modes with their steps, or what would decide it."""
    if verdict.outcome == METHOD_ERROR:
        return mode(METHOD_ERROR)
    found = [f"{mode(item.mode)} ({first_failure(item.step)})" for item in verdict.findings]
    needed = f" ({NEEDS[verdict.needs]} would tell)" if verdict.needs else ""
    return ", ".join(found) or f"{mode(verdict.outcome)}{needed}"


def _software(difference: Difference) -> list[str]:
    return [
        f"only {side}: {plain(words)} ({count(trials, 'trial')})"
        for side, found in zip("AB", difference.software, strict=True)
        for words, trials in found
    ]


def _quality(difference: Difference) -> list[str]:
    texts = [(item, quality(item.before), quality(item.after)) for item in difference.quality]
    moved = [
        f"{plain(item.protocol)} ({item.better} is better), {plain(item.normalizer)}: {before} → {after}"
        for item, before, after in texts
        if before != after
    ]
    same = len(texts) - len(moved)
    return [
        *moved,
        *([f"the same in {count(same, 'other median')}" if moved else f"all {same} the same"] if same else []),
    ]


def _ledgers(difference: Difference) -> list[tuple[str, str, str]]:
    same = difference.hashes[0] == difference.hashes[1]
    return [
        (side, plain(where) + (", the same results as the other," if same else ","), digest)
        for side, where, digest in zip("AB", (difference.first, difference.second), difference.hashes, strict=True)
    ]


def _most(lines: Sequence[str]) -> list[str]:
    more = len(lines) - LINES
    return [*lines[:LINES], *([f"and {more} more"] if more > 0 else [])]
