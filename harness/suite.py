"""A suite: a YAML file that becomes cells and trials.

Reading checks everything before anything runs: every key, name, range and combination. All problems of a file are
reported at once, each with its line, what was expected, what was found, and the nearest valid name.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from harness.cell import Cell, Trial, canonical_json, digest
from harness.errors import InputError, SuiteError, describe, did_you_mean
from harness.registry import Catalog, PluginSource
from harness.yaml_source import YamlSource, read_yaml

Named = str | dict[str, Any]
"""A plugin as a suite writes it: its name, or a mapping of ``name`` and parameters."""

Combined = Named | list[Named]
"""A normalizer, which can be a combination: ``"a + b"``, or a list of plugins."""

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", max_length=64)]
"""A name that is safe in a file's path."""


PYDANTIC = ("str", "dict[str,any]", "list[union[str,dict[str,any]]]", "[key]")
"""Parts of pydantic's locations that name branches of a union, not places in a file."""


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Hyperparameters(_Model):
    """What a setting may say. A block's ``common`` gives values to all of its settings."""

    loss: Named = "non_saturating"
    optimizer: Named = "adam"
    lr_g: float = Field(gt=0, le=10)
    lr_d: float = Field(gt=0, le=10)
    n_dis: int = Field(1, ge=1, le=100)
    simultaneous: bool = False
    lr_decay_from: float = Field(1.0, ge=0, le=1)
    clip_norm: float | None = Field(None, gt=0)
    penalty_every: int = Field(1, ge=1, le=1000)
    ema: float = Field(0.0, ge=0, lt=1)
    batch_size: int = Field(64, ge=2, le=65536)
    steps: int = Field(ge=1)
    evaluations: int = Field(25, ge=1, le=1000)
    log_points: int = Field(200, ge=1, le=10000)


class Block(_Model):
    """One data set and architecture, with the settings that are tried on it, ``without`` some of the normalizers."""

    dataset: Named
    architecture: Named
    metric: Named
    without: list[str] = Field(default_factory=list)
    common: dict[str, Any] = Field(default_factory=dict)
    settings: dict[Name, dict[str, Any]] = Field(min_length=1)


class SuiteFile(_Model):
    """The keys of a suite file."""

    suite: Name
    version: int = Field(ge=1)
    description: str = ""
    seed: int = Field(0, ge=0, lt=2**63)
    seeds: int = Field(ge=1, le=100_000)
    definition: Literal[1] = 1
    baseline: str | None = None
    normalizers: list[Combined] = Field(min_length=1)
    grid: list[Block] = Field(min_length=1)


@dataclass(frozen=True)
class Suite:
    """A suite, read and checked.

    Attributes:
        name: Its name.
        version: Its version.
        description: What it asks.
        seed: The root of all random streams.
        seeds: Trials per cell.
        definition: Version of the detectors' thresholds.
        baseline: Label of the normalizer that the others are compared with, or None.
        cells: The cells, in the file's order.
        text: The file's text, kept with the ledger.
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

    def trials(self) -> list[Trial]:
        """Return every trial: for each seed all cells, so that an interrupted sweep has whole pairs."""
        return [Trial(cell, self.seed, seed) for seed in range(self.seeds) for cell in self.cells]

    def with_seeds(self, seeds: int | None) -> Suite:
        """Return the suite with another number of trials per cell, or as it is for None.

        Raises:
            InputError: The number is below 1.
        """
        if seeds is None:
            return self
        if seeds < 1:
            raise InputError(f"--seeds: expected a number of at least 1, found {seeds}")
        return replace(self, seeds=seeds)

    def plan(self) -> dict[str, Any]:
        """Return what the ledger keeps of the suite: all that a reader of results needs, as JSON values."""
        return {
            "suite": self.name,
            "version": self.version,
            "hash": self.hash(),
            "description": self.description,
            "seed": self.seed,
            "seeds": self.seeds,
            "definition": self.definition,
            "baseline": self.baseline,
            "cells": [
                {
                    "id": cell.id,
                    "dataset": cell.dataset.label(),
                    "architecture": cell.architecture.label(),
                    "normalizer": cell.normalizer.label(),
                    "setting": cell.setting,
                    "measures": [{"key": item.key, "better": item.better} for item in cell.metric.measures()],
                    "spec": cell.spec(),
                }
                for cell in self.cells
            ],
            "text": self.text,
        }

    def hash(self) -> str:
        """Return the hash of what the suite asks for, whatever its comments and layout."""
        return digest({"seed": self.seed, "seeds": self.seeds, "cells": [cell.id for cell in self.cells]})


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
    import suites

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
        raise SuiteError(_explain_file(source, error)) from error
    cells, problems = _expand(read, source, catalog)
    labels = list(dict.fromkeys(cell.normalizer.label() for cell in cells))
    if not problems and read.baseline is not None and read.baseline not in labels:
        place = source.place(("baseline",))
        problems.append(f"{place}: {read.baseline!r} is not among the normalizers{did_you_mean(read.baseline, labels)}")
    problems += _same_identity(cells, source)
    if problems:
        raise SuiteError(problems)
    return Suite(
        name=read.suite,
        version=read.version,
        description=read.description,
        seed=read.seed,
        seeds=read.seeds,
        definition=read.definition,
        baseline=read.baseline,
        cells=tuple(cells),
        text=source.path.read_text(encoding="utf-8"),
    )


def _expand(read: SuiteFile, source: YamlSource, catalog: Catalog) -> tuple[list[Cell], list[str]]:
    problems: list[str] = []

    def create(kind: str, spec: Combined, *key: str | int) -> Any:
        try:
            return catalog.create(kind, spec)
        except InputError as error:
            problems.extend(f"{source.place(key)}: {line}" for line in error.problems)
        return None

    cells: list[Cell] = []
    normalizers = [create("normalizer", spec, "normalizers", index) for index, spec in enumerate(read.normalizers)]
    problems += _named_twice(source, normalizers)
    for index, block in enumerate(read.grid):
        here = ("grid", index)
        here_normalizers: list[Any] = [
            item if item and item.label() not in block.without else None for item in normalizers
        ]
        problems += _unknown_without(source, here, block, normalizers)
        shared = {
            "dataset": create("dataset", block.dataset, *here, "dataset"),
            "architecture": create("architecture", block.architecture, *here, "architecture"),
            "metric": create("metric", block.metric, *here, "metric"),
        }
        if shared["dataset"] is not None:
            shape = shared["dataset"].sample_shape()
            for kind in ("architecture", "metric"):
                reason = shared[kind] and shared[kind].check(shape)
                if reason:
                    problems.append(f"{source.place((*here, kind))}: {kind} {shared[kind].name!r} {reason}")
                    shared[kind] = None
            problems += _refused(source, shared["architecture"], here_normalizers, shape)
        if shared["architecture"] is not None:
            create("normalizer", shared["architecture"].generator_normalizer, *here, "architecture")
        for setting, values in block.settings.items():
            where = (*here, "settings", setting)
            try:
                chosen = Hyperparameters.model_validate({**block.common, **values})
            except ValidationError as error:
                problems += _explain_setting(source, here, setting, values, error)
                continue
            loss = create("loss", chosen.loss, *where, "loss")
            optimizer = create("optimizer", chosen.optimizer, *where, "optimizer")
            rest = chosen.model_dump(exclude={"loss", "optimizer"})
            cells += [
                Cell(normalizer=normalizer, loss=loss, optimizer=optimizer, setting=setting, **shared, **rest)
                for normalizer in here_normalizers
                if None not in (normalizer, loss, optimizer, *shared.values())
            ]
    return cells, list(dict.fromkeys(problems))


def _named_twice(source: YamlSource, normalizers: list[Any]) -> list[str]:
    """Return the normalizers that the list has a second time, and take them out of it."""
    first: dict[str, int] = {}
    problems = []
    for index, normalizer in enumerate(normalizers):
        if normalizer is None:
            continue
        before = first.setdefault(canonical_json(normalizer.spec()), index)
        if before != index:
            place = source.place(("normalizers", index))
            problems.append(f"{place}: {normalizer.label()!r} is the same as normalizers.{before}")
            normalizers[index] = None
    return problems


def _unknown_without(
    source: YamlSource, here: tuple[str | int, ...], block: Block, normalizers: Sequence[Any]
) -> list[str]:
    labels = [item.label() for item in normalizers if item is not None]
    return [
        f"{source.place((*here, 'without'))}: {label!r} is not among the normalizers{did_you_mean(label, labels)}"
        for label in block.without
        if label not in labels
    ]


def _refused(
    source: YamlSource, architecture: Any, normalizers: Sequence[Any], sample_shape: tuple[int, ...]
) -> list[str]:
    """Return the normalizers that make no sense on an architecture, with the reason."""
    from harness.models.build import refusal

    if architecture is None:
        return []
    reasons = {
        index: refusal(architecture, normalizer, sample_shape)
        for index, normalizer in enumerate(normalizers)
        if normalizer is not None
    }
    return [
        f"{source.place(('normalizers', index))}: normalizer {normalizers[index].label()!r} {reason}"
        f" (architecture {architecture.label()})"
        for index, reason in reasons.items()
        if reason
    ]


def _explain_file(source: YamlSource, error: ValidationError) -> list[str]:
    def known(key: tuple[Any, ...]) -> Iterable[str]:
        return Block.model_fields if key[:1] == ("grid",) and len(key) > 2 else SuiteFile.model_fields

    lines = []
    for key, text in describe(error.errors(include_url=False), known):
        # Pydantic names the branch of a union in the location; only what stands in the file is of use to a reader.
        place = source.place(tuple(part for part in key if part not in PYDANTIC))
        lines.append(f"{place}: {text}")
    return list(dict.fromkeys(lines))


def _explain_setting(
    source: YamlSource, here: tuple[str | int, ...], setting: str, values: dict[str, Any], error: ValidationError
) -> list[str]:
    lines = []
    for (key, *_), text in describe(error.errors(include_url=False), lambda _: Hyperparameters.model_fields):
        common = (*here, "common", key)
        place = common if key not in values and common in source.lines else (*here, "settings", setting, key)
        lines.append(f"{source.place(place)}: {text}")
    return lines


def _same_identity(cells: Sequence[Cell], source: YamlSource) -> list[str]:
    first: dict[str, Cell] = {}
    problems = []
    for cell in cells:
        if cell.id in first:
            problems.append(
                f"{source.path}: two cells are the same: {first[cell.id].title()!r} and {cell.title()!r}"
                f" (both {canonical_json(cell.normalizer.spec())} with equal hyperparameters)"
            )
        first.setdefault(cell.id, cell)
    return problems
