"""Progressive growing: the schedule, the seams between its phases, and a training put aside in the middle of any."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from cells import CATALOG, FIDELITY, IMAGES, STORE, a_cell, a_training
from torch.nn import functional as F

from ganbench.harness.models.build import build_networks
from ganbench.harness.models.network import Network, leaves
from ganbench.harness.models.phase import Phase
from ganbench.harness.normalizer import Normalizer
from ganbench.harness.stability import judge, load_definition
from ganbench.harness.traces.columns import Columns
from ganbench.harness.training.loop import train
from ganbench.harness.training.training import Training

SMALL = CATALOG.create("architecture", {"name": "progressive", "base": 64, "widest": 8, "latent": 8})
SHAPE = (3, 16, 16)
NONE = Normalizer()


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def networks(level: int, fading: bool) -> tuple[Network, Network]:
    return build_networks(SMALL, NONE, NONE, SHAPE, Phase(1, 10, level, fading))


def started(network: Network, kept=({}, {})):
    return network.init(SMALL.initialize, generator(), generator(), kept)[0]


def test_phases_are_equal_stretches_of_the_budget_that_fade_each_level_in():
    phases = SMALL.phases((3, 32, 32), 700)
    assert [(phase.level, phase.fading) for phase in phases] == [
        *((0, False), (1, True), (1, False), (2, True), (2, False), (3, True), (3, False))
    ]
    assert [(phase.first, phase.last) for phase in phases] == [(100 * i + 1, 100 * (i + 1)) for i in range(7)]


@pytest.mark.parametrize("steps", [1, 3, 5, 8, 101])
def test_every_step_belongs_to_one_phase_and_the_last_is_of_full_side_and_steady(steps):
    phases = SMALL.phases(SHAPE, steps)
    assert [now for phase in phases for now in range(phase.first, phase.last + 1)] == list(range(1, steps + 1))
    assert (phases[-1].level, phases[-1].fading) == (2, False)


def test_what_does_not_grow_is_the_grown_network_from_the_first_step():
    still = SMALL.model_copy(update={"grows": False})
    assert still.phases(SHAPE, 50) == (Phase(1, 50, 2, False),)
    full, grown = still.phases(SHAPE, 50)[0], SMALL.phases(SHAPE, 50)[-1]
    real = torch.rand(4, *SHAPE, generator=generator())
    assert torch.equal(still.shown(real, full, None), real)
    for made, wanted in zip(build_networks(still, NONE, NONE, SHAPE, full), build_networks(SMALL, NONE, NONE, SHAPE, grown),
                            strict=True):  # fmt: skip
        assert made.layers == wanted.layers
    cell = a_cell(
        IMAGES | {"architecture": {"name": "progressive", "base": 16, "widest": 4, "latent": 4, "grows": False}}
    )
    grows = replace(cell, architecture=cell.architecture.model_copy(update={"grows": True}))
    assert cell.id != grows.id


def test_fading_rises_in_a_straight_line_from_zero_and_only_in_fading_phases():
    shares = [float(Phase(11, 14, 1, True).fade(now)) for now in range(11, 15)]
    assert shares == [0, 0.25, 0.5, 0.75]
    assert Phase(11, 14, 1, False).fade(12) is None


def test_the_published_networks_have_the_published_channels_and_parameters():
    """Karras et al. 2018, table 2: 23.1 million trainable parameters in each network for images of 1024."""
    published = CATALOG.create("architecture", {"name": "progressive", "base": 8192, "widest": 512, "latent": 512})
    for network in build_networks(published, NONE, NONE, (3, 1024, 1024)):
        params, _ = network.init(lambda layer, _: torch.empty(layer.shape), generator(), generator())
        assert sum(value.numel() for value in leaves(params)) == pytest.approx(23.1e6, abs=0.05e6)
    small = CATALOG.create("architecture", "progressive")
    made, _ = build_networks(small, NONE, NONE, (3, 32, 32))
    assert [made.layers[name].out_features for name in ("conv4", "conv8_1", "conv16_1", "conv32_1")] == [
        128,
        128,
        128,
        64,
    ]


@pytest.mark.parametrize("level", [1, 2])
def test_a_level_that_is_not_faded_in_yet_changes_no_image_and_no_logit(level):
    z, x = torch.randn(4, 8, generator=generator()), torch.rand(8, *SHAPE, generator=generator())
    blurred = SMALL.shown(x, Phase(1, 10, level - 1, False), None)
    for before, after, given in zip(networks(level - 1, False), networks(level, True), (z, blurred), strict=True):
        params = started(before)
        grown = started(after, kept=(params, {name: {} for name in params}))
        torch.testing.assert_close(after(grown, given, torch.tensor(0.0)), before(params, given))
        assert not torch.allclose(after(grown, given, torch.tensor(0.5)), before(params, given))


@pytest.mark.parametrize("level", [1, 2])
def test_a_level_that_is_faded_in_wholly_is_the_steady_network(level):
    z, x = torch.randn(4, 8, generator=generator()), torch.rand(8, *SHAPE, generator=generator())
    for fading, steady, given in zip(networks(level, True), networks(level, False), (z, x), strict=True):
        params = started(fading)
        kept = {name: params[name] for name in steady.layers}
        torch.testing.assert_close(fading(params, given, torch.tensor(1.0)), steady(kept, given))


def test_real_images_are_blurred_to_what_the_generator_can_make_and_faded_with_it():
    x = torch.rand(5, *SHAPE, generator=generator())
    at8 = F.avg_pool2d(x, 2)
    at4 = F.avg_pool2d(x, 4)
    repeat = torch.ones(2, 2)
    assert torch.equal(SMALL.shown(x, Phase(1, 10, 1, False), None), torch.kron(at8, repeat))
    half = SMALL.shown(x, Phase(1, 10, 1, True), torch.tensor(0.25))
    torch.testing.assert_close(half, torch.kron(0.75 * torch.kron(at4, repeat) + 0.25 * at8, repeat))
    assert torch.equal(SMALL.shown(x, Phase(1, 10, 2, False), None), x)


def begin(metric: bool = False) -> Training:
    """Thirty steps of the published method on small digits: ten of each phase."""
    cell = a_cell(
        {**IMAGES, "architecture": SMALL.spec(), "metric": {**FIDELITY, "samples": 100}},
        normalizer="equalized_learning_rate + gradient_penalty",
        loss="wgan",
        optimizer={"name": "adam", "beta1": 0.0, "beta2": 0.99},
        lr_d=1e-3,
        ema=0.9,
        steps=30,
        evaluations=3,
        log_points=30,
    )
    training = a_training(cell)
    if metric:
        evaluate = cell.metric.prepare(training.material.data, STORE)
        training.material = replace(training.material, evaluate=evaluate)
    return training


def equal(a, b) -> bool:
    return all(torch.equal(x, y) for x, y in zip(leaves(a), leaves(b), strict=True))


STOPS = [5, 9, 10, 11, 15, 20, 21, 29]


@pytest.fixture(scope="module")
def straight() -> Training:
    """A training that nothing interrupts."""
    training = begin()
    while training.now < 30:
        training.advance(observe=False)
    return training


@pytest.fixture(scope="module")
def snapshots(tmp_path_factory) -> Path:
    """Another one, put aside at every stop."""
    folder, training = tmp_path_factory.mktemp("snapshots"), begin()
    while training.now < max(STOPS):
        training.advance(observe=False)
        if training.now in STOPS:
            torch.save(training.snapshot(), folder / f"{training.now}.pt")
    return folder


@pytest.mark.parametrize("stop", STOPS)
def test_training_put_aside_in_any_phase_and_at_every_seam_continues_bitwise(stop, straight, snapshots):
    resumed = begin()
    resumed.restore(torch.load(snapshots / f"{stop}.pt", weights_only=True))
    assert resumed.now == stop
    while resumed.now < 30:
        resumed.advance(observe=False)
    assert equal(straight.state.shown, resumed.state.shown)
    for a, b in (
        (straight.state.generator, resumed.state.generator),
        (straight.state.discriminator, resumed.state.discriminator),
    ):
        assert equal(a.params, b.params)
        assert equal(a.norm, b.norm)
        assert all(torch.equal(x, y) for slot in a.slots for x, y in zip(a.slots[slot], b.slots[slot], strict=True))


def test_entering_a_level_keeps_the_weights_and_resets_the_optimizer_and_leaving_the_fade_keeps_both():
    training = begin()
    while training.now < 10:
        training.advance(observe=False)
    before = training.state
    training.advance(observe=False)
    assert int(training.state.discriminator.count) == 1
    assert int(before.discriminator.count) == 10
    moved = training.state.discriminator.params["conv4"]["weight"] - before.discriminator.params["conv4"]["weight"]
    assert float(moved.abs().max()) <= 1.01e-3  # one step of Adam, not a new draw
    assert set(training.state.average) == set(training.state.generator.params)
    while training.now < 20:
        training.advance(observe=False)
    assert "read4" in training.state.discriminator.params
    training.advance(observe=False)
    assert "read4" not in training.state.discriminator.params
    assert int(training.state.discriminator.count) == 11


def test_the_trace_of_a_growing_network_says_when_each_layer_was_there():
    training = begin(metric=True)
    trace = train(training)
    assert Columns.of(trace).trace.layers["conv8_1"].first == trace.layers["conv8_1"].first
    there = {name: (trace.steps_of(layer)[0], trace.steps_of(layer)[-1]) for name, layer in trace.layers.items()}
    assert there["conv4"] == (0, 30)
    assert there["read4"] == (0, 20)
    assert there["conv8_1"] == (20, 30)
    assert all(len(trace.steps_of(layer)) == len(layer.variance) for layer in trace.layers.values())
    assert judge(trace, load_definition(1)).outcome in ("stable", "unstable")


def test_a_growing_network_is_reproducible():
    training = begin(metric=True)
    trial, material = training.trial, training.material
    first, again, other = (
        Columns.of(train(Training(chosen, material))).sha256 for chosen in (trial, trial, replace(trial, seed=1))
    )
    assert first == again
    assert first != other
