"""How much of what a device can multiply a step makes it multiply."""

from __future__ import annotations

import statistics

import torch
from torch.utils.flop_counter import FlopCounterMode

from ganbench.harness.cells.cell import Trial
from ganbench.harness.steps.execution_mode import ExecutionMode
from ganbench.harness.training.numerics import numerics
from ganbench.harness.training.training import Training
from performance.cells import endless, material_of
from performance.clocks import in_turns
from performance.stepping import HOWS, begun


def ceiling(device: str, side: int = 8192, repeats: int = 20) -> float:
    """Return TFLOP/s of square matrix products in TF32, where the device has it."""
    left, right = torch.randn(2, side, side, device=device)
    with numerics(ExecutionMode(tf32=True)):
        times = in_turns({"product": lambda: left @ right}, repeats, 1, device)["product"]
    return 2 * side**3 / (1e-3 * statistics.median(times)) / 1e12


def work_rate(name: str, device: str, side: str, block: int = 20, repeats: int = 5) -> dict[str, float | str]:
    """Return TFLOP/s of a cell's step; its operations are counted, not estimated.

    Args:
        name: The cell.
        device: Where.
        side: How it is run, of :data:`performance.stepping.HOWS`.
        block: Steps in a round.
        repeats: Counted rounds.
    """
    cell, execution = endless(name), HOWS[side]
    material = material_of(cell, device)
    with FlopCounterMode(display=False) as counter:
        Training(Trial(cell, 0, 0), material).advance(observe=False)
    training = begun(name, execution, material)
    with numerics(execution):
        sides = {"step": lambda: [training.advance(observe=False) for _ in range(block)]}
        times = in_turns(sides, repeats, block, device)["step"]
    work = counter.get_total_flops()
    return {"tflops": work / (1e-3 * statistics.median(times)) / 1e12, "gflop": work / 1e9, "mode": training.mode}
