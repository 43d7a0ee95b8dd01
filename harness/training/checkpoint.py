"""Checkpoints: what a training needs to go on from where it was, safe against being killed while it is written."""

from __future__ import annotations

import hashlib
import io
import pickle
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.writing import whole

HEADER = b"ganbench checkpoint 1 "
"""Then the SHA-256 of the rest in hexadecimal digits, and a line's end."""

KEPT = 2
"""The newest, and the one before: a machine can die while the newest is written, or its disk can spoil it."""

EVERY_SECONDS = 300.0


@dataclass
class Checkpoints:
    """The checkpoints of one trial.

    Attributes:
        folder: Theirs alone.
        identity: Of everything that must be the same for a training to be continued rather than begun anew: the trial,
            the plugins' sources, the versions of packages.
        every: Seconds between two of them.
        clock: Monotonic, in seconds.
        resumed_from: The step of the checkpoint that the training went on from; None where it began anew.
    """

    folder: Path
    identity: str
    every: float = EVERY_SECONDS
    clock: Callable[[], float] = time.monotonic
    resumed_from: int | None = None
    _last: float = field(init=False)

    def __post_init__(self) -> None:
        self._last = self.clock()

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
        self.folder.mkdir(parents=True, exist_ok=True)
        with whole(self.folder / f"{step:09d}.ckpt") as hidden:
            hidden.write_bytes(HEADER + hashlib.sha256(payload).hexdigest().encode() + b"\n" + payload)
        for path in self._files()[KEPT:]:
            path.unlink(missing_ok=True)
        self._last = self.clock()

    def newest(self) -> dict[str, Any] | None:
        """Return the content of the newest checkpoint that is whole and of this identity; None where there is none."""
        for path in self._files():
            kept = self._read(path)
            if kept is not None:
                self.resumed_from = kept["step"]
                content: dict[str, Any] = kept["content"]
                return content
        return None

    def remove(self) -> None:
        """Remove them all; their trial is committed."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _files(self) -> list[Path]:
        return sorted(self.folder.glob("[0-9]*.ckpt"), reverse=True)

    def _read(self, path: Path) -> dict[str, Any] | None:
        import torch

        try:
            head, _, payload = path.read_bytes().partition(b"\n")
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
