"""MLflow as a projection of the ledger: one writer, idempotent, rebuildable. Training never waits for it.

    projection.py   records → what MLflow is to hold of them; pure, without mlflow
    mirror.py       bringing a tracking server to that state
    connection.py   reaching the server, or saying soon and clearly that it cannot be reached

Only ``mirror`` and ``connection`` import mlflow, inside functions.
"""

from harness.tracking.connection import TrackingError
from harness.tracking.mirror import SyncReport, default_uri, sync

__all__ = ["SyncReport", "TrackingError", "default_uri", "sync"]
