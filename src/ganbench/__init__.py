"""ganbench: how often does GAN training fail, under which normalizer, and how sure is that?

From Python::

    from ganbench import leaderboard, load_suite, read_ledger, run

    suite = load_suite("quick")
    run(suite, "results/quick")
    board = leaderboard(read_ledger("results/quick"))
    board.table        # a pandas DataFrame, a row for each cell
    board.comparisons  # a pandas DataFrame, a row for each pair of normalizers

Everything that a plugin or a script needs is a name of this package. Its rooms are ``ganbench.harness``,
``ganbench.reports``, ``ganbench.baselines`` and ``ganbench.suites``: links to the folders of these names.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ganbench.harness.data.dataset import Data as Data
    from ganbench.harness.data.dataset import Dataset as Dataset
    from ganbench.harness.ledger import read_ledger as read_ledger
    from ganbench.harness.losses.losses import Loss as Loss
    from ganbench.harness.metrics.metric import Measure as Measure
    from ganbench.harness.metrics.metric import Metric as Metric
    from ganbench.harness.models.architecture import Architecture as Architecture
    from ganbench.harness.normalizer import Claim as Claim
    from ganbench.harness.normalizer import Normalizer as Normalizer
    from ganbench.harness.normalizer import normalizer as normalizer
    from ganbench.harness.normalizer.layers import Layer as Layer
    from ganbench.harness.optimizers.optimizer import Optimizer as Optimizer
    from ganbench.harness.planning.suite import load_suite as load_suite
    from ganbench.harness.stability import Detector as Detector
    from ganbench.harness.steps.execution_mode import ExecutionMode as ExecutionMode
    from ganbench.harness.sweeps.sweep import run as run
    from ganbench.harness.traces.trace import Trace as Trace
    from ganbench.reports import leaderboard as leaderboard

    __version__: str

_HOMES = {
    "Architecture": "harness.models.architecture",
    "Claim": "harness.normalizer",
    "Data": "harness.data.dataset",
    "Dataset": "harness.data.dataset",
    "Detector": "harness.stability",
    "ExecutionMode": "harness.steps.execution_mode",
    "Layer": "harness.normalizer.layers",
    "Loss": "harness.losses.losses",
    "Measure": "harness.metrics.metric",
    "Metric": "harness.metrics.metric",
    "Normalizer": "harness.normalizer",
    "Optimizer": "harness.optimizers.optimizer",
    "Trace": "harness.traces.trace",
    "leaderboard": "reports",
    "load_suite": "harness.planning.suite",
    "normalizer": "harness.normalizer",
    "read_ledger": "harness.ledger",
    "run": "harness.sweeps.sweep",
}

__all__ = [
    "Architecture",
    "Claim",
    "Data",
    "Dataset",
    "Detector",
    "ExecutionMode",
    "Layer",
    "Loss",
    "Measure",
    "Metric",
    "Normalizer",
    "Optimizer",
    "Trace",
    "__version__",
    "leaderboard",
    "load_suite",
    "normalizer",
    "read_ledger",
    "run",
]


def __getattr__(name: str) -> Any:
    # On first use: `ganbench --help` must not wait for pydantic and numpy.
    if name == "__version__":
        from importlib.metadata import version

        return version("ganbench")
    if name in _HOMES:
        return getattr(import_module(f"ganbench.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'ganbench' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
