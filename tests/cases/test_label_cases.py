"""Training logs as people have them, on which `ganbench label` was wrong, and partly is.

Each test says what is right; those with a mark are expected to fail until the issue in its reason is done. Binary logs of
TensorBoard are left out: writing one needs a package that is no dependency.
"""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from in_process import ganbench_here, ganbench_inside, printed

ganbench = ganbench_inside


READERS = 27
"""The issue on logs of any origin."""


def wrong_today(what: str, issue: int, raises: type[Exception] = AssertionError) -> pytest.MarkDecorator:
    return pytest.mark.xfail(strict=True, raises=raises, reason=f"{what}; issue {issue}")


@dataclass(frozen=True)
class Row:
    verdict: str
    modes: tuple[str, ...]
    failed_at: int | None
    warnings: tuple[str, ...]


def judged(path: Path, *options: str) -> dict[str, Row]:
    """What the command says of each run of a file."""
    result = ganbench_here("label", path, *options, "--json")
    assert result.exit_code == 0, printed(result)
    rows = [json.loads(line) for line in result.stdout.splitlines() if line.startswith("{")]
    return {
        row["run"]: Row(
            row["verdict"], tuple(row["modes"]), row["failed_at"], tuple(item["mode"] for item in row["warnings"])
        )
        for row in rows
    }


def the_row(path: Path, *options: str) -> Row:
    (row,) = judged(path, *options).values()
    return row


def csv(path: Path, **columns: Iterable[object]) -> Path:
    pd.DataFrame(columns).to_csv(path, index=False)
    return path


def many(path: Path, runs: Mapping[object, tuple[Iterable[int], Iterable[float]]]) -> dict[str, Row]:
    """Judge Frechet distances of many runs in one file."""
    frames = [pd.DataFrame({"run": f"run {run}", "step": steps, "fid": fid}) for run, (steps, fid) in runs.items()]
    pd.concat(frames).to_csv(path, index=False)
    return judged(path)


# --- no evidence ------------------------------------------------------------------------------------------------------

STEPS = np.arange(1, 41) * 2500
HEALTHY = 8 + 292 * np.exp(-np.arange(40) / 6)
NOTHING = np.full(40, np.nan)


def noisy(level: float, noise: float, count: int = 40, seed: int = 0) -> np.ndarray:
    return level * np.exp(noise * np.random.default_rng(seed).standard_normal(count))


WITHOUT_EVIDENCE: dict[str, tuple[dict[str, Iterable[object]], tuple[str, ...]]] = {
    "one row": ({"step": [1], "d_loss": [0.7]}, ()),
    "one evaluation": ({"step": [1000], "fid": [12.0]}, ()),
    "losses alone": ({"step": STEPS, "d_loss": noisy(0.7, 0.1), "g_loss": noisy(0.9, 0.1)}, ()),
    "a distance of 400 throughout": ({"step": STEPS, "fid": np.full(40, 400.0)}, ()),
    "a distance about 400 throughout": ({"step": STEPS, "fid": noisy(400, 0.03)}, ()),
    "a discriminator that never moved": (
        {"step": STEPS, "d_loss": [7.971192] * 40, "d_accuracy": [0.5] * 40, "g_loss": [0.0] * 40},
        (),
    ),
    "a third of the budget": ({"step": STEPS, "fid": HEALTHY}, ("--budget", "300000")),
    "a budget of which nearly nothing was trained": ({"step": STEPS, "fid": HEALTHY}, ("--budget", "10000000")),
    "five evaluations after learning": (
        {"step": STEPS[:8], "fid": [300, 90, 30, 12, 12.5, 11.8, 12.2, 12.1]},
        (),
    ),
}


@pytest.mark.parametrize("kind", WITHOUT_EVIDENCE)
def test_a_log_without_evidence_is_not_called_stable(kind, tmp_path):
    columns, options = WITHOUT_EVIDENCE[kind]
    assert the_row(csv(tmp_path / "log.csv", **columns), *options).verdict != "stable"


@pytest.mark.parametrize("kind", ["csv", "parquet"])
@pytest.mark.parametrize("lost", [("d_loss", "g_loss", "fid"), ("d_loss", "g_loss")])
def test_columns_that_are_empty_from_some_step_to_the_end_were_not_finite(kind, lost, tmp_path):
    columns = {"d_loss": noisy(0.7, 0.1), "g_loss": noisy(0.9, 0.1), "fid": HEALTHY}
    frame = pd.DataFrame({"run": "sn-seed3", "step": STEPS, **columns})
    frame.loc[20:, list(lost)] = np.nan
    path = tmp_path / f"log.{kind}"
    frame.to_csv(path, index=False) if kind == "csv" else frame.to_parquet(path)
    assert the_row(path).verdict == "unstable"


def test_a_header_without_rows_is_told(tmp_path, ganbench):
    (tmp_path / "log.csv").write_text("run,step,fid\n")
    result = ganbench("label", tmp_path / "log.csv")
    assert result.returncode == 2
    assert "row" in result.stderr


IMPOSSIBLE = {
    "a distance of -1 where nothing was measured": ("fid", [320.0, -1, -1, 90, 60, 40, 30, 25]),
    "a negative distance": ("fid", [320.0, 200, 120, -90, 60, 40, 30, 25]),
    "a share above 1": ("diversity", [0.1, 0.3, 0.8, 8.0, 0.9, 0.9, 0.9, 0.9]),
    "an accuracy above 1": ("d_accuracy", [0.5, 0.6, 0.7, 70.0, 0.7, 0.7, 0.7, 0.7]),
    "a negative norm": ("g_grad_norm", [0.5, 0.6, 0.7, -0.7, 0.7, 0.7, 0.7, 0.7]),
    "an Inception Score below 1": ("inception_score", [1.5, 2, 3, 0.0, 4, 5, 5, 5]),
}


@pytest.mark.parametrize("kind", IMPOSSIBLE)
def test_an_impossible_number_is_told_with_its_row(kind, tmp_path):
    name, values = IMPOSSIBLE[kind]
    path = csv(tmp_path / "log.csv", step=STEPS[: len(values)], **{name: values})
    row = 2 if -1 in values else 4
    assert f"row {row}" in printed(ganbench_here("label", path))


def test_rows_that_appear_twice_are_told(tmp_path):
    fid = [*HEALTHY[:10], HEALTHY[9], *HEALTHY[10:]]
    steps = [*STEPS[:10], STEPS[9], *STEPS[10:]]
    assert "row 11" in printed(ganbench_here("label", csv(tmp_path / "log.csv", step=steps, fid=fid)))


def test_a_column_that_appears_twice_is_told(tmp_path, ganbench):
    lines = [f"{step},{fid},{fid}" for step, fid in zip(STEPS, HEALTHY, strict=True)]
    (tmp_path / "log.csv").write_text("\n".join(["step,fid,fid", *lines]))
    result = ganbench("label", tmp_path / "log.csv")
    assert result.returncode == 2
    assert "'fid'" in result.stderr
    assert "Traceback" not in result.stderr


# --- what is good and bad in turns ------------------------------------------------------------------------------------


def falls_then_alternates(low: float, high: float, best: float = 20, rows: int = 50) -> list[float]:
    fall = best + (320 - best) * np.exp(-np.arange(19) / 4.5)
    return [*fall, best, *([low, high] * rows)[: rows - 20]]


@pytest.mark.parametrize(("low", "high"), [(60, 85), (60, 90), (60, 200), (100, 634)])
def test_a_training_that_is_bad_in_turns_ever_after_lost_what_it_had(low, high, tmp_path):
    path = csv(tmp_path / "log.csv", step=np.arange(1, 51) * 1000, fid=falls_then_alternates(low, high))
    assert the_row(path).verdict == "unstable"


def test_making_evaluations_after_the_onset_worse_never_takes_a_finding_back(tmp_path):
    """From a plain decay, by factors that grow, on every second or every third evaluation after its onset."""
    decay = [*(20 + 300 * np.exp(-np.arange(19) / 4.5)), 20.0, *np.full(30, 60.0)]
    runs = {"as it was": decay}
    for factor in (1.2, 1.5, 3, 10):
        for every in (2, 3):
            worse = [fid * factor if at >= 20 and at % every == 0 else fid for at, fid in enumerate(decay)]
            runs[f"x{factor} every {every}"] = worse
    found = many(tmp_path / "log.csv", {run: (np.arange(1, 51) * 1000, fid) for run, fid in runs.items()})
    assert {run for run, row in found.items() if row.verdict != "unstable"} == set()


# --- noise, and how often one evaluates -------------------------------------------------------------------------------


def learnt(after: int, noise: float, seed: int, worse: float = 1.0, last: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Steps and distances: a fall in five evaluations, then a level with noise, of which the last ones may be worse."""
    level = noisy(20, noise, after, seed)
    if last:
        level[-last:] *= worse
    return np.arange(1, after + 6) * 1000, np.concatenate([20 + 280 * np.exp(-np.arange(5) / 1.2), level])


def outcomes(path: Path, make: Callable[[int], tuple[np.ndarray, np.ndarray]], runs: int = 100) -> Counter[str]:
    return Counter(row.verdict for row in many(path, {seed: make(seed) for seed in range(runs)}).values())


@pytest.mark.parametrize(
    ("after", "worse", "last", "least"),
    [(12, 2.0, 3, 95), (20, 2.0, 6, 95), (14, 1.5, 4, 70), (20, 1.5, 6, 70)],
)
def test_a_loss_that_lasts_is_found_at_a_noise_of_20_percent(after, worse, last, least, tmp_path):
    found = outcomes(tmp_path / "log.csv", lambda seed: learnt(after, 0.2, seed, worse, last))
    assert found["unstable"] >= least, found


@pytest.mark.parametrize("after", [3, 6, 9])
def test_with_fewer_than_10_evaluations_after_learning_nothing_is_called_stable(after, tmp_path):
    assert outcomes(tmp_path / "log.csv", lambda seed: learnt(after, 0.2, seed))["stable"] == 0


@pytest.mark.parametrize("noise", [0.05, 0.2, 0.5])
def test_an_oscillation_warning_fires_on_at_most_5_percent_of_healthy_series(noise, tmp_path):
    found = many(tmp_path / "log.csv", {seed: learnt(30, noise, seed) for seed in range(100)})
    assert sum(bool(row.warnings) for row in found.values()) <= 5


@pytest.mark.parametrize("count", [6, 8, 12])
def test_dropping_every_second_evaluation_changes_hardly_any_decided_verdict(count, tmp_path):
    """Near the bar of half the untrained distance, with a noise of 20 %."""
    runs = {}
    for seed in range(200):
        steps, fid = np.arange(count + 1) * (1200 // count), [100, *noisy(60, 0.2, count, seed)]
        runs[f"{seed} all"], runs[f"{seed} half"] = (steps, fid), (steps[::2], fid[::2])
    found = many(tmp_path / "log.csv", runs)
    decided = {"stable", "unstable"}
    pairs = [(found[f"run {seed} all"].verdict, found[f"run {seed} half"].verdict) for seed in range(200)]
    both = [pair for pair in pairs if set(pair) <= decided]
    assert sum(first != second for first, second in both) <= 0.02 * len(pairs)


# --- formats ----------------------------------------------------------------------------------------------------------

DECAYED = np.concatenate([14 + 147 * np.exp(-np.arange(26) / 6), np.linspace(16, 49, 14)])
"""Good at step 65,000, three times worse at the end."""

D_LOSS, G_LOSS = noisy(0.7, 0.08, seed=1), noisy(0.9, 0.08, seed=2)


@pytest.fixture
def plain(tmp_path) -> Row:
    """What is said of the same training in the columns that are known today."""
    row = the_row(csv(tmp_path / "plain.csv", step=STEPS, d_loss=D_LOSS, g_loss=G_LOSS, fid=DECAYED))
    assert row.modes == ("lost_quality",)
    return row


def columns(step: str, d_loss: str, g_loss: str, fid: str) -> Callable[[Path], Path]:
    return lambda folder: csv(folder / "log.csv", **{step: STEPS, d_loss: D_LOSS, g_loss: G_LOSS, fid: DECAYED})


def frame() -> pd.DataFrame:
    return pd.DataFrame({"step": STEPS, "d_loss": D_LOSS, "g_loss": G_LOSS, "fid": DECAYED})


def separated(folder: Path) -> Path:
    frame().to_csv(folder / "log.tsv", sep="\t", index=False)
    return folder / "log.tsv"


def zipped(folder: Path) -> Path:
    with gzip.open(folder / "log.csv.gz", "wt") as file:
        frame().to_csv(file, index=False)
    return folder / "log.csv.gz"


def json_lines(folder: Path) -> Path:
    frame().to_json(folder / "log.jsonl", orient="records", lines=True)
    return folder / "log.jsonl"


def lightning(folder: Path) -> Path:
    """A row for each call of `log`, as Lightning's CSVLogger writes them."""
    lines = ["epoch,step,d_loss,g_loss,val/fid"]
    for epoch, row in enumerate(frame().itertuples()):
        lines += [f"{epoch},{row.step},{row.d_loss},,", f"{epoch},{row.step},,{row.g_loss},"]
        lines += [f"{epoch},{row.step},,,{row.fid}"]
    (folder / "metrics.csv").write_text("\n".join(lines))
    return folder / "metrics.csv"


def mlflow_long(folder: Path) -> Path:
    """A row for each number, as `mlflow.search_runs` and the tables of its database have them."""
    lines = ["run_uuid,key,value,timestamp,step"]
    for at, row in enumerate(frame().itertuples()):
        lines += [f"abc,{key},{getattr(row, key)},{at},{row.step}" for key in ("fid", "d_loss", "g_loss")]
    (folder / "metrics.csv").write_text("\n".join(lines))
    return folder / "metrics.csv"


def stylegan_metric(folder: Path) -> Path:
    lines = [
        json.dumps(
            {
                "results": {"fid50k_full": row.fid},
                "metric": "fid50k_full",
                "total_time": 100.0,
                "snapshot_pkl": f"network-snapshot-{row.step // 100:06d}.pkl",
                "timestamp": 1.6e9 + at,
            }
        )
        for at, row in enumerate(frame().itertuples())
    ]
    (folder / "metric-fid50k_full.jsonl").write_text("\n".join(lines))
    return folder / "metric-fid50k_full.jsonl"


def studiogan(folder: Path) -> Path:
    lines = []
    for row in frame().itertuples():
        lines.append(
            f"[INFO] 2022-02-11 10:00:00 > Step: {row.step}  Progress: {row.step / 1000:.1f}%  Elapsed: 0:10:00 "
            f"Gen_loss: {row.g_loss:.4f}  Dis_loss: {row.d_loss:.4f}"
        )
        lines.append(f"[INFO] 2022-02-11 10:00:00 > FID score (Step: {row.step}, Using train moments): {row.fid:.4f}")
    (folder / "studiogan.log").write_text("\n".join(lines))
    return folder / "studiogan.log"


def a_folder(folder: Path) -> Path:
    (folder / "runs" / "sngan-seed0").mkdir(parents=True)
    frame().to_csv(folder / "runs" / "sngan-seed0" / "log.csv", index=False)
    return folder / "runs"


FORMATS: dict[str, Callable[[Path], Path]] = {
    "names in capitals": columns("step", "D_loss", "G_loss", "FID"),
    "an iteration for a step": columns("iteration", "d_loss", "g_loss", "fid"),
    "a W&B history": columns("_step", "Loss/D", "Loss/G", "FID"),
    "thousands of images for a step": columns("kimg", "Loss/D/loss", "Loss/G/loss", "fid50k_full"),
    "epochs for a step": columns("epoch", "d_loss", "g_loss", "val/fid"),
    "Lightning's metrics.csv": lightning,
    "MLflow's long form": mlflow_long,
    "StyleGAN's metric-*.jsonl": stylegan_metric,
    "StudioGAN's text log": studiogan,
    "tabs": separated,
    "gzip": zipped,
    "JSON lines": json_lines,
    "a folder of runs": a_folder,
}


@pytest.mark.parametrize("kind", FORMATS)
@wrong_today("this form of a log is not read, or only in part", READERS)
def test_the_same_training_gets_the_same_verdict_in_every_form_of_log(kind, plain, tmp_path):
    row = the_row(FORMATS[kind](tmp_path))
    assert (row.verdict, row.modes) == (plain.verdict, plain.modes)


@wrong_today("an exported chart is not read", READERS)
def test_a_chart_that_weights_and_biases_exports_has_a_run_in_each_column(plain, tmp_path):
    curves = {"sngan-seed0": DECAYED, "sngan-seed1": HEALTHY}
    table = {"Step": STEPS}
    for run, curve in curves.items():
        table |= {f"{run} - fid": curve, f"{run} - fid__MIN": curve, f"{run} - fid__MAX": curve}
    found = judged(csv(tmp_path / "wandb_chart.csv", **table))
    assert set(found) == set(curves)
    assert found["sngan-seed0"].modes == plain.modes
    assert found["sngan-seed1"].verdict == "stable"


@wrong_today("JSON lines are not read", READERS)
def test_losses_that_stylegan_logged_are_read_from_its_stats(tmp_path):
    """They broke: its own names and means of the losses are found, and that they are not finite to the end."""
    lines = []
    for at in range(40):
        broken = at >= 30
        means = {"Loss/G/loss": G_LOSS[at], "Loss/D/loss": D_LOSS[at], "Progress/kimg": 4.0 * at, "Progress/tick": at}
        if broken:
            means |= {"Loss/G/loss": float("nan"), "Loss/D/loss": float("nan")}
        lines.append(json.dumps({key: {"num": 1, "mean": mean, "std": 0.1} for key, mean in means.items()}))
    (tmp_path / "stats.jsonl").write_text("\n".join(lines))
    assert the_row(tmp_path / "stats.jsonl").verdict == "unstable"


@wrong_today("columns cannot be named", READERS)
def test_a_column_of_any_name_can_be_said_to_be_the_distance(plain, tmp_path):
    path = csv(tmp_path / "log.csv", step=STEPS, d_loss=D_LOSS, quality=DECAYED)
    assert the_row(path, "--map", "fid=quality").modes == plain.modes
