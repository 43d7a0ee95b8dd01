"""A compiled step, and who finds it again: compiling one takes ten seconds, so one cell's is for all claims here."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from cells import a_cell, a_training
from warm import run_python

from ganbench import run
from ganbench.harness.ledger import Ledger
from ganbench.harness.plugins import loaded_sources
from ganbench.harness.steps import compiled as compiled_module
from ganbench.harness.steps import program as programs_module
from ganbench.harness.steps.execution_mode import ExecutionMode
from ganbench.harness.steps.form import layout_of, state_like, state_tensors
from ganbench.harness.steps.kept import KeptPrograms
from ganbench.harness.steps.program import Programs
from ganbench.harness.training.training import Training

RULES = {"normalizer": "bssn", "optimizer": "sgd", "architecture": {"name": "mlp", "width": 16, "depth": 1}}


def trained(folder: Path, steps: int = 10, **changes) -> Training:
    """As in a process of its own: its programs are new, the disk is not."""
    training = a_training(a_cell(**RULES | changes), programs=Programs("compiled", kept=KeptPrograms(folder)))
    for now in range(steps):
        training.advance(now % 2 == 0)
    return training


def equal(one: Training, other: Training) -> bool:
    return all(torch.equal(a, b) for a, b in zip(state_tensors(one.state), state_tensors(other.state), strict=True))


def libraries(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in folder.glob("*.pt2")}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """In a data directory."""
    return tmp_path_factory.mktemp("data") / "programs"


@pytest.fixture(scope="module", autouse=True)
def quick_glue() -> Iterator[None]:
    """What calls the kernels is not optimized, which takes a fifth of the time; the kernels are as ever."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(compiled_module.FASTER, "aot_inductor.compile_wrapper_opt_level", "O0")
        yield


@pytest.fixture(scope="module")
def first(folder, quick_glue) -> Training:
    return trained(folder)


def test_compiled_steps_equal_plain_ones_to_rounding(first):
    plain = a_training(a_cell(**RULES))
    for now in range(10):
        plain.advance(now % 2 == 0)
    assert (first.mode, first.notes) == ("compiled", [])
    for a, b in zip(state_tensors(plain.state), state_tensors(first.state), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-4)


def test_where_many_steps_are_logged_all_run_as_if_they_were(folder, first):
    assert len(libraries(folder)) == 1
    assert not first.advance(observe=False)
    assert first.advance(observe=True)


def test_another_process_follows_nothing_and_makes_the_same_numbers(folder, first, monkeypatch):
    monkeypatch.setattr(programs_module, "graph_of", lambda *given: pytest.fail("it was followed"))
    there = libraries(folder)
    again = trained(folder, first.now)
    assert again.mode == "compiled" and equal(again, first)
    assert libraries(folder) == there


PROCESS = """
import sys
import time
sys.path[:0] = {path!r}
from pathlib import Path
from test_compiled import trained
print(trained(Path({folder!r}), 2).mode, *sorted({{"torch._inductor", "torch._dynamo"}} & set(sys.modules)))
"""


def test_another_process_needs_neither_pytorchs_compiler_nor_what_follows_a_step(folder, first):
    code = PROCESS.format(path=[str(Path(__file__).parent), *sys.path], folder=str(folder))
    # Here other modules are loaded than there, on any of which a step could depend: the first one follows it.
    told = [run_python("-c", code) for _ in range(2)]
    assert [done.stdout for done in told] == ["compiled torch._dynamo torch._inductor\n", "compiled\n"], told


def test_a_cell_with_other_learning_rates_finds_the_same_library_and_makes_its_own_numbers(folder, first):
    there = libraries(folder)
    other = trained(folder, first.now, lr_g=0.1, lr_d=0.2)
    assert other.mode == "compiled"
    assert libraries(folder) == there
    assert not equal(other, first)
    plain = a_training(a_cell(**RULES, lr_g=0.1, lr_d=0.2))
    plain.advance(observe=True)
    once = trained(folder, 1, lr_g=0.1, lr_d=0.2)
    for a, b in zip(state_tensors(plain.state), state_tensors(once.state), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("harm", [pytest.param("absent", marks=pytest.mark.long), "cut short"])
def test_a_library_that_is_gone_or_broken_is_compiled_again_or_the_trial_runs_plainly(folder, first, harm, tmp_path):
    for path in folder.glob("*.pt"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    if harm == "cut short":
        for path in folder.glob("*.pt2"):
            (tmp_path / path.name).write_bytes(path.read_bytes()[:1000])
    training = trained(tmp_path, 2)
    assert training.mode == ("compiled" if harm == "absent" else "plain")
    assert all(note.startswith("not compiled: ") for note in training.notes)


def test_a_tensor_that_lies_otherwise_in_memory_is_laid_out_before_machine_code_reads_it(folder, first):
    straight, turned = trained(folder, 0), trained(folder, 0)
    turned.state = state_like(
        turned.state, [part.t().contiguous().t() if part.dim() == 2 else part for part in state_tensors(turned.state)]
    )
    assert layout_of(state_tensors(turned.state)) != layout_of(state_tensors(straight.state))
    for training in (straight, turned):
        training.advance(observe=True)
    assert equal(straight, turned)


SUITE = """
suite: small
version: 1
seed: 7
seeds: 2
baseline: bssn
normalizers: [bssn]
grid:
  - dataset: ring8
    architecture: {{name: mlp, width: 16, depth: 1}}
    metric: mode_coverage
    common: {{optimizer: sgd, batch_size: 16, steps: 20, evaluations: 1, log_points: 20}}
    settings:
      one: {{lr_g: {rate}, lr_d: 2e-3}}
"""


def test_a_sweep_that_was_compiled_has_the_next_one_compiled_without_being_asked(folder, first, tmp_path, monkeypatch):
    monkeypatch.setattr(loaded_sources, "_started", lambda: time.time() + 60)  # whatever was edited meanwhile
    there, path = libraries(folder), tmp_path / "small.yaml"

    def swept(name: str, rate: float, **how) -> list[str]:
        path.write_text(SUITE.format(rate=rate))
        run(path, tmp_path / name, address="inline", data_dir=folder.parent, limit=1, **how)
        (record,) = Ledger(tmp_path / name).records()
        return [record.provenance["step"], record.provenance["how"]["way"]]

    assert swept("before", 1e-3) == ["plain", "replayed"]
    assert swept("asked", 2e-3, execution=ExecutionMode("compiled")) == ["compiled", "compiled"]
    assert swept("next", 3e-3) == ["compiled", "compiled"]
    assert [cell["way"] for cell in Ledger(tmp_path / "next").plan()["cells"]] == ["compiled"]
    assert libraries(folder) == there, "all of them found the library of a cell with other numbers"
