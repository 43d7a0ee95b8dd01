"""Plugins that travel: what goes along, what is hashed, and what is refused because it would be missed elsewhere."""

from __future__ import annotations

import platform
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ganbench.harness.cli import app
from ganbench.harness.errors import PluginError
from ganbench.harness.planning.suite import load_suite
from ganbench.harness.plugins.registry import Catalog
from ganbench.harness.plugins.source import MOST_BYTES, PluginSource
from ganbench.harness.scheduling.endings import PLUGIN, Done, Failed
from ganbench.harness.scheduling.task import Task
from ganbench.harness.worker.attempt import attempt

NORM = """
from ganbench.harness.normalizer import Normalizer
from . import helpers
from my_norms.deep.factors import HALF

class Halve(Normalizer):
    name = "halve"
    summary = "Half of every weight."

    def reparameterize(self, weight, params, state, layer):
        from .helpers import double
        return HALF * double(weight) / 2, state
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package in the working directory, which Python does not look in for itself."""
    folder = tmp_path / "my_norms"
    (folder / "deep").mkdir(parents=True)
    (folder / "__init__.py").write_text("from .norm import Halve\n")
    (folder / "norm.py").write_text(NORM)
    (folder / "helpers.py").write_text("def double(weight):\n    return 2 * weight\n")
    (folder / "deep" / "factors.py").write_text("HALF = 0.5\n")  # of a folder without an __init__.py
    monkeypatch.chdir(tmp_path)
    return folder


def refusal(origin: str) -> str:
    with pytest.raises(PluginError) as caught:
        Catalog([PluginSource.read(origin)])
    return str(caught.value)


@pytest.mark.parametrize("origin", ["my_norms.norm", "my_norms"])
def test_a_package_is_imported_from_what_travels_and_not_from_its_folder(package, origin):
    source = PluginSource.read(origin)
    shutil.rmtree(package)
    halve = Catalog([source]).create("normalizer", "halve")
    assert halve.reparameterize(3.0, {}, {}, None)[0] == 1.5
    assert {path for path, _ in source.files} == {
        *("my_norms/__init__.py", "my_norms/norm.py", "my_norms/helpers.py", "my_norms/deep/factors.py")
    }


def test_the_hash_of_a_package_is_of_all_that_travels_and_a_changed_package_is_imported_anew(package):
    before = Catalog([PluginSource.read("my_norms.norm")]).create("normalizer", "halve")
    first = before.source()
    (package / "deep" / "factors.py").write_text("HALF = 0.25\n")
    after = Catalog([PluginSource.read("my_norms.norm")]).create("normalizer", "halve")
    assert (before.reparameterize(4.0, {}, {}, None)[0], after.reparameterize(4.0, {}, {}, None)[0]) == (2.0, 1.0)
    assert first != after.source()


def test_the_hash_of_a_file_is_that_of_its_text_whatever_its_place(tmp_path):
    (tmp_path / "a").mkdir()
    text = (
        NORM.replace("from . import helpers", "").replace(".helpers", "math").replace("my_norms.deep.factors", "math")
    )
    text = text.replace("import HALF", "import pi")
    hashes = set()
    for path in (tmp_path / "norm.py", tmp_path / "a" / "norm.py"):
        path.write_text(text)
        hashes.add(Catalog([PluginSource.read(str(path))]).create("normalizer", "halve").source())
    assert len(hashes) == 1


def test_what_is_installed_does_not_travel(tmp_path, monkeypatch):
    place = tmp_path / "site-packages"
    place.mkdir()
    (place / "installed_norms.py").write_text(NORM.replace("from . import helpers", "").replace("my_norms.deep", "x"))
    monkeypatch.syspath_prepend(place)
    assert PluginSource.read("installed_norms").files == ()
    assert PluginSource.read("ganbench.baselines.bssn").files == PluginSource.read("json").files == ()


def test_an_import_of_a_file_beside_is_refused_with_the_line_and_what_to_do(tmp_path, monkeypatch):
    """Also in a hook, where it would fail on another machine in the middle of a trial; and where it succeeds here."""
    (tmp_path / "helpers.py").write_text("x = 1\n")
    (tmp_path / "my_norm.py").write_text(NORM.replace("from . import helpers", "").replace(".helpers", "helpers"))
    monkeypatch.syspath_prepend(tmp_path)
    told = refusal(str(tmp_path / "my_norm.py"))
    assert "imports 'helpers' (my_norm.py:11)" in told
    assert "`from my_norms import helpers`, and give --plugin my_norms.my_norm" in told
    assert "imports 'helpers'" in refusal("my_norm")


def test_a_package_that_imports_what_stands_beside_it_is_refused(package):
    (package.parent / "lab.py").write_text("x = 1\n")
    (package / "norm.py").write_text(f"import lab\n{NORM}")
    assert "imports 'lab' (my_norms/norm.py:1)" in refusal("my_norms.norm")


def test_a_file_with_a_relative_import_is_told_to_come_as_a_module(package):
    told = refusal("my_norms/norm.py")
    assert "a relative import needs a package (norm.py:3)" in told and "--plugin my_norms.norm" in told


def test_a_package_too_large_to_travel_and_a_folder_and_a_module_that_is_not_there_are_refused(package):
    (package / "table.py").write_text("x = 1\n" * (MOST_BYTES // 6 + 1))
    assert "more than 1 MB" in refusal("my_norms.norm")
    assert "--plugin my_norms" in refusal("./my_norms/")
    assert "no module 'my_nroms'" in refusal("my_nroms.norm")


@pytest.mark.parametrize(
    ("file", "text", "told"),
    [
        ("helpers.py", "x = 1\n1 / 0\n", "ZeroDivisionError: division by zero (my_norms/helpers.py:2)"),
        ("helpers.py", "def f(:\n", "(my_norms/helpers.py:1)"),
        ("norm.py", f"{NORM}\n    scale = 1.0\n", "non-annotated attribute was detected: `scale = 1.0`"),
        ("norm.py", f"{NORM}\n    scale = 1.0\n", "(my_norms/norm.py:6)"),
        ("norm.py", f"{NORM}\nraise SystemExit(4)\n", "SystemExit: 4 (my_norms/norm.py:14)"),
        ("norm.py", "import torch\ntorch.zeros(-1)\n", "(my_norms/norm.py:2)"),
        ("norm.py", "import nothing_of_this_name\n", "'nothing_of_this_name' (my_norms/norm.py:1)"),
    ],
)
def test_an_error_shows_the_line_of_its_author_and_not_that_of_a_library(package, file, text, told):
    (package / file).write_text(text)
    found = refusal("my_norms.norm")
    assert told in found and "\n" not in found


def test_a_traceback_shows_lines_of_a_package_that_is_nowhere_on_disk(package):
    (package / "helpers.py").write_text("def double(weight):\n    return weight.no_such_thing\n")
    source = PluginSource.read("my_norms.norm")
    shutil.rmtree(package)
    halve = Catalog([source]).create("normalizer", "halve")
    with pytest.raises(AttributeError) as caught:
        halve.reparameterize(1.0, {}, {}, None)
    assert "return weight.no_such_thing" in str(caught.getrepr(style="native"))


# --- one that is broken -----------------------------------------------------------------------------------------------


def test_a_broken_plugin_is_listed_with_its_own_line_and_all_others_beside_it(tmp_path):
    (tmp_path / "broken.py").write_text("import json\njson.loads('{')\n")
    done = CliRunner(env={"COLUMNS": "400"}).invoke(app, ["list", "normalizers", "--plugin", f"{tmp_path}/broken.py"])
    assert done.exit_code == 0, done.output
    (line,) = (line for line in done.output.splitlines() if "cannot be used" in line)
    assert f"--plugin {tmp_path}/broken.py: JSONDecodeError" in line and line.endswith("broken.py:2)")
    assert "spectral_norm " in done.output and "Half" not in done.output


@pytest.mark.parametrize("command", ["plan", "run"])
def test_a_suite_that_names_nothing_of_a_broken_plugin_goes_on_with_a_warning(tiny, tmp_path, command):
    (tmp_path / "broken.py").write_text("1 / 0\n")
    options = ["--plugin", f"{tmp_path}/broken.py", "--results", f"{tmp_path}/out", "--seeds", "1"]
    options += ["--address", "inline", "--tracking-uri", "off", "--limit", "1"] if command == "run" else []
    done = CliRunner(env={"COLUMNS": "400"}).invoke(app, [command, str(tiny), *options])
    assert done.exit_code == (3 if command == "run" else 0), done.output
    assert done.output.count("broken.py:1") == 1


@pytest.mark.parametrize("command", ["plan", "run"])
def test_a_suite_that_names_a_broken_plugin_stops_before_work_with_file_and_line(tiny, tmp_path, command):
    (tmp_path / "broken.py").write_text("1 / 0\n")
    tiny.write_text(tiny.read_text().replace("[none,", "[mine, none,"))
    options = ["--plugin", f"{tmp_path}/broken.py", "--results", f"{tmp_path}/out"]
    done = CliRunner().invoke(app, [command, str(tiny), *options])
    told = f"{done.output} {done.exception}"
    assert (
        "unknown normalizer 'mine'" in told and "ZeroDivisionError: division by zero" in told and "broken.py:1" in told
    )
    assert not (tmp_path / "out").exists()


def test_a_plugin_that_a_node_cannot_import_fails_the_trials_that_name_it_and_no_others(tiny, tmp_path):
    """The node lacks what the plugin imports, or the package that offers it."""
    suite = load_suite(tiny)
    spec = suite.trials()[0].spec()
    sources = (PluginSource("mine.py", (("mine.py", "import absent_here\n"),)),)
    task = Task(suite.trials()[0].id, spec, "calm", sources, suite.definition, str(tmp_path / "out"))
    assert isinstance(attempt(task), Done)
    other = replace(task, trial_id="0" * 20, spec=spec | {"cell": spec["cell"] | {"normalizer": {"name": "mine"}}})
    broken, absent = attempt(other), attempt(replace(other, sources=()))
    assert isinstance(broken, Failed) and isinstance(absent, Failed)
    assert broken.kind == absent.kind == PLUGIN and not PLUGIN.unfit
    assert "No module named 'absent_here' (mine.py:1)" in broken.reason
    assert f"on {platform.node()} there is no normalizer 'mine'" in absent.reason


def install(folder: Path, package: str, entries: str, text: str = "") -> None:
    metadata = folder / f"{package}-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(f"[ganbench.normalizers]\n{entries}\n")
    (folder / f"{package}.py").write_text(text)


def test_an_installed_package_that_cannot_be_imported_is_listed_with_its_name_and_line(tmp_path, monkeypatch):
    install(tmp_path, "unlucky", "fading = unlucky:Fading", "x = 1\nimport sys; sys.exit('no licence')\n")
    monkeypatch.syspath_prepend(tmp_path)
    listed = {item.name: item for item in Catalog().listing("normalizer")}
    told = listed["fading"].error
    assert "'fading' of package unlucky 1.0 (unlucky:Fading)" in told
    assert "SystemExit: no licence" in told and "unlucky.py:2" in told
    assert listed["spectral_norm"].plugin is not None
    sys.modules.pop("unlucky", None)


def test_a_name_that_two_offer_belongs_to_neither_and_all_other_names_stand(tmp_path, monkeypatch):
    text = "from ganbench.harness.normalizer import Normalizer\nclass Mine(Normalizer):\n    name = 'twin'\n"
    install(tmp_path, "one_lab", "twin = one_lab:Mine\nspectral_norm = one_lab:Mine", text)
    install(tmp_path, "other_lab", "twin = other_lab:Mine", text)
    monkeypatch.syspath_prepend(tmp_path)
    catalog = Catalog()
    for name, labs in (("twin", ("one_lab 1.0", "other_lab 1.0")), ("spectral_norm", ("one_lab 1.0", "ganbench"))):
        with pytest.raises(PluginError) as caught:
            catalog.create("normalizer", name)
        assert all(f"package {lab}" in str(caught.value) for lab in labs)
        assert str(caught.value) in catalog.troubles()
    assert catalog.create("normalizer", "bssn").name == "bssn"
    (tmp_path / "mine.py").write_text(text.replace("twin", "bssn"))
    source = PluginSource.read(f"{tmp_path}/mine.py")
    with pytest.raises(PluginError, match="'bssn' exists already"):
        Catalog([source])
    with pytest.raises(PluginError, match=r"'bssn' is offered by package ganbench .* and by --plugin .*mine\.py"):
        Catalog([source], tolerant=True).create("normalizer", "bssn")
