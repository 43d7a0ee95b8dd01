"""What a suite's missing trials cost: updates, and hours where something was measured.

A cell's time is that of its committed trials, on the device where they ran. A cell without any is timed here, in a few
steps on one thread, if it asks for no GPU and its data are here, until a minute has gone into that. Of the others nothing
is known, and nothing is made up.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from ganbench.harness.cells.cell import Cell, Trial
from ganbench.harness.data.store import Store
from ganbench.harness.ledger import Ledger
from ganbench.harness.planning.readiness import to_fetch
from ganbench.harness.plugins.registry import Catalog
from ganbench.harness.process import one_thread

STEPS = 10
START = 0.5
"""Seconds until a trial's steps are ready to be replayed (docs/speed.md)."""

PATIENCE = 60.0
"""Seconds after which no further cell is timed."""


@dataclass(frozen=True)
class Measured:
    """How long one trial of a cell takes.

    Attributes:
        seconds: From its start to its record.
        device: Where that was measured: ``cpu``, or a GPU's model.
    """

    seconds: float
    device: str


def measured_by_cell(
    cells: Iterable[Cell], ledger: Ledger, catalog: Catalog, store: Store, patience: float = PATIENCE
) -> dict[str, Measured]:
    """Return how long one trial takes, by the identities of those cells of which something is known.

    Args:
        cells: The cells.
        ledger: Committed trials of a cell give their mean, on the device where most of them ran; it may not exist yet.
        catalog: The plugins.
        store: Where data sets stand on this machine.
        patience: Seconds after which no further cell is timed.
    """
    ran: defaultdict[str, defaultdict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for row in ledger.summary():
        ran[row["cell"]][row["device"]].append(row["seconds"])
    until = time.monotonic() + patience
    found: dict[str, Measured] = {}
    timer: _Timer | None = None
    for cell in cells:
        if cell.id in ran:
            device, seconds = max(ran[cell.id].items(), key=lambda item: len(item[1]))
            found[cell.id] = Measured(sum(seconds) / len(seconds), device)
        elif not cell.resources.gpus and time.monotonic() < until and not to_fetch([cell], store):
            timer = timer or _Timer(catalog, store)
            found[cell.id] = Measured(timer.seconds(cell), "cpu")
    return found


def trial_seconds(cell: Cell, step: float, evaluation: float) -> float:
    """Return the expected seconds of one trial.

    Args:
        cell: The cell.
        step: Seconds of a generator update with the discriminator updates before it.
        evaluation: Seconds of an evaluation.
    """
    return START + step * cell.steps + evaluation * (cell.evaluations + 1)


def cost_in_words(
    cells: Sequence[Cell], left: Mapping[str, int], measured: Mapping[str, Measured], cores: int
) -> list[str]:
    """Return what missing trials cost, line by line.

    Args:
        cells: Those with missing trials.
        left: How many are missing, by cell.
        measured: How long one takes, by cell, where something is known.
        cores: Of this machine.
    """
    from ganbench.harness.durations import duration

    trainings = sum(left[cell.id] for cell in cells)
    updates = sum(left[cell.id] * cell.steps for cell in cells)
    of_discriminator = sum(left[cell.id] * cell.steps * cell.n_dis for cell in cells)
    lines = [f"to train: {trainings:,} trials, {updates:,} generator and {of_discriminator:,} discriminator updates"]
    work: defaultdict[str, float] = defaultdict(float)
    for cell in cells:
        if cell.id in measured:
            one = measured[cell.id]
            work[one.device] += left[cell.id] * one.seconds * (cell.resources.gpus or 1)
    for device, seconds in sorted(work.items()):
        if device == "cpu":
            here = f"{duration(seconds / cores)} on this machine's {cores} cores"
            lines.append(f"about {duration(seconds)} of computing, {here}")
        else:
            lines.append(f"about {seconds / 3600:,.1f} hours of {device}")
    unknown = [cell for cell in cells if cell.id not in measured]
    if unknown:
        count = sum(left[cell.id] for cell in unknown)
        lines.append(
            f"nothing was measured yet of {len(unknown)} of these {len(cells)} cells ({count:,} trials): they have no"
            " committed trials, and only cells that ask for no GPU and have nothing to fetch are timed, for a minute;"
            " `ganbench profile` measures any one"
        )
    return lines


class _Timer:
    """Times single steps and single evaluations, in this process and on one thread."""

    def __init__(self, catalog: Catalog, store: Store) -> None:
        from ganbench.harness.training.workshop import Workshop

        self._workshop = Workshop(catalog, store)

    def seconds(self, cell: Cell) -> float:
        """Return the expected seconds of one trial."""
        import torch

        from ganbench.harness.training.sampling import generate
        from ganbench.harness.training.streams import Stream, open_stream
        from ganbench.harness.training.training import Training

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
        return trial_seconds(cell, per_step, per_evaluation)
