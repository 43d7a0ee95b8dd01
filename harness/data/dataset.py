"""The contract of a data set: a name in a suite that becomes examples to train on, and perhaps some to test with."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor

from ganbench.harness.plugins.plugin import Plugin

if TYPE_CHECKING:
    from ganbench.harness.data.modes import Modes
    from ganbench.harness.data.store import Store
    from ganbench.harness.data.streamed import Streamed


@dataclass(frozen=True)
class Data:
    """A loaded data set.

    Attributes:
        examples: What is trained on: images as uint8 [N, C, H, W], or points as float32 [N, d]; in memory, or on disk
            where they do not fit. Both are indexed by a tensor of indices, or a slice, and give a tensor.
        modes: The distribution's modes where they are known.
        held_out: Examples that are never trained on: the official test split, or what the data set keeps apart.
        flips: Whether a training mirrors half of the images, as some protocols do.
        content: Hash of the content, where it is known without reading everything.
    """

    examples: Tensor | Streamed
    modes: Modes | None = None
    held_out: Tensor | Streamed | None = None
    flips: bool = False
    content: str = ""

    @property
    def sample_shape(self) -> tuple[int, ...]:
        """Shape of one sample."""
        return tuple(self.examples.shape[1:])

    def to(self, device: torch.device | str) -> Data:
        """Return the data with what is in memory on a device; what is on disk stays there."""

        def moved(part: Any) -> Any:
            return part.to(device) if isinstance(part, Tensor) else part

        return replace(self, examples=moved(self.examples), held_out=moved(self.held_out))

    def split(self, name: str) -> Tensor | Streamed:
        """Return the examples of split ``"train"`` or ``"test"``; the latter are those held out."""
        if name == "train":
            return self.examples
        assert self.held_out is not None, "metrics check that there are any"
        return self.held_out

    def decode(self, examples: Tensor) -> Tensor:
        """Turn stored examples into what networks see: images in [-1, 1], points as they are."""
        if examples.dtype == torch.uint8:
            return examples.float().div_(127.5).sub_(1)
        return examples

    def encode(self, samples: Tensor) -> Tensor:
        """Turn a generator's samples into the form of stored examples: images as uint8, points as they are."""
        if self.examples.dtype == torch.uint8:
            return samples.add(1).mul_(127.5).round_().clamp_(0, 255).to(torch.uint8)
        return samples

    def content_hash(self) -> str:
        """Return the SHA-256 of all examples, shortened to 16 hexadecimal digits."""
        if self.content:
            return self.content
        parts = [self.examples] if self.held_out is None else [self.examples, self.held_out]
        hashed = hashlib.sha256()
        for part in parts:
            hashed.update(part[:].cpu().contiguous().numpy().tobytes())
        return hashed.hexdigest()[:16]


class Dataset(Plugin):
    """Base of all data sets.

    Attributes:
        has_modes: Whether its modes are known, so that they can be counted.
    """

    kind: ClassVar[str] = "dataset"
    has_modes: ClassVar[bool] = False

    def sample_shape(self) -> tuple[int, ...]:
        """Return the shape of one sample, without loading anything."""
        raise NotImplementedError

    def holds_out(self) -> bool:
        """Say whether some examples are never trained on, without loading anything."""
        return False

    def missing(self, store: Store) -> str | None:
        """Say what is absent and which command gets it, or return None when :meth:`load` has what it needs."""
        return None

    def load(self, store: Store) -> Data:
        """Load the examples.

        Raises:
            InputError: They are absent or damaged; the message says how to get them, or names the file and row.
        """
        raise NotImplementedError


def hashed_order(count: int) -> Tensor:
    """Return the indices 0..count-1 in an order that looks random and is the same for ever and everywhere, [count].

    By the SHA-256 of each index. Subsets that must not overlap, such as validation and test images, are cut from it.
    """
    keys = [hashlib.sha256(index.to_bytes(8, "little")).digest() for index in range(count)]
    return torch.tensor(sorted(range(count), key=keys.__getitem__), dtype=torch.long)
