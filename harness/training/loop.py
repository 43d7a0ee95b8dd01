"""One trial from its first random number to its trace. Knows nothing of Ray or MLflow."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

from ganbench.harness.errors import Interrupted
from ganbench.harness.traces.trace import Trace
from ganbench.harness.training.checkpoint import Checkpoints
from ganbench.harness.training.lanes import Turns, alone
from ganbench.harness.training.recorder import Recorder
from ganbench.harness.training.training import Training


def train(
    training: Training, checkpoints: Checkpoints | None = None, interrupted: Callable[[], bool] = lambda: False
) -> Trace:
    """Train to the end; :func:`training_turns` says what the arguments are, and what it raises."""
    return alone(training_turns(training, checkpoints, interrupted))


def training_turns(
    training: Training,
    checkpoints: Checkpoints | None = None,
    interrupted: Callable[[], bool] = lambda: False,
    watch: AbstractContextManager[object] = nullcontext(),  # noqa: B008  it has no state
) -> Turns[Trace]:
    """Train to the end of the budget, or to the first value that is not finite, and let others have a turn at every step.

    That is when the step has been asked for and nothing of it was looked at: a GPU makes it while others have their turns.

    With checkpoints it goes on from the newest one, to the same numbers, bit for bit, as if it had never stopped. One is
    written when it is time, before a growing network enters its next phase, and on interruption.

    Args:
        training: Before its first step.
        checkpoints: Where to go on from, and to leave a state; None for neither.
        interrupted: Asked after every step.
        watch: Entered for what runs code of plugins, and for waiting for a device.

    Raises:
        MethodError: The normalizer raised or broke its contract.
        Interrupted: It was asked to stop, and has left a checkpoint.
    """
    begun = None if checkpoints is None else checkpoints.newest()
    if begun is not None:
        training.restore(begun["training"])
    with watch:
        recorder = Recorder(training, begun and begun["recorder"])
    while training.now < training.trial.cell.steps and recorder.finite:
        with watch:
            begun_at = time.perf_counter()
            seen = training.advance(observe=training.now + 1 in recorder.log_points)
            training.took(time.perf_counter() - begun_at)
        yield
        with watch:
            recorder.record(training, seen)
        stop, seam = interrupted(), training.now == training.phase.last < training.trial.cell.steps
        if checkpoints is not None and (stop or seam or checkpoints.due()):
            with watch:
                training.wait()
            _keep(checkpoints, training, recorder)
        if stop:
            raise Interrupted(f"stopped at step {training.now} of {training.trial.cell.steps}")
    return recorder.trace(training.now)


def _keep(checkpoints: Checkpoints, training: Training, recorder: Recorder) -> None:
    """Write a checkpoint. A disk that has no room for it is no reason to lose the training itself."""
    try:
        checkpoints.save(training.now, {"training": training.snapshot(), "recorder": recorder.snapshot()})
    except OSError as error:
        training.note(f"a checkpoint could not be written: {error}")
