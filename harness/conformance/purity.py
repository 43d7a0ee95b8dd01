"""A normalizer is a pure function: it describes itself, keeps forms, and leaves everything else as it was."""

from __future__ import annotations

import io
import random
import warnings
from contextlib import redirect_stderr, redirect_stdout
from typing import TYPE_CHECKING, Any

from ganbench.harness.conformance.outcome import Failed
from ganbench.harness.conformance.subject import Subject, an_input, cast, same, start
from ganbench.harness.normalizer.composition import parts_of
from ganbench.harness.plugins.plugin import has_range

if TYPE_CHECKING:
    from ganbench.harness.models.network import Network
    from ganbench.harness.models.operations import Tree
    from ganbench.harness.normalizer import Normalizer

ON_DEVICE = "make tensors with device=x.device"


def describes_itself(subject: Subject) -> str:
    """Name, version and summary are there, and every number that a suite can set has a range and a description."""
    told = []
    for part in parts_of(subject.normalizer):
        for key in ("name", "version", "summary"):
            if not getattr(part, key):
                raise Failed(f"the class attribute {key!r} of {type(part).__name__} is empty; fill it in")
        for name, field in part.parameters().items():
            number = isinstance(field.default, int | float) and not isinstance(field.default, bool)
            if number and not has_range(field):
                raise Failed(
                    f"the parameter {name!r} of {type(part).__name__} has no range, so that no wrong value is refused;"
                    f" write {name}: float = Field({field.default}, gt=0, le=10, description='...')"
                )
            if not field.description:
                raise Failed(f"the parameter {name!r} of {type(part).__name__} has no description; Field takes one")
        values = "".join(f", {name} {getattr(part, name)}" for name in type(part).model_fields)
        told.append(f"{part.name} version {part.version}{values}")
    return "; ".join(told)


def keeps_forms(subject: Subject) -> None:
    """Shapes, dtypes, devices and the state's keys stay, in float32 and bfloat16, through every layer type."""
    import torch

    for network in subject.networks:
        for dtype in (torch.float32, torch.bfloat16):
            params, state = (cast(tree, dtype) for tree in start(network))
            weights, after = network.effective(params, state)  # raises where a weight's shape or dtype is wrong
            made = network(weights, an_input(network).to(dtype))
            if made.dtype != dtype:
                raise Failed(f"activations of {dtype} became {made.dtype}; keep the dtype of what comes in", "activate")
            for layer, before in state.items():
                for key, value in before.items():
                    now = after[layer][key]
                    if (now.shape, now.dtype) != (value.shape, value.dtype):
                        raise Failed(
                            f"the state {key!r} of layer {layer!r} went in as {tuple(value.shape)} of {value.dtype} and"
                            f" came back as {tuple(now.shape)} of {now.dtype}; keep both"
                        )
        _keeps_device(network)


def _keeps_device(network: Network) -> None:
    """Run the hooks on torch's device without numbers: whatever a plugin makes elsewhere does not go with it."""
    import torch

    params, state = (_moved(tree, "meta") for tree in start(network))
    try:
        weights, after = network.effective(params, state)
        network(weights, an_input(network).to("meta"))
        projected = network.project(params)
    except Exception as error:
        if "device" in str(error):
            raise
        return  # it asks for a value, which is for other checks to judge
    for what, tree in (("weight or parameter", weights), ("state", after), ("projected parameter", projected)):
        for layer, tensors in tree.items():
            for key, value in tensors.items():
                if value.device != torch.device("meta"):
                    raise Failed(f"a {what} ({key!r} of layer {layer!r}) changed its device; {ON_DEVICE}")


def _moved(tree: Tree, device: str) -> Tree:
    return {name: {key: value.to(device) for key, value in layer.items()} for name, layer in tree.items()}


def changes_no_argument(subject: Subject) -> None:
    """What goes in is the same afterwards."""
    import torch

    for network in subject.networks:
        params, state = start(network)
        kept = [
            {name: {k: v.clone() for k, v in layer.items()} for name, layer in tree.items()} for tree in (params, state)
        ]
        weights, _ = network.effective(params, state)
        _unchanged("reparameterize", kept, params, state)
        x = an_input(network)
        before = x.clone()
        network(weights, x)
        if not torch.equal(x, before):
            raise Failed("its input was changed in place; return a new tensor", "activate")
        _unchanged("activate", kept, params, state)
        network.project(params)
        _unchanged("project", kept, params, state)


def _unchanged(hook: str, kept: list[Any], params: Any, state: Any) -> None:
    for what, before, now in zip(("weight or parameter", "state"), kept, (params, state), strict=True):
        for layer in before:
            if not same({layer: before[layer]}, {layer: now[layer]}):
                raise Failed(f"a {what} of layer {layer!r} was changed in place; return new tensors instead", hook)


def writes_no_attribute(subject: Subject) -> None:
    """The plugin's object and class are the same afterwards."""
    before = _attributes(subject.normalizer)
    run_all(subject)
    after = _attributes(subject.normalizer)
    changed = sorted(key for key in before.keys() | after.keys() if before.get(key) is not after.get(key))
    if changed:
        raise Failed(f"the attribute {changed[0]} was written; keep what changes in the state (see init_state)")


def _attributes(normalizer: Normalizer) -> dict[str, Any]:
    from ganbench.harness.normalizer import Normalizer as Base

    found: dict[str, Any] = {}
    for part in parts_of(normalizer):
        name = type(part).__name__
        found |= {f"self.{key}": value for key, value in vars(part).items()}
        found |= {f"self.{key}": value for key, value in (part.__pydantic_private__ or {}).items()}
        for owner in type(part).__mro__[: type(part).__mro__.index(Base)]:
            found |= {f"{name}.{key}": value for key, value in vars(owner).items()}
    # What Python and pydantic write for themselves.
    return {key: value for key, value in found.items() if not key.split(".")[1].startswith(("__", "_abc"))}


def draws_nothing_global(subject: Subject) -> None:
    """The global generators of torch, numpy and Python stand where they stood."""
    before = _positions()
    run_all(subject)
    moved = [name for name, position in _positions().items() if position != before[name]]
    if moved:
        raise Failed(
            f"global random numbers were drawn, of {moved[0]}; use the generator that init_state is given, and carry what"
            " is drawn in the state"
        )


def _positions() -> dict[str, Any]:
    import numpy as np
    import torch

    return {
        "torch": torch.get_rng_state().numpy().tobytes(),
        "numpy": repr(np.random.get_state()),
        "random": repr(random.getstate()),
    }


def answers_the_same_twice(subject: Subject) -> None:
    """The same arguments give the same bits, three times."""
    import torch

    for network in subject.networks:
        x = an_input(network)
        params, state = start(network)
        first = network.effective(params, state)
        output = network(first[0], x)
        for _ in range(2):
            again = network.effective(params, state)
            if not (same(first[0], again[0]) and same(first[1], again[1])):
                raise Failed(
                    "two calls with the same arguments gave different answers; what is kept from call to call belongs in"
                    " the state (see init_state)"
                )
            if not torch.equal(output, network(again[0], x)):
                raise Failed("two calls with the same arguments gave different activations", "activate")


def prints_nothing(subject: Subject) -> None:
    """Nothing goes to stdout or stderr."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's own are not the plugin's
        run_all(subject)
    for name, text in (("stdout", out.getvalue()), ("stderr", err.getvalue())):
        if text:
            first = text.strip().splitlines()[0][:80] if text.strip() else text
            raise Failed(f"it printed {first!r} to {name}; a sweep calls it millions of times, so take it out")


def run_all(subject: Subject) -> None:
    """Call a normalizer's hooks once on every network."""
    for network in subject.networks:
        params, state = start(network)
        weights, _ = network.effective(params, state)
        network(weights, an_input(network))
        network.project(params)
