"""Which exceptions are a machine's: of a device, of the operating system, of a library that one node lacks."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator

DEVICE = re.compile(
    r"CUDA (driver )?error|CUDA-capable device|CUDA initialization|CUDA kernel errors"
    r"|\bCU(BLAS|DNN|FFT|RAND|SOLVER|SPARSE)_"
    r"|\bcu(BLAS|DNN|FFT|RAND|SOLVER|SPARSE) error|\bHIP error|\bMIOPEN|NCCL|NVML|NVIDIA driver"
    r"|no kernel image|unspecified launch failure|illegal (memory access|instruction)|uncorrectable ECC"
    r"|cannot open shared object file|No space left on device|unable to (write to file|open shared memory|mmap)"
    r"|Too many open files|Stale file handle|Input/output error|Bus error",
    re.IGNORECASE,
)
"""What messages of PyTorch say of a device, its libraries or the system; older versions have no class for them."""

SYSTEM = frozenset(
    getattr(errno, name)
    for name in (
        *(
            "EIO",
            "ENXIO",
            "ENODEV",
            "ENOSPC",
            "EROFS",
            "EMFILE",
            "ENFILE",
            "EDQUOT",
            "ESTALE",
            "EREMOTEIO",
            "ETIMEDOUT",
        ),
        *("EHOSTDOWN", "EHOSTUNREACH", "ENETDOWN", "ENETUNREACH", "ECONNREFUSED", "ECONNRESET", "ENOTCONN", "EBADF"),
        *("EFAULT", "ENOMEM"),
    )
    if hasattr(errno, name)
)
"""Numbers of errors that a machine, a disk or a network makes, whatever a program does."""


def is_of_the_machine(error: BaseException) -> bool:
    """Say whether an exception, or what it came from, is about a device or the operating system."""
    return any(_is_of_the_machine(item) for item in _chain(error))


def is_about_files(error: BaseException) -> bool:
    """Say whether it is about a file, or an address, that another node may have."""
    return any(isinstance(item, OSError) for item in _chain(error))


def _is_of_the_machine(error: BaseException) -> bool:
    if isinstance(error, OSError):
        return error.errno in SYSTEM
    if isinstance(error, ImportError):
        return True
    names = {made.__name__ for made in type(error).__mro__}
    return "AcceleratorError" in names or (isinstance(error, RuntimeError) and bool(DEVICE.search(str(error))))


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    now: BaseException | None = error
    while now is not None and id(now) not in seen:
        seen.add(id(now))
        yield now
        now = now.__cause__ or now.__context__
