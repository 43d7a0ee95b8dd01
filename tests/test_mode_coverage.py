"""Metrics: torch-fidelity's own numbers, worked examples, and degenerate samples."""

from __future__ import annotations

import math

import pytest
import torch
from cells import STORE

from harness.data.dataset import Data, Modes
from harness.data.digits import Digits
from harness.data.ring8 import Ring8
from harness.metrics.fidelity import Fidelity, mean_distance
from harness.metrics.metric import Generated
from harness.metrics.mode_coverage import ModeCoverage

FID, SCORE, DIVERSITY = "fid[digits-cnn]", "inception_score[digits-cnn]", "diversity[digits-cnn]"


def of_samples(evaluate):
    return lambda samples: evaluate(Generated(samples))


@pytest.fixture(scope="module")
def digits() -> Data:
    return Digits().load(STORE)


@pytest.fixture(scope="module")
def evaluate(digits):
    return of_samples(Fidelity(samples=500).prepare(digits, STORE))


class _Images(torch.utils.data.Dataset):
    def __init__(self, images: torch.Tensor) -> None:
        self.images = images

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> torch.Tensor:
        return self.images[index]


def test_fid_and_inception_score_equal_torch_fidelitys_own_calculation(digits, evaluate):
    import torch_fidelity

    from harness.metrics.extractors.digits_cnn import DIGITS_CNN
    from harness.metrics.extractors.registry import register_with_torch_fidelity

    register_with_torch_fidelity()
    noise = torch.randint(-40, 40, (500, 1, 8, 8), generator=torch.Generator().manual_seed(0))
    samples = (digits.examples[:500].int() + noise).clamp(0, 255).to(torch.uint8)
    theirs = torch_fidelity.calculate_metrics(
        input1=_Images(samples),
        input2=_Images(digits.examples),
        isc=True,
        fid=True,
        feature_extractor=DIGITS_CNN,
        cuda=False,
        verbose=False,
        save_cpu_ram=True,
        batch_size=100,
        cache=False,
    )
    ours = evaluate(samples)
    assert ours[FID] == pytest.approx(theirs["frechet_inception_distance"], rel=1e-4)
    assert ours[SCORE] == pytest.approx(theirs["inception_score_mean"], rel=1e-6)


def test_the_data_have_distance_zero_to_themselves_and_full_diversity(digits, evaluate):
    values = evaluate(digits.examples)
    assert values[FID] == pytest.approx(0, abs=1e-3)
    assert values[DIVERSITY] == pytest.approx(1)
    assert values[SCORE] > 6  # ten clear classes


def test_a_constant_generator_has_finite_numbers_and_no_diversity(evaluate):
    values = evaluate(torch.full((500, 1, 8, 8), 128, dtype=torch.uint8))
    assert all(math.isfinite(value) for value in values.values())
    assert values[DIVERSITY] == pytest.approx(0, abs=1e-6)
    assert values[SCORE] == pytest.approx(1)
    assert values[FID] > 50


def test_one_class_alone_is_less_diverse_than_the_data(evaluate):
    from sklearn.datasets import load_digits

    zeros = Digits().load(STORE).examples[torch.from_numpy(load_digits().target == 0)]
    assert evaluate(zeros)[DIVERSITY] < 0.5


def test_batches_do_not_change_features(digits):
    from harness.metrics.extractors.digits_cnn import DigitsExtractor
    from harness.metrics.extractors.registry import extract

    extractor = DigitsExtractor("digits-cnn", ["features"])
    one, many = (extract(extractor, digits.examples[:300], batch)["features"] for batch in (300, 7))
    torch.testing.assert_close(one, many)


def test_the_shipped_extractor_recognises_digits(digits):
    """Its accuracy on digits it never saw is in docs/metrics.md; here only that the shipped weights are those."""
    from sklearn.datasets import load_digits

    from harness.metrics.extractors.digits_cnn import WEIGHTS, DigitsExtractor

    logits = DigitsExtractor("digits-cnn", ["logits"])(digits.examples)[0]
    assert (logits.argmax(1) == torch.from_numpy(load_digits().target)).float().mean() > 0.98
    assert WEIGHTS.stat().st_size < 1_000_000


def test_images_survive_decoding_and_encoding(digits):
    assert torch.equal(digits.encode(digits.decode(digits.examples)), digits.examples)


def test_mean_distance_of_two_points_is_their_distance():
    assert mean_distance(torch.tensor([[0.0, 0.0], [3.0, 4.0]])) == pytest.approx(5)


MODES = Modes(torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]), std=0.01)


def test_mode_coverage_of_a_worked_example():
    """Ten samples: six good in mode 0, two good in mode 1, one too far from mode 2, one far from all."""
    samples = torch.tensor([[0.0, 0.0]] * 6 + [[1.0, 0.02], [1.0, -0.029], [0.0, 1.031], [0.5, 0.5]])
    values = ModeCoverage().evaluate(samples, MODES)
    assert values["high_quality_share"] == pytest.approx(0.8)
    assert values["modes"] == 2
    assert values["mode_coverage"] == pytest.approx(0.5)
    assert values["largest_mode_ratio"] == pytest.approx(4 * 6 / 8)
    expected = 0.75 * math.log(0.75 * 4) + 0.25 * math.log(0.25 * 4)
    assert values["mode_kl"] == pytest.approx(expected)


def test_no_good_sample_is_no_mode_and_the_largest_divergence():
    values = ModeCoverage().evaluate(torch.full((100, 2), 7.0), MODES)
    assert (values["high_quality_share"], values["modes"], values["mode_kl"]) == (0, 0, math.log(4))


def test_samples_that_are_not_finite_are_of_low_quality_and_none_finite_is_not_computable():
    some = torch.tensor([[0.0, 0.0], [math.nan, 0.0]])
    assert ModeCoverage().evaluate(some, MODES)["high_quality_share"] == pytest.approx(0.5)
    assert all(math.isnan(value) for value in ModeCoverage().evaluate(torch.full((5, 2), math.nan), MODES).values())


def test_the_ring_itself_has_all_modes_and_997_permille_quality():
    """Within three standard deviations of a two-dimensional Gaussian lie 1 - exp(-4.5) of its points."""
    data = Ring8(std=0.05).load(STORE)
    values = of_samples(ModeCoverage().prepare(data, STORE))(data.examples[:20000])
    assert values["modes"] == 8
    assert values["high_quality_share"] == pytest.approx(1 - math.exp(-4.5), abs=2e-3)
    assert values["largest_mode_ratio"] == pytest.approx(1, abs=0.05)


def test_the_data_sets_are_the_same_at_every_load():
    assert Ring8().load(STORE).content_hash() == Ring8().load(STORE).content_hash()
    assert Digits().load(STORE).examples.shape == (1797, 1, 8, 8)


def test_enlarged_digits_are_to_the_extractor_the_digits_that_they_are(evaluate):
    small, large = Digits().load(STORE), Digits(side=32).load(STORE)
    assert large.examples.shape == (1797, 1, 32, 32)
    measured, expected = evaluate(large.examples), evaluate(small.examples)
    assert measured == pytest.approx(expected, rel=1e-4, abs=1e-4)
    assert Fidelity().check(Digits(side=32)) is None
    assert "of 8x8 or a multiple" in Fidelity().check(Ring8())
