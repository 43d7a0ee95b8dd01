"""Some of a trial's steps: with a clock around their parts, without, and replayed."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

from ganbench.harness.cells.cell import Cell
from ganbench.harness.models.phase import Phase
from ganbench.harness.profiling import account
from ganbench.harness.profiling.clock import Clock
from ganbench.harness.profiling.timed_training import WatchedTraining
from ganbench.harness.steps.execution_mode import ExecutionMode
from ganbench.harness.steps.ways import REPLAYED
from ganbench.harness.training.training import Training

STEPS = 20
"""Steps that are made at least."""

SECONDS = 3.0
"""For how long steps are made, unless their number is given."""

BLOCK = 5
"""Steps in a row that are watched, then as many that are not, and so on: what drifts, drifts for both."""

WARM = 3
"""Steps that prepare what the others use, such as memory that is kept; they are timed apart. A program's first steps are
made plainly too."""

REPLAYED_STEPS = 60
REPLAYED_SECONDS = 1.0
"""Steps that are replayed at most, and for how long about."""


@dataclass(frozen=True)
class Stretch:
    """What was measured while the networks had the same layers.

    Attributes:
        phase: Which layers.
        clock: The parts of the steps that were watched, all in ``"steps"``.
        watched: How many those were.
        plain: Seconds of a step that nobody watched.
        first: Seconds that the first steps took beyond that, for example to compile.
        measured: Steps that were made.
    """

    phase: Phase
    clock: Clock
    watched: int
    plain: float
    first: float
    measured: int

    @property
    def whole(self) -> float:
        """Seconds of a step that was watched."""
        return self.clock.seconds[(account.STEPS,)] / self.watched


def measured_steps(
    training: WatchedTraining, clock: Clock, steps: int | None, seconds: float = SECONDS, phase: Phase | None = None
) -> Stretch:
    """Make a training's next steps, and time them: by turns with a clock around their parts, and without.

    A phase that is shorter than that repeats its last step's schedule.

    Args:
        training: The training.
        clock: Gets the parts.
        steps: How many, at least 8; None for as many as take some seconds, 20 at least.
        seconds: How many seconds those are.
        phase: The phase that the steps belong to; the present one where none is said.
    """
    last = (phase or training.phase).last

    def made(count: int, *, observe: bool = False) -> float:
        return _made(training, last, count, clock.settle, observe=observe)

    period = _period(training.trial.cell)
    warm, block = max(WARM, period), period * math.ceil(BLOCK / period)
    if steps is not None:
        warm = min(warm, steps // 4)
        fits = min(block, (steps - warm) // 4)
        block = max(fits - fits % period, 1)
    first = made(1, observe=True) + made(warm - 1)
    before = time.perf_counter()
    done, spent, watched, plain = warm, 0.0, 0, 0
    while steps is None or done < steps:
        count, more = block, block
        if steps is not None and steps - done < 2 * block:
            count, more = 0, steps - done  # whole blocks alone are watched, so that a lazy penalty has its share
        if count:
            training.watch(clock)
            with clock.part(account.STEPS):
                made(count)
            training.watch(None)
        spent += made(more)
        done, watched, plain = done + count + more, watched + count, plain + more
        if steps is None and done >= STEPS and (time.perf_counter() - before > seconds or training.now == last):
            break
    each = spent / plain
    return Stretch(training.phase, clock, watched, each, max(first - warm * each, 0.0), done)


def replayed_seconds(training: Training, settle: Callable[[], None]) -> tuple[float | None, list[str]]:
    """Return how long a training's next steps take as ``ganbench run`` makes them where nothing else is asked for.

    They are another training's, which goes on from there; this one is left as it is.

    Args:
        training: In the phase that is measured.
        settle: Waits for the device.

    Returns:
        Seconds of a step, and what a reader should know of it. None in the place of seconds where it cannot be replayed.
    """
    ours = Training(training.trial, training.material, ExecutionMode(REPLAYED).programs(at_once=True))
    ours.restore(training.snapshot())
    period, last = _period(training.trial.cell), training.phase.last
    _made(ours, last, WARM * period, settle)
    once = _made(ours, last, period, settle)
    if ours.mode != REPLAYED:
        return None, ours.notes
    times = max(min(math.ceil(REPLAYED_SECONDS / once), REPLAYED_STEPS // period), 1)
    return _made(ours, last, times * period, settle) / (times * period), ours.notes


def _made(training: Training, last: int, count: int, settle: Callable[[], None], *, observe: bool = False) -> float:
    """Make steps of the phase that ends at one, and return their seconds together."""
    settle()
    begun = time.perf_counter()
    for _ in range(count):
        training.now = min(training.now, last - 1)
        training.advance(observe=observe)
    settle()
    return time.perf_counter() - begun


def _period(cell: Cell) -> int:
    """Return after how many steps a lazy penalty is due in the same updates again."""
    return cell.penalty_every // math.gcd(cell.penalty_every, cell.n_dis)
