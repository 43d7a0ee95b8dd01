"""The ledger: committed trials, the only source of truth."""

from ganbench.harness.ledger.added_verdicts import Looks, read_looks, write_looks
from ganbench.harness.ledger.ledger import Ledger, read_ledger
from ganbench.harness.ledger.record import Record

__all__ = ["Ledger", "Looks", "Record", "read_ledger", "read_looks", "write_looks"]
