"""What a process may use, and what it is set to for as long as a block lasts: environment variables, and one thread."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

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
        InputError: That is no number.
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
