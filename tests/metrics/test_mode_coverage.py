"""Mode coverage: worked examples, the data themselves, and samples that are not finite."""

from __future__ import annotations

import math

import pytest
import torch
from cells import STORE

from ganbench.harness.data.modes import Gaussians
from ganbench.harness.data.ring8 import Ring8
from ganbench.harness.metrics.metric import Generated
from ganbench.harness.metrics.mode_coverage import ModeCoverage


def of_samples(evaluate):
    return lambda samples: evaluate(Generated(samples))


MODES = Gaussians(torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]), std=0.01)


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
