"""From the log of a run to a trace, as trials have one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ganbench.harness.stability.log_table import MEASURES, SCALARS, Log, Series
from ganbench.harness.traces.trace import Column, Trace

GAPS = 3
"""By how many of its greatest gaps before, in rows, a column must be empty at the end to have ended there."""

LEAST_EMPTY = 3
"""Fewest empty rows of such a column."""


@dataclass(frozen=True)
class LogTrace:
    """The trace of a run.

    Attributes:
        trace: What was logged.
        ended: By column of losses or norms, the step from which it is empty to the end while the log goes on: its
            numbers were not finite any more, and pandas and others write NaN as an empty field. A measure of quality that
            ends there may just not have been computed any more.
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
    series, ended = {}, {}
    for name, own in log.series.items():
        begin = _ended(own) if name in SCALARS else None
        series[name] = own if begin is None else _not_finite(own, begin)
        if begin is not None:
            ended[name] = float(log.steps[begin])
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
    )
    return LogTrace(trace, ended)


def _ended(series: Series) -> int | None:
    """Return the row from which a column is empty to the end, by far longer than it ever was before; None if it is not."""
    rows = np.flatnonzero(series.logged)
    if len(rows) < 2:
        return None  # nothing says how often it is logged
    begin = int(rows[-1]) + 1
    return begin if len(series.logged) - begin >= max(LEAST_EMPTY, GAPS * int(np.diff(rows).max())) else None


def _not_finite(series: Series, begin: int) -> Series:
    """Return a column that is NaN from a row on."""
    values, logged = series.values.copy(), series.logged.copy()
    values[begin:], logged[begin:] = np.nan, True
    return Series(values, logged)


def _group(log: Log, series: dict[str, Series], names: tuple[str, ...]) -> tuple[Column, dict[str, Series]]:
    """Return the steps at which any of some columns was logged, and the columns there."""
    own = {name: series[name] for name in names if name in series and series[name].logged.any()}
    rows = np.flatnonzero(np.any([item.logged for item in own.values()], axis=0)) if own else np.empty(0, dtype=np.intp)
    return log.steps[rows], {name: item.at(rows) for name, item in own.items()}


def _held(series: Series) -> Column:
    """Fill what was not logged with the last value before, at the beginning with the first one after."""
    places = np.maximum.accumulate(np.where(series.logged, np.arange(len(series.values)), -1))
    places[places < 0] = int(np.flatnonzero(series.logged)[0])
    return series.values[places]
