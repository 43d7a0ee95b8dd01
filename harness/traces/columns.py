"""A trace as typed columns: the form in which it is stored, and over which its checksum is.

All series of a trace lie one after the other in four arrays: whole numbers (steps), numbers that float32 holds exactly,
numbers that are the shortest decimals of float32 (``decimals``), and the other numbers. Which is whose is in the
layout, a short text that is the same for most trials of a cell. Everything is a function of the trace alone, so that
equal traces have equal columns and one checksum, in whatever file they are stored.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ganbench.harness.canonical import canonical_json
from ganbench.harness.traces.decimals import shortest_decimals
from ganbench.harness.traces.trace import Column, LayerTrace, Probe, Samples, Trace

Kind = Literal["i8", "f4", "d4", "f8"]

DTYPES: dict[Kind, str] = {"i8": "<i8", "f4": "<f4", "d4": "<f4", "f8": "<f8"}
"""Of the four arrays, little-endian."""

IMAGE = "|u1"
"""Of the samples that are images; points are stored as numbers."""

_EXACT = 2.0**53


@dataclass(frozen=True)
class Columns:
    """A trace as typed columns.

    Attributes:
        layout: Canonical JSON: budget, last step, directions of measures, and for each series its place, name, type and
            length, in the order in which they lie in the arrays.
        whole: Steps, int64.
        single: Numbers that float32 holds exactly, float32.
        decimal: Numbers that are shortest decimals of float32, as these float32.
        double: The other numbers, float64; every NaN is the same one.
        images: Samples that are images, uint8, flat; empty where they are points or absent.
    """

    layout: str
    whole: NDArray[np.int64]
    single: NDArray[np.float32]
    decimal: NDArray[np.float32]
    double: NDArray[np.float64]
    images: NDArray[np.uint8]

    @classmethod
    def of(cls, trace: Trace) -> Columns:
        """Return the columns of a trace.

        Raises:
            ValueError: Its samples are neither uint8 nor float32.
        """
        series = list(_series(trace))
        kinds, arrays = _typed([(place == "steps", column) for place, _, column, _ in series])
        samples, images = _samples(trace, arrays)
        layout = {
            "budget": int(trace.budget),
            "stopped": int(trace.stopped),
            "better": [list(item) for item in trace.better.items()],
            "series": [
                [place, name, kind, len(column), *more]
                for (place, name, column, more), kind in zip(series, kinds, strict=True)
            ],
            "samples": samples,
        }
        joined = {kind: _joined(arrays[kind], dtype) for kind, dtype in DTYPES.items()}
        return cls(canonical_json(layout), joined["i8"], joined["f4"], joined["d4"], joined["f8"], images)

    @cached_property
    def decimals(self) -> NDArray[np.float64]:
        """The shortest decimals of ``decimal``; who reads many columns computes them for all at once, and sets them."""
        return shortest_decimals(self.decimal)

    @cached_property
    def trace(self) -> Trace:
        """The trace; its arrays are views of the columns where they can be.

        Raises:
            ValueError: The layout does not fit the arrays.
        """
        plan = _plan(self.layout)
        arrays: dict[Kind, NDArray[Any]] = {"i8": self.whole, "f4": self.single, "d4": self.decimal, "f8": self.double}
        if any(len(arrays[kind]) != count for kind, count in plan.counts.items()):
            raise ValueError("the layout does not fit the arrays")
        numbers = {
            "i8": self.whole.astype(np.float64),
            "f4": self.single.astype(np.float64),
            "d4": self.decimals,
            "f8": self.double,
        }
        found: dict[str, dict[str, Any]] = {place: {} for place in PLACES}
        for place, name, kind, first, last in plan.items:
            found[place][name] = numbers[kind][first:last]
        steps = found["steps"]
        layers = {
            name: LayerTrace(
                (rows, columns),
                found["variance"][name],
                found["sigma"][name],
                first,
                found["stable_rank"][name],
            )
            for name, (rows, columns, first) in plan.layers.items()
        }
        made = Trace(
            budget=plan.budget,
            stopped=plan.stopped,
            steps=steps["log"],
            scalars=found["scalars"],
            probe_steps=steps["probe"],
            layers=layers,
            evaluation_steps=steps["evaluation"],
            evaluations=found["evaluations"],
            better=dict(plan.better),
            samples=self._samples(plan),
            probes={name: Probe(found["probes"][name], first) for name, first in plan.probes.items()},
        )
        # A sum is finite only if every number is; one that overflows says no more than that they must be looked at.
        with np.errstate(over="ignore", invalid="ignore"):
            if all(math.isfinite(np.add.reduce(array)) for array in (self.single, self.decimal, self.double)):
                made.__dict__["finite"] = True
        return made

    def samples(self) -> NDArray[Any] | None:
        """Return the samples alone: images uint8 [N, C, H, W], or points float32 [N, d]; None where there are none.

        Raises:
            ValueError: The layout does not fit the arrays.
        """
        found = self._samples(_plan(self.layout))
        return None if found is None else found.values

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of layout and arrays: 64 hexadecimal digits."""
        found = hashlib.sha256(self.layout.encode())
        for array, dtype in (
            (self.whole, "<i8"),
            (self.single, "<f4"),
            (self.decimal, "<f4"),
            (self.double, "<f8"),
            (self.images, IMAGE),
        ):
            # The length, so that no byte can be taken for one of the next array.
            found.update(len(array).to_bytes(8, "little"))
            found.update(np.ascontiguousarray(array, dtype=dtype).data)
        return found.hexdigest()

    def _samples(self, plan: _Plan) -> Samples | None:
        if plan.samples is None:
            return None
        dtype, shape = plan.samples
        flat = self.images if dtype == IMAGE else self.single[len(self.single) - int(np.prod(shape)) :]
        return Samples(flat.reshape(shape))


PLACES = ("steps", "scalars", "variance", "sigma", "stable_rank", "probes", "evaluations")
"""Where in a trace a series belongs: at steps, in ``scalars``, in a layer, in ``probes`` or in ``evaluations``."""


def _series(trace: Trace) -> Iterator[tuple[str, str, Column, tuple[Any, ...]]]:
    """Yield place, name, numbers and further facts of every series of a trace, in the order in which they are stored."""
    yield "steps", "log", trace.steps, ()
    yield "steps", "probe", trace.probe_steps, ()
    yield "steps", "evaluation", trace.evaluation_steps, ()
    for name in sorted(trace.scalars):
        yield "scalars", name, trace.scalars[name], ()
    for name in sorted(trace.layers):
        layer = trace.layers[name]
        yield "variance", name, layer.variance, (*map(int, layer.matrix_shape), int(layer.first))
        yield "sigma", name, layer.sigma, ()
        yield "stable_rank", name, layer.stable_rank, ()
    for name in sorted(trace.probes):
        yield "probes", name, trace.probes[name].values, (int(trace.probes[name].first),)
    measures = [name for name in trace.better if name in trace.evaluations]
    for name in [*measures, *sorted(trace.evaluations.keys() - set(measures))]:
        yield "evaluations", name, trace.evaluations[name], ()


def _typed(series: Sequence[tuple[bool, Column]]) -> tuple[list[Kind], dict[Kind, list[Any]]]:
    """Return for each series the narrowest type that holds it exactly, and all of them in their types.

    Args:
        series: For each, whether it is of steps, and its numbers.
    """
    kinds: list[Kind] = []
    arrays: dict[Kind, list[Any]] = {kind: [] for kind in DTYPES}
    numbers = [np.asarray(column, dtype=np.float64) for _, column in series]
    all_ = np.concatenate(numbers) if numbers else np.empty(0)
    absent = np.isnan(all_)
    all_[absent] = np.nan  # one NaN for all
    with np.errstate(over="ignore", invalid="ignore"):
        single = all_.astype(np.float32)
    exact = (single == all_) | absent
    decimal = (shortest_decimals(single) == all_) | absent
    first = 0
    for (steps, _), column in zip(series, numbers, strict=True):
        own = slice(first, first + len(column))
        kind: Kind
        values: NDArray[Any]
        first = own.stop
        if steps and _is_whole(column):
            kind, values = "i8", column.astype(np.int64)
        elif exact[own].all():
            kind, values = "f4", single[own]
        elif decimal[own].all():
            kind, values = "d4", single[own]
        else:
            kind, values = "f8", all_[own]
        kinds.append(kind)
        arrays[kind].append(values)
    return kinds, arrays


def _is_whole(column: Column) -> bool:
    whole = np.isfinite(column).all() and (np.abs(column) < _EXACT).all() and (column == np.rint(column)).all()
    return bool(whole and not (np.signbit(column) & (column == 0)).any())  # an integer has no negative zero


def _joined(arrays: list[Any], dtype: str) -> NDArray[Any]:
    return np.concatenate(arrays).astype(dtype, copy=False) if arrays else np.empty(0, dtype=dtype)


def _samples(trace: Trace, arrays: dict[Kind, list[Any]]) -> tuple[list[Any] | None, NDArray[np.uint8]]:
    """Return dtype and shape of the samples, and those that are images; points are added to the numbers."""
    none = np.empty(0, dtype=np.uint8)
    if trace.samples is None:
        return None, none
    values = trace.samples.values
    shape = list(map(int, values.shape))
    if values.dtype == np.uint8:
        return [IMAGE, shape], np.ascontiguousarray(values).ravel()
    if values.dtype != np.float32:
        raise ValueError(f"samples are {values.dtype}, expected images of uint8 or points of float32")
    arrays["f4"].append(np.ascontiguousarray(values).ravel())
    return [DTYPES["f4"], shape], none


class _Item(NamedTuple):
    """Where a series lies: in which place of the trace, and in which part of which array."""

    place: str
    name: str
    kind: Kind
    first: int
    last: int


@dataclass(frozen=True)
class _Plan:
    """A layout that was read: what a trace has that is no array, and where its arrays lie."""

    budget: int
    stopped: int
    better: tuple[tuple[str, str], ...]
    items: tuple[_Item, ...]
    layers: Mapping[str, tuple[int, int, int]]
    probes: Mapping[str, int]
    samples: tuple[str, tuple[int, ...]] | None
    counts: Mapping[Kind, int]


@lru_cache(maxsize=1024)
def _plan(layout: str) -> _Plan:
    """Read a layout.

    Raises:
        ValueError: It is none.
    """
    try:
        return _read(json.loads(layout))
    except (KeyError, TypeError, IndexError, OverflowError) as error:
        raise ValueError(f"the layout of a trace cannot be read ({type(error).__name__}: {error})") from error


def _read(value: Any) -> _Plan:
    counts: dict[Kind, int] = dict.fromkeys(DTYPES, 0)
    items, layers, probes = [], {}, {}
    for place, name, kind, length, *more in value["series"]:
        if place not in PLACES or kind not in counts or type(length) is not int or length < 0:
            raise ValueError(f"the layout of a trace has a series of no known form: {place!r}, {kind!r}, {length!r}")
        items.append(_Item(place, str(name), kind, counts[kind], counts[kind] + length))
        counts[kind] += length
        if place == "variance":
            rows, columns, first = map(int, more)
            layers[name] = (rows, columns, first)
        elif place == "probes":
            (first,) = map(int, more)
            probes[name] = first
    samples = None
    if value["samples"] is not None:
        dtype, shape = value["samples"]
        if dtype not in (IMAGE, DTYPES["f4"]):
            raise ValueError(f"the samples of a trace are of no known type: {dtype!r}")
        samples = str(dtype), tuple(map(int, shape))
        if dtype != IMAGE:
            counts["f4"] += int(np.prod(shape))
    better = tuple((str(name), str(side)) for name, side in value["better"])
    return _Plan(int(value["budget"]), int(value["stopped"]), better, tuple(items), layers, probes, samples, counts)
