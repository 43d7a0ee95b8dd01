"""Merging the ledgers of one suite: two laboratories, or two folders of one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ganbench.harness.canonical import canonical_json
from ganbench.harness.errors import LedgerError
from ganbench.harness.ledger.ledger import Ledger
from ganbench.harness.ledger.names import PLAN, identity
from ganbench.harness.ledger.reading import reading

SAME = ("suite", "version", "seed", "baseline")
"""What plans must agree in, beside their cells."""


@dataclass(frozen=True)
class Merged:
    """What a merge did.

    Attributes:
        added: Records that the target did not have.
        equal: Records that it had, with the same result: an audit of determinism that was passed.
        different: Trials that it had with another result; the first stays.
    """

    added: int
    equal: int
    different: tuple[str, ...]


def merge(sources: Sequence[Ledger], target: Ledger) -> Merged:
    """Bring the records of several ledgers into one. Sources stay as they are.

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
    _check_records([ledger for ledger, _ in plans])
    target.write_plan(max((other for _, other in plans), key=lambda other: int(other["seeds"])))
    added, equal, different = 0, 0, []
    for source in sources:
        for record in source.records():
            if not target.holds(record.trial_id):
                target.commit(record)
                added += 1
            elif target.read(record.trial_id).sha256 == record.sha256:
                equal += 1
            else:
                different.append(record.trial_id)
    return Merged(added, equal, tuple(different))


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


def _check_records(ledgers: Sequence[Ledger]) -> None:
    """Refuse ledgers that trained on other content under the same name, and those with records of nothing that could be."""
    seen: dict[str, tuple[str, Ledger]] = {}
    for ledger in ledgers:
        for record in ledger.records():
            identity(record.trial_id)
            content = record.provenance.get("data")
            dataset = record.spec.get("cell", {}).get("dataset")
            if content is None or dataset is None:
                continue
            before, where = seen.setdefault(canonical_json(dataset), (content, ledger))
            if before != content:
                raise LedgerError(
                    f"{ledger.where} does not belong to {where.where}: data set {dataset.get('name')!r} has"
                    f" content {content} in the one and {before} in the other"
                )
