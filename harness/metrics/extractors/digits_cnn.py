"""``digits-cnn``: a small classifier of scikit-learn's digits, shipped, so that its metrics need no download."""

from __future__ import annotations

from pathlib import Path

import torch
import torch_fidelity
from torch import Tensor, nn
from torch.nn import functional as F

DIGITS_CNN = "digits-cnn"
SIDE = 8
"""Of the images that ``digits-cnn`` was trained on."""

WEIGHTS = Path(__file__).parent.parent / "weights" / f"{DIGITS_CNN}.pt"


class DigitsCNN(nn.Module):
    """The classifier behind ``digits-cnn``: three small convolutions, 32 features, 10 classes.

    Trained by ``tools/train_digits_cnn.py`` on four fifths of the digits; its accuracy on the last fifth is in
    ``docs/metrics.md``.
    """

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, 3, padding=1)
        self.conv2 = nn.Conv2d(16, 32, 3, stride=2, padding=1)
        self.conv3 = nn.Conv2d(32, 64, 3, stride=2, padding=1)
        self.hidden = nn.Linear(64 * 2 * 2, 32)
        self.output = nn.Linear(32, 10)

    def features(self, images: Tensor) -> Tensor:
        """Turn uint8 images [N, 1, S, S], S a multiple of 8, into features [N, 32]; larger ones are averaged to 8x8."""
        x = images.float() / 127.5 - 1
        if x.shape[2] != SIDE:
            x = F.avg_pool2d(x, x.shape[2] // SIDE)
        x = torch.relu(self.conv1(x))
        x = torch.relu(self.conv2(x))
        x = torch.relu(self.conv3(x))
        return torch.relu(self.hidden(x.flatten(1)))

    def forward(self, images: Tensor) -> Tensor:
        """Turn uint8 images [N, 1, S, S] into class logits [N, 10]."""
        return self.output(self.features(images))


def trained_classifier() -> DigitsCNN:
    """Return the classifier with the shipped weights, in evaluation, its weights fixed."""
    classifier = DigitsCNN()
    classifier.load_state_dict(torch.load(WEIGHTS, map_location="cpu", weights_only=True))
    return classifier.requires_grad_(False).eval()


class DigitsExtractor(torch_fidelity.FeatureExtractorBase):
    """``digits-cnn`` in the form that torch-fidelity calls: features for FID, logits for the Inception Score."""

    def __init__(self, name: str, features_list: list[str], **_: object) -> None:
        super().__init__(name, features_list)
        self.classifier = trained_classifier()
        self.eval()

    @staticmethod
    def get_provided_features_list() -> tuple[str, ...]:
        """Name the two outputs."""
        return ("features", "logits")

    @staticmethod
    def get_default_feature_layer_for_metric(metric: str) -> str:
        """Use the logits for the Inception Score and the features for everything else."""
        return {"isc": "logits"}.get(metric, "features")

    @staticmethod
    def can_be_compiled() -> bool:
        """It is too small to be worth compiling."""
        return False

    @staticmethod
    def get_dummy_input_for_compile() -> Tensor:
        """Return one black image."""
        return torch.zeros(1, 1, 8, 8, dtype=torch.uint8)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Turn uint8 images [N, 1, S, S] into the requested outputs, in the requested order."""
        features = self.classifier.features(images)
        outputs = {"features": features, "logits": self.classifier.output(features)}
        return tuple(outputs[name] for name in self.features_list)


def square_grey(shape: tuple[int, ...]) -> bool:
    """Say whether images of a shape [C, H, W] are taken: square, of one channel, 8x8 or a multiple."""
    return len(shape) == 3 and shape[0] == 1 and shape[1] == shape[2] and shape[1] % SIDE == 0
