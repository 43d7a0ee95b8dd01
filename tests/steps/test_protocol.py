"""The training protocol: clipping, decay, averaging and lazy penalties, each against torch's own or a few lines by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from cells import CATALOG, TOY, a_cell, a_training
from torch import nn

from ganbench.harness.cells.cell import Cell
from ganbench.harness.models.network import leaves
from ganbench.harness.steps.protocol import learning_rate_share
from ganbench.harness.steps.step import clip_by_global_norm
from ganbench.harness.training.recorder import Recorder

TOY_SGD = {**TOY, "optimizer": "sgd", "metric": {"name": "mode_coverage", "samples": 100}, "lr_g": 0.1, "lr_d": 0.1}


def cell_with(**rules) -> Cell:
    return a_cell(TOY_SGD, **rules)


def moves(cell: Cell, steps: int) -> list[tuple[list[torch.Tensor], list[torch.Tensor]]]:
    """Both networks' change in each step."""
    training = a_training(cell)
    found = []
    for _ in range(steps):
        before = training.state
        training.advance(observe=False)
        found.append(
            tuple(
                [a - b for a, b in zip(leaves(after.params), leaves(former.params), strict=True)]
                for after, former in (
                    (training.state.generator, before.generator),
                    (training.state.discriminator, before.discriminator),
                )
            )
        )
    return found


@pytest.mark.parametrize("length", [0.01, 1.0, 1e6])
def test_clipping_equals_torchs(length):
    draws = torch.Generator().manual_seed(0)
    grads = [torch.randn(shape, generator=draws) for shape in ((3, 4), (5,), ())]
    params = [nn.Parameter(torch.zeros_like(grad)) for grad in grads]
    for param, grad in zip(params, grads, strict=True):
        param.grad = grad.clone()
    nn.utils.clip_grad_norm_(params, length)
    for ours, param in zip(clip_by_global_norm(grads, length), params, strict=True):
        torch.testing.assert_close(ours, param.grad)


def test_both_networks_are_clipped_each_by_its_own_length_and_what_is_logged_is_the_length_before():
    """SGD's step is the learning rate times the clipped gradient."""
    training = a_training(cell_with(clip_norm=1e-3))
    free = a_training(cell_with())
    before = training.state
    seen, unclipped = training.advance(observe=True), free.advance(observe=True)
    assert torch.equal(seen["d_grad_norm"], unclipped["d_grad_norm"])
    for after, former in (
        (training.state.generator, before.generator),
        (training.state.discriminator, before.discriminator),
    ):
        step = [a - b for a, b in zip(leaves(after.params), leaves(former.params), strict=True)]
        length = torch.linalg.vector_norm(torch.cat([value.flatten() for value in step]))
        assert float(length) == pytest.approx(0.1 * 1e-3, rel=1e-2)


def test_decay_from_the_start_is_the_straight_line_of_torchs_scheduler():
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 - step / 50)
    for now in range(1, 51):
        assert learning_rate_share(now, 50, 0.0) == pytest.approx(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()


def test_decay_begins_where_it_is_asked_to_and_would_reach_zero_behind_the_last_step():
    shares = [learning_rate_share(now, 100, 0.5) for now in range(1, 102)]
    assert shares[:51] == [1.0] * 51
    assert shares[75] == pytest.approx(0.5)
    assert shares[100] == 0
    assert {learning_rate_share(now, 100, 1.0) for now in range(1, 101)} == {1.0}


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "rmsprop"])
def test_the_decayed_rate_scales_the_steps_of_every_optimizer(optimizer):
    """Same seed, same first half: in the first decayed step both networks move by the share of what they would have."""
    chosen = {"optimizer": CATALOG.create("optimizer", optimizer), "simultaneous": True}
    plain = moves(replace(cell_with(), **chosen), 12)
    decayed = moves(replace(cell_with(lr_decay_from=0.5), **chosen), 12)
    for step in range(11):
        for a, b in zip(plain[step], decayed[step], strict=True):
            assert all(torch.equal(x, y) for x, y in zip(a, b, strict=True))
    for a, b in zip(plain[11], decayed[11], strict=True):
        for x, y in zip(a, b, strict=True):
            torch.testing.assert_close(0.9 * x, y, rtol=1e-3, atol=1e-6)


def test_the_average_is_the_exponential_one_and_does_not_disturb_training():
    training = a_training(cell_with(ema=0.75))
    plain = a_training(cell_with())
    expected = [value.clone() for value in leaves(training.state.generator.params)]
    for _ in range(5):
        training.advance(observe=False)
        plain.advance(observe=False)
        now = leaves(training.state.generator.params)
        expected = [0.75 * old + 0.25 * new for old, new in zip(expected, now, strict=True)]
    for ours, theirs in zip(leaves(training.state.average), expected, strict=True):
        torch.testing.assert_close(ours, theirs)
    for a, b in zip(leaves(training.state.generator.params), leaves(plain.state.generator.params), strict=True):
        assert torch.equal(a, b)
    assert plain.state.average is None
    assert plain.state.shown is plain.state.generator.params


def test_what_is_evaluated_is_the_average():
    seen = []
    cell = cell_with(ema=0.9)
    training = a_training(cell)
    training.material = replace(training.material, evaluate=lambda made: seen.append(made.samples) or _nothing(cell))
    recorder = Recorder(training)
    for _ in range(cell.steps):
        recorder.record(training, training.advance(observe=False))
    latents = recorder._latents[:100]
    network, state = training.generator, training.state
    averaged = network(network.effective(state.average, state.generator.norm)[0], latents)
    raw = network(network.effective(state.generator.params, state.generator.norm)[0], latents)
    assert torch.equal(seen[-1], averaged)
    assert not torch.equal(seen[-1], raw)


def _nothing(cell: Cell) -> dict[str, float]:
    return {measure.key: 0.0 for measure in cell.metric.measures()}


@pytest.mark.parametrize("n_dis", [1, 2, 3])
def test_lazy_penalties_enter_every_so_many_discriminator_updates_across_steps(n_dis):
    training = a_training(cell_with(normalizer="r1", penalty_every=4, n_dis=n_dis))
    flags = [flag for now in range(1, 9) for flag in training.draw(now).penalized]
    assert flags == [index % 4 == 0 for index in range(8 * n_dis)]
    assert a_training(cell_with(normalizer="r1")).draw(1).penalized is None


def test_a_penalty_that_is_due_another_time_is_observed_all_the_same_and_changes_nothing():
    training = a_training(cell_with(normalizer="r1", penalty_every=4))
    training.advance(observe=True)
    state, batch = training.state, training.draw(2)
    after, seen = training.step(state, batch, True)
    assert float(seen["d_penalty"]) > 0
    unseen, _ = training.step(state, batch, False)
    assert all(
        torch.equal(a, b)
        for a, b in zip(leaves(after.discriminator.params), leaves(unseen.discriminator.params), strict=True)
    )


@pytest.mark.parametrize(
    "rules",
    [
        {"ema": 0.9},
        {"lr_decay_from": 0.2},
        {"clip_norm": 0.5},
        {"penalty_every": 3},
        {"simultaneous": True, "n_dis": 2},
    ],
)
def test_training_restored_from_a_snapshot_equals_uninterrupted_training_bitwise(rules, tmp_path):
    cell = cell_with(normalizer="spectral_norm + gradient_penalty", **rules)
    straight = a_training(cell)
    for _ in range(cell.steps):
        straight.advance(observe=False)
    first = a_training(cell)
    for _ in range(7):
        first.advance(observe=False)
    torch.save(first.snapshot(), tmp_path / "snapshot.pt")
    resumed = a_training(cell)
    resumed.restore(torch.load(tmp_path / "snapshot.pt", weights_only=True))
    while resumed.now < cell.steps:
        resumed.advance(observe=False)
    for a, b in zip(leaves(straight.state.shown), leaves(resumed.state.shown), strict=True):
        assert torch.equal(a, b)
    for network in ("generator", "discriminator"):
        ours, theirs = getattr(straight.state, network), getattr(resumed.state, network)
        assert all(torch.equal(a, b) for a, b in zip(leaves(ours.params), leaves(theirs.params), strict=True))
