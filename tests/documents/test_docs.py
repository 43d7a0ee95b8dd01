"""What the documents say exists, exists; and what exists, they name."""

from __future__ import annotations

import re
import subprocess
import sys
from operator import attrgetter
from pathlib import Path

import pytest

from ganbench.harness.planning.suite import shipped_suites
from ganbench.harness.planning.suite_file import Hyperparameters
from ganbench.harness.plugins.registry import Catalog
from ganbench.reports import leaderboard

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tools"))

import boards  # noqa: E402

BOARDS = ROOT / "docs" / "leaderboards"
DOCUMENTS = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")] + sorted(ROOT.glob("docs/*.md"))
METHODS = (ROOT / "docs" / "methods.md").read_text()


def quoted(text: str) -> list[str]:
    return re.findall(r"`([^`\n]+)`", text)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_file_that_a_document_names_is_there(document):
    paths = {
        name.removesuffix("/")
        for name in quoted(document.read_text())
        if re.fullmatch(r"(harness|baselines|reports|suites|tests|docs|tools|benchmarks)/[\w./-]*", name)
    }
    assert [path for path in sorted(paths) if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("kind", ["normalizer", "loss", "optimizer", "architecture"])
def test_the_methods_page_names_everything_that_a_suite_can(kind):
    assert set(Catalog().names(kind)) <= set(quoted(METHODS))


def test_the_methods_page_explains_every_rule_of_the_protocol():
    named = set(quoted(METHODS))
    told_elsewhere = {"loss", "optimizer", "evaluations", "log_points", "resources"}  # docs/cluster.md has the last
    assert set(Hyperparameters.model_fields) - told_elsewhere <= named


def test_every_system_of_the_source_documents_has_a_file_a_test_and_a_suite():
    section = METHODS[METHODS.index("## From the documents") : METHODS.index("## Normalizers")]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in section.splitlines() if line.startswith("|")]
    systems = [row for row in rows[2:] if row[1]]
    assert len(systems) > 15
    for name, ours, files, tests, suites in systems:
        assert ours, name
        assert all((ROOT / path).is_file() for path in quoted(files)), name
        assert all(path.startswith("tests/") and (ROOT / path).is_file() for path in quoted(tests)), name
        assert set(quoted(suites)) <= set(shipped_suites()), name
        assert quoted(files), name
        assert quoted(tests), name
        assert suites == "all" or quoted(suites), name


def test_every_plugin_has_a_line_and_a_paper():
    catalog = Catalog()
    for kind in ("normalizer", "architecture", "loss"):
        for name in catalog.names(kind):
            plugin = catalog.create(kind, name)
            assert plugin.summary, name
            assert plugin.paper or name == "none", name


@pytest.mark.parametrize("folder", sorted(BOARDS.glob("*/")), ids=attrgetter("name"))
def test_what_is_committed_of_a_leaderboard_is_what_its_ledger_gives(folder):
    assert sorted(path.name for path in folder.iterdir()) == ["forest.svg", "leaderboard.md", "ledger"]
    board = leaderboard(folder / "ledger")
    assert board.markdown() == (folder / "leaderboard.md").read_text(encoding="utf-8")
    assert f"| [{folder.name}]({folder.name}/leaderboard.md) |" in (BOARDS / "README.md").read_text(encoding="utf-8")
    if folder.name == "quick":
        readme = (ROOT / "README.md").read_text(encoding="utf-8")
        assert section(readme, "quick") == boards.first_table(board)


def test_the_list_of_leaderboards_says_what_each_takes():
    assert section((BOARDS / "README.md").read_text(encoding="utf-8"), "boards") == "\n".join(boards.listing(BOARDS))


def test_the_checkout_is_small():
    """What is generated leaves the repository: pages, figures and samples are made from the ledgers."""
    git = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True)
    files = [ROOT / name for name in git.stdout.decode().split("\0") if name]
    sizes = [path.lstat().st_size for path in files if path.exists()]
    assert len(sizes) <= 900
    assert sum(sizes) <= 30_000_000


def section(text: str, name: str) -> str:
    return text.split(f"<!-- {name}: begin -->\n")[1].split(f"\n<!-- {name}: end -->")[0]


def test_behind_every_row_of_the_fault_table_is_a_test_that_exists_or_a_drill():
    text = (ROOT / "docs" / "cluster.md").read_text().partition("## Faults")[2].partition("\n## ")[0]
    rows = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("| ")][1:]
    tests = {
        name for path in (ROOT / "tests").rglob("test_*.py") for name in re.findall(r"def (test_\w+)", path.read_text())
    }
    faults = (ROOT / "tests" / "support" / "simulation_faults.py").read_text()
    assert len(rows) > 30
    for row in rows:
        assert len(row) == 6, row[0]
        named = re.findall(r"`(\w+)`", row[5])
        assert named or "not drilled" in row[5] or "drill" in row[5], row[0]
        for name in named:
            assert name in tests or f"def {name}(" in faults, name
