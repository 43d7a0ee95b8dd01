"""MNIST, and Fashion-MNIST, which has the same form."""

from __future__ import annotations

import gzip
import math
import zlib
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from ganbench.harness.data.checksum import Checksum
from ganbench.harness.data.image_files import TRAIN, FileDataset, Remote
from ganbench.harness.data.rows import Row
from ganbench.harness.errors import InputError

if TYPE_CHECKING:
    from ganbench.harness.data.store import Store

SIDE = 28
"""Of the images as they were published."""
PREFIXES = {True: "train", False: "t10k"}
UINT8 = 8
"""An IDX file's code for its type of number."""


class MNIST(FileDataset):
    """70,000 handwritten digits, grey, 28x28 pixels: 60,000 to train on, 10,000 held out.

    Padded with black to 32x32, which networks that halve the size several times want; ``side: 28`` leaves them.
    """

    name: ClassVar[str] = "mnist"
    summary: ClassVar[str] = "70,000 handwritten digits, grey, padded to 32x32; the official test split is held out."
    paper: ClassVar[str] = "LeCun, Bottou, Bengio & Haffner 1998, Proc. IEEE 86"
    channels: ClassVar[int] = 1

    side: Literal[28, 32] = Field(32, description="side of the images in pixels: 28, or 32 with a black border")

    def published(self) -> Any:
        """Return torchvision's class, which knows the addresses and checksums."""
        from torchvision.datasets import MNIST

        return MNIST

    def remotes(self) -> Sequence[Remote]:
        """Return the official files, from the first of torchvision's mirrors."""
        known = self.published()
        return [Remote(known.mirrors[0] + name, name, Checksum("md5", md5)) for name, md5 in known.resources]

    def files(self, store: Store, split: str) -> Sequence[Path]:
        """Return the compressed files of a split: images, then labels."""
        return list(self.checksums(store, split))

    def checksums(self, store: Store, split: str) -> Mapping[Path, Checksum]:
        """Return their checksums."""
        prefix = PREFIXES[split == TRAIN]
        remotes = [remote for remote in self.remotes() if remote.name.startswith(prefix)]
        return {self.folder(store) / remote.name: remote.checksum for remote in remotes}

    def rows(self, store: Store, split: str) -> Iterator[Row]:
        """Read the images of a split."""
        image_file, label_file = self.files(store, split)
        images, labels = _read_idx(image_file, (SIDE, SIDE)), _read_idx(label_file, ())
        if len(images) != len(labels):
            raise InputError(
                f"{label_file}: has {len(labels)} labels, expected {len(images)}, one for each image of"
                f" {image_file.name}: row {min(len(labels), len(images))} is the first without"
            )
        border = (self.side - SIDE) // 2
        padded = np.pad(images, [(0, 0), (border, border), (border, border)])
        for index, image in enumerate(padded[:, None]):
            yield Row(f"{image_file}, row {index}", partial(np.asarray, image))


class FashionMNIST(MNIST):
    """70,000 pictures of clothes in the form of MNIST: grey, 28x28 pixels, padded to 32x32; 10,000 are held out."""

    name: ClassVar[str] = "fashion_mnist"
    summary: ClassVar[str] = "70,000 pictures of clothes, grey, padded to 32x32; the official test split is held out."
    paper: ClassVar[str] = "Xiao, Rasul & Vollgraf 2017, arXiv:1708.07747"

    def published(self) -> Any:
        """Return torchvision's class."""
        from torchvision.datasets import FashionMNIST

        return FashionMNIST


def _read_idx(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    """Read a compressed IDX file of uint8: two zero bytes, type, number of axes, the axes' lengths, the numbers.

    Args:
        path: The file.
        shape: What every row must have.
    """
    try:
        content = gzip.decompress(path.read_bytes())
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path}: cannot be unpacked ({error})") from error
    axes = 1 + len(shape)
    start = 4 + 4 * axes
    lengths = tuple(int(length) for length in np.frombuffer(content[4:start], ">u4"))
    if content[:4] != bytes([0, 0, UINT8, axes]) or len(lengths) != axes or lengths[1:] != shape:
        raise InputError(f"{path}: is no IDX file of bytes with rows of shape {list(shape)}")
    if len(content) - start != math.prod(lengths):
        whole = (len(content) - start) // math.prod(shape)
        raise InputError(f"{path}: holds {whole} whole rows, expected {lengths[0]}: row {whole} is cut")
    return np.frombuffer(content, np.uint8, offset=start).reshape(lengths)
