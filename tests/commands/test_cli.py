"""The command as a newcomer meets it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tiny import write_rings
from typer.testing import CliRunner

from ganbench.harness.cli import app
from ganbench.harness.errors import LedgerError
from ganbench.harness.ledger import Ledger
from ganbench.harness.worker.attempt import _train as train

VERBS = ["plan", "run", "status", "stop", "report", "relabel", "label", "sync", "list", "check", "power", "doctor", "data",
         "ledger", "profile"]  # fmt: skip


def test_help_names_every_verb_and_imports_nothing_heavy():
    code = (
        "import sys, ganbench.harness.cli as c\n"
        "try: c.app(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'torch', 'ray', 'mlflow', 'pandas', 'numpy', 'pydantic', 'scipy', 'sklearn', 'matplotlib'}\n"
        "print('HEAVY', sorted(heavy & set(sys.modules)))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert all(f" {verb} " in out for verb in VERBS)
    assert "HEAVY []" in out


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        ("normalizers", ["none", "batch_norm", "spectral_norm", "bssn", "weight_norm_strict", "arXiv:2009.02773"]),
        ("datasets", ["digits", "ring8"]),
        ("architectures", ["dcgan", "mlp"]),
        ("losses", ["hinge", "non_saturating"]),
        ("optimizers", ["adam"]),
        ("metrics", ["fidelity", "mode_coverage"]),
        ("detectors", ["oscillation"]),
        ("suites", ["quick"]),
    ],
)
def test_list_names_everything_with_a_line_on_it(what, expected):
    done = CliRunner(env={"COLUMNS": "200"}).invoke(app, ["list", what])
    assert done.exit_code == 0
    assert all(name in done.output for name in expected)


def test_plan_counts_what_is_done_and_what_is_missing(ganbench, tmp_path):
    rings = write_rings(tmp_path / "rings.yaml", seeds=2, steps=40)
    fresh = ganbench("plan", rings)
    assert fresh.returncode == 0
    assert "2 cells x 2 seeds = 4 trials, 0 done, 4 missing" in fresh.stdout
    assert "of computing" in fresh.stdout
    ganbench("run", rings, "--results", "out", "--address", "inline", "--limit", "3", "--tracking-uri", "off")
    later = ganbench("plan", rings, "--results", "out", "--seeds", "3")
    assert "2 cells x 3 seeds = 6 trials, 3 done, 3 missing" in later.stdout


def test_run_report_and_sync_from_a_suite_to_a_leaderboard_and_mlflow(ganbench, tiny, tmp_path):
    """The whole way, with Ray and with MLflow's default store, as the README says it."""
    ran = ganbench("run", tiny, "--results", "out", "--seeds", "1")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "6 trials, 6 to run" in ran.stdout
    assert "6/6 trials" in ran.stdout
    assert "MLflow: 6 trials added" in ran.stdout
    assert (tmp_path / "out" / "mlflow.db").exists()
    again = ganbench("sync", "out")
    assert "MLflow: 0 trials added" in again.stdout
    reported = ganbench("report", "out")
    assert reported.returncode == 0, reported.stdout + reported.stderr
    board = tmp_path / "out" / "leaderboard"
    kinds = {f"leaderboard.{kind}" for kind in ("html", "md", "csv", "parquet", "tex")}
    folders = {"cells", "figures", "normalizers", "samples", "settings"}
    assert {path.name for path in board.iterdir()} == kinds | {"cells.csv", "pairs.csv", "pages.css"} | folders
    assert str(Path("out") / "leaderboard" / "leaderboard.html") in reported.stdout
    header = (board / "leaderboard.csv").read_text().splitlines()[0]
    expected = "normalizer,trials,unstable,instability_rate,ci_low,ci_high,rank_low,rank_high,missing"
    assert header.startswith(expected)


def test_a_tracking_server_that_is_down_is_a_warning_of_run_and_an_error_of_sync(ganbench, tiny):
    options = ("--results", "out", "--seeds", "1", "--address", "inline", "--tracking-uri", "http://127.0.0.1:9")
    ran = ganbench("run", tiny, *options)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "MLflow was not reached" in ran.stdout
    assert "ganbench sync out" in ran.stdout
    synced = ganbench("sync", "out", "--tracking-uri", "http://127.0.0.1:9")
    assert synced.returncode == 2
    assert "Traceback" not in synced.stderr


@pytest.mark.parametrize("trouble", [KeyboardInterrupt(), LedgerError("no space left on device")])
def test_a_sweep_that_is_cut_short_ends_with_3_and_says_that_it_can_continue(tiny, tmp_path, monkeypatch, trouble):
    def cut_short(task, *rest):
        if Ledger(task.ledger).committed():
            raise trouble
        return train(task, *rest)

    monkeypatch.setattr("ganbench.harness.worker.attempt._train", cut_short)
    options = ["run", str(tiny), "--results", str(tmp_path / "out"), "--address", "inline", "--tracking-uri", "off"]
    done = CliRunner().invoke(app, options)
    assert done.exit_code == 3
    assert "committed trials are kept, and the same command continues" in done.output
    assert str(trouble) in done.output
    assert len(Ledger(tmp_path / "out").committed()) == 1


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (
            ("normalizers", "bssn"),
            "  scale = 1.0, greater than 0, at most 10: the factor c on every weight; 1 gives BSN",
        ),
        (("normalizers", "gradient_penalty"), "  one_sided = False: leave shorter gradients alone"),
        (("normalizers", "none"), "  no parameters"),
        (("datasets", "image_folder"), "  crop = None, at least 8: side of the square"),
        (("suites", "quick"), "quick"),
    ],
)
def test_list_says_of_one_what_a_suite_can_set(asked, told, ganbench):
    done = ganbench("list", *asked)
    assert done.returncode == 0, done.stderr
    assert any(line.startswith(told) for line in done.stdout.splitlines()), done.stdout


def test_list_names_the_nearest_where_there_is_no_such_plugin(ganbench):
    done = ganbench("list", "normalizers", "bsn_")
    assert done.returncode == 2
    assert "did you mean" in done.stderr


def test_check_passes_a_baseline_and_says_what_is_wrong_with_a_bad_plugin(ganbench, tmp_path):
    good = ganbench("check", "bssn")
    assert good.returncode == 0
    assert "FAILED" not in good.stdout
    (tmp_path / "mine.py").write_text(
        "import torch\nfrom ganbench.harness.normalizer import Normalizer\n"
        "class Mine(Normalizer):\n    name = 'mine'\n    summary = 'Noise.'\n"
        "    def reparameterize(self, weight, params, state, layer):\n"
        "        return weight + torch.randn_like(weight), state\n"
    )
    bad = ganbench("check", "mine.py")
    assert bad.returncode == 2
    assert "global random numbers were drawn" in bad.stdout


@pytest.mark.parametrize(
    "arguments", [["check", "bssm"], ["report", "nowhere"], ["sync", "nowhere"], ["list", "nothing"]]
)
def test_bad_usage_is_one_message_and_exit_code_2(ganbench, arguments):
    done = ganbench(*arguments)
    assert done.returncode == 2
    assert done.stderr.strip()
    assert "Traceback" not in done.stderr


def test_doctor_says_what_this_machine_has(ganbench, monkeypatch):
    monkeypatch.setenv("GANBENCH_INCEPTION", "absent.pth")
    done = ganbench("doctor")
    assert done.returncode == 0, done.stdout
    for subject in ("torch", "ray", "mlflow", "free disk", "CPU cores", "dataset digits", "1,797 examples of 1x8x8"):
        assert subject in done.stdout
    assert "metric mode_coverage: can be measured" in done.stdout
    assert "metric fidelity: GANBENCH_INCEPTION names absent.pth, where there is no file" in done.stdout


def test_power_shows_how_settings_and_seeds_trade_off_and_what_it_takes_as_given():
    told = CliRunner().invoke(app, ["power", "0.5", "0.2", "--settings", "5", "--seeds", "8", "--normalizers", "5"])
    assert told.exit_code == 0
    assert "Failure rates of 50 % and 20 %, 10 comparisons at 5 % in all." in told.output
    assert "with 40 trials of each" in told.output
    assert "no claim is possible with fewer than 9 settings" in told.output
    assert "In 5 settings alone, 80 % power takes so many seeds in each: 8 if" in told.output
    assert ", 15 if their outcomes are independent." in told.output


def test_power_refuses_equal_rates_and_rates_beyond_one():
    equal = CliRunner().invoke(app, ["power", "0.5", "0.5"])
    assert "no number of settings" in str(equal.exception)
    assert CliRunner().invoke(app, ["power", "0.5", "1.2"]).exit_code == 2
