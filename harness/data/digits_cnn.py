"""``digits-cnn``: a small classifier of scikit-learn's digits, shipped, so that what needs it needs no download."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganbench.harness.data.checksum import Checksum

SIDE = 8
"""Of the images that ``digits-cnn`` was trained on."""

WEIGHTS = Path(__file__).parent / "weights" / "digits-cnn.pt"
CHECKSUM = Checksum("sha256", "194aba1abc57cea7")


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


def load_digits_cnn() -> DigitsCNN:
    """Return the shipped classifier, in evaluation mode; it computes in float32.

    Raises:
        InputError: Its weights are absent or damaged.
    """
    CHECKSUM.check(WEIGHTS)
    network = DigitsCNN()
    network.load_state_dict(torch.load(WEIGHTS, map_location="cpu", weights_only=True))
    return network.requires_grad_(False).eval()
