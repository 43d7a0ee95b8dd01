"""One attempt at a trial, in a form that can be sent to another machine."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from ganbench.harness.cells.resources import Resources
from ganbench.harness.plugins.source import PluginSource
from ganbench.harness.steps.execution_mode import ExecutionMode
from ganbench.harness.training.checkpoint import EVERY_SECONDS


@dataclass(frozen=True)
class Task:
    """One attempt at a trial.

    Attributes:
        trial_id: The trial's identity, checked after rebuilding.
        spec: The trial's canonical specification.
        setting: The suite's name for the hyperparameters.
        sources: Plugins given on the command line.
        definition: Version of the definition of instability.
        ledger: The folder or address to commit to.
        attempt: From 1; more than one after infrastructure was lost.
        second: Whether what a hook meets of files, of a device or of the system is its own: another node said the same.
        alone: Whether there is no other node that could be asked.
        hung: How it did not return before, twice: that is its result, and is committed without another training.
        node: The identity of the node that it runs on; None where there are none.
        hang_after: Seconds without progress that end an attempt, at least; 0 for never.
        resources: What the attempt has; with a share of a GPU it trains there.
        how: How the trial is executed.
        data_dir: The folder of data sets; None for the one that the worker's machine names.
        checkpoint_every: Seconds between two checkpoints.
        detectors: Canonical specifications of those added to the definition's.
    """

    trial_id: str
    spec: dict[str, Any]
    setting: str
    sources: tuple[PluginSource, ...]
    definition: int
    ledger: str
    attempt: int = 1
    second: bool = False
    alone: bool = True
    hung: str = ""
    node: str | None = None
    hang_after: float = 0.0
    resources: Resources = field(default_factory=Resources)
    execution: ExecutionMode = field(default_factory=ExecutionMode)
    data_dir: str | None = None
    checkpoint_every: float = EVERY_SECONDS
    detectors: tuple[dict[str, Any], ...] = ()

    @property
    def lanes(self) -> int:
        """How many trials of its kind one process may train side by side."""
        return self.execution.lanes(self.resources.gpus)

    def with_lanes(self, lanes: int) -> Task:
        """Return the task for a process that trains so many side by side."""
        return replace(self, execution=replace(self.execution, pack=lanes))
