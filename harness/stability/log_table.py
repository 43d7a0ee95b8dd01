"""A file of training logs, read: a row per logged step of a run, and what was logged there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ganbench.harness.errors import InputError, did_you_mean
from ganbench.harness.traces.trace import Column

if TYPE_CHECKING:
    import pyarrow

SCALARS = ("d_loss", "g_loss", "d_real", "d_fake", "d_accuracy", "d_grad_norm", "g_grad_norm")
"""Columns that are logged at training steps."""

MEASURES = ("fid", "inception_score", "recall", "coverage", "diversity", "mode_coverage", "largest_mode_ratio",
            "high_quality_share")  # fmt: skip
"""Columns that are evaluations of sample quality."""

ALL_IN_ONE = "the whole file"


@dataclass(frozen=True)
class Series:
    """A column of a log.

    Attributes:
        values: Its numbers, [N]; NaN where nothing was logged.
        logged: Where something was, [N]. NaN in a measure is nothing: it could not be computed.
    """

    values: Column
    logged: NDArray[np.bool_]

    def at(self, rows: NDArray[np.intp]) -> Series:
        """Return it at some of its rows."""
        return Series(self.values[rows], self.logged[rows])


@dataclass(frozen=True)
class Log:
    """The log of one run.

    Attributes:
        run: Its name.
        rows: The rows of the file that it has, from 0, [N].
        steps: The steps of these rows, [N].
        series: Its columns by name, [N] each.
    """

    run: str
    rows: NDArray[np.intp]
    steps: Column
    series: dict[str, Series]


@dataclass(frozen=True)
class Table:
    """A file of logs.

    Attributes:
        path: The file.
        steps: Of each row, [N].
        runs: Of each row, N.
        series: The columns that are known, by name, [N] each.
        unknown: The names of the others.
    """

    path: Path
    steps: Column
    runs: list[str]
    series: dict[str, Series]
    unknown: tuple[str, ...]

    def logs(self) -> Iterator[Log]:
        """Yield the log of each run, in the order of the file; its rows are in the order of the file."""
        places: dict[str, list[int]] = {}
        for place, run in enumerate(self.runs):
            places.setdefault(run, []).append(place)
        for run, own in places.items():
            rows = np.array(own)
            yield Log(run, rows, self.steps[rows], {name: series.at(rows) for name, series in self.series.items()})


def read_table(path: Path) -> Table:
    """Read a Parquet or CSV file of logs.

    Raises:
        InputError: It cannot be read; it lacks steps, rows or anything to look at; or a column stands in it twice.
    """
    table = _read(path)
    known = ("run", "step", *SCALARS, *MEASURES)
    names = table.column_names
    if "step" not in names:
        raise InputError(f"{path}: has no column 'step'{did_you_mean('step', names)}")
    if not set(names) & {*SCALARS, *MEASURES}:
        raise InputError(f"{path}: has nothing to look at; known columns: {', '.join(known[2:])}")
    twice = [name for name, times in Counter(names).items() if times > 1 and name in known]
    if twice:
        raise InputError(f"{path}: expected each column once, found {' and '.join(map(repr, twice))} more than once")
    if not len(table):
        raise InputError(f"{path}: expected a row per logged step, found a header and no row")
    series = {name: _numbers(path, table, name) for name in known[1:] if name in names}
    steps = series.pop("step")
    runs = [str(run) for run in table["run"].to_pylist()] if "run" in names else [ALL_IN_ONE] * len(table)
    return Table(path, steps.values, runs, series, tuple(dict.fromkeys(name for name in names if name not in known)))


def _read(path: Path) -> pyarrow.Table:
    import pyarrow
    from pyarrow import csv, parquet

    if not path.is_file():
        raise InputError(f"{path}: no such file")
    if path.suffix not in (".parquet", ".csv"):
        raise InputError(f"{path}: expected a .parquet or a .csv file, found {path.suffix or 'no suffix'!r}")
    try:
        if path.suffix == ".parquet":
            return parquet.read_table(path)
        return csv.read_csv(path, convert_options=csv.ConvertOptions(null_values=[""], strings_can_be_null=True))
    except (OSError, pyarrow.ArrowException) as error:
        raise InputError(f"{path}: cannot be read ({error})") from error


def _numbers(path: Path, table: pyarrow.Table, name: str) -> Series:
    import pyarrow

    try:
        column = table[name].cast(pyarrow.float64()).combine_chunks()
    except pyarrow.ArrowException as error:
        raise InputError(f"{path}: column {name!r}: expected numbers ({error})") from error
    values = column.to_numpy(zero_copy_only=False).astype(np.float64)
    logged = np.asarray(column.is_valid())
    return Series(values, logged & ~np.isnan(values) if name in MEASURES else logged)
