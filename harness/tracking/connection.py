"""Reaching a tracking server: quietly, within seconds, and leaving the process as it was."""

from __future__ import annotations

import fcntl
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from ganbench.harness.errors import GanbenchError, did_you_mean
from ganbench.harness.process import environment
from ganbench.harness.tracking.database import release, set_up
from ganbench.harness.tracking.secrets import public

QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}
REACH = {
    # MLflow would try for four minutes, and for a quarter of an hour where a server accepts but never answers.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "5",
    "PGCONNECT_TIMEOUT": "5",
}
WORK = {
    # A server that has answered once may be slow or hiccup. MLflow would send a request again whose answer was lost,
    # and so make a second run; harness/tracking/patience.py looks first whether the first one was made.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
}

_DRIVER = ": install ganbench[postgresql], and begin the URI with postgresql+psycopg2://"
"""Which driver a URI means that names none depends on SQLAlchemy: psycopg2 up to 2.0, psycopg from 2.1 on."""


class TrackingError(GanbenchError):
    """The tracking server cannot be reached, or refuses what it is sent. The ledger is not affected."""


class AddressError(TrackingError):
    """Something is wrong that waiting does not mend: the URI, a driver that is not installed, a password."""


class BusyError(TrackingError):
    """Another sync of the same ledger is under way."""


SCHEMES = ("http", "https", "sqlite", "postgresql", "mysql", "mssql", "file", "databricks", "databricks-uc", "uc")
"""Of tracking URIs; those of databases may name a driver behind a plus sign. Plugins of MLflow bring others."""


def check_uri(uri: str) -> None:
    """Look whether a tracking URI can be one, without reaching it.

    Raises:
        AddressError: It cannot.
    """
    scheme = uri.partition("://")[0].partition("+")[0]
    if "://" not in uri and not uri.startswith("databricks"):
        raise AddressError(f"{uri!r} is no tracking URI; expected http://HOST:PORT or sqlite:///PATH/TO/FILE.db")
    known = {*SCHEMES, *(entry.name for entry in entry_points(group="mlflow.tracking_store"))}
    if scheme not in known and not uri.startswith("databricks"):
        raise AddressError(f"{public(uri)!r}: no tracking URI begins with {scheme!r}{did_you_mean(scheme, known)}")


@contextmanager
def connected(uri: str) -> Iterator[Any]:
    """Yield an MLflow client that has reached its server.

    Environment variables that bound waiting and silence MLflow are set meanwhile, where the user has not set them.

    Args:
        uri: The tracking URI.

    Raises:
        TrackingError: The server cannot be reached, or a request inside the block failed.
    """
    check_uri(uri)
    with environment(QUIET), _speaking_of(uri):
        from mlflow import MlflowClient

        with _silence("mlflow", "alembic", "sqlalchemy", "urllib3", "git"):
            try:
                with environment(REACH):
                    set_up(uri)
                    client = MlflowClient(tracking_uri=uri)
                    client.get_experiment_by_name("Default")
                with environment(WORK):
                    yield client
            finally:
                release(uri)


@contextmanager
def one_writer(folder: Path) -> Iterator[None]:
    """Keep a second sync of the same ledger out: both would look for a run, miss it, and create it.

    Args:
        folder: The ledger's folder. It is locked itself, so that no file appears in it.

    Raises:
        BusyError: Another sync is under way.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BusyError(f"{folder}: another sync of this ledger is under way; repeat it when it is done") from error
        except OSError:
            pass  # a file system without locks; syncing there twice at once leaves second runs until the next sync
        yield
    finally:
        os.close(descriptor)


@contextmanager
def _speaking_of(uri: str) -> Iterator[None]:
    """Turn whatever MLflow and what is below it raise into one sentence."""
    try:
        from mlflow.exceptions import MlflowException
        from sqlalchemy.exc import ArgumentError, SQLAlchemyError
    except ImportError as error:
        raise AddressError(f"MLflow cannot be imported ({error})") from error
    try:
        yield
    except (MlflowException, SQLAlchemyError, OSError, ImportError) as error:
        if isinstance(error, ImportError):
            raise AddressError(
                f"MLflow cannot be used here ({_reason(error)}): a package that it needs is missing or damaged; the ledger"
                " is not affected, and `ganbench sync` works once MLflow does"
            ) from error
        lasting = isinstance(error, ArgumentError) or _refuses_us(error)
        raise (AddressError if lasting else TrackingError)(
            f"{public(uri)}: the tracking server cannot be reached or refused a request ({_reason(error)});"
            " the ledger is not affected, and `ganbench sync` brings the rest later"
        ) from error
    except Exception as error:
        if not _is_mlflows(error):
            raise
        raise TrackingError(
            f"{public(uri)}: answers, but not as a tracking server does ({_reason(error)}); the ledger is not affected, and"
            " `ganbench sync` brings the rest once a tracking server is there"
        ) from error


def _is_mlflows(error: BaseException) -> bool:
    """Say whether an exception was raised in MLflow, or in what it reads answers with."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    name = "" if trace is None else str(trace.tb_frame.f_globals.get("__name__", ""))
    return name.startswith(("mlflow.", "google.protobuf."))


def _refuses_us(error: BaseException) -> bool:
    return getattr(error, "error_code", "") in ("UNAUTHENTICATED", "PERMISSION_DENIED")


def _reason(error: BaseException) -> str:
    """Return what is at the root of an error, on one line."""
    root = error
    # A failed look-up in a table says less than the sentence that MLflow made of it.
    while (below := root.__cause__ or root.__context__) is not None and not isinstance(below, LookupError):
        root = below
    lines = [" ".join(line.split()) for line in str(root).splitlines() if line.strip()]
    reason = public(lines[0] if lines else type(root).__name__)[:300].rstrip(".")
    return f"{reason}{_DRIVER}" if isinstance(root, ImportError) and "psycopg" in reason else reason


@contextmanager
def _silence(*names: str) -> Iterator[None]:
    loggers = [logging.getLogger(name) for name in names]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)
