"""Tracking stores that this process opens itself, without a server: set up whole or not at all, and let go of."""

from __future__ import annotations

import os
import time
import uuid
from contextlib import suppress
from pathlib import Path
from typing import Any

from ganbench.harness.storage.atomic import flush_file, flush_folder

DATABASES = ("sqlite", "postgresql", "mysql", "mssql")

STALE_SECONDS = 3600.0
"""Setting up takes seconds; an unfinished store that is older has lost its process."""

SAMPLED_ROWS = 1000
"""Rows of an index that SQLite looks at to learn how large its tables are."""


def is_database(uri: str) -> bool:
    """Say whether a URI names a database that this process opens itself."""
    return uri.partition(":")[0].partition("+")[0] in DATABASES


def set_up(uri: str) -> None:
    """Make a SQLite store where there is none; afterwards it can be opened. Other databases are only opened.

    MLflow makes its tables in many steps. Of several processes that do so in one file at once most crash, and one that
    is killed on the way leaves a file that no later one can open. So the store is made under a hidden name and linked
    to its own, which makes the whole of it appear or fails because another process was first.

    Raises:
        SQLAlchemyError: It cannot be opened. MLflow itself would try for a minute and a half to find out.
        OSError: It cannot be written.
    """
    if not is_database(uri):
        return
    path = _file(uri)
    if path is None or path.exists():
        _open(uri)
        return
    _clear(path)
    hidden = path.with_name(f".{path.name}.{os.getpid()}.{uuid.uuid4().hex[:8]}")
    try:
        _open(f"sqlite:///{hidden}")
        _migrate(f"sqlite:///{hidden}")
        flush_file(hidden)
        with suppress(FileExistsError):
            os.link(hidden, path)
        flush_folder(path.parent)
    finally:
        hidden.unlink(missing_ok=True)


def release(uri: str) -> None:
    """Close the database and let MLflow forget that it was open.

    MLflow keeps one open database per URI for the life of the process. Somebody who deletes the file to have it rebuilt
    would then see the next sync write into the deleted one.
    """
    if not is_database(uri):
        return
    # Neither is public; where a later MLflow has them no more, such a process has to be started again.
    with suppress(AttributeError, ImportError):
        from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
        from mlflow.tracking._tracking_service.utils import _tracking_store_registry

        engine = SqlAlchemyStore._engine_map.pop(uri, None)
        if engine is not None:
            engine.dispose()
        _tracking_store_registry._get_store_with_resolved_uri.cache_clear()


def absent_file(uri: str) -> Path | None:
    """Return the file of a SQLite store that is not there, or None. To open it would make it."""
    path = _file(uri)
    return path if path is not None and not path.exists() else None


def analyze(uri: str) -> None:
    """Let SQLite learn how large its tables are. Without, runs that are sorted by a metric are found in quadratic time.

    Other databases do so by themselves. Where the file is in use, the next sync does it.
    """
    if _file(uri) is None:
        return
    from sqlalchemy import text
    from sqlalchemy.exc import SQLAlchemyError

    with suppress(SQLAlchemyError), _engine(uri).begin() as connection:
        connection.execute(text(f"PRAGMA analysis_limit = {SAMPLED_ROWS}"))
        connection.execute(text("ANALYZE"))


def _file(uri: str) -> Path | None:
    """Return the file of a SQLite store, or None for what is no plain file."""
    from sqlalchemy import make_url

    if not uri.startswith("sqlite"):
        return None
    name = make_url(uri).database
    return None if not name or name == ":memory:" or name.startswith("file:") else Path(name)


def _engine(uri: str) -> Any:
    from sqlalchemy import create_engine
    from sqlalchemy.pool import NullPool

    return create_engine(uri, poolclass=NullPool)


def _open(uri: str) -> None:
    import sqlalchemy

    sqlalchemy.inspect(_engine(uri)).get_table_names()


def _migrate(uri: str) -> None:
    from mlflow import MlflowClient

    try:
        MlflowClient(tracking_uri=uri).get_experiment_by_name("Default")
    finally:
        release(uri)


def _clear(path: Path) -> None:
    """Remove what a process left that was killed while it set a store up."""
    for left in path.parent.glob(f".{path.name}.*"):
        with suppress(OSError):
            if time.time() - left.stat().st_mtime > STALE_SECONDS:
                left.unlink()
