"""A suite: a YAML file that becomes cells and trials.

Reading checks everything before anything runs: every key, name, range and combination. All problems of a file are
reported at once, each with its line, what was expected, what was found, and the nearest valid name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ganbench.harness.canonical import digest
from ganbench.harness.cells.cell import Cell, Trial
from ganbench.harness.errors import InputError, SuiteError, did_you_mean
from ganbench.harness.planning.expansion import about_detector, expand, expand_detectors
from ganbench.harness.planning.seeding import Place, Sequential
from ganbench.harness.planning.suite_file import Seeds, SuiteFile, explain_file
from ganbench.harness.planning.yaml_source import read_yaml
from ganbench.harness.plugins.registry import Catalog
from ganbench.harness.plugins.source import PluginSource
from ganbench.harness.stability import Detector


@dataclass(frozen=True)
class Suite:
    """A suite, read and checked.

    Attributes:
        name: Its name.
        version: Its version.
        description: What it asks.
        seed: The root of all random streams.
        seeds: Trials per cell; at most so many where seeds are sequential.
        definition: Version of the detectors' thresholds.
        baseline: Label of the normalizer that the others are compared with, or None.
        cells: The cells, in the file's order.
        text: The file's text, kept with the ledger.
        sequential: When cells get no more seeds; None where all get the same number.
        detectors: Those that look beside the definition's; no part of any identity, for they change no training.
    """

    name: str
    version: int
    description: str
    seed: int
    seeds: int
    definition: int
    baseline: str | None
    cells: tuple[Cell, ...]
    text: str
    sequential: Sequential | None = None
    detectors: tuple[Detector, ...] = ()

    def trials(self, wanted: Mapping[str, int] | None = None) -> list[Trial]:
        """Return every trial: for each seed all cells, so that an interrupted sweep has whole pairs.

        Args:
            wanted: How many seeds each cell should have; all that it may have when absent.
        """
        return [
            Trial(cell, self.seed, seed)
            for seed in range(self.seeds)
            for cell in self.cells
            if wanted is None or seed < wanted[cell.id]
        ]

    def places(self) -> list[Place]:
        """Return where each cell stands in the comparisons."""
        return [Place(cell.id, cell.normalizer.label(), cell.group) for cell in self.cells]

    def with_seeds(self, seeds: int | None) -> Suite:
        """Return the suite with a fixed number of trials per cell, or as it is for None.

        Raises:
            InputError: The number is below 1.
        """
        if seeds is None:
            return self
        if seeds < 1:
            raise InputError(f"--seeds: expected a number of at least 1, found {seeds}")
        return replace(self, seeds=seeds, sequential=None)

    def with_gpus(self, share: float | None) -> Suite:
        """Return the suite with another share of a GPU for every trial, or as it is for None.

        Raises:
            InputError: The share is not between 0 and 1.
        """
        if share is None:
            return self
        if not 0 <= share <= 1:
            raise InputError(f"--gpus {share:g}: expected a share of one GPU, from 0 (the CPU) to 1")
        cells = (replace(cell, resources=replace(cell.resources, gpus=share)) for cell in self.cells)
        return replace(self, cells=tuple(cells))

    def plan(self) -> dict[str, Any]:
        """Return what the ledger keeps of the suite: all that a reader of results needs, as JSON values."""
        return {
            "suite": self.name,
            "version": self.version,
            "hash": self.hash(),
            "description": self.description,
            "seed": self.seed,
            "seeds": self.seeds,
            # With the definition that decides who gets more seeds, whatever definition readers choose later.
            "sequential": self.sequential and {**self.sequential.to_json(), "definition": self.definition},
            "definition": self.definition,
            "baseline": self.baseline,
            # For whoever reads the results and has no such plugin.
            "normalizers": {
                cell.normalizer.label(): {"summary": cell.normalizer.summary, "paper": cell.normalizer.paper}
                for cell in self.cells
            },
            "cells": [
                {
                    "id": cell.id,
                    "dataset": cell.dataset.label(),
                    "architecture": cell.architecture.label(),
                    "normalizer": cell.normalizer.label(),
                    "setting": cell.setting,
                    "measures": [{"key": item.key, "better": item.better} for item in cell.metric.measures()],
                    "spec": cell.spec(),
                    # Absent where nothing was drawn, so that such plans are those of earlier versions.
                    **({"drawn": dict(cell.drawn)} if cell.drawn else {}),
                }
                for cell in self.cells
            ],
            "text": self.text,
            # Absent where there are none, so that such plans are those of earlier versions.
            **({"detectors": [about_detector(item) for item in self.detectors]} if self.detectors else {}),
        }

    def hash(self) -> str:
        """Return the hash of what the suite asks for, whatever its comments and layout."""
        asked: dict[str, Any] = {"seed": self.seed, "seeds": self.seeds, "cells": [cell.id for cell in self.cells]}
        return digest(asked | ({} if self.sequential is None else {"sequential": self.sequential.to_json()}))


def find_suite(suite: str | Path) -> Path:
    """Return the file of a suite given as a path or as a shipped suite's name.

    Raises:
        SuiteError: There is no such file and no such shipped suite.
    """
    path = Path(suite)
    if path.is_file():
        return path
    shipped = shipped_suites()
    if str(suite) in shipped:
        return shipped[str(suite)]
    raise SuiteError([f"suite {str(suite)!r}: no such file and no shipped suite{did_you_mean(str(suite), shipped)}"])


def shipped_suites() -> dict[str, Path]:
    """Return the shipped suites' files by name."""
    from ganbench import suites

    return {path.stem: path for path in sorted(Path(next(iter(suites.__path__))).glob("*.yaml"))}


def load_suite(
    suite: str | Path, *, plugins: Sequence[str | PluginSource] = (), catalog: Catalog | None = None
) -> Suite:
    """Read and check a suite.

    Args:
        suite: The path of a YAML file, or a shipped suite's name.
        plugins: Files or modules with further plugins.
        catalog: What the suite may name; made from the installed plugins and ``plugins`` when absent.

    Raises:
        SuiteError: The file is not a valid suite; the message has a line for every problem.
        PluginError: A plugin cannot be loaded.
    """
    if catalog is None:
        catalog = Catalog([item if isinstance(item, PluginSource) else PluginSource.read(item) for item in plugins])
    source = read_yaml(find_suite(suite))
    try:
        read = SuiteFile.model_validate(source.content)
    except ValidationError as error:
        raise SuiteError(explain_file(source, error)) from error
    cells, problems = expand(read, source, catalog)
    detectors, wrong = expand_detectors(read, source, catalog)
    problems += wrong
    labels = list(dict.fromkeys(cell.normalizer.label() for cell in cells))
    if not problems and read.baseline is not None and read.baseline not in labels:
        place = source.place(("baseline",))
        problems.append(f"{place}: {read.baseline!r} is not among the normalizers{did_you_mean(read.baseline, labels)}")
    if problems:
        raise SuiteError(problems)
    return Suite(
        name=read.suite,
        version=read.version,
        description=read.description,
        seed=read.seed,
        seeds=read.seeds if isinstance(read.seeds, int) else read.seeds.max,
        definition=read.definition,
        baseline=read.baseline,
        cells=tuple(cells),
        text=source.path.read_text(encoding="utf-8"),
        sequential=None if isinstance(read.seeds, int) else _sequential(read.seeds, read.baseline),
        detectors=detectors,
    )


def _sequential(seeds: Seeds, baseline: str | None) -> Sequential:
    until = seeds.until
    against = baseline if until.against == "baseline" else None
    return Sequential(seeds.min, seeds.max, seeds.step, until.ci_halfwidth, until.separated, against)
