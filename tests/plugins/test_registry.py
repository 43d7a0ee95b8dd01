"""Plugins: found by entry point, file or module; a broken one is told apart and harms nobody."""

from __future__ import annotations

import pytest
from pydantic import Field

from ganbench.harness.data.ring8 import Ring8
from ganbench.harness.errors import InputError, PluginError, UnknownNameError
from ganbench.harness.normalizer import Normalizer
from ganbench.harness.plugins.registry import Catalog, Offer
from ganbench.harness.plugins.source import PluginSource

HALVE = """
from ganbench.harness.normalizer import Normalizer

class Halve(Normalizer):
    name = "halve"
    summary = "Half of every weight."

    def reparameterize(self, weight, params, state, layer):
        return 0.5 * weight, state
"""


@pytest.fixture
def plugin(tmp_path):
    def write(text: str, name: str = "mine.py") -> str:
        path = tmp_path / name
        path.write_text(text)
        return str(path)

    return write


def test_a_normalizer_in_a_file_is_found_and_labelled(plugin):
    catalog = Catalog([PluginSource.read(plugin(HALVE))])
    assert catalog.create("normalizer", "halve").label() == "halve"
    assert "spectral_norm" in catalog.names("normalizer")


def test_a_normalizer_in_a_module_is_found(plugin, tmp_path, monkeypatch):
    plugin(HALVE, "my_package_of_norms.py")
    monkeypatch.syspath_prepend(tmp_path)
    assert "halve" in Catalog([PluginSource.read("my_package_of_norms")]).names("normalizer")


def test_a_file_that_changed_is_loaded_anew(plugin):
    Catalog([PluginSource.read(plugin(HALVE))])
    changed = Catalog([PluginSource.read(plugin(HALVE.replace("Half of", "A half of")))])
    assert changed.get("normalizer", "halve").summary == "A half of every weight."


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("import nothing_of_this_name", "ModuleNotFoundError"),
        ("def f(:\n", "SyntaxError"),
        ("1 / 0", "mine.py:1"),
        ("x = 1", "holds no plugin"),
        (HALVE.replace('"halve"', '"bssn"'), "a normalizer named 'bssn' exists already"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_with_its_error(plugin, text, told):
    with pytest.raises(PluginError, match="mine.py") as caught:
        Catalog([PluginSource.read(plugin(text))])
    assert told in str(caught.value)


def test_an_absent_file_is_named():
    with pytest.raises(PluginError, match=r"no_such\.py"):
        PluginSource.read("no_such.py")


def offered(catalog: Catalog, kind: str, name: str, load) -> None:
    catalog._offer(kind, name, Offer(lambda: "a package", "", load))


def test_a_broken_entry_point_is_listed_with_its_reason_and_the_others_still_load():
    catalog = Catalog()

    def broken():
        raise ImportError("No module named 'something_missing'")

    offered(catalog, "normalizer", "broken", broken)
    listed = {item.name: item for item in catalog.listing("normalizer")}
    assert listed["broken"].plugin is None
    assert "something_missing" in listed["broken"].error
    assert listed["bssn"].plugin is not None
    with pytest.raises(PluginError, match="'broken' of a package cannot be loaded"):
        catalog.get("normalizer", "broken")


def test_an_unknown_name_offers_the_nearest_or_all():
    with pytest.raises(UnknownNameError, match="did you mean 'batch_norm'"):
        Catalog().create("normalizer", "bach_norm")
    with pytest.raises(UnknownNameError, match="known: adam"):
        Catalog().create("optimizer", "zzz")


@pytest.mark.parametrize("spec", [{"scale": 1.0}, {"name": 3}, {"name": "bssn", "scale": "wide"}])
def test_a_specification_that_cannot_be_used_is_refused(spec):
    with pytest.raises(InputError):
        Catalog().create("normalizer", spec)


def test_labels_show_what_is_not_at_its_default():
    catalog = Catalog()
    assert catalog.create("normalizer", "bssn").label() == "bssn"
    assert catalog.create("normalizer", {"name": "bssn", "scale": 1.2}).label() == "bssn(scale=1.2)"


@pytest.mark.parametrize("name", ["../../etc", "a/b", "", ".hidden", "a b", "é"])
def test_a_name_that_could_leave_its_folder_is_refused(name, plugin):
    text = f"from ganbench.harness.normalizer import Normalizer\nclass Mine(Normalizer):\n    name = {name!r}\n"
    with pytest.raises(PluginError, match="letters, digits" if name else "holds no plugin"):
        Catalog([PluginSource.read(plugin(text))])
    catalog = Catalog()
    offered(catalog, "dataset", name, lambda: type("Mine", (Ring8,), {"name": name}))
    with pytest.raises(PluginError, match="letters, digits"):
        catalog.get("dataset", name)


def test_a_parameter_says_its_default_its_range_and_whether_it_must_be_given():
    class Example(Normalizer):
        name = "example"
        needed: int
        share: float = Field(0.5, gt=0, lt=1, description="how much")
        kind_: str = "plain"

    assert Example.parameters_in_words() == [
        "needed must be given",
        "share = 0.5, greater than 0, less than 1: how much",
        "kind_ = 'plain'",
    ]
