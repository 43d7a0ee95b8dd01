"""What happened in every failed trial, in words."""

from __future__ import annotations

from dataclasses import dataclass

from ganbench.harness.stability import METHOD_ERROR
from ganbench.harness.stability.verdict import NEEDS
from ganbench.reports.evidence import Evidence, Result
from ganbench.reports.formatting import first_failure, mode, short

MESSAGE = 400


@dataclass(frozen=True)
class Failure:
    """One failed trial.

    Attributes:
        setting: Title of its group of cells.
        cell: Identity of its cell.
        normalizer: Its normalizer.
        seed: Its seed.
        step: The step of the first failure; -1 for a method that did not run.
        since: The same in words.
        how: The failure modes, with the reasons that the detectors gave.
    """

    setting: str
    cell: str
    normalizer: str
    seed: int
    step: int
    since: str
    how: str


def failures(evidence: Evidence) -> list[Failure]:
    """Return all failed trials, in the plan's order."""
    return [
        Failure(
            setting=group.title,
            cell=group.cells[normalizer],
            normalizer=normalizer,
            seed=result.seed,
            step=-1 if result.verdict.failed_at is None else result.verdict.failed_at,
            since=first_failure(result.verdict.failed_at),
            how=how(result),
        )
        for group in evidence.groups
        for normalizer in group.cells
        for result in evidence.of(group, normalizer)
        if result.verdict.failed
    ]


def warned(result: Result) -> str:
    """Return what detectors warn of that are in no definition, with their reasons; empty where they do not."""
    added = {name for by in result.verdict.added for name in (by.label, by.broken)}
    found = [item for item in result.verdict.warnings if item.mode in added]
    return "; ".join(
        f"warning, {mode(item.mode)} ({first_failure(item.step)}): {short(item.reason, MESSAGE)}" for item in found
    )


def how(result: Result) -> str:
    """Return the failure modes of a trial, with the reasons that the detectors gave; empty for a stable one.

    Of one that did not learn, or is undecided, why, and what would decide it.
    """
    if result.verdict.outcome == METHOD_ERROR:
        return f"{mode(METHOD_ERROR)}: {short(result.verdict.message, MESSAGE)}"
    if result.verdict.findings:
        return "; ".join(f"{mode(item.mode)}: {short(item.reason, MESSAGE)}" for item in result.verdict.findings)
    reason, needs = result.verdict.reason, NEEDS.get(result.verdict.needs, "")
    return short(reason, MESSAGE) + (f"; it takes {needs}" if needs else "")
