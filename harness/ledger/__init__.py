"""The ledger: committed trials, the only source of truth."""

from harness.ledger.ledger import Ledger, read_ledger
from harness.ledger.record import Record

__all__ = ["Ledger", "Record", "read_ledger"]
