"""The plan in a ledger, ``suite.json``: what a sweep asked for, held against its schema and against itself.

What trials are called on a page comes from here, so labels must be those of the specifications, and identities their
hashes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictInt, StrictStr, ValidationError

from ganbench.harness.canonical import digest
from ganbench.harness.errors import describe

MOST_SEEDS = 1_000_000
"""Of a cell. A report has a place for every trial that is missing."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="allow", strict=True)


class PlannedMeasure(_Part):
    """A measure of a cell's metric."""

    key: StrictStr
    better: Literal["lower", "higher"]


class PlannedCell(_Part):
    """A cell: its identity, its labels, its specification, and whether its steps are compiled."""

    id: StrictStr
    dataset: StrictStr
    architecture: StrictStr
    normalizer: StrictStr
    setting: StrictStr
    measures: Annotated[list[PlannedMeasure], Field(min_length=1)]
    spec: dict[str, Any]
    drawn: dict[StrictStr, Any] = {}
    way: Literal["compiled"] | None = None


class PlannedNormalizer(_Part):
    """What a page says of a normalizer."""

    summary: StrictStr = ""
    paper: StrictStr = ""


class PlannedSequential(_Part):
    """When cells get no more seeds (``planning.seeding.Sequential``), and the definition that decides it."""

    least: Annotated[StrictInt, Field(ge=1)]
    most: Annotated[StrictInt, Field(ge=1, le=MOST_SEEDS)]
    step: Annotated[StrictInt, Field(ge=1)]
    half_width: Annotated[float, Field(gt=0, lt=1)] | None
    test: Literal["spending", "betting"] | None
    baseline: StrictStr | None
    definition: Annotated[StrictInt, Field(ge=1)]


class Plan(_Part):
    """A plan. Keys that are not named here belong to later versions, and are passed over."""

    suite: Annotated[StrictStr, Field(min_length=1)]
    version: StrictInt
    seed: Annotated[StrictInt, Field(ge=0)]
    seeds: Annotated[StrictInt, Field(ge=1, le=MOST_SEEDS)]
    definition: Annotated[StrictInt, Field(ge=1)]
    description: StrictStr = ""
    baseline: StrictStr | None = None
    normalizers: dict[str, PlannedNormalizer] = {}
    cells: Annotated[list[PlannedCell], Field(min_length=1)]
    text: StrictStr = ""
    sequential: PlannedSequential | None = None


LABELLED = ("dataset", "architecture", "normalizer")
"""What of a cell has a label."""


def checked_plan(value: Any) -> None:
    """Refuse what is no plan.

    Args:
        value: The JSON value of ``suite.json``.

    Raises:
        ValueError: One sentence for the first thing that is wrong, and how many more there are.
    """
    try:
        plan = Plan.model_validate(value)
    except ValidationError as error:
        problems = describe(error.errors(include_url=False), lambda key: Plan.model_fields)
        told = [f"{_place(key)}{text}" for key, text in problems]
    else:
        told = list(_contradictions(plan))
    if told:
        raise ValueError(told[0] + (f"; {len(told) - 1} more" if len(told) > 1 else ""))


def hash_of(plan: Mapping[str, Any]) -> str:
    """Return the hash of what a plan asks for, which its key ``hash`` should be."""
    asked = {"seed": plan["seed"], "seeds": plan["seeds"], "cells": [cell["id"] for cell in plan["cells"]]}
    sequential = plan.get("sequential")
    rule = None if sequential is None else {key: value for key, value in sequential.items() if key != "definition"}
    return digest(asked | ({} if rule is None else {"sequential": rule}))


def _place(key: tuple[Any, ...]) -> str:
    return f"{'.'.join(map(str, key))}: " if key else ""


def _contradictions(plan: Plan) -> Iterator[str]:
    """Yield what a plan says of itself that is not so."""
    for number, cell in enumerate(plan.cells):
        if cell.id != digest(cell.spec):
            yield f"cells.{number}.id: is {cell.id!r}, and its specification's identity is {digest(cell.spec)!r}"
        for kind in LABELLED:
            label = getattr(cell, kind)
            problem = _mislabelled(label, cell.spec.get(kind))
            if problem:
                yield f"cells.{number}.{kind}: is {label!r}, and its specification {problem}"
    if plan.sequential is not None:
        yield from _of_sequential(plan.sequential, {cell.normalizer for cell in plan.cells})
    for identity, count in Counter(cell.id for cell in plan.cells).items():
        if count > 1:
            yield f"cells: {count} have the identity {identity}"
    rows = Counter(
        (cell.dataset, cell.architecture, cell.normalizer, cell.setting, digest({**cell.spec, "normalizer": None}))
        for cell in plan.cells
    )
    for (dataset, architecture, normalizer, setting, _), count in rows.items():
        if count > 1:
            yield f"cells: {count} are called {' · '.join((dataset, architecture, normalizer, setting))}"


def _of_sequential(rule: PlannedSequential, normalizers: set[str]) -> Iterator[str]:
    if rule.least > rule.most:
        yield f"sequential.least: is {rule.least}, and the most is {rule.most}"
    if rule.test is None and rule.half_width is None:
        yield "sequential: says neither a test nor a half-width"
    if rule.baseline is not None and rule.baseline not in normalizers:
        yield f"sequential.baseline: is {rule.baseline!r}, which no cell has"


def _mislabelled(label: str, spec: Any) -> str:
    """Say in what a label is not that of a specification; empty where it may be.

    A label is a plugin's name, and in brackets those parameters that are not at their default; of several plugins,
    with `` + `` between them. Which values are defaults only the plugin knows, so parameters that are not named are not
    looked at.
    """
    if not isinstance(spec, Mapping):
        return "is no mapping"
    parts = spec.get("parts")
    if isinstance(parts, list):
        labels = label.split(" + ")
        if len(labels) != len(parts):
            return "" if " + " in str(parts) else f"is of {len(parts)} parts"
        return next(filter(None, map(_mislabelled, labels, parts)), "")
    if label == spec.get("name"):
        return ""
    name, bracket, named = label.partition("(")
    if name != spec.get("name"):
        return f"is of {spec.get('name')!r}"
    return "has other parameters" if bracket and not _named(named, spec) else ""


def _named(text: str, spec: Mapping[str, Any]) -> bool:
    """Say whether a text is some of a specification's parameters, each once, with a bracket at the end."""
    left = dict(spec)
    while True:
        key = text.partition("=")[0]
        if key not in left:
            return False
        item = f"{key}={left.pop(key)}"
        if not text.startswith(item):
            return "{" in item  # the order within a mapping is not kept
        rest = text[len(item) :]
        if not rest.startswith(", "):
            return rest == ")"
        text = rest[2:]
