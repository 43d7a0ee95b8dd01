"""What a hook of a normalizer is given in a real training: numbers and shapes, and no way to files or other trials."""

from __future__ import annotations

import functools
import io
import logging
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePath
from types import BuiltinFunctionType, CodeType, FrameType, FunctionType, MethodType, ModuleType
from typing import Any

import pytest
from tiny import write_tiny

from ganbench import run
from ganbench.harness.data.store import Store
from ganbench.harness.ledger import Ledger
from ganbench.harness.plugins.registry import Catalog
from ganbench.harness.storage import Storage
from ganbench.harness.training.workshop import Workshop

FORBIDDEN = (
    PurePath,
    Ledger,
    Storage,
    Store,
    Workshop,
    Catalog,
    io.IOBase,
    logging.Logger,
    FrameType,
    ModuleType,
)
"""What leads to files, to other trials or to the harness's own machinery."""

LEAVES = (str, bytes, int, float, complex, bool, type(None), type, CodeType, BuiltinFunctionType)


def reachable(root: Any) -> Iterator[tuple[str, Any]]:
    """Yield everything that can be reached from an object by attributes, items, closures, defaults and bound methods.

    What any code can import (the modules that a function's globals name, and classes) is no gift of the harness.
    """
    seen: set[int] = set()
    waiting = [("it", root)]
    while waiting:
        path, item = waiting.pop()
        if id(item) in seen or isinstance(item, LEAVES):
            if isinstance(item, str | bytes):
                yield path, item
            continue
        seen.add(id(item))
        yield path, item
        if not isinstance(item, FORBIDDEN):
            waiting += [(f"{path}{name}", value) for name, value in parts(item)]


def parts(item: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(item, Mapping):
        yield from ((f"[{key!r}]", value) for key, value in item.items())
        yield from (("[key]", key) for key in item)
    elif isinstance(item, Sequence | set | frozenset):
        yield from ((f"[{place}]", value) for place, value in enumerate(item))
    if isinstance(item, FunctionType):
        yield from ((f".<closure {name}>", cell.cell_contents)
                    for name, cell in zip(item.__code__.co_freevars, item.__closure__ or (), strict=True))  # fmt: skip
        yield ".__defaults__", item.__defaults__
        yield ".__kwdefaults__", item.__kwdefaults__
    if isinstance(item, MethodType):
        yield ".__self__", item.__self__
        yield ".__func__", item.__func__
    if isinstance(item, functools.partial):
        yield from ((".func", item.func), (".args", item.args), (".keywords", item.keywords))
    yield from ((f".{name}", value) for name, value in getattr(item, "__dict__", {}).items())
    for kind in type(item).__mro__:
        slots = vars(kind).get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if hasattr(item, name):
                yield f".{name}", getattr(item, name)


SPY = """
from ganbench.harness.normalizer import Normalizer

class Spy(Normalizer):
    name = "spy"
    networks = frozenset({"generator", "discriminator"})
    summary = "Keeps what it is given."
"""

HOOKS = (
    "refuse", "has_bias", "initialize", "init_params", "init_state", "reparameterize", "extra_features", "init_activation",
    "activate", "settle", "weight_penalty", "noise_shape", "penalty", "project",
)  # fmt: skip
"""Those that an MLP asks for; ``extend`` follows ``extra_features``, and only residual networks join branches."""


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Any]]:
    """What each hook was given, in a sweep of two normalizers in this process."""
    folder: Path = tmp_path_factory.mktemp("seen")
    suite = write_tiny(folder / "tiny.yaml", seeds=1, steps=3)
    text = suite.read_text().replace("[none, spectral_norm]", "[spectral_norm, spy]")
    suite.write_text(text[: text.index("      five:")])
    seen: dict[str, list[Any]] = {}
    hooks = "".join(
        f"\n    def {hook}(self, *given):\n        KEPT.setdefault({hook!r}, []).append(given)\n"
        f"        return super().{hook}(*given)\n"
        for hook in HOOKS
    )
    plugin = folder / "spy.py"
    plugin.write_text(f"{SPY}{hooks}\nKEPT = {{}}\n")
    run(suite, folder / "out", address="inline", plugins=[str(plugin)])
    (module,) = (module for name, module in sys.modules.items() if name.startswith("ganbench_plugin_spy_"))
    seen.update(module.KEPT)
    return seen


@pytest.mark.parametrize("hook", HOOKS)
def test_nothing_that_a_hook_is_given_leads_to_a_file_a_ledger_or_another_trial(given, hook, tmp_path_factory):
    assert given[hook], "it was asked"
    root = str(tmp_path_factory.getbasetemp())
    for arguments in (given[hook][0], given[hook][-1]):
        for path, item in reachable(arguments):
            assert not isinstance(item, FORBIDDEN), f"{hook}: {path} is {item!r}"
            assert not (isinstance(item, str) and root in item), f"{hook}: {path} is {item!r}"


def test_the_walk_finds_what_is_hidden_in_a_closure_a_partial_or_an_attribute(tmp_path):
    class Holder:
        __slots__ = ("inner",)

        def __init__(self, inner: Any) -> None:
            self.inner = inner

    ledger = Ledger(tmp_path)
    for hidden in (
        lambda: ledger,
        functools.partial(print, [ledger]),
        Holder({"a": (ledger,)}),
        Holder(ledger.committed),
        lambda x=ledger: x,
    ):
        assert any(item is ledger for _, item in reachable(hidden))
