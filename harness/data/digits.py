"""The handwritten digits that ship with scikit-learn."""

from __future__ import annotations

from typing import ClassVar

import torch

from harness.data.dataset import Data, Dataset


class Digits(Dataset):
    """1,797 real handwritten digits of 8x8 pixels, in 17 grey levels: the smallest real images at hand.

    The test set of the UCI repository's "Optical Recognition of Handwritten Digits" (Alpaydin & Kaynak 1998), which
    scikit-learn ships, so that nothing has to be downloaded.
    """

    name: ClassVar[str] = "digits"
    summary: ClassVar[str] = "1,797 handwritten digits of 8x8 pixels, shipped with scikit-learn."
    paper: ClassVar[str] = "Alpaydin & Kaynak 1998, UCI Machine Learning Repository"

    def sample_shape(self) -> tuple[int, ...]:
        """Return the shape of an image."""
        return (1, 8, 8)

    def load(self) -> Data:
        """Read the images from scikit-learn and stretch their 0..16 to 0..255."""
        from sklearn.datasets import load_digits

        images = torch.from_numpy(load_digits().images)
        return Data(images.mul(255 / 16).round().to(torch.uint8).unsqueeze(1))
