"""From the log of a run to a trace, as trials have one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ganbench.harness.stability.log_table import MEASURES, SCALARS, Log, Series
from ganbench.harness.traces.trace import Column, Trace

GAPS = 3
"""By how many of its greatest gaps before, in rows and in steps, a column must be empty at the end to have ended there."""

LEAST_EMPTY = 3
"""Fewest empty rows of such a column."""

LOSSES = ("d_loss", "g_loss")
"""Columns that are logged as long as a training goes on."""


@dataclass(frozen=True)
class LogTrace:
    """The trace of a run.

    Attributes:
        trace: What was logged.
        ended: By column of losses or norms, the step from which it is empty to the end while the log goes on: its
            numbers were not finite any more, and pandas and others write NaN as an empty field. A measure of quality that
            ends there may just not have been computed any more, and whatever is no loss not logged, where a loss goes on.
    """

    trace: Trace
    ended: dict[str, float]


def trace_of(log: Log, budget: int | None, *, fine_tuned: bool = False) -> LogTrace:
    """Return the trace of a run.

    Args:
        log: Its rows, in the order of their steps.
        budget: Planned steps; the last one when absent.
        fine_tuned: Whether step 0 is a trained generator.
    """
    last = int(log.steps[-1])
    begins = _ends(log)
    series = {name: _not_finite(own, begins[name]) if name in begins else own for name, own in log.series.items()}
    (scalar_steps, scalars), (evaluation_steps, measures) = (
        _group(log, series, names) for names in (SCALARS, MEASURES)
    )
    trace = Trace(
        budget=max(last, 1) if budget is None else budget,
        stopped=last,
        steps=scalar_steps,
        scalars={name: _held(own) for name, own in scalars.items()},
        probe_steps=np.empty(0),
        layers={},
        evaluation_steps=evaluation_steps,
        evaluations={name: own.values for name, own in measures.items()},
        fine_tuned=fine_tuned,
        logged={name: own.logged for name, own in measures.items() if not own.logged.all()},
    )
    return LogTrace(trace, {name: float(log.steps[begin]) for name, begin in begins.items()})


def _ends(log: Log) -> dict[str, int]:
    """Return, by column of losses or norms that was not finite from some row on, that row."""
    found = {name: begin for name in SCALARS if name in log.series and (begin := _ended(log, name)) is not None}
    going_on = [log.series[name] for name in LOSSES if name in log.series and name not in found]
    return {
        name: begin
        for name, begin in found.items()
        if name in LOSSES or not any(np.isfinite(loss.values[begin:]).any() for loss in going_on)
    }


def _ended(log: Log, name: str) -> int | None:
    """Return the row from which a column is empty to the end, by far longer than it ever was before; None if it is not."""
    rows = np.flatnonzero(log.series[name].logged)
    if len(rows) < 2:
        return None  # nothing says how often it is logged
    last, end = int(rows[-1]), len(log.steps) - 1
    if end - last < max(LEAST_EMPTY, GAPS * int(np.diff(rows).max())):
        return None
    return last + 1 if log.steps[end] - log.steps[last] >= GAPS * np.diff(log.steps[rows]).max() else None


def _not_finite(series: Series, begin: int) -> Series:
    """Return a column that is NaN from a row on."""
    values, logged = series.values.copy(), series.logged.copy()
    values[begin:], logged[begin:] = np.nan, True
    return Series(values, logged)


def _group(log: Log, series: dict[str, Series], names: tuple[str, ...]) -> tuple[Column, dict[str, Series]]:
    """Return the steps at which any of some columns was logged, of measures as a number, and the columns there."""
    said = {name: series[name].said(name) for name in names if name in series}
    own = {name: series[name] for name, places in said.items() if places.any()}
    rows = np.flatnonzero(np.any([said[name] for name in own], axis=0)) if own else np.empty(0, dtype=np.intp)
    return log.steps[rows], {name: item.at(rows) for name, item in own.items()}


def _held(series: Series) -> Column:
    """Fill what was not logged with the last value before, at the beginning with the first one after."""
    places = np.maximum.accumulate(np.where(series.logged, np.arange(len(series.values)), -1))
    places[places < 0] = int(np.flatnonzero(series.logged)[0])
    return series.values[places]
