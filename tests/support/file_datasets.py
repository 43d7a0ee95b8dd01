"""What tests of data sets in files share."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from PIL import Image
from published import encoded, pictures, write

from ganbench.harness.errors import InputError

TILES = {f"{'ab'[index % 2]}/{index:02}.png": encoded(picture) for index, picture in enumerate(pictures(12, 16, 16, 3))}


def tiles(names):
    return np.stack([np.asarray(Image.open(BytesIO(TILES[name]))).transpose(2, 0, 1) for name in names])


def placed(store, dataset, files):
    write(store.files(dataset.name), files)
    return dataset


def same(tensor, array):
    return np.array_equal(tensor[:].numpy(), array)


def told(dataset, store):
    """The one message of a load that fails; nothing half-prepared may remain."""
    with pytest.raises(InputError) as error:
        dataset.load(store)
    if store.prepared.is_dir():
        assert all(path.name.endswith(".lock") for path in store.prepared.glob(".*"))
    assert len(error.value.problems) == 1
    return str(error.value)
