"""How rates and claims depend on what a definition asks, and on how long trainings were: from a ledger's traces."""

from ganbench.reports.sensitivity.page import write_sensitivity

__all__ = ["write_sensitivity"]
