"""Finding what a suite can name: through entry points, in a file, or in a module.

Our own plugins are found by the same entry-point groups as a stranger's. Names are known without importing anything;
a plugin is imported when it is used, and one that cannot be imported is listed with its error and harms nobody else.
"""

from __future__ import annotations

import hashlib
import importlib
import linecache
import re
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from pydantic import ValidationError

from harness.errors import InputError, PluginError, UnknownNameError, describe
from harness.plugin import Plugin

KINDS = {
    "normalizer": "ganbench.normalizers",
    "dataset": "ganbench.datasets",
    "architecture": "ganbench.architectures",
    "loss": "ganbench.losses",
    "optimizer": "ganbench.optimizers",
    "metric": "ganbench.metrics",
    "detector": "ganbench.detectors",
}
"""What a suite can name, with the entry-point group where each kind is found."""


COMBINED = {
    "normalizer": ("harness.composition", "compose"),
    "metric": ("harness.metrics.together", "combine"),
}
"""What several plugins can be given of, with the module and function that make one of them; imported when used."""


_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*")
_NAME_WORDS = "is not made of letters, digits, '_' and '-'; it stands in tables, and a data set's is a folder's"


@dataclass(frozen=True)
class PluginSource:
    """A plugin given on the command line, in a form that can be sent to another machine.

    Attributes:
        origin: What the user wrote: a path or a module's dotted name.
        text: The file's text, or None for a module, which must be importable wherever it is used.
    """

    origin: str
    text: str | None

    @classmethod
    def read(cls, origin: str) -> PluginSource:
        """Read a ``--plugin`` argument: the path of a ``.py`` file, or a module's dotted name.

        Raises:
            PluginError: The file does not exist or cannot be read.
        """
        if not (origin.endswith(".py") or "/" in origin):
            return cls(origin, None)
        try:
            return cls(origin, Path(origin).read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            raise PluginError(f"--plugin {origin}: cannot be read ({error})") from error

    def load(self) -> ModuleType:
        """Import the plugin's module.

        Raises:
            PluginError: It cannot be imported. The message names the file and line that failed.
        """
        try:
            if self.text is None:
                return importlib.import_module(self.origin)
            return _module_from_text(self.origin, self.text)
        except Exception as error:
            raise PluginError(f"--plugin {self.origin}: {_where(error)}") from error


@dataclass(frozen=True)
class Listed:
    """One line of ``ganbench list``: a plugin, or the reason why it cannot be loaded."""

    name: str
    plugin: type[Plugin] | None
    error: str = ""


class Catalog:
    """Everything that suites can name in this process.

    Args:
        sources: Plugins beside the installed ones.

    Raises:
        PluginError: A source cannot be imported, holds no plugin, or takes a name that exists already.
    """

    def __init__(self, sources: Sequence[PluginSource] = ()) -> None:
        self.sources = tuple(sources)
        self._loaders: dict[str, dict[str, Callable[[], Any]]] = {kind: {} for kind in KINDS}
        for kind, group in KINDS.items():
            for entry in entry_points(group=group):
                self._loaders[kind][entry.name] = entry.load
        for source in self.sources:
            self._add_module(source)

    def names(self, kind: str) -> list[str]:
        """Return the names of all plugins of a kind, sorted, loaded or not."""
        return sorted(self._loaders[kind])

    def get(self, kind: str, name: str) -> type[Plugin]:
        """Return the plugin class with that name.

        Raises:
            UnknownNameError: No plugin of that kind has that name.
            PluginError: It exists, but cannot be imported or is no plugin of that kind.
        """
        if name not in self._loaders[kind]:
            raise UnknownNameError(kind, name, self._loaders[kind])
        try:
            plugin = self._loaders[kind][name]()
        except Exception as error:
            raise PluginError(f"{kind} {name!r} cannot be loaded: {_where(error)}") from error
        if not (isinstance(plugin, type) and issubclass(plugin, Plugin) and getattr(plugin, "kind", None) == kind):
            raise PluginError(f"{kind} {name!r} is {plugin!r}, expected a subclass of harness' {kind} base class")
        if not _NAME.fullmatch(name):
            raise PluginError(f"{kind} {name!r}: the name {_NAME_WORDS}")
        if plugin.name != name:
            raise PluginError(f"{kind} {name!r} calls itself {plugin.name!r}; the entry point and `name` must agree")
        return plugin

    def create(self, kind: str, spec: str | Mapping[str, Any] | Sequence[Any]) -> Plugin:
        """Make a plugin from what a suite says: a name, or a mapping of ``name`` and parameters.

        Normalizers and metrics can be combined: ``"a + b"``, or a list of names and mappings.

        Raises:
            InputError: The name is unknown, a parameter is unknown, a value is out of range, or a combination makes no
                sense.
        """
        if kind in COMBINED and (parts := _parts(spec)) is not None:
            module, function = COMBINED[kind]
            combine = getattr(importlib.import_module(module), function)
            combined: Plugin = combine([self.create(kind, part) for part in parts])
            return combined
        if not isinstance(spec, str | Mapping):
            raise InputError(f"expected the name of a {kind}, or a mapping with the key 'name', found {spec!r}")
        arguments = {"name": spec} if isinstance(spec, str) else dict(spec)
        name = arguments.pop("name", None)
        if not isinstance(name, str):
            raise InputError(f"expected the name of a {kind}, or a mapping with the key 'name', found {spec!r}")
        arguments.pop("version", None)  # present in canonical specifications; the installed version was checked before
        plugin = self.get(kind, name)
        try:
            return plugin(**arguments)
        except ValidationError as error:
            raise InputError(
                ": ".join(filter(None, (f"{kind} {name!r}", ".".join(map(str, key)), text)))
                for key, text in describe(error.errors(include_url=False), lambda _: plugin.parameters())
            ) from error

    def listing(self, kind: str) -> list[Listed]:
        """Return every plugin of a kind, the broken ones with their reason."""
        listed = []
        for name in self.names(kind):
            try:
                listed.append(Listed(name, self.get(kind, name)))
            except PluginError as error:
                listed.append(Listed(name, None, str(error)))
        return listed

    def _add_module(self, source: PluginSource) -> None:
        module = source.load()
        found = [
            value
            for value in vars(module).values()
            if isinstance(value, type) and issubclass(value, Plugin) and value.__module__ == module.__name__
        ]
        named = [plugin for plugin in found if plugin.name]
        if not named:
            raise PluginError(f"--plugin {source.origin}: holds no plugin (a subclass of Normalizer with a `name`)")
        for plugin in named:
            kind = getattr(plugin, "kind", None)
            if kind not in KINDS:
                raise PluginError(f"--plugin {source.origin}: {plugin.__name__} is of no known kind")
            if not _NAME.fullmatch(plugin.name):
                raise PluginError(f"--plugin {source.origin}: the name {plugin.name!r} {_NAME_WORDS}")
            if plugin.name in self._loaders[kind]:
                raise PluginError(f"--plugin {source.origin}: a {kind} named {plugin.name!r} exists already")
            self._loaders[kind][plugin.name] = lambda plugin=plugin: plugin  # type: ignore[misc]


def _parts(spec: str | Mapping[str, Any] | Sequence[Any]) -> Sequence[Any] | None:
    """Return the parts of a combination, or None when it is a single one."""
    if isinstance(spec, str):
        return [part.strip() for part in spec.split("+")] if "+" in spec else None
    if isinstance(spec, Mapping):
        return spec.get("parts") if spec.get("name") == "composite" else None
    return spec


def _module_from_text(origin: str, text: str) -> ModuleType:
    # The name carries the content, so that a worker which has seen an older text of the same file loads the new one.
    name = f"ganbench_plugin_{Path(origin).stem}_{hashlib.sha256(text.encode()).hexdigest()[:8]}"
    if name in sys.modules:
        return sys.modules[name]
    module = ModuleType(name)
    module.__file__ = origin
    module.__dict__["__plugin_source__"] = text
    linecache.cache[origin] = (len(text), None, text.splitlines(keepends=True), origin)  # for tracebacks on workers
    sys.modules[name] = module  # pydantic resolves annotations through sys.modules
    try:
        exec(compile(text, origin, "exec"), module.__dict__)  # noqa: S102  a plugin is code that the user runs
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _where(error: BaseException) -> str:
    """Name the error with the innermost file and line, which is where a plugin's author must look."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({frames[-1].filename}:{frames[-1].lineno})" if frames else ""
    if isinstance(error, SyntaxError) and error.filename:
        place = f" ({error.filename}:{error.lineno})"
    return f"{type(error).__name__}: {error}{place}"
