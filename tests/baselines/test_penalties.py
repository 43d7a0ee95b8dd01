"""Penalties against a double backward written by hand, and on discriminators whose gradient is known."""

from __future__ import annotations

import pytest
import torch
from cells import CATALOG
from layers import a_layer

PENALTIES = [
    "gradient_penalty",
    {"name": "gradient_penalty", "target": 0.0},
    {"name": "gradient_penalty", "one_sided": True},
    "dragan",
    "r1",
    "r2",
]


def draws(*shape: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(len(shape))
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def noise_for(normalizer, real: torch.Tensor) -> torch.Tensor | None:
    shape = normalizer.noise_shape(tuple(real.shape))
    return None if shape is None else torch.rand(shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


@pytest.mark.parametrize(
    ("spec", "length", "expected"),
    [
        ("gradient_penalty", 3.0, 10 * (3 - 1) ** 2),
        ("gradient_penalty", 0.5, 10 * 0.25),
        ({"name": "gradient_penalty", "target": 0.0, "weight": 2.0}, 3.0, 2 * 9),
        ({"name": "gradient_penalty", "one_sided": True}, 0.5, 0),
        ({"name": "gradient_penalty", "one_sided": True}, 3.0, 40),
        ("dragan", 3.0, 40),
        ("r1", 3.0, 10 / 2 * 9),
        ({"name": "r2", "gamma": 4.0}, 3.0, 4 / 2 * 9),
    ],
)
def test_on_a_linear_discriminator_the_penalty_is_that_of_its_length(spec, length, expected):
    normalizer = CATALOG.create("normalizer", spec)
    direction = draws(4, 2, 2)[0].flatten()
    direction = length * direction / direction.norm()
    real, fake = draws(6, 2, 2), draws(6, 2, 2) + 1
    value = normalizer.penalty(lambda x: x.flatten(1) @ direction, real, fake, noise_for(normalizer, real))
    assert float(value) == pytest.approx(expected, abs=1e-6)


def test_each_penalty_looks_where_its_paper_says():
    """On D(x) = |x|^2 / 2 the gradient is x itself, so the penalty tells at which points it was taken."""

    def squared(x):
        return x.square().sum(dim=1) / 2

    real, fake = draws(5, 3), draws(5, 3) + 2
    shares = torch.linspace(0, 1, 5, dtype=torch.float64)
    between = shares[:, None] * real + (1 - shares[:, None]) * fake
    expected = 10 * (between.norm(dim=1) - 1).square().mean()
    ours = CATALOG.create("normalizer", "gradient_penalty").penalty(squared, real, fake, shares)
    torch.testing.assert_close(ours, expected)
    uniform = torch.rand(5, 3, dtype=torch.float64)
    around = real + 0.5 * real.std(correction=0) * uniform
    ours = CATALOG.create("normalizer", "dragan").penalty(squared, real, fake, uniform)
    torch.testing.assert_close(ours, 10 * (around.norm(dim=1) - 1).square().mean())
    for name, where in (("r1", real), ("r2", fake)):
        ours = CATALOG.create("normalizer", name).penalty(squared, real, fake, None)
        torch.testing.assert_close(ours, 5 * where.square().sum(dim=1).mean())


@pytest.mark.parametrize("spec", PENALTIES)
def test_the_gradient_of_a_penalty_in_the_weights_equals_the_finite_difference(spec):
    normalizer = CATALOG.create("normalizer", spec)
    real, fake = draws(4, 3), draws(4, 3) + 1
    noise = noise_for(normalizer, real)

    def of_weights(first, second):
        return normalizer.penalty(lambda x: torch.tanh(x @ first) @ second, real, fake, noise)

    weights = [2 * draws(3, 5).requires_grad_(), draws(5).requires_grad_()]
    assert torch.autograd.gradcheck(of_weights, weights, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("spec", PENALTIES)
def test_a_constant_discriminator_has_a_finite_gradient(spec):
    normalizer = CATALOG.create("normalizer", spec)
    weight = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    real = draws(4, 3)
    value = normalizer.penalty(lambda x: x @ weight, real, real, noise_for(normalizer, real))
    (gradient,) = torch.autograd.grad(value, weight)
    assert bool(torch.isfinite(gradient).all())


@pytest.mark.parametrize("relaxed", [False, True])
def test_orthogonal_regularization_has_the_published_gradient(relaxed):
    described = a_layer("conv", (4, 3, 2, 2))
    normalizer = CATALOG.create("normalizer", {"name": "orthogonal_regularization", "beta": 0.1, "relaxed": relaxed})
    weight = draws(4, 3, 2, 2).requires_grad_()
    (ours,) = torch.autograd.grad(normalizer.weight_penalty(weight, described), weight)
    matrix, identity_ = weight.detach().reshape(4, -1), torch.eye(4, dtype=torch.float64)
    gram = matrix @ matrix.T
    expected = 0.1 * 2 * ((gram * (1 - identity_)) if relaxed else (gram - identity_)) @ matrix
    torch.testing.assert_close(ours.reshape(4, -1), expected)
    orthonormal = torch.linalg.qr(draws(12, 4)).Q.T.reshape(4, 3, 2, 2)
    assert float(normalizer.weight_penalty(orthonormal, described)) == pytest.approx(0, abs=1e-12)


def test_weight_clipping_clamps_every_parameter():
    normalizer = CATALOG.create("normalizer", {"name": "weight_clipping", "bound": 0.1})
    params = {"weight": torch.tensor([[-3.0, 0.05]]), "bias": torch.tensor([0.2])}
    clamped = normalizer.project(params, None)
    torch.testing.assert_close(clamped["weight"], torch.tensor([[-0.1, 0.05]]))
    torch.testing.assert_close(clamped["bias"], torch.tensor([0.1]))
