"""Where the pages beside the leaderboard stand. Names from outside become safe file names here, and nowhere else.

Addresses are relative to the folder of ``leaderboard.html``. They are unique, do not depend on what else is in the ledger,
and differ in more than case.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ganbench.reports.evidence import Group

STYLESHEET = "pages.css"
"""Beside the leaderboard; all pages have it in common."""

CELLS, SETTINGS, NORMALIZERS, SAMPLES = "cells", "settings", "normalizers", "samples"

READABLE = 48
"""Characters of a name that stay in the name of its file."""

_IDENTITY = re.compile(r"[0-9a-f]{1,64}")
_OTHER = re.compile(r"[^a-z0-9]+")


def cell_href(cell_id: str) -> str:
    """Return the address of a cell's page."""
    return f"{CELLS}/{_identity(cell_id)}.html"


def setting_href(group: Group) -> str:
    """Return the address of the page of a group of cells."""
    return f"{SETTINGS}/{_slug(group.title)}.html"


def normalizer_href(label: str) -> str:
    """Return the address of a normalizer's page."""
    return f"{NORMALIZERS}/{_slug(label)}.html"


def samples_href(trial_id: str, kind: str) -> str:
    """Return the address of a picture of a trial's samples.

    Args:
        trial_id: The trial.
        kind: ``"png"`` or ``"svg"``.
    """
    return f"{SAMPLES}/{_identity(trial_id)}.{kind}"


def seed_href(cell_id: str, seed: int) -> str:
    """Return the address of a seed on its cell's page, where it then stands out."""
    return f"{cell_href(cell_id)}#s{seed}"


def _identity(text: str) -> str:
    """Return an identity as it is, and a name of its own for what is none."""
    return text if _IDENTITY.fullmatch(text) else _slug(text)


def _slug(text: str) -> str:
    digits = hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:10]
    readable = _OTHER.sub("-", text.lower())[:READABLE].strip("-")
    return f"{readable}-{digits}" if readable else digits
