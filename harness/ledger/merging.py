"""Merging the ledgers of one suite: two laboratories, or two folders of one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ganbench.harness.canonical import canonical_json
from ganbench.harness.errors import GanbenchError, LedgerError
from ganbench.harness.ledger.audit import copied_from
from ganbench.harness.ledger.forgotten import add_forgotten, read_forgotten
from ganbench.harness.ledger.ledger import Ledger
from ganbench.harness.ledger.names import PLAN
from ganbench.harness.ledger.proof import contradictions
from ganbench.harness.ledger.reading import reading
from ganbench.harness.ledger.record import Record

SAME = ("suite", "version", "seed", "baseline")
"""What plans must agree in, beside their cells."""


@dataclass(frozen=True)
class Merged:
    """What a merge did.

    Attributes:
        added: Records that the target did not have.
        equal: Records that it had, with the same result: an audit of determinism that was passed.
        different: Trials that it had with another result; the first stays.
        forgotten: Trials that one of the ledgers had forgotten, and that were not brought in.
        refused: Why records were left out that do not prove themselves, by trial.
    """

    added: int
    equal: int
    different: tuple[str, ...]
    forgotten: tuple[str, ...] = ()
    refused: dict[str, str] = field(default_factory=dict)


def merge(sources: Sequence[Ledger], target: Ledger) -> Merged:
    """Bring the records of several ledgers into one. Sources stay as they are.

    What one of them has forgotten stays forgotten, by that very record: the same trial, made anew, is another one.

    Args:
        sources: At least one; in case of doubt the first one's records win.
        target: May exist, with records of the same suite.

    Raises:
        LedgerError: They do not belong together, or one cannot be read. Nothing was written then.
    """
    plans = [(ledger, ledger.plan()) for ledger in [*([target] if _exists(target) else []), *sources]]
    first, plan = plans[0]
    for ledger, other in plans[1:]:
        problem = _mismatch(plan, other)
        if problem:
            raise LedgerError(f"{ledger.where} does not belong to {first.where}: {problem}")
    _check_data([ledger for ledger, _ in plans])
    target.write_plan(max((other for _, other in plans), key=lambda other: int(other["seeds"])))
    lines = [line for ledger in (target, *sources) for line in read_forgotten(ledger.storage)]
    with reading(target.where):
        add_forgotten(target.storage, lines)
    gone = {line.checksum for line in lines}
    added, equal, different, forgotten, refused = 0, 0, list[str](), list[str](), dict[str, str]()
    traces: dict[str, tuple[str, str]] = {}
    for record in target.records():
        copied_from(record, traces)
    for source in sources:
        for trial, found in source.examined():
            if isinstance(found, LedgerError):
                refused[trial] = str(found)
                continue
            record, problem = found, _unproved(found, traces)
            if problem:
                refused[trial] = problem
            elif record.checksum in gone:
                forgotten.append(trial)
            elif not target.holds(trial):
                target.commit(record)
                added += 1
            elif target.read(trial).sha256 == record.sha256:
                equal += 1
            else:
                different.append(trial)
    return Merged(added, equal, tuple(different), tuple(forgotten), refused)


def _unproved(record: Record, traces: dict[str, tuple[str, str]]) -> str:
    """Say why a record does not prove itself; empty where it does."""
    try:
        record.verdict.outcome  # noqa: B018  derived here, and nowhere stored
        problem = next(contradictions(record), "")
    except (GanbenchError, ValueError, KeyError, TypeError, AttributeError) as error:
        problem = str(error)
    same = "" if problem else copied_from(record, traces)
    return problem or (f"its trace is that of trial {same}, which had other random numbers" if same else "")


def _exists(ledger: Ledger) -> bool:
    with reading(ledger.where):
        return ledger.storage.exists(PLAN)


def _mismatch(plan: Mapping[str, Any], other: Mapping[str, Any]) -> str | None:
    for key in SAME:
        if plan.get(key) != other.get(key):
            return f"{key} is {other.get(key)!r}, expected {plan.get(key)!r}"
    cells, others = ({cell["id"]: cell for cell in item["cells"]} for item in (plan, other))
    only = [
        *(others[name] for name in others.keys() - cells.keys()),
        *(cells[name] for name in cells.keys() - others.keys()),
    ]
    if only:
        cell = min(only, key=lambda cell: str(cell["id"]))
        title = " · ".join(str(cell[key]) for key in ("dataset", "architecture", "normalizer", "setting") if cell[key])
        return f"{len(only)} cells are in one of the two only, among them {title}"
    return None


def _check_data(ledgers: Sequence[Ledger]) -> None:
    """Refuse ledgers that trained on other content under the same name."""
    seen: dict[str, tuple[str, Ledger]] = {}
    for ledger in ledgers:
        for _, record in ledger.examined():
            if isinstance(record, LedgerError):
                continue
            content, dataset = record.provenance.get("data"), record.spec["cell"].get("dataset")
            if content is None or not isinstance(dataset, Mapping):
                continue
            before, where = seen.setdefault(canonical_json(dataset), (content, ledger))
            if before != content:
                raise LedgerError(
                    f"{ledger.where} does not belong to {where.where}: data set {dataset.get('name')!r} has"
                    f" content {content} in the one and {before} in the other"
                )
