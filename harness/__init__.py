"""ganbench: how often does seeded GAN training fail, under which normalizer, and how sure is that?

from harness import load_suite, run, read_ledger
from reports import leaderboard

run("quick", "results/quick")
leaderboard(read_ledger("results/quick")).write("results/quick/leaderboard")
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.how import How as How
    from harness.ledger import read_ledger as read_ledger
    from harness.suite import load_suite as load_suite
    from harness.sweep import run as run

_HOMES = {"How": "harness.how", "load_suite": "harness.suite", "read_ledger": "harness.ledger", "run": "harness.sweep"}

__all__ = ["How", "load_suite", "read_ledger", "run"]


def __getattr__(name: str) -> Any:
    # On first use: `ganbench --help` must not wait for pydantic and numpy.
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'harness' has no attribute {name!r}")
