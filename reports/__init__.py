"""From a ledger to statistics, a leaderboard, and its markdown, HTML, CSV and figures.

Pure functions of the ledger: no MLflow, no torch, no clock, nothing random.
"""

from reports.publish import Leaderboard, leaderboard

__all__ = ["Leaderboard", "leaderboard"]
