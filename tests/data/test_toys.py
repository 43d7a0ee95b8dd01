"""Embedded data sets: what they are made of, and that their modes are counted right."""

from __future__ import annotations

import math

import pytest
import torch
from cells import CATALOG, STORE

from ganbench.harness.data.digits import Digits
from ganbench.harness.data.grid25 import Grid25
from ganbench.harness.data.ring8 import Ring8
from ganbench.harness.data.spiral import Spiral
from ganbench.harness.data.stacked_digits import StackedDigits
from ganbench.harness.metrics.mode_coverage import ModeCoverage


@pytest.fixture(scope="module")
def stacked():
    return StackedDigits(size=30_000).load(STORE)


@pytest.mark.parametrize(
    ("dataset", "content"),
    [
        (Ring8(size=100), "ring8"),
        (Grid25(size=100), "grid25"),
        (Spiral(size=100), "spiral"),
        (StackedDigits(size=1000), "stacked_digits"),
        (Digits(), "digits"),
    ],
)
def test_embedded_data_are_golden(dataset, content):
    """The examples are part of what a result means: a change here makes old and new results incomparable."""
    assert dataset.load(STORE).content_hash() == GOLDEN[content]
    assert tuple(dataset.load(STORE).examples.shape[1:]) == dataset.sample_shape()


def test_the_grid_itself_has_all_25_modes_and_no_fuller_one():
    data = Grid25().load(STORE)
    values = ModeCoverage(samples=20_000).evaluate(data.examples[:20_000], data.modes)
    assert values["modes"] == 25
    assert values["high_quality_share"] == pytest.approx(1 - math.exp(-4.5), abs=2e-3)
    assert values["largest_mode_ratio"] == pytest.approx(1, abs=0.1)
    assert values["mode_kl"] == pytest.approx(0, abs=2e-3)
    outer = data.examples[(data.examples.abs() < 3).all(dim=1)]
    assert ModeCoverage().evaluate(outer, data.modes)["modes"] == 9


def test_points_of_the_spiral_lie_as_far_out_as_their_angle_says():
    points = Spiral(std=0.0, size=1000).load(STORE).examples.double()
    radius = points.norm(dim=1)
    assert float(radius.max()) <= 1 + 1e-6
    assert float(radius.min()) >= 1 / 3 - 1e-6
    turned = torch.atan2(points[:, 1], points[:, 0])
    away = (radius * 4.5 * math.pi - turned) / (2 * math.pi)
    torch.testing.assert_close(away, away.round(), atol=1e-5, rtol=0)


def test_digits_are_those_that_scikit_learn_loads(monkeypatch):
    from sklearn.datasets import load_digits

    expected = load_digits().images / 16 * 255
    ours = Digits().digits()
    assert (ours.squeeze(1).double() - torch.from_numpy(expected)).abs().max() <= 0.5
    monkeypatch.setattr("ganbench.harness.data.digits.FILE", "moved elsewhere")
    assert torch.equal(Digits().digits(), ours)


def test_the_channels_of_stacked_digits_are_digits(stacked):
    digits = {image.numpy().tobytes() for image in Digits().load(STORE).examples.squeeze(1)}
    assert all(channel.numpy().tobytes() in digits for image in stacked.examples[:200] for channel in image)


def test_all_thousand_triples_are_found_in_stacked_digits_and_nearly_all_are_good(stacked):
    values = ModeCoverage(samples=26_000).evaluate(stacked.examples[:26_000], stacked.modes)
    assert values["modes"] == 1000
    assert values["high_quality_share"] > 0.97
    assert values["largest_mode_ratio"] < 3
    assert values["mode_kl"] < 0.05


def test_one_triple_alone_is_one_mode_of_a_thousand(stacked):
    one = stacked.modes.assign(stacked.examples[:1])[0]
    values = ModeCoverage().evaluate(stacked.examples[:1].expand(500, -1, -1, -1), stacked.modes)
    assert (values["modes"], values["largest_mode_ratio"]) == (1, 1000)
    assert values["mode_kl"] == pytest.approx(math.log(1000))
    assert 0 <= int(one) < 1000


def test_the_mode_of_a_triple_is_the_number_that_its_digits_spell():
    from sklearn.datasets import load_digits

    target = load_digits().target
    images = Digits().load(STORE).examples.squeeze(1)
    chosen = [next(index for index in range(len(target)) if target[index] == digit) for digit in (4, 0, 7)]
    mode, good = StackedDigits(size=1000).load(STORE).modes.assign(images[chosen].unsqueeze(0))
    assert (int(mode), bool(good)) == (407, True)


def test_noise_is_hardly_ever_a_good_triple(stacked):
    noise = torch.randint(256, (5000, 3, 8, 8), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    assert ModeCoverage().evaluate(noise, stacked.modes)["high_quality_share"] < 0.01


def test_too_few_samples_for_a_thousand_modes_are_refused(stacked):
    assert ModeCoverage().fits(stacked) == "needs at least 10000 samples to find 1000 modes"
    assert ModeCoverage(samples=26_000).fits(stacked) is None


def test_mode_coverage_is_refused_where_no_modes_are_known():
    for dataset in (Spiral(), Digits()):
        assert "needs data whose modes are known" in ModeCoverage().check(dataset)
    for name in ("ring8", "grid25", "stacked_digits"):
        assert ModeCoverage().check(CATALOG.create("dataset", name)) is None


def test_digits_that_are_held_out_are_not_trained_on():
    whole, parted = Digits().load(STORE), Digits(held_out=300).load(STORE)
    assert (len(parted.examples), len(parted.held_out)) == (1497, 300)
    both = torch.cat([parted.examples, parted.held_out]).flatten(1)
    assert sorted(map(bytes, both.numpy())) == sorted(map(bytes, whole.examples.flatten(1).numpy()))


GOLDEN = {
    "ring8": "f1ff79e95ac2c835",
    "grid25": "890ce3898adbef95",
    "spiral": "61505b455d6f9236",
    "stacked_digits": "a9e251647063123d",
    "digits": "b41ca9fd335466ee",
}
