"""Numbers that no training can have logged, and rows that contradict each other: told with their row, not judged."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ganbench.harness.errors import InputError
from ganbench.harness.stability.log_table import Log, Series, Table, also

ROUNDING = 1e-6
"""By how much a number may be outside of its range: distances of equal sets come out as -1e-9."""


@dataclass(frozen=True)
class Range:
    """What a column's numbers can be.

    Attributes:
        words: That, for people.
        least: The least of them.
        most: The greatest.
    """

    words: str
    least: float
    most: float = np.inf

    def outside(self, series: Series) -> Iterator[int]:
        """Yield the places of numbers that are none of them; an infinity above says that something was not finite."""
        above = (series.values > self.most + ROUNDING) & (series.values < np.inf)
        yield from np.flatnonzero((series.values < self.least - ROUNDING) | above).tolist()


SHARE = Range("a share from 0 to 1", 0, 1)
NORM = Range("a norm of 0 or more", 0)

RANGES = {
    "d_accuracy": SHARE,
    "d_grad_norm": NORM,
    "g_grad_norm": NORM,
    "fid": Range("a distance of 0 or more, or an empty field where nothing was measured", 0),
    "inception_score": Range("an Inception Score of 1 or more", 1),
    "recall": SHARE,
    "coverage": SHARE,
    # At best about 1: a ratio of two estimates, which may be a little more.
    "diversity": Range("a ratio from 0 to 2 to the diversity of the data", 0, 2),
    "mode_coverage": SHARE,
    "largest_mode_ratio": Range("a ratio of 0 or more", 0),
    "high_quality_share": SHARE,
}
"""What numbers of a column can be; losses and logits can be any."""


def checked(table: Table) -> list[Log]:
    """Return the logs of a table, one row per step, or tell what is wrong with it.

    Rows of one run and step that say nothing twice are one row: some loggers write a row for each number.

    Raises:
        InputError: A number is impossible, steps go back, or a value is given twice; each mistake is told once, with
            its first row.
    """
    problems = list(_impossible(table))
    if problems:
        raise InputError(problems)
    logs = list(table.logs())
    disorder = [problem for log in logs if (problem := _disorder(log)) is not None]
    if disorder:
        row, words = min(disorder)
        raise InputError(f"{table.path}: row {row}, {words}")
    return [_one_row_per_step(log) for log in logs]


def _impossible(table: Table) -> Iterator[str]:
    whole = np.isfinite(table.steps) & (table.steps >= 0) & (table.steps == np.floor(table.steps))
    columns = [("step", table.steps, "a whole number of 0 or more", np.flatnonzero(~whole).tolist())]
    for name, series in table.series.items():
        if name in RANGES:
            columns.append((name, series.values, RANGES[name].words, list(RANGES[name].outside(series))))
    for name, values, expected, places in columns:
        if places:
            value = values[places[0]]
            found = f"{'nothing' if np.isnan(value) else f'{value:.10g}'}{also(len(places) - 1)}"
            yield f"{table.path}: row {table.rows[places[0]]}, column {name!r}: expected {expected}, found {found}"


def _disorder(log: Log) -> tuple[int, str] | None:
    """Return the first row of a log that goes back, or says again what was said, and words for it."""
    found = []
    back = np.flatnonzero(np.diff(log.steps) < 0)
    if len(back):
        before, now = log.steps[back[0]], log.steps[back[0] + 1]
        words = (
            f"column 'step': expected {before:.10g}, the step before it in run {log.run!r}, or more, found {now:.10g}"
        )
        found.append((int(log.rows[back[0] + 1]), words))
    for name, series in log.series.items():
        own = np.flatnonzero(series.said(name))
        again = np.flatnonzero(np.diff(log.steps[own]) == 0)
        if len(again):
            first, second = (int(log.rows[own[again[0] + later]]) for later in (0, 1))
            step = log.steps[own[again[0]]]
            words = (
                f"column {name!r}: expected one value at step {step:.10g} of run {log.run!r}, found a second one;"
                f" the first is in row {first}"
            )
            found.append((second, words))
    return min(found, default=None)


def _one_row_per_step(log: Log) -> Log:
    """Return a log whose rows of one step are one."""
    begins = np.flatnonzero(np.diff(log.steps, prepend=-1) > 0)
    if len(begins) == len(log.steps):
        return log
    series = {}
    for name, own in log.series.items():
        values, logged = np.full(len(begins), np.nan), np.logical_or.reduceat(own.logged, begins)
        numbers = np.flatnonzero(~np.isnan(own.values))
        values[np.searchsorted(begins, numbers, side="right") - 1] = own.values[numbers]
        series[name] = Series(values, logged)
    return Log(log.run, log.rows[begins], log.steps[begins], series)
