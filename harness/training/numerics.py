"""What a process is set to while it trains, because numbers depend on it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import TracebackType

from ganbench.harness.process import one_thread
from ganbench.harness.steps.execution_mode import ExecutionMode


class ProcessSettings:
    """A process set to one thread and to the numerics that are asked for, while the context lasts.

    Several trainings in turns need it once, around all of them.

    Attributes:
        how: How trials are run.
    """

    def __init__(self, execution: ExecutionMode) -> None:
        self.execution, self._stack = execution, ExitStack()

    def __enter__(self) -> ProcessSettings:
        self._stack.enter_context(one_thread())
        self._stack.enter_context(numerics(self.execution))
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


@contextmanager
def numerics(execution: ExecutionMode) -> Iterator[None]:
    """Compute as it is said while the context lasts; PyTorch's settings are what they were before, afterwards.

    A GPU multiplies in full float32 unless it is told otherwise here, convolutions too, which PyTorch by itself rounds to
    TF32. A CPU makes the same numbers every time as it is.
    """
    import torch

    if not torch.cuda.is_available():
        yield
        return
    products, convolutions = torch.backends.cuda.matmul, torch.backends.cudnn
    before = (
        products.allow_tf32,
        convolutions.allow_tf32,
        convolutions.benchmark,
        torch.are_deterministic_algorithms_enabled(),
    )
    # Trying out algorithms picks another one from run to run.
    _set(execution.tf32, execution.tf32, not execution.deterministic, execution.deterministic)
    try:
        yield
    finally:
        _set(*before)


def _set(products: bool, convolutions: bool, tries: bool, deterministic: bool) -> None:
    import torch

    if deterministic:  # read when a process first multiplies; without it cuBLAS may split a product otherwise each time
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.backends.cuda.matmul.allow_tf32 = products
    torch.backends.cudnn.allow_tf32 = convolutions
    torch.backends.cudnn.benchmark = tries
    torch.use_deterministic_algorithms(deterministic, warn_only=True)
