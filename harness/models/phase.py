"""The phases of a training whose networks grow."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Phase:
    """A stretch of training in which both networks keep their layers.

    Attributes:
        first: Its first step, from 1.
        last: Its last step.
        level: How far the networks have grown, from 0; what it means is the architecture's own.
        fading: Whether the newest level is being faded in.
    """

    first: int
    last: int
    level: int = 0
    fading: bool = False

    def fade(self, now: int) -> Tensor | None:
        """Return how far the newest level is faded in at a step, in [0, 1); None where nothing fades."""
        if not self.fading:
            return None
        return torch.tensor((now - self.first) / (self.last - self.first + 1))


def phase_at(phases: tuple[Phase, ...], now: int) -> Phase:
    """Return the phase that a step belongs to; the first one for step 0."""
    return next(phase for phase in phases if max(now, 1) <= phase.last)
