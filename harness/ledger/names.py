"""Names of things in a ledger. Whatever becomes part of a path goes through here."""

from __future__ import annotations

import re

from ganbench.harness.errors import LedgerError

PLAN = "suite.json"
DEFINITION = "definition.json"
TRIALS = "trials"
PARTS = "parts"
CHECKPOINTS = "checkpoints"
RUNNING = "running"
DAMAGED = "damaged"
DUPLICATES = "duplicates.jsonl"
ADDED = "detectors"
FORGOTTEN = "forgotten"
FORGOTTEN_LINES = "forgotten.jsonl"
UNFIT = "unfit"
UNFIT_NODES = "nodes.jsonl"

_IDENTITY = re.compile(r"[0-9a-f]{20}")
_UNSAFE = re.compile(r"[^A-Za-z0-9_.-]+|^[.-]+")


def file_name(text: str) -> str:
    """Return a text as part of a file's name: it leads nowhere, and every file system takes it."""
    return _UNSAFE.sub("_", text)


def is_identity(text: str) -> bool:
    """Say whether a text is a trial's identity: twenty hexadecimal digits."""
    return _IDENTITY.fullmatch(text) is not None


def identity(trial_id: str) -> str:
    """Return a trial's identity.

    Raises:
        LedgerError: It is none, and might lead out of the ledger.
    """
    if not is_identity(trial_id):
        raise LedgerError(f"{trial_id!r} is not a trial's identity")
    return trial_id
