"""What came of trying a normalizer: the leaderboard's numbers and words, of it and the baseline, in one paragraph."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ganbench.harness.stability import METHOD_ERROR
from ganbench.harness.statistics import ALPHA, seeds_needed
from ganbench.harness.statistics.power import MOST, POWER
from ganbench.reports.board import Board, Change, Row
from ganbench.reports.board.pair import Pair
from ganbench.reports.evidence import Evidence
from ganbench.reports.formatting import (
    bounds,
    change,
    count,
    factor,
    listing,
    mode,
    named,
    needs,
    of,
    percent,
    quality,
    quality_title,
    rate,
    unmarked,
)
from ganbench.reports.wording.failures import failures
from ganbench.reports.wording.matrix import level_of
from ganbench.reports.wording.missing import caution
from ganbench.reports.wording.pairs import conclusion, seeds_to_separate

if TYPE_CHECKING:
    from ganbench.reports.publish import Leaderboard

MORE, LESS, OPEN = "more stable", "less stable", "not enough seeds"
"""What a try can find. Seeds never show that two normalizers are equally stable."""

UNDECIDED = "not enough decided trials"
"""What it finds where the two are not separated and trials are undecided: those may be all that is missing."""

TORN = "shared trials and rates disagree"
"""What it finds where the trials that the two share lean one way, and their rates, means over settings, do not."""

REVERSED = "Not to be relied on: another way to judge reverses a claim of it."

MIXED = "mixed"
"""What it finds where the one that fails less often learns less often."""


@dataclass(frozen=True)
class TryoutFinding:
    """What was found of one normalizer.

    Attributes:
        normalizer: Its label.
        baseline: The label of what it is compared with.
        verdict: :data:`MORE`, :data:`LESS`, :data:`OPEN`, :data:`UNDECIDED`, :data:`TORN` or :data:`MIXED`.
        row: Its row of the leaderboard.
        base: The baseline's.
        change: Its difference to the baseline.
        pair: The comparison.
        seeds: About how many seeds in each setting would separate the two at the rates seen; None where they are separated,
            or failed equally often, or more than seeds is missing.
        timed_apart: Whether times of steps are compared across times or places.
        reversed: Whether another way to judge reverses a claim of it.
        text: The paragraph.
    """

    normalizer: str
    baseline: str
    verdict: str
    row: Row
    base: Row
    change: Change
    pair: Pair
    seeds: int | None
    timed_apart: bool
    reversed: bool
    text: str

    def to_json(self) -> dict[str, Any]:
        """Return it for scripts. Rates and differences are shares; what is not known is None."""
        pair, first = self.pair, self.pair.first == self.normalizer
        return {
            "normalizer": self.normalizer,
            "baseline": self.baseline,
            "verdict": self.verdict,
            "level": level_of(pair),
            "reversed": self.reversed,
            "p": self.change.p,
            "p_settings": pair.failing.settings_holm_p,
            "difference": _finite(self.change.difference),
            "interval": [_finite(self.change.low), _finite(self.change.high)],
            "pairs": {
                "shared": pair.shared,
                "undecided": pair.undecided,
                "both_failed": pair.both,
                "only_normalizer_failed": pair.only_first if first else pair.only_second,
                "only_baseline_failed": pair.only_second if first else pair.only_first,
            },
            "settings": {"fewer": self.change.wins, "equal": self.change.ties, "more": self.change.losses},
            "seeds_that_would_tell": self.seeds,
            "failed": {self.normalizer: _counts(self.row), self.baseline: _counts(self.base)},
            "quality": {
                protocol.title: {
                    "better": protocol.better,
                    self.normalizer: _finite(self.row.quality[protocol].all),
                    self.baseline: _finite(self.base.quality[protocol].all),
                }
                for protocol in self.row.quality
            },
            "step_time": _finite(self.row.cost / self.base.cost),
            "timed_apart": self.timed_apart,
            "text": self.text,
        }


def findings(found: Leaderboard, *, timed_apart: bool = False) -> list[TryoutFinding]:
    """Return what a try's leaderboard says of each normalizer against the baseline, in the plan's order.

    Args:
        found: The leaderboard.
        timed_apart: Whether the baseline's trials ran at another time or place, so that times say little.
    """
    evidence, board = found.evidence, found.board
    names = [name for name in evidence.normalizers if name != evidence.plan["baseline"]]
    turned = {name for claim in found.reversed_claims for name in claim[1:]}
    return [_finding(evidence, board, name, timed_apart=timed_apart, reverse=name in turned) for name in names]


def _finding(evidence: Evidence, board: Board, name: str, *, timed_apart: bool, reverse: bool) -> TryoutFinding:
    baseline = str(evidence.plan["baseline"])
    rows = {row.normalizer: row for row in board.all_rows}
    row, base = rows[name], rows[baseline]
    pair = next(item for item in board.pairs if {item.first, item.second} == {name, baseline})
    against = row.change
    assert against is not None, "only the baseline has no change against itself"
    verdict = TORN if board.torn(pair) else _verdict(pair, name)
    level = "on settings like these" if pair.elsewhere else "in these settings"
    reverse = reverse and verdict in (MORE, LESS)
    sentences = [
        *([f"{named(name)} is {verdict} than {named(baseline)} {level}."] if verdict in (MORE, LESS) else []),
        *([REVERSED] if reverse else []),
        *([f"Neither counts as more stable: {TORN}."] if verdict == TORN else []),
        conclusion(pair, len(board.pairs)),
        *(
            [_equal(base, pair, len(board.pairs))]
            if verdict == OPEN and pair.shared and pair.only_first == pair.only_second
            else []
        ),
        *_rates(row, base, pair, against),
        *_not_learnt(row, base),
        *_undecided(row, base),
        *([_modes(row, base)] if row.count.trials and base.count.trials else []),
        *_errors(evidence, name),
        *_quality(row, base),
        *_cost(row, base, timed_apart=timed_apart),
    ]
    seeds = seeds_to_separate(pair) if verdict == OPEN else None
    text = unmarked(" ".join(sentences))
    return TryoutFinding(name, baseline, verdict, row, base, against, pair, seeds, timed_apart, reverse, text)


def _rates(row: Row, base: Row, pair: Pair, against: Change) -> list[str]:
    """Say how often both failed, and the difference on the pairs that both have."""
    own, other, counts = named(row.normalizer), named(base.normalizer), (row.count, base.count)
    if not all(item.trials for item in counts):
        return [f"{named(item.normalizer)} has no trial yet." for item in (row, base) if not item.count.trials]
    trials = "decided trials" if any(item.undecided for item in counts) else "trials"
    text = (
        f"{own} failed in {of(row.count)} {trials}, {rate(row.count)}, {other} in {of(base.count)}, {rate(base.count)}"
    )
    if not pair.shared:
        return [f"{text}."]
    if not math.isclose(row.count.rate - base.count.rate, against.difference, abs_tol=1e-9):
        first, second = pair.rates if pair.first == row.normalizer else pair.rates[::-1]
        text += _apart(row, base, pair)
        text += f" it is {percent(first)} against {percent(second)}"
    return [
        f"{text}: a difference of {change(against)}; less often in {count(against.wins, 'setting')}, equally often in"
        f" {against.ties}, more often in {against.losses}. The test decides: where it does not separate the two, the"
        " interval is widened to contain 0, and otherwise cut there."
    ]


def _apart(row: Row, base: Row, pair: Pair) -> str:
    """Say why the rates of two are not those of the pairs that both have."""
    pairs = f". On the {count(pair.shared, 'pair')} that both have"
    if (row.rank is None) != (base.rank is None):
        return f": means over the settings of each{pairs}, all settings together,"
    alone = row.count.decided + base.count.decided - 2 * pair.shared
    single = f". {alone} of these trials {'has' if alone == 1 else 'have'} no decided partner" if alone else ""
    rates = ((item.count.rate, item.count.unstable / item.count.decided) for item in (row, base))
    if all(math.isclose(mean, together, abs_tol=1e-9) for mean, together in rates):
        return single + pairs
    return f": means over settings{single}{pairs}, all settings together,"


def _verdict(pair: Pair, name: str) -> str:
    """Return what was found of a normalizer. One that learns significantly less often is never more stable."""
    if pair.significant:
        return MORE if pair.better == name else LESS
    if pair.mixed:
        return MIXED
    return UNDECIDED if pair.undecided else OPEN


def notes(page: Leaderboard) -> list[str]:
    """Return what makes the findings less sure.

    That is: claims that another way to judge reverses, trials that are missing, plugins that changed between trials.
    """
    found = page.contents.reversals, caution(page.evidence, page.board)
    return [unmarked(text) for text in found if text] + [
        f"The source of {kind} {unmarked(name)} changed between trials while its version stayed the same."
        for kind, name in page.evidence.sources
    ]


def other_data(evidence: Evidence) -> list[str]:
    """Return the data sets of which trials saw two contents under one name: such trials are no pairs."""
    seen: dict[str, set[str]] = {}
    for dataset, content in evidence.contents:
        seen.setdefault(dataset, set()).add(content)
    return [dataset for dataset, contents in seen.items() if len(contents) > 1]


def _equal(base: Row, pair: Pair, comparisons: int) -> str:
    """Say what could be told apart, where both failed equally often and no number of seeds follows from that."""
    failed, name = base.count.rate, named(base.normalizer)
    settings = pair.groups_first + pair.groups_second + pair.groups_level
    if not failed or math.isnan(failed):
        return (
            f"While {name} fails in none of these settings, more seeds can only show that another one is less stable."
        )
    seeds = seeds_needed(failed, failed / 2, nested=False, cells=settings, alpha=ALPHA / comparisons)
    many = f"more than {count(MOST // settings, 'seed')}" if seeds is None else count(seeds, "seed")
    return (
        f"To tell a normalizer that fails half as often as {name} from it takes {many} in each setting"
        f" ({percent(POWER)} power, if their outcomes are independent)."
    )


def _not_learnt(row: Row, base: Row) -> list[str]:
    """Say how many trials did not learn."""
    if not row.count.not_learnt and not base.count.not_learnt:
        return []
    ours, theirs = (f"{item.count.not_learnt} of {count(item.count.decided, 'decided trial')}" for item in (row, base))
    return [
        f"{named(row.normalizer)} did not learn in {ours}, {named(base.normalizer)} in {theirs}: that is no failure."
    ]


def _undecided(row: Row, base: Row) -> list[str]:
    """Say how many trials are undecided, how far that could move the rates, and what would decide them."""
    told = [f"{named(item.normalizer)} {bounds(item.count)}" for item in (row, base) if item.count.undecided]
    if not told:
        return []
    needed = Counter(row.count.needs) + Counter(base.count.needs)
    return [
        f"With all undecided trials stable, and with all failed: {'; '.join(told)}.",
        f"What would decide them: {needs(needed)}.",
    ]


def _modes(row: Row, base: Row) -> str:
    """Say which failure modes differ; where the numbers of trials do, all that were found."""
    own, other, equal = row.count.modes, base.count.modes, row.count.trials == base.count.trials
    found = [name for name in own if own[name] or other[name]]
    told = [f"{mode(name)} {own[name]} to {other[name]}" for name in found if not equal or own[name] != other[name]]
    if told:
        of_these = (
            f"{row.count.trials} trials of {named(row.normalizer)} to {base.count.trials} of {named(base.normalizer)}"
        )
        return f"Failure modes{' that differ' if equal else ''}, in {of_these}: {listing(told)}."
    same = [f"{mode(name)} {own[name]}" for name in found]
    return f"Both failed in the same ways as often: {listing(same)}." if same else "Neither failed in any way."


def _errors(evidence: Evidence, name: str) -> list[str]:
    """Quote the first reason why it could not run."""
    errors = (item for item in failures(evidence) if item.normalizer == name and item.step < 0)
    first = next((item for item in errors if mode(METHOD_ERROR) in item.how), None)
    return [] if first is None else [f"It could not run ({first.setting}, seed {first.seed}: {first.how})."]


def _quality(row: Row, base: Row) -> list[str]:
    """Say what both reached, in each protocol."""
    reached = [
        f"{quality_title(protocol.title, protocol.better)} {quality(row.quality[protocol].all)} to"
        f" {quality(base.quality[protocol].all)}"
        for protocol in row.quality
    ]
    return [f"Median quality, failures being worst: {'; '.join(reached)}."] if reached else []


def _cost(row: Row, base: Row, *, timed_apart: bool) -> list[str]:
    ratio = row.cost / base.cost
    if not math.isfinite(ratio):
        return []
    but = ", which ran at another time or place: whatever else went on there is in it" if timed_apart else ""
    return [f"Time per step: {factor(ratio)} of {named(base.normalizer)}'s{but}."]


def _counts(row: Row) -> dict[str, Any]:
    counts = row.count
    return {
        "failed": counts.unstable,
        "trials": counts.trials,
        "decided": counts.decided,
        "not_learnt": counts.not_learnt,
        "undecided": counts.undecided,
        "needs": {name: many for name, many in counts.needs.items() if many},
        "rate": _finite(counts.rate),
        "interval": [_finite(counts.low), _finite(counts.high)],
        "bounds": [_finite(counts.low_bound), _finite(counts.high_bound)],
        "modes": {name: many for name, many in counts.modes.items() if many},
    }


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
