"""The same step compiled as a whole and batched over seeds: equal numbers for every method, or a word why not."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import pytest
import torch
from cells import CATALOG, IMAGES, RESIDUAL, TOY, a_cell, a_training
from torch.utils import _pytree as pytree

from harness.composition import compose
from harness.normalizer import Normalizer
from harness.training.compiled import CompiledStep, Program, Programs
from harness.training.gradients import functional_gradients
from harness.training.packing import packed, stacked, unstacked
from harness.training.step import make_step
from harness.training.training import Training, protocol_of

GROWING = {**IMAGES, "architecture": {"name": "progressive", "base": 16, "widest": 4, "latent": 4}}


SAMPLE = ("bssn", "batch_norm", "weight_norm_strict", "r1", "weight_clipping")
"""A state, activations, own parameters, a penalty, a projection."""

NORMALIZERS = [
    pytest.param(name, marks=[] if name in SAMPLE else pytest.mark.long) for name in CATALOG.names("normalizer")
]
"""`ganbench check` asks the same of every baseline, in test_conformance; here are several steps, and all observations."""


def double(value):
    """The same state or batch in float64, where rounding is small enough to see a mistake."""
    stacked([value])  # registers the dataclasses
    return pytree.tree_map(
        lambda part: part.double() if isinstance(part, torch.Tensor) and part.is_floating_point() else part, value
    )


def functional(training: Training):
    return make_step(training.generator, training.discriminator, protocol_of(training.trial.cell), functional_gradients)


def differences(a, b) -> list[float]:
    stacked([a])  # registers the dataclasses
    pairs = zip(pytree.tree_leaves(a), pytree.tree_leaves(b), strict=True)
    return [float((x - y).abs().max()) for x, y in pairs if isinstance(x, torch.Tensor) and x.numel()]


def assert_batched_equals_single(cell, seeds: int = 3, steps: int = 3) -> None:
    trainings = [a_training(cell, seed) for seed in range(seeds)]
    single = [double(training.state) for training in trainings]
    together = stacked(single)
    step = packed(functional(trainings[0]))
    for now in range(1, steps + 1):
        drawn = [double(training.draw(now)) for training in trainings]
        single, alone = zip(
            *(t.step(state, batch, True) for t, state, batch in zip(trainings, single, drawn, strict=True)), strict=True
        )
        together, seen = step(together, stacked(drawn), True)
        for index in range(seeds):
            assert max(differences(unstacked(together, index), single[index])) < 1e-10
            assert max(float((seen[key][index] - alone[index][key]).abs().max()) for key in seen) < 1e-8


@pytest.mark.parametrize("name", NORMALIZERS)
def test_every_normalizer_batched_over_seeds_equals_its_single_steps(name):
    assert_batched_equals_single(a_cell(IMAGES, normalizer=name, batch_size=8))


@pytest.mark.parametrize("name", CATALOG.names("loss"))
def test_every_loss_batched_over_seeds_equals_its_single_steps(name):
    assert_batched_equals_single(a_cell(TOY, loss=name, n_dis=2))


@pytest.mark.parametrize("name", CATALOG.names("optimizer"))
def test_every_optimizer_batched_over_seeds_equals_its_single_steps(name):
    assert_batched_equals_single(a_cell(TOY, optimizer=name))


@pytest.mark.parametrize(
    "rules",
    [
        {"clip_norm": 0.1},
        {"ema": 0.9},
        {"penalty_every": 2, "normalizer": "r1"},
        {"lr_decay_from": 0.0},
        {"simultaneous": True},
        {"normalizer": "spectral_norm + gradient_penalty"},
        {"normalizer": "weight_norm_strict", **RESIDUAL, "batch_size": 4},
        {"normalizer": "equalized_learning_rate + gradient_penalty", **GROWING, "batch_size": 8},
    ],
)
def test_every_rule_batched_over_seeds_equals_its_single_steps(rules):
    assert_batched_equals_single(a_cell(**rules))


def test_a_seed_does_not_feel_its_neighbours_not_even_one_that_has_diverged():
    cell = a_cell(IMAGES, normalizer="bssn", batch_size=8)
    trainings = [a_training(cell, seed) for seed in range(3)]
    step = packed(functional(trainings[0]))
    states, batches = [t.state for t in trainings], [t.draw(1) for t in trainings]
    broken = pytree.tree_map(lambda part: torch.full_like(part, float("nan")), states[1])
    healthy, _ = step(stacked(states), stacked(batches), True)
    sick, _ = step(stacked([states[0], broken, states[2]]), stacked(batches), True)
    for index in (0, 2):
        assert max(differences(unstacked(healthy, index), unstacked(sick, index))) == 0


def assert_traced_equals_plain(cell, steps: int = 2) -> None:
    """Traced whole by torch.compile, without a graph break, and run by its backend that only replays the trace."""
    training = a_training(cell)
    told: list[str] = []
    program = Program("traced", training.generator, training.discriminator, protocol_of(cell), backend="eager")
    traced = CompiledStep(program, training.step, told.append)
    plain = compiled = double(training.state)
    for now in range(1, steps + 1):
        batch = double(training.draw(now))
        plain, seen = training.step(plain, batch, now == 1)
        compiled, also = traced(compiled, batch, now == 1)
        assert max(differences(plain, compiled)) < 1e-10
        assert seen.keys() == also.keys()
    assert told == []
    assert traced.mode == "compiled"


@pytest.mark.parametrize("name", NORMALIZERS)
def test_every_normalizer_traced_as_a_whole_equals_its_plain_steps(name):
    assert_traced_equals_plain(a_cell(IMAGES, normalizer=name, batch_size=8))


@pytest.mark.parametrize(
    "rules",
    [
        {"loss": "relativistic_average_hinge", "n_dis": 2, "clip_norm": 0.1, "ema": 0.9, "lr_decay_from": 0.0},
        {"penalty_every": 2, "normalizer": "layer_norm + spectral_norm + r1", "optimizer": "rmsprop"},
        {"normalizer": "weight_norm_strict", **RESIDUAL, "batch_size": 4},
        {"normalizer": "equalized_learning_rate + gradient_penalty", **GROWING, "batch_size": 8},
    ],
)
def test_every_rule_traced_as_a_whole_equals_its_plain_steps(rules):
    assert_traced_equals_plain(a_cell(**rules))


def test_ten_steps_of_machine_code_equal_the_plain_ones_to_rounding():
    """The real compiler once: the others above are traced only, which is where methods differ."""
    plain, compiled = (a_training(a_cell(normalizer="bssn"), programs=mode) for mode in (None, Programs()))
    for _ in range(10):
        plain.advance(observe=False)
        compiled.advance(observe=False)
    assert (compiled.mode, compiled.notes) == ("compiled", [])
    assert max(differences(plain.state, compiled.state)) < 1e-4


def test_the_trials_of_a_cell_share_a_program_and_compile_once():
    programs = Programs("eager")
    cell = a_cell(normalizer="bssn")
    first, second = (a_training(cell, seed, programs=programs) for seed in (0, 1))
    compilations = torch._dynamo.utils.counters["stats"]
    first.advance(observe=False)
    before = compilations["unique_graphs"]
    second.advance(observe=False)
    assert compilations["unique_graphs"] == before > 0
    alone = a_training(cell, 1, programs=Programs("eager"))
    alone.advance(observe=False)
    assert compilations["unique_graphs"] == before + 1
    assert max(differences(second.state, alone.state)) == 0


def test_more_cells_than_torch_compiles_of_one_function_are_all_compiled():
    programs = Programs("eager")
    for width in range(4, 13):
        training = a_training(a_cell(architecture={"name": "mlp", "width": width}), programs=programs)
        training.advance(observe=False)
        assert (training.mode, training.notes) == ("compiled", [])


def test_a_process_keeps_so_many_programs_and_drops_the_one_that_was_used_longest_ago(monkeypatch):
    monkeypatch.setattr("harness.training.compiled.MOST", 2)
    programs = Programs("eager")
    training = a_training(a_cell())
    asked = (training.generator, training.discriminator, protocol_of(training.trial.cell))
    a, b = programs.of("a", *asked), programs.of("b", *asked)
    assert programs.of("a", *asked) is a
    programs.of("c", *asked)
    assert programs.of("a", *asked) is a
    assert programs.of("b", *asked) is not b


def test_what_could_not_be_compiled_is_not_tried_again_by_the_cells_other_trials():
    cell = replace(a_cell(), normalizer=Reads())
    programs = Programs()
    trainings = [a_training(cell, seed, programs=programs) for seed in (0, 1)]
    trainings[0].advance(observe=False)
    again = a_training(cell, 2, programs=programs)
    assert again.mode == "plain"
    assert again.notes == trainings[0].notes
    trainings[1].advance(observe=False)  # it began with a program, and finds out for itself
    assert trainings[1].mode == "plain"


class Declares(Normalizer):
    name: ClassVar[str] = "declares"
    modes: ClassVar[frozenset[str]] = frozenset()


class Reads(Normalizer):
    """Looks at a value, which no compiler can."""

    name: ClassVar[str] = "reads"

    def reparametrize(self, weight, params, state, layer):
        return weight / (1.0 if float(weight.abs().max()) < 1e9 else 2.0), state


class Raises(Normalizer):
    name: ClassVar[str] = "raises"

    def reparametrize(self, weight, params, state, layer):
        raise ValueError("no luck today")


@pytest.mark.parametrize(
    ("normalizer", "words"),
    [
        (Declares(), "normalizer 'declares' declares that it cannot run compiled"),
        (compose([Declares(), CATALOG.create("normalizer", "spectral_norm")]), "declares that it cannot run compiled"),
        (Reads(), "not compiled: "),
    ],
    ids=["declared", "a part declares it", "found out"],
)
def test_what_cannot_be_compiled_runs_plainly_with_one_line(normalizer, words):
    cell = replace(a_cell(), normalizer=normalizer)
    plain, compiled = (a_training(cell, programs=mode) for mode in (None, Programs()))
    for _ in range(3):
        plain.advance(observe=False)
        compiled.advance(observe=False)
    assert max(differences(plain.state, compiled.state)) == 0
    assert compiled.mode == "plain"
    assert len(compiled.notes) == 1
    assert words in compiled.notes[0]
    assert "\n" not in compiled.notes[0]


def test_a_methods_own_error_is_not_blamed_on_the_compiler():
    from harness.errors import MethodError

    training = a_training(replace(a_cell(), normalizer=Raises()), programs=Programs())
    with pytest.raises(MethodError, match="no luck today"):
        training.advance(observe=False)
    assert training.notes == []


def test_the_command_says_once_that_a_method_runs_plainly_and_the_ledger_remembers(tiny, tmp_path, ganbench):
    from harness import read_ledger

    (tmp_path / "plain_norm.py").write_text(
        "from harness.normalizer import Normalizer\n\nclass Plain(Normalizer):\n    name = 'plain'\n"
        "    summary = 'Cannot be compiled.'\n    modes = frozenset()\n"
    )
    text = tiny.read_text().replace("[none, spectral_norm]", "[plain]").replace("baseline: spectral_norm\n", "")
    suite = tmp_path / "plain.yaml"
    suite.write_text(text)
    options = (
        "--results",
        "out",
        "--plugin",
        "plain_norm.py",
        "--tracking-uri",
        "off",
        "--address",
        "inline",
        "--compile",
    )
    done = ganbench("run", suite, *options)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (done.stdout + done.stderr).count("normalizer 'plain' declares that it cannot run compiled") == 1
    for record in read_ledger(tmp_path / "out").records():
        assert record.provenance["step"] == "plain"
        assert len(record.provenance["notes"]) == 1
