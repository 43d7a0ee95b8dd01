"""Hooks that never return."""

from __future__ import annotations

from pathlib import Path

ENDLESS = {
    "sleeps": "time.sleep(1e6)",
    "takes every exception for its own": """
    while True:
        try:
            time.sleep(1e6)
        except Exception:
            pass""",
    "stays in C and keeps Python's lock": 're.match(r"(a+)+$", "a" * 60 + "b")',
}

NEVER_BACK = """
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})
    time.sleep(1e6)"""
"""A blocked signal is one that C code never lets Python see."""

PLUGIN = '''
import re, signal, time
from ganbench import normalizer

@normalizer
def endless(weight):
    """Does not return."""
    {body}
    return weight
'''


def write_endless(path: Path, body: str) -> Path:
    """Write a plugin ``endless`` with such a body, and return its path."""
    path.write_text(PLUGIN.replace("{body}", body.strip("\n").removeprefix("    ")))
    return path
