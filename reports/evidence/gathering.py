"""From a ledger to evidence: every record is read once, judged by the plan's definition, and thinned."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from numpy.typing import NDArray

from ganbench.harness.canonical import canonical_json
from ganbench.harness.errors import LedgerError
from ganbench.harness.ledger import AddedVerdicts, Ledger, Record, read_added_verdicts
from ganbench.harness.ledger.files import LedgerFiles
from ganbench.harness.ledger.processes import Lasting, each_part, uncollected
from ganbench.harness.ledger.proof import contradictions
from ganbench.harness.planning.seeding import Failed, Place, Sequential, seeds_wanted, whether_failed
from ganbench.harness.stability import Definition, Verdict, load_definition
from ganbench.reports.evidence import Evidence, Group, Result, lasted
from ganbench.reports.evidence.combining import changed_sources
from ganbench.reports.evidence.grouping import group_cells
from ganbench.reports.evidence.packing import Packed, pack, unpack
from ganbench.reports.evidence.thinning import Thinning

VERIFY = "`ganbench ledger verify` names all that is wrong, and `ganbench ledger repair` sets it aside"

AT_ONCE = 64
"""Records of a part that are held while they are read."""

Source = tuple[str, str, str, str]
"""A plugin that a trial was made with: kind, name, version, hash of its source."""


def gather(ledger: Ledger, definition: int | None = None) -> Evidence:
    """Read a ledger once. Trials that the plan does not name (another cell, seed or suite seed) are left out.

    Args:
        ledger: Whose trials.
        definition: Version of the definition of instability to judge by, instead of the plan's.

    Raises:
        LedgerError: There is no plan, or a record is damaged.
        InputError: The plan's definition of instability is not known here.
    """
    plan = ledger.plan() | ({} if definition is None else {"definition": definition})
    judges = load_definition(plan["definition"])
    groups = group_cells(plan["cells"])
    measures = {identity: group.protocol.measure for group in groups for identity in group.cells.values()}
    said = plan.get("sequential")
    decides = load_definition(said["definition"]) if said else judges
    sieve = Sieve(plan["seeds"], plan["seed"], measures, judges, decides, read_added_verdicts(ledger))

    results: dict[str, dict[int, Result]] = {identity: {} for identity in measures}
    failed: dict[str, dict[int, bool | None]] = {}
    software: Counter[str] = Counter()
    sources: set[Source] = set()
    relabelled = 0
    contents: set[tuple[str, str]] = set()
    outside: Outside = {}
    traces: dict[str, tuple[tuple[int, int], str]] = {}
    group_of = {identity: index for index, group in enumerate(groups) for identity in group.cells.values()}
    with uncollected():
        for result, (cell, fails, anew, software_of, sources_of, content, trace) in _all(ledger, sieve, outside):
            streams = group_of[cell], result.seed
            same, former = traces.setdefault(trace, (streams, result.trial_id)) if trace else (streams, "")
            if same != streams:
                raise LedgerError(
                    f"{ledger.where}: trials {former} and {result.trial_id} have the same trace, bit for bit, and had other"
                    f" random numbers; {VERIFY}"
                )
            results[cell][result.seed] = result
            failed.setdefault(cell, {})[result.seed] = fails
            software[software_of] += 1
            sources.update(sources_of)
            relabelled += anew
            contents.update(() if content is None else (content,))
    return Evidence(
        plan=plan,
        definition=judges,
        normalizers=tuple(dict.fromkeys(cell["normalizer"] for cell in plan["cells"])),
        groups=tuple(groups),
        protocols=tuple(dict.fromkeys(group.protocol for group in groups)),
        results=results,
        software=tuple(sorted(software.items(), key=lambda item: (-item[1], item[0]))),
        sources=tuple(sorted(changed_sources(sources))),
        relabelled=relabelled,
        wanted=wanted_seeds(plan, groups, failed),
        plugins=tuple(sorted(sources)),
        contents=tuple(sorted(contents)),
        left_out=_other_versions(plan, outside),
    )


@dataclass(frozen=True)
class Samples:
    """Reads samples when they are wanted, many at once: a page shows few of them, and they are large.

    Attributes:
        ledger: Where they are.
    """

    ledger: Ledger

    def __call__(self, trial_ids: Collection[str]) -> Iterator[tuple[str, NDArray[Any]]]:
        """Yield trials and their samples, in one pass over the ledger; those without samples are left out.

        Raises:
            LedgerError: A record is damaged.
        """
        wanted = frozenset(trial_ids)
        if not wanted:
            return
        alone, _ = self.ledger.contents()
        seen: set[str] = set()
        for some in each_part(self.ledger, Chosen(wanted)):
            for trial, values in some:
                if trial not in seen:
                    seen.add(trial)
                    yield trial, values
        for record in self.ledger.alone({trial: names for trial, names in alone.items() if trial in wanted}):
            yield from _samples(record)


@dataclass(frozen=True)
class Chosen:
    """What reads the samples of some trials from a part.

    Attributes:
        wanted: The trials.
    """

    wanted: frozenset[str]

    def __call__(self, ledger: LedgerFiles, part: str) -> list[tuple[str, NDArray[Any]]]:
        """Return trials with their samples."""
        return [item for _, record in ledger.parts.chosen(part, self.wanted) for item in _samples(record)]


Rest = tuple[str, bool | None, bool, str, tuple[Source, ...], tuple[str, str] | None, str]
"""What a trial adds to the evidence beside its result: the identity of its cell; whether it failed, by the definition that
decides who gets more seeds, None where that is undecided; whether its verdict was reached anew; with what software and with
which plugins it was made; its data's specification and content; and the beginning of its trace's checksum."""


Outside = dict[str, tuple[str, str]]
"""Trials of cells that the plan does not name: name and version of their normalizers, by identity."""


@dataclass(frozen=True)
class Sieve(Lasting):
    """Takes from records what the evidence needs.

    Attributes:
        seeds: Planned trials of a cell.
        suite_seed: The suite's seed.
        measures: What trials are ranked by, by cell; no other cell is taken.
        definition: What judges.
        decides: What decided who gets more seeds.
        looks: What detectors saw that were added after the trials had run.
    """

    seeds: int
    suite_seed: int
    measures: Mapping[str, str]
    definition: Definition
    decides: Definition
    added_verdicts: AddedVerdicts = field(default_factory=dict)

    @property
    def depends(self) -> str:
        """All that is taken depends on, apart from the records."""
        definitions = [definition.model_dump(mode="json") for definition in (self.definition, self.decides)]
        added = {trial: [verdict.to_json() for verdict in found] for trial, found in self.added_verdicts.items()}
        return canonical_json(["gather", self.seeds, self.suite_seed, dict(self.measures), definitions, added])

    def lasts(self, result: object) -> bool:
        """Say that all results do: a part that cannot be read is an error."""
        return True

    def __call__(self, ledger: LedgerFiles, part: str) -> tuple[Packed, list[Rest], Outside]:
        """Return what is taken from a part."""
        outside: Outside = {}
        found = list(self.take((record for _, record in ledger.parts.records(part, AT_ONCE)), outside))
        return pack([result for result, _ in found]), [rest for _, rest in found], outside

    def take(self, records: Iterable[Record], outside: Outside) -> Iterator[tuple[Result, Rest]]:
        """Yield what is taken from records of the plan; the others are passed over.

        Args:
            records: Of a ledger.
            outside: What is passed over because the plan does not name its cell is written down here.
        """
        thinning = Thinning()
        same: dict[Any, Any] = {}  # equal objects are kept once: there are few of them, and many trials
        for record in records:
            planned = 0 <= record.seed < self.seeds and record.spec.get("suite_seed") == self.suite_seed
            measure = self.measures.get(record.cell_id)
            if measure is None:
                normalizer = record.spec.get("cell", {}).get("normalizer") or {}
                outside[record.trial_id] = str(normalizer.get("name", "?")), str(normalizer.get("version", "?"))
            if not planned or measure is None:
                continue
            problem = next(contradictions(record), None)
            if problem is not None:
                raise LedgerError(f"the record of trial {record.trial_id} does not prove itself: {problem}; {VERIFY}")
            verdict = record.judged_by(self.definition, self.added_verdicts.get(record.trial_id, ()))
            deciding = verdict if self.decides.version == self.definition.version else record.judged_by(self.decides)
            software, sources, content = software_words(record.provenance), _sources(record, verdict), _content(record)
            result = _result(record, same.setdefault(verdict, verdict), measure, thinning)
            yield (
                result,
                (
                    same.setdefault(record.cell_id, record.cell_id),
                    whether_failed(deciding),
                    verdict.definition != record.definition,
                    same.setdefault(software, software),
                    same.setdefault(sources, sources),
                    same.setdefault(content, content),
                    "" if record.columns is None else record.columns.sha256[:20],
                ),
            )


def _all(ledger: Ledger, sieve: Sieve, outside: Outside) -> Iterator[tuple[Result, Rest]]:
    """Yield what is taken from a ledger. Of equal trials, the one of the first part counts."""

    def compacted() -> Iterator[tuple[Result, Rest]]:
        for packed, rest, passed in each_part(ledger, sieve):
            outside.update(passed)
            yield from zip(unpack(packed), rest, strict=True)

    alone, _ = ledger.contents()
    seen: set[str] = set()
    # A single record may have been moved into a part in between.
    for result, rest in chain(compacted(), sieve.take(ledger.alone(alone), outside)):
        if result.trial_id not in seen:
            seen.add(result.trial_id)
            yield result, rest


def wanted_seeds(plan: Mapping[str, Any], groups: Iterable[Group], failed: Failed) -> dict[str, int]:
    """Return how many trials each cell should have, as the sweep decided it.

    Where seeds were added one after the other, and an early trial has been lost since, those after it were wanted, too.
    """
    places = [
        Place(cell, normalizer, str(index))
        for index, group in enumerate(groups)
        for normalizer, cell in group.cells.items()
    ]
    sequential = Sequential.of_plan(plan)
    if sequential is None:
        return {place.cell: int(plan["seeds"]) for place in places}
    replayed = seeds_wanted(places, sequential, failed)
    return {cell: max([count, *(seed + 1 for seed in failed.get(cell, {}))]) for cell, count in replayed.items()}


def _result(record: Record, verdict: Verdict, measure: str, thinning: Thinning) -> Result:
    trace = record.trace
    evaluations = {} if trace is None else trace.evaluations
    measured = {key: float(column[-1]) for key, column in evaluations.items() if len(column)}
    return Result(
        trial_id=record.trial_id,
        seed=record.seed,
        verdict=verdict,
        lasted=lasted(verdict, *((None, None) if trace is None else (trace.budget, trace.stopped))),
        quality=measured.get(measure, math.nan),
        measured=measured,
        step_seconds=_step_seconds(record.provenance),
        curves=None if trace is None else thinning.curves(trace, measure),
        sha256=record.sha256,
        device=str(record.provenance.get("device") or ""),
    )


def _step_seconds(provenance: Mapping[str, Any]) -> float:
    return float(provenance.get("step_seconds") or math.nan)


def software_words(provenance: Mapping[str, Any]) -> str:
    """Return versions and device in words, nothing that names a host, a process or a time."""
    packages = provenance.get("packages") or {}
    parts = [f"{name} {packages[name]}" for name in sorted(packages)]
    parts += [f"Python {provenance['python']}"] if provenance.get("python") else []
    parts += [str(provenance[key]) for key in ("device", "machine") if provenance.get(key)]
    # A replayed step makes the plain one's numbers, bit for bit.
    parts += ["compiled step"] if provenance.get("step") == "compiled" else []
    how = provenance.get("how") or {}
    parts += [words for key, words in (("tf32", "TF32"), ("deterministic", "deterministic kernels")) if how.get(key)]
    return ", ".join(parts) or "not recorded"


def _sources(record: Record, verdict: Verdict) -> tuple[Source, ...]:
    cell = record.spec.get("cell", {})
    found = (record.provenance.get("sources") or {}).items()
    plugins = ((kind, cell.get(kind) or {}, source) for kind, source in found)
    return (
        *((kind, str(plugin.get("name", "?")), str(plugin.get("version", "")), str(source))
          for kind, plugin, source in plugins),
        *detector_sources(verdict),
    )  # fmt: skip


def detector_sources(verdict: Verdict) -> Iterator[Source]:
    """Yield the detectors that were added to those of the definition."""
    return (("detector", by.name, by.version, by.source) for by in verdict.added)


def _content(record: Record) -> tuple[str, str] | None:
    """Return a trial's data, by their canonical specification, and what was in them."""
    content = record.provenance.get("data")
    return None if content is None else (canonical_json(record.spec.get("cell", {}).get("dataset")), str(content))


def _other_versions(plan: Mapping[str, Any], outside: Outside) -> tuple[tuple[str, str, int], ...]:
    specs = [cell["spec"].get("normalizer") or {} for cell in plan["cells"]]
    named = {(str(spec.get("name")), str(spec.get("version"))) for spec in specs}
    names = {name for name, _ in named}
    found = Counter(method for method in outside.values() if method not in named and method[0] in names)
    return tuple((*method, count) for method, count in sorted(found.items()))


def _samples(record: Record) -> Iterator[tuple[str, NDArray[Any]]]:
    samples = None if record.columns is None else record.columns.samples()
    if samples is not None:
        yield record.trial_id, samples
