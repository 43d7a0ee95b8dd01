"""Initialisations: their variance, bound and singular values, on every layer type."""

from __future__ import annotations

import pytest
import torch
from cells import CATALOG
from layers import a_layer

from ganbench.harness.normalizer.layers import Layer, output_matrix

SHAPES = {"linear": (200, 300), "conv": (40, 30, 4, 4), "conv_transpose": (30, 40, 4, 4)}
FANS = {"linear": (300, 200), "conv": (480, 640), "conv_transpose": (480, 640)}  # torch swaps those of the last


def described(kind: str, last: bool = False) -> Layer:
    return a_layer(kind, SHAPES[kind], last=last)


@pytest.mark.parametrize("kind", SHAPES)
@pytest.mark.parametrize(
    ("name", "variance"),
    [
        ("lecun", lambda fan_in, fan_out: 1 / fan_in),
        ("xavier", lambda fan_in, fan_out: 2 / (fan_in + fan_out)),
        ("kaiming", lambda fan_in, fan_out: 2 / (1.04 * fan_in)),
        ("dcgan", lambda fan_in, fan_out: 0.02**2),
        ("equalized_learning_rate", lambda fan_in, fan_out: 1),
    ],
)
def test_the_variance_is_the_published_one(name, variance, kind):
    layer = described(kind)
    assert (layer.fan_in, layer.fan_out) == FANS[kind]
    weight = CATALOG.create("normalizer", name).initialize(layer, torch.Generator().manual_seed(0))
    assert weight.shape == SHAPES[kind]
    assert float(weight.var()) == pytest.approx(variance(*FANS[kind]), rel=0.04)
    assert abs(float(weight.mean())) < 4 * float(weight.std()) / weight.numel() ** 0.5


@pytest.mark.parametrize("kind", SHAPES)
def test_orthogonal_weights_have_equal_singular_values(kind):
    layer = described(kind)
    normalizer = CATALOG.create("normalizer", {"name": "orthogonal", "gain": 1.5})
    weight = normalizer.initialize(layer, torch.Generator().manual_seed(0))
    sigma = torch.linalg.svdvals(output_matrix(weight, layer).double())
    torch.testing.assert_close(sigma, torch.full_like(sigma, 1.5), rtol=1e-4, atol=0)


def test_equalized_learning_rate_scales_at_run_time():
    normalizer = CATALOG.create("normalizer", "equalized_learning_rate")
    weight = torch.ones(SHAPES["conv"])
    hidden, _ = normalizer.reparameterize(weight, {}, {}, described("conv"))
    last, _ = normalizer.reparameterize(weight, {}, {}, described("conv", last=True))
    assert float(hidden[0, 0, 0, 0]) == pytest.approx((2 / 480) ** 0.5)
    assert float(last[0, 0, 0, 0]) == pytest.approx(1 / 480**0.5)
