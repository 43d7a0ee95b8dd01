"""How long the missing trials will take: from committed trials, or by timing a few steps."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace

from harness.cell import Cell, Trial
from harness.data.store import Store
from harness.ledger import Ledger
from harness.registry import Catalog
from harness.threads import one_thread

STEPS = 10


def seconds_by_cell(cells: Iterable[Cell], ledger: Ledger, catalog: Catalog, store: Store) -> dict[str, float]:
    """Return the expected seconds of one trial for each cell.

    Args:
        cells: The cells.
        ledger: Committed trials of a cell give its mean; it may not exist yet.
        catalog: The plugins.
        store: Where data sets stand on this machine.
    """
    seen: defaultdict[str, list[float]] = defaultdict(list)
    for row in ledger.summary():
        seen[row["cell"]].append(row["seconds"])
    timer = _Timer(catalog, store)
    return {
        cell.id: sum(seen[cell.id]) / len(seen[cell.id]) if cell.id in seen else timer.seconds(cell) for cell in cells
    }


class _Timer:
    """Times single steps and single evaluations, in this process and on one thread."""

    def __init__(self, catalog: Catalog, store: Store) -> None:
        from harness.trial import Workshop

        self._workshop = Workshop(catalog, store)

    def seconds(self, cell: Cell) -> float:
        """Return the expected seconds of one trial."""
        import torch

        from harness.streams import Stream, open_stream
        from harness.training.sampling import generate
        from harness.training.training import Training

        # A budget of one step is all in the last phase of a growing network, the most expensive one.
        trial = Trial(replace(cell, steps=1), 0, 0)
        material = self._workshop.material(trial)
        training = Training(trial, material)
        state = training.state
        stream = open_stream(trial.suite_seed, trial.seed, cell.group, Stream.EVALUATION)
        latents = torch.randn((max(cell.metric.sample_count(), 1), cell.architecture.latent), generator=stream)
        with one_thread():
            for _ in range(3):
                state, _ = training.step(state, training.draw(1), False)
            started = time.perf_counter()
            for _ in range(STEPS):
                state, _ = training.step(state, training.draw(1), False)
            per_step = (time.perf_counter() - started) / STEPS
            started = time.perf_counter()
            generated = generate(training, latents)
            if generated is not None:
                material.evaluate(generated)
            per_evaluation = time.perf_counter() - started
        return per_step * cell.steps + per_evaluation * (cell.evaluations + 1)
