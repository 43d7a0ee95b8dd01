"""From ledgers to statistics, a leaderboard, and its markdown, HTML, CSV and figures.

Pure functions of the ledger: no torch, no clock, nothing random. A leaderboard that is read back from MLflow asks
``ganbench.harness.tracking`` for what was written there, when it is wanted.
"""

from ganbench.reports.publish import Leaderboard, leaderboard, leaderboard_from_mlflow

__all__ = ["Leaderboard", "leaderboard", "leaderboard_from_mlflow"]
