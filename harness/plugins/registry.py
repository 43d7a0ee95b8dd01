"""Finding what a suite can name: through entry points, in a file, or in a module.

Our own plugins are found by the same entry-point groups as a stranger's. Names are known without importing anything;
a plugin is imported when it is used, and one that cannot be imported is listed with its error and harms nobody else.
"""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ganbench.harness.errors import InputError, PluginError, UnknownNameError, describe
from ganbench.harness.plugins.blame import owner, told
from ganbench.harness.plugins.plugin import Plugin
from ganbench.harness.plugins.source import PluginSource

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
    "normalizer": ("ganbench.harness.normalizer.composition", "compose"),
    "metric": ("ganbench.harness.metrics.composite", "combine"),
}
"""What several plugins can be given of, with the module and function that make one of them; imported when used."""


_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*")
_NAME_WORDS = "is not made of letters, digits, '_' and '-'; it stands in tables, and a data set's is a folder's"


@dataclass(frozen=True)
class Listed:
    """One line of ``ganbench list``: a plugin, or the reason why it cannot be loaded."""

    name: str
    plugin: type[Plugin] | None
    error: str = ""


@dataclass(frozen=True)
class Offer:
    """Somebody's plugin under a name.

    Attributes:
        told: Says where it comes from, for people; asked where something is wrong only, because reading what a package says
            of itself takes longer than finding all entry points.
        owner: The top-level module that it stands in.
        load: Imports it.
    """

    told: Callable[[], str]
    owner: str
    load: Callable[[], Any]


class Catalog:
    """Everything that suites can name in this process.

    A name that two offer belongs to neither: who asks for it is told of both.

    Args:
        sources: Plugins beside the installed ones.
        tolerant: Whether to go on without the sources that cannot be used; who asks for a name that nobody has is then told
            of them.

    Attributes:
        sources: Those that could be used.
        broken: The others, with the reason.

    Raises:
        PluginError: A source cannot be imported, holds no plugin, or takes a name that exists already; not if tolerant.
    """

    def __init__(self, sources: Sequence[PluginSource] = (), *, tolerant: bool = False) -> None:
        self.broken: dict[str, str] = {}
        self._offers: dict[str, dict[str, list[Offer]]] = {kind: {} for kind in KINDS}
        for kind, entries in _installed().items():
            for entry in entries:
                self._offer(kind, entry.name, Offer(partial(_whose, entry), owner(entry.module), entry.load))
        usable = []
        for source in dict.fromkeys(sources):
            try:
                self._add(source, tolerant=tolerant)
                usable.append(source)
            except PluginError as error:
                if not tolerant:
                    raise
                self.broken[source.origin] = str(error)
        self.sources = tuple(usable)

    def names(self, kind: str) -> list[str]:
        """Return the names of all plugins of a kind, sorted, loaded or not."""
        return sorted(self._offers[kind])

    def troubles(self) -> list[str]:
        """Return a line for every source that cannot be used, and for every name that two offer."""
        twice = (_twice(kind, name, offers) for kind, named in self._offers.items() for name, offers in named.items())
        return [*self.broken.values(), *filter(None, twice)]

    def get(self, kind: str, name: str) -> type[Plugin]:
        """Return the plugin class with that name.

        Raises:
            UnknownNameError: No plugin of that kind has that name.
            PluginError: It exists, but cannot be imported, is no plugin of that kind, or is offered twice; or nobody has
                it, and it may be in a source that cannot be used.
        """
        offers = self._offers[kind].get(name, [])
        if not offers:
            unknown = UnknownNameError(kind, name, self._offers[kind])
            raise PluginError(f"{unknown} Or is it in {'; '.join(self.broken.values())}") if self.broken else unknown
        if twice := _twice(kind, name, offers):
            raise PluginError(twice)
        (offer,) = offers
        try:
            plugin = offer.load()
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # a module may also end the process, by SystemExit
            reason = told(error, {offer.owner})
            raise PluginError(f"{kind} {name!r} of {offer.told()} cannot be loaded: {reason}") from error
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
        """Return every plugin of a kind, the broken ones with their reason, and the sources that cannot be used."""
        listed = []
        for name in self.names(kind):
            try:
                listed.append(Listed(name, self.get(kind, name)))
            except PluginError as error:
                listed.append(Listed(name, None, str(error)))
        return listed + [Listed(origin, None, reason) for origin, reason in self.broken.items()]

    def _add(self, source: PluginSource, *, tolerant: bool) -> None:
        module = source.load()
        found = [
            value
            for value in vars(module).values()
            if isinstance(value, type) and issubclass(value, Plugin) and value.name and _is_of(value, module.__name__)
        ]
        if not found:
            raise PluginError(f"--plugin {source.origin}: holds no plugin (a subclass of Normalizer with a `name`)")
        for plugin in found:
            kind = getattr(plugin, "kind", None)
            if kind not in KINDS:
                raise PluginError(f"--plugin {source.origin}: {plugin.__name__} is of no known kind")
            if not _NAME.fullmatch(plugin.name):
                raise PluginError(f"--plugin {source.origin}: the name {plugin.name!r} {_NAME_WORDS}")
            if plugin.name in self._offers[kind] and not tolerant:
                raise PluginError(f"--plugin {source.origin}: a {kind} named {plugin.name!r} exists already")
        for plugin in found:
            offer = Offer(lambda: f"--plugin {source.origin}", owner(module.__name__), _known(plugin))
            self._offer(plugin.kind, plugin.name, offer)  # type: ignore[attr-defined]

    def _offer(self, kind: str, name: str, offer: Offer) -> None:
        self._offers[kind].setdefault(name, []).append(offer)


def offering() -> list[str]:
    """Return the installed packages that offer plugins here: a trial's machine must have the same ones."""
    found = {entry.dist.name for entries in _installed().values() for entry in entries if entry.dist is not None}
    return sorted(found - {"ganbench"})


def _installed() -> Mapping[str, Sequence[EntryPoint]]:
    """Return the installed plugins of every kind; looked for again once anything was installed or removed."""
    return _found(tuple((place, _changed(place)) for place in sys.path))


@lru_cache(maxsize=1)
def _found(places: tuple[tuple[str, int | None], ...]) -> Mapping[str, Sequence[EntryPoint]]:
    installed = entry_points()  # one look at every installed package, for all kinds
    return {kind: tuple(installed.select(group=group)) for kind, group in KINDS.items()}


def _changed(place: str) -> int | None:
    try:
        return Path(place).stat().st_mtime_ns
    except OSError:
        return None


def _known(plugin: type[Plugin]) -> Callable[[], type[Plugin]]:
    return lambda: plugin


def _is_of(plugin: type[Plugin], module: str) -> bool:
    """Say whether a plugin is written in a module, or in a package's own modules, and not imported from elsewhere."""
    return f"{plugin.__module__}.".startswith(f"{module}.")


def _whose(entry: EntryPoint) -> str:
    package = "a package" if entry.dist is None else f"package {entry.dist.name} {entry.dist.version}"
    return f"{package} ({entry.value})"


def _twice(kind: str, name: str, offers: Sequence[Offer]) -> str:
    """Say that a name is offered twice; nothing where it is not."""
    if len(offers) < 2:
        return ""
    return f"{kind} {name!r} is offered by {' and by '.join(offer.told() for offer in offers)}; one needs another name"


def _parts(spec: str | Mapping[str, Any] | Sequence[Any]) -> Sequence[Any] | None:
    """Return the parts of a combination, or None when it is a single one."""
    if isinstance(spec, str):
        return [part.strip() for part in spec.split("+")] if "+" in spec else None
    if isinstance(spec, Mapping):
        return spec.get("parts") if spec.get("name") == "composite" else None
    return spec
