"""One trial from its first random number to its trace. Knows nothing of Ray, MLflow or files."""

from __future__ import annotations

from harness.trace import Trace
from harness.training.recorder import Recorder
from harness.training.training import Training


def train(training: Training) -> Trace:
    """Train to the end of the budget, or to the first value that is not finite.

    Raises:
        MethodError: The normalizer raised or broke its contract.
    """
    recorder = Recorder(training)
    while training.now < training.trial.cell.steps and recorder.finite:
        seen = training.advance(observe=training.now + 1 in recorder.log_points)
        recorder.record(training, seen)
    return recorder.trace(training.now)
