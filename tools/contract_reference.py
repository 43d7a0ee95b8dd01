"""Writes docs/contracts.md from the docstrings of what a plugin may be and of what it is given.

python tools/contract_reference.py            # write it; a test compares it with the docstrings
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import griffe

TARGET = Path(__file__).parent.parent / "docs" / "contracts.md"

HEAD = """# Contracts

<!-- Written by tools/contract_reference.py from the docstrings: change those. -->

What each kind of plugin may do and what it is given. How to begin: [write-a-normalizer.md](write-a-normalizer.md) and
[other-plugins.md](other-plugins.md). Every kind is a subclass of `Plugin`, which is what suites name and set parameters of.
"""

MEASURES = (
    "Claim",
    "largest_singular_value",
    "mean_of_both_largest_singular_values",
    "operator_norm",
    "length_of_every_output_unit",
    "largest_absolute_entry",
)

VIEWS = ("Layer", "output_matrix", "input_matrix", "row_norms", "per_output", "per_layer")

SECTIONS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("Every plugin", "ganbench.harness.plugins.plugin", ("Plugin",)),
    ("Normalizer", "ganbench.harness.normalizer", ("Normalizer", "normalizer")),
    ("What a normalizer may claim", "ganbench.harness.normalizer.claims", MEASURES),
    ("Layers, and their weights as matrices", "ganbench.harness.normalizer.layers", VIEWS),
    ("Data set", "ganbench.harness.data.dataset", ("Dataset", "Data")),
    ("Architecture", "ganbench.harness.models.architecture", ("Architecture",)),
    ("Operations of an architecture", "ganbench.harness.models.operations", ("Layers",)),
    ("Loss", "ganbench.harness.losses.losses", ("Loss",)),
    ("Optimizer", "ganbench.harness.optimizers.optimizer", ("Optimizer",)),
    ("Metric", "ganbench.harness.metrics.metric", ("Metric", "Measure", "Generated")),
    ("Detector", "ganbench.harness.stability", ("Detector",)),
    ("What a detector looks at", "ganbench.harness.traces.trace", ("Trace", "LayerTrace", "Probe", "Samples")),
)
"""Title, module, and the names in it that are told, in this order; of a module's other functions nothing is said."""


def main() -> None:
    TARGET.write_text(reference(), encoding="utf-8")
    print(TARGET)


def reference() -> str:
    """Return the document."""
    return "\n".join([HEAD, *(line for section in SECTIONS for line in _section(*section))]).rstrip() + "\n"


def _section(title: str, module: str, names: tuple[str, ...]) -> Iterator[str]:
    yield f"## {title}\n"
    for name in names:
        told = getattr(import_module(module), name)
        yield f"### `{name}{'' if inspect.isclass(told) else _signature(told)}`\n"
        yield f"In `{_file(told)}`.\n"
        yield from _docstring(told)
        if inspect.isclass(told):
            for hook, function in _hooks(told):
                yield f"#### `{hook}{_signature(function)}`\n"
                yield from _docstring(function)


def _hooks(owner: type) -> Iterator[tuple[str, Any]]:
    """Yield a class's own public methods, and its properties' getters, in the order of the file."""
    for name, value in vars(owner).items():
        told = value.__func__ if isinstance(value, classmethod | staticmethod) else value
        if not name.startswith("_") and (inspect.isfunction(told) or isinstance(told, property)):
            yield name, told


class _Named:
    """A default that prints as its name: a function's own text has its address in it."""

    def __init__(self, function: Any) -> None:
        self.function = function

    def __repr__(self) -> str:
        return str(self.function.__name__)


def _signature(function: Any) -> str:
    if isinstance(function, property):
        return ""
    found = inspect.signature(function)
    plain = [
        p.replace(annotation=p.empty, default=_Named(p.default) if inspect.isfunction(p.default) else p.default)
        for p in found.parameters.values()
        if p.name not in ("self", "cls")
    ]
    returned = found.return_annotation
    arrow = "" if returned in (found.empty, "None", None) else f" -> {returned}"
    return f"{inspect.Signature(plain)}{arrow}"


def _file(told: Any) -> str:
    return sys.modules[told.__module__].__name__.replace(".", "/") + ".py"


def _docstring(told: Any) -> Iterator[str]:
    docstring = griffe.Docstring(inspect.getdoc(told) or "", lineno=1)
    for section in griffe.parse_google(docstring, warnings=False, returns_multiple_items=False):
        if section.kind is griffe.DocstringSectionKind.text:
            yield _markdown(section.value) + "\n"
        elif section.kind is griffe.DocstringSectionKind.returns:
            yield from (f"Returns: {_line(item.description)}\n" for item in section.value)
        else:
            for item in section.value:
                name = getattr(item, "name", None) or str(item.annotation)
                yield f"- `{name}`: {_line(item.description)}"
            yield ""


def _line(text: str) -> str:
    return _markdown(" ".join(text.split()))


def _markdown(text: str) -> str:
    """Bring the little reStructuredText that our docstrings have into markdown; a pipe would begin a table."""
    text = re.sub(r":\w+:`~?([^`]+)`", r"`\1`", text)
    return re.sub(r"``([^`]+)``", r"`\1`", text)


if __name__ == "__main__":
    main()
