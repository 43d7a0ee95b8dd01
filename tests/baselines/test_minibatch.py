"""Features of the batch, against worked examples."""

from __future__ import annotations

import math

import pytest
import torch
from cells import CATALOG
from layers import a_layer

from ganbench.harness.errors import MethodError
from ganbench.harness.models.build import build_networks
from ganbench.harness.models.network import Network
from ganbench.harness.normalizer import Normalizer

LAST = a_layer("linear", (1, 3 + 2), last=True, extra=2)


def test_two_equal_samples_and_a_distant_one_see_one_one_and_none():
    normalizer = CATALOG.create("normalizer", {"name": "minibatch_discrimination", "kernels": 2, "dimension": 3})
    x = torch.tensor([[1.0, 2.0, 3.0], [1.0, 2.0, 3.0], [90.0, -80.0, 70.0]])
    tensor = torch.randn(3, 6, generator=torch.Generator().manual_seed(0))
    extended = normalizer.extend(x, {"tensor": tensor}, LAST)
    assert torch.equal(extended[:, :3], x)
    torch.testing.assert_close(extended[:, 3:], torch.tensor([[1.0, 1.0], [1.0, 1.0], [0.0, 0.0]]))


def test_nearness_falls_with_the_l1_distance_of_the_kernels_rows():
    normalizer = CATALOG.create("normalizer", {"name": "minibatch_discrimination", "kernels": 2, "dimension": 1})
    x = torch.tensor([[0.0], [1.0], [3.0]])
    extended = normalizer.extend(x, {"tensor": torch.tensor([[1.0, 0.5]])}, LAST)
    expected = [math.exp(-1) + math.exp(-3), math.exp(-0.5) + math.exp(-1.5)]
    assert extended[0, 1:].tolist() == pytest.approx(expected)


def test_the_stddev_of_equal_samples_is_the_root_of_its_epsilon():
    normalizer = CATALOG.create("normalizer", "minibatch_stddev")
    extended = normalizer.extend(torch.full((8, 3), 5.0), {}, LAST)
    torch.testing.assert_close(extended[:, 3], torch.full((8,), 1e-4))


@pytest.mark.parametrize(("group", "batch"), [(4, 8), (4, 6), (2, 8), (64, 8)])
def test_the_stddev_is_that_of_the_samples_group(group, batch):
    normalizer = CATALOG.create("normalizer", {"name": "minibatch_stddev", "group": group})
    x = torch.randn(batch, 5, generator=torch.Generator().manual_seed(0))
    found = normalizer.extend(x, {}, LAST)[:, 5]
    size = max(size for size in range(1, min(group, batch) + 1) if batch % size == 0)
    for index in range(batch):
        members = x[index % (batch // size) :: batch // size]
        expected = (members.var(dim=0, correction=0) + 1e-8).sqrt().mean()
        assert float(found[index]) == pytest.approx(float(expected), rel=1e-5)


@pytest.mark.parametrize("spec", ["minibatch_stddev", "spectral_norm + minibatch_discrimination"])
def test_the_last_layer_has_room_for_the_features_and_every_other_weight_is_the_same(spec):
    dcgan = CATALOG.create("architecture", {"name": "dcgan", "width": 4})
    starts = []
    for normalizer in (Normalizer(), CATALOG.create("normalizer", spec)):
        _, network = build_networks(dcgan, normalizer, Normalizer(), (1, 8, 8))
        params, state = network.init(dcgan.initialize, torch.Generator().manual_seed(1), torch.Generator())
        weights, _ = network.effective(params, state)
        assert network(weights, torch.randn(6, 1, 8, 8)).shape == (6,)
        starts.append((network, params))
    (plain, before), (extended, after) = starts
    assert all(torch.equal(before[name]["weight"], after[name]["weight"]) for name in ("down1", "down2"))
    extra = extended.layers["output"].extra
    assert extra in (1, 100)
    assert extended.layers["output"].shape[1] == plain.layers["output"].shape[1] + extra


def test_features_of_the_wrong_number_are_a_method_error():
    class Wrong(Normalizer):
        name = "wrong"

        def extra_features(self, layer):
            return 2

    network = Network.build("discriminator", lambda net, x: net.linear("a", x, 1, last=True), (3,), Wrong())
    params, state = network.init(lambda layer, _: torch.zeros(layer.shape), torch.Generator(), torch.Generator())
    weights, _ = network.effective(params, state)
    with pytest.raises(MethodError, match="wrong.extend at layer 'a' returned shape"):
        network(weights, torch.zeros(4, 3))
