"""Random examples of a data set's form: for timing and checking steps where the data need not be here."""

from __future__ import annotations

import torch

from ganbench.harness.data.dataset import Data, Dataset


def random_data(dataset: Dataset, count: int) -> Data:
    """Return examples of a data set's form, the same every time: points from N(0, I), or images of uniform uint8.

    Args:
        dataset: It is not loaded.
        count: How many.
    """
    shape = (count, *dataset.sample_shape())
    seeded = torch.Generator().manual_seed(0)
    if len(shape) == 2:
        return Data(torch.randn(shape, generator=seeded), content="random")
    return Data(torch.randint(0, 256, shape, dtype=torch.uint8, generator=seeded), content="random")
