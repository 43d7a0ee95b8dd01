"""Normalizers together: each does in a combination what it does alone."""

from __future__ import annotations

import pytest
import torch
from cells import CATALOG

from ganbench import read_ledger, run
from ganbench.harness.cells.cell import Cell
from ganbench.harness.errors import InputError
from ganbench.harness.models.build import build_networks
from ganbench.harness.models.network import leaves
from ganbench.harness.normalizer.composition import Composite
from ganbench.harness.planning.suite import load_suite

DCGAN = CATALOG.create("architecture", {"name": "dcgan", "width": 4})
DEFAULT = CATALOG.create("normalizer", "batch_norm")


def networks(spec):
    return build_networks(DCGAN, CATALOG.create("normalizer", spec), DEFAULT, (1, 8, 8))


def start(network):
    return network.init(DCGAN.initialize, torch.Generator().manual_seed(1), torch.Generator().manual_seed(2))


def test_a_combination_can_be_written_in_two_ways_and_has_one_identity():
    short = CATALOG.create("normalizer", "spectral_norm + gradient_penalty")
    long = CATALOG.create("normalizer", ["spectral_norm", {"name": "gradient_penalty", "weight": 10}])
    assert isinstance(short, Composite)
    assert short.spec() == long.spec()
    assert short.label() == "spectral_norm + gradient_penalty"
    assert CATALOG.create("normalizer", short.spec()).spec() == short.spec()
    changed = CATALOG.create("normalizer", ["spectral_norm", {"name": "gradient_penalty", "weight": 5}])
    assert changed.label() == "spectral_norm + gradient_penalty(weight=5.0)"
    assert changed.spec() != short.spec()


def test_in_a_combination_weights_are_those_of_the_part_that_makes_them_and_penalties_add_up():
    _, alone = networks("bssn")
    _, together = networks(["layer_norm", "bssn", "r1", {"name": "orthogonal_regularization", "beta": 0.5}])
    weights, _ = alone.effective(*start(alone))
    params, state = start(together)
    combined, after = together.effective(params, state)
    for name in alone.layers:
        assert torch.equal(weights[name]["weight"], combined[name]["weight"])
        assert after[name].keys() == state[name].keys()
    real = torch.randn(6, 1, 8, 8, generator=torch.Generator().manual_seed(3))
    total = together.penalty(combined, real, real, None)
    r1 = CATALOG.create("normalizer", "r1").penalty(lambda x: together(combined, x), real, real, None)
    orthogonal = CATALOG.create("normalizer", {"name": "orthogonal_regularization", "beta": 0.5})
    others = [orthogonal.weight_penalty(combined[name]["weight"], layer) for name, layer in together.layers.items()]
    torch.testing.assert_close(total, r1 + sum(others))


def test_the_activation_part_acts_with_its_own_parameters():
    _, together = networks("layer_norm + spectral_norm")
    params, state = start(together)
    assert "layer_norm.gamma" in params["down2"]
    weights, _ = together.effective(params, state)
    x = torch.randn(6, 1, 8, 8, generator=torch.Generator().manual_seed(3))
    before = together(weights, x)
    weights["down2"]["layer_norm.gamma"] = 2 * weights["down2"]["layer_norm.gamma"]
    assert not torch.equal(before, together(weights, x))


def test_clipping_reaches_every_parameter_of_a_combination():
    _, together = networks(["layer_norm", {"name": "weight_clipping", "bound": 0.001}])
    params, _ = start(together)
    assert max(float(value.abs().max()) for value in leaves(together.project(params))) == pytest.approx(0.001)


def test_each_part_acts_on_the_networks_that_it_is_for():
    generator, discriminator = networks("weight_norm_strict + gradient_penalty")
    assert generator.normalizer.name == "weight_norm_strict"
    assert discriminator.normalizer.label() == "weight_norm_strict + gradient_penalty"
    generator, _ = networks("spectral_norm + gradient_penalty")
    assert generator.normalizer is DEFAULT


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ("batch_norm + layer_norm", "'batch_norm' and 'layer_norm' both act on activations"),
        ("spectral_norm + weight_norm", "'spectral_norm' and 'weight_norm' both reparameterize weights"),
        ("lecun + xavier", "'lecun' and 'xavier' both initialise weights"),
        ("gradient_penalty + dragan", "both draw noise for a penalty"),
        ("r1 + r1", "'r1' is named twice"),
        ("none + r1", "'none' cannot be combined"),
        ("spectral_norm + gradient_penalti", "did you mean 'gradient_penalty'?"),
    ],
)
def test_a_combination_that_makes_no_sense_is_refused_with_its_reason(spec, told):
    with pytest.raises(InputError) as caught:
        CATALOG.create("normalizer", spec)
    assert told in str(caught.value)


@pytest.mark.long
def test_a_suite_of_combinations_runs_and_its_cells_can_be_rebuilt(tiny, tmp_path):
    text = tiny.read_text().replace(
        "[none, spectral_norm]",
        "[spectral_norm, spectral_norm + gradient_penalty, [layer_norm, {name: r1, gamma: 1}], weight_clipping, dragan]",
    )
    suite = tmp_path / "combined.yaml"
    suite.write_text(text.replace("steps: 40", "steps: 8"))
    cells = load_suite(suite).cells
    assert all(Cell.from_spec(cell.spec(), CATALOG, cell.setting).id == cell.id for cell in cells)
    report = run(suite, tmp_path / "out", address="inline", seeds=1)
    assert (report.missing, len(report.lost)) == (0, 0)
    records = list(read_ledger(tmp_path / "out").records())
    assert not [record.verdict.message for record in records if record.verdict.outcome == "method_error"]
    penalized = [record for record in records if "d_penalty" in record.trace.scalars]
    assert len(penalized) == 3 * 3  # three data-and-setting pairs, three normalizers with a penalty
