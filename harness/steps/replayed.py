"""A graph replayed: the same kernels in the same order, called from C++ instead of from Python.

A small network's step is mostly the Python between its kernels. Written out as TorchScript, which is only used as an
interpreter here and told to optimise nothing, it takes half the time and makes the same numbers bit for bit. It needs no
compiler and is ready at once.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, fx

from ganbench.harness.steps.graph import StepGraph

Run = Callable[[list[Tensor]], list[Tensor]]
"""A program: from tensors to tensors."""

Content = dict[str, Any]
"""What a program can be made of without its graph: texts, numbers, tensors, and lists of them."""

CONSTANTS = "constants"


def replayed(graph: StepGraph, example: list[Tensor]) -> Run:
    """Return a program that calls the kernels of a graph one after the other.

    Args:
        graph: The step.
        example: Not looked at: kernels take tensors however they lie in memory.

    Raises:
        TypeError: An operation is given something that the script cannot say.
        RuntimeError: The script does not know an operation.
    """
    return scripted(written(graph, example, Path()), example, Path())


def written(graph: StepGraph, example: list[Tensor], folder: Path) -> Content:
    """Return what :func:`scripted` makes a graph's program of.

    Args:
        graph: The step.
        example: Not looked at.
        folder: Not looked at: a script is all there is.

    Raises:
        TypeError: An operation is given something that the script cannot say.
    """
    return {"source": source_of(graph.module), "constants": constants_of(graph.module)}


def scripted(content: Content, example: list[Tensor], folder: Path) -> Run:
    """Return a program from its script.

    Raises:
        RuntimeError: The script does not know an operation.
    """
    constants = list(content["constants"])
    script = torch.jit.CompilationUnit(content["source"])

    def run(tensors: list[Tensor]) -> list[Tensor]:
        # Or it would merge matrix products, which round otherwise.
        with torch.jit.optimized_execution(False):  # type: ignore[attr-defined]
            made: list[Tensor] = script.step(tensors, constants)
        return made

    return run


def source_of(module: fx.GraphModule) -> str:
    """Write a graph out as a function of a list of tensors, a line for each operation.

    Raises:
        TypeError: An operation is given something that has no such form.
    """
    inputs, lines, constants = [], [], 0
    for node in module.graph.nodes:
        if node.op == "placeholder":
            inputs.append(node.name)
        elif node.op == "get_attr":
            lines.append(f"{node.name} = {CONSTANTS}[{constants}]")
            constants += 1
        elif node.op == "output":
            lines.append(f"return {_literal(node.args[0])}")
        elif node.target is operator.getitem:
            lines.append(f"{node.name} = {node.args[0].name}[{node.args[1]}]")
        else:
            lines.append(f"{node.name} = {_call(node)}")
    taken = [f"{name} = tensors[{index}]" for index, name in enumerate(inputs)]
    body = "".join(f"    {line}\n" for line in (*taken, *lines))
    return f"def step(tensors: List[Tensor], {CONSTANTS}: List[Tensor]) -> List[Tensor]:\n{body}"


def constants_of(module: fx.GraphModule) -> list[Tensor]:
    """Return the tensors that a graph holds itself, in the order of :func:`source_of`."""
    return [getattr(module, str(node.target)) for node in module.graph.find_nodes(op="get_attr")]


def _call(node: fx.Node) -> str:
    schema = getattr(node.target, "_schema", None)
    if schema is None:
        raise TypeError(f"{node.target} is no operation of PyTorch's")
    space, name = schema.name.split("::")
    given = [_literal(value) for value in node.args]
    named = [f"{key}={_literal(value)}" for key, value in node.kwargs.items()]
    return f"torch.ops.{space}.{name}({', '.join(given + named)})"


def _literal(value: Any) -> str:
    if isinstance(value, fx.Node):
        return value.name
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_literal, value))}]"
    if isinstance(value, float) and not math.isfinite(value):
        return f"float('{value}')"
    if value is None or isinstance(value, (bool, int, float, str)):
        return repr(value)
    if isinstance(value, torch.device):
        return f"torch.device('{value}')"
    if isinstance(value, (torch.dtype, torch.layout, torch.memory_format)):
        return str(value)
    raise TypeError(f"a {type(value).__name__} cannot be written into a script")
