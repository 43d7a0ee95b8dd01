"""The handwritten digits that ship with scikit-learn."""

from __future__ import annotations

import gzip
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from ganbench.harness.data.dataset import Data, Dataset, hashed_order

if TYPE_CHECKING:
    from ganbench.harness.data.store import Store

SIDE = 8
"""Of the images as they were published."""

FILE = "datasets/data/digits.csv.gz"
"""In scikit-learn's package."""


class DigitImages(Dataset):
    """Base of what is made of these digits. A larger ``side`` repeats each pixel, for networks not made for 8x8."""

    side: int = Field(SIDE, ge=SIDE, le=512, multiple_of=SIDE, description="side of the images, a multiple of 8")

    def digits(self) -> Tensor:
        """Read the images from scikit-learn and stretch their 0..16 to 0..255: uint8 [1797, 1, side, side]."""
        images = torch.from_numpy(_published()).mul(255 / 16).unsqueeze(1)
        if self.side != SIDE:
            images = F.interpolate(images, size=(self.side, self.side), mode="nearest")
        return images.round().to(torch.uint8)


class Digits(DigitImages):
    """1,797 real handwritten digits of 8x8 pixels, in 17 grey levels: the smallest real images at hand.

    The test set of the UCI repository's "Optical Recognition of Handwritten Digits" (Alpaydin & Kaynak 1998), which
    scikit-learn ships, so that nothing has to be downloaded. It has no split of its own; ``held_out`` keeps some apart.
    ``digits-cnn`` sees images of any side as the 8x8 that they are.
    """

    name: ClassVar[str] = "digits"
    summary: ClassVar[str] = "1,797 handwritten digits of 8x8 pixels, shipped with scikit-learn."
    paper: ClassVar[str] = "Alpaydin & Kaynak 1998, UCI Machine Learning Repository"

    held_out: int = Field(0, ge=0, le=1000, description="digits that are never trained on, chosen by hashed index")

    def sample_shape(self) -> tuple[int, ...]:
        """Return the shape of an image."""
        return (1, self.side, self.side)

    def holds_out(self) -> bool:
        """Say whether some digits are never trained on."""
        return self.held_out > 0

    def load(self, store: Store) -> Data:
        """Read the images."""
        digits = self.digits()
        if not self.held_out:
            return Data(digits)
        order = hashed_order(len(digits))
        kept, held_out = order[self.held_out :].sort().values, order[: self.held_out].sort().values
        return Data(digits[kept], held_out=digits[held_out])


def _published() -> np.ndarray:
    """Return the images as they were published: float64 [1797, 8, 8], from 0 to 16.

    They are read from the file that scikit-learn's own function reads: importing scikit-learn for that takes every process
    more than a second.
    """
    package = find_spec("sklearn")
    file = Path(package.submodule_search_locations[0], FILE) if package and package.submodule_search_locations else None
    if file is None or not file.is_file():
        from sklearn.datasets import load_digits

        return load_digits().images
    with gzip.open(file) as stream:
        return np.loadtxt(stream, delimiter=",")[:, :-1].reshape(-1, SIDE, SIDE)  # the last number is the class
