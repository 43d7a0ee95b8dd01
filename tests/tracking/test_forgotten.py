"""What a ledger has forgotten: its runs go, and MLflow and the page say how many, when and why."""

from __future__ import annotations

from pathlib import Path

from tracked import contents, four_trials, make_ledger, make_record

from ganbench.harness.ledger.forgetting import Chosen
from ganbench.harness.tracking import default_uri, sync
from ganbench.harness.tracking.connection import connected
from ganbench.reports import leaderboard, leaderboard_from_mlflow
from ganbench.reports.wording.measured import facts

WHY = "the GPU of <b>node-3</b> was broken"


def told(board) -> str:
    return " ".join(
        line for fact in facts(board.evidence, board.board) if fact.term == "Forgotten" for line in fact.lines
    )


def test_the_runs_of_forgotten_trials_are_deleted_and_the_experiment_says_why(root: Path) -> None:
    ledger = make_ledger(root, *four_trials())
    sync(ledger)
    gone = make_record(0, 1, unstable=True).trial_id
    ledger.forget(Chosen(trials=frozenset({gone})), WHY)
    report = sync(ledger)
    assert (report.trials_unchanged, report.trials_elsewhere, report.runs_removed) == (
        3,
        0,
        2,
    )  # the trial's, its cell's
    held = contents(default_uri(ledger))
    assert not any(run["tags"].get("ganbench.trial") == gone for run in held.values())
    assert held["cell: ring8 · mlp · none · fast"]["tags"]["ganbench.trials"] == "1"
    with connected(default_uri(ledger)) as client:
        assert WHY in client.get_experiment_by_name("toy v1").tags["ganbench.forgotten"]
    assert sync(ledger).runs_removed == 0


def test_a_cell_of_which_nothing_is_left_has_no_run(root: Path) -> None:
    ledger = make_ledger(root, *four_trials())
    sync(ledger)
    ledger.forget(Chosen(normalizer="none"), WHY)
    assert sync(ledger).runs_removed == 3
    assert not any("none" in name for name in contents(default_uri(ledger)))


def test_a_trial_that_was_made_anew_has_a_run_again(root: Path) -> None:
    ledger = make_ledger(root, *four_trials())
    sync(ledger)
    trial = make_record(0, 1, unstable=True)
    ledger.forget(Chosen(trials=frozenset({trial.trial_id})), WHY)
    anew = make_record(0, 1)
    anew.provenance["started"] += 1000
    ledger.commit(anew)
    sync(ledger)
    assert contents(default_uri(ledger))["ring8 · mlp · none · fast · seed 1"]["tags"]["ganbench.outcome"] == "stable"
    assert sync(ledger).trials_unchanged == 4


def test_the_page_says_what_was_forgotten_from_the_ledger_and_from_mlflow(root: Path) -> None:
    ledger = make_ledger(root, *four_trials())
    assert told(leaderboard(ledger)) == ""
    ledger.forget(Chosen(normalizer="none"), WHY)
    sync(ledger)
    for board in (leaderboard(ledger), leaderboard_from_mlflow(default_uri(ledger), "toy v1")):
        assert "2 of none" in told(board)
        assert WHY in told(board)
        assert "<b>" not in board.markdown()
