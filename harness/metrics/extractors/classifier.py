"""What the shipped classifiers have in common as feature extractors."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Protocol

import torch
from torch import Tensor, nn

from ganbench.harness.data.checksum import Checksum


class Classifier(Protocol):
    """What is asked of a classifier, beside being a module."""

    output: nn.Linear

    def features(self, images: Tensor) -> Tensor:
        """Turn uint8 images [N, C, S, S] into features [N, D]."""
        ...

    def load_state_dict(self, state_dict: dict[str, Tensor]) -> object:
        """Take over weights."""
        ...


class ClassifierExtractor(nn.Module):
    """A shipped classifier as an extractor: features for distances, logits for the Inception Score.

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

    def __init__(self) -> None:
        super().__init__()
        self.checksum.check(self.weights)
        self.classifier = self.network()
        self.classifier.load_state_dict(torch.load(self.weights, map_location="cpu", weights_only=True))
        self.requires_grad_(False)
        self.eval()

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Turn uint8 images [N, C, S, S] into features [N, D] and logits [N, K]."""
        features = self.classifier.features(images)
        return features, self.classifier.output(features)

    @classmethod
    def takes(cls, shape: tuple[int, ...]) -> bool:
        """Say whether images of a shape [C, H, W] are taken: square, with the same channels, of its side or a multiple."""
        channels, side, _ = cls.image
        return len(shape) == 3 and shape[0] == channels and shape[1] == shape[2] and shape[1] % side == 0
