"""FID and Inception Score by torch-fidelity, over a registered feature extractor."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import torch
from pydantic import Field, field_validator
from torch import Tensor

from harness.data.dataset import Data, Dataset
from harness.errors import did_you_mean
from harness.metrics.distance import mean_pairwise_distance
from harness.metrics.metric import Evaluate, Generated, Measure, Metric

if TYPE_CHECKING:
    from harness.data.store import Store


class Fidelity(Metric):
    """Frechet distance, Inception Score and diversity of the generator's samples.

    * ``fid`` (Heusel et al. 2017): the Frechet distance between Gaussians fitted to the extractor's features of all real
      examples and of ``samples`` generated ones. Lower is better; it is biased upwards at few samples, so numbers of
      different sample counts must not be compared.
    * ``inception_score`` (Salimans et al. 2016): exp E KL(p(y|x) | p(y)) of the extractor's classes, mean of ten splits.
    * ``diversity``: mean distance between the features of two generated samples over that of two real examples; about 1
      when samples are as varied as the data, 0 when they are all the same.

    The numbers carry the extractor in their names, for instance ``fid[digits-cnn]``: they cannot be compared with
    published ones, which use Inception v3.
    """

    name: ClassVar[str] = "fidelity"
    summary: ClassVar[str] = "FID, Inception Score and diversity over a named feature extractor."
    paper: ClassVar[str] = "Heusel et al. 2017, arXiv:1706.08500; Salimans et al. 2016, arXiv:1606.03498"

    extractor: str = Field("digits-cnn", description="a registered feature extractor")
    samples: int = Field(1000, ge=100, le=1_000_000, description="generated samples per evaluation")

    @field_validator("extractor")
    @classmethod
    def _known(cls, value: str) -> str:
        from harness.metrics.extractors.registry import EXTRACTORS

        if value not in EXTRACTORS:
            raise ValueError(f"a registered feature extractor{did_you_mean(value, EXTRACTORS)}")
        return value

    def sample_count(self) -> int:
        """Return how many samples one evaluation needs."""
        return self.samples

    def measures(self) -> tuple[Measure, ...]:
        """Return what is reported."""
        return (
            Measure(f"fid[{self.extractor}]", "lower"),
            Measure(f"inception_score[{self.extractor}]", "higher"),
            Measure(f"diversity[{self.extractor}]", "higher"),
        )

    def check(self, dataset: Dataset) -> str | None:
        """Accept what the extractor takes."""
        from harness.metrics.extractors.registry import EXTRACTORS

        entry = EXTRACTORS[self.extractor]
        sample_shape = dataset.sample_shape()
        if entry.takes(sample_shape):
            return None
        return f"extractor {self.extractor!r} takes {entry.wants}, and the data are {list(sample_shape)}"

    def prepare(self, data: Data, store: Store) -> Evaluate:
        """Extract the features of all real examples, once."""
        from torch_fidelity.metric_fid import KEY_METRIC_FID, fid_features_to_statistics, fid_statistics_to_metric
        from torch_fidelity.metric_isc import KEY_METRIC_ISC_MEAN, isc_features_to_metric

        from harness.metrics.extractors.registry import EXTRACTORS, extract

        extractor = EXTRACTORS[self.extractor].make(self.extractor, ["features", "logits"])
        real = extract(extractor, data.examples[:])["features"]
        real_statistics = fid_features_to_statistics(real)
        real_distance = mean_distance(real)
        fid, score, diversity = (measure.key for measure in self.measures())

        def evaluate(generated: Generated) -> dict[str, float]:
            made = extract(extractor, generated.samples)
            statistics = fid_features_to_statistics(made["features"])
            return {
                fid: fid_statistics_to_metric(statistics, real_statistics, verbose=False)[KEY_METRIC_FID],
                score: isc_features_to_metric(made["logits"])[KEY_METRIC_ISC_MEAN],
                diversity: mean_distance(made["features"]) / real_distance,
            }

        return evaluate


def mean_distance(features: Tensor, most: int = 500) -> float:
    """Return the mean Euclidean distance between two different rows.

    Args:
        features: [N, D].
        most: Rows used, evenly spaced; all pairs among them are averaged.
    """
    rows = torch.linspace(0, len(features) - 1, min(most, len(features))).long()
    return mean_pairwise_distance(features[rows])
