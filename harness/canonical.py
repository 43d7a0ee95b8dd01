"""The one text of a value, and its hash: what identities and checksums are made of."""

from __future__ import annotations

import hashlib
import json


def canonical_json(value: object) -> str:
    """Return the one JSON text of a value: sorted keys, no blanks, shortest floats, no NaN."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def digest(value: object, digits: int = 20) -> str:
    """Return the first hexadecimal digits of the SHA-256 of a value's canonical JSON."""
    return text_digest(canonical_json(value), digits)


def text_digest(text: str, digits: int = 20) -> str:
    """Return the first hexadecimal digits of the SHA-256 of a text."""
    return hashlib.sha256(text.encode()).hexdigest()[:digits]
