"""The kernel distance: torch-fidelity's number on all samples, the definition, and its expectation."""

from __future__ import annotations

import math

import pytest
import torch

from ganbench.harness.metrics.kernel import ROWS, kernel_distance, mean_kernel_between, mean_kernel_within


def distance(fake: torch.Tensor, real: torch.Tensor) -> float:
    return kernel_distance(fake, real, mean_kernel_within(real))


def clouds(count: int, other: int, width: int = 8) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return (
        torch.rand(count, width, generator=generator) + 0.2,
        torch.randn(other, width, generator=generator).relu(),
    )


def theirs(fake: torch.Tensor, real: torch.Tensor, **options: int) -> float:
    from torch_fidelity.metric_kid import kid_features_to_metric

    return kid_features_to_metric(fake, real, verbose=False, **options)["kernel_inception_distance_mean"]


@pytest.mark.parametrize("count", [50, 2 * ROWS + 3])
def test_it_is_torch_fidelitys_over_one_subset_of_everything(count):
    fake, real = clouds(count, count)
    expected = theirs(fake.double(), real.double(), kid_subsets=1, kid_subset_size=count)
    assert distance(fake, real) == pytest.approx(expected, rel=1e-9)
    single = theirs(fake, real, kid_subsets=1, kid_subset_size=count)
    assert distance(fake, real) == pytest.approx(single, rel=1e-4)


def test_unequal_counts_follow_the_definition():
    fake, real = (side.double() for side in clouds(7, 11, 3))

    def k(x: torch.Tensor, y: torch.Tensor) -> float:
        return float((x @ y / 3 + 1) ** 3)

    within = [
        sum(k(a, b) for a in s for b in s if a is not b) / (len(s) * (len(s) - 1)) for s in (list(fake), list(real))
    ]
    between = sum(k(a, b) for a in fake for b in real) / (7 * 11)
    assert mean_kernel_within(fake) == pytest.approx(within[0])
    assert mean_kernel_between(fake, real) == pytest.approx(between)
    assert distance(fake, real) == pytest.approx(sum(within) - 2 * between)


def test_it_is_what_the_average_over_subsets_tends_to():
    fake, real = clouds(400, 400)
    average = theirs(fake.double(), real.double(), kid_subsets=2000, kid_subset_size=50)
    assert distance(fake, real) == pytest.approx(average, rel=0.03)


def test_samples_of_one_distribution_have_distance_zero_on_average():
    generator = torch.Generator().manual_seed(3)
    values = torch.tensor(
        [distance(*(torch.randn(60, 4, generator=generator) for _ in range(2))) for _ in range(200)],
        dtype=torch.float64,
    )
    assert values.min() < 0 < values.max()
    assert abs(float(values.mean())) < 3 * float(values.std()) / math.sqrt(200)


def test_one_sample_has_no_distance():
    assert math.isnan(distance(torch.ones(1, 3), torch.randn(5, 3)))
