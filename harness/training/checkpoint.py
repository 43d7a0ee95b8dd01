"""Checkpoints: what a training needs to go on from where it was, safe against being killed while it is written."""

from __future__ import annotations

import hashlib
import io
import pickle
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ganbench.harness.storage import Storage, open_storage

HEADER = b"ganbench checkpoint 1 "
"""Then the SHA-256 of the rest in hexadecimal digits, and a line's end."""

KEPT = 2
"""The newest, and the one before: a machine can die while the newest is written, or its disk can spoil it."""

EVERY_SECONDS = 300.0

_NAME = re.compile(r"(?:.*/)?[0-9]+\.ckpt")


@dataclass
class Checkpoints:
    """The checkpoints of one trial.

    Attributes:
        place: A folder or storage that is theirs alone.
        identity: Of everything that must be the same for a training to be continued rather than begun anew: the trial,
            the plugins' sources, the versions of packages.
        every: Seconds between two of them.
        clock: Monotonic, in seconds.
        resumed_from: The step of the checkpoint that the training went on from; None where it began anew.
    """

    place: str | Path | Storage
    identity: str
    every: float = EVERY_SECONDS
    clock: Callable[[], float] = time.monotonic
    resumed_from: int | None = None
    _last: float = field(init=False)
    _storage: Storage = field(init=False)

    def __post_init__(self) -> None:
        self._last, self._storage = self.clock(), open_storage(self.place)

    def due(self) -> bool:
        """Say whether it is time for one."""
        return self.clock() - self._last >= self.every

    def save(self, step: int, content: dict[str, Any]) -> None:
        """Write a checkpoint beside its name, flush it to the disk, and give it its name; then drop what is too old.

        Args:
            step: Where the training is.
            content: Tensors, numbers and texts in lists and dictionaries.

        Raises:
            OSError: It cannot be written; the older ones are as they were.
        """
        import torch

        buffer = io.BytesIO()
        torch.save({"identity": self.identity, "step": step, "content": content}, buffer)
        payload = buffer.getvalue()
        head = HEADER + hashlib.sha256(payload).hexdigest().encode() + b"\n"
        self._storage.write(f"{step:09d}.ckpt", head + payload)
        for name in self._names()[KEPT:]:
            self._storage.delete(name)
        self._last = self.clock()

    def newest(self) -> dict[str, Any] | None:
        """Return the content of the newest checkpoint that is whole and of this identity; None where there is none."""
        for name in self._names():
            kept = self._read(name)
            if kept is not None:
                self.resumed_from = kept["step"]
                content: dict[str, Any] = kept["content"]
                return content
        return None

    def remove(self) -> None:
        """Remove them all; their trial is committed."""
        self._storage.clear()

    def _names(self) -> list[str]:
        """Return them, the newest first; none where the storage does not answer."""
        try:
            return sorted(filter(_NAME.fullmatch, self._storage.names("")), reverse=True)
        except OSError:
            return []

    def _read(self, name: str) -> dict[str, Any] | None:
        import torch

        try:
            head, _, payload = self._storage.read(name).partition(b"\n")
        except OSError:
            return None
        if head != HEADER + hashlib.sha256(payload).hexdigest().encode():
            return None
        # Only tensors and plain values: a file that somebody else put there must not be able to run code.
        try:
            kept: dict[str, Any] = torch.load(io.BytesIO(payload), map_location="cpu", weights_only=True)
            return kept if kept["identity"] == self.identity else None
        except (pickle.UnpicklingError, RuntimeError, KeyError, TypeError):
            return None
