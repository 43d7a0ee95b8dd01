"""What the documents say exists, exists; and what exists, they name."""

from __future__ import annotations

import re
from operator import attrgetter
from pathlib import Path

import pytest

from ganbench.harness.planning.suite import shipped_suites
from ganbench.harness.planning.suite_file import Hyperparameters
from ganbench.harness.plugins.registry import Catalog

ROOT = Path(__file__).parents[2]
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


def test_the_readme_shows_the_main_table_of_the_leaderboard_in_docs():
    import pandas as pd

    from ganbench.reports.formatting import percent

    table = pd.read_csv(ROOT / "docs" / "leaderboards" / "quick" / "leaderboard.csv")
    section = (
        (ROOT / "README.md")
        .read_text(encoding="utf-8")
        .split("<!-- quick: begin -->")[1]
        .split("<!-- quick: end -->")[0]
    )
    rows = [line.strip("| ").split(" | ") for line in section.strip().splitlines()[2:]]
    assert [row[1] for row in rows] == list(table.normalizer)
    for row, (_, line) in zip(rows, table.iterrows(), strict=True):
        assert row[0] == (f"{line.rank_low}–{line.rank_high}" if line.rank_low < line.rank_high else f"{line.rank_low}")
        assert f" · {line.unstable}/{line.trials} trials" in row[2]
        assert row[2].startswith(f"{percent(line.instability_rate)} (")


@pytest.mark.parametrize("folder", sorted(BOARDS.glob("*/")), ids=attrgetter("name"))
def test_every_leaderboard_in_docs_is_whole_and_listed(folder):
    assert f"| [{folder.name}]({folder.name}/) |" in (BOARDS / "README.md").read_text(encoding="utf-8")
    page = (folder / "leaderboard.html").read_text(encoding="utf-8")
    hrefs = {href for href in re.findall(r'href="([^"#]+)', page) if not href.startswith("data:")}
    assert len(hrefs) > 25
    assert not [href for href in hrefs if not (folder / href).exists()]
