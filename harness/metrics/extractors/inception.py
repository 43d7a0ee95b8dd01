"""``inception-v3-compat``: the Inception v3 of the literature's FID, as torch-fidelity ported it from TensorFlow.

Its weights are not shipped. They are taken from where the environment variable GANBENCH_INCEPTION points, if it is set,
else from the store's ``extractors`` folder, else from torch.hub's cache, else downloaded into the store, before the first
trial. The official file's name ends with the first digits of its SHA-256; a file of other content is refused.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ganbench.harness.data.checksum import Checksum
from ganbench.harness.data.download import download
from ganbench.harness.errors import InputError

if TYPE_CHECKING:
    from torch import nn

    from ganbench.harness.data.store import Store

INCEPTION = "inception-v3-compat"
OUTPUTS = ("2048", "logits_unbiased")
"""torch-fidelity's names of the pooled features [N, 2048] and of the logits without biases [N, 1008]."""

VARIABLE = "GANBENCH_INCEPTION"


@dataclass(frozen=True)
class InceptionWeights:
    """The file of the weights.

    Attributes:
        url: Where it is published; its name ends with the first digits of its SHA-256, after a hyphen.
    """

    url: str

    @property
    def file(self) -> str:
        """The file's name."""
        return self.url.rsplit("/", 1)[-1]

    @property
    def digits(self) -> str:
        """The first digits of its SHA-256."""
        return self.file.removesuffix(".pth").rsplit("-", 1)[-1]

    @property
    def checksum(self) -> Checksum:
        """Of its content."""
        return Checksum("sha256", self.digits)

    def identity(self, store: Store) -> str:
        """Return what every verified file has in common, without looking for one."""
        return self.digits

    def make(self, store: Store) -> nn.Module:
        """Return the network, with its two outputs.

        Raises:
            InputError: The weights are absent and cannot be downloaded, or are not the official ones.
        """
        from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

        path = self.find(store)
        return FeatureExtractorInceptionV3(INCEPTION, list(OUTPUTS), feature_extractor_weights_path=str(path))

    def find(self, store: Store, *, fetch: bool = True) -> Path:
        """Return the path of a verified file.

        Args:
            store: Where to look, and where it is put.
            fetch: Whether it is downloaded if need be.

        Raises:
            InputError: There is none; one sentence says how to get it.
        """
        for place in self.places(store):
            if place.is_file():
                self.verify(place)
                return place
        if VARIABLE in os.environ:
            raise InputError(f"{VARIABLE} names {os.environ[VARIABLE]}, where there is no file")
        target = store.extractors / self.file
        if fetch:
            return self.download(target)
        raise InputError(
            f"the weights of {INCEPTION} are not here; a sweep downloads them first, or put {self.url} at {target}"
        )

    def places(self, store: Store) -> Iterator[Path]:
        """Return where to look: where the variable points, and only there, or in the usual folders."""
        import torch

        if VARIABLE in os.environ:
            yield Path(os.environ[VARIABLE]).expanduser()
            return
        yield store.extractors / self.file
        yield Path(torch.hub.get_dir()) / "checkpoints" / self.file

    def verify(self, path: Path) -> None:
        """Refuse a file of other content: its numbers would be others."""
        if not self.checksum.matches(path):
            raise InputError(
                f"{path} is not Inception's official file: its SHA-256 does not begin with {self.digits};"
                f" delete it and download {self.url} again"
            )

    def download(self, target: Path) -> Path:
        """Download the file, once for all processes; without a network nobody must wait, so it is tried once."""
        try:
            return download(self.url, target, self.checksum, attempts=1)
        except InputError as error:
            raise InputError(
                f"the weights of {INCEPTION} are not on this machine and could not be downloaded ({error}): get {self.url}"
                f" and put it at {target}, or name its place in {VARIABLE}"
            ) from error


def of_three_channels(shape: tuple[int, ...]) -> bool:
    """Say whether samples of a shape are images of three channels, of any size."""
    return len(shape) == 3 and shape[0] == 3


def official() -> InceptionWeights:
    """Return the file that torch-fidelity publishes."""
    from torch_fidelity.feature_extractor_inceptionv3 import URL_INCEPTION_V3

    return InceptionWeights(URL_INCEPTION_V3)
