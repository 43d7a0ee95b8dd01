"""Mode coverage on data whose modes are known."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar

import torch
from pydantic import Field
from torch import Tensor

from ganbench.harness.data.dataset import Data, Dataset
from ganbench.harness.data.modes import Modes
from ganbench.harness.metrics.metric import Evaluate, Measure, Metric

if TYPE_CHECKING:
    from ganbench.harness.data.store import Store

LEAST_PER_MODE = 10
"""Samples for each mode that an evaluation needs: fewer leave modes empty, or make them look fuller, by chance."""


class ModeCoverage(Metric):
    """How many modes the samples reach, and how many samples are near one (Srivastava et al. 2017, section 4.1).

    What a sample of high quality is, and which mode it belongs to, the data set says: within three standard deviations of
    a Gaussian's centre, or a digit in each channel that a classifier is sure of. A mode is captured when at least one
    high-quality sample belongs to it; ``modes`` counts them and ``mode_coverage`` is their share of all K.
    ``largest_mode_ratio`` is K times the fullest mode's share of the high-quality samples: 1 when they are balanced, K when
    all are in one mode. ``mode_kl`` is KL(samples' modes | uniform) in nats, over high-quality samples (log K when there is
    none).
    """

    name: ClassVar[str] = "mode_coverage"
    summary: ClassVar[str] = "Modes captured, share of high-quality samples, KL to uniform; exact."
    paper: ClassVar[str] = "Srivastava et al. 2017, arXiv:1705.07761"

    samples: int = Field(2500, ge=100, le=1_000_000, description="samples per evaluation; 26,000 for 1,000 modes")

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
        return None if dataset.has_modes else f"needs data whose modes are known, such as ring8, not {dataset.label()}"

    def fits(self, data: Data) -> str | None:
        """Accept enough samples for the modes."""
        assert data.modes is not None, "check() has accepted the data set"
        least = LEAST_PER_MODE * data.modes.count
        return None if self.samples >= least else f"needs at least {least} samples to find {data.modes.count} modes"

    def prepare(self, data: Data, store: Store) -> Evaluate:
        """Keep the modes."""
        modes = data.modes
        assert modes is not None, "check() has accepted the data set"
        return lambda generated: self.evaluate(generated.samples, modes)

    def evaluate(self, samples: Tensor, modes: Modes) -> dict[str, float]:
        """Count.

        Args:
            samples: As the data set stores them, [N, ...]; one that is not finite is of low quality.
            modes: The distribution's modes.

        Returns:
            A number for each measure; all NaN when no sample is finite.
        """
        if not bool(torch.isfinite(samples).any()):
            return {measure.key: math.nan for measure in self.measures()}
        nearest, good = modes.assign(samples)
        held = nearest[good]
        shares = torch.bincount(held, minlength=modes.count).double() / max(len(held), 1)
        positive = shares[shares > 0]
        return {
            "high_quality_share": len(held) / len(samples),
            "modes": float(len(positive)),
            "mode_coverage": len(positive) / modes.count,
            "largest_mode_ratio": float(shares.max()) * modes.count,
            "mode_kl": float((positive * (positive * modes.count).log()).sum()) if len(held) else math.log(modes.count),
        }
