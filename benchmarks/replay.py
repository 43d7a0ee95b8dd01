"""What could replay a step in the place of TorchScript, which PyTorch has deprecated: how fast each is, and how exact.

    python benchmarks/replay.py [--repeats 7]

Of the quick suite's cells, on one thread, all sides in turns in one process: TorchScript as it is used; the same graph as
Python that calls the kernels one by one; the same calls from a library that PyTorch's AOT compiler makes without fusing
anything; PyTorch's own runtime of exported programs, where it has one; the compiled step; and the plain one.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from performance.cells import endless, material_of
from performance.clocks import in_turns
from torch import Tensor

from ganbench.harness.cells.cell import Trial
from ganbench.harness.steps.compiled import compiled, loaded
from ganbench.harness.steps.form import batch_like, batch_tensors, channels_last, state_like, state_tensors
from ganbench.harness.steps.graph import StepGraph, graph_of
from ganbench.harness.steps.replayed import Run, replayed
from ganbench.harness.training.training import Training

BLOCK = 20
STEPS = 10
"""After which states are compared."""


def torchscript(graph: StepGraph, example: list[Tensor], folder: Path) -> Run:
    return replayed(graph, example)


def python(graph: StepGraph, example: list[Tensor], folder: Path) -> Run:
    return lambda tensors: graph.module(*tensors)


def library(graph: StepGraph, example: list[Tensor], folder: Path) -> Run:
    from torch._inductor import aoti_compile_and_package, aoti_load_package, config

    exported = torch.export.export(graph.module, tuple(example), strict=False)
    with config.patch({"cpp.threads": 1, "fallback_by_default": True}), warnings.catch_warnings():
        path = aoti_compile_and_package(exported, package_path=str(folder / "kernels.pt2"))
    loader = aoti_load_package(path).loader
    return lambda tensors: loader.boxed_run(list(tensors))


def runtime(graph: StepGraph, example: list[Tensor], folder: Path) -> Run:
    from torch._C._nativert import PyModelRunner
    from torch.export.pt2_archive._package import package_pt2

    exported = torch.export.export(graph.module, tuple(example), strict=False)
    path = folder / "exported.pt2"
    package_pt2(str(path), exported_programs={"step": exported})
    runner = PyModelRunner(str(path), "step")
    return lambda tensors: list(runner.run(*tensors))


SIDES: dict[str, Callable[[StepGraph, list[Tensor], Path], Run]] = {
    "TorchScript": torchscript,
    "Python": python,
    "AOT library of kernels": library,
    "exported program's runtime": runtime,
}


def measured(name: str, repeats: int, folder: Path) -> None:
    """Print a line for each side of a cell."""
    cell = endless(name)
    training = Training(Trial(cell, 0, 0), material_of(cell))
    batch = training.draw(1)
    held, drawn = state_tensors(training.state), batch_tensors(batch)
    graph = graph_of(training.step, training.state, batch).unobserved()
    works: dict[str, Callable[[], object]] = {}
    notes: dict[str, str] = {}
    ends: dict[str, list[Tensor]] = {}

    def advance(run: Run, steps: int) -> list[Tensor]:
        now = held
        for _ in range(steps):
            now = list(run([*now, *drawn]))[: len(held)]
        return now

    def plain(tensors: list[Tensor]) -> list[Tensor]:
        return state_tensors(training.step(state_like(training.state, tensors[: len(held)]), batch, False)[0])

    laid = channels_last(held + drawn)
    count = len(held)
    followed = graph_of(training.step, state_like(training.state, laid[:count]), batch_like(batch, laid[count:]))
    makers = {side: partial(make, graph, held + drawn, folder) for side, make in SIDES.items()}
    makers["compiled"] = lambda: loaded(compiled(followed.unobserved(), laid, folder) or {}, laid, folder)
    for side, make in makers.items():
        begun = time.perf_counter()
        try:
            run = make()
            ends[side] = advance(run, STEPS)
        except Exception as error:
            print(f"{name:8} {side:28} cannot: {type(error).__name__}: {str(error).strip().splitlines()[:1]}")
            continue
        notes[side] = f"ready after {time.perf_counter() - begun:5.1f} s"
        works[side] = lambda run=run: advance(run, BLOCK)  # type: ignore[misc]
    works["plain"] = lambda: advance(plain, BLOCK)
    ends["plain"] = advance(plain, STEPS)
    times = in_turns(works, repeats, BLOCK, "cpu")
    for side, values in times.items():
        ratio = statistics.median(a / b for a, b in zip(times["plain"], values, strict=True))
        same = all(torch.equal(a, b) for a, b in zip(ends[side], ends["plain"], strict=True))
        print(
            f"{name:8} {side:28} {statistics.median(values):7.3f} ms {ratio:5.2f}x of plain,"
            f" {'bit for bit' if same else 'to rounding'}  {notes.get(side, '')}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=7)
    options = parser.parse_args()
    torch.set_num_threads(1)
    for name in ("ring8", "digits"):
        with tempfile.TemporaryDirectory() as folder:
            measured(name, options.repeats, Path(folder))
        sys.stdout.flush()


if __name__ == "__main__":
    main()
