"""Computing on one thread, so that a sum is the same sum everywhere."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator


@contextlib.contextmanager
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
