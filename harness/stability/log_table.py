"""A file of training logs, read: a row per logged step of a run, and what was logged there."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from reprlib import repr as shortened

import numpy as np
from numpy.typing import NDArray

from ganbench.harness.errors import InputError, did_you_mean
from ganbench.harness.traces.trace import Column

SCALARS = ("d_loss", "g_loss", "d_real", "d_fake", "d_accuracy", "d_grad_norm", "g_grad_norm")
"""Columns that are logged at training steps."""

MEASURES = ("fid", "inception_score", "recall", "coverage", "diversity", "mode_coverage", "largest_mode_ratio",
            "high_quality_share")  # fmt: skip
"""Columns that are evaluations of sample quality."""

ALL_IN_ONE = "the whole file"

EMPTY = {"", "na", "n/a", "#n/a", "<na>", "null", "none"}
"""What tables write for a number that is not there, in lower case. ``nan`` is none of them: it is what was computed."""


@dataclass(frozen=True)
class Series:
    """A column of a log.

    Attributes:
        values: Its numbers, [N]; NaN where nothing was logged.
        logged: Where something was, [N], which may be NaN: a measure that could not be computed.
    """

    values: Column
    logged: NDArray[np.bool_]

    def said(self, name: str) -> NDArray[np.bool_]:
        """Return where it holds something, [N]: NaN says of a scalar that it was not finite, and of a measure nothing.

        Args:
            name: The column's.
        """
        return self.logged & ~np.isnan(self.values) if name in MEASURES else self.logged

    def at(self, rows: NDArray[np.intp]) -> Series:
        """Return it at some of its rows."""
        return Series(self.values[rows], self.logged[rows])


@dataclass(frozen=True)
class Log:
    """The log of one run.

    Attributes:
        run: Its name.
        rows: The rows of the file that it has, [N]: see ``Table``.
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
        rows: Their numbers, N: 1 is the first below the header, and empty lines count.
        steps: Of each row, [N].
        runs: Of each row, N.
        series: The columns that are known, by name, [N] each.
        unknown: The names of the others.
    """

    path: Path
    rows: list[int]
    steps: Column
    runs: list[str]
    series: dict[str, Series]
    unknown: tuple[str, ...]

    def logs(self) -> Iterator[Log]:
        """Yield the log of each run, in the order of the file; its rows are in the order of the file."""
        places: dict[str, list[int]] = {}
        for place, run in enumerate(self.runs):
            places.setdefault(run, []).append(place)
        numbers = np.array(self.rows)
        for run, own in places.items():
            rows = np.array(own)
            series = {name: column.at(rows) for name, column in self.series.items()}
            yield Log(run, numbers[rows], self.steps[rows], series)


def read_table(path: Path) -> Table:
    """Read a Parquet or CSV file of logs.

    Raises:
        InputError: It cannot be read; it lacks steps, rows or anything to look at; a column stands in it twice; or a field
            holds no number, or no run.
    """
    cells = _cells(path)
    known = ("run", "step", *SCALARS, *MEASURES)
    names = list(cells.columns)
    if "step" not in names:
        alike = {name.lower(): name for name in names}
        meant = f"; did you mean {alike['step']!r}?" if "step" in alike else did_you_mean("step", names)
        raise InputError(f"{path}: has no column 'step'{meant}")
    if not set(names) & {*SCALARS, *MEASURES}:
        meant = "".join(f"; did you mean {name.lower()!r} by {name!r}?" for name in names if name.lower() in known[2:])
        raise InputError(f"{path}: has nothing to look at; known columns: {', '.join(known[2:])}{meant}")
    if not cells.rows:
        raise InputError(f"{path}: expected a row per logged step, found a header and no row")
    problems: list[str] = []
    series = {name: _numbers(path, cells, name, problems) for name in known[1:] if name in names}
    runs = _runs(path, cells, problems)
    if problems:
        raise InputError(problems)
    steps = series.pop("step")
    return Table(path, cells.rows, steps.values, runs, series, tuple(name for name in names if name not in known))


@dataclass(frozen=True)
class _Cells:
    """What stands in a file.

    Attributes:
        rows: The number of each row, N: see ``Table``.
        columns: By name, N each: text or, of Parquet, any values; None where there is none.
    """

    rows: list[int]
    columns: dict[str, Sequence[object]]


def _cells(path: Path) -> _Cells:
    kind = path.suffix.lower()
    if path.is_dir():
        raise InputError(f"{path}: is a directory, expected a .parquet or a .csv file")
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    if kind not in (".parquet", ".csv"):
        raise InputError(f"{path}: expected a .parquet or a .csv file, found {path.suffix or 'no suffix'!r}")
    try:
        return _parquet(path) if kind == ".parquet" else _csv(path)
    except UnicodeDecodeError as error:
        row = error.object.count(b"\n", 0, error.start)
        place = "" if kind == ".parquet" else f"row {row}: " if row else "header: "
        found = f"found the byte 0x{error.object[error.start]:02x}"
        raise InputError(f"{path}: {place}expected text in UTF-8, {found}") from error
    except (OSError, csv.Error) as error:
        raise InputError(f"{path}: cannot be read ({error})") from error


def _parquet(path: Path) -> _Cells:
    import pyarrow
    from pyarrow import parquet

    try:
        table = parquet.read_table(path)
        columns = [
            (column.cast(pyarrow.string()) if pyarrow.types.is_binary(column.type) else column).to_pylist()
            for column in table.columns
        ]
    except pyarrow.ArrowException as error:
        raise InputError(f"{path}: cannot be read ({error})") from error
    return _Cells(list(range(1, len(table) + 1)), _by_name(path, table.column_names, columns))


def _csv(path: Path) -> _Cells:
    reader = csv.reader(io.StringIO(path.read_bytes().decode("utf-8-sig"), newline=""), skipinitialspace=True)
    header: list[str] = []
    rows, fields, top, end = [], [], 0, 0
    for row in reader:
        begin, end = end + 1, reader.line_num  # a field can hold line breaks
        if len(row) < 2 and not "".join(row).strip():
            continue
        if not header:
            header, top = row, begin
            separator = next((mark for mark in ("\t", ";") if len(row) == 1 and mark in row[0]), None)
            if separator:
                raise InputError(f"{path}: expected columns separated by commas, found {separator!r}")
            continue
        if len(row) != len(header):
            expected = f"expected {len(header)} fields, as in the header"
            raise InputError(f"{path}: row {begin - top}: {expected}, found {len(row)}")
        rows.append(begin - top)
        fields.append(row)
    columns = list(zip(*fields, strict=True)) or [()] * len(header)
    return _Cells(rows, _by_name(path, header, columns))


def _by_name(path: Path, header: Iterable[str], columns: Iterable[Sequence[object]]) -> dict[str, Sequence[object]]:
    """Return columns by their names; of those without a meaning here, a name can stand there twice."""
    names = [name.strip() for name in header]
    known = {"run", "step", *SCALARS, *MEASURES}
    twice = [name for name, times in Counter(names).items() if times > 1 and name in known]
    if twice:
        raise InputError(f"{path}: expected each column once, found {' and '.join(map(repr, twice))} more than once")
    return dict(zip(names, columns, strict=True))


def _numbers(path: Path, cells: _Cells, name: str, problems: list[str]) -> Series:
    """Return a column of numbers; what else it holds becomes a problem."""
    values = np.full(len(cells.rows), np.nan)
    logged = np.zeros(len(cells.rows), dtype=np.bool_)
    wrong = []
    for place, value in enumerate(cells.columns[name]):
        if value is None or (isinstance(value, str) and value.strip().lower() in EMPTY):
            continue
        try:
            if not isinstance(value, str | int | float | Decimal) or isinstance(value, bool):
                raise TypeError
            values[place], logged[place] = float(value), True
        except (TypeError, ValueError, OverflowError):
            wrong.append(place)
    if wrong:
        found = f"found {shortened(cells.columns[name][wrong[0]])}{also(len(wrong) - 1)}"
        problems.append(f"{path}: row {cells.rows[wrong[0]]}, column {name!r}: expected a number, {found}")
    return Series(values, logged)


def _runs(path: Path, cells: _Cells, problems: list[str]) -> list[str]:
    """Return the name of each row's run, which is text: 1 and 001 are two; an empty one becomes a problem."""
    column = cells.columns.get("run", ())
    runs = ["" if value is None else str(value).strip() for value in column]
    if not any(runs):
        return [ALL_IN_ONE] * len(cells.rows)
    empty = [row for row, run in zip(cells.rows, runs, strict=True) if not run]
    if empty:
        found = f"found nothing{also(len(empty) - 1)}"
        problems.append(f"{path}: row {empty[0]}, column 'run': expected the name of a run, {found}")
    return runs


def also(more: int) -> str:
    """Return a clause that says in how many more rows a mistake is."""
    return f", and so in {more} more" if more else ""
