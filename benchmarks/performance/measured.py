"""What a process of its own can be asked to measure: functions that take and return JSON values."""

from __future__ import annotations

from importlib import import_module
from typing import Any

MEASURED = {
    "same": "stepping",
    "first_step": "stepping",
    "steps": "stepping",
    "jax_steps": "peers.in_jax",
    "trials": "trials",
    "loops": "trials",
    "start": "trials",
    "alone": "sharing",
    "one_of_many": "sharing",
    "turns": "sharing",
    "ceiling": "ceiling",
    "work_rate": "ceiling",
}
"""The module of each, which alone is imported: what starts must not wait for what it does not need."""


def measure(what: str, arguments: dict[str, Any]) -> Any:
    """Measure one thing on one thread."""
    import torch

    torch.set_num_threads(1)
    return getattr(import_module(f"performance.{MEASURED[what]}"), what)(**arguments)
