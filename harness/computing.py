"""What a process is set to while it trains, because numbers depend on it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import TracebackType

from harness.how import How, numerics
from harness.threads import one_thread


class Computing:
    """A process set to one thread and to the numerics that are asked for, while the context lasts.

    Several trainings in turns need it once, around all of them.

    Attributes:
        how: How trials are run.
    """

    def __init__(self, how: How) -> None:
        self.how, self._stack = how, ExitStack()

    def __enter__(self) -> Computing:
        self._stack.enter_context(one_thread())
        self._stack.enter_context(numerics(self.how))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Let the process be as it was, for loading what trials share: that is the same however trials are run.

        Libraries that were loaded meanwhile are kept to one thread too, from then on; and what was put on a GPU is there
        when the block ends, for whichever stream looks at it.
        """
        import torch

        self._stack.close()
        try:
            yield
        finally:
            if torch.cuda.is_initialized():
                torch.cuda.synchronize()
            self.__enter__()
