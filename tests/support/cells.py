"""Small cells, and trainings of them, for tests of the engine."""

from __future__ import annotations

from typing import Any

from rotating import rotating

from ganbench.harness.cells.cell import Cell, Trial
from ganbench.harness.data.store import Store
from ganbench.harness.plugins.registry import Catalog
from ganbench.harness.steps.form import batch_like, batch_tensors, state_like, state_tensors
from ganbench.harness.steps.program import Programs
from ganbench.harness.steps.step import State
from ganbench.harness.training.training import Material, Training

CATALOG = Catalog()
STORE = Store.find()

TOY = {"dataset": "ring8", "architecture": {"name": "mlp", "width": 16}, "metric": "mode_coverage"}
MEASURES = ["fid", "inception_score", "precision", "recall", "density", "coverage", "diversity"]
FIDELITY = {"name": "fidelity", "extractor": "digits-cnn", "samples": 1000, "measures": MEASURES}
IMAGES = {"dataset": "digits", "architecture": {"name": "dcgan", "width": 4, "latent": 8}, "metric": FIDELITY}
RESIDUAL = {**IMAGES, "architecture": {"name": "xiang_li_resnet", "width": 0.06, "latent": 8}}
GROWING = {**IMAGES, "architecture": {"name": "progressive", "base": 16, "widest": 4, "latent": 4}}
PLUGINS = {"normalizer": "none", "loss": "non_saturating", "optimizer": "adam"}
NUMBERS = {"lr_g": 1e-3, "lr_d": 2e-3, "n_dis": 1, "batch_size": 16, "steps": 20, "evaluations": 1, "log_points": 20}


SAMPLE = ("bssn", "batch_norm", "weight_norm_strict", "r1", "weight_clipping")
"""A state, activations, own parameters, a penalty, a projection."""

NORMALIZERS = rotating(CATALOG.names("normalizer"), SAMPLE, 4)


def a_cell(base: dict[str, Any] = TOY, **changes: Any) -> Cell:
    """A cell on a toy or on images; plugins by name or mapping, numbers as they are."""
    chosen = {**PLUGINS, **NUMBERS, **base, **changes}
    kinds = ("dataset", "architecture", "metric", *PLUGINS)
    plugins = {kind: CATALOG.create(kind, chosen.pop(kind)) for kind in kinds}
    return Cell(**plugins, **chosen)


def material_of(cell: Cell) -> Material:
    """A cell's data, with a metric that measures nothing."""
    default = CATALOG.create("normalizer", cell.architecture.generator_normalizer)
    return Material(cell.dataset.load(STORE), "", lambda samples: {}, default)


def a_training(cell: Cell, seed: int = 0, *, programs: Programs | None = None, own_start: bool = False) -> Training:
    """A training of a cell's seed, before its first step.

    Unless told otherwise all cells start alike, so that trainings under different rules can be compared.
    """
    if not own_start:
        cell.__dict__["group"] = "0"  # where the cached property keeps it
    return Training(Trial(cell, 3, seed), material_of(cell), programs)


def double(value):
    """The same state or batch in float64, where rounding is small enough to see a mistake."""
    tensors, like = (state_tensors, state_like) if isinstance(value, State) else (batch_tensors, batch_like)
    return like(value, [part.double() if part.is_floating_point() else part for part in tensors(value)])
