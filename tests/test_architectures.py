"""Architectures against the published parameter counts, and at every size that they promise."""

from __future__ import annotations

import math

import pytest
import torch

from harness.models.build import build_networks
from harness.models.network import Network
from harness.normalizer import Normalizer
from harness.registry import Catalog

CATALOG = Catalog()


def networks(spec, shape: tuple[int, ...]) -> tuple[Network, Network]:
    return build_networks(CATALOG.create("architecture", spec), Normalizer(), Normalizer(), shape)


def published_count(network: Network, *, batch_norm: bool) -> int:
    """Parameters as papers count them: a bias everywhere, and a scale and a shift where batch normalization stands.

    Ours are fewer by the biases that batch normalization makes void.
    """
    total = 0
    for layer in network.layers.values():
        total += math.prod(layer.shape) + layer.out_features
        total += 2 * layer.out_features if batch_norm and layer.normalized else 0
    return total


@pytest.mark.parametrize(
    ("widths", "side", "generator", "discriminator"),
    [
        ("paper", 32, 3_828_739, 2_935_873),
        ("paper", 48, 5_170_179, 2_946_113),
        ("paper", 64, 7_048_195, 2_960_449),
        ("code", 32, 3_828_739, 5_860_865),
        ("code", 64, 7_048_195, 5_885_441),
    ],
)
def test_sngan_cnn_has_the_published_number_of_parameters(widths, side, generator, discriminator):
    made = networks({"name": "sngan_cnn", "widths": widths}, (3, side, side))
    assert published_count(made[0], batch_norm=True) == generator
    assert published_count(made[1], batch_norm=False) == discriminator


def test_without_a_normalizer_every_layer_has_its_bias_and_nothing_else():
    architecture = CATALOG.create("architecture", "sngan_cnn")
    _, discriminator = networks("sngan_cnn", (3, 32, 32))
    params, _ = discriminator.init(architecture.initialize, torch.Generator(), torch.Generator())
    assert sum(value.numel() for layer in params.values() for value in layer.values()) == 2_935_873


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    ("spec", "sides"),
    [({"name": "dcgan", "width": 4}, (4, 8, 16, 32, 64)), ("sngan_cnn", (8, 32, 48, 64))],
)
def test_an_architecture_makes_what_it_says_it_can(spec, sides, channels):
    architecture = CATALOG.create("architecture", spec)
    for side in sides:
        shape = (channels, side, side)
        assert architecture.check(shape) is None
        generator, discriminator = networks(spec, shape)
        z = torch.empty(2, architecture.latent_size(), device="meta")
        made = generator(_empty(generator), z)
        assert made.shape == (2, *shape)
        assert discriminator(_empty(discriminator), made).shape == (2,)


def _empty(network: Network):
    return {name: {"weight": torch.empty(layer.shape, device="meta")} for name, layer in network.layers.items()}


@pytest.mark.parametrize(
    ("spec", "shape"),
    [
        ("dcgan", (1, 12, 12)),
        ("dcgan", (1, 2, 2)),
        ("dcgan", (1, 8, 16)),
        ("dcgan", (2,)),
        ("sngan_cnn", (3, 36, 36)),
        ("sngan_cnn", (2,)),
        ("mlp", (1, 8, 8)),
    ],
)
def test_an_architecture_says_what_it_cannot_make(spec, shape):
    assert CATALOG.create("architecture", spec).check(shape)


def test_sngan_cnns_discriminator_starts_from_a_truncated_normal():
    """Within two standard deviations of 0.02; truncation leaves 0.88 of the standard deviation."""
    architecture = CATALOG.create("architecture", "sngan_cnn")
    generator, discriminator = networks("sngan_cnn", (3, 32, 32))
    weight = architecture.initialize(discriminator.layers["conv6"], torch.Generator().manual_seed(0))
    assert float(weight.abs().max()) <= 0.04
    assert float(weight.std()) == pytest.approx(0.02 * 0.8796, rel=0.01)
    plain = architecture.initialize(generator.layers["up1"], torch.Generator().manual_seed(0))
    assert float(plain.std()) == pytest.approx(0.02, rel=0.01)
