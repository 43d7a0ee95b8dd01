"""Three handwritten digits as the channels of one image: a thousand modes that can be counted."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import torch
from pydantic import Field

from ganbench.harness.data.dataset import Data
from ganbench.harness.data.digits import SIDE, DigitImages
from ganbench.harness.data.modes import Stacked

if TYPE_CHECKING:
    from ganbench.harness.data.store import Store

SEED = 20161108
"""Of the triples. They are the data set, the same in every trial of every suite."""


class StackedDigits(DigitImages):
    """Random triples of scikit-learn's digits, one digit in each colour channel.

    Metz et al. (2017, section 3.3.2) stack MNIST; this is their construction on digits that need no download, so its
    numbers are not comparable with those on stacked MNIST. The size is that of PacGAN's training set (Lin et al. 2018).
    ``digits-cnn`` reads the channels one by one, and each triple of digits is a mode.
    """

    name: ClassVar[str] = "stacked_digits"
    has_modes: ClassVar[bool] = True
    summary: ClassVar[str] = "Three digits as colour channels: 1,000 modes, counted by a classifier."
    paper: ClassVar[str] = "Metz et al. 2017, arXiv:1611.02163; Lin et al. 2018, arXiv:1712.04086"

    side: int = Field(SIDE, ge=SIDE, le=128, multiple_of=SIDE, description="side of the images, a multiple of 8")
    size: int = Field(128_000, ge=1000, le=10_000_000, description="number of triples")

    def sample_shape(self) -> tuple[int, ...]:
        """Return the shape of an image."""
        return (3, self.side, self.side)

    def load(self, store: Store) -> Data:
        """Stack the digits, the same at every call."""
        from ganbench.harness.data.digits_cnn import load_digits_cnn

        digits = self.digits().squeeze(1)
        chosen = torch.randint(len(digits), (self.size, 3), generator=torch.Generator().manual_seed(SEED))
        return Data(digits[chosen], Stacked(load_digits_cnn()))
