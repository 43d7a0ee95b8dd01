"""The handwritten digits that ship with scikit-learn."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import torch
from pydantic import Field
from torch.nn import functional as F

from harness.data.dataset import Data, Dataset

if TYPE_CHECKING:
    from harness.data.store import Store

SIDE = 8
"""Of the images as they were published."""


class Digits(Dataset):
    """1,797 real handwritten digits of 8x8 pixels, in 17 grey levels: the smallest real images at hand.

    The test set of the UCI repository's "Optical Recognition of Handwritten Digits" (Alpaydin & Kaynak 1998), which
    scikit-learn ships, so that nothing has to be downloaded. A larger ``side`` repeats each pixel, for networks that
    are not made for 8x8; ``digits-cnn`` sees the same images.
    """

    name: ClassVar[str] = "digits"
    summary: ClassVar[str] = "1,797 handwritten digits of 8x8 pixels, shipped with scikit-learn."
    paper: ClassVar[str] = "Alpaydin & Kaynak 1998, UCI Machine Learning Repository"

    side: int = Field(SIDE, ge=SIDE, le=512, multiple_of=SIDE, description="side of the images, a multiple of 8")

    def sample_shape(self) -> tuple[int, ...]:
        """Return the shape of an image."""
        return (1, self.side, self.side)

    def load(self, store: Store) -> Data:
        """Read the images from scikit-learn and stretch their 0..16 to 0..255."""
        from sklearn.datasets import load_digits

        images = torch.from_numpy(load_digits().images).mul(255 / 16).unsqueeze(1)
        if self.side != SIDE:
            images = F.interpolate(images, size=(self.side, self.side), mode="nearest")
        return Data(images.round().to(torch.uint8))
