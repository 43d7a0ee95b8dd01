"""From a suite file to its cells: every combination that it asks for, each checked before anything runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from pydantic import ValidationError

from ganbench.harness.canonical import canonical_json
from ganbench.harness.cells.cell import Cell
from ganbench.harness.cells.resources import Resources
from ganbench.harness.errors import InputError, did_you_mean
from ganbench.harness.planning.settings import Setting, settings_of
from ganbench.harness.planning.suite_file import Combined, GridBlock, Hyperparameters, SuiteFile, explain_setting
from ganbench.harness.planning.yaml_source import YamlSource
from ganbench.harness.plugins.registry import Catalog
from ganbench.harness.stability import Detector


def expand(read: SuiteFile, source: YamlSource, catalog: Catalog) -> tuple[list[Cell], list[str]]:
    """Return a suite file's cells, in the file's order, and everything that is wrong with it, one line each.

    Args:
        read: The file's content.
        source: Where its keys stand, for messages.
        catalog: What it may name.
    """
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
            for kind, about in (("architecture", shape), ("metric", shared["dataset"])):
                reason = shared[kind] and shared[kind].check(about)
                if reason:
                    problems.append(f"{source.place((*here, kind))}: {kind} {shared[kind].name!r} {reason}")
                    shared[kind] = None
            problems += _refused(source, shared["architecture"], here_normalizers, shape)
        if shared["architecture"] is not None:
            create("normalizer", shared["architecture"].generator_normalizer, *here, "architecture")
        settings, wrong = settings_of(block, here, source)
        problems += wrong
        told: dict[str, str] = {}
        for setting in settings:
            chosen, about = _checked(setting, catalog)
            for place, text in about:
                # Of drawn settings, the first problem at a place: many can have it, each with a number of its own.
                if told.setdefault(place, text) == text or not setting.drawn:
                    problems.append(f"{place}: {text}")
            if chosen and setting.name:
                cells += [
                    Cell(normalizer=normalizer, **shared, **chosen)
                    for normalizer in here_normalizers
                    if None not in (normalizer, *shared.values())
                ]
    return cells, list(dict.fromkeys(problems + _same_identity(cells, source)))


def _checked(setting: Setting, catalog: Catalog) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """Return what a setting gives its cells, and place and sentence of all that is wrong with it; one of them is empty."""
    try:
        said = Hyperparameters.model_validate(setting.values)
    except ValidationError as error:
        return {}, explain_setting(error, setting.place)
    plugins: dict[str, Any] = {}
    about: list[tuple[str, str]] = []
    for kind in ("loss", "optimizer"):
        try:
            plugins[kind] = catalog.create(kind, getattr(said, kind))
        except InputError as error:
            about += [(setting.place((kind, *_parameter(line))), line) for line in error.problems]
    if about:
        return {}, about
    rest = said.model_dump(exclude={"loss", "optimizer", "resources"})
    resources = Resources(**said.resources.model_dump())
    return {**plugins, **rest, "setting": setting.name, "resources": resources, "drawn": setting.drawn}, []


def _parameter(line: str) -> tuple[str, ...]:
    """Return the parameter that a sentence about a plugin names, if any: ``optimizer 'adam': beta1: expected ...``."""
    parts = line.split(": ")
    return (parts[1],) if len(parts) > 2 and parts[1].isidentifier() else ()


def expand_detectors(read: SuiteFile, source: YamlSource, catalog: Catalog) -> tuple[tuple[Detector, ...], list[str]]:
    """Return the detectors that a suite file adds, in its order, and everything that is wrong with them, one line each.

    Args:
        read: The file's content.
        source: Where its keys stand, for messages.
        catalog: What it may name.
    """
    found: dict[str, Detector] = {}
    places: dict[str, int] = {}
    problems: list[str] = []
    for index, spec in enumerate(read.detectors):
        place = source.place(("detectors", index))
        try:
            detector = cast("Detector", catalog.create("detector", spec))
        except InputError as error:
            problems += [f"{place}: {line}" for line in error.problems]
            continue
        label = detector.label()
        if label in found:
            problems.append(f"{place}: {label!r} is the same as detectors.{places[label]}")
        found.setdefault(label, detector)
        places.setdefault(label, index)
    return tuple(found.values()), problems


def about_detector(detector: Detector) -> dict[str, Any]:
    """Return what a ledger's plan keeps of a detector, for whoever reads the results and has no such plugin."""
    kind = type(detector)
    about = {"label": detector.label(), "summary": kind.summary, "paper": kind.paper}
    return about | {"spec": detector.spec(), "source": detector.source()}


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
    source: YamlSource, here: tuple[str | int, ...], block: GridBlock, normalizers: Sequence[Any]
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
    from ganbench.harness.models.build import refusal
    from ganbench.harness.normalizer import overrides

    if architecture is None:
        return []
    reasons: dict[int, str | None] = {}
    for index, normalizer in enumerate(normalizers):
        if normalizer is None:
            continue
        # One that refuses nothing and widens no layer need not see networks that another has shown to be possible.
        if overrides(normalizer, "refuse", "extra_features") or not reasons:
            reasons[index] = refusal(architecture, normalizer, sample_shape)
    return [
        f"{source.place(('normalizers', index))}: normalizer {normalizers[index].label()!r} {reason}"
        f" (architecture {architecture.label()})"
        for index, reason in reasons.items()
        if reason
    ]


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
