"""Generated samples compared with real ones, one measure at a time; what several measures need is computed once."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from ganbench.harness.metrics.distance import mean_distance
from ganbench.harness.metrics.extractors.registry import Extracted
from ganbench.harness.metrics.frechet import frechet_distance
from ganbench.harness.metrics.inception_score import inception_score
from ganbench.harness.metrics.kernel import kernel_distance
from ganbench.harness.metrics.neighbours import Neighbourhood, neighbourhood
from ganbench.harness.metrics.real_statistics import COMPARED, RealStatistics


@dataclass(frozen=True)
class SampleComparison:
    """The features of generated samples beside what is known of the real ones.

    Attributes:
        made: What the extractor made of the generated samples.
        real: The real examples, on the same device.
    """

    made: Extracted
    real: RealStatistics

    @property
    def compared(self) -> Tensor:
        """The features that are compared pair by pair: as many as of the real examples at most."""
        return self.made.features[:COMPARED]

    def frechet(self) -> float:
        """Return the Frechet distance."""
        return frechet_distance(self.made.features, self.real.gaussian)

    def score(self) -> float:
        """Return the Inception Score."""
        assert self.made.logits is not None, "the measures have been checked against the extractor"
        return inception_score(self.made.logits)

    def kernel(self) -> float:
        """Return the kernel distance."""
        return kernel_distance(self.compared, self.real.features, float(self.real.kernel))

    @cached_property
    def neighbours(self) -> Neighbourhood:
        """Precision, recall, density and coverage."""
        return neighbourhood(self.compared, self.real.features, self.real.radii)

    def diversity(self) -> float:
        """Return the mean distance between two generated samples over that between two real ones; NaN if that is 0."""
        real = float(self.real.distance)
        return mean_distance(self.made.features) / real if real > 0 else math.nan


@dataclass(frozen=True)
class Kind:
    """A measure.

    Attributes:
        better: ``"lower"`` or ``"higher"``.
        compute: From a comparison to the number.
        of_logits: Whether it is about classes rather than features.
    """

    better: str
    compute: Callable[[SampleComparison], float]
    of_logits: bool = False

    def value(self, comparison: SampleComparison) -> float:
        """Return the number; NaN when what it is computed from is not finite."""
        source = comparison.made.logits if self.of_logits else comparison.made.features
        assert source is not None, "the measures have been checked against the extractor"
        return self.compute(comparison) if bool(torch.isfinite(source).all()) else math.nan


KINDS = {
    "fid": Kind("lower", SampleComparison.frechet),
    "inception_score": Kind("higher", SampleComparison.score, of_logits=True),
    "kid": Kind("lower", SampleComparison.kernel),
    "precision": Kind("higher", lambda comparison: comparison.neighbours.precision),
    "recall": Kind("higher", lambda comparison: comparison.neighbours.recall),
    "f1": Kind("higher", lambda comparison: comparison.neighbours.f1),
    "density": Kind("higher", lambda comparison: comparison.neighbours.density),
    "coverage": Kind("higher", lambda comparison: comparison.neighbours.coverage),
    "diversity": Kind("higher", SampleComparison.diversity),
}
"""Every measure of the metric ``fidelity``, in the order of the default: trials are ranked by the first."""
