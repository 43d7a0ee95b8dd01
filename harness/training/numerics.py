"""What a process is set to while it trains, because numbers depend on it."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from types import TracebackType
from typing import Any

from ganbench.harness.process import one_thread
from ganbench.harness.steps.execution_mode import ExecutionMode

NO_KERNEL = re.compile(r"(\S+) does not have a deterministic implementation")


class ProcessSettings:
    """A process set to one thread and to the numerics that are asked for, while the context lasts.

    Several trainings in turns need it once, around all of them.

    Attributes:
        execution: How trials are run.
        undetermined: Operations without a deterministic kernel that were met where these were asked for.
    """

    def __init__(self, execution: ExecutionMode) -> None:
        self.execution, self.undetermined, self._stack = execution, dict[str, None](), ExitStack()

    def __enter__(self) -> ProcessSettings:
        self._stack.enter_context(one_thread())
        self._stack.enter_context(numerics(self.execution, self.undetermined.setdefault))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def notes(self) -> list[str]:
        """Return what a reader of results that were made under it should know, one line each."""
        return [f"not deterministic: {name} has no kernel that is" for name in self.undetermined]

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
def numerics(execution: ExecutionMode, tell: Callable[[str], None] = lambda operation: None) -> Iterator[None]:
    """Compute as it is said while the context lasts; PyTorch's settings are what they were before, afterwards.

    A GPU multiplies in full float32 unless it is told otherwise here, convolutions too, which PyTorch by itself rounds to
    TF32. A CPU makes the same numbers every time as it is.

    Args:
        execution: How trials are run.
        tell: Called with the name of an operation that has no deterministic kernel, where these were asked for.
    """
    import torch

    if not torch.cuda.is_available():
        yield
        return
    # Not ``allow_tf32``, which cannot be read any more once anyone in the process has set these.
    products, convolutions = torch.backends.cuda.matmul, torch.backends.cudnn.conv  # type: ignore[attr-defined]
    before = (
        products.fp32_precision,
        convolutions.fp32_precision,
        torch.backends.cudnn.benchmark,
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
    )
    precision = "tf32" if execution.tf32 else "ieee"
    with _overheard(tell) if execution.deterministic else nullcontext():
        # Trying out algorithms picks another one from run to run.
        _set(precision, precision, not execution.deterministic, execution.deterministic, True)
        try:
            yield
        finally:
            _set(*before)


def _set(products: str, convolutions: str, tries: bool, deterministic: bool, warns: bool) -> None:
    import torch

    if deterministic:  # read when a process first multiplies; without it cuBLAS may split a product otherwise each time
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.backends.cuda.matmul.fp32_precision = products
    torch.backends.cudnn.conv.fp32_precision = convolutions  # type: ignore[attr-defined]
    torch.backends.cudnn.benchmark = tries
    torch.use_deterministic_algorithms(deterministic, warn_only=warns)


@contextmanager
def _overheard(tell: Callable[[str], None]) -> Iterator[None]:
    """Hear PyTorch's warnings of operations that have no deterministic kernel; it warns, and goes on with another one."""
    with warnings.catch_warnings():
        warnings.filterwarnings("always", message=NO_KERNEL.pattern)
        show = warnings.showwarning

        def hear(message: Warning | str, *where: Any, **more: Any) -> None:
            said = NO_KERNEL.match(str(message))
            if said:
                tell(said[1])
            else:
                show(message, *where, **more)

        warnings.showwarning = hear
        yield
