"""Whether a ledger is what it says: everything that can be computed again is.

Reading proves identities, checksums and verdicts, and holds traces against specifications. What it cannot tell is a trace
that was made up and sealed with new checksums; training its trial again can (``ganbench ledger verify --rerun``).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from ganbench.harness.canonical import canonical_json, digest
from ganbench.harness.errors import InputError, LedgerError
from ganbench.harness.ledger.added_verdicts import read_added_verdicts
from ganbench.harness.ledger.duplicates import duplicates, line_of
from ganbench.harness.ledger.files import LedgerFiles
from ganbench.harness.ledger.forgotten import Forgotten, read_forgotten
from ganbench.harness.ledger.names import DEFINITION, PLAN
from ganbench.harness.ledger.plan import hash_of
from ganbench.harness.ledger.processes import Lasting, each_part
from ganbench.harness.ledger.proof import contradictions
from ganbench.harness.ledger.reading import parsed
from ganbench.harness.ledger.record import Record
from ganbench.harness.ledger.row import SUMMARY, copies_in, summary_of
from ganbench.harness.stability import load_definition
from ganbench.harness.stability.references import equal_references, recorded_references


@dataclass(frozen=True)
class Verified:
    """What reading a whole ledger found.

    Attributes:
        whole: Trials whose records prove themselves.
        problems: One line for every file or record that does not.
        duplicates: Second commits of a trial.
        unequal: Of these, how many had another result than the first.
        forgotten: Trials that were taken out of the ledger.
        outside: Trials that the plan does not name: of another cell, seed or suite's seed. No board counts them.
        alike: How many trials two normalizers have with the same trace, by both names. It is no problem where the two do
            the same there, as two initializations can; else one is a copy of the other.
    """

    whole: int
    problems: tuple[str, ...]
    duplicates: int
    unequal: int
    forgotten: int = 0
    outside: tuple[str, ...] = ()
    alike: Mapping[tuple[str, str], int] = field(default_factory=dict)


@dataclass(frozen=True)
class _Examined:
    """What is to be known of a record, or why it could not be read: small, because it may come from another process.

    Attributes:
        trial: Its trial.
        wrong: What is wrong with it, where it could not be read at all.
        problems: What is wrong with one that could.
        sha256: Of its result.
        checksum: Of all its content.
        trace: The checksum of its trace; empty for a method error.
        streams: The random streams that it was made from.
        normalizer: Its normalizer's name.
        named: Its cell, suite seed and seed, which a plan may name.
        measured: Its data and its metric.
        references: What the record says of a generator that has learnt next to nothing, by measure; None where it is older.
    """

    trial: str
    wrong: str = ""
    problems: tuple[str, ...] = ()
    sha256: str = ""
    checksum: str = ""
    trace: str = ""
    streams: str = ""
    normalizer: str = ""
    named: tuple[str, int, int] = ("", 0, 0)
    measured: str = ""
    references: Mapping[str, float] | None = None


@dataclass
class _Seen:
    """What was seen of records so far.

    Attributes:
        plan: Cells, suite seed and seeds that the plan names; None where it cannot be read.
        sha256: Of results, by trial.
        checksums: Of all content, by trial.
        traces: For each trace, the random streams that it was made from, and the first trial that has it.
        normalizers: Of each trace, by whose it was first.
        outside: Trials that the plan does not name.
        alike: How many traces two normalizers share.
        references: Of data and a metric, and the first trial that has them.
    """

    plan: tuple[frozenset[str], int, range] | None = None
    sha256: dict[str, str] = field(default_factory=dict)
    checksums: dict[str, str] = field(default_factory=dict)
    traces: dict[str, tuple[str, str]] = field(default_factory=dict)
    normalizers: dict[str, str] = field(default_factory=dict)
    outside: list[str] = field(default_factory=list)
    alike: Counter[tuple[str, str]] = field(default_factory=Counter)
    references: dict[str, tuple[Mapping[str, float], str]] = field(default_factory=dict)

    def add(self, one: _Examined) -> Iterator[str]:
        """Remember a record, and yield what is wrong with it, seen by itself and beside the others."""
        self.sha256[one.trial], self.checksums[one.trial] = one.sha256, one.checksum
        yield from one.problems
        if self.plan is not None:
            cells, suite_seed, seeds = self.plan
            if not (one.named[0] in cells and one.named[1] == suite_seed and one.named[2] in seeds):
                self.outside.append(one.trial)
        if not one.trace:
            return
        yield from self._other_bar(one)
        streams, first = self.traces.setdefault(one.trace, (one.streams, one.trial))
        if streams != one.streams:
            yield f"{_unproved(one.trial)}its trace is that of trial {first}, bit for bit, which had other random numbers"
        whose = self.normalizers.setdefault(one.trace, one.normalizer)
        if whose != one.normalizer:
            self.alike[min(whose, one.normalizer), max(whose, one.normalizer)] += 1

    def _other_bar(self, one: _Examined) -> Iterator[str]:
        if one.references is not None:
            first, other = self.references.setdefault(one.measured, (one.references, one.trial))
            if not equal_references(one.references, first):
                words = f"its bar is another one than that of trial {other}, of the same data and metric"
                yield f"{_unproved(one.trial)}{words}"


def verify(ledger: LedgerFiles) -> Verified:
    """Read everything and hold it against what can be computed again; nothing is changed.

    Raises:
        LedgerError: The ledger cannot be read at all.
    """
    problems: list[str] = []
    seen = _Seen()
    with suppress(LedgerError):
        plan = ledger.plan()
        seen.plan = frozenset(cell["id"] for cell in plan["cells"]), plan["seed"], range(plan["seeds"])
    try:
        problems += _other_files(ledger)
        found = ledger.singles.all()
        problems += [f"{ledger.storage.at(name)}: is no record by its name" for name in ledger.singles.strangers()]
        noted = {canonical_json(line): line for line in duplicates(ledger.storage)}
        for part, inside in _each_part(ledger):
            problems += _in_words(ledger.storage.at(part), inside, seen)
        for trial, names in found.items():
            for name, content in zip(names, ledger.singles.texts(names), strict=True):
                if content is None or (not content and trial in seen.sha256):
                    continue  # compacted at this moment, or what older versions left in a record's place
                try:
                    record = parsed(ledger.storage.at(name), trial, content)
                except LedgerError as error:
                    problems.append(str(error))
                    continue
                if trial not in seen.sha256:
                    told = [*seen.add(examined(record)), *miscopied(record, copies_in(content))]
                    problems += (f"{ledger.storage.at(name)}: {problem}" for problem in told)
                elif seen.checksums[trial] != record.checksum:
                    line = line_of(record, equal=seen.sha256[trial] == record.sha256)
                    noted[canonical_json(line)] = line
        forgotten = _forgotten(ledger, problems)
        still = {line.checksum: line.trial for line in forgotten}.items() & {
            (checksum, trial) for trial, checksum in seen.checksums.items()
        }
        problems += (f"trial {trial} was forgotten and is still there; forget it again" for _, trial in sorted(still))
    except OSError as error:
        raise LedgerError(f"{ledger.storage.where}: cannot be read ({error})") from error
    unequal = sum(not line["equal"] for line in noted.values())
    return Verified(
        len(seen.sha256), tuple(problems), len(noted), unequal, len(forgotten), tuple(sorted(seen.outside)), seen.alike
    )


def _each_part(ledger: LedgerFiles) -> Iterator[tuple[str, list[_Examined] | str]]:
    """Yield every part with what is to be known of it, in their order."""
    examine = _Part()
    try:
        names = list(ledger.parts.sizes())
    except LedgerError:  # a part does not open: one after the other, so that the others are examined
        return ((part, examine(ledger, part)) for part in ledger.parts.names())
    return zip(names, each_part(ledger, examine), strict=True)


def _other_files(ledger: LedgerFiles) -> Iterator[str]:
    """Yield what is wrong with the plan, the chosen definition, and what added detectors found."""
    try:
        plan = ledger.plan()
        if plan.get("hash", hash_of(plan)) != hash_of(plan):
            yield f"{ledger.storage.at(PLAN)}: its hash is not that of its cells, seeds and seed"
        chosen = DEFINITION if ledger.storage.exists(DEFINITION) else PLAN
        for name, said in ((chosen, plan), (PLAN, plan.get("sequential") or plan)):
            try:
                load_definition(said["definition"])
            except (InputError, KeyError, TypeError) as error:
                yield f"{ledger.storage.at(name)}: no definition that is known here ({error})"
    except LedgerError as error:
        yield str(error)
    try:
        read_added_verdicts(ledger)
    except LedgerError as error:
        yield str(error)


@dataclass(frozen=True)
class _Part(Lasting):
    """Examines a part; it may be sent to another process."""

    depends = "verify"

    def __call__(self, ledger: LedgerFiles, part: str) -> list[_Examined] | str:
        """Return what is to be known of a part's records, or why it cannot be read."""
        try:
            copies = ledger.parts.copies(part)
            return [_of_part(trial, found, copies[trial]) for trial, found in ledger.parts.examined(part)]
        except LedgerError as error:
            return str(error)

    def lasts(self, result: list[_Examined] | str) -> bool:
        """Say whether every record could be read."""
        return not isinstance(result, str) and not any(one.wrong for one in result)


def _of_part(trial: str, found: Record | LedgerError, copy: tuple[Any, ...]) -> _Examined:
    if isinstance(found, LedgerError):
        return _Examined(trial, str(found))
    one = examined(found)
    return replace(one, problems=(*one.problems, *miscopied(found, dict(zip(SUMMARY, copy, strict=True)))))


def _in_words(where: str, found: list[_Examined] | str, seen: _Seen) -> Iterator[str]:
    """Yield what is wrong with a part, and remember what is whole; the same of many records is one line."""
    if isinstance(found, str):
        yield found
        return
    wrong: dict[str, list[str]] = {}
    for one in found:
        if one.wrong:
            wrong.setdefault(one.wrong, []).append(one.trial)
        elif one.trial not in seen.sha256:
            for problem in seen.add(one):
                wrong.setdefault(f"{where}: {problem}", []).append(one.trial)
    for message, trials in wrong.items():
        yield (
            message if len(trials) == 1 else f"{message}: {len(trials)} records, of trials {', '.join(trials[:3])}, ..."
        )


def examined(record: Record) -> _Examined:
    """Return what is to be known of a record that could be read."""
    problems: list[str] = []
    try:
        problems += (_unproved(record.trial_id) + problem for problem in contradictions(record))
        record.verdict.outcome  # noqa: B018  derived here, and nowhere stored
        record.added_verdicts  # noqa: B018
    except (InputError, LedgerError, ValueError, KeyError, TypeError, AttributeError) as error:
        problems.append(f"{_unproved(record.trial_id)}{error}")
    return _Examined(
        record.trial_id,
        "",
        tuple(problems),
        record.sha256,
        record.checksum,
        "" if record.columns is None else record.columns.sha256,
        _streams(record),
        " + ".join(record.normalizers),
        (record.cell_id, record.spec["suite_seed"], record.seed),
        digest([record.spec["cell"].get("dataset"), record.spec["cell"].get("metric"), record.provenance.get("data")]),
        recorded_references(record.provenance),
    )


def _unproved(trial: str) -> str:
    return f"the record of trial {trial} does not prove itself: "


def miscopied(record: Record, copies: Mapping[str, Any]) -> Iterator[str]:
    """Yield which of a summary's columns are not what the record says."""
    with suppress(InputError, LedgerError):  # of a verdict that nobody can reach, which is told already
        for name, derived in summary_of(record).items():
            if name in copies and copies[name] != derived:
                yield (
                    f"the column {name!r} says {copies[name]!r}, and the record of trial {record.trial_id} {derived!r}"
                )


def _forgotten(ledger: LedgerFiles, problems: list[str]) -> tuple[Forgotten, ...]:
    """Return what was forgotten; nothing, and a problem more, where that cannot be read."""
    try:
        return read_forgotten(ledger.storage)
    except LedgerError as error:
        if str(error) not in problems:
            problems.append(str(error))
        return ()


def copied_from(record: Record, traces: dict[str, tuple[str, str]]) -> str:
    """Return the trial that had the same trace from other random numbers; empty where there is none.

    Two trials share random numbers where they differ in the normalizer alone. Others cannot have the same trace: their
    networks start elsewhere.

    Args:
        record: A record.
        traces: For each trace, its random streams and its first trial; the record's is added.
    """
    if record.columns is None:
        return ""
    streams = _streams(record)
    known, trial = traces.setdefault(record.columns.sha256, (streams, record.trial_id))
    return "" if known == streams else trial


def _streams(record: Record) -> str:
    return f"{_group(record.cell_text)}-{record.seed}-{record.spec['suite_seed']}"


@lru_cache(maxsize=4096)
def _group(cell: str) -> str:
    """Return the identity of a cell without its normalizer: cells of one group share random numbers."""
    return digest({key: value for key, value in json.loads(cell).items() if key != "normalizer"})
