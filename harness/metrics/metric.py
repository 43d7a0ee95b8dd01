"""The contract of a metric: a protocol with a name, made ready once for a data set, then applied to samples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from harness.data.dataset import Data
from harness.plugin import Plugin

Evaluate = Callable[[Tensor], dict[str, float]]
"""From samples in the form of stored examples (see ``Data.encode``) to numbers by measure."""


@dataclass(frozen=True)
class Measure:
    """One number that a metric reports.

    Attributes:
        key: Its name in traces and tables. A number whose extractor is not the literature's says so: ``fid[digits-cnn]``.
        better: ``"lower"`` or ``"higher"``.
    """

    key: str
    better: str


class Metric(Plugin):
    """Base of all metrics.

    A metric's parameters are its protocol and enter the cell's identity: numbers from different protocols never share a
    column.
    """

    kind: ClassVar[str] = "metric"

    def sample_count(self) -> int:
        """Return how many samples one evaluation needs."""
        raise NotImplementedError

    def measures(self) -> tuple[Measure, ...]:
        """Return what is reported; the first is the one that trials are ranked by."""
        raise NotImplementedError

    def check(self, sample_shape: tuple[int, ...]) -> str | None:
        """Say why the metric does not apply to data of that shape, or return None when it does."""
        raise NotImplementedError

    def prepare(self, data: Data) -> Evaluate:
        """Compute what depends on the real data alone, and return the function that is applied to samples."""
        raise NotImplementedError
