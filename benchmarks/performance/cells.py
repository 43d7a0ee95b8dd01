"""What is trained: cells of the quick suite, and the papers' networks on noise of their images' shape."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Any, cast

import torch

from ganbench.harness.cells.cell import Cell
from ganbench.harness.data.dataset import Data
from ganbench.harness.data.store import Store
from ganbench.harness.normalizer import Normalizer
from ganbench.harness.planning.suite import Suite, load_suite
from ganbench.harness.plugins.registry import Catalog
from ganbench.harness.training.training import Material

SUITE = "quick"
QUICK = {"ring8": ("ring8", "fast"), "digits": ("digits", "slow")}
"""Cells of the suite: data set and setting."""

PAPERS: dict[str, tuple[str, str, int]] = {
    "sngan_cnn": ("sngan_cnn", "cifar10", 32),
    "sngan_resnet": ("sngan_resnet", "cifar10", 32),
    "sngan_resnet64": ("sngan_resnet", "celeba", 64),
}
"""Architecture, data set and side; Miyato et al. 2018, with batches of 64 and one discriminator step, as in BSSN."""

EXAMPLES = 2048
"""Images of noise: a step takes as long on noise as on photographs."""


@lru_cache(maxsize=1)
def catalog() -> Catalog:
    """Return the installed plugins."""
    return Catalog()


@lru_cache(maxsize=1)
def suite() -> Suite:
    """Return the quick suite."""
    return load_suite(SUITE, catalog=catalog())


def cell_of(name: str, normalizer: str = "spectral_norm") -> Cell:
    """Return a cell by its short name."""
    if name in QUICK:
        data, setting = QUICK[name]
        found = next(item for item in suite().cells if item.dataset.name == data and item.setting == setting)
        return replace(found, normalizer=cast("Any", catalog().create("normalizer", normalizer)))
    architecture, dataset, side = PAPERS[name]
    chosen = {
        "dataset": {"name": dataset} | ({"side": side} if dataset == "celeba" else {}),
        "architecture": architecture,
        "normalizer": normalizer,
        "loss": "hinge",
        "optimizer": {"name": "adam", "beta1": 0.5, "beta2": 0.999},
        "metric": {"name": "fidelity", "extractor": "cifar10-small"},
    }
    plugins: dict[str, Any] = {kind: catalog().create(kind, spec) for kind, spec in chosen.items()}
    return Cell(**plugins, lr_g=2e-4, lr_d=2e-4, n_dis=1, batch_size=64, steps=100_000, evaluations=25, log_points=200)


def endless(name: str, normalizer: str = "spectral_norm") -> Cell:
    """Return a cell without a budget, for as many steps as one wants to time."""
    return replace(cell_of(name, normalizer), steps=10**9)


def material_of(cell: Cell, device: str = "cpu") -> Material:
    """Return a cell's data, with a metric that measures nothing: for steps, not for trials."""
    default = cast("Normalizer", catalog().create("normalizer", cell.architecture.generator_normalizer))
    if cell.dataset.name in ("ring8", "digits"):
        data = cell.dataset.load(Store.find())
    else:
        shape = cell.dataset.sample_shape()
        noise = torch.Generator().manual_seed(0)
        data = Data(torch.randint(0, 256, (EXAMPLES, *shape), generator=noise, dtype=torch.uint8))
    return Material(data.to(device), "", lambda generated: {}, default, device=device)
