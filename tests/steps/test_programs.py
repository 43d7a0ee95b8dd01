"""The same step as a program: replayed bit for bit, compiled to rounding, captured with memory of its own."""

from __future__ import annotations

import os
import sys
import warnings
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import pytest
import torch
from cells import CATALOG, GROWING, IMAGES, NORMALIZERS, RESIDUAL, a_cell, a_training, double
from rotating import rotating
from warm import run_python

from ganbench.harness.errors import MethodError
from ganbench.harness.normalizer import Normalizer
from ganbench.harness.normalizer.composition import compose
from ganbench.harness.steps.captured import CallTape
from ganbench.harness.steps.form import batch_tensors, state_like, state_tensors
from ganbench.harness.steps.graph import graph_of
from ganbench.harness.steps.program import WAYS, Programs
from ganbench.harness.steps.replayed import scripted, source_of
from ganbench.harness.training.training import protocol_of

RULES = [
    {"clip_norm": 0.1},
    {"ema": 0.9},
    {"penalty_every": 2, "normalizer": "r1"},
    {"lr_decay_from": 0.0},
    {"simultaneous": True},
    {"loss": "relativistic_average_hinge", "n_dis": 2, "clip_norm": 0.1, "ema": 0.9, "lr_decay_from": 0.0},
    {"penalty_every": 2, "normalizer": "layer_norm + spectral_norm + r1", "optimizer": "rmsprop"},
    {"normalizer": "weight_norm_strict", **RESIDUAL, "batch_size": 4},
    {"normalizer": "equalized_learning_rate + gradient_penalty", **GROWING, "batch_size": 8},
]


def changed(state, change):
    """The same state with every tensor changed."""
    return state_like(state, [change(tensor) for tensor in state_tensors(state)])


def farthest(a, b) -> float:
    pairs = zip(state_tensors(a), state_tensors(b), strict=True)
    return max(float((x.double() - y.double()).abs().max()) for x, y in pairs if x.numel())


def assert_programs_equal_plain(cell, steps: int) -> None:
    """Replayed and captured; every third step observed, so that both kinds of program take over from each other.

    A captured state stays where the program has it, as on a GPU; what repeats the work here is a call.
    """
    cell = replace(cell, steps=max(cell.steps, steps))
    plain, ours, captured = a_training(cell), Programs(), Programs(tape=CallTape)
    captured._made = ours._made  # followed once
    programs = [a_training(cell, programs=way) for way in (ours, captured)]
    for now in range(steps):
        seen = plain.advance(now % 3 == 0)
        for training in programs:
            also = training.advance(now % 3 == 0)
            assert seen.keys() == also.keys()
            assert all(torch.equal(seen[key], also[key]) for key in seen), now
    for training in programs:
        assert farthest(plain.state, training.state) == 0
        assert (training.mode, training.notes) == ("replayed", [])


@pytest.mark.parametrize("name", NORMALIZERS)
def test_every_normalizers_replayed_and_captured_steps_equal_its_plain_ones_bitwise(name):
    assert_programs_equal_plain(a_cell(IMAGES, normalizer=name, batch_size=8), 12)


@pytest.mark.parametrize("name", rotating(CATALOG.names("loss"), ("relativistic_average",), 3))
def test_every_losss_replayed_and_captured_steps_equal_its_plain_ones_bitwise(name):
    assert_programs_equal_plain(a_cell(loss=name, n_dis=2), 12)


@pytest.mark.parametrize("name", CATALOG.names("optimizer"))
def test_every_optimizers_replayed_and_captured_steps_equal_its_plain_ones_bitwise(name):
    assert_programs_equal_plain(a_cell(optimizer=name), 12)


@pytest.mark.parametrize("rules", RULES)
def test_every_rules_replayed_and_captured_steps_equal_its_plain_ones_bitwise(rules):
    assert_programs_equal_plain(a_cell(**rules), 12)


def assert_compiled_equals_plain(cell, steps: int) -> None:
    training = a_training(cell)
    program = Programs("compiled").of("", training.generator, training.discriminator, protocol_of(cell))
    plain = compiled = double(training.state)
    for now in range(1, steps + 1):
        batch, observe = double(training.draw(now)), now % 3 == 1
        plain, seen = training.step(plain, batch, observe)
        run, names, _ = program.run(compiled, batch, observe)
        made = run(state_tensors(compiled) + batch_tensors(batch))
        kept = len(state_tensors(compiled))
        compiled = state_like(compiled, made[:kept])
        for name, value in zip(names, made[kept:], strict=True):
            assert torch.allclose(value, seen[name], rtol=1e-6, atol=1e-8), name
    assert farthest(plain, compiled) < 1e-8


@pytest.mark.long
@pytest.mark.parametrize("name", CATALOG.names("normalizer"))
def test_every_normalizers_compiled_steps_equal_its_plain_ones_in_float64(name):
    assert_compiled_equals_plain(a_cell(IMAGES, normalizer=name, batch_size=8), 50)


@pytest.mark.long
@pytest.mark.parametrize("name", CATALOG.names("loss"))
def test_every_losss_compiled_steps_equal_its_plain_ones_in_float64(name):
    assert_compiled_equals_plain(a_cell(loss=name, n_dis=2), 50)


@pytest.mark.long
@pytest.mark.parametrize("rules", RULES[:-1])
def test_every_rules_compiled_steps_equal_its_plain_ones_in_float64(rules):
    assert_compiled_equals_plain(a_cell(**rules), 50)


def test_the_trials_of_a_cell_share_programs(monkeypatch):
    made: list[object] = []
    monkeypatch.setattr(
        "ganbench.harness.steps.program.graph_of", lambda *given: made.append(given) or graph_of(*given)
    )
    programs = Programs()
    cell = a_cell(normalizer="bssn")
    first, second = (a_training(cell, seed, programs=programs) for seed in (0, 1))
    for training in (first, second):
        for observe in (True, False):
            training.advance(observe)
    assert len(made) == 1
    alone = a_training(cell, 1)
    for observe in (True, False):
        alone.advance(observe)
    assert farthest(second.state, alone.state) == 0


def test_trials_that_take_turns_in_one_process_do_not_feel_each_other_not_even_one_that_diverged():
    cell = a_cell(IMAGES, normalizer="bssn", batch_size=8)
    programs = Programs("replayed", CallTape)
    together = [a_training(cell, seed, programs=programs) for seed in range(3)]
    together[1].state = changed(together[1].state, lambda part: torch.full_like(part, float("nan")))
    for now in range(12):
        for training in together:
            training.advance(now % 4 == 0)
    for seed in (0, 2):
        alone = a_training(cell, seed)
        for now in range(12):
            alone.advance(now % 4 == 0)
        assert farthest(together[seed].state, alone.state) == 0
    assert [training.mode for training in together] == ["replayed"] * 3


def test_a_step_that_makes_a_program_is_not_part_of_what_a_step_takes():
    training = a_training(a_cell(), programs=Programs())
    for _ in range(5):
        training.advance(observe=False)
        training.took(1000.0 if training.step.prepares else 1.0)
    assert training.step_seconds == 1.0


def test_a_process_keeps_so_many_programs_and_drops_the_one_that_was_used_longest_ago(monkeypatch):
    monkeypatch.setattr("ganbench.harness.steps.program.MOST", 2)
    programs = Programs()
    training = a_training(a_cell())
    asked = (training.generator, training.discriminator, protocol_of(training.trial.cell))
    a, b = programs.of("a", *asked), programs.of("b", *asked)
    assert programs.of("a", *asked) is a
    programs.of("c", *asked)
    assert programs.of("a", *asked) is a
    assert programs.of("b", *asked) is not b


class Remembers(Normalizer):
    """Carries on the weight that it was given, which a captured program passes on as it came."""

    name: ClassVar[str] = "remembers"

    def init_state(self, weight, layer, generator):
        return {"before": weight.clone()}

    def reparameterize(self, weight, params, state, layer):
        return weight - 0.1 * state["before"], {"before": weight.detach()}


def test_what_a_captured_step_passes_on_is_not_overwritten_by_what_takes_its_place():
    assert_programs_equal_plain(replace(a_cell(), normalizer=Remembers()), 12)


class Declares(Normalizer):
    name: ClassVar[str] = "declares"
    modes: ClassVar[frozenset[str]] = frozenset()


class Reads(Normalizer):
    """Looks at a value, which a graph could only repeat blindly."""

    name: ClassVar[str] = "reads"

    def reparameterize(self, weight, params, state, layer):
        return weight / (1.0 if float(weight.detach().abs().max()) < 1e9 else 2.0), state


class Counts(Normalizer):
    """Breaks its contract: what it does depends on how often it was asked."""

    name: ClassVar[str] = "counts"

    def reparameterize(self, weight, params, state, layer):
        Counts.asked += 1
        return weight * (1 + Counts.asked), state

    asked: ClassVar[int] = 0


class Raises(Normalizer):
    name: ClassVar[str] = "raises"

    def reparameterize(self, weight, params, state, layer):
        raise ValueError("no luck today")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("normalizer", "words"),
    [
        (Declares(), "normalizer 'declares' declares that it cannot run compiled"),
        (compose([Declares(), CATALOG.create("normalizer", "spectral_norm")]), "declares that it cannot run compiled"),
        (Reads(), "not "),
    ],
    ids=["declared", "a part declares it", "found out"],
)
def test_what_cannot_be_a_program_runs_plainly_with_one_line(normalizer, words, way):
    cell = replace(a_cell(), normalizer=normalizer)
    plain, ours = (a_training(cell, programs=mode) for mode in (None, Programs(way)))
    for _ in range(3):
        plain.advance(observe=False)
        ours.advance(observe=False)
    assert farthest(plain.state, ours.state) == 0
    assert ours.mode == "plain"
    assert len(ours.notes) == 1
    assert words in ours.notes[0]
    assert "\n" not in ours.notes[0]


def test_a_replayed_step_that_makes_other_numbers_than_the_plain_one_is_given_up():
    training = a_training(replace(a_cell(), normalizer=Counts()), programs=Programs())
    training.advance(observe=False)
    assert training.mode == "plain"
    assert training.notes == ["not replayed: NotTheSameError: its numbers are not those of the plain step"]


def test_what_could_not_be_a_program_is_not_tried_again_by_the_cells_other_trials():
    cell = replace(a_cell(), normalizer=Reads())
    programs = Programs()
    trainings = [a_training(cell, seed, programs=programs) for seed in (0, 1)]
    trainings[0].advance(observe=False)
    again = a_training(cell, 2, programs=programs)
    assert again.mode == "plain"
    assert again.notes == trainings[0].notes
    trainings[1].advance(observe=False)  # it began with a program, and finds out for itself
    assert trainings[1].mode == "plain"


WITHOUT = """
import sys
sys.path[:0] = {path!r}
from pathlib import Path
from cells import a_cell, a_training
import torch._inductor.config
from ganbench.harness.steps.kept import KeptPrograms
from ganbench.harness.steps.program import Programs
torch._inductor.config.cpp.cxx = ("no-such-compiler",)
folder = Path({folder!r})
training = a_training(a_cell(optimizer="sgd"), programs=Programs("compiled", kept=KeptPrograms(folder)))
training.advance(observe=False)
print(training.mode, [note.split(":")[0] for note in training.notes], list(folder.glob("*.pt2")))
"""


def test_a_machine_without_a_compiler_runs_plainly_with_one_line(tmp_path):
    """In a process of its own: PyTorch looks once for a compiler."""
    variables = {**os.environ, "TORCHINDUCTOR_CACHE_DIR": str(tmp_path / "cache")}
    done = run_python("-c", WITHOUT.format(path=sys.path, folder=str(tmp_path)), env=variables)
    assert done.stdout == "plain ['not compiled'] []\n", done.stderr


def test_a_program_that_finds_no_memory_is_made_up_for_plainly_alone_and_not_beside_others(monkeypatch):
    monkeypatch.setattr(
        "ganbench.harness.steps.program.graph_of", lambda *given: (_ for _ in ()).throw(torch.OutOfMemoryError("full"))
    )
    alone = a_training(a_cell(), programs=Programs())
    alone.advance(observe=False)
    assert (alone.mode, alone.notes) == ("plain", ["not replayed: OutOfMemoryError: full"])
    beside = a_training(a_cell(), programs=Programs(beside=True))
    with pytest.raises(torch.OutOfMemoryError, match="full"):
        beside.advance(observe=False)


def test_a_methods_own_error_is_not_blamed_on_its_program():
    training = a_training(replace(a_cell(), normalizer=Raises()), programs=Programs())
    with pytest.raises(MethodError, match="no luck today"):
        training.advance(observe=False)
    assert training.notes == []


def test_a_graph_has_no_operation_twice_as_python_and_none_that_only_observations_need():
    training = a_training(a_cell(normalizer="spectral_norm"))
    graph = graph_of(training.step, training.state, training.draw(1))
    assert "detach" not in source_of(graph.module)
    assert len(graph.unobserved().module.graph.nodes) < len(graph.module.graph.nodes)
    assert graph.unobserved().observed == ()


def test_the_command_says_once_that_a_method_runs_plainly_and_the_ledger_remembers(tiny, tmp_path, ganbench):
    from ganbench import read_ledger

    (tmp_path / "plain_norm.py").write_text(
        "from ganbench.harness.normalizer import Normalizer\n\nclass Plain(Normalizer):\n    name = 'plain'\n"
        "    summary = 'Cannot be compiled.'\n    modes = frozenset()\n"
    )
    text = tiny.read_text().replace("[none, spectral_norm]", "[plain]").replace("baseline: spectral_norm\n", "")
    suite = tmp_path / "plain.yaml"
    suite.write_text(text)
    options = ("--results", "out", "--plugin", "plain_norm.py", "--tracking-uri", "off", "--address", "inline")
    done = ganbench("run", suite, *options)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (done.stdout + done.stderr).count("normalizer 'plain' declares that it cannot run compiled") == 1
    for record in read_ledger(tmp_path / "out").records():
        assert record.provenance["step"] == "plain"
        assert len(record.provenance["notes"]) == 1


def test_a_sweep_replayed_and_an_exact_one_make_the_same_results(tiny, tmp_path, at_once):
    from ganbench import ExecutionMode, read_ledger, run

    tiny.write_text("".join(line for line in tiny.read_text().splitlines(True) if "n_dis: 5" not in line))
    for name, execution in (("replayed", ExecutionMode()), ("plain", ExecutionMode("plain"))):
        run(tiny, tmp_path / name, address="inline", execution=execution, seeds=1)
    replayed, plain = (
        {record.trial_id: record for record in read_ledger(tmp_path / name).records()} for name in ("replayed", "plain")
    )
    assert {record.provenance["step"] for record in replayed.values()} == {"replayed"}
    assert {record.provenance["step"] for record in plain.values()} == {"plain"}
    assert replayed.keys() == plain.keys()
    assert all(replayed[key].sha256 == plain[key].sha256 for key in plain)


def test_a_training_that_changes_over_in_its_middle_makes_the_plain_ones_numbers():
    plain, ours = (
        a_training(a_cell(normalizer="bssn")),
        a_training(a_cell(normalizer="bssn"), programs=Programs(after=9.0)),
    )
    modes = []
    for now in range(20):
        plain.advance(now % 3 == 0)
        ours.advance(now % 3 == 0)
        ours.step._program.spent += 1.0
        modes.append(ours.mode)
    assert modes[0] == "plain"
    assert modes[-1] == "replayed"
    assert farthest(plain.state, ours.state) == 0


def test_exact_and_compiled_at_once_are_refused(tiny, ganbench):
    done = ganbench("run", tiny, "--exact", "--compile")
    assert done.returncode != 0
    assert "give one of them" in done.stdout + done.stderr


def test_torchscript_interprets_a_program_without_a_warning():
    """It is deprecated: the version of PyTorch that warns of what we call, or lacks it, is the one not to allow."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run = scripted({"source": "def step(tensors: List[Tensor], constants: List[Tensor]) -> List[Tensor]:\n"
                        "    return [torch.ops.aten.add(tensors[0], constants[0])]\n",
                        "constants": [torch.ones(())]}, [], Path())  # fmt: skip
        assert run([torch.ones(())])[0] == 2
