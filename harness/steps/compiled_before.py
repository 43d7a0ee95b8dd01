"""Which work this machine has compiled: marks on disk, which are read without PyTorch before a sweep begins.

A mark says what is at hand, not what is right: a program is found by what it computes, wherever a mark leads.
"""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from ganbench.harness.canonical import canonical_json
from ganbench.harness.plugins.loaded_sources import are_found_by_name, are_loaded, installed, own_sources, parts_of
from ganbench.harness.plugins.plugin import Plugin
from ganbench.harness.storage.atomic import whole

FORMAT = 1
"""Raised whenever what is compiled, or how it is found, changes."""


def is_compiled(folder: Path, work: str) -> bool:
    """Say whether all programs of a kind of work are in a folder, made from the sources that this process has.

    Args:
        folder: Where programs are kept.
        work: See :func:`ganbench.harness.cells.work.work_of`.
    """
    with suppress(OSError, ValueError, AttributeError):
        return are_loaded(json.loads(_mark(folder, work).read_text(encoding="utf-8")))
    return False


def mark_compiled(folder: Path, work: str, plugins: Collection[Plugin]) -> None:
    """Say that all programs of a kind of work are in a folder; where that cannot be written, nobody knows."""
    path, parts = _mark(folder, work), parts_of(plugins)
    sources = own_sources(parts) if are_found_by_name(parts) else {}
    if not sources or path.exists():
        return
    with suppress(OSError), whole(path) as begun:
        begun.write_text(json.dumps(sources, sort_keys=True), encoding="utf-8")


def processor() -> str:
    """Return the processor's model, for whose instructions code is compiled."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line for line in lines if line.startswith("model name")), platform.processor())


def _mark(folder: Path, work: str) -> Path:
    about = canonical_json([FORMAT, installed(), platform.machine(), processor(), work])
    return folder / f"{hashlib.sha256(about.encode()).hexdigest()[:32]}.json"
