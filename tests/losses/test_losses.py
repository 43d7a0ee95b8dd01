"""Losses against their formulas, at points worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch
from cells import CATALOG

REAL, FAKE = torch.tensor([2.0, -1.0]), torch.tensor([0.0, 1.0])


def softplus(x: float) -> float:
    return math.log1p(math.exp(x))


def mean(*values: float) -> float:
    return sum(values) / len(values)


# The mean of the real logits is 0.5, and so is that of the generated ones.
EXPECTED = {
    "non_saturating": (
        mean(softplus(-2), softplus(1)) + mean(softplus(0), softplus(1)),
        mean(softplus(0), softplus(-1)),
    ),
    "minimax": (mean(softplus(-2), softplus(1)) + mean(softplus(0), softplus(1)), -mean(softplus(0), softplus(1))),
    "hinge": (mean(0, 2) + mean(1, 2), -0.5),
    "wgan": (0.5 - 0.5, -0.5),
    "lsgan": (0.5 * (mean(1, 4) + mean(0, 1)), 0.5 * mean(1, 0)),
    "relativistic": (mean(softplus(-2), softplus(2)), mean(softplus(2), softplus(-2))),
    "relativistic_average": (
        mean(softplus(-1.5), softplus(1.5)) + mean(softplus(-0.5), softplus(0.5)),
        mean(softplus(0.5), softplus(-0.5)) + mean(softplus(1.5), softplus(-1.5)),
    ),
    "relativistic_average_hinge": (
        mean(0, 1 + 1.5) + mean(1 - 0.5, 1 + 0.5),
        mean(1 + 0.5, 1 - 0.5) + mean(1 + 1.5, 0),
    ),
}


def test_every_loss_has_a_worked_example():
    assert set(EXPECTED) == set(CATALOG.names("loss"))


@pytest.mark.parametrize("name", EXPECTED)
def test_a_loss_equals_its_formula(name):
    loss = CATALOG.create("loss", name)
    assert float(loss.discriminator(REAL, FAKE)) == pytest.approx(EXPECTED[name][0], rel=1e-6)
    assert float(loss.generator(FAKE, REAL if loss.compares else None)) == pytest.approx(EXPECTED[name][1], rel=1e-6)


def test_wgans_drift_adds_the_mean_square_of_the_real_logits():
    loss = CATALOG.create("loss", {"name": "wgan", "drift": 0.1})
    assert float(loss.discriminator(REAL, FAKE)) == pytest.approx(0.1 * mean(4, 1))


@pytest.mark.parametrize("name", EXPECTED)
def test_a_better_discriminator_has_a_lower_loss_and_better_samples_a_lower_generators_loss(name):
    loss = CATALOG.create("loss", name)
    real, fake = torch.tensor([0.2, 0.4]), torch.tensor([-0.3, 0.1])
    assert loss.discriminator(real + 0.1, fake - 0.1) < loss.discriminator(real, fake)
    given = {"real": real} if loss.compares else {}
    assert loss.generator(fake + 0.1, **given) < loss.generator(fake, **given)


@pytest.mark.parametrize("name", EXPECTED)
def test_large_logits_of_either_sign_give_finite_losses(name):
    loss = CATALOG.create("loss", name)
    big = torch.tensor([1e4, -1e4])
    for value in (loss.discriminator(big, -big), loss.generator(big, -big)):
        assert bool(torch.isfinite(value))


def test_a_relativistic_generator_without_real_logits_is_told():
    with pytest.raises(ValueError, match="needs the logits of real samples"):
        CATALOG.create("loss", "relativistic").generator(FAKE)
