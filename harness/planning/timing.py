"""How long a cell's plain steps take on one thread of this machine, from a few of them on random examples.

Nothing is loaded or fetched: the data set gives only the form of its samples, and the metric is not asked.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import cast

from ganbench.harness.cells.cell import Cell, Trial
from ganbench.harness.cells.work import work_of
from ganbench.harness.errors import MethodError
from ganbench.harness.plugins.registry import Catalog
from ganbench.harness.process import TooLongError, limited, one_thread

PATIENCE = 20.0
"""Seconds in which cells are timed."""

ENOUGH = 0.02
"""Seconds of steps of one cell, after a first one."""

EXAMPLES = 256


def step_seconds(
    cells: Iterable[Cell], catalog: Catalog, patience: float, progress: Callable[[int], None]
) -> Iterator[tuple[Cell, float]]:
    """Yield cells with the seconds of a generator update and the discriminator updates before it, until time is over.

    Cells that differ in numbers only, such as learning rates, are timed once; one whose normalizer raises is left out.

    Args:
        cells: Which ones.
        catalog: The plugins.
        patience: Seconds for all of them; a step that takes longer is broken off.
        progress: Called with the number of cells that were looked at, before each.
    """
    until, known = time.monotonic() + patience, dict[str, float]()
    for count, cell in enumerate(cells):
        progress(count)
        work = work_of(cell)
        if work not in known:
            left = until - time.monotonic()
            if left <= 0:
                return
            with suppress(TooLongError, MethodError), limited(left, threading.Event()), one_thread():
                known[work] = _timed(cell, catalog)
        if work in known:
            yield cell, known[work]


def _timed(cell: Cell, catalog: Catalog) -> float:
    from ganbench.harness.data.random_examples import random_data
    from ganbench.harness.normalizer import Normalizer
    from ganbench.harness.training.training import Material, Training

    normalizer = cast("Normalizer", catalog.create("normalizer", cell.architecture.generator_normalizer))
    # A budget of one step is all in the last phase of a growing network, the most expensive one.
    trial = Trial(replace(cell, steps=1), 0, 0)
    training = Training(trial, Material(random_data(cell.dataset, EXAMPLES), "", lambda generated: {}, normalizer))
    state, _ = training.step(training.state, training.draw(1), False)
    started, made = time.perf_counter(), 0
    while time.perf_counter() - started < ENOUGH:
        state, _ = training.step(state, training.draw(1), False)
        made += 1
    return (time.perf_counter() - started) / made
