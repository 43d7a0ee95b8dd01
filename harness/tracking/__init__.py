"""MLflow as a projection of the ledger: one writer, idempotent, rebuildable. Training never waits for it.

    projection.py   records → what MLflow is to hold of them; pure, without mlflow
    transcript.py   what of that serves to read a leaderboard back; pure, both ways
    feed.py         a ledger on its way there: once, or for as long as its sweep runs
    mirror.py       bringing the runs of a server to that state
    runs.py         which runs it holds
    reading.py      the way back: what was written to a server
    connection.py   reaching the server, or saying soon and clearly that it cannot be reached
    patience.py     asking again a server that failed, without making anything twice
    database.py     stores without a server: set up whole or not at all
    secrets.py      what must not be read by others

They import mlflow inside functions only.
"""

from ganbench.harness.tracking.connection import AddressError, BusyError, TrackingError, check_uri
from ganbench.harness.tracking.feed import SyncReport, default_uri, sync, watch
from ganbench.harness.tracking.patience import Patience
from ganbench.harness.tracking.reading import ReadBack, read_back

__all__ = ["AddressError", "BusyError", "Patience", "ReadBack", "SyncReport", "TrackingError", "check_uri", "default_uri",
           "read_back", "sync", "watch"]  # fmt: skip
