"""A program whose work a GPU repeats from its own memory: one launch for a whole step, however small its kernels.

The numbers are those of the program itself: the same kernels in the same order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Protocol

import torch
from torch import Tensor

from ganbench.harness.steps.replayed import Run

if TYPE_CHECKING:
    from torch.cuda import _POOL_HANDLE

WARM_UP = 3
"""Runs before a program is captured: libraries choose their algorithms and take their workspace in the first ones."""


class Tape(Protocol):
    """Records work once and does it again on the same memory."""

    def record(self, work: Callable[[], None]) -> None:
        """Remember the work; what it makes is there after a replay."""

    def replay(self) -> None:
        """Do it again."""


class GraphTape:
    """CUDA's own graphs.

    Args:
        pool: Of memory, from ``torch.cuda.graph_pool_handle``: graphs that are never replayed at once can share one. None
            for one of its own.
    """

    def __init__(self, pool: _POOL_HANDLE | None = None) -> None:
        self._graph, self._pool = torch.cuda.CUDAGraph(), pool

    def record(self, work: Callable[[], None]) -> None:
        """Capture the work on the current stream.

        Libraries keep a workspace for each stream. It is dropped before, so that the graph has one in its own memory, and
        afterwards, so that nobody else works there.
        """
        stream = torch.cuda.current_stream()
        torch._C._cuda_clearCublasWorkspaces()
        try:
            # Where a capture fails, its own context does not leave its stream.
            with (
                torch.cuda.stream(stream),
                torch.cuda.graph(self._graph, pool=self._pool, stream=stream, capture_error_mode="thread_local"),
            ):
                work()
        finally:
            torch._C._cuda_clearCublasWorkspaces()

    def replay(self) -> None:
        """Launch it."""
        self._graph.replay()


class CallTape:
    """What stands for a graph where there is no GPU: it calls the work again, on the same memory."""

    def __init__(self) -> None:
        self._work: Callable[[], None] | None = None

    def record(self, work: Callable[[], None]) -> None:
        """Remember the work."""
        self._work = work

    def replay(self) -> None:
        """Call it."""
        assert self._work is not None
        self._work()


class Captured:
    """A program that is captured with tensors of its own: what it is given is copied in, unless it lies there already.

    Args:
        run: The program.
        example: Tensors as it will be given.
        kept: How many of the first ones it returns in the place of those it was given: the state. The next call finds
            them there, and nothing is copied.
        tape: What records it; CUDA's graphs where the example lies on a GPU.
    """

    def __init__(self, run: Run, example: Sequence[Tensor], kept: int, tape: Tape | None = None) -> None:
        on_gpu = example[0].device.type == "cuda"
        self._own = [torch.clone(tensor, memory_format=torch.preserve_format) for tensor in example]
        self._kept = kept
        self._beyond: list[Tensor] = []
        self._tape = tape or (GraphTape() if on_gpu else CallTape())

        def work() -> None:
            # What is passed on as it came would be overwritten by what takes its place.
            places = {tensor.untyped_storage().data_ptr() for tensor in self._own}
            made = [
                tensor.clone() if tensor.untyped_storage().data_ptr() in places else tensor for tensor in run(self._own)
            ]
            torch._foreach_copy_(self._own[:kept], made[:kept])
            if not self._beyond:
                self._beyond = made[kept:]
            else:
                torch._foreach_copy_(self._beyond, made[kept:])

        with _capturable() if on_gpu else nullcontext():
            for _ in range(WARM_UP if on_gpu else 0):
                run(self._own)
            self._tape.record(work)

    def __call__(self, tensors: list[Tensor]) -> list[Tensor]:
        """Run it once.

        Returns:
            Its own tensors, which the next call changes.
        """
        foreign = [(own, given) for own, given in zip(self._own, tensors, strict=True) if own is not given]
        if foreign:
            own, given = zip(*foreign, strict=True)
            torch._foreach_copy_(list(own), list(given), non_blocking=True)
        self._tape.replay()
        return [*self._own[: self._kept], *self._beyond]


@contextmanager
def _capturable() -> Iterator[None]:
    """Be on a stream that can be captured: the current one, if it is a lane's own; CUDA's default stream cannot be.

    A new stream is one of 32 that PyTorch hands out in turn, and another lane's, sooner or later.
    """
    current = torch.cuda.current_stream()
    if current.cuda_stream:
        yield
        return
    stream = torch.cuda.Stream()
    stream.wait_stream(current)
    with torch.cuda.stream(stream):
        yield
    current.wait_stream(stream)
