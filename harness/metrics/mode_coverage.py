"""Mode coverage on synthetic data, exact."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar

import torch
from pydantic import Field
from torch import Tensor

from harness.data.dataset import Data, Dataset, Modes
from harness.metrics.metric import Evaluate, Measure, Metric

if TYPE_CHECKING:
    from harness.data.store import Store


class ModeCoverage(Metric):
    """How many modes the samples reach, and how many samples are near one (Srivastava et al. 2017, section 4.1).

    A sample is of high quality when it lies within three standard deviations of its nearest mode. A mode is captured when
    at least one high-quality sample lies nearest to it; ``modes`` counts them and ``mode_coverage`` is their share of all
    K. ``largest_mode_ratio`` is K times the fullest mode's share of the high-quality samples: 1 when they are balanced, K
    when all are in one mode. ``mode_kl`` is KL(samples' modes | uniform) in nats, over high-quality samples (log K when
    there is none).
    """

    name: ClassVar[str] = "mode_coverage"
    summary: ClassVar[str] = "Modes captured, share of high-quality samples, KL to uniform; exact."
    paper: ClassVar[str] = "Srivastava et al. 2017, arXiv:1705.07761"

    samples: int = Field(2500, ge=100, le=1_000_000, description="samples per evaluation")
    radius: float = Field(3.0, gt=0, le=100, description="standard deviations within which a sample is of high quality")

    def sample_count(self) -> int:
        """Return how many samples one evaluation needs."""
        return self.samples

    def measures(self) -> tuple[Measure, ...]:
        """Return what is reported."""
        return (
            Measure("high_quality_share", "higher"),
            Measure("modes", "higher"),
            Measure("mode_coverage", "higher"),
            Measure("largest_mode_ratio", "lower"),
            Measure("mode_kl", "lower"),
        )

    def check(self, dataset: Dataset) -> str | None:
        """Accept data whose modes are known."""
        return None if dataset.has_modes else "needs data whose modes are known, such as ring8"

    def prepare(self, data: Data, store: Store) -> Evaluate:
        """Keep the modes."""
        modes = data.modes
        assert modes is not None, "check() has accepted the data set"
        return lambda generated: self.evaluate(generated.samples, modes)

    def evaluate(self, samples: Tensor, modes: Modes) -> dict[str, float]:
        """Count.

        Args:
            samples: [N, d]; a sample that is not finite is of low quality.
            modes: The distribution's modes.

        Returns:
            A number for each measure; all NaN when no sample is finite.
        """
        if not bool(torch.isfinite(samples).any()):
            return {measure.key: math.nan for measure in self.measures()}
        distance, nearest = torch.cdist(samples.double(), modes.centres.double()).min(dim=1)
        count = modes.centres.shape[0]
        good = nearest[distance <= self.radius * modes.std]
        shares = torch.bincount(good, minlength=count).double() / max(len(good), 1)
        positive = shares[shares > 0]
        return {
            "high_quality_share": len(good) / len(samples),
            "modes": float(len(positive)),
            "mode_coverage": len(positive) / count,
            "largest_mode_ratio": float(shares.max()) * count,
            "mode_kl": float((positive * (positive * count).log()).sum()) if len(positive) else math.log(count),
        }
