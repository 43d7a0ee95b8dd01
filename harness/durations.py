"""Durations for people."""

from __future__ import annotations


def duration(seconds: float) -> str:
    """Return a duration for people: ``45 s``, ``3 min``, ``2.5 h``, ``3.1 days``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    if seconds < 48 * 3600:
        return f"{seconds / 3600:.1f} h"
    return f"{seconds / 86400:.1f} days"
