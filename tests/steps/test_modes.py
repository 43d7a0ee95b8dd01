"""The same step batched over seeds: equal numbers for every method."""

from __future__ import annotations

import pytest
import torch
from cells import CATALOG, GROWING, IMAGES, NORMALIZERS, RESIDUAL, TOY, a_cell, a_training, double
from torch.utils import _pytree as pytree

from ganbench.harness.steps.batched import batched, stacked, unstacked
from ganbench.harness.steps.gradients import functional_gradients
from ganbench.harness.steps.step import make_step
from ganbench.harness.training.training import Training, protocol_of


def functional(training: Training):
    return make_step(training.generator, training.discriminator, protocol_of(training.trial.cell), functional_gradients)


def differences(a, b) -> list[float]:
    stacked([a])  # registers the dataclasses
    pairs = zip(pytree.tree_leaves(a), pytree.tree_leaves(b), strict=True)
    return [float((x - y).abs().max()) for x, y in pairs if isinstance(x, torch.Tensor) and x.numel()]


def assert_batched_equals_single(cell, seeds: int = 3, steps: int = 3) -> None:
    trainings = [a_training(cell, seed) for seed in range(seeds)]
    single = [double(training.state) for training in trainings]
    together = stacked(single)
    step = batched(functional(trainings[0]))
    for now in range(1, steps + 1):
        drawn = [double(training.draw(now)) for training in trainings]
        single, alone = zip(
            *(t.step(state, batch, True) for t, state, batch in zip(trainings, single, drawn, strict=True)), strict=True
        )
        together, seen = step(together, stacked(drawn), True)
        for index in range(seeds):
            assert max(differences(unstacked(together, index), single[index])) < 1e-10
            assert max(float((seen[key][index] - alone[index][key]).abs().max()) for key in seen) < 1e-8


@pytest.mark.parametrize("name", NORMALIZERS)
def test_every_normalizer_batched_over_seeds_equals_its_single_steps(name):
    assert_batched_equals_single(a_cell(IMAGES, normalizer=name, batch_size=8))


@pytest.mark.parametrize("name", CATALOG.names("loss"))
def test_every_loss_batched_over_seeds_equals_its_single_steps(name):
    assert_batched_equals_single(a_cell(TOY, loss=name, n_dis=2))


@pytest.mark.parametrize("name", CATALOG.names("optimizer"))
def test_every_optimizer_batched_over_seeds_equals_its_single_steps(name):
    assert_batched_equals_single(a_cell(TOY, optimizer=name))


@pytest.mark.parametrize(
    "rules",
    [
        {"clip_norm": 0.1},
        {"ema": 0.9},
        {"penalty_every": 2, "normalizer": "r1"},
        {"lr_decay_from": 0.0},
        {"simultaneous": True},
        {"normalizer": "spectral_norm + gradient_penalty"},
        {"normalizer": "weight_norm_strict", **RESIDUAL, "batch_size": 4},
        {"normalizer": "equalized_learning_rate + gradient_penalty", **GROWING, "batch_size": 8},
    ],
)
def test_every_rule_batched_over_seeds_equals_its_single_steps(rules):
    assert_batched_equals_single(a_cell(**rules))


def test_a_seed_does_not_feel_its_neighbours_not_even_one_that_has_diverged():
    cell = a_cell(IMAGES, normalizer="bssn", batch_size=8)
    trainings = [a_training(cell, seed) for seed in range(3)]
    step = batched(functional(trainings[0]))
    states, batches = [t.state for t in trainings], [t.draw(1) for t in trainings]
    broken = pytree.tree_map(lambda part: torch.full_like(part, float("nan")), states[1])
    healthy, _ = step(stacked(states), stacked(batches), True)
    sick, _ = step(stacked([states[0], broken, states[2]]), stacked(batches), True)
    for index in (0, 2):
        assert max(differences(unstacked(healthy, index), unstacked(sick, index))) == 0
