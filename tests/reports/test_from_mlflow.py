"""A leaderboard that is read back from MLflow says what the ledger says: real stores, one real server."""

from __future__ import annotations

import math
import shutil
import sqlite3
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from graded import graded
from tracking_servers import mlflow_server, network
from typer.testing import CliRunner

from ganbench.harness.cli import app
from ganbench.harness.errors import InputError
from ganbench.harness.ledger import Ledger, Record, write_added_verdicts
from ganbench.harness.planning.seeding import Sequential
from ganbench.harness.stability import AddedDetector, AddedVerdict, Finding
from ganbench.harness.tracking import Patience, TrackingError, read_back, sync
from ganbench.harness.tracking.connection import connected
from ganbench.harness.tracking.projection import project_trial
from ganbench.harness.tracking.transcript import (
    FORMAT_TAG,
    PLAN,
    RESULT,
    VALUE_LENGTH,
    joined,
    plan_tags,
    read_plan,
    read_trial,
)
from ganbench.reports import leaderboard, leaderboard_from_mlflow
from ganbench.reports.evidence import Result

Ledgers = Any
"""The fixture's class, which a test module cannot import."""

NASTY = '<script>alert("1")</script> | `x` \u202egnol ' + "y" * 300


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


@pytest.fixture
def uri(tmp_path: Path, empty_store: Path) -> str:
    """An empty store."""
    return f"sqlite:///{shutil.copy(empty_store, tmp_path / 'store.db')}"


def everything(ledgers: Ledgers, **options: Any) -> Ledger:
    """A ledger with every way for a trial to end, and with numbers that MLflow's metrics cannot hold."""
    odd = {("sn", 0): math.nan, ("sn", 1): math.inf, (NASTY, 0): 1 / 3}

    def change(record: Record) -> Record:
        last = odd.get((record.spec["cell"]["normalizer"]["name"], record.seed))
        trace = record.trace
        provenance = {**record.provenance, "step_seconds": 0.01 + record.seed / 7, "data": "c0ffee"}
        if record.seed == 2:
            provenance["packages"] = {"torch": "2.12.0"}
            provenance["sources"] = {"normalizer": "changed"}
        if last is not None and trace is not None:
            key, values = next(iter(trace.evaluations.items()))
            record = ledgers.retraced(record, evaluations={**trace.evaluations, key: np.append(values[:-1], last)})
        return replace(record, provenance=provenance)

    outcomes = {"sn": ("..cb", "...d"), NASTY: (".cx ", "nnnn"), "none": ("eee.", "    "), "never": ("    ", "    ")}
    text = f"{NASTY} \0 \ud800"
    return ledgers(outcomes, baseline="sn", message=text, layers=(text, "last"), change=change, **options)


def same(ledger: Ledger, uri: str, experiment: str = "tiny v1") -> None:
    """Assert that both ways give the same tables, in the same words."""
    page, expected = leaderboard_from_mlflow(uri, experiment), leaderboard(ledger)
    assert page.csv() == expected.csv()
    assert repr(page.board) == repr(expected.board)  # nan equals nothing
    assert page.markdown() == expected.markdown()
    assert page.evidence.hash() == expected.evidence.hash()
    for key in ("plan", "groups", "wanted", "software", "sources", "plugins", "contents", "relabelled"):
        assert getattr(page.evidence, key) == getattr(expected.evidence, key), key
    for cell, results in expected.evidence.results.items():
        for seed, result in results.items():
            equal(page.evidence.results[cell][seed], result)


def equal(found: Result, expected: Result) -> None:
    for key in ("trial_id", "seed", "verdict", "lasted", "sha256"):
        assert repr(getattr(found, key)) == repr(getattr(expected, key)), key  # nan is not equal to itself
    np.testing.assert_equal((found.quality, found.step_seconds), (expected.quality, expected.step_seconds))
    np.testing.assert_equal(found.measured, expected.measured)
    assert (found.curves is None) == (expected.curves is None)
    if found.curves is not None and expected.curves is not None:
        for (steps, values), (all_steps, all_values) in (
            (found.curves.quality, expected.curves.quality),
            (found.curves.line("d_grad_norm"), expected.curves.line("d_grad_norm")),
        ):
            assert 0 < len(steps) <= 25 and steps[-1] == all_steps[-1]
            places = np.searchsorted(all_steps, steps)
            np.testing.assert_allclose(values, all_values[places], rtol=1e-5)


def old(uri: str) -> int:
    """Make of a store what an earlier version would have left in it, and return how many tags that lacks."""
    with sqlite3.connect(uri.removeprefix("sqlite:///")) as store:
        gone = store.execute(f"DELETE FROM tags WHERE key LIKE '{RESULT}%' OR key = '{FORMAT_TAG}'").rowcount
        store.execute(f"DELETE FROM experiment_tags WHERE key LIKE '{PLAN}%'")
    return gone


def runs(uri: str, experiment: str = "tiny v1") -> set[str]:
    with connected(uri) as client:
        found = client.get_experiment_by_name(experiment).experiment_id
        return {run.info.run_id for run in client.search_runs([found])}


def refusal(uri: str, experiment: str = "tiny v1") -> str:
    with pytest.raises(InputError) as caught:
        leaderboard_from_mlflow(uri, experiment)
    assert len(caught.value.problems) == 1
    return str(caught.value)


def test_the_tables_equal_those_of_the_ledger_whatever_became_of_the_trials(ledgers: Ledgers, uri: str) -> None:
    ledger = everything(ledgers)
    sync(ledger, uri)
    same(ledger, uri)
    rows = leaderboard_from_mlflow(uri, "tiny v1").table.set_index("normalizer")
    assert rows.loc["never", "missing"] == 8 and rows.loc["none", "method_error"] == 3


def test_what_is_not_learnt_or_undecided_is_read_back_with_its_reasons(ledgers: Ledgers, uri: str) -> None:
    ledger = graded(ledgers, {"sn": ("..lns", "sv.e."), "none": ("ddsnn", "ls..v")})
    sync(ledger, uri)
    same(ledger, uri)
    found = leaderboard_from_mlflow(uri, "tiny v1").evidence
    verdicts = [result.verdict for results in found.results.values() for result in results.values()]
    counted = {"stable": 6, "unstable": 4, "not_learnt": 3, "undecided": 6, "method_error": 1}
    assert Counter(verdict.outcome for verdict in verdicts) == counted
    assert {verdict.needs for verdict in verdicts if verdict.outcome == "undecided"} == {"steps", "evaluations"}
    assert all(verdict.least_loss for verdict in verdicts if verdict.outcome == "stable")


def test_there_are_no_pictures_of_what_mlflow_does_not_hold(ledgers: Ledgers, uri: str, tmp_path: Path) -> None:
    ledger = ledgers({"sn": ("..", "..")})
    sync(ledger, uri)
    leaderboard_from_mlflow(uri, "tiny v1").write(tmp_path / "read back")
    leaderboard(ledger).write(tmp_path / "expected")
    found, expected = (
        {str(path.relative_to(tmp_path / name)) for path in (tmp_path / name).rglob("*") if path.is_file()}
        for name in ("read back", "expected")
    )
    assert found < expected, "every page is there"
    assert expected - found == {name for name in expected if name.startswith("samples")} != set()


def test_a_real_server_that_fails_now_and_then_gives_the_same(ledgers: Ledgers, tmp_path: Path, uri: str) -> None:
    ledger = everything(ledgers)
    with mlflow_server(uri, tmp_path) as server, network(server) as net:
        sync(ledger, server.url)
        net.after = lambda path: setattr(net, "failing", 0.4)  # once it was reached
        same(ledger, net.url)
        assert len(net.asked) > 2 and not net.writes(), "it only reads"
        net.failing, net.after = 0.0, lambda path: setattr(net, "failing", 1.0)
        with pytest.raises(TrackingError):
            read_back(net.url, "tiny v1", Patience(seconds=0.5))


def test_an_older_store_is_refused_until_the_next_sync_brings_it_up_to_date_run_by_run(
    ledgers: Ledgers, uri: str
) -> None:
    ledger = everything(ledgers)
    sync(ledger, uri)
    before = runs(uri)
    assert old(uri) >= 38
    assert "ganbench sync" in refusal(uri)
    report = sync(ledger, uri)
    assert (report.trials_updated, report.trials_created, report.runs_removed) == (19, 0, 0)
    assert runs(uri) == before, "no run was made twice or anew"
    same(ledger, uri)
    again = sync(ledger, uri)
    assert (again.trials_updated, again.trials_unchanged) == (0, 19)


def test_a_store_that_another_version_wrote_in_part_is_refused_too(ledgers: Ledgers, uri: str) -> None:
    ledger = ledgers({"sn": ("..",)})
    sync(ledger, uri)
    with sqlite3.connect(uri.removeprefix("sqlite:///")) as store:
        store.execute(f"DELETE FROM tags WHERE key = '{FORMAT_TAG}' AND run_uuid = (SELECT min(run_uuid) FROM tags"
                      f" WHERE key = '{FORMAT_TAG}')")  # fmt: skip
    told = refusal(uri)
    assert "1 of 2 runs" in told and "ganbench sync" in told


def test_an_upgrade_that_is_killed_is_completed(ledgers: Ledgers, uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from mlflow import MlflowClient

    ledger = ledgers({"sn": ("...",)})
    sync(ledger, uri)
    old(uri)
    calls, whole = iter(range(100)), MlflowClient.log_batch

    def dying(*arguments: object, **options: object) -> object:
        if next(calls) == 3:  # the second run's last tag
            raise SystemExit("killed")
        return whole(*arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(MlflowClient, "log_batch", dying)
        with pytest.raises(SystemExit):
            sync(ledger, uri)
    assert "2 of 3 runs" in refusal(uri)
    assert sync(ledger, uri).trials_updated == 2
    same(ledger, uri)


def test_a_run_that_is_not_complete_is_missing(ledgers: Ledgers, uri: str) -> None:
    ledger = ledgers({"sn": ("..",)})
    sync(ledger, uri)
    with sqlite3.connect(uri.removeprefix("sqlite:///")) as store:
        store.execute("UPDATE runs SET status = 'RUNNING' WHERE name LIKE '%seed 1'")
    (row,) = leaderboard_from_mlflow(uri, "tiny v1").board.rows
    assert (row.count.trials, row.count.missing) == (1, 1)


def test_a_relabelled_ledger_is_read_back_as_it_was_relabelled(ledgers: Ledgers, uri: str) -> None:
    ledger = everything(ledgers)
    sync(ledger, uri)
    ledger.relabel(2)
    sync(ledger, uri)
    assert leaderboard_from_mlflow(uri, "tiny v1").evidence.relabelled > 0
    same(ledger, uri)


def test_what_added_detectors_saw_is_read_back_and_moves_no_rate(ledgers: Ledgers, uri: str) -> None:
    """Seen when a trial ran, or later by `ganbench relabel`: the same tables either way, and rates as without them."""
    by = AddedDetector("wins(share=0.5)", "wins", "1", "abc", NASTY, seen=True)
    found = AddedVerdict(by, Finding(by.label, 60, math.nan, math.inf, f"{NASTY} \ud800"))

    def looked(record: Record) -> Record:
        added_verdicts = [found.to_json(), AddedVerdict(replace(by, label="wins", seen=False)).to_json()]
        return (
            record
            if record.trace is None
            else replace(record, provenance={**record.provenance, "detectors": added_verdicts})
        )

    outcomes = {"sn": ("..cb", "...d"), "none": ("eee.", "cccc")}
    ledger, without = ledgers(outcomes, change=looked), ledgers(outcomes)
    sync(ledger, uri)
    same(ledger, uri)
    later = replace(by, source="another")
    traced = [record.trial_id for record in ledger.records() if record.trace is not None]
    write_added_verdicts(ledger, {}, {trial: AddedVerdict(later) for trial in traced})
    assert sync(ledger, uri).trials_created == len(traced) == 13
    same(ledger, uri)
    assert sync(ledger, uri).trials_unchanged == 16
    page, plain = leaderboard(ledger), leaderboard(without)
    assert page.evidence.sources == (("detector", "wins"),)
    assert page.csv() == plain.csv() and repr(page.board) == repr(plain.board)
    assert page.evidence.hash() == plain.evidence.hash()
    told = [set(text.markdown().splitlines()) for text in (page, plain)]
    added = [line for line in told[0] - told[1] if line.startswith("- ")]
    assert len(added) == 3, added  # a line for each detector, and one on the changed source


def test_sequential_seeds_want_what_the_ledger_s_deciding_definition_wants(ledgers: Ledgers, uri: str) -> None:
    """By definition 1 one of two failed, which leaves the interval too wide; by definition 2 no trace is unstable."""
    ledger = ledgers({"sn": ("u.  ",), "none": ("u.  ",)})
    rule = {**Sequential(2, 4, 2, 0.45, None).to_json(), "definition": 1}
    ledger.write_plan({**ledger.plan(), "sequential": rule})
    ledger.relabel(2)
    sync(ledger, uri)
    same(ledger, uri)
    assert leaderboard_from_mlflow(uri, "tiny v1").evidence.planned == leaderboard(ledger).evidence.planned == 8


def test_shards_that_were_synced_into_one_experiment_are_read_as_one(ledgers: Ledgers, uri: str) -> None:
    def only(seeds: set[int]) -> Callable[[Record], Record | None]:
        return lambda record: record if record.seed in seeds else None

    outcomes = {"sn": ("c.c.",), "none": ("....",)}
    for seeds in ({0, 1}, {1, 2, 3}):
        sync(ledgers(outcomes, change=only(seeds)), uri)
    same(ledgers(outcomes), uri)


def test_trials_of_another_definition_are_refused_with_what_to_do(ledgers: Ledgers, uri: str) -> None:
    first = ledgers({"sn": ("....",)}, change=lambda record: record if record.seed < 2 else None)
    second = ledgers({"sn": ("....",)}, change=lambda record: record if record.seed > 1 else None)
    second.relabel(2)
    sync(first, uri)
    sync(second, uri)
    told = refusal(uri)
    assert "2 of 4 trials are judged by definition 1" in told and "ganbench relabel LEDGER --definition 2" in told


def test_what_is_not_there_is_told_with_the_nearest_name(ledgers: Ledgers, uri: str, tmp_path: Path) -> None:
    sync(ledgers({"sn": (".",)}), uri)
    assert "did you mean 'tiny v1'?" in refusal(uri, "tyni v1")
    with connected(uri) as client:
        client.create_experiment("mine")
        client.delete_experiment(client.get_experiment_by_name("tiny v1").experiment_id)
    assert "was not written by ganbench; `ganbench sync" in refusal(uri, "mine")
    assert "was deleted" in refusal(uri, "tiny v1")
    nowhere = f"sqlite:///{tmp_path / 'nowhere.db'}"
    assert "there is no file" in refusal(nowhere)
    assert not (tmp_path / "nowhere.db").exists(), "reading makes nothing"


def test_runs_by_hand_and_cells_and_seeds_outside_the_plan_do_not_count(ledgers: Ledgers, uri: str) -> None:
    ledger = ledgers({"sn": ("....",), "none": ("cccc",)})
    sync(ledger, uri)
    plan = ledger.plan()
    ledger.write_plan({**plan, "seeds": 2, "cells": plan["cells"][:1]})
    with connected(uri) as client:
        client.create_run(client.get_experiment_by_name("tiny v1").experiment_id, run_name="mine")
    sync(ledger, uri)
    same(ledger, uri)


def test_no_tag_is_longer_than_a_server_takes_and_a_large_plan_comes_back(ledgers: Ledgers) -> None:
    ledger = everything(ledgers)
    plan = ledger.plan()
    cells = [{**plan["cells"][0], "id": f"{number * 7919:020x}"} for number in range(3000)]
    plan = {**plan, "text": NASTY * 100, "cells": cells}
    tags = plan_tags(plan)
    assert len(tags) > 3 and max(map(len, tags.values())) <= VALUE_LENGTH and list(tags)[-1] == PLAN
    assert read_plan(tags) == plan
    assert read_plan({**tags, f"{PLAN}.2": ""}) is None, "half written is not written"
    assert read_plan({key: value for key, value in tags.items() if key != PLAN}) is None
    cell = ledger.plan()["cells"][0]
    (record,) = ledgers({"sn": ("x",)}, layers=(NASTY * 50,)).records()
    assert NASTY * 50 in record.verdict.findings[0].reason
    long = project_trial(record, ledger.plan(), cell).tags
    assert f"{RESULT}.2" in long and max(map(len, long.values())) <= VALUE_LENGTH
    assert joined(RESULT, long) is not None and joined(RESULT, {**long, f"{RESULT}.2": "other"}) is None


def test_the_command_writes_the_same_table_from_both(ledgers: Ledgers, uri: str, tmp_path: Path) -> None:
    ledger = ledgers({"sn": ("c.",), "none": ("..",)}, suite="../nasty suite")
    sync(ledger, uri)
    run = CliRunner().invoke(app, ["report", "--from-mlflow", uri, "../nasty suite v1", "--baseline", "none"])
    assert run.exit_code == 0, run.output
    assert Path(run.output.splitlines()[1]).parent == tmp_path / "__nasty_suite-leaderboard"
    other = CliRunner().invoke(app, ["report", str(ledger.root), "--baseline", "none", "--out", "other"])
    assert other.exit_code == 0, other.output
    for name in ("leaderboard.csv", "leaderboard.md"):
        assert (tmp_path / "__nasty_suite-leaderboard" / name).read_bytes() == (tmp_path / "other" / name).read_bytes()
    assert " · baseline |" in (tmp_path / "other" / "leaderboard.md").read_text()


def test_the_command_takes_several_ledgers_and_says_when_it_gets_nothing_or_both(
    ledgers: Ledgers, tmp_path: Path
) -> None:
    first, second = ledgers({"sn": ("c.",)}, suite="toys"), ledgers({"none": ("..",)}, suite="more")
    run = CliRunner().invoke(app, ["report", str(first.root), str(second.root)])
    assert run.exit_code == 0, run.output
    assert (tmp_path / "toys_more-leaderboard" / "leaderboard.csv").exists()
    for arguments, found in ((["report"], "neither"), (["report", "x", "--from-mlflow", "u", "e"], "both")):
        error = CliRunner().invoke(app, arguments).exception
        assert isinstance(error, InputError) and found in str(error)


def test_a_curve_that_ends_early_keeps_steps_of_the_whole_ones(ledgers: Ledgers) -> None:
    """So that a page can take medians over trials."""
    ledger = ledgers({"sn": ("d",)}, points=100)
    (record,) = ledger.records()
    trace = record.trace
    assert trace is not None
    early = ledgers.retraced(record, stopped=61, steps=trace.steps[:61],
                             scalars={key: column[:61] for key, column in trace.scalars.items()})  # fmt: skip
    whole, cut = (
        read_trial(project_trial(item, ledger.plan(), ledger.plan()["cells"][0]).tags) for item in (record, early)
    )
    assert whole is not None and cut is not None
    steps = {len(item.scalars["d_grad_norm"][0]): list(item.scalars["d_grad_norm"][0]) for item in (whole, cut)}
    many, few = max(steps), min(steps)
    assert 10 < few < many <= 25 and steps[few][-1] == 61
    assert set(steps[few][:-1]) < set(steps[many])
    assert list(cut.scalars) == ["d_grad_norm", "g_grad_norm"]
