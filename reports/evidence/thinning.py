"""From a record's trace to the few hundred numbers that a page shows of it.

A hundred thousand traces are looked at, so a trace is not rebuilt as an object: its JSON values are taken as they are.
Trials of a cell log the same things at the same steps, and those steps are kept once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganbench.reports.evidence import D_GRADIENT, G_GRADIENT, QUALITY, SIGMA, VARIANCE, Curves, Layout, Series

CURVE_POINTS = 50
"""A curve has at most so many points, and one more where it ends early."""


class Thinning:
    """Thins traces, and remembers the layouts that it met."""

    def __init__(self) -> None:
        self._known: dict[tuple[Any, ...], tuple[Layout, NDArray[np.intp]]] = {}

    def curves(self, trace: Mapping[str, Any], measure: str) -> Curves:
        """Return the curves of a trace.

        Args:
            trace: As :meth:`ganbench.harness.traces.trace.Trace.to_json` writes it.
            measure: What trials are ranked by.
        """
        found = _series(trace, measure)
        key = (
            trace["budget"],
            *(tuple(trace[name]) for name in ("evaluation_steps", "steps", "probe_steps")),
            *((name, len(values)) for name, _, values in found),
            *((name, layer["first"], *layer["matrix_shape"]) for name, layer in trace["layers"].items()),
        )
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = _layout(key, trace, found)
        layout, kept = known
        numbers: list[float | str] = []
        for _, _, values in found:
            numbers += values
        with np.errstate(over="ignore"):  # what is too large for half the bytes is infinite, and drawn as such
            return Curves(layout, np.array(numbers, dtype=np.float64)[kept].astype(np.float32))


def _series(trace: Mapping[str, Any], measure: str) -> list[tuple[Series, Sequence[float], Sequence[float | str]]]:
    """Return name, steps and values of everything that is shown."""
    steps, scalars, probed = trace["steps"], trace["scalars"], trace["probe_steps"]
    found: list[tuple[Series, Sequence[float], Sequence[float | str]]] = [
        ((QUALITY, ""), trace["evaluation_steps"], trace["evaluations"].get(measure, ())),
        *(((name, ""), steps, scalars.get(name, ())) for name in (D_GRADIENT, G_GRADIENT)),
    ]
    for name, layer in trace["layers"].items():
        own = probed[layer["first"] : layer["first"] + len(layer["sigma"])]
        found += [((VARIANCE, name), own, layer["variance"]), ((SIGMA, name), own, layer["sigma"])]
    return [(name, own[: len(values)], values[: len(own)]) for name, own, values in found]


def _layout(
    key: tuple[Any, ...],
    trace: Mapping[str, Any],
    found: Sequence[tuple[Series, Sequence[float], Sequence[float | str]]],
) -> tuple[Layout, NDArray[np.intp]]:
    """Return a layout, and which numbers of all those series it keeps."""
    steps: dict[Series, NDArray[np.float32]] = {}
    places: dict[Series, slice] = {}
    kept: list[NDArray[np.intp]] = []
    before = place = 0
    for name, own, _ in found:
        chosen = thinned(np.asarray(own, dtype=np.float64), trace["budget"])
        steps[name] = np.asarray(own, dtype=np.float32)[chosen]
        places[name] = slice(place, place + len(chosen))
        kept.append(before + chosen)
        before, place = before + len(own), place + len(chosen)
    bounds = {name: 1.0 / max(layer["matrix_shape"]) for name, layer in trace["layers"].items()}
    return Layout(key, steps, places, bounds, trace["budget"]), np.concatenate(kept)


def thinned(steps: NDArray[np.float64], budget: float) -> NDArray[np.intp]:
    """Return which of some steps are kept: evenly spaced over the budget, and the first and the last.

    A trial that ended early keeps the steps that it shares with the others, so that medians over trials can be taken.

    Args:
        steps: Rising.
        budget: Planned steps.
    """
    if not len(steps):
        return np.arange(0)
    grid = np.linspace(steps[0], max(steps[-1], budget), CURVE_POINTS)
    places = np.searchsorted(steps, grid)
    return np.unique(np.append(places[places < len(steps)], len(steps) - 1))
