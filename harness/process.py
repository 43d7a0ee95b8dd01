"""What a process is set to for as long as a block lasts: environment variables, and one thread."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager


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
