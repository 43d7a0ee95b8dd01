"""Nodes of a Ray cluster as operators start them, all on this machine and on loopback."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from tiny import end_session

from ganbench.harness.cluster.environment import exports

RAY = Path(sys.executable).with_name("ray")


class RayNodes:
    """A cluster with a token of its own; close it.

    Attributes:
        address: The head's ``host:port``.
        environment: What a driver needs to speak to it.
    """

    def __init__(self) -> None:
        self.address = f"127.0.0.1:{_free_port()}"
        self._folder = Path(tempfile.mkdtemp(prefix="ray", dir="/tmp"))  # Ray's sockets need a short path
        self.token = self._folder / "token"
        self.token.write_text(secrets.token_hex(16))
        self.token.chmod(0o600)
        self.environment = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(self.token)}
        self._processes: list[subprocess.Popen[bytes]] = []

    def start(
        self, *options: str, environment: Mapping[str, str] | None = None, cwd: Path | None = None
    ) -> subprocess.Popen[bytes]:
        """Start a node; the first is the head. It needs some seconds."""
        where = [f"--address={self.address}"]
        if not self._processes:
            where = ["--head", f"--port={self.address.rpartition(':')[2]}", "--include-dashboard=false"]
            # A head that does not get this port ends, and the usual one may be another head's.
            where += [f"--ray-client-server-port={_free_port()}", "--no-monitor"]
        where.append("--include-log-monitor=false")  # no driver here shows what workers print
        # A folder each: two nodes that start in one at the same time take the same names in it, and one dies.
        where.append(f"--temp-dir={self._folder / str(len(self._processes))}")
        process = subprocess.Popen(
            [RAY, "start", "--block", "--object-store-memory=100000000", *where, *options],
            cwd=cwd,
            env={**os.environ, **exports(), **self.environment, **(environment or {})},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._processes.append(process)
        return process

    def wait(self, count: int, seconds: float = 90) -> None:
        """Wait until so many nodes are there: one driver, because each takes seconds to connect."""
        code = (
            "import sys, time\nfrom ganbench.harness.cluster.connection import check_address, connected\n"
            "check_address(sys.argv[1])\n"
            "with connected(sys.argv[1]) as ray:\n"
            "    while sum(node['Alive'] for node in ray.nodes()) < int(sys.argv[2]): time.sleep(0.2)"
        )
        command = [sys.executable, "-c", code, self.address, str(count)]
        deadline = time.monotonic() + seconds
        while (done := subprocess.run(command, env={**os.environ, **self.environment}, capture_output=True)).returncode:
            assert time.monotonic() < deadline, done.stderr.decode()
            time.sleep(0.2)  # the head's port does not answer yet

    def close(self) -> None:
        """Kill every node and whatever it left behind."""
        for process in self._processes:
            end_session(process.pid)
            process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    def raylet(self, number: int) -> int:
        """Return the process that schedules on a node; the head is 0."""
        mark = str(self._folder / str(number)).encode()
        for folder in Path("/proc").iterdir():
            with contextlib.suppress(OSError, ValueError):
                command = (folder / "cmdline").read_bytes().split(b"\0")
                if command[0].endswith(b"/raylet") and any(mark in part for part in command):
                    return int(folder.name)
        raise LookupError(f"node {number} has no raylet")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
