"""Where the time of a trial goes: the parts are those that a training has, and measuring them changes no number."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import ClassVar

import pytest
import torch
from cells import CATALOG, GROWING, IMAGES, STORE, TOY, a_cell, a_training
from torch.utils import _pytree as pytree
from typer.testing import CliRunner

from ganbench.harness.cells.cell import Cell, Trial
from ganbench.harness.cli import app
from ganbench.harness.errors import InputError, MethodError
from ganbench.harness.normalizer import Normalizer
from ganbench.harness.profiling import Part, Profile, measuring, profile
from ganbench.harness.profiling.account import REST, Cost, leaves, parts_of
from ganbench.harness.profiling.clock import Clock
from ganbench.harness.profiling.stepping import measured_steps, replayed_seconds
from ganbench.harness.profiling.timed_training import DISCRIMINATOR, GENERATOR, WatchedTraining
from ganbench.harness.stability import load_definition
from ganbench.harness.training import recorder
from ganbench.harness.training.checkpoint import EVERY_SECONDS
from ganbench.harness.training.loop import train
from ganbench.harness.training.sampling import generate
from ganbench.harness.training.training import Training
from ganbench.harness.training.workshop import Workshop

DEFINITION = load_definition(2)
RULES = {"n_dis": 3, "normalizer": "spectral_norm + r1", "penalty_every": 2, "clip_norm": 0.5, "ema": 0.9}


def a_profile(cell: Cell, out=None, steps: int | None = 20, **options) -> Profile:
    return profile(Trial(cell, 3, 0), CATALOG, STORE, DEFINITION, steps=steps, out=out, **options)


def watched(cell: Cell) -> WatchedTraining:
    like = a_training(cell, own_start=True)
    return WatchedTraining(like.trial, like.material)


def find(parts: tuple[Part, ...], *path: str) -> Part:
    part = next(part for part in parts if part.name == path[0])
    return find(part.parts, *path[1:]) if path[1:] else part


def every(parts: tuple[Part, ...]) -> list[Part]:
    return [item for part in parts for item in (part, *every(part.parts))]


def events_of(path) -> set[str]:
    return {event.get("name") for event in json.loads(path.read_text())["traceEvents"]}


@pytest.mark.parametrize(
    ("base", "own"),
    [
        pytest.param(TOY, "mode_coverage", id="ring8"),
        pytest.param(IMAGES, "fid[digits-cnn:1k_full]", id="digits", marks=pytest.mark.long),
    ],
)
def test_the_parts_add_up_to_the_whole_and_happen_as_often_as_in_a_training(base, own, tmp_path):
    cell = a_cell(base, steps=40, evaluations=3, **RULES)
    found = a_profile(cell, tmp_path / "trace.json")
    for part in every(found.parts):
        assert part.seconds >= 0
        if part.parts:
            assert sum(inner.seconds for inner in part.parts) == pytest.approx(part.seconds, rel=1e-6)
    steps = find(found.parts, "steps")
    assert steps.seconds == pytest.approx(cell.steps * found.step_seconds)
    assert sum(part.seconds for part in leaves(steps) if part.name == REST) < 0.5 * steps.seconds
    updates = 3 * cell.steps
    for name in ("backward", "optimizer", "loss", "discriminator's weights (normalizer)"):
        assert find(found.parts, "steps", DISCRIMINATOR, name).times == pytest.approx(updates)
        assert find(found.parts, "steps", GENERATOR, name).times == pytest.approx(cell.steps)
    # Real and fake; samples for each update are made apart; a lazy penalty enters every second update.
    assert find(found.parts, "steps", DISCRIMINATOR, "discriminator's forward").times == pytest.approx(2 * updates)
    assert find(found.parts, "steps", DISCRIMINATOR, "generator's forward").times == pytest.approx(updates)
    assert find(found.parts, "steps", DISCRIMINATOR, "penalty").times == pytest.approx(updates / 2)
    assert any(part.name == own for part in every(find(found.parts, "evaluation").parts))
    trial = Trial(cell, 3, 0)
    trace = train(Training(trial, Workshop(CATALOG, STORE).material(trial)))
    assert find(found.parts, "logging").times == len(trace.steps)
    assert find(found.parts, "probes").times == len(trace.probe_steps)
    assert find(found.parts, "evaluation").times == len(trace.evaluation_steps)
    assert find(found.parts, "checkpoints").times == int(found.seconds / EVERY_SECONDS)
    assert {"loading data", "building networks"} <= found.startup.keys()
    assert found.replayed_seconds > 0
    names = {"step", DISCRIMINATOR, GENERATOR, "backward", "penalty", "probes", "evaluation", "making samples"}
    assert names <= events_of(tmp_path / "trace.json")
    assert found.operations > 100


def same(a, b) -> bool:
    return torch.equal(a, b) if isinstance(a, torch.Tensor) else a == b


@pytest.mark.parametrize("rules", [{}, RULES, {"simultaneous": True, "loss": "relativistic", "normalizer": "bssn"}])
def test_a_training_that_is_watched_is_bit_for_bit_the_one_that_is_not(rules):
    cell = a_cell(TOY, steps=24, **rules)
    training, clock = watched(cell), Clock()
    made = measured_steps(training, clock, 20)
    plain = a_training(cell, own_start=True)
    for _ in range(20):
        plain.advance(observe=False)
    assert (made.measured, training.now) == (20, 20)
    assert clock.counts[("steps", DISCRIMINATOR, "backward")] == made.watched * cell.n_dis > 0
    mine, other = (pytree.tree_leaves(one.snapshot()) for one in (training, plain))
    assert len(mine) == len(other)
    assert all(same(*pair) for pair in zip(mine, other, strict=True))


def test_the_replayed_step_is_measured_on_another_training(monkeypatch):
    made, advance = [], Training.advance
    monkeypatch.setattr(Training, "advance", lambda self, observe: made.append(self) or advance(self, observe))
    training, alone = (watched(a_cell(TOY, steps=400, **{**RULES, "n_dis": 1})) for _ in range(2))
    for one in (training, alone):
        for _ in range(7):
            one.advance(observe=False)
    made.clear()
    seconds, notes = replayed_seconds(training, lambda: None)
    assert seconds > 0
    assert notes == []
    assert {one.mode for one in made} == {"replayed"}
    assert 10 <= len(made) <= 70
    assert training.now == 7
    for one in (training, alone):
        one.advance(observe=False)
    mine, other = (pytree.tree_leaves(one.snapshot()) for one in (training, alone))
    assert all(same(*pair) for pair in zip(mine, other, strict=True))


class Slow(Normalizer):
    name: ClassVar[str] = "slow"

    def reparameterize(self, weight, params, state, layer):
        if layer.last:
            time.sleep(0.02)
        return weight, state


@pytest.fixture
def unreplayed(monkeypatch) -> None:
    """Not measured: what a replayed step takes, for which it is followed each time."""
    monkeypatch.setattr(measuring, "replayed_seconds", lambda *given: (None, []))


def test_a_normalizer_that_takes_its_time_is_seen_to(unreplayed):
    cell = replace(a_cell(TOY, steps=1000), normalizer=Slow())
    found = a_profile(cell)
    name = "discriminator's weights (normalizer)"
    slow = [find(found.parts, "steps", who, name) for who in (DISCRIMINATOR, GENERATOR)]
    assert all(part.seconds / part.times > 0.01 for part in slow)
    assert sum(part.seconds for part in slow) > 0.5 * found.seconds
    assert f"the largest part of that is {name}" in found.advice()
    assert "`reparameterize`" in found.advice()


def test_a_step_that_cannot_be_replayed_is_told_of():
    class AddedVerdicts(Slow):
        def reparameterize(self, weight, params, state, layer):
            return weight * (1.0 if float(weight.detach().sum()) else 2.0), state

    found = a_profile(replace(a_cell(TOY, steps=40), normalizer=AddedVerdicts()))
    assert found.replayed_seconds is None
    assert any(note.startswith("not replayed: ") for note in found.notes)


def test_every_phase_of_a_growing_network_counts_with_its_own_steps():
    cell = a_cell(GROWING, steps=30, batch_size=4, metric={"name": "fidelity", "extractor": "digits-cnn",
                                                           "samples": 100, "measures": ["fid"]})  # fmt: skip
    found = a_profile(cell)
    assert find(found.parts, "steps").times == cell.steps
    assert find(found.parts, "steps", GENERATOR, "backward").times == pytest.approx(cell.steps)
    assert find(found.parts, "evaluation").times == 2
    assert found.replayed_seconds > 0
    phases = cell.architecture.phases((1, 8, 8), cell.steps)
    assert find(found.parts, "checkpoints").times == len(phases) - 1 > 0
    assert any(f"{len(phases)} phases" in note for note in found.notes)


def test_an_evaluation_that_takes_long_is_made_once_and_counts_as_often_as_it_happens(unreplayed, monkeypatch):
    made = []
    monkeypatch.setattr(measuring, "CHEAP_SECONDS", 0.0)
    monkeypatch.setattr(recorder, "generate", lambda *given: made.append(given) or generate(*given))
    found = a_profile(a_cell(TOY, steps=40, evaluations=4))
    assert len(made) == 1
    assert find(found.parts, "evaluation").times == 5
    assert find(found.parts, "evaluation", "making samples").seconds > 0


def test_a_training_that_diverges_is_profiled_and_told_of(unreplayed):
    found = a_profile(a_cell(TOY, steps=40, lr_g=1e30, lr_d=1e30, optimizer="sgd"))
    assert any("not finite" in note for note in found.notes)
    assert find(found.parts, "steps").seconds > 0


def test_a_step_that_is_one_program_is_one_part():
    like = a_training(a_cell(TOY, steps=24), own_start=True)

    class OneProgram(WatchedTraining):
        mode = "compiled"  # what is asked of a step is whether it is plain

    clock = Clock()
    made = measured_steps(OneProgram(like.trial, like.material), clock, 20)
    assert clock.counts[("steps", "the step as one program")] == made.watched > 0
    assert ("steps", DISCRIMINATOR) not in clock.counts


def test_a_profile_of_programs_does_not_measure_them_twice():
    found = a_profile(a_cell(TOY, steps=40), way="replayed")
    assert (found.mode, found.replayed_seconds) == ("replayed", None)
    assert find(found.parts, "steps", "the step as one program").times == pytest.approx(40)


def test_what_a_normalizer_raises_is_told_as_in_a_trial():
    class Broken(Slow):
        def reparameterize(self, weight, params, state, layer):
            raise ValueError("no such weight")

    with pytest.raises(MethodError, match=r"reparameterize.*\n?.*no such weight"):
        a_profile(replace(a_cell(TOY), normalizer=Broken()))


def test_stretches_that_an_error_leaves_open_end_with_the_one_around_them():
    clock = Clock()
    with pytest.raises(KeyError), clock.part("outer"):
        clock.enter("inner")
        raise KeyError
    assert clock.depth == 0
    assert clock.counts == {("outer", "inner"): 1, ("outer",): 1}
    assert clock.seconds[("outer",)] >= clock.seconds[("outer", "inner")] >= 0


def test_parts_stand_by_size_and_what_they_leave_over_is_last():
    costs = {("a",): Cost(10, 2), ("a", "x"): Cost(1, 2), ("a", "y"): Cost(5, 4), ("b",): Cost(30, 1)}
    b, a = parts_of(costs)
    assert (b, a.name) == (Part("b", 30, 1), "a")
    assert a.parts == (Part("y", 5, 4), Part("x", 1, 2), Part(REST, 4, 2))


def invoked(*arguments: object):
    return CliRunner(env={"COLUMNS": "200"}).invoke(app, list(map(str, arguments)))


def test_the_command_shows_the_cell_that_plan_numbers(tiny, tmp_path):
    listed = invoked("plan", tiny, "--results", tmp_path / "out").output.splitlines()
    row = next(line.split() for line in listed if line.split()[:1] == ["4"])
    said = invoked("profile", tiny, "--cell", "4", "--steps", "20", "--out", tmp_path / "trace.json")
    assert said.exit_code == 0
    first, second = said.output.splitlines()[:2]
    assert all(word in first for word in ("cell 4", *row[1:5]))
    assert second.startswith("a trial of 40 steps takes about ")
    for words in (
        DISCRIMINATOR,
        REST,
        "start-up",
        "importing PyTorch",
        "ui.perfetto.dev",
        "of the trial",
        "replayed, as",
    ):
        assert words in said.output
    assert DISCRIMINATOR in events_of(tmp_path / "trace.json")
    assert not (tmp_path / "out").exists()


def test_the_command_prints_one_json_object(tiny, tmp_path):
    said = invoked("profile", tiny, "--steps", "20", "--json", "--out", tmp_path / "trace.json")
    told = json.loads(said.stdout)
    assert told["cell"]["number"] == 1
    assert told["measured_steps"] == 20
    assert set(told["step_seconds"]) == {"plain", "watched", "replayed"}
    assert told["seconds"] == pytest.approx(sum(part["seconds"] for part in told["parts"]))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--cell", "7"], "--cell 7: suite 'tiny' has cells 1 to 6"),
        (["--cell", "0"], "--cell 0: suite 'tiny' has cells 1 to 6"),
        (["--out", "nowhere/trace.json"], "--out nowhere/trace.json: expected a file in a folder that is there"),
    ],
)
def test_what_cannot_be_profiled_is_refused_before_anything_is_measured(arguments, words, tiny):
    error = invoked("profile", tiny, *arguments).exception
    assert isinstance(error, InputError)
    assert words in str(error)
