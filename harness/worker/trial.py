"""Running one trial: train, and describe where it happened. What a worker executes."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ganbench.harness.canonical import digest
from ganbench.harness.cells.cell import PLUGIN_KINDS, Trial
from ganbench.harness.cells.resources import Resources
from ganbench.harness.cells.work import work_of
from ganbench.harness.errors import MethodError
from ganbench.harness.ledger import Record
from ganbench.harness.process import TooLongError
from ganbench.harness.stability import Definition, Detector, ask_added
from ganbench.harness.steps.compiled_before import mark_compiled
from ganbench.harness.steps.execution_mode import ExecutionMode
from ganbench.harness.steps.ways import COMPILED
from ganbench.harness.storage import Storage
from ganbench.harness.training.checkpoint import EVERY_SECONDS
from ganbench.harness.training.devices import device_name, method_error_message, out_of_memory
from ganbench.harness.training.lanes import Turns, alone
from ganbench.harness.training.numerics import ProcessSettings
from ganbench.harness.training.workshop import Workshop
from ganbench.harness.worker.watch import Watch

if TYPE_CHECKING:
    from ganbench.harness.traces.trace import Trace

PROVENANCE_PACKAGES = ("ganbench", "torch", "torch-fidelity", "numpy")


def run_trial(
    workshop: Workshop,
    trial: Trial,
    definition: Definition,
    attempt: int = 1,
    *,
    resources: Resources | None = None,
    execution: ExecutionMode | None = None,
    checkpoints: str | Path | Storage | None = None,
    checkpoint_every: float = EVERY_SECONDS,
    interrupted: Callable[[], bool] = lambda: False,
    detectors: Sequence[Detector] = (),
    hang_after: float = 0.0,
) -> Record:
    """Train a trial alone, and return the record to commit.

    Args:
        workshop: What this process keeps between trials.
        trial: The trial.
        definition: By which its sweep judges; the record names it.
        attempt: From 1.
        resources: What it has; one core where nothing is said.
        execution: How it is run, but for ``pack``; replayed where nothing is said.
        checkpoints: The place that an interrupted attempt left a state in, and that this one may; None for neither.
        checkpoint_every: Seconds between two of them.
        interrupted: Asked after every step.
        detectors: Those that look beside the definition's. What they see stands in the provenance: a result is a pure
            function of the trial, whoever looks at it.
        hang_after: Seconds without progress that end it, at least; 0 for never, where somebody else has set a limit.

    Raises:
        Interrupted: It was asked to stop, and has left a checkpoint if it may.
        InputError: This machine lacks the data, or what the metric needs.
        MemoryError: The machine has no memory left, or others use this trial's share of a GPU.
        TooLongError: It made no progress, outside its hooks; a hook that does not return is a result.
    """
    watch = Watch(hang_after)
    with ProcessSettings(replace(execution or ExecutionMode(), pack=1)) as process_settings, watch.on_duty():
        train = partial(
            train_trial,
            workshop,
            trial,
            definition,
            attempt,
            process_settings=process_settings,
            resources=resources or Resources(),
            checkpoints=checkpoints,
            checkpoint_every=checkpoint_every,
            interrupted=interrupted,
            detectors=detectors,
            doubted=lambda error: watch.stuck is not None,
            watch=watch,
            progress=watch.progress,
        )
        try:
            return alone(train())
        except (MethodError, TooLongError):
            if watch.stuck is None or not watch.stuck.in_hook:
                raise
            return alone(train(hung=watch.stuck.result()))


def train_trial(
    workshop: Workshop,
    trial: Trial,
    definition: Definition,
    attempt: int,
    *,
    process_settings: ProcessSettings,
    resources: Resources,
    checkpoints: str | Path | Storage | None,
    checkpoint_every: float,
    interrupted: Callable[[], bool],
    detectors: Sequence[Detector] = (),
    doubted: Callable[[MethodError], bool] = lambda error: False,
    watch: AbstractContextManager[object] = nullcontext(),  # noqa: B008  it has no state
    progress: Callable[[], None] = lambda: None,
    hung: str = "",
) -> Turns[Record]:
    """Train a trial in turns, and return the record; :func:`run_trial` says what the arguments are, and what it raises.

    ``process_settings`` is what the process is set to, for all that take turns in it; its ``execution.pack`` says how many
    these are. ``doubted`` says of what a hook raised whether it may be the machine's: then it is raised again. ``watch``
    and ``progress`` are those of :func:`training_turns` and :class:`Training`. ``hung`` says how it did not return before:
    then that is its result, and it is not trained.
    """
    from ganbench.harness.training.checkpoint import Checkpoints
    from ganbench.harness.training.loop import training_turns
    from ganbench.harness.training.training import Training

    started, begun, execution = time.time(), time.monotonic(), process_settings.execution
    lanes = execution.lanes(resources.gpus)
    with process_settings.paused():
        material = workshop.material(trial)
    training: Training | None = None
    trace: Trace | None = None
    said = ""
    setting = _setting(trial) | {"data": material.data_hash, "device": workshop.device}
    kept = (
        None
        if checkpoints is None
        else Checkpoints(checkpoints, digest([trial.id, setting, execution.affecting_numbers()]), checkpoint_every)
    )
    try:
        if hung:
            raise MethodError(hung)
        with watch:
            training = Training(trial, material, workshop.programs(execution), progress)
        trace = yield from training_turns(training, kept, interrupted, watch)
    except MethodError as error:
        if doubted(error):
            raise
        said = method_error_message(error, resources.gpus, lanes) or type(error).__name__
    except RuntimeError as error:
        said = out_of_memory(error, resources.gpus, lanes)
    if training is not None and training.mode == COMPILED:
        mark_compiled(workshop.store.programs, work_of(trial.cell), training.plugins)
    where: dict[str, Any] = {
        "definition": definition.version,
        "started": round(started, 3),
        "seconds": round(time.monotonic() - begun, 3),  # the other clock can be put back meanwhile
        "step_seconds": training.step_seconds if training else None,
        "attempt": attempt,
        "resumed_from": None if kept is None else kept.resumed_from,
        "resources": resources.to_json(),
        "device": device_name(workshop.device),
        "host": platform.node(),
        "pid": os.getpid(),
        "step": training.mode if training else "plain",
        "compared": training.agreement.to_json() if training and training.agreement else None,
        "how": execution.to_json(),
        "notes": [*(training.notes if training else []), *process_settings.notes()],
        "references": dict(material.references),
    }
    if trace is not None and detectors:
        where["detectors"] = [look.to_json() for look in ask_added(trace, detectors)]
    return Record.of(trial.spec(), trace, setting | where, said)


def _setting(trial: Trial) -> dict[str, Any]:
    """Return what a result may depend on beside the trial's specification; a checkpoint of another is not continued."""
    return {
        "threads": 1,
        "machine": platform.machine(),
        "python": platform.python_version(),
        "packages": {name: version(name) for name in PROVENANCE_PACKAGES},
        "sources": {kind: getattr(trial.cell, kind).source() for kind in PLUGIN_KINDS},
    }
