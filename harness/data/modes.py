"""Modes that can be counted: which mode a sample belongs to, and whether it is a good one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor


class Modes(Protocol):
    """What is known of a distribution's modes."""

    @property
    def count(self) -> int:
        """How many there are."""
        ...

    def assign(self, samples: Tensor) -> tuple[Tensor, Tensor]:
        """Say of each sample, [N, ...] as stored, which mode it is nearest to, [N], and whether it is good, bool [N]."""
        ...


@dataclass(frozen=True)
class Gaussians:
    """Gaussians of one standard deviation.

    A sample is good within three standard deviations of its nearest centre (Srivastava et al. 2017, section 4.1).

    Attributes:
        centres: [K, d].
        std: Standard deviation of every mode along every axis.
    """

    centres: Tensor
    std: float
    radius: float = 3.0

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self.centres)

    def assign(self, samples: Tensor) -> tuple[Tensor, Tensor]:
        """Assign points [N, d]; one that is not finite is not good."""
        distance, nearest = torch.cdist(samples.double(), self.centres.to(samples.device).double()).min(dim=1)
        return nearest, distance <= self.radius * self.std


@dataclass(frozen=True)
class Stacked:
    """Triples of digits, one in each channel: 1,000 modes (Metz et al. 2017, section 3.3.2).

    A sample is good when the classifier gives the digit of each channel at least ``confidence``. The literature counts
    without that condition; a noisy image then scores in some mode as surely as a digit does.

    Attributes:
        classify: From images uint8 [N, 1, S, S] to logits [N, 10].
        confidence: Least probability of the digit in each channel.
    """

    classify: Callable[[Tensor], Tensor]
    confidence: float = 0.5

    @property
    def count(self) -> int:
        """How many there are."""
        return 1000

    @torch.no_grad()
    def assign(self, samples: Tensor) -> tuple[Tensor, Tensor]:
        """Assign images [N, 3, S, S]."""
        probabilities = self.classify(samples.flatten(0, 1).unsqueeze(1)).softmax(dim=1)
        sure, digit = (item.view(-1, 3) for item in probabilities.max(dim=1))
        places = torch.tensor([100, 10, 1], device=samples.device)
        return (digit * places).sum(dim=1), (sure >= self.confidence).all(dim=1)
