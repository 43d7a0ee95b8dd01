"""Trials trained side by side in one process: the same results as alone, whatever is trained beside them."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from cells import CATALOG, TOY, a_cell

from ganbench import read_ledger, run
from ganbench.harness.cells.cell import Cell, Trial
from ganbench.harness.cells.resources import Resources
from ganbench.harness.cluster.executor import RayCluster
from ganbench.harness.errors import InputError, MethodError
from ganbench.harness.ledger import Ledger, Record
from ganbench.harness.scheduling.duration import Durations
from ganbench.harness.scheduling.endings import CROWDED, MEMORY, PLUGIN, UNFIT, Done, Failed, Lost, Retried
from ganbench.harness.scheduling.schedule import Attempt, Node, Schedule, Submission
from ganbench.harness.scheduling.task import Task
from ganbench.harness.stability import METHOD_ERROR, UNSTABLE
from ganbench.harness.steps.captured import CallTape
from ganbench.harness.steps.execution_mode import ExecutionMode
from ganbench.harness.steps.program import Programs
from ganbench.harness.steps.ways import PLAIN, REPLAYED
from ganbench.harness.sweeps.sweep import SweepReport
from ganbench.harness.traces.columns import Columns
from ganbench.harness.training.devices import method_error_message, out_of_memory
from ganbench.harness.training.lanes import Turns, alone, places, take_turns
from ganbench.harness.training.loop import train, training_turns
from ganbench.harness.training.numerics import ProcessSettings
from ganbench.harness.training.training import Training
from ganbench.harness.training.workshop import Workshop
from ganbench.harness.worker.attempt import attempt_all

SUITE = """
suite: beside
definition: 2
version: 1
seed: 7
seeds: 2
baseline: spectral_norm
normalizers: [spectral_norm, none{third}]
grid:
  - dataset: {{name: ring8, size: 1000}}
    architecture: {{name: mlp, width: 16}}
    metric: {{name: mode_coverage, samples: 200}}
    common: {{steps: {steps}, evaluations: 2, log_points: 30}}
    settings:
      calm: {{lr_g: 1e-3, lr_d: 1e-3}}
      wild: {{lr_g: 10, lr_d: 10, optimizer: sgd}}
"""

TIRES = """
import torch
from ganbench.harness.normalizer import Normalizer

class Tires(Normalizer):
    name = "tires"
    summary = "Gives up at its sixth step."

    def init_state(self, weight, layer, generator):
        return {"n": torch.zeros(())}

    def reparameterize(self, weight, params, state, layer):
        if state["n"] > 5:
            raise RuntimeError("the sixth time")
        return weight, {"n": state["n"] + 1}
"""

SHORT = """
import os
from ganbench.harness.normalizer import Normalizer

class Short(Normalizer):
    name = "short"
    summary = "Finds no memory for one of its trials."

    def init_state(self, weight, layer, generator):
        if os.environ.pop("SHORT_OF_MEMORY", ""):
            raise MemoryError("none left")
        return {}

    def reparameterize(self, weight, params, state, layer):
        return weight / 2, state
"""


PLUGINS = {"tires": TIRES, "short": SHORT}


def a_suite(folder: Path, third: str = "", steps: int = 60) -> Path:
    """Eight trials on ``ring8``, half of which diverge, and with a third normalizer twelve; each is over in a moment."""
    suite = folder / "beside.yaml"
    suite.write_text(SUITE.format(third=f", {third}" if third else "", steps=steps))
    return suite


def with_plugin(folder: Path, name: str) -> tuple[Path, Path]:
    file = folder / "own_norm.py"
    file.write_text(PLUGINS[name])
    return a_suite(folder, name), file


def records(folder: Path) -> dict[str, Record]:
    return {record.trial_id: record for record in read_ledger(folder).records()}


def hashes(folder: Path) -> dict[str, str]:
    return {trial: record.sha256 for trial, record in records(folder).items()}


@pytest.fixture(scope="module")
def one_by_one(tmp_path_factory) -> tuple[Path, Path, dict[str, str]]:
    """A suite with trials that diverge and trials whose plugin raises, and what they came to one after the other."""
    folder = tmp_path_factory.mktemp("one-by-one")
    suite, plugin = with_plugin(folder, "tires")
    report = run(suite, folder / "out", plugins=[str(plugin)], address="inline", execution=ExecutionMode(PLAIN))
    assert report.missing == 0
    found = list(records(folder / "out").values())
    calm, wild = ([record for record in found if (record.spec["cell"]["lr_g"] == 10) == wild] for wild in (False, True))
    outcomes = Counter(record.verdict.outcome for record in calm)
    assert outcomes[METHOD_ERROR] == 2 and outcomes.total() == 6
    assert all(record.verdict.outcome in (UNSTABLE, METHOD_ERROR) for record in wild)
    assert any(record.trace and record.trace.stopped < 60 for record in wild), "none was cut short by NaN"
    return suite, plugin, {record.trial_id: record.sha256 for record in found}


def at_once(found: list[Record]) -> int:
    """How many trainings were under way at once, at most."""
    moments = []
    for record in found:
        began = record.provenance["started"]
        moments += [(began, 1), (began + record.provenance["seconds"], -1)]
    level, most = 0, 0
    for _, change in sorted(moments):
        level += change
        most = max(most, level)
    return most


# --- the same results -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("way", "pack"), [(REPLAYED, 3), (PLAIN, 5)])
def test_side_by_side_trials_come_to_what_they_come_to_alone_bitwise(one_by_one, tmp_path, way, pack):
    suite, plugin, expected = one_by_one
    report = run(suite, tmp_path / "out", plugins=[str(plugin)], address="inline", execution=ExecutionMode(way, pack))
    assert report.missing == 0 and not report.retried
    assert hashes(tmp_path / "out") == expected
    found = list(records(tmp_path / "out").values())
    assert {record.provenance["how"]["pack"] for record in found} == {pack}
    assert 1 < at_once(found) <= pack + 1, "times are rounded: one that begins seems to be beside the one before"


def test_side_by_side_on_ray_trials_come_to_what_they_come_to_alone_bitwise(one_by_one, ganbench, tmp_path):
    suite, plugin, expected = one_by_one
    out = tmp_path / "out"
    done = ganbench(
        "run", suite, "--plugin", plugin, "--results", out, "--tracking-uri", "off", "--pack", "3", "--jobs", "1"
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert hashes(out) == expected
    packs = Counter(record.provenance["how"]["pack"] for record in records(out).values())
    assert packs[3] >= 3 and packs.keys() <= {1, 2, 3}


def test_trainings_with_captured_programs_take_turns_and_none_feels_the_others():
    """As on a GPU: programs of a cell are shared, and each trial has its own memory for them."""
    cell, wild = a_cell(steps=12), a_cell(steps=12, optimizer="sgd", lr_g=10.0, lr_d=10.0)
    trials = [Trial(one, 3, seed) for one, seed in [(cell, 0), (wild, 0), (cell, 1), (cell, 2)]]
    material = Workshop(CATALOG).material

    alone = [train(Training(trial, material(trial))) for trial in trials]
    expected = [Columns.of(trace).sha256 for trace in alone]
    shared = Programs(tape=CallTape)
    trainings = [Training(trial, material(trial), shared) for trial in trials]
    made = {
        number: Columns.of(found).sha256
        for number, found in take_turns(map(training_turns, trainings), places(3, "cpu"))
    }
    assert [made[number] for number in range(len(trials))] == expected
    assert alone[1].stopped < 12, "none diverged"
    assert [training.mode for training in trainings] == ["replayed"] * 4, "some were not run from programs"


# --- being stopped ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("then", [ExecutionMode(), ExecutionMode(pack=2)])
def test_a_stop_leaves_a_checkpoint_for_every_lane_and_the_same_command_goes_on_to_the_same_bits(tmp_path, then):
    suite, out = a_suite(tmp_path, steps=100), tmp_path / "out"
    before = signal.getsignal(signal.SIGTERM)

    def stop(report: SweepReport, event: object) -> None:
        if isinstance(event, Done) and report.committed == 1:
            signal.raise_signal(signal.SIGTERM)

    report = run(suite, out, address="inline", execution=ExecutionMode(pack=3), on_event=stop)
    assert signal.getsignal(signal.SIGTERM) is before
    left = {path.parent.name for path in (out / "checkpoints").glob("*/*.ckpt")}
    assert len(left) == 2 and left == report.lost.keys(), "all lanes but the one that had ended"
    assert all("stopped at step" in reason for reason in report.lost.values())
    assert (report.committed, report.missing) == (1, 7), "nothing more was begun"
    assert run(suite, out, address="inline", execution=then).missing == 0
    run(suite, tmp_path / "whole", address="inline")
    assert hashes(out) == hashes(tmp_path / "whole")
    assert {trial for trial, record in records(out).items() if record.provenance["resumed_from"]} == left
    assert not list((out / "checkpoints").glob("*"))


def test_what_the_process_is_set_to_stays_until_the_last_one_has_ended(tmp_path):
    suite, seen = a_suite(tmp_path, steps=5), []
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        run(
            suite,
            tmp_path / "out",
            address="inline",
            execution=ExecutionMode(pack=4),
            on_event=lambda report, event: seen.append(torch.get_num_threads()) if event else None,
        )
        assert seen == [1] * 8, "the first to end put it back under the others"
        assert torch.get_num_threads() == 3
        with ProcessSettings(ExecutionMode()) as process_settings:
            with process_settings.paused():
                assert torch.get_num_threads() == 3, "what trials share is loaded as it is however they are run"
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)


# --- what becomes of each ---------------------------------------------------------------------------------------------


def test_endings_stay_with_their_own_tasks(tmp_path):
    cells = [a_cell(steps=steps) for steps in (9, 3, 30, 5, 7)]
    trials = [Trial(cell, 7, 0) for cell in cells]
    tasks = [
        Task(trial.id, trial.spec(), "", (), 2, str(tmp_path), execution=ExecutionMode(pack=8)) for trial in trials
    ]
    gone = {**tasks[3].spec, "cell": {**tasks[3].spec["cell"], "normalizer": {"name": "gone", "version": "1"}}}
    tasks[1], tasks[3] = replace(tasks[1], trial_id="f" * 20), replace(tasks[3], spec=gone)
    endings = attempt_all(tasks)
    for number in (0, 2, 4):
        assert isinstance(endings[number], Done) and endings[number].trial_id == trials[number].id
    assert [endings[number].kind for number in (1, 3)] == [UNFIT, PLUGIN]
    assert "trial ffffffffffffffffffff became" in endings[1].reason
    assert "no normalizer 'gone'" in endings[3].reason
    found = {record.trial_id: record.provenance["how"]["pack"] for record in Ledger(tmp_path).records()}
    assert found == {trials[number].id: 5 for number in (0, 2, 4)}, (
        "as many as there were, not as there might have been"
    )


def test_a_trial_that_finds_no_memory_beside_others_is_tried_again_alone_and_no_other_is_touched(tmp_path, monkeypatch):
    suite, plugin = with_plugin(tmp_path, "short")
    events: list[object] = []
    monkeypatch.setenv("SHORT_OF_MEMORY", "once")
    report = run(
        suite,
        tmp_path / "out",
        plugins=[str(plugin)],
        address="inline",
        execution=ExecutionMode(pack=4),
        on_event=lambda report, event: events.append(event),
    )
    (retried,) = [event for event in events if isinstance(event, Retried)]
    assert retried.reason == "out of memory beside others: none left"
    assert (report.missing, report.retried) == (0, 1)
    found = records(tmp_path / "out")
    assert found[retried.trial_id].provenance["how"]["pack"] == 1
    assert {trial for trial, record in found.items() if record.provenance["attempt"] == 2} == {retried.trial_id}
    assert {record.provenance["how"]["pack"] for trial, record in found.items() if trial != retried.trial_id} == {4}
    run(suite, tmp_path / "alone", plugins=[str(plugin)], address="inline")
    assert hashes(tmp_path / "out") == hashes(tmp_path / "alone")


def test_alone_a_trial_without_memory_is_judged_as_ever(tmp_path, monkeypatch):
    suite, plugin = with_plugin(tmp_path, "short")
    monkeypatch.setenv("SHORT_OF_MEMORY", "once")
    events: list[object] = []
    run(
        suite,
        tmp_path / "out",
        plugins=[str(plugin)],
        address="inline",
        on_event=lambda report, event: events.append(event),
    )
    (lost,) = [event for event in events if isinstance(event, Lost)]
    assert lost.reason == "out of memory: none left"


def test_a_gpu_without_memory_is_no_result_beside_others():
    error = torch.OutOfMemoryError("CUDA out of memory")
    with pytest.raises(MemoryError, match="beside others in its process: CUDA out of memory"):
        out_of_memory(error, 0.25, lanes=4)
    raised = MethodError("norm.reparameterize raised")
    raised.__cause__ = error
    with pytest.raises(MemoryError, match="beside others"):
        method_error_message(raised, 0.25, lanes=4)


def test_memory_is_charged_to_the_trial_only_where_it_is_alone(tmp_path, monkeypatch):
    def starve(*args: object) -> None:
        raise MemoryError("none left")

    monkeypatch.setattr("ganbench.harness.worker.attempt._workshop", starve)
    trials = [Trial(a_cell(steps=3), 7, seed) for seed in range(2)]
    tasks = [
        Task(trial.id, trial.spec(), "", (), 2, str(tmp_path), execution=ExecutionMode(pack=2)) for trial in trials
    ]
    assert [ending.kind for ending in attempt_all(tasks) if isinstance(ending, Failed)] == [CROWDED, CROWDED]
    assert [ending.kind for ending in attempt_all(tasks[:1]) if isinstance(ending, Failed)] == [MEMORY]
    assert CROWDED.budget and not CROWDED.grows and not CROWDED.node


# --- taking turns -----------------------------------------------------------------------------------------------------


def test_turns_have_a_fixed_order_and_the_next_work_begins_in_the_lane_of_one_that_ended():
    told: list[tuple[str, str]] = []
    here: list[str] = []

    def place(name: str) -> Any:
        @contextmanager
        def entered() -> Iterator[None]:
            here.append(name)
            yield
            here.pop()

        return entered

    def work(name: str, turns: int) -> Turns[str]:
        for _ in range(turns):
            told.append((name, here[-1]))
            yield
        return name.upper()

    works = (work(name, turns) for name, turns in [("a", 3), ("b", 1), ("c", 0), ("d", 1)])
    ended = list(take_turns(works, [place("one"), place("two")]))
    assert told == [("a", "one"), ("b", "two"), ("a", "one"), ("a", "one"), ("d", "two")]
    assert ended == [(1, "B"), (2, "C"), (0, "A"), (3, "D")]
    assert not here, "a lane's place is left when its turn is over"
    assert alone(work("e", 0)) == "E"


def test_when_one_is_cut_off_the_others_are_ended_too():
    closed = []

    def work(name: str) -> Turns[None]:
        try:
            while True:
                yield
                if name == "second":
                    raise KeyboardInterrupt
        finally:
            closed.append(name)

    works = [work(name) for name in ("first", "second", "third")]
    with pytest.raises(KeyboardInterrupt):
        list(take_turns(works, places(3, "cpu")))
    assert sorted(closed) == ["first", "second", "third"]


def test_on_a_gpu_every_lane_has_a_stream_of_its_own(monkeypatch):
    entered = []
    monkeypatch.setattr(torch.cuda, "Stream", object)

    @contextmanager
    def stream(which: object) -> Iterator[None]:
        entered.append(which)
        yield

    monkeypatch.setattr(torch.cuda, "stream", stream)

    def work() -> Turns[None]:
        yield
        yield

    list(take_turns([work(), work(), work()], places(3, "cuda")))
    assert len(entered) == 9 and Counter(entered).most_common()[0][1] == 3
    list(take_turns([work()], places(1, "cuda")))
    assert len(entered) == 12, "one alone too: what is captured cannot be on the default stream"


# --- how many ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pack", "share", "lanes"),
    [
        ("auto", 0.0, 1),
        ("auto", 1.0, 1),
        ("auto", 0.5, 2),
        ("auto", 0.3, 3),
        ("auto", 0.1, 10),
        ("auto", 1 / 3, 3),
        ("auto", 0.01, 16),
        (1, 0.1, 1),
        (5, 0.0, 5),
        (5, 0.5, 5),
    ],
)
def test_auto_is_as_many_as_their_shares_of_a_gpu_allow_and_one_on_a_cpu(pack, share, lanes):
    assert ExecutionMode(pack=pack).lanes(share) == lanes


@pytest.mark.parametrize(
    ("need", "lanes", "whole"),
    [
        (Resources(1, 0.25), 4, Resources(1, 1)),
        (Resources(2, 0.25, 3), 2, Resources(2, 0.5, 6)),
        (Resources(1, 0.5), 5, Resources(1, 1)),
        (Resources(1), 4, Resources(1)),
    ],
)
def test_a_process_asks_for_the_shares_of_all_that_it_trains_side_by_side(need, lanes, whole):
    assert need.together(lanes) == whole


def test_auto_on_a_cpu_is_one_and_provenance_says_so(tmp_path):
    suite = a_suite(tmp_path, steps=3)
    run(suite, tmp_path / "out", address="inline", execution=ExecutionMode(pack="auto"))
    assert {record.provenance["how"]["pack"] for record in records(tmp_path / "out").values()} == {1}


@pytest.mark.parametrize("said", ["0", "x", "-2", "65", "²", ""])
def test_a_width_that_makes_no_sense_is_refused_with_a_sentence(ganbench, tmp_path, said):
    done = ganbench("run", a_suite(tmp_path), "--address", "inline", f"--pack={said}")
    assert done.returncode == 2
    assert f"--pack {said}: expected auto, off, or from 1 to 32 trials side by side" in done.stderr
    assert not (tmp_path / "results").exists()


def test_a_width_that_makes_no_sense_is_refused_in_python_too():
    for said in (0, 65, "x", -1):
        with pytest.raises(InputError, match="expected auto, or from 1 to 32 trials side by side"):
            ExecutionMode(pack=said)


# --- what a cluster is given ------------------------------------------------------------------------------------------

QUARTER = Resources(1, 0.25, 4)
GPUS = (Node("a", Resources(16, 1, 64)), Node("b", Resources(16, 1, 64)))


@pytest.fixture(scope="module")
def cell() -> Cell:
    return a_cell(TOY)


def schedule(
    cell: Cell, count: int, seconds: float | None = None, need: Resources = QUARTER, lanes: int = 4
) -> Schedule:
    trials = [Trial(replace(cell, resources=need), 0, seed) for seed in range(count)]
    known = Durations() if seconds is None else Durations({cell.id: (1, seconds)})
    return Schedule(trials, known, lambda asked: lanes)


def sizes(made: Schedule, nodes: tuple[Node, ...] = GPUS) -> list[tuple[int, int]]:
    """Trials and lanes of each task, in the order in which they are given out, each ended before the next."""
    found = []
    while made.unfinished:
        for submission in made.submissions(nodes, 0.0):
            found.append((len(submission.attempts), submission.lanes))
            list(
                made.ended(
                    submission, [Done(one.trial.id, "stable", (), 60.0, False) for one in submission.attempts], 0
                )
            )
    return found


def test_tasks_fill_their_lanes_before_it_is_known_how_long_trials_take_and_get_smaller_towards_the_end(cell):
    found = sizes(schedule(cell, 41))
    assert sum(trials for trials, _ in found) == 41
    assert found[:8] == [(4, 4)] * 8
    assert found == sorted(found, reverse=True) and found[-1] == (1, 1)
    assert {submission.need for submission in schedule(cell, 40).submissions(GPUS, 0.0)} == {Resources(1, 1, 16)}


def test_what_is_left_is_shared_by_all_gpus(cell):
    assert sizes(schedule(cell, 4))[0] == (2, 2)
    assert sizes(schedule(cell, 1)) == [(1, 1)]


def test_a_gpu_s_start_up_is_shared_by_trials_of_a_minute_in_every_lane(cell):
    assert sizes(schedule(cell, 500, seconds=60.0))[0] == (13, 4)  # a lane's 3.25 minutes, as one alone takes 3
    assert sizes(schedule(cell, 500, seconds=600.0))[0] == (4, 4)


def test_no_process_needs_more_memory_than_any_node_has_that_has_room_for_a_trial(cell):
    small = (*GPUS, Node("c", Resources(16, 1, 9)), Node("d", Resources(16, 1, 2)))
    assert sizes(schedule(cell, 40), small)[0] == (2, 2)
    assert {submission.lanes for submission in schedule(cell, 40).submissions((), 0.0)} == {1}, "no node is there yet"


def test_a_trial_that_was_lost_beside_others_is_tried_again_alone(cell):
    made = schedule(cell, 8)
    first = next(made.submissions(GPUS, 0.0))
    endings = [
        Failed(CROWDED, "because"),
        *[Done(one.trial.id, "stable", (), 60.0, True) for one in first.attempts[1:]],
    ]
    events = list(made.ended(first, endings, 0.0))
    assert [type(event) for event in events] == [Retried, Done, Done, Done]
    (again,) = [one for one in made.submissions(GPUS, 100.0) if one.attempts[0].number == 2]
    assert (again.attempts[0].trial, len(again.attempts), again.need) == (first.attempts[0].trial, 1, QUARTER)


def test_ray_is_asked_for_the_shares_of_all_lanes_and_told_how_many_there_are(cell):
    asked: list[tuple[dict[str, Any], list[Task]]] = []

    def remote(**declared: Any) -> Any:
        handed = lambda options: SimpleNamespace(remote=lambda tasks: asked.append((options, tasks)))  # noqa: E731
        return lambda run: SimpleNamespace(options=lambda **options: handed(options))

    def task_of(trial: Trial) -> Task:
        return Task(trial.id, {}, "", (), 2, "out", execution=ExecutionMode(pack="auto"))

    cluster = RayCluster(SimpleNamespace(remote=remote), task_of, SimpleNamespace(), lambda: 0.0)
    attempts = tuple(Attempt(Trial(replace(cell, resources=QUARTER), 0, seed), 1, QUARTER) for seed in range(5))
    cluster.submit(Submission(attempts, QUARTER, lanes=3))
    ((options, tasks),) = asked
    assert options == {"num_cpus": 1, "num_gpus": 0.75, "memory": 12 * 2**30}
    assert [(task.execution.pack, task.resources) for task in tasks] == [(3, QUARTER)] * 5
