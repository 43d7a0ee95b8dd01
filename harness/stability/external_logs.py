"""Judging training logs that were made elsewhere."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ganbench.harness.errors import InputError, did_you_mean
from ganbench.harness.stability import Detector, Verdict, judge, known_definitions, load_definition
from ganbench.harness.stability.definition import FAILURE_MODES
from ganbench.harness.traces.trace import Column, Trace

if TYPE_CHECKING:
    import pyarrow

SCALARS = ("d_loss", "g_loss", "d_real", "d_fake", "d_accuracy", "d_grad_norm", "g_grad_norm")
"""Columns that are logged at training steps."""

MEASURES = ("fid", "inception_score", "recall", "coverage", "diversity", "mode_coverage", "largest_mode_ratio",
            "high_quality_share")  # fmt: skip
"""Columns that are evaluations of sample quality."""

ALL_IN_ONE = "the whole file"


@dataclass(frozen=True)
class Labelled:
    """The verdicts on a file of logs.

    Attributes:
        verdicts: By run, in the order of the file.
        notes: What a reader should know of how the file was read.
    """

    verdicts: dict[str, Verdict]
    notes: tuple[str, ...]

    def summary(self) -> str:
        """Return in words how many runs failed, and which detectors had nothing to look at."""
        failed = sum(verdict.failed for verdict in self.verdicts.values())
        text = f"{failed} of {len(self.verdicts)} runs unstable"
        modes = Counter(mode for verdict in self.verdicts.values() for mode in verdict.modes)
        if modes:
            text += " (" + ", ".join(f"{mode.replace('_', ' ')} {many}" for mode, many in modes.most_common()) + ")"
        blind = Counter(name for verdict in self.verdicts.values() for name in verdict.blind)
        for name in FAILURE_MODES:
            if blind[name]:
                some = "1 run" if blind[name] == 1 else f"{blind[name]} runs"
                where = "any run" if blind[name] == len(self.verdicts) else some
                text += f"\n{name.replace('_', ' ')}: nothing to look at in {where}"
        return "\n".join((text, *self._added()))

    def _added(self) -> list[str]:
        """Return a line for each detector that was added: in how many runs it warns, and where it saw nothing."""
        lines = []
        labels = dict.fromkeys(by.label for verdict in self.verdicts.values() for by in verdict.added)
        warned = Counter(item.mode for verdict in self.verdicts.values() for item in verdict.warnings)
        for label in labels:
            looked = [by for verdict in self.verdicts.values() for by in verdict.added if by.label == label]
            broken = warned[looked[0].broken]
            blind = sum(not by.seen for by in looked) - broken
            line = f"{label.replace('_', ' ')}: a warning in {warned[label]} of {len(looked)} runs"
            line += f", nothing to look at in {blind}" if blind else ""
            lines.append(line + (f", could not look in {broken}" if broken else ""))
        return lines


def label_file(
    path: Path,
    definition: int | None = None,
    *,
    budget: int | None = None,
    fid_ceiling: float | None = None,
    detectors: Sequence[Detector] = (),
) -> Labelled:
    """Judge every run of a file of logs.

    Args:
        path: A Parquet or CSV file: a row per logged step, columns ``run`` (absent where there is one), ``step`` and any
            of :data:`SCALARS` and :data:`MEASURES`; an empty field was not logged there.
        definition: Version of the definition; the newest when absent.
        budget: Planned steps; each run's last step when absent.
        fid_ceiling: A Frechet distance that a training must get below, in place of the definition's.
        detectors: Those that look beside the definition's; they warn.

    Raises:
        InputError: The file cannot be read, or has no steps or nothing to look at.
    """
    chosen = load_definition(known_definitions()[-1] if definition is None else definition)
    if fid_ceiling is not None and chosen.never_converged is not None:
        limits = chosen.never_converged.model_copy(update={"ceiling": fid_ceiling})
        chosen = chosen.model_copy(update={"never_converged": limits})
    table = _read(path)
    notes = _unknown(path, table)
    return Labelled({run: judge(trace, chosen, detectors) for run, trace in _traces(path, table, budget)}, notes)


def rows(labelled: Labelled) -> list[dict[str, Any]]:
    """Return each run's verdict as plain values, for tables and JSON; numbers that are not finite become None."""
    return [
        {
            "run": run,
            "verdict": verdict.outcome,
            "modes": list(verdict.modes),
            "failed_at": verdict.failed_at,
            "findings": [_plain(item) for item in verdict.findings],
            "warnings": [_plain(item) for item in verdict.warnings],
            "nothing_to_look_at": [*verdict.blind, *(by.label for by in verdict.added if not by.seen)],
            "definition": verdict.definition,
        }
        for run, verdict in labelled.verdicts.items()
    ]


def _plain(finding: Any) -> dict[str, Any]:
    numbers = {key: getattr(finding, key) for key in ("value", "threshold")}
    finite = {key: value if np.isfinite(value) else None for key, value in numbers.items()}
    return {"mode": finding.mode, "step": finding.step, **finite, "reason": finding.reason}


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


def _unknown(path: Path, table: pyarrow.Table) -> tuple[str, ...]:
    known = ("run", "step", *SCALARS, *MEASURES)
    if "step" not in table.column_names:
        raise InputError(f"{path}: has no column 'step'{did_you_mean('step', table.column_names)}")
    if not set(table.column_names) & {*SCALARS, *MEASURES}:
        raise InputError(f"{path}: has nothing to look at; known columns: {', '.join(known[2:])}")
    return tuple(
        f"column {name!r} is not known and was not looked at{did_you_mean(name, known)}"
        for name in table.column_names
        if name not in known
    )


def _traces(path: Path, table: pyarrow.Table, budget: int | None) -> Iterator[tuple[str, Trace]]:
    count = len(table)
    runs = table["run"].to_pylist() if "run" in table.column_names else [ALL_IN_ONE] * count
    columns = {
        name: _numbers(path, table, name) for name in ("step", *SCALARS, *MEASURES) if name in table.column_names
    }
    steps, logged = columns.pop("step")
    if not logged.all() or not np.isfinite(steps).all():
        raise InputError(f"{path}: column 'step': row {int(np.flatnonzero(~(logged & np.isfinite(steps)))[0]) + 1}"
                         " has no number")  # fmt: skip
    places: dict[str, list[int]] = {}
    for place, run in enumerate(runs):
        places.setdefault(str(run), []).append(place)
    for run, own in places.items():
        order = np.array(sorted(own, key=lambda place: steps[place]))
        yield run, _trace({name: (values[order], known[order]) for name, (values, known) in columns.items()},
                          steps[order], budget)  # fmt: skip


def _numbers(path: Path, table: pyarrow.Table, name: str) -> tuple[Column, np.ndarray]:
    """Return a column's numbers, NaN where nothing was logged, and where something was."""
    import pyarrow

    try:
        column = table[name].cast(pyarrow.float64()).combine_chunks()
    except pyarrow.ArrowException as error:
        raise InputError(f"{path}: column {name!r}: expected numbers ({error})") from error
    return column.to_numpy(zero_copy_only=False).astype(np.float64), np.asarray(column.is_valid())


def _trace(columns: dict[str, tuple[Column, np.ndarray]], steps: Column, budget: int | None) -> Trace:
    last = int(steps[-1])
    groups = []
    for names in (SCALARS, MEASURES):
        own = {name: columns[name] for name in names if name in columns and columns[name][1].any()}
        rows_ = np.any([known for _, known in own.values()], axis=0) if own else np.zeros(len(steps), dtype=bool)
        groups.append((steps[rows_], {name: (values[rows_], known[rows_]) for name, (values, known) in own.items()}))
    (scalar_steps, scalars), (evaluation_steps, measures) = groups
    return Trace(
        budget=max(last, 1) if budget is None else budget,
        stopped=last,
        steps=scalar_steps,
        scalars={name: _held(values, known) for name, (values, known) in scalars.items()},
        probe_steps=np.empty(0),
        layers={},
        evaluation_steps=evaluation_steps,
        evaluations={name: values for name, (values, _) in measures.items()},
    )


def _held(values: Column, known: np.ndarray) -> Column:
    """Fill what was not logged with the last value before, at the beginning with the first one after."""
    places = np.maximum.accumulate(np.where(known, np.arange(len(values)), -1))
    places[places < 0] = int(np.flatnonzero(known)[0])
    return values[places]
