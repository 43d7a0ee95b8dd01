"""The sources that this process runs, apart from Python's own and installed libraries: what a kept result may depend on."""

from __future__ import annotations

import hashlib
import os
import sys
import sysconfig
import time
from collections.abc import Collection, Iterator, Mapping
from functools import cache, lru_cache
from pathlib import Path
from types import ModuleType

from ganbench.harness.plugins.plugin import Plugin

OURS = "ganbench"
TEXT = "__plugin_source__"
"""Attribute of modules of plugins that came as a file: what was loaded."""


def parts_of(plugins: Collection[Plugin]) -> list[Plugin]:
    """Return plugins, and of one that is composed of others these."""
    return [part for plugin in plugins for part in getattr(plugin, "parts", (plugin,))]


def own_sources(plugins: Collection[Plugin]) -> dict[str, str]:
    """Return the hash of every loaded module that may be edited, by module: ours, those of plugins, and what they import.

    Modules of installed libraries are left out, but for the packages of the plugins themselves: :func:`installed` is for
    them. Where a module's source may not be what was loaded, nothing is returned: nothing can be said of this process then.
    """
    packages = {OURS, *(type(plugin).__module__.split(".")[0] for plugin in plugins)}
    found = dict(sorted(_hashes(packages)))
    return {} if None in found.values() else {name: text for name, text in found.items() if text is not None}


def are_loaded(sources: Mapping[str, str]) -> bool:
    """Say whether this process has all of these modules, or could load those of ours, with the same sources."""
    return all(_hash_by_name(name) == expected for name, expected in sources.items())


def are_found_by_name(plugins: Collection[Plugin]) -> bool:
    """Say whether plugins are classes of modules that have a source: others may be anything under the same name."""
    return all(
        "<" not in type(plugin).__qualname__ and _hash_of(sys.modules.get(type(plugin).__module__)) is not None
        for plugin in plugins
    )


@cache
def installed() -> str:
    """Return a hash of the names and versions of all that is installed alongside this package's dependencies."""
    folders = {Path(sysconfig.get_path(name)) for name in ("purelib", "platlib")}
    names = sorted(path.name for folder in folders for path in folder.glob("*.dist-info"))
    return hashlib.sha256("\n".join([sys.version, *names]).encode()).hexdigest()


def _hashes(packages: Collection[str]) -> Iterator[tuple[str, str | None]]:
    for name, module in list(sys.modules.items()):
        own = name != "__main__" and not _is_of_a_library(module)
        if _has_source(module) and (own or name.split(".")[0] in packages):
            yield name, _hash_of(module)


def _has_source(module: ModuleType) -> bool:
    return TEXT in vars(module) or str(vars(module).get("__file__")).endswith(".py")


def _is_of_a_library(module: ModuleType) -> bool:
    file = vars(module).get("__file__")
    return file is not None and TEXT not in vars(module) and file.startswith(_libraries())


@cache
def _libraries() -> tuple[str, ...]:
    """The folders of Python's own modules and of installed ones, as texts: thousands of modules are asked for."""
    return tuple(f"{sysconfig.get_path(name)}{os.sep}" for name in ("stdlib", "platstdlib", "purelib", "platlib"))


def _hash_by_name(name: str) -> str | None:
    if name not in sys.modules and name.split(".")[0] == OURS:
        from importlib.util import find_spec

        try:
            spec = find_spec(name)
        except ImportError:  # its package is gone
            return None
        return None if spec is None or spec.origin is None else _hash_of_file(spec.origin)
    return _hash_of(sys.modules.get(name))


def _hash_of(module: ModuleType | None) -> str | None:
    if module is None or not _has_source(module):
        return None
    text = vars(module).get(TEXT)
    return _hash_of_file(vars(module)["__file__"]) if text is None else hashlib.sha256(text.encode()).hexdigest()


def _hash_of_file(file: str) -> str | None:
    """Return the hash of a file that has not changed since this process began, and may have loaded another content."""
    try:
        found = Path(file).stat()
    except OSError:
        return None
    return _hashed(file, found.st_mtime_ns, found.st_size) if found.st_mtime < _started() else None


@cache
def _started() -> float:
    """Return when this process began, in seconds since the epoch; 0 where the system does not say, and nothing is known."""
    try:
        ticks = float(Path("/proc/self/stat").read_text().rsplit(")", 1)[1].split()[19])
        return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME) + ticks / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError, AttributeError):
        return 0.0


@lru_cache(maxsize=4096)
def _hashed(file: str, changed: int, size: int) -> str:
    return hashlib.sha256(Path(file).read_bytes()).hexdigest()
