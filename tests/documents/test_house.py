"""The structure of the code is as CONTRIBUTING draws it: rooms in an order, no circles, and one package."""

from __future__ import annotations

import ast
import functools
import importlib
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import ganbench

ROOT = Path(__file__).parents[2]
FOLDERS = ("harness", "reports", "baselines", "suites")

LOOSE = {"__init__", "canonical", "cli", "durations", "errors", "process"}
"""Files of the harness that are in no room."""

FACE = [
    "Architecture", "Claim", "Data", "Dataset", "Detector", "ExecutionMode", "Layer", "Loss", "Measure", "Metric",
    "Normalizer", "Optimizer", "Trace", "__version__", "leaderboard", "load_suite", "normalizer", "read_ledger", "run",
]  # fmt: skip


def modules() -> dict[str, Path]:
    """All modules by their names."""
    found = {}
    for path in (path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(("ganbench", *parts[: -1 if parts[-1] == "__init__" else None]))] = path
    return found


MODULES = modules()


def imported(path: Path) -> Iterator[str]:
    """Our own modules that a file imports, wherever in it, for its types too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            whole = [f"{node.module}.{alias.name}" for alias in node.names]
            names = [name if name in MODULES else node.module for name in whole]
        else:
            continue
        yield from (name for name in names if name in MODULES and MODULES[name] != path)


@functools.cache
def graph() -> dict[str, set[str]]:
    """What every module imports of ours."""
    return {name: set(imported(path)) for name, path in MODULES.items()}


def room(module: str) -> str:
    """The room that a module is in, as CONTRIBUTING names it; a loose file is its own."""
    _, folder, *rest = module.split(".")
    return f"harness/{rest[0]}" if folder == "harness" and rest else folder


def table() -> list[str]:
    """The rooms in the order of CONTRIBUTING's table."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").split("## The house")[1].split("\n## ")[0]
    return [
        name
        for line in text.splitlines()
        if line.startswith("| `")
        for name in re.findall(r"`([\w/]+)`", line.split("|")[1])
    ]


def test_no_file_and_no_folder_imports_in_a_circle():
    folders: dict[str, set[str]] = {}
    for name, others in graph().items():
        own = MODULES[name].parent
        if own == ROOT / "harness":
            continue
        folders.setdefault(str(own), set()).update(
            str(MODULES[other].parent) for other in others if MODULES[other].parent not in (own, ROOT / "harness")
        )
    try:
        list(TopologicalSorter(graph()).static_order())
        reports = {
            key: others - {str(ROOT / "reports")} for key, others in folders.items() if key != str(ROOT / "reports")
        }
        list(TopologicalSorter(reports).static_order())
    except CycleError as error:
        pytest.fail(f"these import each other: {error.args[1]}")


def test_a_room_imports_only_rooms_that_are_above_it_in_the_table():
    order = {name: number for number, name in enumerate(table())}
    upward = {
        (room(name), room(other), name)
        for name, others in graph().items()
        for other in others
        if room(name) in order and room(other) in order and order[room(other)] > order[room(name)]
    }
    assert not upward


def test_the_table_names_every_room_once_and_only_a_handful_of_files_is_in_none():
    rooms = {
        f"harness/{path.name}" for path in (ROOT / "harness").iterdir() if path.is_dir() and path.name != "__pycache__"
    }
    assert sorted(table()) == sorted(rooms | {"baselines", "reports"})
    assert {path.stem for path in (ROOT / "harness").glob("*.py")} == LOOSE


def test_there_is_a_folder_of_tests_for_every_room():
    folders = {path.name for path in (ROOT / "tests").iterdir()}
    assert not {name.rpartition("/")[2] for name in table()} - folders


def test_the_face_of_the_package_is_listed_and_every_name_of_it_is_there():
    assert dir(ganbench) == FACE
    for name in FACE:
        assert getattr(ganbench, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        ganbench.nothing  # noqa: B018


def test_importing_the_package_imports_nothing_heavy():
    heavy = {"torch", "numpy", "pandas", "ray", "mlflow", "pydantic"}
    code = f"import sys, ganbench; print(sorted({heavy} & set(sys.modules)))"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
    )


def test_nothing_but_ganbench_is_installed(tmp_path):
    hatch = importlib.import_module("hatchling.builders.wheel").WheelBuilder(str(ROOT))
    (wheel,) = hatch.build(directory=str(tmp_path), versions=["standard"])
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {"ganbench"}
    inside = {f"ganbench/{path.relative_to(ROOT)}" for path in MODULES.values()}
    assert inside <= set(names)
    assert "ganbench/harness/stability/definitions/2.yaml" in names
    assert "ganbench/suites/quick.yaml" in names
