"""What ``ganbench check`` runs on a normalizer before it is trusted with a sweep: one subject a module, one table."""

from ganbench.harness.conformance.outcome import Check, conformance
from ganbench.harness.conformance.table import CHECKS, CheckEntry, check_normalizer

__all__ = ["CHECKS", "Check", "CheckEntry", "check_normalizer", "conformance"]
