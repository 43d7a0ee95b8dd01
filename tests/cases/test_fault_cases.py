"""Machines that are alive but sick: what a sweep takes for a fault of its own or of a method, and what it loses by that.

A hook that never returns is left out: today it holds the process that runs it for ever, and the option by which a limit
will be set has no name yet. So are signals to a driver, which need a sweep on a cluster of its own.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from cells import a_cell
from in_process import ganbench_here, printed

from ganbench import read_ledger, run
from ganbench.harness.cells.cell import Trial
from ganbench.harness.cells.resources import Resources
from ganbench.harness.scheduling.drive import Round, drive
from ganbench.harness.scheduling.endings import (
    FAULT,
    MEMORY,
    PLUGIN,
    UNFIT,
    WORKER,
    Done,
    Ending,
    Failed,
    Kind,
    Lost,
)
from ganbench.harness.scheduling.schedule import Node, Submission
from ganbench.harness.scheduling.task import Task
from ganbench.harness.stability import METHOD_ERROR
from ganbench.harness.training.workshop import Workshop
from ganbench.harness.worker.attempt import attempt

# --- one sick node among many -----------------------------------------------------------------------------------------

SECONDS, SOON = 240.0, 15.0
"""How long a trial takes on a node that is well, and until it fails on the one that is sick."""


class SickNode:
    """A simulated cluster with a slot on each node. On the first node every attempt fails, and sooner than others end."""

    def __init__(self, nodes: int, kind: Kind) -> None:
        self.now, self._kind, self._count = 0.0, kind, 0
        self._nodes = [Node(f"n{number}", Resources(8, 0, 32), None) for number in range(nodes)]
        self._free = {node.id for node in self._nodes}
        self._queue: list[Submission] = []
        self._under_way: list[tuple[float, int, str, Submission]] = []
        self._random = random.Random(0)

    def nodes(self) -> Sequence[Node]:
        return self._nodes

    def submit(self, submission: Submission) -> None:
        self._queue.append(submission)
        self._begin()

    def wait(self, seconds: float) -> Sequence[tuple[Submission, Sequence[Ending]]]:
        if not self._under_way or self._under_way[0][0] > self.now + seconds:
            self.now += seconds
            return []
        end, _, node, submission = heapq.heappop(self._under_way)
        self.now = max(self.now, end)
        self._free.add(node)
        self._begin()
        return [(submission, [self._ending(node, attempt.trial) for attempt in submission.attempts])]

    def _ending(self, node: str, trial: Trial) -> Ending:
        if node == "n0":
            return Failed(self._kind, "RuntimeError: CUDA error: uncorrectable ECC error", node=node)
        return Done(trial.id, "stable", (), SECONDS, True)

    def _begin(self) -> None:
        for submission in list(self._queue):
            fit = sorted(self._free - set(submission.avoid))
            if not fit:
                continue
            node = self._random.choice(fit)
            self._free.remove(node)
            self._queue.remove(submission)
            self._count += 1
            took = (SOON if node == "n0" else SECONDS) * len(submission.attempts)
            heapq.heappush(self._under_way, (self.now + took, self._count, node, submission))


@pytest.mark.parametrize(
    ("kind", "nodes"),
    [
        pytest.param(FAULT, 16),
        pytest.param(FAULT, 64),
        pytest.param(WORKER, 16),
        pytest.param(PLUGIN, 16),
        pytest.param(MEMORY, 16),
        pytest.param(UNFIT, 16),
    ],
    ids=lambda value: value.name if isinstance(value, Kind) else str(value),
)
def test_a_node_on_which_everything_fails_costs_no_trial(kind, nodes):
    cell = a_cell()
    trials = [Trial(replace(cell, resources=Resources(1)), 0, seed) for seed in range(400)]
    cluster = SickNode(nodes, kind)
    committed, lost = set(), []
    for event in drive(Round(trials, lambda trial: trial), cluster, lambda: cluster.now):
        if isinstance(event, Done):
            committed.add(event.trial_id)
        elif isinstance(event, Lost):
            lost.append(event)
    assert len(lost) == 0
    assert committed == {trial.id for trial in trials}


# --- what an exception says of where it was raised --------------------------------------------------------------------

ONE_CELL = """\
suite: one
version: 1
seeds: 1
normalizers: [NORMALIZER]
grid:
  - dataset: {name: ring8, size: 500}
    architecture: {name: mlp, width: 8}
    metric: {name: mode_coverage, samples: 100}
    common: {lr_g: 1e-3, lr_d: 1e-3, steps: 4, evaluations: 1, log_points: 4, batch_size: 8}
    settings: {a: {}}
"""

OF_A_MACHINE: dict[str, Callable[[], Exception]] = {
    "memory that cannot be corrected": lambda: torch.AcceleratorError(
        "CUDA error: uncorrectable ECC error encountered"
    ),
    "no kernel for this device": lambda: RuntimeError(
        "CUDA error: no kernel image is available for execution on the device"
    ),
    "an address that is not legal": lambda: torch.AcceleratorError(
        "CUDA error: an illegal memory access was encountered"
    ),
    "cuBLAS": lambda: RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    "cuDNN": lambda: RuntimeError("cuDNN error: CUDNN_STATUS_INTERNAL_ERROR"),
    "a driver that is too old": lambda: RuntimeError(
        "The NVIDIA driver on your system is too old (found version 11040)."
    ),
    "no space in shared memory": lambda: RuntimeError(
        "unable to write to file </torch_1_2_3>: No space left on device (28)"
    ),
    "a package that is not there": lambda: ModuleNotFoundError("No module named 'torch_fidelity'"),
    "a library that is not there": lambda: ImportError(
        "libcudnn.so.9: cannot open shared object file: No such file or directory"
    ),
}
"""What a node raises that is broken, or that lacks what others have."""


@pytest.fixture
def task(tmp_path) -> Task:
    trial = Trial(a_cell(steps=4), 0, 0)
    return Task(trial.id, trial.spec(), "", (), 2, str(tmp_path / "out"))


def says_something_of_the_node(ending: Ending) -> bool:
    return isinstance(ending, Failed) and (ending.kind.unfit or ending.kind.node) and ending.kind.budget > 0


@pytest.mark.parametrize("what", OF_A_MACHINE)
def test_what_a_broken_machine_raises_is_evidence_about_the_node(what, task, monkeypatch):
    def broken(self: Workshop, trial: Trial) -> None:
        raise OF_A_MACHINE[what]()

    monkeypatch.setattr(Workshop, "material", broken)
    assert says_something_of_the_node(attempt(task))


def test_a_node_with_another_version_of_a_plugin_is_not_fit(task):
    assert says_something_of_the_node(attempt(replace(task, trial_id="0" * 20)))


PLUGIN_FILE = """\
import torch
from ganbench.harness.normalizer import Normalizer

class Sick(Normalizer):
    name = "sick"
    summary = "Changes nothing; raises what a device raises."

    {hook}
        raise {error}
"""

HOOKS = {
    "init_params": "def init_params(self, weight, layer, generator):",
    "reparameterize": "def reparameterize(self, weight, params, state, layer):",
    "activate": "def activate(self, x, params, layer):",
    "penalty": "def penalty(self, discriminator, real, fake, noise):",
}

RAISED = {
    "CUDA": "torch.AcceleratorError('CUDA error: uncorrectable ECC error encountered')",
    "CUDA as older versions raise it": "RuntimeError('CUDA error: unspecified launch failure')",
    "cuBLAS": "RuntimeError('CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling `cublasSgemm`')",
    "a stale file handle": "OSError(116, 'Stale file handle')",
    "a device that answers no more": "OSError(5, 'Input/output error')",
}


def sick(tmp_path: Path, hook: str, error: str) -> tuple[Path, Path]:
    """A suite of one trial, and the plugin that it names."""
    plugin, suite = tmp_path / "sick.py", tmp_path / "one.yaml"
    plugin.write_text(PLUGIN_FILE.format(hook=HOOKS[hook], error=error))
    suite.write_text(ONE_CELL.replace("NORMALIZER", "sick"))
    return suite, plugin


@pytest.mark.parametrize(
    ("hook", "error"),
    [*(("reparameterize", error) for error in RAISED), *((hook, "CUDA") for hook in HOOKS if hook != "reparameterize")],
)
def test_broken_hardware_is_no_result_wherever_it_shows(hook, error, tmp_path):
    suite, plugin = sick(tmp_path, hook, RAISED[error])
    run(suite, tmp_path / "out", address="inline", plugins=[str(plugin)])
    outcomes = [record.verdict.outcome for record in read_ledger(tmp_path / "out").records()]
    assert METHOD_ERROR not in outcomes


def test_the_exception_of_a_method_that_never_ran_is_shown(tmp_path):
    suite, plugin = sick(tmp_path, "reparameterize", "ValueError('no luck today')")
    result = ganbench_here(
        "run", suite, "--results", tmp_path / "out", "--plugin", plugin, "--address", "inline", "--tracking-uri", "off"
    )
    assert "no luck today" in printed(result)
