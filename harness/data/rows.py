"""Rows of a data set's files, decoded by several threads and handed out in their order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ganbench.harness.process import cores

if TYPE_CHECKING:
    from PIL.Image import Image

THREADS = 8
"""The most that decode at once; Pillow releases the interpreter while it works."""


@dataclass(frozen=True)
class Row:
    """One image in a data set's files.

    Attributes:
        place: File and row, for messages: ``"/data/x/train.parquet, row 17"``.
        read: Decodes it: a Pillow image, or a uint8 array [C, H, W]. Called at most once, from any thread.
    """

    place: str
    read: Callable[[], Image | np.ndarray]


def decoded(rows: Iterable[Row], decode: Callable[[Row], np.ndarray]) -> Iterator[np.ndarray]:
    """Decode rows in several threads, and hand out the images in the order of the rows.

    Only as many rows are read ahead as keep the threads busy, so memory is bounded. What ``decode`` raises is raised
    here, that of the first row first.
    """
    threads = min(THREADS, cores())
    waiting: deque[Future[np.ndarray]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        try:
            for row in rows:
                waiting.append(pool.submit(decode, row))
                if len(waiting) >= 8 * threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for left in waiting:
                left.cancel()
