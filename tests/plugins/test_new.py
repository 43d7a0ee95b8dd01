"""`ganbench new` writes a package that passes its own tests, every check and every linter as it stands, or nothing."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from typer.testing import CliRunner
from warm import run_python

from ganbench.harness.cli import app
from ganbench.harness.errors import InputError
from ganbench.harness.planning.suite import load_suite
from ganbench.harness.plugins.registry import Catalog
from ganbench.harness.plugins.scaffold import package
from ganbench.harness.plugins.scaffold.package import LONGEST, kinds, write_package
from ganbench.harness.plugins.source import PluginSource

ROOT = Path(__file__).parents[2]
NAMES = ("a", "my_norm", "abcdefghijk_lmnopqrstuvw")
assert len(NAMES[-1]) == LONGEST


def write(name: str, into: Path) -> Path:
    return write_package("normalizer", name, into, Catalog().names("normalizer")).folder


def python(folder: Path, *arguments: str | Path, path: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run a module of this Python in a package's folder, with nothing on its path but ours."""
    environment = {**os.environ, "PYTHONPATH": str(path), "COLUMNS": "200"}
    return run_python("-m", *arguments, cwd=folder, env=environment)


def test_a_new_normalizer_passes_its_own_tests_and_with_them_every_check(tmp_path):
    folder = write("my_norm", tmp_path)
    done = python(folder, "pytest", "-q", "-p", "no:cacheprovider")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "failed" not in done.stdout
    assert "skipped" not in done.stdout


def test_its_own_tests_notice_a_wrong_formula_and_a_broken_contract(tmp_path):
    folder = write("my_norm", tmp_path)
    code = folder / "my_norm.py"
    text = (
        code.read_text()
        .replace("sigma / self.bound", "sigma * self.bound")
        .replace('clamp_min(1), {"u": u}', 'clamp_min(1), {"u": u + 0 * torch.rand(())}')
    )
    code.write_text(text)
    done = python(folder, "pytest", "-q", "-p", "no:cacheprovider", "-k", "above or every_check")
    failed = [line for line in done.stdout.splitlines() if line.startswith("FAILED")]
    assert len(failed) == 5  # both kinds of layer at both bounds that are not 1, and the checks
    assert "draws no global random numbers" in done.stdout


@pytest.mark.parametrize("name", NAMES)
def test_what_is_written_is_clean_under_ruff_whatever_its_name(tmp_path, name):
    folder = write(name, tmp_path)
    for arguments in (("check",), ("format", "--diff")):
        done = python(folder, "ruff", *arguments, "--no-cache", ".")
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.long
@pytest.mark.parametrize("name", NAMES)
def test_what_is_written_is_clean_under_strict_mypy(tmp_path, name):
    done = python(write(name, tmp_path), "mypy")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.long
def test_an_installed_package_is_found_by_its_name_checked_and_tested(tmp_path):
    """With a real pip, which fetches what builds the package; it is installed beside, not into, this environment."""
    folder, beside = write("my_norm", tmp_path), tmp_path / "site"
    done = python(folder, "pip", "install", "--quiet", "--no-deps", "--target", beside, ".")
    assert done.returncode == 0, done.stderr
    path = Path(f"{beside}{os.pathsep}{ROOT}")
    listed = python(tmp_path, "ganbench.harness.cli", "list", "normalizers", path=path)
    assert "my_norm" in listed.stdout
    checked = python(tmp_path, "ganbench.harness.cli", "check", "my_norm", path=path)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    tested = python(folder, "pytest", "-q", "-p", "no:cacheprovider", path=path)
    assert tested.returncode == 0, tested.stdout


@pytest.mark.long
def test_the_wheel_of_ganbench_brings_the_templates(tmp_path):
    done = python(ROOT, "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", tmp_path, ROOT)
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    inside = set(zipfile.ZipFile(wheel).namelist())
    ours = {path.relative_to(ROOT).as_posix() for path in package.TEMPLATES.rglob("*") if path.is_file()}
    assert ours
    assert ours <= inside


def test_its_entry_point_leads_to_its_class(tmp_path, monkeypatch):
    """What pip writes of pyproject.toml: a name in the group, and the object that it leads to."""
    folder = write("registered", tmp_path)
    registered = tomllib.loads((folder / "pyproject.toml").read_text())["project"]["entry-points"][
        "ganbench.normalizers"
    ]
    site = tmp_path / "site"
    (site / "registered-0.dist-info").mkdir(parents=True)
    lines = [f"{name} = {value}" for name, value in registered.items()]
    (site / "registered-0.dist-info" / "entry_points.txt").write_text("\n".join(["[ganbench.normalizers]", *lines]))
    (site / "registered-0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: registered\nVersion: 0\n")
    (site / "registered.py").write_text((folder / "registered.py").read_text())
    monkeypatch.syspath_prepend(site)
    monkeypatch.setitem(sys.modules, "registered", None)  # so that what it is imported as is forgotten afterwards
    del sys.modules["registered"]
    made = Catalog().create("normalizer", {"name": "registered", "bound": 2})
    assert made.label() == "registered(bound=2.0)"
    with pytest.raises(InputError, match="expected greater than 0"):
        Catalog().create("normalizer", {"name": "registered", "bound": 0})


def test_its_small_suite_is_valid_and_compares_it_with_its_baseline(tmp_path):
    folder = write("my_norm", tmp_path)
    suite = load_suite(folder / "suite.yaml", plugins=[PluginSource.read(str(folder / "my_norm.py"))])
    assert {cell.normalizer.label() for cell in suite.cells} == {"my_norm", "spectral_norm"}
    assert suite.baseline == "spectral_norm"


def test_the_command_says_what_it_wrote_and_what_to_type_next(tmp_path):
    done = CliRunner().invoke(app, ["new", "normalizer", "my_norm", "--into", str(tmp_path)])
    assert done.exit_code == 0
    folder = tmp_path / "ganbench-my-norm"
    for path in folder.rglob("*"):
        assert path.is_dir() or path.relative_to(folder).as_posix() in done.output
    for command in (f"cd {folder}", "ganbench check my_norm.py", "ganbench try my_norm.py", "pip install -e '.[test]'"):
        assert command in done.output
    everything = "".join(path.read_text() for path in folder.rglob("*") if path.is_file())
    assert "{{" not in everything
    assert "NAME" not in everything


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("MyNorm", "lower-case letters"),
        ("1norm", "beginning with a letter"),
        ("my-norm", "lower-case letters"),
        ("my__norm", "single '_'"),
        ("../x", "lower-case letters"),
        ("", "lower-case letters"),
        ("x" * (LONGEST + 1), f"at most {LONGEST}"),
        ("lambda", "a word of Python"),
        ("spectral_norm", "exists already"),
        ("torch", "a module that is installed"),
    ],
)
def test_a_name_that_cannot_be_used_is_refused_with_what_is_expected(tmp_path, name, told):
    with pytest.raises(InputError, match=told):
        write(name, tmp_path)
    assert not list(tmp_path.iterdir())


def test_an_unknown_kind_is_refused_with_those_that_there_are(tmp_path):
    with pytest.raises(InputError, match="unknown kind 'optimizer', expected one of: normalizer"):
        write_package("optimizer", "mine", tmp_path, ())


def test_a_further_kind_is_a_further_folder(tmp_path, monkeypatch):
    folder = tmp_path / "templates" / "loss"
    (folder / "package").mkdir(parents=True)
    (folder / "package" / "NAME.txt.j2").write_text("{{ class_name }}\n")
    (folder / "next.txt.j2").write_text("cd {{ folder }}\n")
    monkeypatch.setattr(package, "TEMPLATES", tmp_path / "templates")
    assert kinds() == ["loss"]
    written = write_package("loss", "mine", tmp_path, ())
    assert (written.folder / "mine.txt").read_text() == "MineLoss\n"


def test_an_existing_folder_is_refused_and_left_as_it_is(tmp_path):
    folder = tmp_path / "ganbench-my-norm"
    folder.mkdir()
    (folder / "thesis.txt").write_text("ten years")
    with pytest.raises(InputError, match="exists already, and is left as it is"):
        write("my_norm", tmp_path)
    assert [path.name for path in tmp_path.rglob("*")] == ["ganbench-my-norm", "thesis.txt"]


def test_what_cannot_be_written_whole_leaves_nothing(tmp_path, monkeypatch):
    written: list[Path] = []

    def full(self: Path, *arguments: object, **options: object) -> int:
        written.append(self)
        if len(written) == 3:
            raise OSError(28, "No space left on device")
        return self.write_bytes(b"")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(InputError, match="No space left on device"):
        write("my_norm", tmp_path)
    assert len(written) == 3
    assert not list(tmp_path.iterdir())


def test_a_folder_to_write_into_must_exist(tmp_path):
    with pytest.raises(InputError, match="--into .*absent: expected a folder that exists"):
        write("my_norm", tmp_path / "absent")
