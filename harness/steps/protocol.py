"""How both networks are trained: the part of a cell's hyperparameters that the step function needs."""

from __future__ import annotations

from dataclasses import dataclass

from ganbench.harness.losses.losses import Loss
from ganbench.harness.optimizers.optimizer import Optimizer


@dataclass(frozen=True)
class TrainingProtocol:
    """The rules of one step.

    Attributes:
        loss: Both networks' losses.
        optimizer: Used for both networks, with a memory each.
        lr_g: The generator's learning rate.
        lr_d: The discriminator's learning rate.
        n_dis: Discriminator updates per generator update.
        simultaneous: Whether the generator answers the discriminator as it was before the step, not after it.
        clip_norm: The length that each network's gradient is cut to before an update (Pascanu et al. 2013, algorithm 1),
            or None for its own.
        penalty_every: The normalizer's penalties enter every so many discriminator updates, times as much (Karras et al.
            2020, section 3.1); 1 for each.
        ema: The share of the generator's moving average that survives an update; 0 for no average.
    """

    loss: Loss
    optimizer: Optimizer
    lr_g: float
    lr_d: float
    n_dis: int = 1
    simultaneous: bool = False
    clip_norm: float | None = None
    penalty_every: int = 1
    ema: float = 0.0


def learning_rate_share(now: int, steps: int, decay_from: float) -> float:
    """Return what is left of the learning rates at a step: 1, then linearly to zero behind the last step.

    Args:
        now: The step, from 1.
        steps: The budget.
        decay_from: Share of the budget at which the decay begins; 1 for never.
    """
    begin = decay_from * steps
    return 1.0 if now - 1 <= begin else (steps - (now - 1)) / (steps - begin)
