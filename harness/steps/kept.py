"""Programs on disk: following a step takes half a second, importing what follows it two more, and compiling it ten.

A program is kept under what it was made for: the cell and its phase, the kind of step, the form of its tensors, and the
versions of all that is installed. With it are kept the hashes of all sources that the process had loaded, those of plugins
too: where one of them is another, the program is not used. A program that was kept is compared with the plain step as a new
one is, and where it differs, the step is followed again.
"""

from __future__ import annotations

import hashlib
import io
import pickle
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from ganbench.harness.canonical import canonical_json
from ganbench.harness.plugins.loaded_sources import are_found_by_name, are_loaded, installed, own_sources, parts_of
from ganbench.harness.plugins.plugin import Plugin
from ganbench.harness.steps.replayed import Content
from ganbench.harness.storage.atomic import whole

FORMAT = 2
"""Raised whenever what is kept, or how it is read, changes."""


@dataclass(frozen=True)
class KeptPrograms:
    """The programs that are kept in a folder.

    Attributes:
        folder: It need not exist.
    """

    folder: Path

    def find(self, name: str) -> Content | None:
        """Return a program, or None where there is none, or where it was made from other sources."""
        try:
            kept: Content = torch.load(self._path(name), weights_only=True)
            return kept["content"] if are_loaded(kept["sources"]) else None
        except (OSError, RuntimeError, KeyError, TypeError, ValueError, EOFError, pickle.UnpicklingError):
            return None

    def keep(self, name: str, content: Content, plugins: Collection[Plugin]) -> None:
        """Keep a program; where nothing can be written, or sources are not known, it is made again by others."""
        sources = own_sources(plugins)
        if not sources:
            return
        buffer = io.BytesIO()
        torch.save({"content": content, "sources": sources}, buffer)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with whole(self._path(name)) as path:
                path.write_bytes(buffer.getvalue())
        except OSError:
            return

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}.pt"


class Shelf:
    """The kept programs of one cell in one phase.

    Attributes:
        trusted: Whether what is kept is used; one that was wrong is written again, and nothing is read until then.

    Args:
        kept: Where.
        key: Of the cell and the phase.
        plugins: All that the networks and the rules are made of. Where one is a class that no name leads to, nothing is
            kept.
    """

    def __init__(self, kept: KeptPrograms, key: str, plugins: Collection[Plugin]) -> None:
        self._plugins = parts_of(plugins)
        self._kept = kept if are_found_by_name(self._plugins) else None
        self._key = "" if self._kept is None else canonical_json([key, *(plugin.source() for plugin in self._plugins)])
        self.trusted, self._gave = True, False

    def get(self, kind: Sequence[object], tensors: Sequence[Tensor]) -> Content | None:
        """Return what is kept of the program for a kind of step and a form of tensors; see :meth:`KeptPrograms.find`."""
        found = self._kept.find(name_of(self._key, kind, tensors)) if self._kept is not None and self.trusted else None
        self._gave = self._gave or found is not None
        return found

    def distrust(self) -> bool:
        """Read nothing more from here; returns whether anything was read that may have been wrong."""
        self.trusted, gave = False, self._gave
        self._gave = False
        return gave

    def put(self, kind: Sequence[object], tensors: Sequence[Tensor], content: Content) -> None:
        """Keep one; see :meth:`KeptPrograms.keep`."""
        if self._kept is not None:
            self._kept.keep(name_of(self._key, kind, tensors), content, self._plugins)


def name_of(key: str, kind: Sequence[object], tensors: Sequence[Tensor]) -> str:
    """Return what a program is kept under.

    Args:
        key: Of the cell and the phase.
        kind: The way in which it runs, and which kind of step it is.
        tensors: As it will be given.
    """
    forms = [[str(tensor.dtype), list(tensor.shape), list(tensor.stride()), str(tensor.device)] for tensor in tensors]
    about = [FORMAT, torch.__version__, installed(), key, [str(item) for item in kind], forms]
    return hashlib.sha256(canonical_json(about).encode()).hexdigest()[:32]
