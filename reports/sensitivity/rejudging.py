"""A board judged in many ways: its evidence again, with the verdicts of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ganbench.harness.ledger import Ledger, Record
from ganbench.harness.stability import Verdict, judge
from ganbench.harness.stability.references import references_of
from ganbench.harness.traces.cutting import cut
from ganbench.reports.evidence import Evidence, Result
from ganbench.reports.evidence.evidence import lasted
from ganbench.reports.evidence.gathering import gather
from ganbench.reports.sensitivity.variants import Variant


@dataclass(frozen=True)
class Judged:
    """A ledger's trials, judged in one way.

    Attributes:
        variant: The way.
        evidence: With its verdicts.
    """

    variant: Variant
    evidence: Evidence

    @property
    def verdicts(self) -> dict[tuple[str, int], Verdict]:
        """The verdicts, by cell and seed."""
        return {
            (cell, seed): result.verdict
            for cell, results in self.evidence.results.items()
            for seed, result in results.items()
        }


def rejudged(ledger: Ledger, ways: Sequence[Variant]) -> list[Judged]:
    """Judge all planned trials of a ledger in several ways; each trace is read once.

    Args:
        ledger: The ledger.
        ways: The first of them is that of the definition itself.

    Raises:
        LedgerError: There is no plan, or a record is damaged.
    """
    evidence = gather(ledger, ways[0].definition.version)
    found: list[dict[str, dict[int, Result]]] = [{cell: {} for cell in evidence.results} for _ in ways]
    for record in ledger.records():
        result = evidence.results.get(record.cell_id, {}).get(record.seed)
        if result is None or result.trial_id != record.trial_id:
            continue
        for way, results in zip(ways, found, strict=True):
            results[record.cell_id][record.seed] = _judged(record, result, way)
    return [
        Judged(way, replace(evidence, definition=way.definition, results=results))
        for way, results in zip(ways, found, strict=True)
    ]


def _judged(record: Record, result: Result, way: Variant) -> Result:
    trace = record.trace
    if trace is None:
        return result  # a method that cannot run is one by every definition
    seen = cut(trace, way.share) if way.share < 1 else trace
    verdict = judge(seen, way.definition, references=references_of(record.spec["cell"], record.provenance))
    return replace(result, verdict=verdict, lasted=lasted(verdict, seen.budget, seen.stopped))
