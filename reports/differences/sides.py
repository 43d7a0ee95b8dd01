"""One side of a comparison of two leaderboards: a ledger's evidence, and what tells one training from another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ganbench.harness.ledger import Ledger, Record
from ganbench.harness.stability import Definition, Verdict, load_definition
from ganbench.reports.board import Board, build
from ganbench.reports.evidence import Evidence, Result
from ganbench.reports.evidence.gathering import gather


@dataclass(frozen=True)
class Training:
    """What is compared of one trial.

    Attributes:
        training: Hash of what the training logged, or what a method error said.
        own: The verdict by the definition that the ledger's readers use.
        traced: Whether there is a trace that another definition can judge.
    """

    training: str
    own: Verdict
    traced: bool


@dataclass(frozen=True)
class Side:
    """A ledger, as it is compared.

    Attributes:
        name: As the user gave it.
        plan: Its plan, with the definition that its own readers use.
        evidence: Its trials, judged by the definition that both sides are compared by.
        board: The numbers from that.
        trainings: What is compared of its trials, by identity.
    """

    name: str
    plan: dict[str, Any]
    evidence: Evidence
    board: Board
    trainings: dict[str, Training]

    def results_of(self, cell: Mapping[str, Any]) -> dict[int, Result]:
        """Return the committed trials of one of the plan's cells, by seed."""
        return self.evidence.results.get(cell["id"], {})

    def training_of(self, result: Result) -> Training:
        """Return what is compared of a trial."""
        return self.trainings[result.trial_id]

    @property
    def definition(self) -> int:
        """Version of the definition that its own readers use."""
        return int(self.plan["definition"])


def how(verdict: Verdict) -> tuple[Any, ...]:
    """Return what a verdict says, without its figures: the outcome, and each failure mode with its step."""
    return verdict.outcome, tuple((item.mode, item.step) for item in verdict.findings)


def alike(first: tuple[Side, Result], second: tuple[Side, Result]) -> bool:
    """Say whether two trials are one training, bit for bit, with one verdict."""
    (side, result), (other, after) = first, second
    same = side.training_of(result).training == other.training_of(after).training
    return same and how(result.verdict) == how(after.verdict)


def _training(record: Record, own: Definition) -> Training:
    return Training(
        training=record.error if record.columns is None else record.columns.sha256,
        own=record.judged_by(own),
        traced=record.columns is not None,
    )


def read_sides(first: tuple[str, Ledger], second: tuple[str, Ledger]) -> tuple[Side, Side]:
    """Read two ledgers and judge both by the newer of their definitions.

    Args:
        first: Name and ledger of the one.
        second: Of the other.

    Raises:
        LedgerError: A ledger cannot be read, or a record is damaged.
        InputError: A definition of instability is not known here.
    """
    newest = max(int(ledger.plan()["definition"]) for _, ledger in (first, second))
    return _side(*first, newest), _side(*second, newest)


def _side(name: str, ledger: Ledger, definition: int) -> Side:
    plan = ledger.plan()
    own = load_definition(plan["definition"])
    evidence = gather(ledger, definition)
    trainings = {record.trial_id: _training(record, own) for record in ledger.records()}
    return Side(name, plan, evidence, build(evidence), trainings)
