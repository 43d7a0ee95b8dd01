"""Layers of equal shape together: the numbers of one by one, accepted only where they are, and otherwise left alone."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import ClassVar

import pytest
import torch
from cells import CATALOG, a_cell, a_training, double
from layers import a_layer
from rotating import rotating

from ganbench.baselines import power_iteration
from ganbench.baselines.spectral_norm import SpectralNorm
from ganbench.baselines.weight_norm import WeightNorm
from ganbench.harness.conformance.subject import differences
from ganbench.harness.errors import MethodError
from ganbench.harness.models.network import Network, leaves
from ganbench.harness.models.operations import Tree
from ganbench.harness.models.stacking import groups
from ganbench.harness.models.stacking_check import misfit
from ganbench.harness.normalizer import Normalizer
from ganbench.harness.normalizer.composition import compose, offers_stacked
from ganbench.harness.normalizer.layers import input_matrix, output_matrix, per_layer, row_norms
from ganbench.harness.steps.form import batch_tensors, state_tensors
from ganbench.harness.steps.graph import graph_of
from ganbench.harness.steps.step import make_step
from ganbench.harness.training.training import Training, protocol_of

OFFERING = ("bsn", "bssn", "spectral_norm", "ssn", "weight_norm", "weight_norm_affine", "weight_norm_strict")
STACKED = (*OFFERING, "layer_norm + bssn + r1")

POINTS = {"dataset": "ring8", "architecture": {"name": "mlp", "width": 16, "depth": 4}, "metric": "mode_coverage"}

PICTURES = {
    "dataset": {"name": "digits", "side": 32},
    "architecture": {"name": "sngan_resnet", "width": 0.03},
    "metric": {"name": "fidelity", "extractor": "digits-cnn", "samples": 1000, "measures": ["fid"]},
    "batch_size": 4,
}


def stacked_step(training: Training):
    networks = (replace(network, stacked=True) for network in (training.generator, training.discriminator))
    return make_step(*networks, protocol_of(training.trial.cell))


def a_network(normalizer: Normalizer | str, depth: int = 4) -> tuple[Network, Tree, Tree]:
    """A discriminator with layers of equal shape, before training."""
    normalizer = CATALOG.create("normalizer", normalizer) if isinstance(normalizer, str) else normalizer
    plugin = CATALOG.create("architecture", {"name": "mlp", "width": 8, "depth": depth})
    network = Network.build("discriminator", plugin.discriminator, (2,), normalizer)
    return network, *network.init(plugin.initialize, torch.Generator().manual_seed(1), torch.Generator().manual_seed(2))


def test_the_spectral_and_the_weight_norms_offer_a_stacked_path():
    offering = {name for name in CATALOG.names("normalizer") if offers_stacked(CATALOG.create("normalizer", name))}
    assert offering == set(OFFERING)


SHAPES = {"linear": (5, 7), "conv": (5, 7, 3, 2), "conv_transpose": (5, 7, 3, 2)}


@pytest.mark.parametrize("kind", SHAPES)
@pytest.mark.parametrize("name", OFFERING)
def test_every_kind_of_layer_is_stacked_as_it_is_treated_alone(name, kind):
    normalizer, layer = CATALOG.create("normalizer", name), a_layer(kind, SHAPES[kind], stride=2)
    generator = torch.Generator().manual_seed(1)
    weights = torch.randn(3, *layer.shape, generator=generator)
    params = [normalizer.init_params(weight, layer, generator) for weight in weights]
    states = [normalizer.init_state(weight, layer, generator) for weight in weights]
    together = [{key: torch.stack([one[key] for one in many]).double() for key in many[0]} for many in (params, states)]
    made, after = normalizer.reparameterize_stacked(weights.double(), *together, [layer] * 3)
    for index, weight in enumerate(weights):
        own = ({key: value.double() for key, value in many[index].items()} for many in (params, states))
        expected, state = normalizer.reparameterize(weight.double(), *own, layer)
        torch.testing.assert_close(made[index], expected, rtol=1e-13, atol=0)
        assert after.keys() == state.keys()
        for key, value in state.items():
            torch.testing.assert_close(after[key][index], value, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("kind", SHAPES)
@pytest.mark.parametrize("view", [output_matrix, input_matrix, row_norms])
def test_a_view_of_several_weights_is_that_of_each(view, kind):
    layer = a_layer(kind, SHAPES[kind])
    weights = torch.randn(3, *layer.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    torch.testing.assert_close(view(weights, layer), torch.stack([view(weight, layer) for weight in weights]))


@pytest.mark.parametrize("base", [POINTS, PICTURES], ids=["mlp", "sngan_resnet"])
@pytest.mark.parametrize("name", rotating(STACKED, ("bssn", "weight_norm_strict", "layer_norm + bssn + r1"), 2))
def test_twenty_stacked_steps_equal_the_plain_ones(name, base):
    # By plain gradients: Adam divides a gradient that is 0 but for rounding by its own size, and makes a step of it.
    training = a_training(a_cell(base, normalizer=name, optimizer="sgd", lr_g=1e-3, lr_d=1e-3))
    network, norm = training.discriminator, training.state.discriminator
    assert sum(map(len, groups(network.weighted, norm.params, norm.norm))) >= 3, "it is about something"
    assert misfit(network, norm.params, norm.norm) is None
    step = stacked_step(training)
    plain = together = double(training.state)
    for now in range(1, 21):
        batch = double(training.draw(now))
        plain, seen = training.step(plain, batch, now == 20)
        together, also = step(together, batch, now == 20)
    assert differences(state_tensors(training.state), state_tensors(plain)) > 1e-4, "it has moved"
    assert differences(state_tensors(plain), state_tensors(together)) < 1e-11
    assert differences(seen, also) < 1e-10
    assert plain.to_plain()["discriminator"]["norm"].keys() == together.to_plain()["discriminator"]["norm"].keys()


@pytest.mark.parametrize("name", ["bssn", "weight_norm_strict"])
def test_a_stacked_step_is_traced_as_a_whole(name):
    training = a_training(a_cell(POINTS, normalizer=name))
    plain = double(training.state)
    traced = graph_of(stacked_step(training), plain, double(training.draw(1))).unobserved().module
    together = state_tensors(plain)
    for now in (1, 2):
        batch = double(training.draw(now))
        plain, _ = training.step(plain, batch, False)
        together = traced(*together, *batch_tensors(batch))
    assert differences(state_tensors(plain), together) < 1e-10


@pytest.mark.parametrize("name", [name for name in CATALOG.names("normalizer") if name not in OFFERING])
def test_a_normalizer_without_a_stacked_path_is_untouched(name):
    network, params, state = a_network(name)
    assert misfit(network, params, state) is None
    plain = network.effective(params, state)
    together = replace(network, stacked=True).effective(params, state)
    for expected, found in zip(plain, together, strict=True):
        assert list(expected) == list(found)
        assert all(torch.equal(a, b) for a, b in zip(leaves(expected), leaves(found), strict=True))


@pytest.mark.parametrize("name", OFFERING)
def test_layers_keep_their_order_and_those_alone_of_their_shape_their_bits(name):
    network, params, state = a_network(name)
    plain, together = network.effective(params, state), replace(network, stacked=True).effective(params, state)
    for expected, found in zip(plain, together, strict=True):
        assert [(layer, list(keys)) for layer, keys in expected.items()] == [
            (layer, list(keys)) for layer, keys in found.items()
        ]
        assert all(torch.equal(expected[alone][key], found[alone][key])
                   for alone in ("hidden0", "output") for key in expected[alone])  # fmt: skip


def test_layers_are_grouped_by_kind_shape_and_the_forms_of_what_belongs_to_them():
    network, params, state = a_network("bssn")
    assert groups(network.weighted, params, state) == [("hidden1", "hidden2", "hidden3")]
    kind = dict(network.weighted) | {"hidden1": replace(network.layers["hidden1"], kind="conv")}
    assert groups(kind, params, state) == [("hidden2", "hidden3")]
    other = params | {"hidden2": params["hidden2"] | {"g": torch.ones(1)}}
    assert groups(network.weighted, other, state) == [("hidden1", "hidden3")]
    other = state | {"hidden3": {"u_out": torch.ones(9)}}
    assert groups(network.weighted, params, other) == [("hidden1", "hidden2")]


@pytest.mark.parametrize("name", OFFERING)
def test_not_a_number_in_one_layer_reaches_no_other(name):
    network, params, state = a_network(name)
    network = replace(network, stacked=True)

    def made(weight: torch.Tensor) -> tuple[Tree, Tree, dict[str, torch.Tensor]]:
        tracked = {layer: {key: value.clone().requires_grad_() for key, value in keys.items()}
                   for layer, keys in (params | {"hidden2": params["hidden2"] | {"weight": weight}}).items()}  # fmt: skip
        weights, after = network.effective(tracked, state)
        total = torch.stack([weights[layer]["weight"].square().sum() for layer in network.weighted])
        raw = {layer: tracked[layer]["weight"] for layer in network.weighted}
        # Every layer's own share, so that the sum is not what carries it over.
        grads = torch.autograd.grad(total, list(raw.values()), torch.ones_like(total))
        return weights, after, dict(zip(raw, grads, strict=True))

    healthy, sick = made(params["hidden2"]["weight"]), made(torch.full((8, 8), math.nan))
    assert sick[0]["hidden2"]["weight"].isnan().all()
    for layer in ("hidden0", "hidden1", "hidden3", "output"):
        assert torch.equal(healthy[0][layer]["weight"], sick[0][layer]["weight"])
        assert all(torch.equal(healthy[1][layer][key], sick[1][layer][key]) for key in state[layer])
        assert torch.equal(healthy[2][layer], sick[2][layer])


class Spoilt(SpectralNorm):
    """Spectral normalization; what is wrong is said by the tests' subclasses."""

    name: ClassVar[str] = "spoilt"

    def step(self, weights, states, layers):
        return power_iteration.stacked_step(output_matrix(weights, layers[0]), states["u"])


class Raises(Spoilt):
    def reparameterize_stacked(self, weights, params, states, layers):
        raise ValueError("no luck today")


class Ends(Spoilt):
    def reparameterize_stacked(self, weights, params, states, layers):
        raise SystemExit(3)


class OneWeight(Spoilt):
    def reparameterize_stacked(self, weights, params, states, layers):
        return weights[0], states


class OtherKeys(Spoilt):
    def reparameterize_stacked(self, weights, params, states, layers):
        return weights, {"v": states["u"]}


class OneState(Spoilt):
    def reparameterize_stacked(self, weights, params, states, layers):
        return weights, {"u": states["u"][0]}


class Mixes(Spoilt):
    def reparameterize_stacked(self, weights, params, states, layers):
        sigma, u = self.step(weights, states, layers)
        return weights / sigma.max(), {"u": u}


class Forgets(Spoilt):
    def reparameterize_stacked(self, weights, params, states, layers):
        sigma, _ = self.step(weights, states, layers)
        return weights / per_layer(sigma, weights), states


class Stops(Spoilt):
    def reparameterize_stacked(self, weights, params, states, layers):
        sigma, u = self.step(weights, states, layers)
        return weights / per_layer(sigma.detach(), weights), {"u": u}


class Rough(Spoilt):
    """Computes in half the digits."""

    def reparameterize_stacked(self, weights, params, states, layers):
        sigma, u = self.step(weights.float(), {"u": states["u"].float()}, layers)
        return weights / per_layer(sigma, weights).to(weights.dtype), {"u": u.to(weights.dtype)}


class NotANumber(Spoilt):
    def reparameterize_stacked(self, weights, params, states, layers):
        return weights * math.nan, states


class Rolled(WeightNorm):
    """Gives every layer its neighbour's lengths, which are all alike before training."""

    def init_params(self, weight, layer, generator):
        return {"g": torch.ones(layer.out_features)}

    def reparameterize_stacked(self, weights, params, states, layers):
        return super().reparameterize_stacked(weights, {"g": params["g"].roll(1, 0)}, states, layers)


class Inherits(SpectralNorm):
    """Changes what is done to one weight, and forgets that it has inherited what is done to several."""

    def reparameterize(self, weight, params, state, layer):
        weight, state = super().reparameterize(weight, params, state, layer)
        return 2 * weight, state


class OnlyFloat32(SpectralNorm):
    def reparameterize(self, weight, params, state, layer):
        return torch.eye(weight.shape[0]) @ weight, state


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (
            Raises,
            "spoilt.reparameterize_stacked raised at layer 'hidden1, hidden2, hidden3': ValueError: no luck today",
        ),
        (Ends, "SystemExit: 3"),
        (OneWeight, "returned shape (8, 8) of torch.float64 (or a state with other keys), expected (3, 8, 8)"),
        (OtherKeys, "(or a state with other keys)"),
        (OneState, "(or a state with other keys)"),
        (Mixes, "in the effective 'weight' of layer 'hidden"),
        (Forgets, "in the next state 'u' of layer 'hidden1', in float64"),
        (Stops, "in the gradient by 'weight' of layer 'hidden1', in float64"),
        (Rough, "spoilt.reparameterize_stacked differs from reparameterize by"),
        (NotANumber, "differs from reparameterize by nan in the effective 'weight'"),
        (Rolled, "in the effective 'weight' of layer"),
        (Inherits, "in the effective 'weight' of layer"),
        (OnlyFloat32, "spectral_norm.reparameterize_stacked has nothing to be compared with in float64: "),
    ],
)
def test_a_wrong_stacked_path_is_refused_with_a_sentence(wrong, words):
    found = misfit(*a_network(wrong()))
    assert found is not None
    assert words in found
    assert "\n" not in found


def test_comparing_draws_no_global_random_numbers_and_changes_no_argument():
    network, params, state = a_network("bssn")
    before = torch.get_rng_state()
    kept = [value.clone() for value in leaves(params) + leaves(state)]
    assert misfit(network, params, state) is None
    assert torch.equal(before, torch.get_rng_state())
    assert all(torch.equal(a, b) for a, b in zip(kept, leaves(params) + leaves(state), strict=True))


@pytest.mark.parametrize("wrong", [Raises, Ends, OneWeight, OtherKeys, OneState])
def test_a_broken_stacked_path_is_a_method_error_where_it_is_run(wrong):
    network, params, state = a_network(wrong())
    with pytest.raises(MethodError, match=r"spoilt\.reparameterize_stacked"):
        replace(network, stacked=True).effective(params, state)


def test_layers_for_which_there_is_no_stacked_path_are_treated_by_themselves():
    class Chooses(SpectralNorm):
        def reparameterize_stacked(self, weights, params, states, layers):
            return None

    network, params, state = a_network(Chooses())
    assert offers_stacked(network.normalizer)
    assert misfit(network, params, state) is None
    plain, together = network.effective(params, state), replace(network, stacked=True).effective(params, state)
    assert differences(plain, together) == 0


def test_strides_that_differ_are_no_group_for_the_norms_that_they_enter():
    normalizer = CATALOG.create("normalizer", "weight_norm_strict")
    plugin = CATALOG.create("architecture", {"name": "dcgan", "width": 4, "latent": 8})
    network = Network.build("generator", lambda net, z: plugin.generator(net, z, (3, 16, 16)), (8,), normalizer)
    layer = next(layer for layer in network.layers.values() if layer.kind == "conv_transpose" and not layer.last)
    weights, other = torch.randn(2, *layer.shape), replace(layer, stride=layer.stride + 1)
    assert normalizer.reparameterize_stacked(weights, {}, {}, [layer, other]) is None
    made, _ = normalizer.reparameterize_stacked(weights, {}, {}, [layer, layer])
    for index in range(2):
        torch.testing.assert_close(made[index], normalizer.reparameterize(weights[index], {}, {}, layer)[0])


def test_a_composition_offers_what_the_part_that_reparameterizes_offers():
    def composed(*names: str) -> Normalizer:
        return compose([CATALOG.create("normalizer", name) for name in names])

    assert offers_stacked(composed("layer_norm", "bssn", "r1"))
    assert not offers_stacked(composed("spectral_norm_conv", "r1"))
    assert not offers_stacked(composed("layer_norm", "r1"))
    network, params, state = a_network(composed("layer_norm", "bssn", "r1"))
    assert misfit(network, params, state) is None
    plain, together = network.effective(params, state), replace(network, stacked=True).effective(params, state)
    assert 0 < differences(plain, together) < 1e-6, "float32 shows that it was taken, and rounding alone"
    assert list(together[1]["hidden1"]) == ["bssn.u_out"]
