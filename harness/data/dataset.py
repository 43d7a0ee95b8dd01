"""The contract of a data set: a name in a suite that becomes one resident tensor."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from harness.plugin import Plugin


@dataclass(frozen=True)
class Modes:
    """The modes of a synthetic distribution, known exactly.

    Attributes:
        centres: [K, d].
        std: Standard deviation of every mode along every axis.
    """

    centres: Tensor
    std: float


@dataclass(frozen=True)
class Data:
    """A loaded data set.

    Attributes:
        examples: Images as uint8 [N, C, H, W], or points as float32 [N, d].
        modes: The distribution's modes where they are known.
    """

    examples: Tensor
    modes: Modes | None = None

    @property
    def sample_shape(self) -> tuple[int, ...]:
        """Shape of one sample."""
        return tuple(self.examples.shape[1:])

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
        """Return the SHA-256 of the examples, shortened to 16 hexadecimal digits."""
        return hashlib.sha256(self.examples.contiguous().numpy().tobytes()).hexdigest()[:16]


class Dataset(Plugin):
    """Base of all data sets."""

    kind: ClassVar[str] = "dataset"

    def sample_shape(self) -> tuple[int, ...]:
        """Return the shape of one sample, without loading anything."""
        raise NotImplementedError

    def load(self) -> Data:
        """Load the examples.

        Raises:
            InputError: They are absent; the message says how to get them.
        """
        raise NotImplementedError
