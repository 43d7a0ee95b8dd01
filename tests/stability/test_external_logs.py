"""`ganbench label`: anybody's logs judged by the same detectors; `ganbench relabel`: old ledgers by a new definition."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ganbench import read_ledger, run
from ganbench.harness.errors import InputError
from ganbench.harness.ledger.relabelling import relabel
from ganbench.harness.stability import load_definition
from ganbench.harness.stability.external_logs import label_file, rows

PUBLISHED = Path(__file__).parents[2] / "docs" / "data" / "public-training-traces.parquet"
DETERIORATED = {
    *("CIFAR10/GGAN", "CIFAR10/LSGAN", "CIFAR10/WGAN-DRA"),
    *("TINY_IMAGENET/ADAGAN(C)", "TINY_IMAGENET/DiffAugGAN(C)", "TINY_IMAGENET/GGAN", "TINY_IMAGENET/LSGAN"),
}
"""Published trainings whose best checkpoint is far better than their end; read from the curves by eye."""


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_published_trainings_that_decayed_are_found_and_no_other_is_accused():
    labelled = label_file(PUBLISHED)
    assert len(labelled.verdicts) == 36
    failed = {run.split("-train")[0] for run, verdict in labelled.verdicts.items() if verdict.failed}
    assert failed == DETERIORATED


@pytest.mark.parametrize("ratio", [1.15, 1.2, 1.3, 1.44])
def test_any_threshold_in_the_gap_gives_the_same_verdicts(ratio):
    from ganbench.harness.stability import judge
    from ganbench.harness.stability.external_logs import _read, _traces

    definition = load_definition(2)
    limits = definition.late_deterioration.model_copy(update={"ratio": ratio})
    moved = definition.model_copy(update={"late_deterioration": limits})
    verdicts = {run: judge(trace, moved) for run, trace in _traces(PUBLISHED, _read(PUBLISHED), None)}
    assert {run.split("-train")[0] for run, verdict in verdicts.items() if verdict.failed} == DETERIORATED


def test_a_ceiling_finds_what_never_was_good():
    labelled = label_file(PUBLISHED, fid_ceiling=150)
    never = {run.split("-train")[0] for run, item in labelled.verdicts.items() if "never_converged" in item.modes}
    assert never == {"CIFAR10/WGAN-WC", "TINY_IMAGENET/WGAN-GP"}


def test_a_csv_of_several_runs_with_holes_is_read_as_it_was_meant(tmp_path):
    """An empty field was not logged; a field that says nan or inf was."""
    lines = ["run,step,d_loss,fid,colour"]
    for step in range(100, 2001, 100):
        lines.append(f"good,{step},0.5,{12 if step % 200 == 0 else ''},red")
        lines.append(f"exploded,{step},{'inf' if step > 1500 else 0.5},,blue")
    labelled = label_file(write(tmp_path / "logs.csv", "\n".join(lines)))
    good, exploded = labelled.verdicts["good"], labelled.verdicts["exploded"]
    assert good.outcome == "stable"
    assert exploded.modes == ("diverged",)
    assert exploded.failed_at == 1600
    assert "mode_collapse" in good.blind
    assert "late_deterioration" in exploded.blind
    assert [note.split(";")[0] for note in labelled.notes] == ["column 'colour' is not known and was not looked at"]
    assert "1 of 2 runs unstable (diverged 1)" in labelled.summary()
    assert "late deterioration: nothing to look at in 1 run" in labelled.summary()


def test_rows_in_any_order_and_a_file_without_runs_are_one_training(tmp_path):
    fid = [50, 20, 10, 10, 10, 30, 30, 30, 30]
    frame = pd.DataFrame({"step": np.arange(1, 10) * 100, "fid": fid}).sample(frac=1, random_state=0)
    frame.to_parquet(tmp_path / "one.parquet")
    (name, verdict), = label_file(tmp_path / "one.parquet").verdicts.items()  # fmt: skip
    assert name == "the whole file"
    assert verdict.modes == ("late_deterioration",)
    assert verdict.failed_at == 600


def test_a_vanishing_gradient_in_somebodys_logs_is_found_with_its_cause(tmp_path):
    step = np.arange(1, 201) * 10
    frame = pd.DataFrame({"run": "a", "step": step, "g_grad_norm": np.where(step > 800, 1e-9, 0.3), "d_accuracy": 1.0})
    frame.to_csv(tmp_path / "a.csv", index=False)
    finding = label_file(tmp_path / "a.csv").verdicts["a"].findings[0]
    assert finding.mode == "vanishing_gradient"
    assert "the discriminator is saturated" in finding.reason


def test_a_scalar_that_is_logged_less_often_than_another_keeps_its_last_value_and_is_no_divergence(tmp_path):
    lines = ["step,d_loss,g_grad_norm"]
    lines += [f"{step},0.5,{'' if step % 30 else (0.3 if step < 800 else 1e-9)}" for step in range(10, 2001, 10)]
    verdict = label_file(write(tmp_path / "holes.csv", "\n".join(lines))).verdicts["the whole file"]
    assert verdict.modes == ("vanishing_gradient",)


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.csv", "run,stepp,fid\na,1,2\n", ["no column 'step'", "did you mean 'stepp'"]),
        ("a.csv", "run,step,colour\na,1,red\n", ["nothing to look at", "fid"]),
        ("a.csv", "run,step,fid\na,,2\n", ["column 'step': row 1"]),
        ("a.csv", "run,step,fid\na,1,good\n", ["column 'fid': expected numbers"]),
        ("a.txt", "run,step,fid\na,1,2\n", ["expected a .parquet or a .csv", "'.txt'"]),
        ("a.parquet", "no parquet", ["cannot be read"]),
    ],
)
def test_logs_that_cannot_be_judged_get_one_message(tmp_path, name, text, words):
    with pytest.raises(InputError) as caught:
        label_file(write(tmp_path / name, text))
    assert all(word in str(caught.value) for word in words)


def test_a_file_that_is_absent_and_a_definition_that_is_unknown_are_told(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        label_file(tmp_path / "absent.csv")
    with pytest.raises(InputError, match="no definition 7"):
        label_file(PUBLISHED, 7)


def test_the_command_prints_a_table_and_emits_json(ganbench):
    printed = ganbench("label", PUBLISHED)
    assert printed.returncode == 0, printed.stderr
    assert "7 of 36 runs unstable (late deterioration 7)" in printed.stdout
    assert "mode collapse: nothing to look at in any run" in printed.stdout
    lines = ganbench("label", PUBLISHED, "--json").stdout.splitlines()
    read = [json.loads(line) for line in lines]
    assert read == rows(label_file(PUBLISHED))
    worst = next(row for row in read if "DiffAugGAN(C)" in row["run"] and row["verdict"] == "unstable")
    assert worst["failed_at"] == 142_000
    assert worst["findings"][0]["value"] == pytest.approx(12.3, abs=0.05)


def test_relabelling_judges_old_trials_anew_without_touching_their_records(tiny, tmp_path):
    text = tiny.read_text().replace("seed: 7\n", "seed: 7\ndefinition: 1\n")
    tiny.write_text(text)
    run(tiny, tmp_path / "out", address="inline", seeds=1)
    ledger = read_ledger(tmp_path / "out")
    before = {path.name: path.read_bytes() for path in (tmp_path / "out" / "trials").rglob("*.json")}
    assert {record.verdict.definition for record in ledger.records()} == {1}
    changes = relabel(ledger, 2)
    assert changes.trials == 6
    assert ledger.plan()["definition"] == 2
    assert {record.judged_by(load_definition(2)).definition for record in ledger.records()} == {2}
    assert before == {path.name: path.read_bytes() for path in (tmp_path / "out" / "trials").rglob("*.json")}
    run(tiny, tmp_path / "out", address="inline", seeds=1)  # the suite's own definition does not take the choice back
    assert read_ledger(tmp_path / "out").plan()["definition"] == 2


def test_the_command_relabels_and_the_report_says_so(tiny, tmp_path, ganbench):
    tiny.write_text(tiny.read_text().replace("seed: 7\n", "seed: 7\ndefinition: 1\n"))
    run(tiny, tmp_path / "out", address="inline", seeds=1)
    wrong = ganbench("relabel", "out", "--definition", "9")
    assert wrong.returncode == 2
    assert "no definition 9" in wrong.stderr
    done = ganbench("relabel", "out", "--definition", "2")
    assert done.returncode == 0, done.stderr
    assert "6 trials judged by definition 2" in done.stdout
    assert ganbench("report", "out").returncode == 0
    page = (tmp_path / "out" / "leaderboard" / "leaderboard.md").read_text()
    assert "definition 2" in page
    assert "6 trials from the stored trace, by this definition" in page
