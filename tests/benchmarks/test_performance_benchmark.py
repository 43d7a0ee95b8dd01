"""The benchmark of speed: its peers train our networks, and its page says what was measured."""

from __future__ import annotations

import importlib.util
import sys
import time
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from ganbench.harness.cells.cell import Trial
from ganbench.harness.models.network import leaves
from ganbench.harness.steps.execution_mode import ExecutionMode
from ganbench.harness.steps.form import state_tensors
from ganbench.harness.training.training import Training

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
SIDES = ("usual", "careful", "plain", "replayed", "compiled", "draw", "adam", "without_normalizer", "observed")
PARTS = ("whole", "bare", "telemetry", "evaluation", "commit", "rest")


MODULES = (
    "cells",
    "ceiling",
    "measured",
    "page",
    "page.targets",
    "peers.apart",
    "peers.loop",
    "peers.normalizers",
    "running",
    "sharing",
    "stepping",
    "trials",
)


@pytest.fixture(scope="module")
def benchmark():
    """The modules of the package beside ``benchmarks/performance.py``, each by the last part of its name."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCHMARKS))
        yield SimpleNamespace(**{name.split(".")[-1]: import_module(f"performance.{name}") for name in MODULES})
    for name in [name for name in sys.modules if name.split(".")[0] == "performance"]:
        del sys.modules[name]


@pytest.mark.parametrize("normalizer", ["none", "batch_norm", "weight_norm_strict"])
@pytest.mark.parametrize("name", ["ring8", "digits"])
def test_a_peer_without_power_iterations_trains_to_the_same_losses(name, normalizer, benchmark):
    cell = benchmark.cells.cell_of(name, normalizer)
    apart = benchmark.apart.apart(cell, benchmark.cells.material_of(cell))
    assert apart.parameters[0] == apart.parameters[1]
    assert apart.losses < 1e-12


@pytest.mark.parametrize("normalizer", ["spectral_norm", {"name": "bssn", "scale": 1.2}], ids=["spectral_norm", "bssn"])
@pytest.mark.parametrize("name", ["ring8", "digits"])
def test_a_peer_with_power_iterations_begins_with_the_same_loss_and_stays_near(name, normalizer, benchmark):
    cell = benchmark.cells.cell_of(name, normalizer)
    apart = benchmark.apart.apart(cell, benchmark.cells.material_of(cell))
    assert apart.parameters[0] == apart.parameters[1]
    assert apart.first_loss < 1e-12
    assert apart.losses < 5e-3


@pytest.mark.parametrize("name", ["sngan_cnn", "sngan_resnet"])
def test_the_peers_of_the_large_networks_are_the_same_networks(name, benchmark):
    cell = benchmark.cells.cell_of(name, "none")
    apart = benchmark.apart.apart(cell, benchmark.cells.material_of(cell), steps=1, batch_size=2)
    assert apart.parameters[0] == apart.parameters[1]
    assert apart.losses < 1e-12


def test_every_normalizer_of_the_quick_suite_has_a_peer(benchmark):
    asked = {cell.normalizer.name for cell in benchmark.cells.suite().cells}
    assert asked == set(benchmark.normalizers.MANNERS)


def given(**speeds: float) -> dict:
    """Measurements in which compiled steps are so many times as fast as replayed ones; 10 unless it is said."""

    def cell(name: str) -> dict:
        times = {side: [4.0, 5.0, 6.0] for side in SIDES}
        times["usual"] = [20.0 * value for value in times["compiled"]]
        times["replayed"] = [speeds.get(name, 10.0) * value for value in times["compiled"]]
        ways = ("plain", "replayed", "compiled")
        modes, notes = {way: way for way in ways}, {way: [] for way in ways}
        return {"times": times, "modes": modes, "notes": notes, "block": 3, "cell": f"{name} · spectral_norm"}

    parts = {"whole": 10.2, "bare": 9.9, "telemetry": 0.1, "evaluation": 0.1, "commit": 0.05, "rest": 0.05}
    trial = {"steps": 100, "evaluations": 3, "logged": 11, "checkpoint": [5.0], "mode": "plain", "cell": "c"}
    trial["parts"] = {key: [value] * 3 for key, value in parts.items()}
    row = {"cell": "c", "ms": 100.0, "steps": 500, "evaluation": 0.1, "evaluations": 10, "measured_steps": 5}
    first = {"seconds": 30.0, "mode": "compiled", "notes": []}
    same = {"parameters": [7, 7], "losses": 1e-16, "first_loss": 0.0}
    about = {
        "processor": "P|1",
        "cores": 2,
        "load": 0.5,
        "system": "Linux",
        "python": "3",
        "torch": "2",
        "ganbench": "0",
    }
    names = ("ring8", "digits", "sngan_cnn")
    return {
        "machine": {**about, "compiler": True, "gpu": None},
        "minutes": 3.0,
        "cells": {name: cell(name) for name in names},
        "first": {name: dict.fromkeys(("replayed", "kept", "empty", "filled"), first) for name in names},
        "jax": {name: in_jax(speeds.get(f"{name}_in_jax", 2.0)) for name in ("ring8", "digits")},
        "same": {name: {"none": same} for name in names},
        "trials": {name: {"plain": trial, "replayed": trial} for name in ("ring8", "digits")},
        "help": [0.3, 0.4],
        "import_torch": [2.0],
        "start": [3.0, 4.0],
        "suite": {"seeds": 1, "seconds": {"cold": 200.0, "compiling": 90.0, "warm": 100.0}, "cells": [row]},
        "gpu": {},
    }


def in_jax(speed: float) -> dict:
    """Measurements in which our compiled step is so many times as fast as JAX's of many seeds."""
    times = {side: [4.0, 5.0, 6.0] for side in ("jax", "jax_scan", "replayed", "compiled")}
    times["jax_seeds"] = [speed * value for value in times["compiled"]]
    return {"times": times, "block": 20, "difference": 1e-7, "version": "0"}


def line_of(text: str, what: str) -> str:
    return next(line for line in text.splitlines() if line.startswith(f"| {what}"))


def test_a_missed_target_is_said_aloud_with_where_the_time_goes(benchmark):
    text = benchmark.page.page(given(ring8=1.1))
    assert line_of(text, "`ring8` MLP").endswith("1.10x (1.10x to 1.10x) | 0.50 | **missed** |")
    assert "1.10x (1.10x to 1.10x), and 2.20x was wanted. Of the plain step's 5.00 ms: draw 100%" in text
    assert text.count("**missed**") == 1


def test_a_target_that_is_reached_is_not_explained(benchmark):
    text = benchmark.page.page(given())
    assert "missed" not in text
    assert line_of(text, "`digits` DCGAN, one CPU core").endswith("| 5.00 | reached |")


def test_jax_is_a_target_where_it_is_installed_and_not_measured_elsewhere(benchmark):
    text = benchmark.page.page(given(ring8_in_jax=0.45))
    line = "`{}, one CPU core, compiled, against JAX: jit, 20 steps a call, 8 seeds a step; per seed"
    assert line_of(text, line.format("ring8` MLP")).endswith("0.45x (0.45x to 0.45x) | 0.50 | **missed** |")
    assert line_of(text, line.format("digits` DCGAN")).endswith("| 2.00 | reached |")
    assert "8 seeds a step 2.25 ms; ours: compiled 5.00 ms" in text
    text = benchmark.page.page(given() | {"jax": {}})
    assert line_of(text, line.format("digits` DCGAN")).endswith("ganbench[jax]'` |  | not measured |")
    assert "## JAX" not in text


def test_the_quick_suite_has_a_target_cold_and_warm(benchmark):
    measured = given()
    measured["suite"]["seconds"]["warm"] = 300.0
    text = benchmark.page.page(measured)
    assert line_of(text, "`ganbench run quick` on two cores, no programs").endswith("| 1.20 | reached |")
    assert line_of(text, "`ganbench run quick` on two cores, all programs").endswith("| 0.50 | **missed** |")


@pytest.mark.skipif(not importlib.util.find_spec("jax"), reason="JAX is not installed")
@pytest.mark.parametrize("name", ["ring8", "digits"])
def test_the_peer_in_jax_trains_the_same_networks(name, benchmark):
    cell, material = benchmark.cells.endless(name), benchmark.cells.material_of(benchmark.cells.endless(name))
    peer = import_module("performance.peers.in_jax").Peer(cell, benchmark.loop.decoded(material))
    training = Training(Trial(cell, 0, 0), material)
    assert peer.difference(training) < 1e-5
    state = peer.state(training, 0)
    counts = [sum(part.size for layer in state[key].values() for part in layer.values()) for key in ("g", "d")]
    ours = (training.state.generator.params, training.state.discriminator.params)
    assert counts == [sum(part.numel() for part in leaves(params)) for params in ours]


def test_a_most_is_missed_from_above(benchmark):
    measured = given()
    measured["help"] = [1.0, 1.0]
    assert line_of(benchmark.page.page(measured), "`ganbench --help`").endswith(
        "1.00 s (1.00 s to 1.00 s) | 0.50 | **missed** |"
    )


def test_what_needs_a_gpu_is_not_measured_without_one(benchmark):
    rows = benchmark.targets.gpu_rows({})
    assert len(rows) == 9
    assert {(row.verdict, row.why) for row in rows} == {("not measured", "no GPU here: not measured")}


def shares(*rates: float | None) -> dict:
    ways = [
        {"kind": kind, "way": "compiled", "seeds": 2**at, "rate": rate}
        for at, (kind, rate) in enumerate(zip(("processes", "turns", "turns"), rates, strict=True))
    ]
    return {"eager": 100.0, "ways": ways}


def on_gpu(cell: dict) -> dict:
    """What a GPU's measurements look like."""
    return {
        "machine": given()["machine"] | {"gpu": "H|200"},
        "minutes": 8.0,
        "cells": dict.fromkeys(("ring8", "digits", "sngan_cnn", "sngan_resnet"), cell),
        "full": dict.fromkeys(("ring8", "digits", "sngan_cnn"), shares(500.0, 950.0, None)),
        "ceiling": 400.0,
        "work": {"replayed_tf32": {"tflops": 100.0, "gflop": 1.0, "mode": "replayed"}, "compiled_tf32": None},
    }


def test_what_a_gpu_reached_fills_its_rows_with_the_best_way(benchmark):
    measured = given()
    cell = given()["cells"]["ring8"]
    cell["times"] |= {"replayed_tf32": [2.0, 2.5, 3.0], "deterministic": [10.0, 12.5, 15.0]}
    cell["modes"]["replayed_tf32"], cell["notes"]["replayed_tf32"] = "plain", ["not replayed: no"]
    measured["gpu"] = on_gpu(cell)
    reached = {row.what.partition(",")[0]: row for row in benchmark.targets.gpu_rows(measured["gpu"])}
    assert reached["`ring8` on a GPU"].reached.median == 40
    assert reached["`ring8` on a GPU"].why == "replayed, TF32; ran plain: not replayed: no"
    assert reached["`digits`"].reached.median == 9.5
    assert reached["`digits`"].why == "2 seeds, turns, compiled"
    assert reached["`sngan_cnn` 32x32"].verdict == "reached"
    assert reached["`sngan_resnet` 64"].reached.median == 0.25
    assert reached["`sngan_resnet` 64"].verdict == "**missed**"
    text = benchmark.page.page(measured)
    assert "On H|200, 2 cores" in text
    assert "| `ring8` | 0.25x (0.25x to 0.25x) | 0.05x (0.05x to 0.05x) |" in text
    assert "| `ring8` | 100.0 | 4 | turns in one process | compiled | failed |  |" in text


def test_what_failed_on_a_gpu_says_so_and_leaves_the_rest(benchmark):
    measured = given()
    gpu = on_gpu(measured["cells"]["ring8"])
    gpu |= {"ceiling": None, "cells": gpu["cells"] | {"digits": None}}
    gpu["full"] = gpu["full"] | {"ring8": shares(None, None, None)}
    measured["gpu"] = gpu
    verdicts = [(row.verdict, row.why) for row in benchmark.targets.gpu_rows(gpu)]
    assert verdicts.count(("not measured", "failed here: not measured")) == 3
    assert len(verdicts) == 9
    benchmark.page.page(measured)


def test_a_gpus_sections_of_several_runs_are_joined_to_the_cpus(benchmark):
    cpu, gpu = given(), on_gpu(given()["cells"]["ring8"])
    about = {key: gpu[key] for key in ("machine", "minutes")}
    runs = [{"gpu": about | {key: gpu[key]}} for key in ("cells", "full")]
    joined = benchmark.running.joined([cpu, *runs, {"gpu": about | {"work": gpu["work"], "ceiling": 400.0}}])
    assert joined == cpu | {"gpu": gpu | {"minutes": 24.0}}


def test_a_replayed_step_is_compared_with_the_usual_loop_without_a_target(benchmark):
    line = line_of(benchmark.page.page(given()), "`digits` DCGAN, one CPU core, replayed, against the usual")
    assert line.endswith("|  | 2.00x (2.00x to 2.00x) |  | for information |")


def test_a_step_that_was_not_compiled_is_not_called_compiled(benchmark):
    measured = given()
    measured["cells"]["digits"]["modes"]["compiled"] = "plain"
    measured["cells"]["digits"]["notes"]["compiled"] = ["not compiled: no compiler"]
    assert "ran plain: not compiled: no compiler" in line_of(benchmark.page.page(measured), "`digits` DCGAN")


def test_shares_at_the_papers_lengths_are_reckoned_from_what_each_step_costs(benchmark):
    measured = given()
    rows = {row.what: row for row in benchmark.targets.other_rows(measured)}
    share = rows["`ring8`, plain: telemetry's share, reckoned for 100,000 steps"].reached.median
    logged, evaluated = 201 * 0.1 / 11, 26 * 0.1 / 3
    assert share == pytest.approx(logged / (100_000 * 9.9 / 100 + logged + evaluated))
    text = benchmark.page.page(measured)
    assert "python benchmarks/performance.py --repeats 2 --quick-suite 1" in text


def test_a_trials_parts_are_the_whole_without_what_its_first_steps_prepare(benchmark):
    clock = {"Recorder.__init__": 0.5, "Recorder.record": 1.0, "Recorder._evaluate": 0.7, "Ledger.commit": 0.1}
    kept = {"observed": [9.0, 0.3, 0.3, 0.2, 0.2], "bare": [5.0, 0.3, 0.2, 0.1, 0.1, 0.1]}
    shares = benchmark.trials.shares(20.0, kept, clock, steps=11)
    assert shares["whole"] == pytest.approx(20.0 - (9.6 - 3 * 0.2) - (5.5 - 3 * 0.1))
    assert shares["bare"] == pytest.approx(11 * 0.1)
    assert shares["telemetry"] == pytest.approx(0.5 + 1.0 - 0.7 + 5 * (0.2 - 0.1))
    assert sum(shares[key] for key in PARTS[1:]) == pytest.approx(shares["whole"])


def test_whole_trials_are_run_as_they_are_asked_for(benchmark, at_once):
    found = benchmark.trials.trials("ring8", 1, ["plain", "replayed"], steps=60)
    for way, trial in found.items():
        assert trial["mode"] == way
        assert (trial["steps"], trial["evaluations"], trial["logged"]) == (60, 21, 13)
        assert all(len(trial["parts"][part]) == 1 for part in PARTS)


def test_every_side_of_a_step_is_run_as_it_is_called(benchmark):
    sides = ["plain", "replayed", "deterministic", "replayed_tf32"]
    found = benchmark.stepping.steps("ring8", block=2, repeats=2, sides=sides)
    assert set(found["times"]) == {*sides, "usual", "careful", "draw", "adam", "without_normalizer", "observed"}
    assert all(len(times) == 2 for times in found["times"].values())
    assert found["modes"] == {side: "plain" if side == "plain" else "replayed" for side in sides}
    assert set(map(tuple, found["notes"].values())) == {()}


def test_the_first_step_is_run_as_it_is_asked_for(benchmark):
    found = benchmark.stepping.first_step("ring8", "replayed")
    assert (found["mode"], found["notes"]) == ("replayed", [])
    assert found["seconds"] > 0


def begun(benchmark, count: int, way: str = "plain") -> list[Training]:
    execution, material = ExecutionMode(way), benchmark.cells.material_of(benchmark.cells.endless("ring8"))
    return [benchmark.stepping.begun("ring8", execution, material, seed) for seed in range(count)]


def test_seeds_that_take_turns_do_not_feel_each_other(benchmark):
    ours, alone = begun(benchmark, 3, "replayed"), begun(benchmark, 3)
    before = ours[0].now
    turns = benchmark.sharing.Turns(ours, "cpu")
    for _ in range(4):
        turns()
    assert [training.now for training in ours] == [before + 4] * 3
    for training, other in zip(ours, alone, strict=True):
        while other.now < training.now:
            other.advance(observe=False)
        assert training.mode == "replayed"
        pairs = zip(state_tensors(training.state), state_tensors(other.state), strict=True)
        assert all(torch.equal(*pair) for pair in pairs)


@pytest.mark.parametrize(("go", "waited", "late"), [(102.0, 2.0, 0.0), (99.5, 0.0, 0.5)])
def test_what_shares_a_device_waits_for_the_common_start_and_counts_its_steps(go, waited, late, benchmark, monkeypatch):
    slept: list[float] = []
    clock = SimpleNamespace(time=lambda: 100.0 + sum(slept), sleep=slept.append, perf_counter=time.perf_counter)
    monkeypatch.setattr(benchmark.sharing, "time", clock)
    made = benchmark.sharing.one_of_many("ring8", 0.05, "cpu", "replayed", go)
    assert (slept, made["late"], made["seeds"]) == ([waited], late, 1)
    assert made["steps"] >= 5
    assert made["seconds"] >= 0.05


@pytest.mark.long
def test_every_way_to_share_a_device_is_measured_in_processes_of_its_own(benchmark):
    ways = (("processes", "replayed", 2), ("turns", "replayed", 2), ("turns", "no such", 2))
    found = benchmark.running.full("ring8", "cpu", ways, {}, seconds=0.05, wait=0.0)
    assert found["eager"] > 0
    assert [(one["kind"], one["seeds"]) for one in found["ways"]] == [(kind, width) for kind, _, width in ways]
    assert all(one["rate"] > 0 for one in found["ways"][:2])
    assert found["ways"][2]["rate"] is None


def test_all_that_a_process_can_be_asked_for_is_there(benchmark):
    for what, module in benchmark.measured.MEASURED.items():
        assert callable(getattr(import_module(f"performance.{module}"), what))


def test_a_ceiling_counts_both_operations_of_a_product(benchmark, monkeypatch):
    monkeypatch.setattr(benchmark.ceiling, "in_turns", lambda sides, repeats, steps, device: {"product": [2.0]})
    assert benchmark.ceiling.ceiling("cpu", side=1000, repeats=1) == pytest.approx(1.0)  # 2e9 operations in 2 ms


def test_a_steps_work_is_counted_and_divided_by_its_time(benchmark, monkeypatch):
    monkeypatch.setattr(benchmark.ceiling, "in_turns", lambda sides, repeats, steps, device: {"step": [2.0]})
    found = benchmark.ceiling.work_rate("ring8", "cpu", "replayed")
    assert found["tflops"] == pytest.approx(found["gflop"] / 1e3 / 2e-3)
    assert found["gflop"] > 0
    assert found["mode"] == "replayed"
