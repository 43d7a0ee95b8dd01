"""What the shipped classifiers have in common as feature extractors."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Protocol

import torch
import torch_fidelity
from torch import Tensor, nn

from ganbench.harness.data.checksum import Checksum

OUTPUTS = ("features", "logits")


class Classifier(Protocol):
    """What is asked of a classifier, beside being a module."""

    output: nn.Linear

    def features(self, images: Tensor) -> Tensor:
        """Turn uint8 images [N, C, S, S] into features [N, D]."""
        ...

    def load_state_dict(self, state_dict: dict[str, Tensor]) -> object:
        """Take over weights."""
        ...


class ClassifierExtractor(torch_fidelity.FeatureExtractorBase):
    """A shipped classifier in the form that torch-fidelity calls: features for FID, logits for the Inception Score.

    Attributes:
        network: Class of the classifier; it has a method ``features`` and a layer ``output``.
        weights: File of its state, of any floating-point type; it computes in float32.
        checksum: Of that file.
        image: Shape of the images that it was trained on.
    """

    network: ClassVar[type[Classifier]]
    weights: ClassVar[Path]
    checksum: ClassVar[Checksum]
    image: ClassVar[tuple[int, int, int]]

    def __init__(self, name: str, features_list: list[str], **_: object) -> None:
        super().__init__(name, features_list)
        self.checksum.check(self.weights)
        self.classifier = self.network()
        self.classifier.load_state_dict(torch.load(self.weights, map_location="cpu", weights_only=True))
        self.requires_grad_(False)
        self.eval()

    @staticmethod
    def get_provided_features_list() -> tuple[str, ...]:
        """Name the two outputs."""
        return OUTPUTS

    @staticmethod
    def get_default_feature_layer_for_metric(metric: str) -> str:
        """Use the logits for the Inception Score and the features for everything else."""
        return {"isc": "logits"}.get(metric, "features")

    @staticmethod
    def can_be_compiled() -> bool:
        """It is too small to be worth compiling."""
        return False

    @classmethod
    def get_dummy_input_for_compile(cls) -> Tensor:
        """Return one black image."""
        return torch.zeros(1, *cls.image, dtype=torch.uint8)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Turn uint8 images [N, C, S, S] into the requested outputs, in the requested order."""
        features = self.classifier.features(images)
        outputs = {"features": features, "logits": self.classifier.output(features)}
        return tuple(outputs[name] for name in self.features_list)

    @classmethod
    def takes(cls, shape: tuple[int, ...]) -> bool:
        """Say whether images of a shape [C, H, W] are taken: square, with the same channels, of its side or a multiple."""
        channels, side, _ = cls.image
        return len(shape) == 3 and shape[0] == channels and shape[1] == shape[2] and shape[1] % side == 0
