"""Precision, recall, density and coverage: torch-fidelity's numbers, examples worked out by hand, and ties."""

from __future__ import annotations

import math

import pytest
import torch

from ganbench.harness.metrics.neighbours import ROWS, Neighbourhood, neighbourhood, real_radii, squared_radii


def compare(fake: torch.Tensor, real: torch.Tensor) -> Neighbourhood:
    return neighbourhood(fake, real, real_radii(real))


def clouds(count: int, other: int, width: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    fake = 0.7 * torch.randn(count, width, generator=generator) + 0.3
    return fake, torch.randn(other, width, generator=generator)


@pytest.mark.parametrize(("count", "other", "width"), [(500, 500, 4), (3 * ROWS + 7, 400, 12), (200, 900, 3)])
def test_precision_and_recall_are_torch_fidelitys(count, other, width):
    from torch_fidelity.metric_prc import prc_features_to_metric

    fake, real = clouds(count, other, width)
    theirs = prc_features_to_metric(fake, real, verbose=False)
    ours = compare(fake, real)
    assert 0.02 < ours.recall < 0.98 and 0.02 < ours.precision < 0.999
    assert (ours.precision, ours.recall, ours.f1) == pytest.approx(
        (theirs["precision"], theirs["recall"], theirs["f_score"]), abs=1e-6
    )


def test_density_and_coverage_follow_their_definition():
    """The formulas of the paper, as loops over all pairs."""
    fake, real = (side.double() for side in clouds(60, 80, 2))
    radius = [sorted(float((a - b).norm()) for b in real)[5] for a in real]
    inside = [[float((a - b).norm()) <= radius[i] for b in fake] for i, a in enumerate(real)]
    ours = compare(fake, real)
    assert ours.density == pytest.approx(sum(map(sum, inside)) / (5 * len(fake)))
    assert ours.coverage == pytest.approx(sum(map(any, inside)) / len(real))


def test_a_line_worked_out_by_hand():
    """Real 0, 1, ..., 9: the fifth neighbour of 0 is 5 away, of 1 4, of 2, 3, 4 and 5 to 7 likewise 3, of 8 4, of 9 5."""
    real = torch.arange(10.0)[:, None]
    assert squared_radii(real, (5,))[0].sqrt().tolist() == pytest.approx([5, 4, 3, 3, 3, 3, 3, 3, 4, 5])
    # At 0: the balls of 0 (5), 1 (4), 2 (3), 3 (3) hold it. At 100: none.
    ours = compare(torch.tensor([[0.0]] * 4 + [[100.0]] * 4), real)
    assert ours.density == pytest.approx((4 * 4 + 4 * 0) / (5 * 8))
    assert ours.coverage == pytest.approx(4 / 10)
    # The third neighbours of 0 and 1 are 3 and 2 away: at 0 is within two balls of real ones, at 100 in none.
    assert ours.precision == pytest.approx(4 / 8)
    # All balls of generated samples have radius 0: only the real sample at 0 is in one.
    assert ours.recall == pytest.approx(1 / 10)


def test_a_square_worked_out_by_hand():
    """Six real points at the corners and centre of a square and one far away; all five neighbours reach the far one."""
    real = torch.tensor([[0.0, 0.0], [0.0, 2.0], [2.0, 0.0], [2.0, 2.0], [1.0, 1.0], [10.0, 1.0]])
    # The balls of the five reach to the far point, 9 or more; the far one's own reaches the corners at x = 0.
    ours = compare(torch.tensor([[1.0, 0.0], [1.0, 0.0], [19.0, 1.0], [40.0, 1.0]]), real)
    # [1, 0] is in all six balls, [19, 1] in the far one's only (9 <= sqrt(101)), [40, 1] in none.
    assert ours.density == pytest.approx((6 + 6 + 1 + 0) / (5 * 4))
    assert ours.coverage == 1


@pytest.mark.parametrize("offset", [0.0, 1000.0])
def test_a_set_is_its_own_neighbour(offset):
    """Whatever matrix products make of the distance of a sample to itself."""
    x = clouds(700, 700, 64)[1] + offset
    ours = compare(x[torch.randperm(700, generator=torch.Generator().manual_seed(1))], x)
    assert (ours.precision, ours.recall, ours.coverage, ours.f1) == (1, 1, 1, 1)


def test_copies_are_within_balls_of_radius_zero():
    real = torch.randn(20, 40, generator=torch.Generator().manual_seed(0)).repeat(8, 1)  # every radius is 0
    ours = compare(real[:30], real)
    assert (ours.precision, ours.density) == (1, pytest.approx(8 / 5))
    assert ours.coverage == 1
    nearly = compare(real[:30] + 1e-3, real)
    assert (nearly.precision, nearly.density, nearly.coverage) == (0, 0, 0)


def test_a_sample_on_the_edge_is_within():
    """All distances of a grid are tied: a rounding error on either side of the radius must not decide."""
    grid = torch.cartesian_prod(*[torch.arange(6.0)] * 3).double() * 0.1 + 7
    every = torch.cdist(grid, grid, compute_mode="donot_use_mm_for_euclid_dist")
    radius = every.kthvalue(6).values
    expected = float((every <= radius[:, None] + 1e-6).sum()) / (5 * len(grid))
    assert compare(grid, grid).density == pytest.approx(expected)


def test_slices_do_not_change_anything(monkeypatch):
    fake, real = clouds(300, 301, 5)
    whole = compare(fake, real)
    monkeypatch.setattr("ganbench.harness.metrics.neighbours.ROWS", 7)
    assert compare(fake, real) == whole


def test_too_few_samples_have_no_neighbours():
    fake, real = clouds(3, 50, 2)
    ours = compare(fake, real)
    assert math.isnan(ours.recall) and math.isnan(ours.f1) and math.isfinite(ours.precision)
    ours = compare(real, fake)
    assert all(map(math.isnan, (ours.precision, ours.density, ours.coverage))) and math.isfinite(ours.recall)
    between = compare(real, real[:5])
    assert math.isfinite(between.precision) and math.isnan(between.density) and math.isnan(between.coverage)


def test_nothing_in_common_is_zero():
    fake, real = clouds(50, 50, 2)
    ours = compare(fake + 1000, real)
    assert (ours.precision, ours.recall, ours.f1, ours.density, ours.coverage) == (0, 0, 0, 0, 0)
