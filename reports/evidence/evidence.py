"""What a page is made from: the cells of a plan, and what became of each trial, in the size that a page needs."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganbench.harness.planning.draws import Distribution
from ganbench.harness.planning.seeding import Sequential
from ganbench.harness.stability import METHOD_ERROR, Definition, Verdict


@dataclass(frozen=True)
class QualityProtocol:
    """One way to measure quality; numbers of two protocols never share a column.

    Attributes:
        dataset: Label of the data set.
        measure: Name of the measure, the first of the cell's metric.
        better: ``"lower"`` or ``"higher"``.
        title: Unique within a page.
        measures: Name and direction of everything that the metric reports.
    """

    dataset: str
    measure: str
    better: str
    title: str
    measures: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class DrawnValue:
    """A value that a suite drew.

    Attributes:
        distribution: From what.
        value: A number, or what else a specification has; of a plugin its name and parameters, in words.
    """

    distribution: Distribution
    value: Any


@dataclass(frozen=True)
class Group:
    """Cells that differ in nothing but the normalizer: their trials of one seed form pairs.

    Attributes:
        dataset: Label of the data set.
        architecture: Label of the architecture.
        setting: The suite's name for the hyperparameters.
        title: Unique within a page.
        protocol: How quality is measured.
        cells: The cells' identities by the label of the normalizer.
        drawn: What the suite drew of its setting, by dotted key; nothing where the suite wrote it down.
    """

    dataset: str
    architecture: str
    setting: str
    title: str
    protocol: QualityProtocol
    cells: dict[str, str]
    drawn: Mapping[str, DrawnValue] = field(default_factory=dict)


D_GRADIENT, G_GRADIENT = "d_grad_norm", "g_grad_norm"
QUALITY, VARIANCE, SIGMA = "quality", "variance", "sigma"

Series = tuple[str, str]
"""One curve of a trial: what it is, one of the names above, and of which layer; "" where it is not of a layer."""

Line = tuple[NDArray[np.float32], NDArray[np.float32]]
"""Steps and values."""


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """At which steps what was logged: one object for all trials that logged the same things at the same steps.

    Attributes:
        key: Equal for equal layouts.
        steps: Of each series.
        places: Where the values of each series stand among a trial's numbers.
        bounds: 1 / max(m, n) of each layer, in the order of the network.
        budget: Planned steps.
    """

    key: tuple[Any, ...]
    steps: dict[Series, NDArray[np.float32]]
    places: dict[Series, slice]
    bounds: dict[str, float]
    budget: float


@dataclass(frozen=True, slots=True, eq=False)
class Curves:
    """A trace, thinned to what a figure can show. A hundred thousand of these fit into memory.

    Attributes:
        layout: What the numbers are.
        numbers: The values of all series, one after the other.
    """

    layout: Layout
    numbers: NDArray[np.float32]

    def line(self, kind: str, layer: str = "") -> Line:
        """Return steps and values of a series; two empty arrays where it was not logged."""
        place = self.layout.places.get((kind, layer))
        if place is None:
            return np.empty(0, np.float32), np.empty(0, np.float32)
        return self.layout.steps[kind, layer], self.numbers[place]

    @property
    def quality(self) -> Line:
        """Steps and values of the protocol's measure."""
        return self.line(QUALITY)

    @property
    def bounds(self) -> dict[str, float]:
        """1 / max(m, n) of each layer."""
        return self.layout.bounds


@dataclass(frozen=True, slots=True, eq=False)
class Result:
    """What became of one trial.

    Attributes:
        trial_id: Identity of the trial.
        seed: The seed's index.
        verdict: By the plan's definition.
        lasted: The share of its budget before it first failed: 1 if it did not, 0 if its method could not run, and of one
            that is undecided the share that its trace covers.
        quality: The last evaluation of what trials are ranked by; nan where there is none.
        measured: The last evaluation of every measure.
        step_seconds: Wall-clock seconds of a training step; nan where nobody measured it.
        curves: What it logged, or None.
        sha256: Of the record's result.
        device: Where it was trained, as ``"cpu"`` or a GPU's name; empty where nobody said.
    """

    trial_id: str
    seed: int
    verdict: Verdict
    lasted: float
    quality: float
    measured: dict[str, float]
    step_seconds: float
    curves: Curves | None
    sha256: str
    device: str = ""


def lasted(verdict: Verdict, budget: int | None, stopped: int | None) -> float:
    """Return the share of its budget before a trial first failed.

    Args:
        verdict: Of the trial.
        budget: Planned steps; None without a trace.
        stopped: The last step of its trace; likewise.
    """
    if not verdict.failed and verdict.decided:
        return 1.0
    end = verdict.failed_at if verdict.failed else stopped
    if budget is None or end is None:
        return 0.0
    return min(1.0, float(end / budget))


@dataclass(frozen=True)
class Evidence:
    """Everything that a page says something about.

    Attributes:
        plan: The ledger's plan.
        definition: What "unstable" means here.
        normalizers: Labels, in the plan's order.
        groups: In the plan's order.
        protocols: In the plan's order.
        results: The committed trials of the plan, by cell and seed.
        software: Where and with what they were made, without hosts and times, and how many trials.
        sources: Plugins whose source changed under an unchanged version: (kind, name).
        relabelled: How many verdicts were reached anew because the record's was by another definition.
        wanted: How many trials each cell should have.
        plugins: What the trials were made with: kind, name, version and hash of the source of each plugin; sorted.
        contents: What the data were: a data set's canonical specification, and its content; sorted.
        left_out: Committed trials under a version of a normalizer that the plan does not name, while it names another: name
            and version, and how many; sorted.
    """

    plan: dict[str, Any]
    definition: Definition
    normalizers: tuple[str, ...]
    groups: tuple[Group, ...]
    protocols: tuple[QualityProtocol, ...]
    results: dict[str, dict[int, Result]]
    software: tuple[tuple[str, int], ...]
    sources: tuple[tuple[str, str], ...]
    relabelled: int
    wanted: dict[str, int]
    plugins: tuple[tuple[str, str, str, str], ...] = ()
    contents: tuple[tuple[str, str], ...] = ()
    left_out: tuple[tuple[str, str, int], ...] = ()

    @property
    def seeds(self) -> int:
        """Planned trials per cell; at most so many where seeds are sequential."""
        return int(self.plan["seeds"])

    @property
    def decides_all(self) -> bool:
        """Whether the definition calls every trial stable or failed; others know undecided ones and some not learnt."""
        return self.definition.evidence is None

    @property
    def modes(self) -> tuple[str, ...]:
        """Every way to fail that the definition knows, in the order of the tables."""
        return (*self.definition.modes, METHOD_ERROR)

    @property
    def budgets(self) -> tuple[int, ...]:
        """For how many steps trials are trained, as far as the cells say it; rising."""
        return tuple(sorted({cell["spec"]["steps"] for cell in self.plan["cells"] if "steps" in cell["spec"]}))

    @property
    def sequential(self) -> Sequential | None:
        """The rule of sequential seeds, or None where all cells get the same number."""
        return Sequential.of_plan(self.plan)

    @property
    def planned(self) -> int:
        """Planned trials; where seeds are sequential, those wanted so far."""
        return sum(self.wanted[cell] for group in self.groups for cell in group.cells.values())

    @property
    def committed(self) -> int:
        """Committed trials of the plan."""
        return sum(len(results) for results in self.results.values())

    @property
    def complete(self) -> bool:
        """Whether no wanted trial is missing."""
        return self.committed >= self.planned

    @property
    def empty(self) -> int:
        """Cells of which no trial is committed."""
        return sum(self.wanted[cell] > 0 and not self.results.get(cell) for cell in self.wanted)

    def of(self, group: Group, normalizer: str) -> list[Result]:
        """Return the committed trials of a cell, by seed; none where the plan has no such cell."""
        results = self.results.get(group.cells.get(normalizer, ""), {})
        return [results[seed] for seed in sorted(results)]

    def settings_of(self, normalizer: str) -> int:
        """Return in how many groups a normalizer has a cell.

        Where that is fewer than there are groups, its mean rate speaks of other settings than those of others.
        """
        return sum(normalizer in group.cells for group in self.groups)

    def sources_of(self, normalizer: str) -> frozenset[tuple[str, str]]:
        """Return with which versions and sources of a normalizer the trials were run: (version, source hash)."""
        specs = [
            cell["spec"].get("normalizer") or {} for cell in self.plan["cells"] if cell["normalizer"] == normalizer
        ]
        wanted = {("normalizer", str(spec.get("name", "?")), str(spec.get("version", ""))) for spec in specs}
        return frozenset((version, source) for *plugin, version, source in self.plugins if (*plugin, version) in wanted)

    def hash(self) -> str:
        """Return the SHA-256 over the sorted SHA-256 of the committed trials: what this page was made from."""
        hashes = sorted(result.sha256 for results in self.results.values() for result in results.values())
        return hashlib.sha256("\n".join(hashes).encode()).hexdigest()
