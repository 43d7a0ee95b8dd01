"""Networks, losses, gradients and an optimizer's step equal what the papers' own code makes of the same numbers.

``records/`` holds what the reference made: ``tools/parity`` says how, and can make it again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import numpy as np
import parity
import pytest
import torch
from cells import CATALOG
from torch import Tensor

from ganbench.harness.models.build import build_networks
from ganbench.harness.models.network import Network
from ganbench.harness.models.operations import Tree
from ganbench.harness.models.phase import Phase
from ganbench.harness.normalizer.layers import input_matrix, output_matrix
from ganbench.harness.steps.protocol import TrainingProtocol
from ganbench.harness.steps.step import Batch, NetworkState, State, gradients_of, make_step

RECORDS = {
    path.stem: json.loads(path.read_text()) for path in sorted(Path(__file__).with_name("records").glob("*.json"))
}

ROUNDING = 1e-12
"""Of float64, as a share of the largest result."""


def networks(record: dict[str, Any], **architecture: object) -> tuple[Network, Network]:
    ours = record["ours"]
    plugin = CATALOG.create("architecture", {**ours["architecture"], **architecture})
    normalizer = CATALOG.create("normalizer", ours["normalizer"])
    default = CATALOG.create("normalizer", ours.get("generator_normalizer", plugin.generator_normalizer))
    phase = Phase(1, 1, *ours["phase"]) if "phase" in ours else None
    return build_networks(plugin, normalizer, default, tuple(ours["shape"]), phase)


def filled(network: Network, who: str, absent: Collection[str], scaled: bool) -> tuple[Tree, Tree]:
    """Parameters and state as the reference has them: each from its name, and power iterations at their end."""
    nothing = torch.Generator()
    params, state = network.init(lambda layer, _: torch.zeros(layer.shape), nothing, nothing)
    for name, values in params.items():
        layer = network.layers[name]
        for key, value in values.items():
            of = f"{who}/{name}/{key}"
            fan_in = layer.fan_in if key == "weight" and not scaled else 1
            drawn = parity.parameter(of, tuple(value.shape), fan_in)
            values[key] = torch.from_numpy(drawn * (of not in absent))
        views = {"u": output_matrix, "u_out": output_matrix, "u_in": input_matrix}
        for key in state.get(name, {}):
            state[name][key] = torch.from_numpy(parity.singular_vector(views[key](values["weight"], layer).numpy()))
    return params, state


def made(record: dict[str, Any]) -> dict[str, Any]:
    """What ours makes of what the reference was given."""
    ours = record["ours"]
    generator, discriminator = networks(record)
    optimizer = CATALOG.create("optimizer", ours["optimizer"])
    loss, both = CATALOG.create("loss", ours["loss"]), "simultaneous" in ours
    protocol = TrainingProtocol(loss, optimizer, ours["lr"], ours["lr"], simultaneous=both)
    params = {
        who: filled(network, who, record["absent"], "scaled" in ours)
        for who, network in (("generator", generator), ("discriminator", discriminator))
    }
    state = State(*(NetworkState.start(*params[who], optimizer) for who in ("generator", "discriminator")))
    real = torch.from_numpy(np.tanh(parity.drawn("real", (ours["batch"], *ours["shape"]))))
    latents = torch.from_numpy(
        np.stack([parity.drawn(f"latents{n}", (ours["batch"], ours["architecture"]["latent"])) for n in range(2)])
    )
    fade = torch.tensor(ours["fade"], dtype=torch.float64) if "fade" in ours else None
    noise = (
        torch.from_numpy(parity.uniform("noise", (1, ours["batch"]))) if "penalty" in str(ours["normalizer"]) else None
    )
    gradients: list[list[Tensor]] = []

    def kept(objective: Callable[[Tree], Any], params: Tree) -> Any:
        found = gradients_of(objective, params)
        gradients.append(found[0])
        return found

    after, seen = make_step(generator, discriminator, protocol, kept)(
        state, Batch(real[None], latents, noise, fade=fade), True
    )
    weights, _ = generator.effective(*params["generator"])
    fake = generator(weights, latents[0], fade)
    weights, _ = discriminator.effective(*params["discriminator"])
    tracked = real.clone().requires_grad_()
    logits = discriminator(weights, tracked, fade)
    (slope,) = torch.autograd.grad(logits.sum(), tracked)
    numbers = {
        "generated": fake,
        "real logits": logits,
        "fake logits": discriminator(weights, fake, fade),
        "input gradient": slope,
        "d_loss": seen["d_loss"],
        "g_loss": seen["g_loss"],
    }
    for who, gradient, before, changed in (
        ("discriminator", gradients[0], state.discriminator, after.discriminator),
        ("generator", gradients[1], state.generator, after.generator),
    ):
        parts = iter(gradient)
        for name, values in before.params.items():
            for key in values:
                numbers[f"{who}/{name}/{key}"] = next(parts)
        steps = {
            f"{who}/{name}/{key}": value - before.params[name][key]
            for name, values in changed.params.items()
            for key, value in values.items()
            if f"{who}/{name}/{key}" not in record["absent"]
        }
        numbers[f"{who} step"] = torch.cat([steps[key].flatten() for key in sorted(steps)])
    return {name: value.detach() for name, value in numbers.items() if name not in record["absent"]}


@pytest.mark.parametrize("name", RECORDS)
def test_the_reference_s_numbers_are_ours(name):
    record, found = RECORDS[name], made(RECORDS[name])
    of_layers = {f"{layer}/{key}": kept for layer, keys in record["gradients"].items() for key, kept in keys.items()}
    wanted = {**record["numbers"], **of_layers}
    assert found.keys() == wanted.keys()
    largest = max(length for length, *_ in wanted.values())
    for key, expected in wanted.items():
        # What is zero but for rounding, such as the gradient of a bias before a normalization, is as large as rounding.
        allowed = max(record["tolerance"] * expected[0], ROUNDING * largest)
        assert parity.kept(key, found[key].numpy()) == pytest.approx(expected, rel=0, abs=allowed), key


def sizes(network: Network, who: str, absent: Collection[str] = ()) -> dict[str, int]:
    """Trained numbers by layer, with the biases that batch normalization makes void: papers have and count them."""
    nothing = torch.Generator()
    params, _ = network.init(lambda layer, _: torch.empty(layer.shape), nothing, nothing)
    found = {}
    for name, layer in network.layers.items():
        void = layer.out_features if layer.has_weight and layer.bias and "bias" not in params[name] else 0
        batch_norm = network.normalizer.name == "batch_norm"
        own = sum(value.numel() for key, value in params[name].items() if f"{who}/{name}/{key}" not in absent)
        found[f"{who}/{name}"] = own + void * batch_norm
    return {name: size for name, size in found.items() if size}


@pytest.mark.parametrize("name", RECORDS)
def test_every_layer_has_the_reference_s_number_of_parameters(name):
    record = RECORDS[name]
    found = {
        layer: size
        for who, network in zip(("generator", "discriminator"), networks(record), strict=True)
        for layer, size in sizes(network, who, record["absent"]).items()
    }
    for layer, more in record["more"].items():
        found[layer] += more
    assert found == record["parameters"]


@pytest.mark.parametrize("name", [name for name, record in RECORDS.items() if record["full"]])
def test_at_full_size_both_networks_have_the_reference_s_number_of_parameters(name):
    record, full = RECORDS[name], RECORDS[name]["full"]
    ours = {**record["ours"], "architecture": full["architecture"], "shape": full["shape"]}
    pair = zip(("generator", "discriminator"), networks({"ours": ours}), strict=True)
    found = {who: sum(sizes(network, who, record["absent"]).values()) for who, network in pair}
    more = full.get("more", 0)
    assert (found["generator"] + more, found["discriminator"]) == (full["generator"], full["discriminator"])
