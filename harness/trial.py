"""Running one trial: train, judge, and describe where it happened. What a worker executes."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from harness.cell import PLUGIN_KINDS, Trial, canonical_json, digest
from harness.computing import Computing
from harness.data.store import Store
from harness.devices import device_name, out_of_memory, what_it_says
from harness.errors import MethodError
from harness.how import How
from harness.ledger import Record
from harness.registry import Catalog
from harness.scheduling.resources import Resources
from harness.side_by_side import Turns, alone
from harness.stability import Definition, Detector, judge, look_at, method_error
from harness.storage import Storage
from harness.training.checkpoint import EVERY_SECONDS

if TYPE_CHECKING:
    from harness.data.dataset import Data
    from harness.programs.program import Programs
    from harness.trace import Trace
    from harness.training.training import Material

PROVENANCE_PACKAGES = ("ganbench", "torch", "torch-fidelity", "numpy")


@dataclass
class Workshop:
    """What a process keeps between trials: plugins, loaded data and prepared metrics.

    Attributes:
        catalog: The plugins.
        store: Where data sets stand on this machine.
        device: Where trainings compute.
    """

    catalog: Catalog
    store: Store = field(default_factory=Store.find)
    device: str = "cpu"
    _programs: dict[tuple[str, bool], Programs | None] = field(default_factory=dict)
    _data: dict[str, Data] = field(default_factory=dict)
    _materials: dict[str, Material] = field(default_factory=dict)

    def programs(self, how: How) -> Programs | None:
        """Return the programs that this process has made; None for plain steps."""
        kind = (how.way, how.pack == 1)
        if kind not in self._programs:
            self._programs[kind] = how.programs()
        return self._programs[kind]

    def material(self, trial: Trial) -> Material:
        """Return the data and the metric of a trial's cell, loaded once per process."""
        from harness.metrics.together import prepare_parts
        from harness.normalizer import Normalizer
        from harness.training.training import Material

        cell = trial.cell
        default = cell.architecture.generator_normalizer
        key = canonical_json([cell.dataset.spec(), cell.metric.spec(), default])
        if key not in self._materials:
            name = canonical_json(cell.dataset.spec())
            if name not in self._data:
                self._data[name] = cell.dataset.load(self.store).to(self.device)
            data = self._data[name]
            normalizer = cast("Normalizer", self.catalog.create("normalizer", default))
            evaluate, notes = prepare_parts(cell.metric, data, self.store)
            self._materials[key] = Material(data, data.content_hash(), evaluate, normalizer, notes, self.device)
        return self._materials[key]

    def run(
        self,
        trial: Trial,
        definition: Definition,
        attempt: int = 1,
        *,
        resources: Resources | None = None,
        how: How | None = None,
        checkpoints: str | Path | Storage | None = None,
        checkpoint_every: float = EVERY_SECONDS,
        interrupted: Callable[[], bool] = lambda: False,
        detectors: Sequence[Detector] = (),
    ) -> Record:
        """Train a trial alone, reach its verdict, and return the record to commit.

        Args:
            trial: The trial.
            definition: Of the detectors' thresholds.
            attempt: From 1.
            resources: What it has; one core where nothing is said.
            how: How it is run, but for ``pack``; replayed where nothing is said.
            checkpoints: The place that an interrupted attempt left a state in, and that this one may; None for neither.
            checkpoint_every: Seconds between two of them.
            interrupted: Asked after every step.
            detectors: Those that look beside the definition's. What they see stands in the provenance: a result is a pure
                function of the trial, whoever looks at it.

        Raises:
            Interrupted: It was asked to stop, and has left a checkpoint if it may.
            MemoryError: The machine has no memory left, or others use this trial's share of a GPU.
        """
        with Computing(replace(how or How(), pack=1)) as computing:
            return alone(
                self.turns(
                    trial,
                    definition,
                    attempt,
                    computing=computing,
                    resources=resources or Resources(),
                    checkpoints=checkpoints,
                    checkpoint_every=checkpoint_every,
                    interrupted=interrupted,
                    detectors=detectors,
                )
            )

    def turns(
        self,
        trial: Trial,
        definition: Definition,
        attempt: int,
        *,
        computing: Computing,
        resources: Resources,
        checkpoints: str | Path | Storage | None,
        checkpoint_every: float,
        interrupted: Callable[[], bool],
        detectors: Sequence[Detector] = (),
    ) -> Turns[Record]:
        """Train a trial in turns, and return the record; :meth:`run` says what the arguments are, and what it raises.

        ``computing`` is what the process is set to, for all that take turns in it; its ``how.pack`` says how many
        these are.
        """
        from harness.training.checkpoint import Checkpoints
        from harness.training.loop import training_turns
        from harness.training.training import Training

        started, how = time.time(), computing.how
        lanes = how.lanes(resources.gpus)
        with computing.paused():
            material = self.material(trial)
        training: Training | None = None
        trace: Trace | None = None
        setting = _setting(trial) | {"data": material.data_hash, "device": self.device}
        kept = (
            None
            if checkpoints is None
            else Checkpoints(checkpoints, digest([trial.id, setting, how.numerics()]), checkpoint_every)
        )
        try:
            training = Training(trial, material, self.programs(how))
            trace = yield from training_turns(training, kept, interrupted)
            verdict = judge(trace, definition)
        except MethodError as error:
            verdict = method_error(what_it_says(error, resources.gpus, lanes), definition)
        except RuntimeError as error:
            verdict = method_error(out_of_memory(error, resources.gpus, lanes), definition)
        where: dict[str, Any] = {
            "started": round(started, 3),
            "seconds": round(time.time() - started, 3),
            "step_seconds": training.step_seconds if training else None,
            "attempt": attempt,
            "resumed_from": None if kept is None else kept.resumed_from,
            "resources": resources.to_json(),
            "device": device_name(self.device),
            "host": platform.node(),
            "pid": os.getpid(),
            "step": training.mode if training else "plain",
            "how": how.to_json(),
            "notes": [*material.notes, *(training.notes if training else [])],
        }
        if trace is not None and detectors:
            where["detectors"] = [look.to_json() for look in look_at(trace, detectors)]
        return Record(
            trial_id=trial.id,
            cell_id=trial.cell.id,
            spec=trial.spec(),
            verdict=verdict,
            trace_json=None if trace is None else trace.to_json(),
            provenance=setting | where,
        )


def _setting(trial: Trial) -> dict[str, Any]:
    """Return what a result may depend on beside the trial's specification; a checkpoint of another is not continued."""
    return {
        "threads": 1,
        "machine": platform.machine(),
        "python": platform.python_version(),
        "packages": {name: version(name) for name in PROVENANCE_PACKAGES},
        "sources": {kind: getattr(trial.cell, kind).source() for kind in PLUGIN_KINDS},
    }
