"""The step function: one round of discriminator updates and one generator update, pure.

``step(state, batch) -> (state, observations)``. Everything that changes is in the state, and everything random is in the
batch, so that the same function runs plain, replayed or compiled, and a saved state continues exactly.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any

import torch
from torch import Tensor

from ganbench.harness.models.network import Network, leaves, with_leaves
from ganbench.harness.models.operations import Tree
from ganbench.harness.optimizers.lists import foreach
from ganbench.harness.optimizers.optimizer import Optimizer, Slots
from ganbench.harness.steps.protocol import TrainingProtocol

Observations = dict[str, Tensor]
"""What was seen of one step, by name: scalars, and under ``d_gradients`` and ``g_gradients`` a norm per parameter."""

CLIP_EPS = 1e-6
"""Added to a gradient's norm before it divides, as in ``torch.nn.utils.clip_grad_norm_``."""


@dataclass(frozen=True)
class NetworkState:
    """Everything of one network that changes while it trains.

    Attributes:
        params: Raw weights, biases and the other trained parameters.
        norm: The normalizer's state.
        slots: The optimizer's memory, in the order of ``leaves(params)``.
        count: Updates made with this memory, a scalar tensor.
    """

    params: Tree
    norm: Tree
    slots: Slots
    count: Tensor

    @classmethod
    def start(cls, params: Tree, norm: Tree, optimizer: Optimizer) -> NetworkState:
        """Return the state before the first update."""
        first = leaves(params)[0]
        return cls(params, norm, optimizer.init(leaves(params)), first.new_zeros((), dtype=torch.float64))

    def to_plain(self) -> dict[str, Any]:
        """Return the same as tensors in dictionaries."""
        return {item.name: getattr(self, item.name) for item in fields(self)}


@dataclass(frozen=True)
class State:
    """Everything of a trial that changes while it trains.

    Attributes:
        generator: The generator.
        discriminator: The discriminator.
        average: The moving average of the generator's parameters, where the protocol has one.
    """

    generator: NetworkState
    discriminator: NetworkState
    average: Tree | None = None

    def to_plain(self) -> dict[str, Any]:
        """Return the same as tensors in dictionaries."""
        networks = {"generator": self.generator.to_plain(), "discriminator": self.discriminator.to_plain()}
        return {**networks, "average": self.average}

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> State:
        """Rebuild a state from :meth:`to_plain`."""
        return cls(NetworkState(**plain["generator"]), NetworkState(**plain["discriminator"]), plain["average"])

    @property
    def shown(self) -> Tree:
        """The generator's parameters that samples are made with."""
        return self.generator.params if self.average is None else self.average


@dataclass(frozen=True)
class Batch:
    """What one step is given: everything random, and what the schedules say.

    Attributes:
        real: Real samples, [n_dis, B, ...], one batch per discriminator update.
        latents: [n_dis + 1, B, L]; the last is the generator's own.
        noise: What the normalizer's penalty asked for, [n_dis, ...], uniform in [0, 1), or None.
        lr_share: What is left of the learning rates, a scalar, or None for all of them.
        fade: How far a growing network has faded its newest level in, a scalar, or None.
        penalized: For each discriminator update, whether penalties enter; None for all of them. Not a tensor: steps
            with and without penalties are different programs.
    """

    real: Tensor
    latents: Tensor
    noise: Tensor | None = None
    lr_share: Tensor | None = None
    fade: Tensor | None = None
    penalized: tuple[bool, ...] | None = None


StepFunction = Callable[[State, Batch, bool], tuple[State, Observations]]

Objective = Callable[[Tree], tuple[Tensor, Any]]
"""From parameters to a scalar and whatever else is to be kept."""


def gradients_of(objective: Objective, params: Tree) -> tuple[list[Tensor], Any]:
    """Return an objective's gradient, in the order of ``leaves(params)``, and what else it returned."""
    tracked = {
        name: {key: value.detach().requires_grad_() for key, value in layer.items()} for name, layer in params.items()
    }
    value, kept = objective(tracked)
    return list(torch.autograd.grad(value, leaves(tracked))), kept


def make_step(
    generator: Network,
    discriminator: Network,
    protocol: TrainingProtocol,
    differentiate: Callable[[Objective, Tree], tuple[list[Tensor], Any]] = gradients_of,
) -> StepFunction:
    """Return the step function of a cell.

    Args:
        generator: The generator.
        discriminator: The discriminator.
        protocol: The rules.
        differentiate: How gradients are taken, such as with a clock around it.

    Returns:
        ``step(state, batch, observe)``. With ``observe`` it also returns losses, logits, accuracy, gradient norms (before
        clipping, in all and per parameter) and the length of the step over that of the parameters, of the last
        discriminator update and of the generator update; without, an empty dictionary.
        The discriminator's loss is without the normalizer's penalty, which is observed apart.
    """
    loss, n_dis = protocol.loss, protocol.n_dis
    has_penalty = discriminator.uses("penalty", "weight_penalty")
    projects = discriminator.uses("project")

    def update(network: NetworkState, grads: list[Tensor], norm: Tree, lr: float | Tensor) -> NetworkState:
        count = network.count + 1
        if protocol.clip_norm is not None:
            grads = clip_by_global_norm(grads, protocol.clip_norm)
        params, slots = protocol.optimizer.update(leaves(network.params), grads, network.slots, count, lr)
        return NetworkState(with_leaves(network.params, params), norm, slots, count)

    def discriminator_update(
        state: NetworkState, batch: Batch, index: int, fake: Tensor, observe: bool
    ) -> tuple[NetworkState, Observations]:
        real = batch.real[index]
        noise = None if batch.noise is None else batch.noise[index]
        penalized = has_penalty and (batch.penalized is None or batch.penalized[index])

        def total(params: Tree) -> tuple[Tensor, tuple[Tree, Observations]]:
            weights, norm = discriminator.effective(params, state.norm)
            on_real, on_fake = discriminator(weights, real, batch.fade), discriminator(weights, fake, batch.fade)
            value = loss.discriminator(on_real, on_fake)
            seen = _discriminator_observations(value, on_real, on_fake) if observe else {}
            if penalized or (has_penalty and observe):
                penalty = discriminator.penalty(weights, real, fake, noise, batch.fade)
                if penalty is not None:
                    value = value + protocol.penalty_every * penalty if penalized else value
                    seen |= {"d_penalty": penalty.detach()} if observe else {}
            return value, (norm, seen)

        grads, (norm, seen) = differentiate(total, state.params)
        updated = update(state, grads, norm, _scaled(protocol.lr_d, batch.lr_share))
        if projects:
            updated = replace(updated, params=discriminator.project(updated.params))
        return updated, {**seen, **_update_observations("d", state, updated, grads)} if observe else {}

    def generator_update(
        state: NetworkState, opponent: NetworkState, batch: Batch, observe: bool
    ) -> tuple[NetworkState, Observations]:
        with torch.no_grad():
            weights, _ = discriminator.effective(opponent.params, opponent.norm)
            on_real = discriminator(weights, batch.real[-1], batch.fade) if loss.compares else None

        def total(params: Tree) -> tuple[Tensor, tuple[Tree, Tensor]]:
            own, norm = generator.effective(params, state.norm)
            value = loss.generator(
                discriminator(weights, generator(own, batch.latents[n_dis], batch.fade), batch.fade), on_real
            )
            return value, (norm, value.detach())

        grads, (norm, value) = differentiate(total, state.params)
        updated = update(state, grads, norm, _scaled(protocol.lr_g, batch.lr_share))
        return updated, {"g_loss": value, **_update_observations("g", state, updated, grads)} if observe else {}

    def step(state: State, batch: Batch, observe: bool) -> tuple[State, Observations]:
        opponent = state.discriminator
        seen: Observations = {}
        with torch.no_grad():
            weights, _ = generator.effective(state.generator.params, state.generator.norm)
            # One pass for each batch: batch normalization must not mix them.
            fakes = [generator(weights, batch.latents[index], batch.fade) for index in range(n_dis)]
        for index, fake in enumerate(fakes):
            opponent, seen = discriminator_update(opponent, batch, index, fake, observe and index == n_dis - 1)
        answered = state.discriminator if protocol.simultaneous else opponent
        made, also = generator_update(state.generator, answered, batch, observe)
        average = None if state.average is None else _averaged(state.average, made.params, protocol.ema)
        return State(made, opponent, average), {**seen, **also}

    return step


def _update_observations(who: str, before: NetworkState, after: NetworkState, grads: list[Tensor]) -> Observations:
    old, new = leaves(before.params), leaves(after.params)
    norms = torch.stack(foreach("norm", grads))
    return {
        f"{who}_grad_norm": torch.linalg.vector_norm(norms),
        f"{who}_gradients": norms,
        f"{who}_update": total_norm(foreach("sub", new, old)) / total_norm(old),
    }


def clip_by_global_norm(grads: list[Tensor], max_norm: float) -> list[Tensor]:
    """Return a gradient that is no longer than ``max_norm``, in its direction."""
    scale = (max_norm / (total_norm(grads) + CLIP_EPS)).clamp(max=1.0)
    return foreach("mul", grads, scale)


def total_norm(grads: list[Tensor]) -> Tensor:
    """Return the length of a gradient that is given in parts, a scalar."""
    return torch.linalg.vector_norm(torch.stack(foreach("norm", grads)))


def _scaled(lr: float, share: Tensor | None) -> float | Tensor:
    return lr if share is None else lr * share


def _averaged(average: Tree, params: Tree, kept: float) -> Tree:
    return with_leaves(average, foreach("lerp", leaves(average), leaves(params), 1 - kept))


def _discriminator_observations(value: Tensor, on_real: Tensor, on_fake: Tensor) -> Observations:
    real, fake = on_real.detach(), on_fake.detach()
    return {
        "d_loss": value.detach(),
        "d_real": real.mean(),
        "d_fake": fake.mean(),
        "d_accuracy": 0.5 * ((real > 0).float().mean() + (fake < 0).float().mean()),
    }
