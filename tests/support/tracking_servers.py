"""Real tracking servers on this machine, a real PostgreSQL, and a proxy that treats requests as bad networks do."""

from __future__ import annotations

import contextlib
import http.client
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from warm import WarmProcess, python

WRITES = ("experiments/create", "runs/create", "runs/log-batch", "runs/update", "runs/delete", "set-experiment-tag")


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


SERVE = """
import os, sys
log = os.open("server.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
os.dup2(log, 1), os.dup2(log, 2)
store, artifacts, port = sys.argv[1:]
os.environ |= {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
from mlflow.server import constants
os.environ |= {
    constants.BACKEND_STORE_URI_ENV_VAR: store,
    constants.ARTIFACT_ROOT_ENV_VAR: "mlflow-artifacts:/",
    constants.ARTIFACTS_DESTINATION_ENV_VAR: artifacts,
    constants.SERVE_ARTIFACTS_ENV_VAR: "true",
}
import uvicorn
uvicorn.run("mlflow.server.fastapi_app:app", host="127.0.0.1", port=int(port))
"""
"""What `mlflow server` starts, without the process that starts it and in one that has most imports already."""


class MlflowServer:
    """`mlflow server` on the loopback, which can be killed and started again at the same address."""

    def __init__(self, store: str, folder: Path) -> None:
        self.store, self.folder, self.port = store, folder, free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.process: WarmProcess | subprocess.Popen[str] | None = None

    def start(self) -> None:
        self.process = python("-c", SERVE, self.store, self.folder / "artifacts", str(self.port), cwd=self.folder)
        deadline = time.monotonic() + 90
        while not answers(f"{self.url}/health"):
            assert self.process.poll() is None and time.monotonic() < deadline, self.process.communicate()
            time.sleep(0.1)

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def kill(self) -> None:
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.communicate()
            self.process = None


@contextmanager
def mlflow_server(store: str, folder: Path) -> Iterator[MlflowServer]:
    server = MlflowServer(store, folder)
    try:
        server.start()
        yield server
    finally:
        server.kill()


def answers(url: str) -> bool:
    with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=2) as reply:
        return reply.status == 200
    return False


@dataclass
class Network:
    """What happens to requests on their way to a server, and back.

    Attributes:
        upstream: The server's port.
        url: Where the proxy listens.
        delay: Seconds before each request is passed on.
        failing: Chance that a request is answered 500 and never passed on.
        losing: Chance that a request is carried out and its answer lost, with the connection.
        hanging: While set, requests are neither passed on nor answered.
        refusal: A status and a text with which everything is answered.
        after: Called with the path once a request was carried out, before its answer is passed back.
        asked: The paths of all requests.
        headers: The headers of all requests.
    """

    upstream: int
    url: str = ""
    delay: float = 0.0
    failing: float = 0.0
    losing: float = 0.0
    hanging: threading.Event = field(default_factory=threading.Event)
    refusal: tuple[int, str] | None = None
    after: Callable[[str], None] = lambda path: None
    asked: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    chance: random.Random = field(default_factory=lambda: random.Random(0))

    def writes(self) -> list[str]:
        return [write for path in self.asked for write in WRITES if path.endswith(write)]


@contextmanager
def network(server: MlflowServer) -> Iterator[Network]:
    """A proxy before a server."""
    state = Network(server.port)
    over = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def pass_on(self) -> None:
            path = self.path.partition("?")[0]
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            state.asked.append(path)
            state.headers.append(dict(self.headers))
            while state.hanging.is_set() and not over.wait(0.05):
                pass
            time.sleep(state.delay)
            if state.refusal is not None:
                self.answer(state.refusal[0], state.refusal[1].encode())
                return
            if state.chance.random() < state.failing:
                self.answer(500, b"out of order")
                return
            upstream = http.client.HTTPConnection("127.0.0.1", state.upstream, timeout=60)
            try:
                upstream.request(self.command, self.path, body, {"Content-Type": "application/json"})
                reply = upstream.getresponse()
                status, content = reply.status, reply.read()
            except OSError:
                self.close_connection = True
                return
            finally:
                upstream.close()
            state.after(path)
            if state.chance.random() < state.losing:
                self.close_connection = True
                return
            with contextlib.suppress(OSError):
                self.answer(status, content)

        do_GET = do_POST = do_PATCH = do_DELETE = pass_on

        def log_message(self, *args) -> None:
            pass

    proxy = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    proxy.daemon_threads = True
    state.url = f"http://127.0.0.1:{proxy.server_port}"
    threading.Thread(target=proxy.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield state
    finally:
        over.set()
        proxy.shutdown()
        proxy.server_close()


@contextmanager
def postgresql(password: str) -> Iterator[str]:
    """A PostgreSQL of our own with an empty database; yields its URI. The test is skipped where there is none."""
    folders = [*Path("/usr/lib/postgresql").glob("*/bin"), *map(Path, os.environ["PATH"].split(os.pathsep))]
    programs = next((folder for folder in sorted(folders, reverse=True) if (folder / "initdb").is_file()), None)
    if programs is None:
        pytest.skip("PostgreSQL's initdb is not installed (Debian: apt install postgresql)")
    pytest.importorskip("psycopg2", reason="psycopg2 is not installed (pip install 'ganbench[postgresql]')")
    become: list[str] = []
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root
        if not shutil.which("runuser") or subprocess.run(["id", "postgres"], capture_output=True).returncode:
            pytest.skip("this is root, and there is no user postgres to run PostgreSQL as")
        become = ["runuser", "-u", "postgres", "--"]
    folder = Path(tempfile.mkdtemp(prefix="ganbench-pg-"))
    port = free_port()

    def call(*command: str | Path) -> None:
        done = subprocess.run(
            [*become, *map(str, command)], cwd=folder, stdout=log, stderr=log, env=os.environ | {"LC_ALL": "C.UTF-8"}
        )
        assert done.returncode == 0, Path(log.name).read_text()

    with tempfile.NamedTemporaryFile("w", prefix="ganbench-pg-", suffix=".log") as log:
        try:
            (folder / "password").write_text(password)
            if become:
                for path in (folder, folder / "password"):
                    shutil.chown(path, "postgres")
            call(programs / "initdb", "-D", folder / "data", "-U", "mlflow", "-A", "scram-sha-256", "--no-sync",
                 f"--pwfile={folder / 'password'}", "-E", "UTF8")  # fmt: skip
            options = f"-p {port} -h 127.0.0.1 -k {folder} -c fsync=off"
            call(programs / "pg_ctl", "-D", folder / "data", "-w", "-o", options, "start")
            yield f"postgresql+psycopg2://mlflow:{password}@127.0.0.1:{port}/postgres"
        finally:
            with contextlib.suppress(AssertionError):
                call(programs / "pg_ctl", "-D", folder / "data", "-m", "immediate", "-w", "stop")
            shutil.rmtree(folder, ignore_errors=True)
