"""The ledger: committed trials, the only source of truth."""

from ganbench.harness.ledger.added_verdicts import AddedVerdicts, read_added_verdicts, write_added_verdicts
from ganbench.harness.ledger.ledger import Ledger, read_ledger
from ganbench.harness.ledger.record import Record

__all__ = ["AddedVerdicts", "Ledger", "Record", "read_added_verdicts", "read_ledger", "write_added_verdicts"]
