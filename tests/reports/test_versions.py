"""Versions of a plugin: results of two never share a row, and a changed source under one version is pointed out."""

from __future__ import annotations

import csv
import re
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ganbench import run
from ganbench.harness.cli import app
from ganbench.harness.scheduling.endings import Event, Note

NORM = """
from ganbench.harness.normalizer import Normalizer

class Halve(Normalizer):
    name = "halve"
    version = "1"
    summary = "Half of every weight."

    def reparameterize(self, weight, params, state, layer):
        return 0.5 * weight, state
"""


class Desk:
    """A suite, a plugin, and ledgers beside them."""

    def __init__(self, folder: Path, suite: Path) -> None:
        self.folder, self.suite = folder, suite
        text = (
            suite.read_text()
            .replace("[none, spectral_norm]", "[halve, spectral_norm]")
            .replace("steps: 40", "steps: 5")
        )
        suite.write_text(text[: text.index("      five:")])
        self.plugin = folder / "my_norm.py"
        self.plugin.write_text(NORM)

    def edit(self, old: str, new: str) -> None:
        self.plugin.write_text(self.plugin.read_text().replace(old, new))

    def run(self, ledger: str, seeds: int = 1) -> list[str]:
        """Run what is missing, and return what was noted."""
        events: list[Event | None] = []
        run(
            *(self.suite, self.folder / ledger),
            address="inline",
            plugins=[str(self.plugin)],
            seeds=seeds,
            on_event=lambda report, event: events.append(event),
        )
        return [event.text for event in events if isinstance(event, Note)]

    def report(self, *ledgers: str) -> Path:
        """Write a leaderboard with no trace of the plugin here; return its folder."""
        self.plugin.rename(self.folder / "gone")
        for name in [name for name in sys.modules if name.startswith("ganbench_plugin_")]:
            del sys.modules[name]
        out = self.folder / "board"
        options = [*(str(self.folder / ledger) for ledger in ledgers), "--out", str(out)]
        done = CliRunner().invoke(app, ["report", *options])
        (self.folder / "gone").rename(self.plugin)
        assert done.exit_code == 0, f"{done.output} {done.exception}"
        return out


@pytest.fixture
def desk(tmp_path: Path, tiny: Path) -> Desk:
    return Desk(tmp_path, tiny)


def rows(board: Path) -> dict[str, dict[str, str]]:
    with (board / "leaderboard.csv").open() as file:
        return {row["normalizer"]: row for row in csv.DictReader(file)}


def shown(board: Path) -> dict[str, set[str]]:
    """The normalizers that have a row, by form: markdown and HTML."""
    lines = [line for line in (board / "leaderboard.md").read_text().splitlines() if line.startswith("|")]
    markdown = {line.split("|")[2].partition("·")[0].strip() for line in lines}
    html = set(re.findall(r">(halve[^<\\]*|spectral_norm)<", (board / "leaderboard.html").read_text()))
    return {"markdown": {name for name in markdown if name.startswith(("halve", "spec"))}, "html": html}


def test_two_versions_in_two_ledgers_have_a_row_each_in_every_form(desk):
    desk.run("first", seeds=2)
    desk.edit('version = "1"', 'version = "2"')
    desk.run("second", seeds=1)
    board = desk.report("first", "second")
    found = rows(board)
    assert {name: row["trials"] for name, row in found.items()} == {
        "halve (version 1)": "2",
        "halve (version 2)": "1",
        "spectral_norm": "2",
    }
    assert shown(board) == {form: set(found) for form in ("markdown", "html")}


def test_in_one_ledger_the_suite_s_version_has_the_row_and_the_other_is_told_to_be_left_out(desk):
    desk.run("both", seeds=2)
    desk.edit('version = "1"', 'version = "2"')
    assert desk.run("both", seeds=1) == [], "another version is another method"
    board = desk.report("both")
    assert {name: row["trials"] for name, row in rows(board).items()} == {"halve": "1", "spectral_norm": "1"}
    for form in ("leaderboard.md", "leaderboard.html"):
        assert "2 trials of halve, version 1: the suite names another version" in (board / form).read_text()


def test_a_source_that_changed_under_its_version_is_told_before_work_and_on_the_page(desk):
    desk.run("mixed")
    assert desk.run("mixed") == []
    desk.edit("0.5 * weight", "0.4 * weight")
    told = "the source of normalizer halve is not the one that trials in this ledger were made with"
    options = ["plan", str(desk.suite), "--plugin", str(desk.plugin), "--results", str(desk.folder / "mixed")]
    planned = CliRunner(env={"COLUMNS": "400"}).invoke(app, options)
    assert told in planned.output and "raise `version`" in planned.output
    assert [note.startswith(told) for note in desk.run("mixed", seeds=2)] == [True]
    board = desk.report("mixed")
    for form in ("leaderboard.md", "leaderboard.html"):
        assert "The source of normalizer halve changed between trials" in (board / form).read_text()
