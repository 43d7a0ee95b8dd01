"""Is this machine ready? Versions, devices, Ray, MLflow, disk, data sets, what metrics need."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from ganbench.harness.data.store import Store
from ganbench.harness.errors import GanbenchError
from ganbench.harness.plugins.registry import KINDS, Catalog
from ganbench.harness.process import cores

if TYPE_CHECKING:
    from ganbench.harness.data.dataset import Dataset
    from ganbench.harness.metrics.metric import Metric

PACKAGES = ("ganbench", "torch", "torchvision", "torch-fidelity", "ray", "mlflow", "pandas", "pyarrow")
LEAST_FREE_GB = 2.0


@dataclass(frozen=True)
class Examined:
    """One line of the report.

    Attributes:
        subject: What was looked at.
        state: What was found.
        good: Whether it is as it should be.
    """

    subject: str
    state: str
    good: bool = True


def examine(catalog: Catalog, folder: Path) -> Iterator[Examined]:
    """Look at this machine, cheapest first.

    Args:
        catalog: The plugins.
        folder: Where results would be written.
    """
    yield Examined("python", platform.python_version())
    for package in PACKAGES:
        try:
            yield Examined(package, version(package))
        except PackageNotFoundError:
            yield Examined(package, "not installed; run `pip install ganbench`", good=False)
    free = shutil.disk_usage(folder).free / 1e9
    yield Examined("free disk", f"{free:.0f} GB", good=free >= LEAST_FREE_GB)
    writable = os.access(folder, os.W_OK)
    yield Examined("results folder", "writable" if writable else f"{folder} cannot be written", good=writable)
    yield from _imports()
    for kind in KINDS:
        for listed in catalog.listing(kind):
            if listed.plugin is None:
                yield Examined(f"{kind} {listed.name}", listed.error, good=False)
    for name in catalog.names("dataset"):
        try:
            dataset: Dataset = catalog.create("dataset", name)  # type: ignore[assignment]
            yield Examined(f"dataset {name}", _state_in_words(dataset, Store.find()))
        except GanbenchError as error:
            yield Examined(f"dataset {name}", str(error), good=False)
    for name in catalog.names("metric"):
        try:
            metric: Metric = catalog.create("metric", name)  # type: ignore[assignment]
            yield Examined(f"metric {name}", metric.missing(Store.find()) or "can be measured")
        except GanbenchError as error:
            yield Examined(f"metric {name}", str(error), good=False)


def _state_in_words(dataset: Dataset, store: Store) -> str:
    """Load what is shipped; of data sets in files say whether they are here: they may be large, and need not be."""
    from ganbench.harness.data.image_files import state_of

    state = state_of(dataset, store)
    if state != "shipped":
        return state
    data = dataset.load(store)
    return f"{len(data.examples):,} examples of {'x'.join(map(str, data.sample_shape))}"


def _imports() -> Iterator[Examined]:
    """Import the heavy three: that they are installed does not mean that they load."""
    try:
        import torch

        names = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
        yield Examined("devices", ", ".join([f"{cores()} CPU cores", *names]))
    except Exception as error:
        yield Examined("devices", f"torch cannot be imported: {error}", good=False)
    for package in ("torch_fidelity", "ray", "mlflow"):
        try:
            __import__(package)
            yield Examined(f"import {package}", "works")
        except Exception as error:
            yield Examined(f"import {package}", f"{type(error).__name__}: {error}", good=False)
