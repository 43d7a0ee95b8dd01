"""Environment variables that hold for a block."""

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
