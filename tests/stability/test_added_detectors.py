"""Detectors that anybody can add: found like every plugin, run beside the definition, and unable to move a rate."""

from __future__ import annotations

import csv
import json
import re
import tomllib
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from records import record
from typer.testing import CliRunner

from ganbench import read_ledger, run
from ganbench.harness.cli import app
from ganbench.harness.errors import InputError, Interrupted, LedgerError, PluginError, SuiteError
from ganbench.harness.ledger import Ledger, read_added_verdicts, write_added_verdicts
from ganbench.harness.ledger.relabelling import relabel
from ganbench.harness.ledger.row import from_text, to_text
from ganbench.harness.planning.suite import load_suite
from ganbench.harness.plugins.registry import Catalog
from ganbench.harness.plugins.source import PluginSource
from ganbench.harness.stability import (
    UNDECIDED,
    AddedDetector,
    AddedVerdict,
    Detector,
    Finding,
    Verdict,
    ask_added,
    judge,
    known_definitions,
    load_definition,
)
from ganbench.harness.traces.columns import Columns
from ganbench.harness.traces.trace import LayerTrace, Probe, Samples, Trace
from ganbench.harness.training.workshop import Workshop
from ganbench.harness.worker.trial import run_trial
from ganbench.reports import Leaderboard, leaderboard

ROOT = Path(__file__).parents[2]
SECTION = (ROOT / "docs" / "stability.md").read_text(encoding="utf-8").split("## A detector of your own")[1]
EXAMPLE = re.findall(r"```python title=wins.py\n(.*?)```", SECTION, re.DOTALL)[0]
"""The file that the document shows, as a reader would copy it."""

HOSTILE = """
import json

from ganbench.harness.stability import CLEAR, Detector, Look

class Raises(Detector):
    name = "raises"
    def look(self, trace):
        return trace.scalars["<script>alert(1)</script>"]

class Deep(Detector):
    name = "deep"
    def look(self, trace):
        return json.loads("{")

class ReturnsNothing(Detector):
    name = "returns_nothing"
    def look(self, trace):
        pass

class Mutates(Detector):
    name = "mutates"
    def look(self, trace):
        trace.scalars["d_loss"][:] = 0
        return CLEAR

class Empties(Detector):
    name = "empties"
    def look(self, trace):
        trace.scalars.clear()
        trace.evaluations.clear()
        return CLEAR

class Exits(Detector):
    name = "exits"
    def look(self, trace):
        raise SystemExit(3)

class Mumbles(Detector):
    name = "mumbles"
    def look(self, trace):
        class Silent(Exception):
            def __str__(self):
                raise ValueError
        raise Silent

class Beyond(Detector):
    name = "beyond"
    def look(self, trace):
        return self.found(10 ** 30, 0, 0, "after the end")

class NotText(Detector):
    name = "not_text"
    def look(self, trace):
        return self.found(0, 0, 0, b"bytes")

class Markup(Detector):
    name = "markup"
    summary = "<img src=x onerror=alert(1)> | `x`"
    title: str = "plain"
    def look(self, trace):
        return self.found(0, float("nan"), float("inf"), "<img src=x onerror=alert(1)> \\ud800 \\0" + "y" * 1000)
"""

SUITE = """\
suite: one
version: 1
seed: 7
seeds: 2
{detectors}
normalizers: [none, spectral_norm]
grid:
  - dataset: {{name: ring8, size: 500}}
    architecture: {{name: mlp, width: 8}}
    metric: {{name: mode_coverage, samples: 100}}
    common: {{steps: 20, evaluations: 4, log_points: 10}}
    settings:
      calm: {{lr_g: 1e-3, lr_d: 1e-3}}
"""
OFTEN = "{name: discriminator_wins, accuracy: 0.0, share: 0.5}"
"""The example with thresholds that every training is above."""

LABEL = "discriminator_wins(accuracy=0.0, share=0.5)"


def suite(folder: Path, detectors: str = "") -> Path:
    path = folder / f"suite{len(list(folder.glob('suite*')))}.yaml"
    path.write_text(SUITE.format(detectors=f"detectors: [{detectors}]" if detectors else "# none"))
    return path


def plugin(folder: Path, text: str = EXAMPLE, name: str = "wins.py") -> str:
    (folder / name).write_text(text, encoding="utf-8")
    return str(folder / name)


def detectors(folder: Path, text: str, *specs: object) -> list[Detector]:
    catalog = Catalog([PluginSource.read(plugin(folder, text, "some.py"))])
    return [catalog.create("detector", spec) for spec in specs]


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger of a suite without detectors; no test changes it."""
    folder = tmp_path_factory.mktemp("bare")
    run(suite(folder), folder / "out", address="inline")
    return folder / "out"


def copy(ledger: Path, folder: Path) -> Ledger:
    target = Ledger(folder / "copy")
    target.write_plan(read_ledger(ledger).plan())
    for item in read_ledger(ledger).records():
        target.commit(item)
    return target


def files(ledger: Path) -> dict[str, bytes]:
    return {str(path.relative_to(ledger)): path.read_bytes() for path in ledger.glob("trials/*/*.json")}


def verdicts(ledger: Path) -> list[Verdict]:
    return [result.verdict for results in leaderboard(ledger).evidence.results.values() for result in results.values()]


def said(page: Leaderboard) -> list[tuple[str, ...]]:
    """Return the leaderboard's table without the time that a step took."""
    rows = list(csv.reader(page.csv().splitlines()))
    timed = rows[0].index("step_time_factor")
    return [(*row[:timed], *row[timed + 1 :]) for row in rows]


def trace(accuracy: list[float]) -> Trace:
    steps = np.arange(1.0, len(accuracy) + 1)
    return Trace(
        budget=len(accuracy),
        stopped=len(accuracy),
        steps=steps,
        scalars={"d_accuracy": np.array(accuracy), "d_loss": np.ones(len(accuracy))},
        probe_steps=steps,
        layers={"one": LayerTrace((2, 2), steps.copy(), steps.copy(), stable_rank=steps.copy())},
        evaluation_steps=steps,
        evaluations={"fid": steps.copy()},
        samples=Samples(np.zeros((2, 1, 2, 2), np.uint8)),
        probes={"diversity": Probe(steps.copy())},
    )


# --- what it finds ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("accuracy", "step"), [([0.5] * 8 + [0.99] * 2, 9), ([0.5] * 9 + [0.99], None), ([0.5] * 8 + [0.98] * 2, None)]
)
def test_the_documents_example_finds_what_it_says_on_both_sides_of_its_thresholds(tmp_path, accuracy, step):
    (detector,) = detectors(tmp_path, EXAMPLE, "discriminator_wins")
    verdict = judge(trace(accuracy), load_definition(2), [detector])
    assert [item.step for item in verdict.warnings] == ([] if step is None else [step])
    assert [by.seen for by in verdict.added] == [True]
    assert verdict.outcome == judge(trace(accuracy), load_definition(2)).outcome


def test_a_detector_from_a_file_works_in_a_suite_and_moves_nothing_but_warnings(tmp_path, bare):
    run(suite(tmp_path, OFTEN), tmp_path / "out", address="inline", plugins=[plugin(tmp_path)])
    with_it, without = leaderboard(tmp_path / "out"), leaderboard(bare)
    for verdict in verdicts(tmp_path / "out"):
        (warning,) = verdict.warnings
        assert warning.mode == LABEL
        assert (warning.step, warning.value, warning.threshold) == (1, 1.0, 0.5)
        assert warning.reason == "the discriminator won in 100% of the logged steps"
    assert said(with_it) == said(without)  # rates, intervals, ranks, quality
    assert with_it.evidence.hash() == without.evidence.hash()  # results, to the bit
    assert {item["hash"] for item in (with_it.evidence.plan, without.evidence.plan)} == {without.evidence.plan["hash"]}
    assert f"{LABEL.replace('_', ' ')} (a detector beside the definition) in 4 of 4 trials" in plain(with_it.markdown())
    assert "beside the definition" not in without.markdown()
    with_it.write(tmp_path / "page")
    cells = [path.read_text() for path in (tmp_path / "page").rglob("*.html") if "trials" in path.read_text()]
    told = f"warning, {LABEL.replace('_', ' ')} (step 1): the discriminator won in 100% of the logged steps"
    assert sum(text.count(told) for text in cells) == 4


def plain(markdown: str) -> str:
    return markdown.replace("\\", "")


def test_a_record_names_the_detectors_version_and_source_and_its_result_knows_nothing_of_it(tmp_path, bare):
    path = plugin(tmp_path)
    run(suite(tmp_path, f"discriminator_wins, {OFTEN}"), tmp_path / "out", address="inline", plugins=[path])
    first, second = (sorted(read_ledger(place).records(), key=lambda item: item.trial_id)
                     for place in (tmp_path / "out", bare))  # fmt: skip
    (source,) = {item.source() for item in detectors(tmp_path, EXAMPLE, "discriminator_wins")}
    for ours, other in zip(first, second, strict=True):
        assert ours.sha256 == other.sha256 and str(ours.verdict) == str(other.verdict)
        assert [(by.label, by.name, by.version, by.source) for by in (look.by for look in ours.added_verdicts)] == [
            ("discriminator_wins", "discriminator_wins", "1", source),
            (LABEL, "discriminator_wins", "1", source),
        ]
        assert from_text(ours.trial_id, to_text(ours)).added_verdicts == ours.added_verdicts
        assert other.added_verdicts == () and "detectors" not in other.provenance
    plan = read_ledger(tmp_path / "out").plan()
    assert [item["spec"]["share"] for item in plan["detectors"]] == [0.2, 0.5]
    assert [item["source"] for item in plan["detectors"]] == [source, source]
    assert "detectors" not in read_ledger(bare).plan()


def test_a_checkpoint_is_continued_under_another_detector(tmp_path):
    """A detector changes no training, so a training that it interrupted need not begin anew."""
    (trial, *_) = load_suite(suite(tmp_path)).trials()
    (wins,) = detectors(tmp_path, EXAMPLE, "discriminator_wins")
    (often,) = detectors(tmp_path, EXAMPLE, {"name": "discriminator_wins", "accuracy": 0.0})
    workshop, definition, left = Workshop(Catalog()), load_definition(2), iter([False] * 9)
    with pytest.raises(Interrupted):
        run_trial(
            workshop,
            trial,
            definition,
            checkpoints=tmp_path / "kept",
            interrupted=lambda: next(left, True),
            detectors=[wins],
        )
    resumed = run_trial(workshop, trial, definition, checkpoints=tmp_path / "kept", detectors=[often])
    assert resumed.provenance["resumed_from"] == 10
    assert [look.by.label for look in resumed.added_verdicts] == [often.label()]
    assert resumed.sha256 == run_trial(workshop, trial, definition).sha256


# --- what goes wrong --------------------------------------------------------------------------------------------------


def test_hostile_detectors_harm_nothing_and_are_told_with_their_own_lines(tmp_path, bare):
    names = (
        "raises, deep, returns_nothing, mutates, empties, exits, mumbles, beyond, not_text, discriminator_wins, markup"
    )
    sources = [plugin(tmp_path), plugin(tmp_path, HOSTILE, "hostile.py")]
    asked = suite(tmp_path, names + ", {name: markup, title: '<b>|`x`'}")
    run(asked, tmp_path / "out", address="inline", plugins=sources)
    ours, others = ({item.trial_id: item.sha256 for item in read_ledger(place).records()}
                    for place in (tmp_path / "out", bare))  # fmt: skip
    assert ours == others
    for verdict in verdicts(tmp_path / "out"):
        told = {warning.mode: warning.reason for warning in verdict.warnings}
        seen = {by.name: by.seen for by in verdict.added}
        assert len(seen) == 11 and seen["empties"] and seen["discriminator_wins"] and not seen["raises"]
        assert "KeyError: '<script>alert(1)</script>'" in told["raises (broken)"]
        assert told["raises (broken)"].endswith(f"hostile.py:{place('<script>')})")
        assert told["deep (broken)"].endswith(f"hostile.py:{place('json.loads')})")  # not a line of that library
        assert "look returned None, expected a Look" in told["returns_nothing (broken)"]
        assert told["returns_nothing (broken)"].endswith(f"hostile.py:{place('returns_nothing') + 1})")
        assert "read-only" in told["mutates (broken)"]
        assert told["mutates (broken)"].endswith(f"hostile.py:{place('[:] = 0')})")
        assert "SystemExit: 3" in told["exits (broken)"]
        assert "Silent (" in told["mumbles (broken)"]
        assert "expected a step from 0 to the budget, 20" in told["beyond (broken)"]
        assert "because of bytes, expected a sentence" in told["not_text (broken)"]
        assert len(told["markup"]) == 400 and "\ud800" not in told["markup"] and "\0" not in told["markup"]
        assert "empties (broken)" not in told
    page = leaderboard(tmp_path / "out")
    page.write(tmp_path / "page")
    texts = {path.name: path.read_text(encoding="utf-8") for path in (tmp_path / "page").rglob("*.html")}
    assert not [
        name for name, text in texts.items() if "<img src=x" in text or "<script>alert" in text or "<b>|" in text
    ]
    assert any("&lt;img src=x" in text for name, text in texts.items() if name != "leaderboard.html")
    assert "and it could not look in 4" in page.markdown()
    assert "<img" not in page.markdown() and "<b>" not in page.markdown()
    assert said(page) == said(leaderboard(bare))


def place(text: str) -> int:
    (line,) = (number for number, line in enumerate(HOSTILE.splitlines(), start=1) if text in line)
    return line


def test_a_detector_cannot_change_what_is_stored_or_what_the_next_one_sees(tmp_path):
    text = """
from ganbench.harness.stability import CLEAR, Detector

class Spoils(Detector):
    name = "spoils"
    def look(self, trace):
        for columns in (trace.scalars, trace.evaluations, trace.probes, trace.layers):
            columns.clear()
        return CLEAR

class Forces(Detector):
    name = "forces"
    def look(self, trace):
        for array in (trace.steps, trace.samples.values, *trace.scalars.values()):
            array.flags.writeable = True
            array[:] = 7
        return CLEAR
"""
    looked = trace([0.99] * 10)
    before = Columns.of(looked).sha256
    added = detectors(tmp_path, text + EXAMPLE, "spoils", "forces", "discriminator_wins")
    added_verdicts = ask_added(looked, added)
    assert Columns.of(looked).sha256 == before
    assert [look.finding and look.finding.step for look in added_verdicts] == [None, None, 1]


@pytest.mark.parametrize("name", ["diverged", "mode_collapse", "method_error", "stable"])
def test_a_name_of_the_definitions_is_refused(tmp_path, name):
    with pytest.raises(PluginError, match=f"cannot be named '{name}'"):
        detectors(tmp_path, EXAMPLE.replace('"discriminator_wins"', f'"{name}"'), name)


def test_a_name_with_markup_is_refused(tmp_path):
    with pytest.raises(PluginError, match="is not made of letters"):
        detectors(tmp_path, EXAMPLE.replace('"discriminator_wins"', '"<b>wins"'), "<b>wins")


WRONG = {
    "unknown": (
        "discriminator_win",
        "5: detectors.0: unknown detector 'discriminator_win'; did you mean 'discriminator_wins'?",
    ),
    "out of range": (
        "{name: discriminator_wins, share: 2}",
        "detectors.0: detector 'discriminator_wins': share: expected less than or equal to 1, found 2",
    ),
    "unknown parameter": (
        "{name: discriminator_wins, shore: 1}",
        "detectors.0: detector 'discriminator_wins': shore: unknown key; did you mean 'share'?",
    ),
    "twice": (
        "discriminator_wins, {name: discriminator_wins, share: 0.2}",
        "detectors.1: 'discriminator_wins' is the same as detectors.0",
    ),
    "a normalizer": ("bssn", "unknown detector 'bssn'"),
    "a number": ("3", "detectors.0: expected"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_suite_is_told_what_is_wrong_with_its_detectors_and_where(tmp_path, wrong):
    spec, told = WRONG[wrong]
    with pytest.raises(SuiteError) as caught:
        load_suite(suite(tmp_path, spec), plugins=[plugin(tmp_path)])
    assert any(told in line and ".yaml:5: " in line for line in caught.value.problems), caught.value.problems


# --- looking again ----------------------------------------------------------------------------------------------------


def test_the_command_looks_at_old_trials_and_no_reader_needs_the_plugin(tmp_path, bare):
    ledger = copy(bare, tmp_path)
    before, wins = files(ledger.root), plugin(tmp_path)
    done = CliRunner(env={"COLUMNS": "200"}).invoke(
        app, ["relabel", str(ledger.root), "--detector", OFTEN, "--detector", "discriminator_wins", "--plugin", wins]
    )
    assert done.exit_code == 0, done.output
    assert f"{LABEL}: a warning in 4" in done.output
    assert "4 trials were looked at again, and no verdict changed" in done.output
    (tmp_path / "wins.py").unlink()
    assert files(ledger.root) == before
    assert not (ledger.root / "definition.json").exists()  # no choice of a definition was asked for
    page = leaderboard(ledger.root)
    assert all(LABEL in [item.mode for item in verdict.warnings] for verdict in verdicts(ledger.root))
    assert "in 4 of 4 trials" in page.markdown()
    assert (page.csv(), page.evidence.hash()) == (leaderboard(bare).csv(), leaderboard(bare).evidence.hash())
    ledger.compact()
    assert leaderboard(ledger.root).markdown() == page.markdown()
    for path in (ledger.root / "detectors").iterdir():
        path.unlink()  # this takes the detectors back
    assert leaderboard(ledger.root).markdown() == leaderboard(bare).markdown()


def test_another_definition_leaves_added_warnings_where_they_are_without_the_plugin(tmp_path):
    run(suite(tmp_path, OFTEN), tmp_path / "out", address="inline", plugins=[plugin(tmp_path)])
    (tmp_path / "wins.py").unlink()
    before = verdicts(tmp_path / "out")
    relabel(read_ledger(tmp_path / "out"), 1)
    after = verdicts(tmp_path / "out")
    assert {verdict.definition for verdict in before} == {3} and {verdict.definition for verdict in after} == {1}
    assert [verdict.warnings for verdict in after] == [verdict.warnings for verdict in before]
    assert [len(verdict.warnings) for verdict in after] == [1, 1, 1, 1]
    assert leaderboard(tmp_path / "out").evidence.relabelled == 4


def test_a_later_look_takes_the_place_of_the_same_detectors_earlier_one(tmp_path, bare):
    ledger = copy(bare, tmp_path)
    never, always = (EXAMPLE.replace("        wins =", f"        accuracy = accuracy * 0 {plus}\n        wins =")
                     for plus in ("", "+ 1"))  # fmt: skip
    for text, found in ((always, 1), (never, 0)):
        relabel(ledger, detectors=detectors(tmp_path, text, "discriminator_wins"))
        assert {len(verdict.warnings) for verdict in verdicts(ledger.root)} == {found}
        assert {len(verdict.added) for verdict in verdicts(ledger.root)} == {1}


def test_a_changed_source_under_one_version_is_pointed_out(tmp_path, bare):
    ledger = copy(bare, tmp_path)
    first, *_ = ledger.records()
    (wins,) = detectors(tmp_path, EXAMPLE, "discriminator_wins")
    added_verdicts = {item.trial_id: ask_added(item.trace, [wins])[0] for item in ledger.records()}
    other = replace(added_verdicts[first.trial_id].by, source="another")
    write_added_verdicts(ledger, wins.spec(), added_verdicts)
    assert leaderboard(ledger.root).evidence.sources == ()
    (file,) = (ledger.root / "detectors").iterdir()
    file.unlink()
    root = Ledger(tmp_path / "mixed")
    root.write_plan(ledger.plan())
    for item in ledger.records():
        look = (
            added_verdicts[item.trial_id]
            if item.trial_id != first.trial_id
            else replace(added_verdicts[first.trial_id], by=other)
        )
        root.commit(replace(item, provenance={**item.provenance, "detectors": [look.to_json()]}))
    assert leaderboard(root.root).evidence.sources == (("detector", "discriminator_wins"),)


def test_looks_are_read_as_they_were_written_whatever_they_found(tmp_path):
    by = AddedDetector("wins(share=0.5)", "wins", "2", "abc", "A line.", seen=True)
    blind = replace(by, seen=False)
    added_verdicts = {
        "a" * 20: AddedVerdict(by),
        "b" * 20: AddedVerdict(blind),
        "c" * 20: AddedVerdict(by, Finding(by.label, 3, 0.5, float("-inf"), "why")),
        "d" * 20: AddedVerdict(blind, Finding(by.broken, 3, 1.0, 2.0, "it raised")),
    }
    ledger = Ledger(tmp_path)
    write_added_verdicts(ledger, {"name": "wins"}, added_verdicts)
    assert read_added_verdicts(ledger) == {trial: (look,) for trial, look in added_verdicts.items()}
    assert read_added_verdicts(Ledger(tmp_path / "nothing")) == {}


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff\x00", b'{"detector": {"label": 3}}', b"[]"])
def test_a_damaged_file_of_looks_is_one_message_with_its_name(tmp_path, content):
    ledger = Ledger(tmp_path)
    write_added_verdicts(ledger, {}, {"a" * 20: AddedVerdict(AddedDetector("wins", "wins", "1", "abc", "", seen=True))})
    (path,) = (tmp_path / "detectors").iterdir()
    path.write_bytes(content)
    with pytest.raises(LedgerError, match=path.name):
        read_added_verdicts(ledger)


def test_a_record_whose_looks_are_damaged_is_named():
    damaged = replace(record(1), provenance={"detectors": [{"by": {}}]})
    with pytest.raises(LedgerError, match=damaged.trial_id):
        damaged.judged_by(load_definition(2))


def test_relabel_wants_something_to_do_and_leaves_the_ledger_alone_otherwise(tmp_path, bare):
    for options, told in (
        ([], "expected --definition VERSION, --detector NAME"),
        (["--detector", "no_such"], "unknown detector 'no_such'"),
        (["--detector", "{name: "], "expected a name or"),
        (["--detector", "discriminator_wins", "--definition", "9", "--plugin", plugin(tmp_path)], "no definition 9"),
    ):
        with pytest.raises(InputError, match=re.escape(told)):
            CliRunner().invoke(app, ["relabel", str(bare), *options], catch_exceptions=False, standalone_mode=False)
    assert not (bare / "detectors").exists()


def test_label_runs_an_added_detector_over_anybodys_logs(tmp_path):
    with (tmp_path / "logs.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["run", "step", "d_loss", "d_accuracy"])
        for step in range(1, 11):
            writer.writerow(["even", step, 0.5, 0.6])
            writer.writerow(["beaten", step, 0.5, 1.0 if step > 6 else 0.6])
            writer.writerow(["silent", step, 0.5, ""])
    arguments = ["label", str(tmp_path / "logs.csv"), "--detector", "discriminator_wins", "--plugin", plugin(tmp_path)]
    told = CliRunner(env={"COLUMNS": "200"}).invoke(app, arguments)
    assert told.exit_code == 0, told.output
    assert "discriminator wins: a warning in 1 of 3 runs, nothing to look at in 1" in told.output
    rows = {
        row["run"]: row for row in map(json.loads, CliRunner().invoke(app, [*arguments, "--json"]).output.splitlines())
    }
    assert {name: row["verdict"] for name, row in rows.items()} == dict.fromkeys(rows, UNDECIDED)
    (warning,) = rows["beaten"]["warnings"]
    assert (warning["mode"], warning["step"], warning["value"]) == ("discriminator_wins", 7, 0.4)
    assert rows["even"]["warnings"] == rows["silent"]["warnings"] == []
    assert "discriminator_wins" in rows["silent"]["nothing_to_look_at"]
    assert "discriminator_wins" not in rows["even"]["nothing_to_look_at"]


# --- the shipped one --------------------------------------------------------------------------------------------------


def entry() -> tuple[str, str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    ((name, target),) = project["entry-points"]["ganbench.detectors"].items()
    return name, target


def test_oscillation_is_registered_like_a_strangers_and_warns_as_definition_2_does():
    name, target = entry()
    module, attribute = target.split(":")
    oscillation = getattr(import_module(module), attribute)
    assert (oscillation.name, oscillation.kind) == (name, "detector")
    limits = load_definition(2).oscillation
    assert limits is not None and oscillation().model_dump() == limits.model_dump()
    steps = np.linspace(0, 100, 21)
    swings = replace(
        trace([0.5]), budget=100, evaluation_steps=steps, evaluations={"fid": 10.0 + 5 * (np.arange(21) % 2)}
    )
    alone, named = judge(swings, load_definition(2)), judge(swings, load_definition(2), [oscillation()])
    assert [item.mode for item in alone.warnings] == ["oscillation"]
    assert named.warnings == alone.warnings  # once, not twice
    assert judge(swings, load_definition(1)).warnings == ()
    assert judge(swings, load_definition(1), [oscillation()]).warnings == alone.warnings
    assert judge(swings, load_definition(2), [oscillation(swing=1)]).warnings == alone.warnings


def test_list_shows_detectors_and_what_decides_instead(monkeypatch, tmp_path):
    from importlib.metadata import EntryPoint

    import ganbench.harness.plugins.registry

    found = {"detector": [EntryPoint(*entry(), "ganbench.detectors")]}
    monkeypatch.setattr(ganbench.harness.plugins.registry, "_installed", lambda: found)
    done = CliRunner(env={"COLUMNS": "200"}).invoke(app, ["list", "detectors", "--plugin", plugin(tmp_path)])
    assert done.exit_code == 0, done.output
    assert "oscillation" in done.output and "The Frechet distance swings" in done.output
    assert "discriminator_wins" in done.output and "nearly always right" in done.output
    decides = "decides, by failure modes of its own: diverged, exploding gradient, vanishing gradient, lost quality"
    assert f"Definition {known_definitions()[-1]} of instability {decides}" in done.output
    assert "mode collapse" not in done.output, "of an older definition"
    assert "A trial is one of: stable, unstable, not learnt, undecided, method error." in done.output
