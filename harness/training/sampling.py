"""Samples of a generator at rest: what metrics are given."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ganbench.harness.metrics.metric import Generated
from ganbench.harness.training.training import Training

MOST_VALUES = 2**22
"""Numbers that samples made at once hold, about: it bounds memory, where layers are some hundred times as large."""

MOST_AT_ONCE = 1024
LEAST_AT_ONCE = 64


def at_once(sample_shape: tuple[int, ...]) -> int:
    """Return how many samples of a shape are made in one pass; the first pass decides batch statistics for all."""
    return min(MOST_AT_ONCE, max(LEAST_AT_ONCE, MOST_VALUES // math.prod(sample_shape)))


@torch.no_grad()
def generate(training: Training, latents: Tensor) -> Generated | None:
    """Make samples in passes of bounded size, all under the batch statistics of the first one.

    Args:
        training: Where the generator stands.
        latents: [N, L], at least one.

    Returns:
        The samples, and the generator settled by its first pass; None when a sample is not finite.
    """
    network, state, data = training.generator, training.state, training.material.data
    fade = training.phase.fade(training.now)
    weights, _ = network.effective(state.shown, state.generator.norm)
    size = at_once(data.sample_shape)
    settled, made = network.settle(weights, latents[:size], fade)
    finite = torch.isfinite(made).all()
    # Only the encoded form is kept of each pass: a quarter of the memory for images.
    parts = [data.encode(made)]
    training.progress()
    for start in range(size, len(latents), size):
        made = network(settled, latents[start : start + size], fade)
        finite = finite & torch.isfinite(made).all()
        parts.append(data.encode(made))
        training.progress()
    if not bool(finite):
        return None
    over = training.now == training.trial.cell.steps

    def more(z: Tensor) -> Tensor:
        training.progress()
        return network(settled, z, fade)

    return Generated(torch.cat(parts), more, latents.shape[1], final=over, progress=training.progress)
