"""The Frechet distance: torch-fidelity's number, the formula's, and covariances that are singular."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from ganbench.harness.metrics.frechet import BLOCK, ROWS, Gaussian, Moments, factor, frechet_distance


def features(count: int, width: int, seed: int, *, rank: int | None = None) -> torch.Tensor:
    """Correlated features, float32; of a lower rank if asked for."""
    generator = torch.Generator().manual_seed(seed)
    mix = torch.randn(rank or width, width, generator=torch.Generator().manual_seed(99)) / width**0.5
    return torch.randn(count, rank or width, generator=generator) @ mix * (1 + 0.1 * seed) + 0.2 * seed


def gaussian(real: torch.Tensor) -> Gaussian:
    moments = Moments.of(real)
    covariance = moments.covariance()
    return Gaussian(moments.mean, covariance, factor(covariance))


def theirs(fake: torch.Tensor, real: torch.Tensor) -> float:
    from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric

    statistics = [fid_features_to_statistics(side) for side in (fake, real)]
    return fid_statistics_to_metric(*statistics, verbose=False)["frechet_inception_distance"]


def test_moments_are_numpys_in_float64():
    x = features(501, 7, 1) + 1000  # a large mean, of which single precision would leave little
    moments = Moments.of(x)
    assert moments.covariance().dtype == torch.float64
    np.testing.assert_allclose(moments.covariance().numpy(), np.cov(x.double().numpy(), rowvar=False), rtol=1e-10)
    np.testing.assert_allclose(moments.mean.numpy(), x.double().numpy().mean(axis=0), rtol=1e-12)


def test_moments_of_parts_are_those_of_the_whole():
    x = features(2 * ROWS + 5, 6, 0) + 50
    merged = Moments.of(x)
    np.testing.assert_allclose(merged.covariance().numpy(), np.cov(x.double().numpy(), rowvar=False), rtol=1e-10)
    assert merged.count == len(x)


@pytest.mark.parametrize("width", [3, 64, BLOCK + 44])
def test_the_distance_is_torch_fidelitys(width):
    fake, real = features(900, width, 1), features(1000, width, 0)
    # Its mean is in single precision, ours is not.
    assert frechet_distance(fake, gaussian(real)) == pytest.approx(theirs(fake.double(), real.double()), rel=1e-6)
    assert frechet_distance(fake, gaussian(real)) == pytest.approx(theirs(fake, real), rel=1e-4)


def test_fewer_samples_than_features_give_torch_fidelitys_distance():
    fake, real = features(50, 96, 1), features(300, 96, 0)
    assert frechet_distance(fake, gaussian(real)) == pytest.approx(theirs(fake.double(), real.double()), rel=1e-4)


@pytest.mark.parametrize("count", [40, 700])
def test_singular_covariances_on_both_sides_give_torch_fidelitys_distance(count):
    fake, real = features(count, 96, 1, rank=60), features(500, 96, 0, rank=60)
    assert gaussian(real).root.shape == (96, 60)
    assert frechet_distance(fake, gaussian(real)) == pytest.approx(theirs(fake.double(), real.double()), rel=1e-4)


def test_axis_aligned_gaussians_have_the_distance_worked_out_on_paper():
    """Variances 4 and 9 with means 1 apart: 1 + 4 + 9 - 2 * 6 = 2 on one axis; nothing on the other."""
    corners = torch.tensor([[-1.0, 0.0], [1.0, 0.0], [0.0, -1.0], [0.0, 1.0]], dtype=torch.float64)
    unit = corners * math.sqrt(3 / 2)  # of variance 1 on both axes, uncorrelated
    real, fake = unit * torch.tensor([2.0, 5.0]), unit * torch.tensor([3.0, 5.0]) + torch.tensor([1.0, 0.0])
    assert frechet_distance(fake, gaussian(real)) == pytest.approx(2)


def test_the_factor_is_triangular_and_its_square_is_the_covariance():
    for rank in (None, 10):
        covariance = Moments.of(features(400, 40, 0, rank=rank)).covariance()
        root = factor(covariance)
        torch.testing.assert_close(root @ root.T, covariance)
        assert torch.equal(root, root.tril())


def test_equal_features_have_distance_zero():
    for count in (60, 2000):
        x = features(count, 128, 0)
        assert abs(frechet_distance(x, gaussian(x))) < 1e-5


def test_a_constant_has_a_finite_distance():
    real = features(200, 16, 0)
    value = frechet_distance(torch.full((100, 16), 0.5), gaussian(real))
    covariance, mean = np.cov(real.double().numpy(), rowvar=False), real.double().numpy().mean(axis=0)
    assert value == pytest.approx(np.trace(covariance) + ((mean - 0.5) ** 2).sum(), rel=1e-9)
    assert math.isfinite(frechet_distance(torch.zeros(3, 16), gaussian(torch.zeros(5, 16))))


def test_one_sample_has_no_distance():
    assert math.isnan(frechet_distance(torch.zeros(1, 16), gaussian(features(50, 16, 0))))
