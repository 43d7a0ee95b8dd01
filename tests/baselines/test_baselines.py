"""Normalizers against their formulas, on kernels with structure: a random Gaussian kernel hides BSSN's usual bug."""

from __future__ import annotations

import pytest
import torch
from cells import CATALOG
from layers import a_layer as layer
from torch import nn
from torch.nn import functional as F

from ganbench.harness.models.build import build_networks, refusal
from ganbench.harness.normalizer.layers import RELU, input_matrix, output_matrix

REPARAMETRIZATIONS = (
    *("spectral_norm", "spectral_norm_conv", "ssn", "bsn", "bssn"),
    *("weight_norm", "weight_norm_strict", "weight_norm_affine"),
)


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def settled(normalizer, weight, described, steps=200):
    """The effective weight after the power iteration has converged."""
    state = normalizer.init_state(weight, described, generator())
    params = normalizer.init_params(weight, described, generator())
    for _ in range(steps):
        effective, state = normalizer.reparameterize(weight, params, state, described)
    return effective


def kernels() -> dict[str, torch.Tensor]:
    draws = generator()
    a, b, c = (torch.randn(size, generator=draws, dtype=torch.float64) for size in (12, 5, (4, 4)))
    rank_one = torch.einsum("o,i,yx->oiyx", a, b, c)
    blocks = torch.zeros(12, 5, 4, 4, dtype=torch.float64)
    for channel in range(5):
        blocks[2 * channel : 2 * channel + 2, channel] = torch.randn(2, 4, 4, generator=draws, dtype=torch.float64)
    return {"rank one": rank_one, "block diagonal": blocks, "random": torch.randn(12, 5, 4, 4, dtype=torch.float64)}


@pytest.mark.parametrize("name", ["rank one", "block diagonal"])
def test_spectral_norm_divides_by_the_exact_singular_value(name):
    weight = kernels()[name]
    described = layer("conv", tuple(weight.shape))
    normalizer = CATALOG.create("normalizer", "spectral_norm")
    effective = settled(normalizer, weight.float(), described)
    sigma = torch.linalg.svdvals(weight.reshape(12, -1))[0]
    torch.testing.assert_close(effective.double(), weight / sigma, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("scale", [1.0, 1.2])
@pytest.mark.parametrize("name", ["rank one", "block diagonal"])
def test_bssn_divides_by_the_mean_of_both_singular_values_and_scales(name, scale):
    weight = kernels()[name]
    described = layer("conv", tuple(weight.shape))
    normalizer = CATALOG.create("normalizer", {"name": "bssn", "scale": scale})
    effective = settled(normalizer, weight.float(), described)
    out = torch.linalg.svdvals(weight.reshape(12, -1))[0]
    into = torch.linalg.svdvals(weight.permute(1, 0, 2, 3).reshape(5, -1))[0]
    torch.testing.assert_close(effective.double(), scale * weight / ((out + into) / 2), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", ["rank one", "block diagonal"])
def test_ssn_and_bsn_are_the_scaled_and_the_bidirectional_half_of_bssn(name):
    weight = kernels()[name]
    described = layer("conv", tuple(weight.shape))
    out = torch.linalg.svdvals(weight.reshape(12, -1))[0]
    into = torch.linalg.svdvals(weight.permute(1, 0, 2, 3).reshape(5, -1))[0]
    ssn = settled(CATALOG.create("normalizer", {"name": "ssn", "scale": 0.7}), weight.float(), described)
    bsn = settled(CATALOG.create("normalizer", "bsn"), weight.float(), described)
    torch.testing.assert_close(ssn.double(), 0.7 * weight / out, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(bsn.double(), weight / ((out + into) / 2), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("kind", "shape", "stride", "padding", "size"),
    [
        ("conv", (4, 3, 4, 4), 2, 1, 6),
        ("conv", (4, 3, 4, 4), 2, 1, 7),  # the last row and column are not reached
        ("conv", (2, 5, 3, 3), 1, 1, 5),
        ("conv_transpose", (3, 4, 4, 4), 2, 1, 3),
        ("linear", (6, 9), 1, 0, 0),
    ],
)
def test_the_strict_spectral_norm_is_that_of_the_unrolled_operator(kind, shape, stride, padding, size):
    weight = torch.randn(shape, generator=generator(), dtype=torch.float64)
    operation = {
        "conv": lambda x: F.conv2d(x, weight, stride=stride, padding=padding),
        "conv_transpose": lambda x: F.conv_transpose2d(x, weight, stride=stride, padding=padding),
        "linear": lambda x: F.linear(x, weight),
    }[kind]
    channels = shape[0] if kind == "conv_transpose" else shape[1]
    inputs = (channels,) if kind == "linear" else (channels, size, size)
    basis = torch.eye(channels * max(size, 1) ** 2, dtype=torch.float64).view(-1, *inputs)
    outputs = operation(basis)
    sigma = torch.linalg.svdvals(outputs.flatten(1))[0]
    sizes = {"input_size": inputs[1:], "output_size": tuple(outputs.shape[2:])}
    described = layer(kind, shape, stride=stride, padding=padding, **sizes)
    normalizer = CATALOG.create("normalizer", "spectral_norm_conv")
    effective = settled(normalizer, weight.float(), described, steps=2000)
    torch.testing.assert_close(effective.double(), weight / sigma, rtol=1e-3, atol=1e-5)
    reshaped = torch.linalg.svdvals(output_matrix(weight, described))[0]
    taps = described.kernel_size
    assert sigma <= reshaped * taps**0.5 + 1e-9  # the bound that makes the reshaped norm useful


def test_the_structured_kernels_tell_the_transposition_bug_from_the_formula():
    """The test above is worth something only if the wrong reshape gives another number."""
    for name in ("rank one", "block diagonal"):
        weight = kernels()[name]
        right = torch.linalg.svdvals(weight.permute(1, 0, 2, 3).reshape(5, -1))[0]
        wrong = torch.linalg.svdvals(weight.reshape(5, -1))[0]
        assert abs(wrong / right - 1) > 0.05


def test_on_a_rank_one_kernel_both_norms_are_the_product_of_the_factors():
    draws = generator()
    a, b, c = (torch.randn(size, generator=draws, dtype=torch.float64) for size in (12, 5, (4, 4)))
    weight = torch.einsum("o,i,yx->oiyx", a, b, c)
    expected = a.norm() * b.norm() * c.norm()
    for matrix in (output_matrix, input_matrix):
        sigma = torch.linalg.svdvals(matrix(weight, layer("conv", tuple(weight.shape))))[0]
        torch.testing.assert_close(sigma, expected)


def test_matrices_of_a_transposed_convolution_are_those_of_the_convolution_with_swapped_axes():
    weight = kernels()["block diagonal"]
    plain = layer("conv", tuple(weight.shape))
    swapped = weight.transpose(0, 1).contiguous()
    transposed = layer("conv_transpose", tuple(swapped.shape))
    assert torch.equal(output_matrix(weight, plain), output_matrix(swapped, transposed))
    assert torch.equal(input_matrix(weight, plain), input_matrix(swapped, transposed))


def test_on_linear_layers_bssn_of_scale_one_is_spectral_norm():
    weight = torch.randn(7, 3, generator=generator())
    described = layer("linear", (7, 3))
    results = [settled(CATALOG.create("normalizer", name), weight, described) for name in ("spectral_norm", "bssn")]
    torch.testing.assert_close(*results)


def test_spectral_norm_agrees_with_torchs_under_the_same_updates():
    """Torch advances at every forward in training mode; one forward per step is our policy too.

    Torch takes sigma half an iteration later than Miyato's algorithm 1, so the vectors agree at every step, and the
    weights once the iteration has converged.
    """
    torch_layer = nn.utils.parametrizations.spectral_norm(nn.Conv2d(5, 12, 4, bias=False))
    raw = torch_layer.parametrizations.weight.original.detach()
    described = layer("conv", (12, 5, 4, 4))
    normalizer = CATALOG.create("normalizer", "spectral_norm")
    state = {"u": torch_layer.parametrizations.weight[0]._u.clone()}
    for step in range(300):
        theirs = torch_layer.weight
        ours, state = normalizer.reparameterize(raw, {}, state, described)
        if step < 5:
            torch.testing.assert_close(state["u"], torch_layer.parametrizations.weight[0]._u)
    torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("name", REPARAMETRIZATIONS)
def test_the_gradient_through_a_normalizer_equals_the_finite_difference(name):
    normalizer = CATALOG.create("normalizer", name)
    described = layer("conv", (4, 3, 2, 2), output_size=(2, 2), last=name == "weight_norm_strict")
    weight = torch.randn(4, 3, 2, 2, generator=generator(), dtype=torch.float64)
    state = normalizer.init_state(weight.float(), described, generator())
    state = {key: value.double() for key, value in state.items()}
    params = {key: value.double() for key, value in normalizer.init_params(weight, described, generator()).items()}
    for _ in range(500):  # at a fixed point of the power iteration the gradient that holds u and v is the true one
        _, state = normalizer.reparameterize(weight, params, state, described)
    assert torch.autograd.gradcheck(
        lambda raw: normalizer.reparameterize(raw, params, state, described)[0],
        weight.clone().requires_grad_(),
        rtol=1e-4,
        atol=1e-6,
    )


def test_strict_weight_norm_gives_unit_variance_to_unit_inputs():
    normalizer = CATALOG.create("normalizer", "weight_norm_strict")
    weight = 3.7 * torch.randn(6, 50, generator=generator())
    effective, _ = normalizer.reparameterize(weight, {}, {}, layer("linear", (6, 50)))
    torch.testing.assert_close(effective.norm(dim=1), torch.ones(6))


def test_strict_weight_norm_of_a_stride_2_deconvolution_has_unit_variance_over_the_output_phases():
    normalizer = CATALOG.create("normalizer", "weight_norm_strict")
    described = layer("conv_transpose", (8, 3, 4, 4), stride=2)
    weight = torch.randn(8, 3, 4, 4, generator=generator())
    effective, _ = normalizer.reparameterize(weight, {}, {}, described)
    x = torch.randn(4000, 8, 5, 5, generator=generator())
    y = F.conv_transpose2d(x, effective, stride=2, padding=1)[:, :, 2:-2, 2:-2]
    torch.testing.assert_close(y.var(dim=(0, 2, 3)), torch.ones(3), rtol=0.03, atol=0)


def test_translated_prelu_is_prelu_around_its_threshold_with_the_slope_held_in_the_unit_interval():
    normalizer = CATALOG.create("normalizer", "weight_norm_strict")
    described = layer("linear", (3, 2), activation=RELU)
    params = {"slope": torch.tensor([0.5, 2.0, -1.0]), "threshold": torch.tensor([1.0, 0.0, 2.0])}
    x = torch.tensor([[0.0, -3.0, 1.0], [4.0, 3.0, 5.0]])
    expected = torch.tensor([[0.5, -3.0, 2.0], [4.0, 3.0, 5.0]])
    torch.testing.assert_close(normalizer.activate(x, params, described), expected)


def test_strict_layers_have_no_bias_and_the_last_is_affine():
    normalizer = CATALOG.create("normalizer", "weight_norm_strict")
    weight = torch.randn(3, 4, generator=generator())
    hidden, last = layer("linear", (3, 4)), layer("linear", (3, 4), last=True)
    assert not normalizer.has_bias(hidden)
    assert normalizer.has_bias(last)
    gamma = torch.tensor([1.0, 2.0, 3.0])
    effective, _ = normalizer.reparameterize(weight, {"gamma": gamma}, {}, last)
    torch.testing.assert_close(effective.norm(dim=1), gamma)


def test_batch_norm_equals_torchs_module_and_stands_where_dcgan_has_it():
    normalizer = CATALOG.create("normalizer", "batch_norm")
    described = layer("conv", (6, 3, 4, 4))
    params = normalizer.init_activation(described, generator())
    x = torch.randn(16, 6, 5, 5, generator=generator())
    torch.testing.assert_close(normalizer.activate(x, params, described), nn.BatchNorm2d(6)(x))
    first = layer("conv", (6, 3, 4, 4), normalized=False)
    assert torch.equal(normalizer.activate(x, {}, first), x)
    assert (normalizer.has_bias(first), normalizer.has_bias(described)) == (True, False)


@pytest.mark.parametrize(
    ("spec", "module"),
    [
        ("layer_norm", nn.GroupNorm(1, 12)),
        ({"name": "group_norm", "groups": 4}, nn.GroupNorm(4, 12)),
        ({"name": "group_norm", "groups": 5}, nn.GroupNorm(4, 12)),  # 5 does not divide 12
        ({"name": "group_norm", "groups": 12}, nn.InstanceNorm2d(12, affine=True)),
        ("instance_norm", nn.InstanceNorm2d(12, affine=True)),
    ],
)
def test_normalizations_of_activations_equal_torchs_modules(spec, module):
    normalizer = CATALOG.create("normalizer", spec)
    described = layer("conv", (12, 3, 4, 4))
    gamma, beta = torch.linspace(0.5, 2, 12), torch.linspace(-1, 1, 12)
    module.load_state_dict({"weight": gamma, "bias": beta})
    assert normalizer.init_activation(described, generator()).keys() == {"gamma", "beta"}
    x = torch.randn(6, 12, 5, 5, generator=generator())
    torch.testing.assert_close(normalizer.activate(x, {"gamma": gamma, "beta": beta}, described), module(x))


def test_layer_norm_of_a_fully_connected_layer_equals_torchs():
    normalizer = CATALOG.create("normalizer", "layer_norm")
    described = layer("linear", (7, 3))
    x = torch.randn(5, 7, generator=generator())
    params = normalizer.init_activation(described, generator())
    torch.testing.assert_close(normalizer.activate(x, params, described), nn.LayerNorm(7)(x))


def test_instance_norm_leaves_single_places_alone_and_refuses_a_network_that_has_no_others():
    normalizer = CATALOG.create("normalizer", "instance_norm")
    single = layer("conv", (4, 3, 4, 4), output_size=(1, 1))
    x = torch.randn(5, 4, 1, 1, generator=generator())
    assert torch.equal(normalizer.activate(x, {}, single), x)
    assert normalizer.has_bias(single)
    mlp = CATALOG.create("architecture", "mlp")
    dcgan = CATALOG.create("architecture", {"name": "dcgan", "width": 4})
    assert "more than one place" in refusal(mlp, normalizer, (2,))
    assert refusal(dcgan, normalizer, (1, 8, 8)) is None


def test_group_norm_does_not_erase_units_that_would_be_a_group_each():
    narrow, wide = (CATALOG.create("architecture", {"name": "mlp", "width": width}) for width in (16, 64))
    normalizer = CATALOG.create("normalizer", "group_norm")
    assert "groups of more than one number" in refusal(narrow, normalizer, (2,))
    assert refusal(wide, normalizer, (2,)) is None
    assert refusal(narrow, CATALOG.create("normalizer", {"name": "group_norm", "groups": 4}), (2,)) is None
    x = torch.randn(5, 16, generator=generator())
    assert torch.equal(normalizer.activate(x, {}, layer("linear", (16, 3))), x)


def test_group_norm_drops_the_bias_only_where_every_channel_is_a_group():
    normalizer = CATALOG.create("normalizer", {"name": "group_norm", "groups": 4})
    assert not normalizer.has_bias(layer("conv", (4, 3, 4, 4)))
    assert normalizer.has_bias(layer("conv", (8, 3, 4, 4)))


@pytest.mark.parametrize(
    ("kind", "module"),
    [("linear", nn.Linear(3, 5)), ("conv", nn.Conv2d(3, 5, 4)), ("conv_transpose", nn.ConvTranspose2d(3, 5, 4))],
)
def test_weight_norm_equals_torchs(kind, module):
    shape = tuple(module.weight.shape)
    described = layer(kind, shape)
    normalizer = CATALOG.create("normalizer", "weight_norm")
    raw = module.weight.detach().clone()
    params = normalizer.init_params(raw, described, generator())
    torch.testing.assert_close(normalizer.reparameterize(raw, params, {}, described)[0], raw)  # starts as it was
    theirs = nn.utils.parametrizations.weight_norm(module, dim=1 if kind == "conv_transpose" else 0)
    lengths = torch.linspace(0.5, 2, 5)
    with torch.no_grad():
        theirs.parametrizations.weight.original0.copy_(lengths.view(theirs.parametrizations.weight.original0.shape))
    ours, _ = normalizer.reparameterize(raw, {"g": lengths}, {}, described)
    torch.testing.assert_close(ours, theirs.weight)


def test_affine_weight_norm_is_the_strict_one_times_gamma_with_prelu():
    affine, strict = (CATALOG.create("normalizer", f"weight_norm_{form}") for form in ("affine", "strict"))
    described = layer("conv_transpose", (3, 4, 4, 4), stride=2)
    weight = torch.randn(3, 4, 4, 4, generator=generator())
    gamma = torch.tensor([1.0, 2.0, 3.0, 4.0])
    ours, _ = affine.reparameterize(weight, {"gamma": gamma}, {}, described)
    plain, _ = strict.reparameterize(weight, {}, {}, described)
    torch.testing.assert_close(ours, plain * gamma.view(1, 4, 1, 1))
    x = torch.tensor([[-4.0, 4.0]])
    params = {"slope": torch.tensor([0.25, 0.25])}
    torch.testing.assert_close(
        affine.activate(x, params, layer("linear", (2, 1), activation=RELU)), torch.tensor([[-1.0, 4.0]])
    )
    assert affine.has_bias(described)


ARCHITECTURES = {
    "mlp": ({"width": 8}, (2,)),
    "dcgan": ({"width": 4}, (3, 16, 16)),
    "sngan_cnn": ({}, (3, 8, 8)),
    "sngan_resnet": ({"width": 0.06}, (1, 32, 32)),
    "xiang_li_dcgan": ({"width": 4}, (3, 16, 16)),
    "xiang_li_resnet": ({"width": 0.06, "blocks": 2}, (3, 16, 16)),
    "mescheder_resnet": ({"width": 4}, (3, 16, 16)),
    "progressive": ({"base": 64, "widest": 8}, (3, 16, 16)),
}
"""Every architecture, small, with the shape of its samples."""


def test_every_architecture_is_paired():
    assert set(ARCHITECTURES) == set(CATALOG.names("architecture"))


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("name", CATALOG.names("normalizer"))
def test_every_allowed_pair_of_normalizer_and_architecture_is_finite_at_initialisation(name, architecture):
    small, shape = ARCHITECTURES[architecture]
    spec = {"name": architecture, **small}
    plugin, normalizer = CATALOG.create("architecture", spec), CATALOG.create("normalizer", name)
    if refusal(plugin, normalizer, shape):
        assert (name, spec["name"]) in REFUSED
        return
    default = CATALOG.create("normalizer", plugin.generator_normalizer)
    x = torch.randn(8, plugin.latent, generator=generator())
    for network in build_networks(plugin, normalizer, default, shape):
        weights, _ = network.effective(*network.init(plugin.initialize, generator(), generator()))
        x = network(weights, x)
        assert bool(torch.isfinite(x).all())
    assert x.shape == (8,)


REFUSED = {("instance_norm", "mlp"), ("group_norm", "mlp")}
"""Pairs that make no sense, with the reason in the normalizer's `refuse`."""
