"""The shipped classifiers as torch-fidelity's own extractors, so that its numbers can be compared with ours.

It is imported where it is used: with torchvision that takes more than a second of every process that collects tests.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ganbench.harness.metrics.extractors.classifier import ClassifierExtractor
from ganbench.harness.metrics.extractors.registry import SHIPPED

if TYPE_CHECKING:
    import torch_fidelity


def _as_theirs(ours: type[ClassifierExtractor]) -> type[torch_fidelity.FeatureExtractorBase]:
    import torch_fidelity

    class Theirs(torch_fidelity.FeatureExtractorBase):
        def __init__(self, name: str, features_list: list[str], **_: object) -> None:
            super().__init__(name, features_list)
            self.extractor = ours()

        @staticmethod
        def get_provided_features_list() -> tuple[str, ...]:
            return ("features", "logits")

        @staticmethod
        def get_default_feature_layer_for_metric(metric: str) -> str:
            return {"isc": "logits"}.get(metric, "features")

        @staticmethod
        def can_be_compiled() -> bool:
            return False

        @staticmethod
        def get_dummy_input_for_compile() -> Tensor:
            return torch.zeros(1, *ours.image, dtype=torch.uint8)

        def forward(self, images: Tensor) -> tuple[Tensor, ...]:
            outputs = dict(zip(("features", "logits"), self.extractor(images), strict=True))
            return tuple(outputs[name] for name in self.features_list)

    return Theirs


def register_with_torch_fidelity() -> None:
    """Make our classifiers known to ``torch_fidelity.calculate_metrics``, which refuses a second registration."""
    import torch_fidelity
    from torch_fidelity.registry import FEATURE_EXTRACTORS_REGISTRY

    for name, ours in SHIPPED.items():
        if name not in FEATURE_EXTRACTORS_REGISTRY:
            torch_fidelity.register_feature_extractor(name, _as_theirs(ours))
