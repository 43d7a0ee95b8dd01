"""A graph compiled to machine code, kept on disk for all processes and all cells that differ in numbers alone."""

from __future__ import annotations

import hashlib
import logging
import os
import platform
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path

import torch
from torch import Tensor

from ganbench.harness.steps.compiled_before import processor
from ganbench.harness.steps.form import laid_out, layout_of
from ganbench.harness.steps.graph import StepGraph
from ganbench.harness.steps.numbers import as_tensor, put_instead, with_numbers
from ganbench.harness.steps.products import as_products
from ganbench.harness.steps.replayed import Content, Run, constants_of, source_of

FASTER = {"cpp.threads": 1, "cpp.enable_tiling_heuristics": False}
"""Of the compiler's options. Without its heuristics it takes a quarter less time, and so does what it makes."""


def just_in_time(graph: StepGraph, example: list[Tensor]) -> Run:
    """Return a program that PyTorch compiles when it is first called, with caches of its own: for a GPU.

    Args:
        graph: The step.
        example: Not looked at.
    """
    program = torch.compile(graph.module, fullgraph=True, dynamic=False)
    return lambda tensors: list(program(*tensors))


def compiled(graph: StepGraph, example: list[Tensor], folder: Path) -> Content | None:
    """Compile a graph for a CPU, its kernels fused, and return what :func:`loaded` makes its program of.

    It is compiled ahead of time into a library: found again by what it computes, it is there within milliseconds, and it is
    called without Python in between. Its numbers are the step's own up to rounding.

    Args:
        graph: The step.
        example: Tensors as it will be given; others are laid out in memory like these.
        folder: Where libraries are kept.

    Returns:
        None for a GPU.

    Raises:
        Exception: Whatever the compiler says, for instance that there is none.
    """
    if example[0].device.type != "cpu":
        return None
    graph, numbers = with_numbers(_norms_apart(as_products(graph, example)))
    with _quiet():
        path = library(graph, [*example, as_tensor(numbers)], folder)
    return {"library": path.name, "numbers": numbers}


def loaded(content: Content, example: list[Tensor], folder: Path) -> Run:
    """Return a program from its library.

    Args:
        content: What :func:`compiled` returned.
        example: Tensors as it will be given.
        folder: Where libraries are kept.

    Raises:
        RuntimeError: There is none, or it cannot be loaded.
    """
    # Not by torch._inductor, whose import takes seconds.
    loader = torch._C._aoti.AOTIModelPackageLoader(str(folder / content["library"]), "model", False, 1, -1)
    numbers, layout = as_tensor(content["numbers"]), layout_of(example)

    def run(tensors: list[Tensor]) -> list[Tensor]:
        # A library takes the addresses and trusts its example for the rest.
        made: list[Tensor] = loader.boxed_run([*laid_out(tensors, layout), numbers])
        return made

    return run


def library(graph: StepGraph, example: list[Tensor], folder: Path) -> Path:
    """Return the file of a compiled graph, compiling it where it is not there yet.

    Several processes may ask at once: one compiles, the others wait for it.
    """
    from filelock import FileLock

    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{identity(graph, example)}.pt2"
    with FileLock(f"{path}.lock"):
        if not path.exists():
            begun = path.with_suffix(f".{os.getpid()}.pt2")
            _compile(graph, example, begun)
            begun.replace(path)
    return path


def identity(graph: StepGraph, example: list[Tensor]) -> str:
    """Return a hash of everything that machine code depends on: what is computed, on what, by which compiler, for whom."""
    from torch._inductor.cpu_vec_isa import pick_vec_isa

    said = hashlib.sha256(source_of(graph.module).encode())
    for tensor in (*example, *constants_of(graph.module)):
        said.update(f"{tensor.dtype} {tuple(tensor.shape)} {tensor.stride()};".encode())
    for constant in constants_of(graph.module):
        said.update(
            constant.contiguous().view(torch.uint8).numpy().tobytes() if constant.dim() else repr(constant).encode()
        )
    said.update(f"{torch.__version__} {platform.machine()} {processor()} {pick_vec_isa()}".encode())
    return said.hexdigest()[:32]


def _compile(graph: StepGraph, example: list[Tensor], path: Path) -> None:
    from torch._inductor import aoti_compile_and_package
    from torch._inductor import config as compiler

    with compiler.patch(FASTER):
        exported = torch.export.export(graph.module, tuple(example), strict=False)
        aoti_compile_and_package(exported, package_path=str(path))


def _norms_apart(graph: StepGraph) -> StepGraph:
    """Return a graph with the norms of a list's tensors one by one: of them together a library has no kernel of its own."""
    module = deepcopy(graph.module)
    nodes = module.graph
    for node in nodes.find_nodes(op="call_function", target=torch.ops.aten._foreach_norm.Scalar):
        tensors, *order = node.args
        with nodes.inserting_before(node):
            norms = [nodes.call_function(torch.ops.aten.linalg_vector_norm.default, (one, *order)) for one in tensors]
        put_instead(node, norms)
    module.recompile()
    return StepGraph(module, graph.observed)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the compiler from telling what it is about to change, and that there is no GPU, which is no news here."""
    logger = logging.getLogger("torch.utils.cpp_extension")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(before)
