"""``cifar10-small``: a small classifier of CIFAR-10's ten classes, shipped, so that its metrics need no download."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganbench.harness.data.checksum import Checksum
from ganbench.harness.metrics.extractors.classifier import ClassifierExtractor

CIFAR10_SMALL = "cifar10-small"
SIDE = 32
"""Of the images that it was trained on."""

WEIGHTS = Path(__file__).parent.parent / "weights" / f"{CIFAR10_SMALL}.pt"
CHECKSUM = Checksum("sha256", "b14fa9c5d2d839d3")

WIDTH = 24
FEATURES = 8 * WIDTH


class CIFAR10Small(nn.Module):
    """Seven convolutions of kernel 3 in four levels, two of them with a residual pair; 192 features, 10 classes.

    Trained by ``tools/train_cifar10_small.py`` on the 50,000 training images; its accuracy on the 10,000 test images is in
    ``docs/metrics.md``. The batch normalization that it was trained with is folded into the weights.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, WIDTH, 3, padding=1)
        self.down1 = nn.Conv2d(WIDTH, 2 * WIDTH, 3, padding=1)
        self.first1, self.second1 = (nn.Conv2d(2 * WIDTH, 2 * WIDTH, 3, padding=1) for _ in range(2))
        self.down2 = nn.Conv2d(2 * WIDTH, 4 * WIDTH, 3, padding=1)
        self.first2, self.second2 = (nn.Conv2d(4 * WIDTH, 4 * WIDTH, 3, padding=1) for _ in range(2))
        self.down3 = nn.Conv2d(4 * WIDTH, FEATURES, 3, padding=1)
        self.output = nn.Linear(FEATURES, 10)

    def features(self, images: Tensor) -> Tensor:
        """Turn uint8 images [N, 3, S, S], S a multiple of 32, into features [N, 192]; larger ones are averaged to 32x32."""
        x = images.float() / 127.5 - 1
        if x.shape[2] != SIDE:
            x = F.avg_pool2d(x, x.shape[2] // SIDE)
        x = self.activated("stem", x)
        x = F.max_pool2d(self.activated("down1", x), 2)
        x = x + self.activated("second1", self.activated("first1", x))
        x = F.max_pool2d(self.activated("down2", x), 2)
        x = x + self.activated("second2", self.activated("first2", x))
        return self.activated("down3", x).mean(dim=(2, 3))

    def activated(self, layer: str, x: Tensor) -> Tensor:
        """Apply a convolution and a ReLU; training puts a batch normalization in between."""
        return torch.relu(self.get_submodule(layer)(x))

    def forward(self, images: Tensor) -> Tensor:
        """Turn uint8 images [N, 3, S, S] into class logits [N, 10]."""
        return self.output(self.features(images))


class CIFAR10SmallExtractor(ClassifierExtractor):
    """``cifar10-small`` as a feature extractor: 192 features, 10 logits."""

    network = CIFAR10Small
    weights = WEIGHTS
    checksum = CHECKSUM
    image = (3, SIDE, SIDE)
