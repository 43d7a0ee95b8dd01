"""What changed between two leaderboards, and whether it is more than noise.

Plans, software and single trials are compared here; rates of failure in ``ganbench.reports.differences.rate_changes``.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ganbench.harness.canonical import canonical_json
from ganbench.harness.stability import NOT_LEARNT, UNDECIDED, UNSTABLE, Verdict
from ganbench.harness.statistics import median_failures_worst
from ganbench.reports.differences.plan_changes import (
    CellChanges,
    CellPair,
    Change,
    cell_changes,
    cell_title,
    plan_changes,
)
from ganbench.reports.differences.rate_changes import NormalizerChange, RateComparison, normalizer_changes
from ganbench.reports.differences.sides import Side, Training, how
from ganbench.reports.evidence import Result


@dataclass(frozen=True)
class Flip:
    """A trial of both ledgers with another outcome in each; to fail is one outcome, whatever the reason.

    Attributes:
        cell: Title of its cell.
        seed: Its seed.
        before: The verdict in the first.
        after: The verdict in the second.
    """

    cell: str
    seed: int
    before: Verdict
    after: Verdict


@dataclass(frozen=True)
class Shared:
    """The trials that both ledgers have, by identity.

    Attributes:
        trials: How many.
        equal: With the same result, bit for bit.
        different: With another result.
        flips: Those with another outcome, both judged by one definition.
        otherwise: How many failed in both, in other ways or at other steps.
        only_first: How many trials only the first has.
        only_second: How many only the second has.
    """

    trials: int
    equal: int
    different: int
    flips: tuple[Flip, ...]
    otherwise: int
    only_first: int
    only_second: int


@dataclass(frozen=True)
class QualityChange:
    """A normalizer's quality by a protocol that both ledgers measured by, on cells that both have.

    Attributes:
        protocol: Data set and measure.
        better: ``"lower"`` or ``"higher"``.
        normalizer: Its label.
        before: The median over all trials of the first with failures worst; nan without trials.
        after: Of the second.
    """

    protocol: str
    better: str
    normalizer: str
    before: float
    after: float


@dataclass(frozen=True)
class Rejudged:
    """How often a normalizer failed by a ledger's own definition, and by the one that both are compared by.

    Attributes:
        side: ``"A"`` or ``"B"``.
        normalizer: Its label.
        own: Failures by the ledger's own definition.
        used: By the other one.
        not_learnt: How many did not learn, by the other one.
        undecided: How many are undecided by it.
        trials: Out of how many trials.
    """

    side: str
    normalizer: str
    own: int
    used: int
    not_learnt: int
    undecided: int
    trials: int


@dataclass(frozen=True)
class Judging:
    """By what the trials were judged, and what judging them by one definition changed.

    Attributes:
        first: The definition of the first's readers.
        second: Of the second's.
        used: The newer one, that both are judged by here.
        moved_first: How many of the first's trials have another verdict by it.
        moved_second: How many of the second's.
        kept: Method errors, which have no trace and keep their verdict.
        rates: Where judging by one definition changed how often a normalizer failed.
    """

    first: int
    second: int
    used: int
    moved_first: int
    moved_second: int
    kept: int
    rates: tuple[Rejudged, ...]


@dataclass(frozen=True)
class Difference:
    """Everything that changed between two leaderboards.

    Attributes:
        first: Name of the first ledger.
        second: Name of the second.
        plan: In what the plans differ.
        cells: How the cells belong together.
        judging: Definitions.
        committed: Committed and planned trials of the first, and of the second.
        hashes: Of both ledgers' results.
        software: Versions and devices that only the first has, and only the second, with their trials.
        sources: Plugins whose source differs.
        data: Data sets whose content differs.
        sequential: Whether seeds of either were added by what came before, which the tests do not allow for.
        shared: The trials that both have.
        normalizers: In the order of the second leaderboard; those that vanished last.
        quality: Where the protocol is the same.
    """

    first: str
    second: str
    plan: tuple[Change, ...]
    cells: CellChanges
    judging: Judging
    committed: tuple[tuple[int, int], tuple[int, int]]
    hashes: tuple[str, str]
    software: tuple[tuple[tuple[str, int], ...], tuple[tuple[str, int], ...]]
    sources: tuple[Change, ...]
    data: tuple[Change, ...]
    sequential: bool
    shared: Shared
    normalizers: tuple[NormalizerChange, ...]
    quality: tuple[QualityChange, ...]

    @property
    def comparisons(self) -> tuple[RateComparison, ...]:
        """All comparisons of rates."""
        return tuple(item for normalizer in self.normalizers for item in normalizer.comparisons)

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values; what is not finite is None, and a median of failures ``"failed"``."""
        value = asdict(self)
        value["cells"] = {key: item for key, item in value["cells"].items() if key != "pairs"}
        for change, own in zip(value["normalizers"], self.normalizers, strict=True):
            for item, comparison in zip(change["comparisons"], own.comparisons, strict=True):
                item["significant"] = comparison.significant
        plain = _plain(value)
        assert isinstance(plain, dict)
        return plain


def compare(first: Side, second: Side) -> Difference:
    """Say what changed from one leaderboard to another."""
    cells = cell_changes(first.plan, second.plan)
    return Difference(
        first=first.name,
        second=second.name,
        plan=plan_changes(first.plan, second.plan),
        cells=cells,
        judging=_judging(first, second),
        committed=((first.evidence.committed, first.evidence.planned),
                   (second.evidence.committed, second.evidence.planned)),
        hashes=(first.evidence.hash(), second.evidence.hash()),
        software=_software(first, second),
        sources=_differing(*(_sources(side) for side in (first, second))),
        data=_differing(*(_contents(side) for side in (first, second))),
        sequential=any(side.plan.get("sequential") is not None for side in (first, second)),
        shared=_shared(first, second),
        normalizers=normalizer_changes(first, second, cells.pairs),
        quality=_quality(first, second, cells.pairs),
    )  # fmt: skip


# --- where and by what ------------------------------------------------------------------------------------------------


def _judging(first: Side, second: Side) -> Judging:
    sides = (first, second)
    moved = [sum(_moved(item, result) for item, result in _trials(side).values()) for side in sides]
    old = [side for side in sides if side.definition != side.evidence.definition.version]
    kept = sum(not item.traced for side in old for item, _ in _trials(side).values())
    rates = tuple(item for side, name in ((first, "A"), (second, "B")) for item in _rejudged(side, name))
    used = first.evidence.definition.version
    return Judging(first.definition, second.definition, used, moved[0], moved[1], kept, rates)


def _rejudged(side: Side, name: str) -> list[Rejudged]:
    found = []
    for normalizer in side.evidence.normalizers:
        results = [result for group in side.evidence.groups for result in side.evidence.of(group, normalizer)]
        own = Counter(_outcome(side.training_of(result).own) for result in results)
        used = Counter(_outcome(result.verdict) for result in results)
        if own != used:
            counts = own[UNSTABLE], used[UNSTABLE], used[NOT_LEARNT], used[UNDECIDED]
            found.append(Rejudged(name, normalizer, *counts, len(results)))
    return found


def _moved(training: Training, result: Result) -> bool:
    own, used = training.own, result.verdict
    return (own.outcome, own.modes) != (used.outcome, used.modes)


def _outcome(verdict: Verdict) -> str:
    """Return the outcome; a method error is a failure."""
    return UNSTABLE if verdict.failed else verdict.outcome


def _trials(side: Side) -> dict[str, tuple[Training, Result]]:
    """Return what is known of every committed trial of the plan, by identity."""
    return {
        result.trial_id: (side.training_of(result), result)
        for results in side.evidence.results.values()
        for result in results.values()
    }


def _software(first: Side, second: Side) -> tuple[tuple[tuple[str, int], ...], tuple[tuple[str, int], ...]]:
    known, others = (dict(side.evidence.software) for side in (first, second))
    return (
        tuple((words, trials) for words, trials in known.items() if words not in others),
        tuple((words, trials) for words, trials in others.items() if words not in known),
    )


def _sources(side: Side) -> dict[str, set[str]]:
    """Return the hashes of each plugin's source, by its kind, name and version."""
    found: dict[str, set[str]] = {}
    for kind, name, version, source in side.evidence.plugins:
        found.setdefault(f"{kind} {name} {version}".rstrip(), set()).add(source)
    return found


def _contents(side: Side) -> dict[str, set[str]]:
    """Return the hashes of each data set's content, by its specification."""
    found: dict[str, set[str]] = {}
    for dataset, content in side.evidence.contents:
        found.setdefault(dataset, set()).add(content)
    return found


def _differing(first: Mapping[str, set[str]], second: Mapping[str, set[str]]) -> tuple[Change, ...]:
    """Return what both know and know by other hashes."""
    return tuple(
        Change(key, ", ".join(sorted(first[key])), ", ".join(sorted(second[key])))
        for key in sorted(first.keys() & second.keys())
        if first[key] != second[key]
    )


def _shared(first: Side, second: Side) -> Shared:
    ours, theirs = _trials(first), _trials(second)
    titles = {cell["id"]: cell_title(cell) for cell in first.plan["cells"]}
    cells = {
        results[seed].trial_id: titles[cell]
        for cell, results in first.evidence.results.items()
        for seed in sorted(results)
    }
    both = [trial for trial in cells if trial in theirs]
    equal = otherwise = 0
    flips = []
    for trial in both:
        (training, result), (other, after) = ours[trial], theirs[trial]
        equal += training.training == other.training
        if _outcome(result.verdict) != _outcome(after.verdict):
            flips.append(Flip(cells[trial], result.seed, result.verdict, after.verdict))
        elif how(result.verdict) != how(after.verdict):
            otherwise += 1
    return Shared(
        trials=len(both),
        equal=equal,
        different=len(both) - equal,
        flips=tuple(flips),
        otherwise=otherwise,
        only_first=len(ours) - len(both),
        only_second=len(theirs) - len(both),
    )


# --- quality ----------------------------------------------------------------------------------------------------------


def _quality(first: Side, second: Side, pairs: Sequence[CellPair]) -> tuple[QualityChange, ...]:
    protocols = {cell: group.protocol for group in first.evidence.groups for cell in group.cells.values()}
    found: dict[tuple[str, str], list[CellPair]] = {}
    for pair in pairs:
        key = _protocol(pair.first)
        if pair.first["id"] in protocols and pair.first["measures"] and key == _protocol(pair.second):
            found.setdefault((key, pair.first["normalizer"]), []).append(pair)
    return tuple(
        QualityChange(
            protocol=(protocol := protocols[chosen[0].first["id"]]).title,
            better=protocol.better,
            normalizer=normalizer,
            before=_median(first, [pair.first for pair in chosen], protocol.better),
            after=_median(second, [pair.second for pair in chosen], protocol.better),
        )
        for (_, normalizer), chosen in found.items()
    )


def _protocol(cell: Mapping[str, Any]) -> str:
    """Return what decides whether two numbers may be compared: data set, metric with its parameters, measure."""
    spec = cell["spec"]
    return canonical_json([spec.get("dataset"), spec.get("metric"), cell["measures"][:1]])


def _median(side: Side, cells: Sequence[Mapping[str, Any]], better: str) -> float:
    results = [result for cell in cells for result in side.results_of(cell).values()]
    values = [item.quality for item in results if not item.verdict.failed and math.isfinite(item.quality)]
    return median_failures_worst(values, sum(item.verdict.failed for item in results), better)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return "failed" if math.isinf(value) else None
    return value
