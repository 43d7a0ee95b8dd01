"""`ganbench label`: anybody's logs judged by the same detectors; `ganbench relabel`: old ledgers by a new definition."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from in_process import ganbench_here, ganbench_inside

from ganbench import read_ledger, run
from ganbench.harness.errors import InputError
from ganbench.harness.ledger.relabelling import relabel
from ganbench.harness.stability import load_definition
from ganbench.harness.stability.external_logs import label_file, rows
from ganbench.reports import leaderboard

ganbench = ganbench_inside


PUBLISHED = Path(__file__).parents[2] / "docs" / "data" / "public-training-traces.parquet"
DETERIORATED = {
    *("CIFAR10/GGAN", "CIFAR10/LSGAN", "CIFAR10/WGAN-DRA"),
    *("TINY_IMAGENET/ADAGAN(C)", "TINY_IMAGENET/DiffAugGAN(C)", "TINY_IMAGENET/GGAN", "TINY_IMAGENET/LSGAN"),
}
"""Published trainings whose best checkpoint is far better than their end; read from the curves by eye."""


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def names(labelled, *outcomes: str) -> set[str]:
    return {run.split("-train")[0] for run, verdict in labelled.verdicts.items() if verdict.outcome in outcomes}


def logged(path: Path, **columns) -> Path:
    pd.DataFrame(columns).to_csv(path, index=False)
    return path


def the_run(path: Path, **options):
    (run,) = label_file(path, **options).runs.values()
    return run


def test_published_trainings_that_decayed_are_found_and_no_other_is_accused():
    labelled = label_file(PUBLISHED, 2)
    assert len(labelled.verdicts) == 36
    assert names(labelled, "unstable") == DETERIORATED


def test_definition_3_accuses_no_other_published_training_and_calls_none_that_decayed_stable():
    """They begin at step 2,000: where they do not halve that distance, nothing says whether it is learnt."""
    labelled = label_file(PUBLISHED, 3)
    assert names(labelled, "unstable") <= DETERIORATED
    assert not names(labelled, "stable") & DETERIORATED
    assert not names(labelled, "not_learnt")
    assert {"CIFAR10/WGAN-WC", "TINY_IMAGENET/WGAN-GP"} <= names(labelled, "undecided")
    assert len(names(labelled, "stable")) >= 20


@pytest.mark.parametrize("ratio", [1.15, 1.2, 1.3, 1.44])
def test_any_threshold_in_the_gap_gives_the_same_verdicts(ratio):
    labelled = label_file(PUBLISHED, 2, settings=[f"late_deterioration.ratio={ratio}"])
    assert names(labelled, "unstable") == DETERIORATED


def test_a_bar_finds_what_never_was_good():
    never = {"CIFAR10/WGAN-WC", "TINY_IMAGENET/WGAN-GP"}
    assert names(label_file(PUBLISHED, 3, bars={"fid": 150}), "not_learnt") == never
    older = label_file(PUBLISHED, 2, bars={"fid": 150})
    assert {run.split("-train")[0] for run, item in older.verdicts.items() if "never_converged" in item.modes} == never


def test_a_csv_of_several_runs_with_holes_is_read_as_it_was_meant(tmp_path):
    """An empty field was not logged; a field that says nan or inf was."""
    lines = ["run,step,d_loss,fid,colour"]
    for step in range(100, 2001, 100):
        lines.append(f"good,{step},0.5,{12 if step % 200 == 0 else ''},red")
        lines.append(f"exploded,{step},{'inf' if step > 1500 else 0.5},,blue")
    labelled = label_file(write(tmp_path / "logs.csv", "\n".join(lines)), 2)
    good, exploded = labelled.verdicts["good"], labelled.verdicts["exploded"]
    assert good.outcome == "stable"
    assert exploded.modes == ("diverged",)
    assert exploded.failed_at == 1600
    assert "mode_collapse" in good.blind
    assert "late_deterioration" in exploded.blind
    assert [note.split(";")[0] for note in labelled.notes] == ["column 'colour' is not known and was not looked at"]
    assert "2 runs: 1 stable, 1 unstable (diverged 1)" in labelled.summary()
    assert "late deterioration: nothing to look at in 1 run" in labelled.summary()


def test_a_file_without_runs_is_one_training(tmp_path):
    fid = [50, 20, 10, 10, 10, 30, 30, 30, 30]
    pd.DataFrame({"step": np.arange(1, 10) * 100, "fid": fid}).to_parquet(tmp_path / "one.parquet")
    (name, verdict), = label_file(tmp_path / "one.parquet", 2).verdicts.items()  # fmt: skip
    assert name == "the whole file"
    assert verdict.modes == ("late_deterioration",)
    assert verdict.failed_at == 600


# --- what the untrained generator has ---------------------------------------------------------------------------------

STEPS = np.arange(41) * 1000
LEARNING = 20 + 300 * np.exp(-np.arange(41) / 4)
"""From 320 at step 0."""


def test_the_first_evaluation_is_the_untrained_generator_at_step_0_and_the_bar_is_half_of_it(tmp_path):
    flat = np.append(320.0, np.full(40, 161.0))
    run = the_run(logged(tmp_path / "flat.csv", step=STEPS, fid=flat))
    assert run.verdict.outcome == "not_learnt"
    assert "never reached 160" in run.verdict.reason
    assert the_run(logged(tmp_path / "log.csv", step=STEPS, fid=LEARNING)).verdict.outcome == "stable"


def test_an_inception_score_must_double_what_the_untrained_generator_has(tmp_path):
    for best, outcome in ((1.9 * 1.2, "not_learnt"), (2.1 * 1.2, "stable")):
        path = logged(tmp_path / f"{best}.csv", step=STEPS, inception_score=np.append(1.2, np.full(40, best)))
        assert the_run(path).verdict.outcome == outcome


@pytest.mark.parametrize("fid", [np.full(40, 15.0), np.full(40, 400.0), LEARNING[:40] / 30 + 10])
def test_a_log_without_step_0_that_never_halves_its_first_distance_is_undecided_and_says_how_to_give_a_bar(
    fid, tmp_path
):
    verdict = the_run(logged(tmp_path / "log.csv", step=STEPS[1:], fid=fid)).verdict
    assert (verdict.outcome, verdict.needs) == ("undecided", "measure")
    assert "--bar fid=VALUE" in verdict.reason


def test_what_a_log_without_step_0_lost_is_lost_whether_or_not_it_had_learnt(tmp_path):
    fid = np.append(np.full(20, 30.0), np.full(20, 90.0))
    verdict = the_run(logged(tmp_path / "log.csv", step=STEPS[1:], fid=fid)).verdict
    assert (verdict.modes, verdict.failed_at) == (("lost_quality",), 21_000)


def test_a_log_without_step_0_that_halves_its_first_distance_has_learnt(tmp_path):
    run = the_run(logged(tmp_path / "log.csv", step=STEPS[1:], fid=LEARNING[1:]))
    assert run.verdict.outcome == "stable"
    assert run.evaluations == 40
    assert 20 < run.after_learning < 40


def test_a_given_bar_is_the_bar_itself_for_a_distance_and_for_a_score(tmp_path):
    fid = logged(tmp_path / "fid.csv", step=STEPS[1:], fid=np.full(40, 15.0))
    score = logged(tmp_path / "score.csv", step=STEPS[1:], inception_score=np.full(40, 6.0))
    for path, bars, outcome in (
        (fid, {"fid": 16}, "stable"),
        (fid, {"fid": 14}, "not_learnt"),
        (score, {"inception_score": 5.9}, "stable"),
        (score, {"inception_score": 6.1}, "not_learnt"),
    ):
        assert the_run(path, bars=bars).verdict.outcome == outcome
        assert the_run(path, bars=bars, settings=["learning.of_reference=0.3"]).verdict.outcome == outcome


def test_fine_tuning_begins_trained_so_only_a_bar_says_that_it_has_learnt(tmp_path):
    path = logged(tmp_path / "log.csv", step=STEPS, fid=np.append(60.0, np.full(40, 20.0)))
    assert the_run(path).verdict.outcome == "stable"
    told = the_run(path, fine_tuned=True)
    assert (told.verdict.outcome, told.verdict.needs, told.evaluations) == ("undecided", "measure", 41)
    assert "--bar fid=VALUE" in told.verdict.reason
    assert the_run(path, fine_tuned=True, bars={"fid": 30}).verdict.outcome == "stable"


@pytest.mark.parametrize("fine_tuned", [True, False])
def test_a_run_whose_first_evaluation_is_below_the_bar_had_learnt_also_at_step_0(fine_tuned, tmp_path):
    lost = logged(tmp_path / "lost.csv", step=STEPS, fid=np.append(20.0, np.full(40, 200.0)))
    verdict = the_run(lost, bars={"fid": 30}, fine_tuned=fine_tuned).verdict
    assert (verdict.outcome, verdict.needs) == ("undecided", "evaluations")
    later = logged(tmp_path / "later.csv", step=STEPS, fid=np.append(np.full(5, 20.0), np.full(36, 200.0)))
    assert the_run(later, bars={"fid": 30}, fine_tuned=fine_tuned).verdict.modes == ("lost_quality",)


@pytest.mark.parametrize(
    ("bars", "words"),
    [
        ({"fit": 3}, "did you mean 'fid'"),
        ({"fid": 0}, "a number above 0"),
        ({"fid": float("nan")}, "a number above 0"),
        ({"inception_score": 1}, "a number above 1"),
        ({"diversity": 3}, "at most 2"),
    ],
)
def test_a_bar_that_is_none_is_told(bars, words):
    with pytest.raises(InputError, match=words):
        label_file(PUBLISHED, bars=bars)


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"fid": 20.0}, "has no 'inception_score'; it has fid"),
        ({"fid": 20.0, "inception_score": None, "recall": 0.5}, "has no 'inception_score'; it has fid, recall"),
        ({"d_loss": 1.0}, "has no 'inception_score'; it has no measure of quality"),
        ({"fid": 20.0, "inception_score": 6.0}, "not judged by 'inception_score' under definition 3, but by fid"),
    ],
)
def test_a_bar_of_what_is_not_judged_is_told_with_what_is_there(columns, words, tmp_path):
    path = logged(tmp_path / "log.csv", step=STEPS, **columns)
    with pytest.raises(InputError, match=words) as caught:
        label_file(path, bars={"inception_score": 6})
    assert str(path) in str(caught.value)


def test_a_bar_of_a_measure_that_was_not_finite_is_no_mistake(tmp_path):
    path = logged(tmp_path / "log.csv", step=STEPS, fid="inf")
    assert the_run(path, bars={"fid": 30}).verdict.modes == ("diverged",)
    assert "more than half of its values are not finite" in label_file(path).notes[0]


def test_a_bar_that_one_run_of_a_file_can_be_judged_by_is_taken(tmp_path):
    score = np.append(1.0, np.full(40, 6.0))
    runs = [{"run": "a", "fid": LEARNING, "inception_score": score}, {"run": "b", "inception_score": score}]
    pd.concat([pd.DataFrame({"step": STEPS, **run}) for run in runs]).to_csv(tmp_path / "log.csv", index=False)
    assert len(label_file(tmp_path / "log.csv", bars={"inception_score": 3}).runs) == 2


def test_a_budget_that_a_run_goes_on_after_is_told_with_its_last_step(tmp_path):
    steps = {"short": [1, 200], "long": [1, 1200], "longer": [1, 2000]}
    frames = [pd.DataFrame({"run": run, "step": own, "fid": 5.0}) for run, own in steps.items()]
    pd.concat(frames).to_csv(tmp_path / "log.csv", index=False)
    with pytest.raises(InputError, match=r"--budget 1199: run 'long' of .* goes on to step 1,200, and so in 1 more$"):
        label_file(tmp_path / "log.csv", budget=1199)
    assert len(label_file(tmp_path / "log.csv", budget=2000).runs) == 3


def test_a_definition_without_bars_takes_one_for_the_distance_only():
    with pytest.raises(InputError, match="definition 2 takes one of fid only, found inception_score"):
        label_file(PUBLISHED, 2, bars={"inception_score": 5})


# --- columns that end -------------------------------------------------------------------------------------------------

AFTER_20 = [1.0] * 20 + [None] * 20


@pytest.mark.parametrize("kind", ["csv", "parquet"])
@pytest.mark.parametrize("ending", ["d_loss", "g_loss", "d_real", "d_accuracy", "g_grad_norm"])
def test_a_column_that_is_empty_to_the_end_while_the_log_goes_on_was_not_finite(kind, ending, tmp_path):
    columns = {"step": STEPS[1:], "d_fake": np.ones(40), ending: AFTER_20}
    frame, path = pd.DataFrame(columns), tmp_path / f"log.{kind}"
    frame.to_csv(path, index=False) if kind == "csv" else frame.to_parquet(path)
    verdict = the_run(path).verdict
    assert (verdict.modes, verdict.failed_at) == (("diverged",), 21_000)
    assert f"{ending} is empty from step 21,000 to the end" in verdict.findings[0].reason


def test_a_measure_that_is_not_computed_any_more_leaves_the_end_open(tmp_path):
    fid = [*(20 + 280 * np.exp(-np.arange(20) / 3)), *[None] * 20]
    verdict = the_run(logged(tmp_path / "log.csv", step=STEPS[1:], d_loss=np.ones(40), fid=fid)).verdict
    assert (verdict.outcome, verdict.needs) == ("undecided", "measure")


@pytest.mark.parametrize(
    "column",
    [
        [1.0] * 38 + [None] * 2,
        [1.0, None, None, None, None] * 7 + [None] * 5,
        [1.0, None] * 5 + [None] * 8 + [1.0] + [None] * 21,
        [1.0] + [None] * 39,
        [None] * 40,
        [None] * 20 + [1.0] * 20,
    ],
)
@pytest.mark.parametrize("name", ["g_loss", "fid"])
def test_gaps_as_there_were_before_and_columns_that_are_logged_seldom_are_absent(name, column, tmp_path):
    path = logged(tmp_path / "log.csv", step=STEPS[1:], d_loss=np.ones(40), **{name: column})
    assert the_run(path).verdict.modes == ()


@pytest.mark.parametrize(("gap", "empty", "ended"), [(1, 2, False), (1, 3, True), (4, 11, False), (4, 12, True)])
def test_an_end_is_three_of_the_greatest_gap_and_three_rows(gap, empty, ended, tmp_path):
    column = [1.0, 1.0, *[None] * (gap - 1), 1.0, *[None] * empty]
    path = logged(tmp_path / "log.csv", step=STEPS[: len(column)], d_loss=np.ones(len(column)), g_loss=column)
    assert the_run(path).verdict.modes == (("diverged",) if ended else ())


def test_an_end_is_three_of_the_greatest_gap_in_steps_too(tmp_path):
    """Rows that follow each other closely, after the last one of a training, are no long end."""
    for last, ended in ((25_100, False), (25_200, True)):
        steps = [*range(100, 25_000, 100), 25_000, 25_001, last]
        path = logged(tmp_path / "log.csv", step=steps, d_loss=[0.5] * 249 + [None] * 3, fid=[None] * 249 + [50.0] * 3)
        assert the_run(path).verdict.modes == (("diverged",) if ended else ())


@pytest.mark.parametrize("name", ["d_grad_norm", "g_grad_norm", "d_real", "d_accuracy"])
def test_what_is_no_loss_was_not_logged_any_more_where_a_loss_goes_on(name, tmp_path):
    path = tmp_path / "log.csv"
    for d_loss, g_loss, modes in (
        (np.ones(40), AFTER_20, ("diverged",)),
        (AFTER_20, AFTER_20, ("diverged",)),
        ([*AFTER_20[:20], *[1.0] * 20], np.ones(40), ()),
    ):
        logged(path, step=STEPS[1:], d_loss=d_loss, g_loss=g_loss, **{name: [1.0] * 3 + [None] * 37})
        assert the_run(path).verdict.modes == modes


def test_text_that_says_nan_in_a_scalar_is_not_finite_at_once(tmp_path):
    lines = ["step,d_loss,fid", *(f"{step},{'NaN' if step == 30 else 0.5},12" for step in range(10, 410, 10))]
    verdict = the_run(write(tmp_path / "log.csv", "\n".join(lines))).verdict
    assert (verdict.modes, verdict.failed_at) == (("diverged",), 30)


# --- what cannot be ---------------------------------------------------------------------------------------------------

IMPOSSIBLE = {
    "fid": (-0.5, "distance"),
    "inception_score": (0.5, "Inception Score"),
    "recall": (1.5, "share"),
    "coverage": (-0.1, "share"),
    "mode_coverage": (96.0, "share"),
    "high_quality_share": (88.0, "share"),
    "d_accuracy": (70.0, "share"),
    "diversity": (2.5, "ratio"),
    "largest_mode_ratio": (-1.0, "ratio"),
    "d_grad_norm": (-np.inf, "norm"),
    "g_grad_norm": (-1.0, "norm"),
    "step": (0.5, "whole number of 0 or more"),
}


@pytest.mark.parametrize("name", IMPOSSIBLE)
def test_an_impossible_number_is_one_error_with_its_file_row_and_column(name, tmp_path):
    value, words = IMPOSSIBLE[name]
    columns = {"step": [1.0, 2, 3, 4], "d_loss": [-5.0, 5, 5, 5], "inception_score": [1.0, 2, 3, 4]}
    columns[name] = [1.0, value, 1.0, value]
    path = logged(tmp_path / "log.csv", **columns)
    with pytest.raises(InputError) as caught:
        label_file(path)
    (problem,) = caught.value.problems
    assert problem.startswith(f"{path}: row 2, column {name!r}: expected a")
    assert words in problem
    assert problem.endswith(f"found {value:g}, and so in 1 more")


def test_two_columns_with_impossible_numbers_are_two_errors(tmp_path):
    path = logged(tmp_path / "log.csv", step=[1, 2], fid=[-1, -1], d_accuracy=[50, 60])
    with pytest.raises(InputError) as caught:
        label_file(path)
    assert len(caught.value.problems) == 2


def test_what_rounding_does_to_a_possible_number_is_no_mistake(tmp_path):
    columns = {"fid": [-1e-9, 1.0], "d_accuracy": [1 + 1e-7, 1], "inception_score": [1 - 1e-8, 2]}
    assert len(label_file(logged(tmp_path / "log.csv", step=[1, 2], **columns)).verdicts) == 1


def test_steps_that_go_back_within_a_run_are_told_and_interleaved_runs_are_not(tmp_path):
    frame = pd.DataFrame({"run": ["a", "b"] * 4, "step": [1, 10, 2, 20, 3, 30, 4, 40], "fid": 5.0})
    frame.to_csv(tmp_path / "log.csv", index=False)
    assert set(label_file(tmp_path / "log.csv").verdicts) == {"a", "b"}
    frame.loc[6, "step"] = 1
    frame.to_csv(tmp_path / "log.csv", index=False)
    told = "row 7, column 'step': expected 3, the step before it in run 'a', or more, found 1$"
    with pytest.raises(InputError, match=told):
        label_file(tmp_path / "log.csv")


def test_a_value_that_a_step_has_twice_is_told_and_rows_that_complete_each_other_are_one(tmp_path):
    steps, fid = range(100, 4100, 100), [f"{300 * 0.8**at + 20:.3f}" for at in range(40)]
    lines = [f"{step},0.5,\n{step},,{value}" for step, value in zip(steps, fid, strict=True)]
    completed = write(tmp_path / "log.csv", "\n".join(["step,d_loss,fid", *lines]))
    whole = logged(tmp_path / "whole.csv", step=steps, d_loss=0.5, fid=fid)
    assert rows(label_file(completed)) == rows(label_file(whole))
    twice = write(tmp_path / "twice.csv", "\n".join(["step,d_loss,fid", *lines, "4000,,21"]))
    told = r"row 81, column 'fid': expected one value at step 4000 .* the first is in row 80"
    with pytest.raises(InputError, match=told):
        label_file(twice)


def test_a_measure_with_too_few_numbers_to_be_looked_at_is_said(tmp_path):
    sparse = [20.0 if at % 4 == 0 else "nan" for at in range(40)]
    path = logged(tmp_path / "log.csv", step=STEPS[1:], fid=sparse, inception_score=np.full(40, 6.0))
    (note,) = label_file(path).notes
    assert note == "column 'fid' was not looked at in 1 run: more than half of its values are not finite"


@pytest.mark.parametrize("definition", [1, 2, 3])
def test_measures_of_different_steps_are_each_judged_at_their_own(definition, tmp_path):
    """An empty field is no evaluation that could not be computed."""
    steps = np.arange(121) * 1000
    sparse = [LEARNING[step // 3000] if step % 3000 == 0 else None for step in steps]
    together = the_run(logged(tmp_path / "log.csv", step=steps, fid=sparse, recall=0.5), definition=definition)
    alone = the_run(logged(tmp_path / "log.csv", step=STEPS * 3, fid=LEARNING), definition=definition)
    assert together.verdict.outcome == alone.verdict.outcome == "stable"
    assert (together.evaluations, together.after_learning) == (alone.evaluations, alone.after_learning)


# --- what is said of how a file was read ------------------------------------------------------------------------------


def test_a_measure_that_the_definition_does_not_judge_by_is_said(tmp_path):
    columns = {"recall": 0.5, "coverage": 0.5, "largest_mode_ratio": 1.0, "inception_score": 5.0, "diversity": 0.9}
    path = logged(tmp_path / "log.csv", step=STEPS, fid=LEARNING, **columns)
    (note,) = label_file(path).notes
    assert note == "not judged by definition 3: inception_score, recall, coverage, largest_mode_ratio"
    assert label_file(path, 2).notes == ()
    assert label_file(path, 1).notes == ("not judged by definition 1: recall, coverage",)


def test_a_measure_that_is_judged_in_some_runs_only_is_said(tmp_path):
    path = tmp_path / "log.csv"
    score = np.append(1.0, np.full(40, 6.0))
    runs = [{"run": "a", "fid": LEARNING, "inception_score": score}, {"run": "b", "inception_score": score}]
    pd.concat([pd.DataFrame({"step": STEPS, **run}) for run in runs]).to_csv(path, index=False)
    assert label_file(path).notes == ("not judged by definition 3: inception_score (1 of 2 runs)",)


@pytest.mark.parametrize(("first", "said"), [(76.0, True), (300.0, False)])
def test_bars_that_differ_between_runs_are_said(first, said, tmp_path):
    curves = {"a": LEARNING, "b": np.append(first, np.full(40, 20.0))}
    frames = [pd.DataFrame({"run": run, "step": STEPS, "fid": fid}) for run, fid in curves.items()]
    pd.concat(frames).to_csv(tmp_path / "log.csv", index=False)
    words = "the bars of fid are from 38 to 160, each from a run's own first evaluation: --bar fid=VALUE"
    assert [note.startswith(words) for note in label_file(tmp_path / "log.csv").notes] == [True] * said
    assert label_file(tmp_path / "log.csv", bars={"fid": 50}).notes == ()


def test_notes_stand_apart_from_json(tmp_path):
    path = logged(tmp_path / "log.csv", step=STEPS, fid=LEARNING, recall=0.5)
    result = ganbench_here("label", path, "--json")
    assert [json.loads(line)["verdict"] for line in result.stdout.splitlines()] == ["stable"]
    assert result.stderr == "not judged by definition 3: recall\n"


def test_a_log_of_step_0_alone_is_said_to_end_there(tmp_path):
    assert the_run(logged(tmp_path / "log.csv", step=[0], fid=[300.0])).verdict.reason == (
        "the log has nothing after step 0"
    )


def test_a_least_loss_without_meaning_is_not_printed_as_a_number(tmp_path):
    fid = np.append(320.0, np.tile([1e-6, 1e2, 1e-2], 14)[:40])
    path = logged(tmp_path / "log.csv", step=STEPS, fid=fid)
    (row,) = rows(label_file(path))
    assert row["least_loss"] > 100
    assert "a lasting loss of over x100 would have been found in 19 of 20 cases" in " ".join(
        ganbench_here("label", path).stdout.split()
    )


def test_measures_that_were_not_always_computed_together_are_judged_where_they_were(tmp_path):
    share = np.clip(np.arange(41) / 10, 0, 0.95)
    modes = np.where(np.arange(41) == 20, np.nan, np.ones(41))
    path = logged(tmp_path / "log.csv", step=STEPS, high_quality_share=share, mode_coverage=modes)
    assert the_run(path).verdict.outcome == "stable"


# --- other thresholds -------------------------------------------------------------------------------------------------


def test_changed_thresholds_decide_and_are_said_wherever_the_verdict_is(tmp_path, ganbench):
    path = logged(tmp_path / "log.csv", step=STEPS, fid=np.append(320.0, np.full(40, 120.0)))
    assert the_run(path).verdict.outcome == "stable"
    settings = ["learning.of_reference=0.3", "evidence.until=0.8"]
    changed = label_file(path, settings=settings)
    assert changed.verdicts["the whole file"].outcome == "not_learnt"
    (row,) = rows(changed)
    assert row["changed_thresholds"] == {"learning.of_reference": 0.3, "evidence.until": 0.8}
    options = [part for setting in settings for part in ("--set", setting)]
    table = ganbench("label", path, *options).stdout
    assert "definition 3 with changed thresholds, learning.of_reference=0.3, evidence.until=0.8" in table
    assert json.loads(ganbench("label", path, *options, "--json").stdout) == row


def test_a_threshold_set_to_what_it_is_changes_nothing(tmp_path):
    path = logged(tmp_path / "log.csv", step=STEPS, fid=LEARNING)
    published = load_definition(3)
    labelled = label_file(path, settings=[f"loss.factor={published.loss.factor}"])
    assert labelled.definition == published
    assert "changed" not in labelled.summary()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (["los.factor=2"], "definition 3 has no rule 'los'; did you mean 'loss'?"),
        (["loss.facter=2"], "definition 3 has no parameter 'facter' of 'loss'; did you mean 'factor'?"),
        (["mode_collapse.diversity=0.5"], "definition 3 has no rule 'mode_collapse'"),
        (["version.x=1"], "definition 3 has no rule 'version'"),
        (["loss.factor"], "expected RULE.PARAMETER=VALUE"),
        (["loss=2"], "expected RULE.PARAMETER=VALUE"),
        (["loss.factor=much"], "--set loss.factor=much: expected a valid number"),
        (["loss.factor=.nan"], "finite"),
        (["loss.factor=0.9"], "greater than 1"),
        (
            ["loss.of_noise=3", "evidence.until=2"],
            "--set evidence.until=2: expected less than or equal to 1, found 2",
        ),
        (["loss.tail_share=0.9"], "loss.prefix_least"),
        (["loss.factor=["], "expected a value"),
    ],
)
def test_a_threshold_that_is_none_is_told_with_what_was_set(settings, words):
    with pytest.raises(InputError) as caught:
        label_file(PUBLISHED, 3, settings=settings)
    assert len(caught.value.problems) == 1
    assert words in str(caught.value)


def test_thresholds_that_only_fit_together_can_be_set_together():
    labelled = label_file(PUBLISHED, 3, settings=["loss.tail_least=9", "evidence.after_learning=20"])
    assert len(labelled.verdicts) == 36


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
        (
            "a.csv",
            "run,step,fid\na,,2\n",
            ["row 1, column 'step': expected a whole number of 0 or more, found nothing"],
        ),
        ("a.csv", "run,step,fid\n", ["found a header and no row"]),
        ("a.csv", "step,fid,fid,step\n1,2,3,4\n", ["expected each column once", "'step' and 'fid'"]),
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
    printed = ganbench("label", PUBLISHED, "--definition", "2")
    assert printed.returncode == 0, printed.stderr
    assert "36 runs: 29 stable, 7 unstable (late deterioration 7)" in printed.stdout
    assert "judged by definition 2\n" in printed.stdout
    assert "mode collapse: nothing to look at in any run" in printed.stdout
    lines = ganbench("label", PUBLISHED, "--definition", "2", "--json").stdout.splitlines()
    read = [json.loads(line) for line in lines]
    assert read == rows(label_file(PUBLISHED, 2))
    worst = next(row for row in read if "DiffAugGAN(C)" in row["run"] and row["verdict"] == "unstable")
    assert worst["failed_at"] == 142_000
    assert worst["findings"][0]["value"] == pytest.approx(12.3, abs=0.05)


def test_outcome_reason_evidence_and_what_is_missing_stand_in_the_table_and_in_json(tmp_path, ganbench):
    lost, flat = np.append(LEARNING[:21], np.full(20, 90.0)), np.append(320.0, np.full(40, 300.0))
    curves = {"kept": LEARNING, "lost": lost, "flat": flat, "short": LEARNING[:20]}
    table = pd.concat(
        [pd.DataFrame({"run": run, "step": STEPS[: len(fid)], "fid": fid}) for run, fid in curves.items()]
    )
    table.to_csv(tmp_path / "log.csv", index=False)
    options = ("label", tmp_path / "log.csv", "--budget", "40000")
    read = {row["run"]: row for row in map(json.loads, ganbench(*options, "--json").stdout.splitlines())}
    assert [row["verdict"] for row in read.values()] == ["stable", "unstable", "not_learnt", "undecided"]
    assert (read["lost"]["modes"], read["lost"]["failed_at"]) == (["lost_quality"], 21_000)
    assert read["lost"]["reason"].startswith("the Frechet distance was")
    assert "never reached 160" in read["flat"]["reason"]
    assert read["short"]["reason"] == "the log ends at step 19,000 of 40,000"
    assert read["short"]["needs"] == "the rest of the log"
    assert read["kept"]["evaluations"] == 40
    assert 20 < read["kept"]["after_learning"] < 40
    assert read["kept"]["least_loss"] > 1
    text = " ".join(ganbench(*options).stdout.split())
    assert (
        "4 runs: 1 stable, 1 unstable (lost quality 1), 1 not learnt, 1 undecided (needs the rest of the log 1)" in text
    )
    assert f"a lasting loss from x{read['kept']['least_loss']:.2g} on would have been found in 19 of 20 cases" in text


def test_the_command_takes_a_bar_and_says_what_is_wrong_with_one(tmp_path, ganbench):
    path = logged(tmp_path / "log.csv", step=STEPS, fid=np.append(60.0, np.full(40, 20.0)))
    told = ganbench("label", path, "--fine-tuned", "--bar", "fid=30")
    assert "1 run: 1 stable" in told.stdout
    wrong = ganbench("label", path, "--bar", "30")
    assert wrong.returncode == 2
    assert "--bar 30: expected MEASURE=VALUE, such as fid=30" in wrong.stderr
    twice = ganbench("label", path, "--bar", "fid=30", "--bar", "fid=2")
    assert twice.returncode == 2
    assert "--bar fid=2: expected one bar of 'fid', found 30 too" in twice.stderr


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
    nothing = ganbench("relabel", "out")
    assert nothing.returncode == 2
    assert all(option in nothing.stderr for option in ("--definition", "--detector", "--set"))
    wrong = ganbench("relabel", "out", "--definition", "9")
    assert wrong.returncode == 2
    assert "no definition 9" in wrong.stderr
    done = ganbench("relabel", "out", "--definition", "2")
    assert done.returncode == 0, done.stderr
    assert "6 trials judged by definition 2" in done.stdout
    page = leaderboard(tmp_path / "out").markdown()
    assert "definition 2" in page
    assert "6 trials from the stored trace, by this definition" in page


def test_relabelling_by_changed_thresholds_prints_and_writes_nothing(tiny, tmp_path, ganbench):
    tiny.write_text(tiny.read_text().replace("seed: 7\n", "seed: 7\ndefinition: 2\n"))
    run(tiny, tmp_path / "out", address="inline", seeds=1)
    before = {path: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()}
    done = ganbench("relabel", "out", "--set", "never_converged.share=0", "--set", "never_converged.of_untrained=9")
    assert done.returncode == 0, done.stderr
    words = "6 trials judged by definition 2 with never_converged.share=0, never_converged.of_untrained=9, "
    assert words in done.stdout
    assert "0 of them differently" not in done.stdout
    assert "nothing was written" in done.stdout
    wrong = ganbench("relabel", "out", "--set", "never_converged.of_trained=0")
    assert wrong.returncode == 2
    assert "did you mean 'of_untrained'" in wrong.stderr
    both = ganbench("relabel", "out", "--set", "never_converged.share=0", "--detector", "oscillation")
    assert both.returncode == 2
    assert before == {path: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()}
