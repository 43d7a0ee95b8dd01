"""A step as a graph: the operations that PyTorch's kernels are asked for, without the Python that asks for them."""

from __future__ import annotations

import warnings
from copy import deepcopy
from dataclasses import dataclass

import torch
from torch import Tensor, fx

from ganbench.harness.steps.form import batch_like, batch_tensors, state_like, state_tensors
from ganbench.harness.steps.step import Batch, State, StepFunction


@dataclass(frozen=True)
class StepGraph:
    """The operations of a step, from the tensors of a state and a batch to those of the next state.

    Attributes:
        module: Takes the tensors one by one and returns a list.
        observed: Names of what follows the state's tensors in that list; empty for a step that is not observed.
    """

    module: fx.GraphModule
    observed: tuple[str, ...]

    def unobserved(self) -> StepGraph:
        """Return the same step without what only its observations need."""
        if not self.observed:
            return self
        module = deepcopy(self.module)
        end = module.graph.output_node()
        (tensors,) = end.args
        assert isinstance(tensors, (list, tuple))
        end.args = (list(tensors)[: -len(self.observed)],)
        return StepGraph(_without_waste(module), ())


def graph_of(step: StepFunction, state: State, batch: Batch) -> StepGraph:
    """Follow an observed step once, on tensors that have a form and no values.

    The gradients are part of what is followed, so that the graph asks for the same kernels in the same order as the step
    itself. Nothing can be read from the tensors: a step that looks at a value, which a graph could only repeat blindly,
    raises instead.

    Args:
        step: The step function.
        state: Of the form that it is to be run on.
        batch: Likewise.

    Raises:
        Exception: Whatever PyTorch says of a step that it cannot follow, or a hook of what it was given.
    """
    from torch.fx.experimental.proxy_tensor import make_fx

    held = state_tensors(state)
    names: list[str] = []

    def run(*tensors: Tensor) -> list[Tensor]:
        after, seen = step(
            state_like(state, list(tensors[: len(held)])), batch_like(batch, list(tensors[len(held) :])), True
        )
        names[:] = seen
        return [*state_tensors(after), *seen.values()]

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what PyTorch is about to change in its own tracing
        follow = make_fx(run, tracing_mode="fake", _allow_non_fake_inputs=True)
        module = follow(*held, *batch_tensors(batch))
    return StepGraph(_without_waste(module), tuple(names))


def _without_waste(module: fx.GraphModule) -> fx.GraphModule:
    """Drop what nothing depends on, and detachments: in a graph nobody differentiates they only cost a call."""
    graph = module.graph
    if not any(node.op == "call_function" and _changes_in_place(node) for node in graph.nodes):
        for node in list(graph.find_nodes(op="call_function", target=torch.ops.aten.detach.default)):
            node.replace_all_uses_with(node.args[0])
    graph.eliminate_dead_code()
    module.recompile()
    return module


def _changes_in_place(node: fx.Node) -> bool:
    schema = getattr(node.target, "_schema", None)
    return schema is None or bool(schema.is_mutable)
