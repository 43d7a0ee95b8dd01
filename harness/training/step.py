"""The step function: one round of discriminator updates and one generator update, pure.

``step(state, batch) -> (state, observations)``. Everything that changes is in the state, and everything random is in the
batch, so that the same function runs plain, compiled, or over several seeds at once, and a saved state continues exactly.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from harness.models.network import Network, leaves, with_leaves
from harness.models.operations import Tree
from harness.objectives import Loss
from harness.training.optimizer import Optimizer, Slots

Observations = dict[str, Tensor]
"""Scalars of one step, by name."""


@dataclass(frozen=True)
class NetworkState:
    """Everything of one network that changes while it trains.

    Attributes:
        params: Raw weights, biases and the normalizer's trained parameters.
        norm: The normalizer's state.
        slots: The optimizer's memory, in the order of ``leaves(params)``.
        count: Updates made so far, a scalar tensor.
    """

    params: Tree
    norm: Tree
    slots: Slots
    count: Tensor

    @classmethod
    def start(cls, params: Tree, norm: Tree, optimizer: Optimizer) -> NetworkState:
        """Return the state before the first update."""
        return cls(params, norm, optimizer.init(leaves(params)), torch.zeros((), dtype=torch.float64))


@dataclass(frozen=True)
class State:
    """Everything of a trial that changes while it trains."""

    generator: NetworkState
    discriminator: NetworkState


@dataclass(frozen=True)
class Batch:
    """Everything random of one step.

    Attributes:
        real: Real samples, [n_dis, B, ...], one batch per discriminator update.
        latents: [n_dis + 1, B, L]; the last is the generator's own.
        noise: What the normalizer's penalty asked for, [n_dis, ...], uniform in [0, 1), or None.
    """

    real: Tensor
    latents: Tensor
    noise: Tensor | None = None


StepFunction = Callable[[State, Batch, bool], tuple[State, Observations]]


def make_step(
    generator: Network, discriminator: Network, loss: Loss, optimizer: Optimizer, lr_g: float, lr_d: float, n_dis: int
) -> StepFunction:
    """Return the step function of a cell.

    Args:
        generator: The generator.
        discriminator: The discriminator.
        loss: Both networks' losses.
        optimizer: Used for both networks, with a memory each.
        lr_g: The generator's learning rate.
        lr_d: The discriminator's learning rate.
        n_dis: Discriminator updates per generator update.

    Returns:
        ``step(state, batch, observe)``. With ``observe`` it also returns losses, logits, accuracy and gradient norms of
        the last discriminator update and of the generator update; without, an empty dictionary. The discriminator's
        loss is without the normalizer's penalty, which is observed apart.
    """
    penalizes = discriminator.uses("penalty", "weight_penalty")
    projects = discriminator.uses("project")

    def update(network: NetworkState, grads: list[Tensor], norm: Tree, lr: float) -> NetworkState:
        count = network.count + 1
        params, slots = optimizer.update(leaves(network.params), grads, network.slots, count, lr)
        return NetworkState(with_leaves(network.params, params), norm, slots, count)

    def discriminator_update(
        state: NetworkState, real: Tensor, fake: Tensor, noise: Tensor | None, observe: bool
    ) -> tuple[NetworkState, Observations]:
        params = _tracked(state.params)
        weights, norm = discriminator.effective(params, state.norm)
        on_real, on_fake = discriminator(weights, real), discriminator(weights, fake)
        value = loss.discriminator(on_real, on_fake)
        penalty = discriminator.penalty(weights, real, fake, noise) if penalizes else None
        total = value if penalty is None else value + penalty
        grads = list(torch.autograd.grad(total, leaves(params)))
        seen = _discriminator_observations(value, on_real, on_fake, grads) if observe else {}
        if observe and penalty is not None:
            seen["d_penalty"] = penalty.detach()
        updated = update(state, grads, norm, lr_d)
        return (replace(updated, params=discriminator.project(updated.params)) if projects else updated), seen

    def generator_update(
        state: NetworkState, opponent: NetworkState, latents: Tensor, real: Tensor, observe: bool
    ) -> tuple[NetworkState, Observations]:
        params = _tracked(state.params)
        weights, norm = generator.effective(params, state.norm)
        with torch.no_grad():
            opponent_weights, _ = discriminator.effective(opponent.params, opponent.norm)
            on_real = discriminator(opponent_weights, real) if loss.compares else None
        value = loss.generator(discriminator(opponent_weights, generator(weights, latents)), on_real)
        grads = list(torch.autograd.grad(value, leaves(params)))
        seen = {"g_loss": value.detach(), "g_grad_norm": _total_norm(grads)} if observe else {}
        return update(state, grads, norm, lr_g), seen

    def step(state: State, batch: Batch, observe: bool) -> tuple[State, Observations]:
        opponent = state.discriminator
        seen: Observations = {}
        with torch.no_grad():
            weights, _ = generator.effective(state.generator.params, state.generator.norm)
            # One pass for each batch: batch normalization must not mix them.
            fakes = [generator(weights, batch.latents[index]) for index in range(n_dis)]
        for index, fake in enumerate(fakes):
            last = observe and index == n_dis - 1
            noise = None if batch.noise is None else batch.noise[index]
            opponent, seen = discriminator_update(opponent, batch.real[index], fake, noise, last)
        made, also = generator_update(state.generator, opponent, batch.latents[n_dis], batch.real[-1], observe)
        return State(made, opponent), {**seen, **also}

    return step


def _tracked(params: Tree) -> Tree:
    return {
        name: {key: value.detach().requires_grad_() for key, value in layer.items()} for name, layer in params.items()
    }


def _total_norm(grads: list[Tensor]) -> Tensor:
    return torch.linalg.vector_norm(torch.stack(torch._foreach_norm(grads)))


def _discriminator_observations(value: Tensor, on_real: Tensor, on_fake: Tensor, grads: list[Tensor]) -> Observations:
    real, fake = on_real.detach(), on_fake.detach()
    return {
        "d_loss": value.detach(),
        "d_real": real.mean(),
        "d_fake": fake.mean(),
        "d_accuracy": 0.5 * ((real > 0).float().mean() + (fake < 0).float().mean()),
        "d_grad_norm": _total_norm(grads),
    }
