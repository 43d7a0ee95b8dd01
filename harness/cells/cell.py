"""Cells and trials, and their identities."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ganbench.harness.canonical import canonical_json, digest, text_digest
from ganbench.harness.cells.resources import Resources
from ganbench.harness.plugins.plugin import Plugin

if TYPE_CHECKING:
    from ganbench.harness.data.dataset import Dataset
    from ganbench.harness.losses.losses import Loss
    from ganbench.harness.metrics.metric import Metric
    from ganbench.harness.models.architecture import Architecture
    from ganbench.harness.normalizer import Normalizer
    from ganbench.harness.optimizers.optimizer import Optimizer
    from ganbench.harness.plugins.registry import Catalog

IDENTITY_VERSION = 2
"""Raise it when the canonical form changes; tests hold golden identities."""

PLUGIN_KINDS = ("dataset", "architecture", "normalizer", "loss", "optimizer", "metric")


@dataclass(frozen=True)
class Cell:
    """One (dataset, architecture, normalizer, hyperparameters): the unit that has an instability rate.

    Attributes:
        dataset: What is learnt.
        architecture: Both networks.
        normalizer: What keeps them stable.
        loss: What they minimize.
        optimizer: How.
        metric: How samples are judged: the protocol of all quality numbers.
        lr_g: The generator's learning rate.
        lr_d: The discriminator's learning rate.
        n_dis: Discriminator updates per generator update.
        batch_size: Samples per update.
        steps: Generator updates: the budget.
        evaluations: Evaluations after the one of the untrained generator, evenly spaced.
        log_points: Steps at which losses and gradient norms are logged, evenly spaced.
        simultaneous: Whether the generator answers the discriminator as it was before the step, not after it.
        lr_decay_from: Share of the budget from which both learning rates fall linearly to zero; 1 for never.
        clip_norm: The length that each network's gradient is cut to before an update; None for its own.
        penalty_every: The normalizer's penalties enter every so many discriminator updates, times as much.
        ema: The share of the generator's moving average, which is evaluated, that survives an update; 0 for no average.
        setting: The suite's name for the hyperparameters; a label, not part of the identity.
        resources: What a trial has while it runs; not part of the identity either.
        drawn: Which of its values the suite drew, by dotted key, and from what, as the suite declares it; likewise.
    """

    dataset: Dataset
    architecture: Architecture
    normalizer: Normalizer
    loss: Loss
    optimizer: Optimizer
    metric: Metric
    lr_g: float
    lr_d: float
    n_dis: int
    batch_size: int
    steps: int
    evaluations: int
    log_points: int
    simultaneous: bool = False
    lr_decay_from: float = 1.0
    clip_norm: float | None = None
    penalty_every: int = 1
    ema: float = 0.0
    setting: str = field(default="", compare=False)
    resources: Resources = field(default=Resources(), compare=False)
    drawn: Mapping[str, Any] = field(default_factory=dict, compare=False)

    def spec(self) -> dict[str, Any]:
        """Return the canonical specification: everything that determines a trial's result but its seed.

        A plugin's version is part of it: another version is another method, so it runs anew and has a row of its own.
        """
        values: dict[str, Any] = {"identity_version": IDENTITY_VERSION}
        for item in fields(self):
            value = getattr(self, item.name)
            if item.compare:
                values[item.name] = value.spec() if isinstance(value, Plugin) else value
        return values

    @classmethod
    def from_spec(cls, spec: Mapping[str, Any], catalog: Catalog, setting: str = "") -> Cell:
        """Rebuild a cell from its specification."""
        values = {key: value for key, value in spec.items() if key != "identity_version"}
        values |= {kind: catalog.create(kind, values[kind]) for kind in PLUGIN_KINDS}
        return cls(**values, setting=setting)

    @cached_property
    def canonical(self) -> str:
        """The canonical JSON of the specification."""
        return canonical_json(self.spec())

    @cached_property
    def id(self) -> str:
        """The cell's identity: 20 hexadecimal digits."""
        return text_digest(self.canonical)

    @cached_property
    def group(self) -> str:
        """Identity of the cell without its normalizer, 20 hexadecimal digits: cells of one group are compared in pairs."""
        return digest({key: value for key, value in self.spec().items() if key != "normalizer"})

    def title(self) -> str:
        """Return a readable name: ``ring8 · mlp · bssn(scale=1.2) · B``."""
        return " · ".join(
            part
            for part in (self.dataset.label(), self.architecture.label(), self.normalizer.label(), self.setting)
            if part
        )


@dataclass(frozen=True)
class Trial:
    """One seeded training of a cell.

    Attributes:
        cell: The cell.
        suite_seed: The suite's seed.
        seed: The seed's index within the suite, from 0.
    """

    cell: Cell
    suite_seed: int
    seed: int

    def spec(self) -> dict[str, Any]:
        """Return the canonical specification."""
        return {"cell": self.cell.spec(), "suite_seed": self.suite_seed, "seed": self.seed}

    @cached_property
    def id(self) -> str:
        """The trial's identity: 20 hexadecimal digits."""
        # The canonical JSON of the specification, without writing the cell's anew for each of its seeds.
        return text_digest(f'{{"cell":{self.cell.canonical},"seed":{self.seed},"suite_seed":{self.suite_seed}}}')
