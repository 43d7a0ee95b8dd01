"""What a process keeps between trials."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from ganbench.harness.canonical import canonical_json
from ganbench.harness.cells.cell import Trial
from ganbench.harness.data.store import Store
from ganbench.harness.plugins.registry import Catalog
from ganbench.harness.steps.execution_mode import ExecutionMode

if TYPE_CHECKING:
    from ganbench.harness.data.dataset import Data
    from ganbench.harness.steps.program import Programs
    from ganbench.harness.training.training import Material


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

    def programs(self, execution: ExecutionMode) -> Programs | None:
        """Return the programs that this process has made; None for plain steps."""
        kind = (execution.way, execution.pack == 1)
        if kind not in self._programs:
            self._programs[kind] = execution.programs(folder=self.store.programs)
        return self._programs[kind]

    def material(self, trial: Trial) -> Material:
        """Return the data and the metric of a trial's cell, loaded once per process.

        Raises:
            InputError: Data, or what the metric needs, are absent or damaged here.
        """
        from ganbench.harness.metrics.metric import references_of
        from ganbench.harness.normalizer import Normalizer
        from ganbench.harness.training.training import Material

        cell = trial.cell
        default = cell.architecture.generator_normalizer
        key = canonical_json([cell.dataset.spec(), cell.metric.spec(), default])
        if key not in self._materials:
            name = canonical_json(cell.dataset.spec())
            if name not in self._data:
                self._data[name] = cell.dataset.load(self.store).to(self.device)
            data = self._data[name]
            normalizer = cast("Normalizer", self.catalog.create("normalizer", default))
            evaluate = cell.metric.prepare(data, self.store)
            self._materials[key] = Material(
                data, data.content_hash(), evaluate, normalizer, self.device, references_of(evaluate)
            )
        return self._materials[key]
