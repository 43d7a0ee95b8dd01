"""Architectures against the published parameter counts, and at every size that they promise."""

from __future__ import annotations

import math

import pytest
import torch
from cells import CATALOG
from torch.nn import functional as F

from ganbench.harness.models.build import build_networks
from ganbench.harness.models.network import Network
from ganbench.harness.models.operations import Recorder
from ganbench.harness.normalizer import Normalizer


def networks(spec, shape: tuple[int, ...]) -> tuple[Network, Network]:
    return build_networks(CATALOG.create("architecture", spec), Normalizer(), Normalizer(), shape)


def published_count(network: Network, *, batch_norm: bool) -> int:
    """Parameters as papers count them: a bias everywhere, and a scale and a shift where batch normalization stands.

    Ours are fewer by the biases that batch normalization makes void.
    """
    total = 0
    for layer in network.layers.values():
        total += math.prod(layer.shape) + layer.out_features if layer.has_weight else 0
        total += 2 * layer.out_features if batch_norm and layer.normalized else 0
        total += sum(value.numel() for value in layer.init_activation().values())
    return total


def count(spec, side: int, normalizer: str) -> tuple[int, int]:
    """Parameters that are trained, of both networks under one normalizer."""
    plugin = CATALOG.create("architecture", {**spec, "generator_normalizer": normalizer})
    made = CATALOG.create("normalizer", normalizer)
    totals = []
    for network in build_networks(plugin, made, made, (3, side, side)):
        params, _ = network.init(lambda layer, _: torch.empty(layer.shape), torch.Generator(), torch.Generator())
        totals.append(sum(value.numel() for layer in params.values() for value in layer.values()))
    return totals[0], totals[1]


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


def test_radfords_generator_for_images_of_64_has_the_published_maps():
    """Figure 1 of the paper: 100 numbers, 4x4x1024, 8x8x512, 16x16x256, 32x32x128, 64x64x3."""
    published = {"name": "dcgan", "width": 128, "latent": 100, "smallest": 4}
    generator, _ = networks(published, (3, 64, 64))
    layers = list(generator.layers.values())
    assert layers[0].shape == (1024 * 4 * 4, 100)
    maps = [(layer.output_size[0], layer.out_features) for layer in layers[1:]]
    assert maps == [(8, 512), (16, 256), (32, 128), (64, 3)]


@pytest.mark.parametrize(
    ("side", "generator", "discriminator"),
    [
        (32, 4_276_739, 1_053_825),
        (48, 4_878_083, 10_141_441),
        (64, 12_220_675, 10_141_441),
        (128, 32_150_787, 29_017_857),
    ],
)
def test_sngan_resnet_has_the_published_number_of_parameters(side, generator, discriminator):
    made = networks("sngan_resnet", (3, side, side))
    assert published_count(made[0], batch_norm=True) == generator
    assert published_count(made[1], batch_norm=False) == discriminator


@pytest.mark.parametrize(
    ("side", "none", "batch", "strict"),
    [
        (32, (1_187_459, 663_425), (1_188_355, 664_193), (1_183_622, 663_426)),
        (64, (3_813_763, 2_765_697), (3_815_683, 2_767_489), (3_806_086, 2_765_698)),
        (128, (13_260_675, 11_164_545), (13_264_643, 11_168_385), (13_245_318, 11_164_546)),
    ],
)
def test_xiang_lis_dcgan_has_the_published_number_of_parameters_under_every_norm(side, none, batch, strict):
    spec = {"name": "xiang_li_dcgan"}
    assert count(spec, side, "none") == none
    assert count(spec, side, "weight_norm_strict") == strict
    made = networks(spec, (3, side, side))
    assert tuple(published_count(network, batch_norm=True) for network in made) == batch


@pytest.mark.parametrize(("blocks", "layers"), [(1, 11), (2, 21)])
def test_xiang_lis_residual_network_for_images_of_160_has_11_or_21_weight_layers(blocks, layers):
    for network in networks({"name": "xiang_li_resnet", "blocks": blocks}, (3, 160, 160)):
        assert sum("shortcut" not in name for name in network.weighted) == layers


def test_under_strict_weight_norm_xiang_lis_blocks_begin_as_their_shortcuts():
    """With p = 0 and q = 1 the residual branch is not heard: its weights do not change the output."""
    spec = CATALOG.create("architecture", {"name": "xiang_li_resnet", "width": 0.1})
    strict = CATALOG.create("normalizer", "weight_norm_strict")
    draws = torch.Generator().manual_seed(0)
    for network, x in zip(
        build_networks(spec, strict, strict, (3, 32, 32)), (torch.randn(4, 128), torch.rand(4, 3, 32, 32)), strict=True
    ):
        params, state = network.init(spec.initialize, draws, draws)
        before = network(network.effective(params, state)[0], x)
        for name in network.weighted:
            if "_conv" in name:
                params[name]["weight"] = torch.randn(params[name]["weight"].shape)
        assert torch.equal(network(network.effective(params, state)[0], x), before)
        for name, layer in network.layers.items():
            if layer.kind == "addition":
                params[name]["p"] = torch.ones(layer.out_features)
        assert not torch.equal(network(network.effective(params, state)[0], x), before)


def test_strict_weight_norm_joins_branches_of_unit_variance_to_unit_variance():
    strict = CATALOG.create("normalizer", "weight_norm_strict")
    draws = torch.Generator().manual_seed(0)
    residual, shortcut = torch.randn(2, 20_000, 3, 1, 1, generator=draws)
    params = {"p": torch.tensor([0.0, 1.0, -2.0]), "q": torch.tensor([1.0, 1.0, 0.5])}
    joined = strict.add(residual, shortcut, params, None)
    torch.testing.assert_close(joined.var(dim=0).flatten(), torch.ones(3), rtol=0.03, atol=0)


def test_a_residual_block_without_a_normalizer_is_the_published_formula():
    """The first block after the input of the 32-pixel discriminator, written out with torch's functions."""
    plugin = CATALOG.create("architecture", {"name": "sngan_resnet", "width": 0.05})
    _, network = networks(plugin.spec(), (3, 32, 32))
    draws = torch.Generator().manual_seed(0)
    params, _ = network.init(plugin.initialize, draws, draws)
    x = torch.randn(2, 3, 32, 32, generator=draws)

    def conv(name, value):
        weight, bias = params[name].values()
        return F.conv2d(value, weight, bias, padding=weight.shape[-1] // 2)

    h = F.avg_pool2d(conv("block1_conv2", conv("block1_conv1", x).relu()), 2)
    h = h + conv("block1_shortcut", F.avg_pool2d(x, 2))
    y = F.avg_pool2d(conv("block2_conv2", conv("block2_conv1", h.relu()).relu()), 2)
    h = y + F.avg_pool2d(conv("block2_shortcut", h), 2)
    for name in ("block3", "block4"):
        h = h + conv(f"{name}_conv2", conv(f"{name}_conv1", h.relu()).relu())
    weight, bias = params["output"].values()
    expected = F.linear(h.relu().sum(dim=(2, 3)), weight, bias).squeeze(1)
    torch.testing.assert_close(network(params, x), expected)


@pytest.mark.parametrize(("side", "levels"), [(32, 3), (50, 3), (64, 4), (100, 4), (128, 5), (160, 5)])
def test_xiang_lis_dcgan_has_as_many_levels_as_bring_the_side_below_8(side, levels):
    generator, discriminator = networks("xiang_li_dcgan", (3, side, side))
    assert len(discriminator.weighted) == len(generator.weighted) == levels + 1
    last = discriminator.layers[f"down{levels - 1}"]
    assert last.output_size[0] < 8
    assert generator.layers["up1"].input_size == discriminator.layers["down1"].output_size


def test_without_a_normalizer_every_layer_has_its_bias_and_nothing_else():
    architecture = CATALOG.create("architecture", "sngan_cnn")
    _, discriminator = networks("sngan_cnn", (3, 32, 32))
    params, _ = discriminator.init(architecture.initialize, torch.Generator(), torch.Generator())
    assert sum(value.numel() for layer in params.values() for value in layer.values()) == 2_935_873


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    ("spec", "sides"),
    [
        ({"name": "dcgan", "width": 4}, (4, 8, 16, 32, 64)),
        ({"name": "dcgan", "width": 4, "smallest": 4}, (8, 16, 32, 64, 128)),
        ("sngan_cnn", (8, 32, 48, 64)),
        ({"name": "sngan_resnet", "width": 0.1}, (32, 48, 64, 128)),
        ({"name": "xiang_li_dcgan", "width": 4}, (8, 10, 16, 28, 32, 48, 50, 64, 128, 160)),
        ({"name": "xiang_li_resnet", "width": 0.1}, (8, 12, 32, 48, 64, 128, 160)),
        ({"name": "xiang_li_resnet", "width": 0.1, "blocks": 2}, (8, 32, 160)),
        ({"name": "mescheder_resnet", "width": 4}, (8, 32, 64, 128)),
        ({"name": "progressive", "base": 64, "widest": 8}, (8, 16, 32, 64, 128)),
    ],
)
def test_an_architecture_makes_what_it_says_it_can(spec, sides, channels):
    architecture = CATALOG.create("architecture", spec)
    for side in sides:
        shape = (channels, side, side)
        assert architecture.check(shape) is None
        generator, discriminator = networks(spec, shape)
        z = torch.empty(2, architecture.latent, device="meta")
        made = generator(_empty(generator), z)
        assert made.shape == (2, *shape)
        assert discriminator(_empty(discriminator), made).shape == (2,)


def _empty(network: Network):
    """Parameters without values, of a network under a normalizer that adds none."""
    params, _ = network.init(lambda layer, _: torch.empty(layer.shape), torch.Generator(), torch.Generator())
    return {name: {key: value.to("meta") for key, value in layer.items()} for name, layer in params.items()}


@pytest.mark.parametrize(
    ("spec", "shape"),
    [
        ("dcgan", (1, 12, 12)),
        ({"name": "dcgan", "smallest": 4}, (1, 4, 4)),
        ("dcgan", (1, 2, 2)),
        ("dcgan", (1, 8, 16)),
        ("dcgan", (2,)),
        ("sngan_cnn", (3, 36, 36)),
        ("sngan_cnn", (2,)),
        ("sngan_resnet", (3, 16, 16)),
        ("sngan_resnet", (3, 32, 64)),
        ("xiang_li_dcgan", (3, 4, 4)),
        ("xiang_li_dcgan", (3, 9, 9)),
        ("xiang_li_dcgan", (3, 8, 16)),
        ("xiang_li_resnet", (3, 36, 36)),
        ("xiang_li_resnet", (3, 4, 4)),
        ("xiang_li_resnet", (3, 320, 320)),
        ("xiang_li_resnet", (2,)),
        ("mescheder_resnet", (3, 4, 4)),
        ("mescheder_resnet", (3, 48, 48)),
        ("mescheder_resnet", (2,)),
        ("progressive", (3, 4, 4)),
        ("progressive", (3, 48, 48)),
        ("progressive", (2,)),
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


@pytest.mark.parametrize(
    ("kernel", "stride", "padding"), [(1, 1, 0), (3, 1, 1), (3, 2, 1), (4, 2, 1), (4, 1, 0), (5, 3, 2)]
)
def test_a_recorded_layer_makes_the_shape_that_the_real_one_makes(kernel, stride, padding):
    recorder = Recorder("generator", Normalizer())
    x = torch.zeros(2, 3, 9, 9)
    conv = recorder.conv("down", x.to("meta"), 5, kernel, stride=stride, padding=padding)
    assert conv.shape == F.conv2d(x, torch.zeros(5, 3, kernel, kernel), None, stride, padding).shape
    back = recorder.conv_transpose("up", x.to("meta"), 5, kernel, stride=stride, padding=padding)
    assert back.shape == F.conv_transpose2d(x, torch.zeros(3, 5, kernel, kernel), None, stride, padding).shape


def test_a_layer_that_cannot_be_is_named_where_it_is_recorded():
    recorder = Recorder("discriminator", Normalizer())
    with pytest.raises(ValueError, match="layer 'large' of the discriminator: conv of"):
        recorder.conv("large", torch.empty(2, 3, 2, 2, device="meta"), 5, 4)
    with pytest.raises(ValueError, match="layer 'join' of the discriminator: addition of"):
        recorder.add("join", torch.empty(2, 3, 4, 4, device="meta"), torch.empty(2, 5, 4, 4, device="meta"))
