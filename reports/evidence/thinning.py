"""From a trace to the few hundred numbers that a page shows of it.

A hundred thousand traces are looked at. Trials of a cell log the same things at the same steps, and those steps are kept
once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganbench.harness.traces.trace import Column, Trace
from ganbench.reports.evidence import D_GRADIENT, G_GRADIENT, QUALITY, SIGMA, VARIANCE, Curves, Layout, Series

CURVE_POINTS = 50
"""A curve has at most so many points, and one more where it ends early."""

Shown = tuple[Series, Column, Column]
"""Name, steps and values of a series, equally many."""


class Thinning:
    """Thins traces, and remembers the layouts that it met."""

    def __init__(self) -> None:
        self._known: dict[tuple[Any, ...], tuple[Layout, NDArray[np.intp]]] = {}

    def curves(self, trace: Trace, measure: str) -> Curves:
        """Return the curves of a trace.

        Args:
            trace: The trace.
            measure: What trials are ranked by.
        """
        found = _series(trace, measure)
        key = (
            trace.budget,
            *(column.tobytes() for column in (trace.evaluation_steps, trace.steps, trace.probe_steps)),
            *((name, len(values)) for name, _, values in found),
            *((name, layer.first, *layer.matrix_shape) for name, layer in trace.layers.items()),
        )
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = _layout(key, trace, found)
        layout, kept = known
        numbers = np.concatenate([values for _, _, values in found])
        with np.errstate(over="ignore"):  # what is too large for half the bytes is infinite, and drawn as such
            return Curves(layout, numbers[kept].astype(np.float32))


def _series(trace: Trace, measure: str) -> list[Shown]:
    """Return everything that is shown."""
    none = np.empty(0)
    found: list[Shown] = [
        ((QUALITY, ""), trace.evaluation_steps, trace.evaluations.get(measure, none)),
        *(((name, ""), trace.steps, trace.scalars.get(name, none)) for name in (D_GRADIENT, G_GRADIENT)),
    ]
    for name, layer in trace.layers.items():
        own = trace.steps_of(layer)
        found += [((VARIANCE, name), own, layer.variance), ((SIGMA, name), own, layer.sigma)]
    return [(name, own[: len(values)], values[: len(own)]) for name, own, values in found]


def _layout(key: tuple[Any, ...], trace: Trace, found: Sequence[Shown]) -> tuple[Layout, NDArray[np.intp]]:
    """Return a layout, and which numbers of all those series it keeps."""
    steps: dict[Series, NDArray[np.float32]] = {}
    places: dict[Series, slice] = {}
    kept: list[NDArray[np.intp]] = []
    before = place = 0
    for name, own, _ in found:
        chosen = thinned(own, trace.budget)
        steps[name] = own.astype(np.float32)[chosen]
        places[name] = slice(place, place + len(chosen))
        kept.append(before + chosen)
        before, place = before + len(own), place + len(chosen)
    bounds = {name: layer.bound for name, layer in trace.layers.items()}
    return Layout(key, steps, places, bounds, trace.budget), np.concatenate(kept)


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
