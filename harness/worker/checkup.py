"""Whether a machine is fit: asked before the first trial of a process, and again before one that failed before."""

from __future__ import annotations

import platform

from ganbench.harness.errors import InputError, LedgerError
from ganbench.harness.ledger import Ledger

EXPECTED = 529_536.0
"""The sum of all elements of the matrix of 0 to 63, [8, 8], times itself."""


def check_up(ledger: Ledger, device: str) -> None:
    """Have the device compute something, and write to the results; every attempt looks at versions, plugins and data.

    Args:
        ledger: To be written to.
        device: ``"cpu"`` or ``"cuda"``.

    Raises:
        InputError: The device computes something else.
        LedgerError: The results cannot be written.
    """
    import torch

    rows = torch.arange(64.0, device=device).view(8, 8)
    found = float((rows @ rows).sum())
    if found != EXPECTED:
        raise InputError(f"{device} of {platform.node()} computes {found:.0f} where {EXPECTED:.0f} is right")
    try:
        ledger.probe()
    except OSError as error:
        raise LedgerError(f"{ledger.where}: cannot be written ({error})") from error
