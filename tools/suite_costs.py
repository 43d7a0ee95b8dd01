"""Measure a step of every network in the papers' suites, and write what the suites would cost here into docs/costs.md.

    python tools/suite_costs.py

Data are made up, in the shape of the real ones, so nothing has to be fetched. Of every network, data set, batch and number
of discriminator updates one plain step is timed on one thread, without a normalizer and with a gradient penalty; cells with
another normalizer count as the first, those with a penalty as the second. Evaluations are left out.
"""

from __future__ import annotations

import platform
import time
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from statistics import mean
from typing import Any, cast

import torch
from sections import write_section

from ganbench.harness.cells.cell import Cell, Trial
from ganbench.harness.data.dataset import Data
from ganbench.harness.normalizer import Normalizer
from ganbench.harness.planning.suite import Suite, load_suite
from ganbench.harness.plugins.registry import Catalog
from ganbench.harness.process import one_thread
from ganbench.harness.training.training import Material, Training

PAGE = Path("docs/costs.md")
SUITES = ("bssn", "weight-norm", "sngan-settings", "large-study", "stability-techniques", "standard")
PENALTIES = frozenset({"gradient_penalty", "dragan", "r1", "r2"})
PLAIN, PENALIZED = "none", "gradient_penalty"
SLOW, PARTS, FEWEST = 5.0, 8, 4
"""A step of more seconds is timed with one part of so many of its batch, but this many samples."""

YEAR = 365.25 * 86400


def form(cell: Cell) -> tuple[Any, ...]:
    """Return what a step's time depends on, as far as this is measured."""
    penalized = any(part in PENALTIES for part in cell.normalizer.label().split("(")[0].split(" + "))
    return cell.dataset.sample_shape(), cell.architecture.label(), cell.batch_size, cell.n_dis, penalized


def seconds_of(cell: Cell, catalog: Catalog) -> float:
    """Return the seconds of one plain step of a cell, those of a slow one from a part of its batch."""
    part = replace(cell, batch_size=max(FEWEST, cell.batch_size // PARTS))
    slow = step_of(part, catalog) * cell.batch_size / part.batch_size
    return slow if slow > SLOW else step_of(cell, catalog)


def step_of(cell: Cell, catalog: Catalog) -> float:
    """Return the seconds of one plain step of a cell, averaged over the phases of a growing network."""
    shape = cell.dataset.sample_shape()
    normalizer = cast("Normalizer", catalog.create("normalizer", PENALIZED if form(cell)[-1] else PLAIN))
    many = 2 * cell.batch_size
    random = torch.Generator().manual_seed(0)
    points = torch.randn(many, *shape, generator=random)
    data = Data(points if len(shape) == 1 else torch.randint(256, points.shape, dtype=torch.uint8, generator=random))
    default = cast("Normalizer", catalog.create("normalizer", cell.architecture.generator_normalizer))
    material = Material(data, "", cast(Any, None), default)
    short = replace(cell, normalizer=normalizer, steps=2 * len(cell.architecture.phases(shape, cell.steps)))
    training = Training(Trial(short, 0, 0), material)
    took = []
    with one_thread():
        for _ in range(short.steps):
            started = time.perf_counter()
            training.advance(observe=False)
            took.append(time.perf_counter() - started)
    return mean(took[1::2])  # the second of each phase


def main() -> None:
    """Measure and write."""
    catalog = Catalog()
    suites = [load_suite(name, catalog=catalog) for name in SUITES]
    firsts = {form(cell): cell for suite in reversed(suites) for cell in reversed(suite.cells)}
    seconds = {}
    for count, (key, cell) in enumerate(firsts.items(), start=1):
        seconds[key] = seconds_of(cell, catalog)
        network = f"{cell.dataset.label()}, {cell.architecture.label()}"
        print(f"{count} of {len(firsts)} kinds of steps: {network}: {seconds[key]:.3g} s", flush=True)
    write_section(PAGE, "suites", _suites(suites, seconds))
    write_section(PAGE, "steps", _steps(seconds))


def _suites(suites: list[Suite], seconds: dict[tuple[Any, ...], float]) -> str:
    lines = ["| suite | trials | generator updates | discriminator updates | one core |", "|---|---|---|---|---|"]
    for suite in suites:
        work = suite.seeds * sum(cell.steps * seconds[form(cell)] for cell in suite.cells)
        updates = (suite.seeds * sum(cell.steps * each for cell in suite.cells for each in [by(cell)])
                   for by in (lambda cell: 1, lambda cell: cell.n_dis))  # fmt: skip
        counts = " | ".join(f"{count:,}" for count in (suite.seeds * len(suite.cells), *updates))
        lines.append(f"| `{suite.name}` | {counts} | {work / YEAR:,.1f} years |")
    return "\n".join(lines)


def _steps(seconds: dict[tuple[Any, ...], float]) -> str:
    both: defaultdict[tuple[Any, ...], dict[bool, float]] = defaultdict(dict)
    for (*key, penalized), value in seconds.items():
        both[tuple(key)][penalized] = value
    head = (
        f"On one core of this machine ({platform.machine()}, PyTorch {torch.__version__.split('+')[0]}). Steps of more "
        f"than {SLOW:g} s were timed with an eighth of their batch (at least {FEWEST}), and stand here times that."
    )
    lines = [
        head,
        "",
        "| samples | network | batch | discriminator updates | a step | with a penalty |",
        "|---|---|---|---|---|---|",
    ]
    for (shape, network, batch, n_dis), found in sorted(both.items(), key=str):
        times = (_time(found[kind]) if kind in found else "–" for kind in (False, True))
        lines.append(f"| {'×'.join(map(str, shape))} | `{network}` | {batch} | {n_dis} | {' | '.join(times)} |")
    return "\n".join(lines)


def _time(seconds: float) -> str:
    return f"{1000 * seconds:.0f} ms" if seconds < 1 else f"{seconds:.3g} s"


if __name__ == "__main__":
    main()
