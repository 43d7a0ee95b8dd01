"""A cell's step: the peer's loop, ours as each way of running makes it, and the parts of the plain one."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from ganbench.harness.cells.cell import Trial
from ganbench.harness.data.store import Store
from ganbench.harness.models.network import leaves
from ganbench.harness.steps.execution_mode import ExecutionMode
from ganbench.harness.steps.program import Programs
from ganbench.harness.steps.ways import COMPILED, PLAIN, REPLAYED
from ganbench.harness.training.numerics import numerics
from ganbench.harness.training.recorder import _transferred
from ganbench.harness.training.training import Material, Training
from performance.cells import cell_of, endless, material_of
from performance.clocks import PREPARING, in_turns, synchronize
from performance.peers.apart import apart
from performance.peers.loop import Loop, decoded

HOWS = {
    "plain": ExecutionMode(PLAIN),
    "replayed": ExecutionMode(REPLAYED),
    "compiled": ExecutionMode(COMPILED),
    "deterministic": ExecutionMode(REPLAYED, deterministic=True),
    "replayed_tf32": ExecutionMode(REPLAYED, tf32=True),
    "compiled_tf32": ExecutionMode(COMPILED, tf32=True),
}
"""How our step is run, by the side's name."""


def begun(
    name: str,
    execution: ExecutionMode,
    material: Material,
    seed: int = 0,
    normalizer: str = "spectral_norm",
    programs: Programs | None = None,
) -> Training:
    """Return a training without an end whose programs are made and compared already.

    Args:
        name: The cell.
        how: How its steps are run.
        material: Of the cell.
        seed: The trial's.
        normalizer: The cell's.
        programs: Those of other trainings of the cell; its own where none are given.
    """
    made = programs or execution.programs(at_once=True, folder=Store.find().programs)
    training = Training(Trial(endless(name, normalizer), 0, seed), material, made)
    with numerics(execution):
        for _ in range(PREPARING if execution.way != PLAIN else 0):
            training.advance(observe=False)
    return training


def first_step(name: str, way: str, device: str = "cpu") -> dict[str, Any]:
    """Return how long the first step of a process takes, with whatever programs it finds."""
    cell, execution = endless(name), ExecutionMode(way)
    programs = execution.programs(at_once=True, folder=Store.find().programs)
    training = Training(Trial(cell, 0, 0), material_of(cell, device), programs)
    with numerics(execution):
        start = time.perf_counter()
        training.advance(observe=False)
        synchronize(device)
    return {"seconds": time.perf_counter() - start, "mode": training.mode, "notes": training.notes}


def steps(
    name: str,
    block: int,
    repeats: int,
    device: str = "cpu",
    sides: Sequence[str] = ("plain", "replayed", "compiled"),
    parts: bool = True,
) -> dict[str, Any]:
    """Measure a cell's step, all sides in turns.

    ``usual`` and ``careful`` are the peer's, under PyTorch's own settings; the rest is ``Training.advance`` under ours.
    Parts: ``draw``, the batch; ``adam``, both networks' updates; ``without_normalizer``, the plain step of the same cell
    under ``none``; ``observed``, a plain step that is logged.

    Args:
        name: The cell.
        block: Steps in a round.
        repeats: Counted rounds.
        device: Where.
        sides: Of :data:`HOWS`.
        parts: Whether they are measured.
    """
    cell = endless(name)
    material = material_of(cell, device)
    data = decoded(material)

    def advance(one: Training, execution: ExecutionMode = HOWS["plain"], observe: bool = False) -> Callable[[], object]:
        def run() -> None:
            with numerics(execution):
                for _ in range(block):
                    _transferred(one.advance(observe))  # as the recorder reads it

        return run

    loops = {"usual": Loop(cell, data, device), "careful": Loop(cell, data, device, careful=True)}
    trainings = {side: begun(name, HOWS[side], material) for side in sides}
    works: dict[str, Callable[[], object]] = {
        "usual": lambda: loops["usual"].run(block),
        "careful": lambda: loops["careful"].run(block),
        **{side: advance(training, HOWS[side]) for side, training in trainings.items()},
    }
    if parts:
        drawing = begun(name, HOWS["plain"], material)
        networks = (drawing.state.generator, drawing.state.discriminator)

        def adam() -> None:
            for network in networks:
                values = leaves(network.params)
                cell.optimizer.update(values, values, network.slots, network.count + 1, cell.lr_g)

        works |= {
            "draw": lambda: [drawing.draw(1) for _ in range(block)],
            "adam": lambda: [adam() for _ in range(block)],
            "without_normalizer": advance(begun(name, HOWS["plain"], material, normalizer="none")),
            "observed": advance(begun(name, HOWS["plain"], material), observe=True),
        }
    return {
        "times": in_turns(works, repeats, block, device),
        "modes": {side: training.mode for side, training in trainings.items()},
        "notes": {side: training.notes for side, training in trainings.items()},
        "block": block,
        "cell": cell.title(),
    }


def same(name: str) -> dict[str, Any]:
    """Return how far the peer's networks and losses are from ours, under no normalizer and under spectral normalization."""
    return {
        normalizer: asdict(apart(cell := cell_of(name, normalizer), material_of(cell)))
        for normalizer in ("none", "spectral_norm")
    }
