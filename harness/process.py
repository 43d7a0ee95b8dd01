"""What a process may use, and what it is set to for as long as a block lasts: variables, one thread, a limit of time."""

from __future__ import annotations

import faulthandler
import math
import os
import signal
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

from ganbench.harness.errors import InputError

CGROUP = Path("/sys/fs/cgroup")
DISK = "GANBENCH_DISK"


def cores(cgroup: Path = CGROUP) -> int:
    """Return how many cores this process may use: of the machine's those that its affinity and its cgroup leave it.

    Args:
        cgroup: Where the limits of the process's control group are; those of version 2, or else of version 1.
    """
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with suppress(OSError, ValueError):
        if (cgroup / "cpu.max").exists():
            quota, period = (cgroup / "cpu.max").read_text().split()
        else:
            quota, period = ((cgroup / "cpu" / f"cpu.cfs_{name}_us").read_text() for name in ("quota", "period"))
        if quota != "max" and int(quota) > 0:
            count = min(count, math.ceil(int(quota) / int(period)))
    return max(1, count)


def disk() -> float:
    """Return how many bytes may stand on a disk of what can be made anew: GANBENCH_DISK, in GiB.

    Raises:
        InputError: It is not a number.
    """
    said = os.environ.get(DISK) or "inf"
    try:
        if not (gib := float(said)) >= 0:
            raise ValueError
    except ValueError:
        raise InputError(f"{DISK}={said}: expected a number of GiB, such as 50") from None
    return gib * 2**30


@contextmanager
def environment(defaults: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables that are not set, and unset them afterwards."""
    absent = {key: value for key, value in defaults.items() if key not in os.environ}
    os.environ.update(absent)
    try:
        yield
    finally:
        for key in absent:
            os.environ.pop(key, None)


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute on one thread, whatever the process was set to: sums depend on how many threads share them."""
    import torch
    from threadpoolctl import threadpool_limits

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1):  # numpy's products in the metrics
            yield
    finally:
        torch.set_num_threads(before)


GRACE_SECONDS = 30.0
"""What does not return to Python for so long after its limit ends the process, with a dump of where it is."""


class TooLongError(BaseException):
    """Something did not return in time. No plugin's ``except Exception`` takes it for its own."""


@contextmanager
def limited(seconds: float, is_over: threading.Event) -> Iterator[None]:
    """Raise in the block when it takes too long; where no signal can be had, in another than the main thread, never.

    Args:
        seconds: How long it may take.
        is_over: Is set when it has taken longer: what is raised may become something else on its way.

    Raises:
        TooLongError: It took longer.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def over(number: int, frame: FrameType | None) -> None:
        is_over.set()
        raise TooLongError

    before = signal.signal(signal.SIGALRM, over)
    # The real standard error: what a check prints is kept from the terminal, and may be no file.
    faulthandler.dump_traceback_later(seconds + GRACE_SECONDS, exit=True, file=sys.__stderr__ or 2)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        faulthandler.cancel_dump_traceback_later()
        signal.signal(signal.SIGALRM, before)
