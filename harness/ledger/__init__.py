"""The ledger: committed trials, the only source of truth."""

from harness.ledger.ledger import Ledger, read_ledger
from harness.ledger.looks import Looks, read_looks, write_looks
from harness.ledger.record import Record

__all__ = ["Ledger", "Looks", "Record", "read_ledger", "read_looks", "write_looks"]
