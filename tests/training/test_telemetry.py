"""What is observed of a training: each number against its definition, and a trace that survives an interruption."""

from __future__ import annotations

import math
import pickle
from dataclasses import replace

import numpy as np
import pytest
import torch
from cells import IMAGES, RESIDUAL, STORE, TOY, a_cell, a_training

from ganbench.harness.metrics.distance import mean_pairwise_distance
from ganbench.harness.models.network import leaves
from ganbench.harness.stability import judge, load_definition
from ganbench.harness.traces.columns import Columns
from ganbench.harness.training.loop import train
from ganbench.harness.training.recorder import Recorder
from ganbench.harness.training.telemetry import input_gradient, largest_singular_value, weight_telemetry
from ganbench.harness.training.training import Training


def measured(cell) -> Training:
    """A training with its real metric."""
    training = a_training(cell)
    training.material = replace(training.material, evaluate=cell.metric.prepare(training.material.data, STORE))
    return training


@pytest.mark.parametrize("shape", [(7, 30), (30, 7), (5, 5), (1, 64)])
def test_the_largest_singular_value_is_exact(shape):
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert largest_singular_value(matrix) == pytest.approx(float(torch.linalg.svdvals(matrix)[0]), rel=1e-10)


def test_the_stable_rank_is_one_for_rank_one_and_the_number_of_rows_for_orthonormal_rows():
    training = a_training(a_cell(TOY, architecture={"name": "mlp", "width": 6}))
    network, params = training.discriminator, training.state.discriminator.params
    params["hidden0"]["weight"] = torch.outer(torch.arange(1.0, 7), torch.tensor([1.0, -2.0]))
    params["hidden1"]["weight"] = 3 * torch.linalg.qr(torch.randn(6, 6))[0]
    found = weight_telemetry(network, network.effective(params, {name: {} for name in params})[0])
    assert found["hidden0"]["stable_rank"] == pytest.approx(1)
    assert found["hidden1"]["stable_rank"] == pytest.approx(6)
    assert found["hidden1"]["sigma"] == pytest.approx(3)
    assert found["hidden1"]["variance"] == pytest.approx(float(params["hidden1"]["weight"].var(correction=0)))


def test_the_gradient_at_the_input_of_a_linear_discriminator_is_its_weight():
    training = a_training(a_cell(TOY, architecture={"name": "mlp", "width": 4, "depth": 1}))
    network = training.discriminator
    params = {
        "hidden0": {"weight": torch.eye(2).repeat(2, 1), "bias": torch.full((4,), 10.0)},
        "output": {"weight": torch.tensor([[3.0, 0.0, 0.0, 4.0]]), "bias": torch.zeros(1)},
    }
    x = torch.rand(5, 2)  # far from the kink of the leaky ReLU
    assert input_gradient(network, params, x, None) == pytest.approx(5)


def test_the_mean_distance_is_that_of_all_pairs():
    points = torch.tensor([[0.0, 0.0], [3.0, 4.0], [0.0, 8.0]])
    assert mean_pairwise_distance(points) == pytest.approx((5 + 8 + 5) / 3)


def test_a_steps_gradients_and_updates_are_what_they_say():
    training = a_training(a_cell(TOY, optimizer="sgd", lr_g=0.1, lr_d=0.1))
    before = training.state
    seen = training.advance(observe=True)
    for who, network in (("d", "discriminator"), ("g", "generator")):
        old, new = (leaves(getattr(state, network).params) for state in (before, training.state))
        step = [b - a for a, b in zip(old, new, strict=True)]
        lengths = torch.stack([part.norm() / 0.1 for part in step])  # SGD's step is the rate times the gradient
        torch.testing.assert_close(seen[f"{who}_gradients"], lengths, rtol=1e-3, atol=1e-5)
        torch.testing.assert_close(seen[f"{who}_grad_norm"], lengths.norm(), rtol=1e-3, atol=1e-5)
        whole = torch.cat([part.flatten() for part in old]).norm()
        torch.testing.assert_close(seen[f"{who}_update"], 0.1 * lengths.norm() / whole, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("base", [TOY, RESIDUAL], ids=["toy", "residual"])
def test_a_trace_has_every_probe_of_every_layer_and_the_layers_make_up_the_total(base):
    training = measured(a_cell(base, normalizer="spectral_norm", steps=20, log_points=20, batch_size=8))
    trace = train(training)
    assert list(trace.probe_steps) == [0, 10, 20]
    for who, network in (("discriminator", training.discriminator), ("generator", training.generator)):
        own = {name: trace.probes[f"gradient.{who}.{name}"] for name in network.weighted}
        assert all(list(trace.steps_of(probe)) == [10, 20] for probe in own.values())
        total = trace.scalars[f"{who[0]}_grad_norm"][[9, 19]]
        joined = np.sqrt(np.sum([probe.values**2 for probe in own.values()], axis=0))
        if base is TOY:  # elsewhere activations and joins have parameters as well
            np.testing.assert_allclose(joined, total, rtol=1e-5)
        else:
            assert (joined <= total * 1.0001).all()
    for name in ("input_gradient.real", "input_gradient.fake", "diversity"):
        assert len(trace.probes[name].values) == 3
        assert (trace.probes[name].values > 0).all()
    for layer in trace.layers.values():
        assert len(layer.variance) == len(layer.sigma) == len(layer.stable_rank) == 3
        assert (layer.stable_rank >= 1 - 1e-6).all()
        assert (layer.stable_rank <= min(layer.matrix_shape) + 1e-6).all()


def test_a_generator_that_makes_one_image_has_no_diversity():
    training = measured(a_cell(IMAGES))
    params = training.state.generator.params
    params["up2"]["weight"] = torch.zeros_like(params["up2"]["weight"])
    trace = Recorder(training).trace(0)
    assert trace.probes["diversity"].values[0] == 0
    assert not math.isnan(trace.probes["input_gradient.fake"].values[0])


def test_a_trace_read_back_is_the_trace_that_was_written():
    trace = train(measured(a_cell(IMAGES, normalizer="bssn", steps=12, log_points=12)))
    again = Columns.of(trace).trace
    assert Columns.of(again).sha256 == Columns.of(trace).sha256
    assert again.probes.keys() == trace.probes.keys()
    np.testing.assert_array_equal(again.layers["down1"].stable_rank, trace.layers["down1"].stable_rank)


@pytest.mark.parametrize("stop", [1, 7, 10, 11, 19])
def test_a_training_cut_short_and_resumed_has_the_same_trace_and_verdict(stop):
    cell = a_cell(IMAGES, normalizer="spectral_norm", steps=20, log_points=20, evaluations=5)
    undisturbed = train(measured(cell))
    first = measured(cell)
    recorder = Recorder(first)
    while first.now < stop:
        recorder.record(first, first.advance(observe=first.now + 1 in recorder.log_points))
    saved = pickle.dumps((first.snapshot(), recorder.snapshot()))
    second = measured(cell)
    state, gathered = pickle.loads(saved)
    second.restore(state)
    resumed = Recorder(second, gathered)
    while second.now < cell.steps:
        resumed.record(second, second.advance(observe=second.now + 1 in resumed.log_points))
    trace = resumed.trace(second.now)
    assert Columns.of(trace).sha256 == Columns.of(undisturbed).sha256
    definition = load_definition(1)
    assert judge(trace, definition) == judge(undisturbed, definition)
