"""Numbers of a graph as an input: cells that differ in a learning rate or a momentum alone share what is compiled."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, fx

from ganbench.harness.steps.graph import StepGraph

aten = torch.ops.aten


def with_numbers(graph: StepGraph) -> tuple[StepGraph, list[float]]:
    """Return a graph that takes its numbers as one more tensor, the last, and the numbers.

    Those are the Python floats that operations of :data:`TAKEN` are given. All others stay in the graph.

    Args:
        graph: The step.

    Returns:
        The graph, which takes the numbers as float64, [N]; equal to the given one up to rounding.
    """
    module = deepcopy(graph.module)
    nodes = module.graph
    given = next(iter(reversed(nodes.find_nodes(op="placeholder"))))
    with nodes.inserting_after(given):
        numbers = nodes.placeholder("numbers")
    values: list[float] = []
    for node in list(nodes.nodes):
        index, made = TAKEN.get(node.target, (0, None)) if node.op == "call_function" else (0, None)
        if made is None or not isinstance(value := node.args[index], float) or (made is _power and value <= 0):
            continue
        with nodes.inserting_before(node):
            number = nodes.call_function(aten.select.int, (numbers, 0, len(values)))
            values.append(value)
            put_instead(node, made(nodes.call_function, node.args, number))
    module.recompile()
    return StepGraph(module, graph.observed), values


Call = Callable[..., fx.Node]
"""Appends an operation to a graph."""

Made = Callable[[Call, Any, fx.Node], fx.Node | list[fx.Node]]
"""Appends what is called instead of an operation, from its arguments and the number's node; of a list, one for each."""


def _second(target: Any) -> Made:
    return lambda call, given, number: call(target, (given[0], _as_scalar(call, number, given[0])))


def _each(target: Any) -> Made:
    return lambda call, given, number: [call(target, (one, _as_scalar(call, number, one))) for one in given[0]]


def _lerp(call: Call, given: Any, number: fx.Node) -> list[fx.Node]:
    first, second, _ = given
    # A weight has to be of the tensors' type.
    weight = _cast(call, number, first[0].meta["val"].dtype)
    return [call(aten.lerp.Tensor, (a, b, weight)) for a, b in zip(first, second, strict=True)]


def _power(call: Call, given: Any, number: fx.Node) -> fx.Node:
    # PyTorch's compiler computes a power again wherever it is used, for each row of a parameter; of what it knows to be
    # slow, such as an exponential, it keeps the value.
    base = _as_scalar(call, number, given[1])
    return call(aten.exp.default, (call(aten.mul.Tensor, (call(aten.log.default, (base,)), given[1])),))


def _as_scalar(call: Call, number: fx.Node, with_: fx.Node) -> fx.Node:
    """A number does not change the type of a tensor, but another tensor without axes would, where it has none either."""
    value = with_.meta["val"]
    return number if value.dim() else _cast(call, number, value.dtype)


def _cast(call: Call, number: fx.Node, dtype: torch.dtype) -> fx.Node:
    return call(aten._to_copy.default, (number,), {"dtype": dtype})


TAKEN: Mapping[Any, tuple[int, Made]] = MappingProxyType(
    {
        aten.mul.Tensor: (1, _second(aten.mul.Tensor)),
        aten.mul.Scalar: (1, _second(aten.mul.Tensor)),
        aten.pow.Scalar: (0, _power),
        aten._foreach_lerp.Scalar: (2, _lerp),
        aten._foreach_add.Scalar: (1, _each(aten.add.Tensor)),
        aten._foreach_mul.Scalar: (1, _each(aten.mul.Tensor)),
    }
)
"""Operations whose number becomes an input: which argument it is, and what is called instead."""


def put_instead(node: fx.Node, made: fx.Node | list[fx.Node]) -> None:
    """Put another node in the place of one; of one that makes a list, a node for each item."""
    nodes = node.graph
    pairs = [(node, made)] if isinstance(made, fx.Node) else [(item, made[item.args[1]]) for item in node.users]  # type: ignore[index]
    for old, new in pairs:
        new.meta = dict(old.meta)
        old.replace_all_uses_with(new)
    for old in dict.fromkeys((*(old for old, _ in pairs), node)):
        nodes.erase_node(old)


def as_tensor(values: list[float]) -> Tensor:
    """Return numbers as the tensor that such a graph takes."""
    return torch.tensor(values, dtype=torch.float64)
