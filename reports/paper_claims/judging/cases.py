"""The trials that findings are read from: a suite's, each with its verdict and its whole trace."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ganbench.harness.errors import InputError
from ganbench.harness.stability import Verdict, load_definition
from ganbench.harness.statistics import suite_generator
from ganbench.harness.traces.trace import Trace
from ganbench.reports.evidence import Group
from ganbench.reports.evidence.grouping import group_cells

if TYPE_CHECKING:
    import numpy as np

    from ganbench.harness.ledger import Ledger

DEFINITION = 3
"""The definition of instability that the rules name."""

ENOUGH = 0.95
"""The share of a cell's trials that a verdict needs."""


@dataclass(frozen=True, eq=False)
class Case:
    """One trial.

    Attributes:
        group: All that its cell has but the normalizer.
        normalizer: The normalizer's label.
        seed: The seed's index.
        verdict: By the definition that the rules name.
        trace: What it logged, without samples; None where its method could not run.
        started: When it was started, in seconds since 1970; 0 where nobody wrote it down.
        seconds: Wall-clock seconds that it took; likewise.
        device: Where it ran: ``cpu``, or a GPU's model.
    """

    group: Group
    normalizer: str
    seed: int
    verdict: Verdict
    trace: Trace | None
    started: float = 0.0
    seconds: float = 0.0
    device: str = ""

    @property
    def failed(self) -> bool:
        """Whether it counts as a failure."""
        return self.verdict.failed

    def fails(self, undecided: bool) -> bool:
        """Return whether it counts as a failure where undecided trials do, or do not."""
        return self.failed or (undecided and not self.verdict.decided)


Pair = tuple[Case, Case]
"""Two trials of one group and one seed."""


@dataclass(frozen=True, eq=False)
class Cases:
    """The trials of one suite.

    Attributes:
        plan: The ledger's plan.
        groups: In the plan's order.
        cases: The committed trials of the plan, by group, normalizer and seed, in the plan's order.
    """

    plan: dict[str, Any]
    groups: tuple[Group, ...]
    cases: tuple[Case, ...]

    @property
    def suite(self) -> str:
        """The suite's name."""
        return str(self.plan["suite"])

    def random(self, purpose: str) -> np.random.Generator:
        """Return the generator that belongs to the suite and to what its numbers are for."""
        return suite_generator(str(self.plan["hash"]), f"findings: {purpose}")

    @cached_property
    def _cells(self) -> dict[tuple[str, str], list[Case]]:
        found: dict[tuple[str, str], list[Case]] = {}
        for case in self.cases:
            found.setdefault((case.group.title, case.normalizer), []).append(case)
        return found

    def cell(self, group: Group, normalizer: str) -> list[Case]:
        """Return the trials of one cell, by seed."""
        return self._cells.get((group.title, normalizer), [])

    def of(self, normalizer: str, groups: Iterable[Group] | None = None) -> list[Case]:
        """Return a normalizer's trials in some groups, or in all."""
        return [case for group in (self.groups if groups is None else groups) for case in self.cell(group, normalizer)]

    def both(self, first: str, second: str) -> list[Group]:
        """Return the groups in which two normalizers are planned."""
        return [group for group in self.groups if first in group.cells and second in group.cells]

    def pairs(self, first: str, second: str, groups: Iterable[Group]) -> list[Pair]:
        """Return the pairs of two normalizers in some groups."""
        found: list[Pair] = []
        for group in groups:
            others = {case.seed: case for case in self.cell(group, second)}
            found += [(case, others[case.seed]) for case in self.cell(group, first) if case.seed in others]
        return found

    def incomplete(self, normalizers: Iterable[str], groups: Iterable[Group]) -> int:
        """Return of how many cells too few trials are there for a verdict."""
        seeds, labels = int(self.plan["seeds"]), list(normalizers)
        wanted = [(group, label) for group in groups for label in labels if label in group.cells]
        return sum(len(self.cell(group, label)) < ENOUGH * seeds for group, label in wanted)


def read_cases(ledger: Ledger) -> Cases:
    """Read a ledger's trials. Those that its plan does not name are left out, as on a leaderboard.

    Raises:
        LedgerError: There is no plan, or a record is damaged.
        InputError: Seeds are sequential: their number depends on what came out, which the tests here do not allow for.
    """
    plan = ledger.plan()
    if plan.get("sequential"):
        raise InputError(
            f"{ledger.where}: findings need a suite with a fixed number of seeds; this one's are sequential"
        )
    definition = load_definition(DEFINITION)
    groups = group_cells(plan["cells"])
    places = {
        identity: (number, order, group, normalizer)
        for number, group in enumerate(groups)
        for order, (normalizer, identity) in enumerate(group.cells.items())
    }
    found: dict[tuple[int, int, int], Case] = {}
    for record in ledger.records():
        place = places.get(record.cell_id)
        if place is None or record.seed >= plan["seeds"] or record.spec["suite_seed"] != plan["seed"]:
            continue
        number, order, group, normalizer = place
        trace = None if record.trace is None else replace(record.trace, samples=None)
        started, seconds, device = (record.provenance.get(key) for key in ("started", "seconds", "device"))
        found[number, order, record.seed] = Case(
            group, normalizer, record.seed, record.judged_by(definition), trace,
            float(started or 0), float(seconds or 0), str(device or ""),
        )  # fmt: skip
    return Cases(plan, tuple(groups), tuple(found[key] for key in sorted(found)))


def settings_of(found: Iterable[Case | Pair]) -> list[str]:
    """Return the setting of each of some trials, or pairs."""
    return [(item[0] if isinstance(item, tuple) else item).group.title for item in found]


def labels_of(cases: Cases, name: str) -> Sequence[str]:
    """Return the labels of the normalizers of one name, whatever their parameters: ``bssn(scale=1.2)`` of ``bssn``."""
    labels = dict.fromkeys(label for group in cases.groups for label in group.cells)
    return [label for label in labels if label.split("(")[0] == name]
