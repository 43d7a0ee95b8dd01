"""A sweep on a cluster of hosts, its tracking server, and a seeded plan of what is killed under it, and when.

What is killed is killed by SIGKILL, and what an operator or a machine would start again is started again.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from hosts import Host, Hosts
from tracking_servers import MlflowServer

SUITE = """
suite: chaos
version: 1
seed: 11
seeds: {seeds}
baseline: spectral_norm
normalizers: [none, spectral_norm, bssn, weight_norm, batch_norm, gradient_penalty, layer_norm, orthogonal]
grid:
  - dataset: {{name: ring8, size: 1000}}
    architecture: {{name: mlp, width: 16}}
    metric: {{name: mode_coverage, samples: 200}}
    common: {{steps: {steps}, evaluations: 4, log_points: 20}}
    settings:
      calm: {{lr_g: 1e-3, lr_d: 1e-3}}
"""


@dataclass
class Blow:
    """Something bad that was done.

    Attributes:
        kind: What.
        at: Seconds after the sweep's start.
        committed: Trials that were committed by then.
        lost: Attempts that the driver then told to be lost, until the next blow.
        stalled: Seconds until the next commit.
    """

    kind: str
    at: float
    committed: int
    lost: int = 0
    stalled: float | None = None


@dataclass
class Chaos:
    """A sweep under blows.

    Args:
        hosts: The cluster.
        suite: The suite's file.
        results: The ledger's folder, which all hosts see.
        server: The tracking server, which runs.
        seed: Of who is hit, and when.
    """

    hosts: Hosts
    suite: Path
    results: Path
    server: MlflowServer
    seed: int = 0
    blows: list[Blow] = field(default_factory=list)
    told: list[tuple[float, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self._driver: subprocess.Popen[str] | None = None
        self._watcher: subprocess.Popen[str] | None = None
        self._began = time.monotonic()
        self._after: list[tuple[float, Callable[[], None]]] = []

    # --- the sweep ------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the driver, and a process that keeps the tracking server up to date."""
        self._began = time.monotonic()
        self._start_driver()
        self._start_watcher()

    def _start_driver(self) -> None:
        options = ["--results", self.results, "--address", self.hosts.address, "--tracking-uri", "off"]
        self._driver = self._command("run", self.suite, *options, "--checkpoint-every", "0.5")
        threading.Thread(target=self._listen, args=[self._driver], daemon=True).start()

    def _start_watcher(self) -> None:
        options = ["--tracking-uri", self.server.url, "--watch"]
        self._watcher = self._command("sync", self.results, *options, quiet=True)

    def _command(self, *arguments: object, quiet: bool = False) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "ganbench.harness.cli", *map(str, arguments)],
            env={**os.environ, **self.hosts.environment, "COLUMNS": "250"},
            stdout=subprocess.DEVNULL if quiet else subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def _listen(self, driver: subprocess.Popen[str]) -> None:
        assert driver.stdout is not None
        for line in driver.stdout:
            self.told.append((self.now, line.rstrip()))

    @property
    def now(self) -> float:
        return time.monotonic() - self._began

    def committed(self) -> int:
        return sum(1 for _ in self.results.glob("trials/??/[!.]*.json"))

    @property
    def running(self) -> bool:
        return self._driver is not None and self._driver.poll() is None

    @property
    def _driver_ended_badly(self) -> bool:
        return self._driver is not None and self._driver.poll() not in (None, 0, 3)

    # --- blows ----------------------------------------------------------------------------------------------------

    def strike(self, kind: str) -> None:
        """Do something bad, and see how long it takes until the next trial is committed."""
        blow = Blow(kind, self.now, self.committed())
        getattr(self, f"_{kind.replace(' ', '_')}")()
        self.blows.append(blow)

    def live_through(self, seconds: float) -> None:
        """Let time go by: what is due is started again, and commits are seen."""
        end = self.now + seconds
        while self.now < end:
            for due, act in [item for item in self._after if item[0] <= self.now]:
                self._after.remove((due, act))
                act()
            self._look()
            if self._driver_ended_badly:
                self._start_driver()
            time.sleep(0.05)

    def live_through_commits(self, count: int, seconds: float = 90.0, *, must: bool = True) -> None:
        """Let time go by until some more trials are committed, or until a while has passed.

        Raises:
            TimeoutError: They must be, and are not.
        """
        wanted, deadline = self.committed() + count, self.now + seconds
        while self.committed() < wanted and (self.running or self._driver_ended_badly):
            if self.now > deadline:
                if must:
                    raise TimeoutError("\n".join(line for _, line in self.told[-30:]))
                return
            self.live_through(0.1)

    def finish(self, seconds: float) -> None:
        """Live until the sweep is complete, the same command being given again where it ended early.

        Raises:
            TimeoutError: It does not come to its end.
        """
        deadline = self.now + seconds
        while self._after or self.running or (self._driver is not None and self._driver.returncode != 0):
            if self.now > deadline:
                raise TimeoutError("\n".join(line for _, line in self.told[-30:]))
            if not self.running:
                self._start_driver()
            self.live_through(0.5)

    def end(self) -> None:
        """End what is still running."""
        for process in (self._driver, self._watcher):
            if process is not None and process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def _look(self) -> None:
        waiting = [blow for blow in self.blows if blow.stalled is None]
        if waiting:
            committed = self.committed()
            for blow in waiting:
                if committed > blow.committed:
                    blow.stalled = self.now - blow.at
        for begun, after in zip(self.blows, [*self.blows[1:], None], strict=False):
            until = self.now if after is None else after.at
            begun.lost = sum("queued again" in line for at, line in self.told if begun.at <= at < until)

    def _later(self, seconds: float, act: Callable[[], None]) -> None:
        self._after.append((self.now + seconds, act))

    def _host(self) -> Host:
        return self._random.choice(self.hosts.hosts)

    def _worker_killed(self) -> None:
        working = [pid for host in self.hosts.hosts for pid in host.named("ray::_execute")]
        for pid in self._random.sample(working, min(1, len(working))):
            _kill(pid)

    def _raylet_killed(self) -> None:
        host = self._host()
        for pid in host.named("raylet/raylet"):
            _kill(pid)
        self._later(4.0, lambda: self._restart(host))

    def _host_killed(self) -> None:
        host = self._host()
        self.hosts.kill(host)
        self._later(4.0, lambda: self._restart(host))

    def _restart(self, host: Host) -> None:
        self.hosts.mend(host)
        self.hosts.kill(host)
        self.hosts.start(host)

    def _driver_killed(self) -> None:
        if self._driver is not None:
            _kill(self._driver.pid)  # the same command is given again as soon as somebody looks
            self._driver.wait()

    def _tracking_server_killed(self) -> None:
        self.server.kill()
        self._later(3.0, lambda: threading.Thread(target=self._start_server).start())

    def _start_server(self) -> None:
        with contextlib.suppress(AttributeError):  # killed again before it was there
            if not self.server.running:
                self.server.start()

    def _sync_killed(self) -> None:
        if self._watcher is not None:
            _kill(self._watcher.pid)
            self._watcher.wait()
        self._start_watcher()

    def _network_cut(self) -> None:
        host = self._host()
        self.hosts.cut(host)
        self._later(25.0, lambda: self.hosts.mend(host))
        # Ray ends a raylet that comes back after it was given up; its machine would start it again.
        self._later(30.0, lambda: self._restart(host))

    def _disk_full(self) -> None:
        host = self._host()
        self.hosts.fill(host, self.results)
        self._later(15.0, lambda: self.hosts.empty(host, self.results))


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def runs_by_trial(url: str, experiment: str) -> Counter[str]:
    """Return how many runs MLflow has of each trial."""
    from ganbench.harness.tracking.connection import connected

    with connected(url) as client:
        identity = client.get_experiment_by_name(experiment).experiment_id
        found: list[str] = []
        token = None
        while True:
            page = client.search_runs([identity], max_results=1000, page_token=token)
            found += [run.data.tags["ganbench.trial"] for run in page if run.data.tags["ganbench.kind"] == "trial"]
            token = page.token
            if not token:
                return Counter(found)
