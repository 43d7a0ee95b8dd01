"""How many seeds each cell gets: a fixed number, or one after the other while the answer is open.

A suite with sequential seeds is run in rounds. After each round the outcomes so far say which cells should get more
(``ganbench.harness.statistics.sequential``). Rounds are replayed from the ledger: what a cell gets depends on the
outcomes of the rounds before and on nothing else, so an interrupted sweep goes on as it would have, and a reader of the
ledger knows what was wanted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

import numpy as np

from ganbench.harness.stability import Verdict
from ganbench.harness.statistics.sequential import UNDECIDED, Rule, open_cells

Failed = Mapping[str, Mapping[int, bool | None]]
"""Whether each committed trial failed, by cell and seed; None where that is undecided."""


def whether_failed(verdict: Verdict) -> bool | None:
    """Return what a trial counts as when seeds are added: failed, or not, or None where it is undecided."""
    return verdict.failed if verdict.decided else None


@dataclass(frozen=True)
class Sequential:
    """When a suite's cells get no more seeds.

    Attributes:
        least: Every cell gets so many.
        most: No cell gets more.
        step: Seeds that a cell gets per round.
        half_width: A normalizer whose rate's interval is no wider than twice this needs no more; None if width does not
            count.
        test: The test by which a normalizer whose comparisons are all decided needs no more; None if they do not count.
        baseline: Label of the normalizer that alone the others are compared with; None for all pairs.
    """

    least: int
    most: int
    step: int
    half_width: float | None
    test: Literal["spending", "betting"] | None
    baseline: str | None = None

    def rule(self, normalizers: Sequence[str]) -> Rule:
        """Return the same for ``ganbench.harness.statistics.sequential``, where normalizers are numbered."""
        return Rule(
            least=self.least,
            most=self.most,
            half_width=self.half_width,
            compare=self.test is not None,
            test=self.test or "spending",
            baseline=None if self.baseline is None else normalizers.index(self.baseline),
        )

    def words(self) -> str:
        """Return it for people."""
        others = "" if self.baseline is None else f" with {self.baseline}"
        ends = [] if self.test is None else [f"until the {self.test} test has decided its comparisons{others}"]
        ends += [] if self.half_width is None else [f"until its interval is at most {2 * self.half_width:.0%} wide"]
        return f"{self.least} to {self.most} seeds, {self.step} more at a time, {' or '.join(ends)}"

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return asdict(self)

    @classmethod
    def of_plan(cls, plan: Mapping[str, Any]) -> Sequential | None:
        """Return the rule of a ledger's plan, or None where all cells get the same number of seeds."""
        said = plan.get("sequential")
        return cls(**{item.name: said[item.name] for item in fields(cls)}) if said else None


@dataclass(frozen=True)
class Place:
    """Where a cell stands in the comparisons.

    Attributes:
        cell: The cell's identity.
        normalizer: Its normalizer's label.
        group: Identity of the cell without its normalizer.
    """

    cell: str
    normalizer: str
    group: str


def seeds_wanted(places: Sequence[Place], sequential: Sequential, failed: Failed) -> dict[str, int]:
    """Return how many seeds each cell should have by now.

    A trial that is undecided can be either: a cell gets more seeds where it would with all such trials of all methods
    counted as failed, or with all counted as stable. The interval whose width is wanted is that of decided trials.

    Args:
        places: All cells of the suite.
        sequential: The rule.
        failed: The committed trials.

    Returns:
        By cell; the trials of these seeds that are not committed are to be run next, and none missing means that the
        sweep is complete.
    """
    normalizers = {name: index for index, name in enumerate(dict.fromkeys(place.normalizer for place in places))}
    groups = {name: index for index, name in enumerate(dict.fromkeys(place.group for place in places))}
    at = {(normalizers[place.normalizer], groups[place.group]): place.cell for place in places}
    wanted = {place.cell: sequential.least for place in places}
    rule = sequential.rule(list(normalizers))
    while all(seed in failed.get(cell, {}) for cell, count in wanted.items() for seed in range(count)):
        outcomes = np.full((len(normalizers), len(groups), sequential.most), np.nan)
        for place, cell in at.items():
            found = [failed[cell][seed] for seed in range(wanted[cell])]
            outcomes[place][: len(found)] = [UNDECIDED if item is None else item for item in found]
        more = [at[place] for place in open_cells(outcomes, rule) if place in at]
        if not more:
            break
        for cell in more:
            wanted[cell] = min(wanted[cell] + sequential.step, sequential.most)
    return wanted
