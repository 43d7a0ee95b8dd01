"""A plain function of a weight is a normalizer like any other: found, parametrized, refused, checked and trained."""

from __future__ import annotations

import pytest
import torch
from pydantic import Field

from ganbench.harness.conformance import check_normalizer
from ganbench.harness.conformance.subject import Subject, same, start
from ganbench.harness.errors import InputError, PluginError
from ganbench.harness.normalizer import NETWORKS, Claim, Normalizer, largest_absolute_entry, normalizer
from ganbench.harness.plugins.registry import Catalog
from ganbench.harness.plugins.source import PluginSource

FILE = '''
import torch
from pydantic import Field
from ganbench.harness.normalizer import Claim, largest_absolute_entry, normalizer

@normalizer
def halve(weight):
    """Half of every weight.

    Nothing else.
    """
    return 0.5 * weight

@normalizer(version="3", paper="Doe 2026", claims=(Claim(largest_absolute_entry, at_most=1),))
def squashed(weight, layer, steepness: float = Field(1.0, gt=0, le=10, description="the slope at 0")):
    """Every weight through tanh; the last layer's left alone."""
    return weight.clamp(-1, 1) if layer.last else torch.tanh(steepness * weight)
'''


@pytest.fixture
def catalog(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(FILE)
    return Catalog([PluginSource.read(str(path))])


def test_a_function_of_a_weight_is_found_in_a_file_and_describes_itself(catalog):
    halve, squashed = (catalog.get("normalizer", name) for name in ("halve", "squashed"))
    assert issubclass(halve, Normalizer)
    assert (halve.name, halve.version, halve.summary, halve.paper) == ("halve", "1", "Half of every weight.", "")
    assert (squashed.version, squashed.paper) == ("3", "Doe 2026")
    assert squashed().spec() == {"name": "squashed", "version": "3", "steepness": 1.0}
    assert squashed(steepness=2).label() == "squashed(steepness=2.0)"


def test_its_weight_is_what_the_function_says_of_weight_layer_and_parameters(catalog):
    squashed = catalog.create("normalizer", {"name": "squashed", "steepness": 2.0})
    network = Subject(squashed, catalog).networks[0]
    params, state = start(network)
    weights, after = network.effective(params, state)
    for name, layer in network.weighted.items():
        raw = params[name]["weight"]
        expected = raw.clamp(-1, 1) if layer.last else torch.tanh(2.0 * raw)
        assert torch.equal(weights[name]["weight"], expected)
    assert after == state == {name: {} for name in network.weighted}


def test_a_value_out_of_its_range_is_refused_before_anything_runs(catalog):
    with pytest.raises(InputError, match="steepness.*less than or equal to 10"):
        catalog.create("normalizer", {"name": "squashed", "steepness": 11})
    with pytest.raises(InputError, match="steep"):
        catalog.create("normalizer", {"name": "squashed", "steepnes": 1})


def test_it_passes_every_check_and_its_claim_is_measured(catalog):
    found = list(check_normalizer(catalog.create("normalizer", "squashed"), catalog))
    # A function of one weight has no stacked path.
    assert [outcome.claim for outcome in found if not outcome.passed] == [
        "has a stacked path that equals the plain one"
    ]
    assert not any(outcome.failed for outcome in found)
    assert any(outcome.detail.startswith("largest absolute entry at most 1") for outcome in found)


def test_what_goes_wrong_inside_is_told_at_the_functions_own_line(tmp_path):
    path = tmp_path / "broken.py"
    path.write_text(
        "from ganbench.harness.normalizer import normalizer\n\n\n@normalizer\ndef broken(weight):\n"
        '    """Raises."""\n    raise ValueError("no")\n'
    )
    catalog = Catalog([PluginSource.read(str(path))])
    found = {outcome.claim: outcome for outcome in check_normalizer(catalog.create("normalizer", "broken"), catalog)}
    (failed,) = [outcome.detail for outcome in found.values() if outcome.failed]
    assert failed.endswith(f"ValueError: no ({path}:7)")


def test_an_argument_without_a_default_is_refused_with_what_to_write():
    with pytest.raises(PluginError, match=r"scaled\(factor\): expected a default.*write factor: float = 1\.0"):

        @normalizer
        def scaled(weight, factor):
            return factor * weight

    with pytest.raises(PluginError, match="takes no argument: expected a weight first"):

        @normalizer
        def nothing():
            return None


def test_a_plain_default_gives_the_parameter_its_type():
    @normalizer(networks=NETWORKS)
    def scaled(weight, factor=0.5, relaxed: bool = False):
        """Times a factor."""
        return factor * weight

    assert scaled.networks == NETWORKS
    assert scaled(factor=2).factor == 2.0
    with pytest.raises(ValueError, match="valid number"):
        scaled(factor="much")


def trained(normalizer):
    subject = Subject(normalizer, Catalog())
    training = subject.training(subject.cell)
    for _ in range(5):
        training.advance(observe=False)
    return training.state.discriminator.params


def test_it_trains_to_the_same_bits_as_the_class_that_says_the_same():
    @normalizer
    def halved(weight):
        """Half of every weight."""
        return 0.5 * weight

    class Halved(Normalizer):
        name = "halved"
        summary = "Half of every weight."

        def reparameterize(self, weight, params, state, layer):
            return 0.5 * weight, state

    assert same(trained(halved()), trained(Halved()))


def test_a_claim_of_a_function_holds_for_every_layer():
    bound = Claim(largest_absolute_entry, at_most=1)

    @normalizer(claims=(bound,))
    def clipped(weight, bound: float = Field(1.0, gt=0, description="where it is cut")):
        """Cut."""
        return weight.clamp(-bound, bound)

    assert clipped().claims(None) == (bound,)
