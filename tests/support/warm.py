"""Processes that begin warm: forks of one that has imported what commands import, which takes seconds, once for all tests.

The first test that asks starts that process (``warm_server.py``), for all workers of the run. It imports and waits; whoever
asks gets a fork of it, with its own session, folder, variables and pipes, as if ``python`` had been started.
"""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from warm_server import NUMBER, ask

FOLDER = "GANBENCH_WARM"
READ_AT_IMPORT = ("MLFLOW_DISABLE", "OMP_", "MKL_", "PYTHONHASHSEED", "PYTHONWARNINGS")
"""Variables that modules read when they are imported: who sets them otherwise than the tests' own process starts cold."""


def _at_import(variables: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in variables.items() if key.startswith(READ_AT_IMPORT)}


BASE = _at_import(os.environ)


@contextmanager
def warm_folder() -> Iterator[None]:
    """Have a place where the workers of a test run find their server; when the block is left, it ends."""
    with tempfile.TemporaryDirectory(prefix="ganbench-warm-") as folder:
        os.environ[FOLDER] = folder
        try:
            yield
        finally:
            del os.environ[FOLDER]


class WarmProcess:
    """What a test uses of ``subprocess.Popen``, with text from both pipes.

    Args:
        arguments: Of ``python``: ``-m module ...`` or ``-c code ...``.
        cwd: Its folder.
        env: All its variables.
    """

    def __init__(self, arguments: Sequence[str], *, cwd: Path, env: Mapping[str, str]) -> None:
        self.args = [sys.executable, *arguments]
        self.returncode: int | None = None
        out, err = os.pipe(), os.pipe()
        self._socket = _connected()
        ask(self._socket, {"arguments": list(arguments), "cwd": str(cwd), "env": dict(env)}, [out[1], err[1]])
        os.close(out[1])
        os.close(err[1])
        self.stdout, self.stderr = os.fdopen(out[0]), os.fdopen(err[0])
        self.pid = self._answer()

    def poll(self) -> int | None:
        """Return how it ended, or None."""
        try:
            return self.wait(0)
        except subprocess.TimeoutExpired:
            return None

    def wait(self, timeout: float | None = None) -> int:
        """Wait until it has ended."""
        if self.returncode is None:
            self._socket.settimeout(timeout)
            try:
                self.returncode = self._answer()
            except (TimeoutError, BlockingIOError):
                raise subprocess.TimeoutExpired(self.args, timeout or 0) from None
            self._socket.close()
        return self.returncode

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """Return all that it printed until it ended."""
        end = None if timeout is None else time.monotonic() + timeout
        said: dict[str, str] = {}

        def read(name: str, stream: IO[str]) -> None:
            said[name] = stream.read()

        readers = [
            threading.Thread(target=read, args=pair, daemon=True)
            for pair in (("out", self.stdout), ("err", self.stderr))
        ]
        for reader in readers:
            reader.start()
        for reader in readers:
            reader.join(None if end is None else max(0.0, end - time.monotonic()))
            if reader.is_alive():
                raise subprocess.TimeoutExpired(self.args, timeout or 0)
        self.wait(None if end is None else max(0.1, end - time.monotonic()))
        return said["out"], said["err"]

    def _answer(self) -> int:
        (number,) = NUMBER.unpack(self._socket.recv(NUMBER.size, socket.MSG_WAITALL))
        return int(number)

    def send_signal(self, number: int) -> None:
        """Send it a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """Kill it."""
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def __enter__(self) -> WarmProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self.wait()
        self.stdout.close()
        self.stderr.close()


def python(
    *arguments: str | Path, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> WarmProcess | subprocess.Popen[str]:
    """Start ``python`` with arguments, in a session of its own, its output piped: warm where that is the same."""
    told, folder = [str(argument) for argument in arguments], cwd or Path.cwd()
    variables = dict(os.environ if env is None else env)
    if not os.environ.get(FOLDER) or _at_import(variables) != BASE:
        return subprocess.Popen(
            [sys.executable, *told],
            cwd=folder,
            env=variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            # A shell that runs the tests in the background lets them, and what they start, ignore Ctrl-C.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
    return WarmProcess(told, cwd=folder, env=variables)


def run_python(
    *arguments: str | Path, cwd: Path | None = None, env: Mapping[str, str] | None = None, timeout: float = 240
) -> subprocess.CompletedProcess[str]:
    """Run ``python`` to its end and return what it printed; see :func:`python`."""
    process = python(*arguments, cwd=cwd, env=env)
    try:
        out, err = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    return subprocess.CompletedProcess(process.args, process.wait(), out, err)


def _connected() -> socket.socket:
    """Return a connection to the server, which is started where there is none."""
    folder = Path(os.environ[FOLDER])
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "socket").exists():
            server = Path(__file__).with_name("warm_server.py")
            with (folder / "log").open("w") as log:
                process = subprocess.Popen(
                    [sys.executable, server, folder],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            while not (folder / "socket").exists():
                if process.poll() is not None:
                    raise RuntimeError(f"the warm process ended: {(folder / 'log').read_text()}")
                time.sleep(0.05)
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(str(folder / "socket"))
    return connection
