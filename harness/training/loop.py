"""One trial from its first random number to its trace. Knows nothing of Ray, MLflow or files."""

from __future__ import annotations

from harness.cell import Trial
from harness.trace import Trace
from harness.training.recorder import Recorder
from harness.training.training import Material, Training


def train(trial: Trial, material: Material) -> Trace:
    """Train one seed of a cell to the end of its budget, or to the first value that is not finite.

    Raises:
        MethodError: The normalizer raised or broke its contract.
    """
    training = Training(trial, material)
    recorder = Recorder(training, material)
    while training.now < trial.cell.steps and recorder.finite:
        seen = training.advance(observe=training.now + 1 in recorder.log_points)
        recorder.record(training, seen)
    return recorder.trace(training.now)
