"""Results as columns, for the way from one process to another: one by one, they take longer than what is done with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganbench.harness.stability import Verdict
from ganbench.reports.evidence import Curves, Layout, Result


@dataclass(frozen=True)
class Packed:
    """Many results.

    Attributes:
        trials: Identities.
        seeds: Indices of the seeds.
        verdicts: What became of them.
        floats: Share of the budget that each lasted, final quality, seconds of a step.
        measured: The last evaluations.
        hashes: Of the records' results.
        devices: Where they were trained.
        layouts: The distinct ones.
        layout_of: Which of those each result has; -1 for one without curves.
        numbers: Of all curves, one after the other.
        lengths: How many of them belong to each result.
    """

    trials: list[str]
    seeds: list[int]
    verdicts: list[Verdict]
    floats: list[tuple[float, float, float]]
    measured: list[dict[str, float]]
    hashes: list[str]
    devices: list[str]
    layouts: list[Layout]
    layout_of: list[int]
    numbers: NDArray[np.float32]
    lengths: list[int]


def pack(results: Sequence[Result]) -> Packed:
    """Return results as columns."""
    curves = [result.curves for result in results]
    layouts = {id(item.layout): item.layout for item in curves if item is not None}
    index = {identity: place for place, identity in enumerate(layouts)}
    numbers = [item.numbers for item in curves if item is not None]
    return Packed(
        trials=[result.trial_id for result in results],
        seeds=[result.seed for result in results],
        verdicts=[result.verdict for result in results],
        floats=[(result.lasted, result.quality, result.step_seconds) for result in results],
        measured=[result.measured for result in results],
        hashes=[result.sha256 for result in results],
        devices=[result.device for result in results],
        layouts=list(layouts.values()),
        layout_of=[-1 if item is None else index[id(item.layout)] for item in curves],
        numbers=np.concatenate(numbers) if numbers else np.empty(0, np.float32),
        lengths=[0 if item is None else len(item.numbers) for item in curves],
    )


def unpack(packed: Packed) -> list[Result]:
    """Return the results; their numbers are parts of one array."""
    columns: Any = zip(
        packed.trials, packed.seeds, packed.verdicts, packed.floats, packed.measured, packed.hashes, packed.devices,
        packed.layout_of, packed.lengths, strict=True,
    )  # fmt: skip
    results, place = [], 0
    for trial, seed, verdict, (lasted, quality, step_seconds), measured, sha256, device, layout, length in columns:
        numbers = packed.numbers[place : place + length]
        curves = None if layout < 0 else Curves(packed.layouts[layout], numbers)
        results.append(Result(trial, seed, verdict, lasted, quality, measured, step_seconds, curves, sha256, device))
        place += length
    return results
