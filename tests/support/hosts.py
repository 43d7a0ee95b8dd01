"""Several hosts on one machine: network namespaces on one bridge, a Ray node on each, and ways of hurting them."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tiny import end_session

from ganbench.harness.cluster.environment import exports

NETWORK = "10.77.{network}"
PORT = 6399
FAST = {
    # Half a minute of waiting for every kill would be a test of patience.
    "RAY_health_check_initial_delay_ms": "1000",
    "RAY_health_check_period_ms": "1000",
    "RAY_health_check_timeout_ms": "1500",
    "RAY_health_check_failure_threshold": "3",
    "RAY_grpc_client_keepalive_time_ms": "5000",
    "RAY_grpc_client_keepalive_timeout_ms": "3000",
}


def why_not() -> str | None:
    """Say why hosts cannot be made here, or None."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    if shutil.which("ip") is None:
        return "there is no `ip` (Debian's iproute2)"
    probe = f"gb-probe-{os.getpid()}"
    made = subprocess.run(["ip", "netns", "add", probe], capture_output=True, text=True)
    subprocess.run(["ip", "netns", "del", probe], capture_output=True)
    return made.stderr.strip() or None if made.returncode else None


@dataclass
class Host:
    """A host, and the Ray node on it.

    Attributes:
        name: Of the namespace.
        address: Its IP address.
        labels: Of its Ray node, as ``key=value``.
        cpus: Of its Ray node.
        gpus: Likewise; nobody looks whether they are there.
        process: ``ray start --block``, while it runs.
    """

    name: str
    address: str
    labels: str
    cpus: int
    gpus: int = 0
    process: subprocess.Popen[bytes] | None = None

    def pids(self) -> list[int]:
        """Return the processes on the host."""
        found = subprocess.run(["ip", "netns", "pids", self.name], capture_output=True, text=True)
        return [int(line) for line in found.stdout.split()]

    def named(self, start: str) -> list[int]:
        """Return the processes on the host whose command line begins with or contains a text."""
        found = []
        for pid in self.pids():
            with contextlib.suppress(OSError):
                if start in Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").replace("\0", " "):
                    found.append(pid)
        return found


@dataclass
class Hosts:
    """A head on the bridge, and hosts around it.

    Attributes:
        environment: What commands need that speak to the cluster.
        address: Of the cluster.
    """

    network: int
    hosts: list[Host] = field(default_factory=list)
    folder: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="gb", dir="/tmp")))
    environment: dict[str, str] = field(
        default_factory=lambda: {**exports(), **FAST, "RAY_AUTH_TOKEN": secrets.token_hex(16), "OMP_NUM_THREADS": "1"}
    )
    head: subprocess.Popen[bytes] | None = None

    @property
    def bridge(self) -> str:
        return f"gbbr{self.network}"

    @property
    def address(self) -> str:
        return f"{NETWORK.format(network=self.network)}.1:{PORT}"

    def start_head(self) -> None:
        """Start the head, which runs no trials, and wait until it answers."""
        ip = self.address.rpartition(":")[0]
        _ip("link", "add", self.bridge, "type", "bridge")
        _ip("addr", "add", f"{ip}/24", "dev", self.bridge)
        _ip("link", "set", self.bridge, "up")
        self.head = self._ray("start", "--head", "--num-cpus=0", f"--port={PORT}", f"--node-ip-address={ip}", "head")
        self._wait_for(1)

    def add(self, *, cpus: int = 1, gpus: int = 0, labels: str = "") -> Host:
        """Add a host with a Ray node, and wait until the cluster knows it."""
        number = len(self.hosts) + 2
        name = f"gb{self.network}-{number}"
        host = Host(name, f"{NETWORK.format(network=self.network)}.{number}", labels, cpus, gpus)
        _ip("netns", "add", name)
        _ip("link", "add", f"{name}v", "type", "veth", "peer", "name", "eth0", "netns", name)
        _ip("link", "set", f"{name}v", "master", self.bridge, "up")
        _ip("-n", name, "addr", "add", f"{host.address}/24", "dev", "eth0")
        for device in ("eth0", "lo"):
            _ip("-n", name, "link", "set", device, "up")
        self.hosts.append(host)
        self.start(host)
        return host

    def start(self, host: Host) -> None:
        """Start a host's Ray node. It does not wait."""
        options = [f"--address={self.address}", f"--node-ip-address={host.address}", f"--num-cpus={host.cpus}"]
        options += [f"--num-gpus={host.gpus}"] if host.gpus else []
        options += [f"--labels={host.labels}"] if host.labels else []
        host.process = self._ray("start", *options, host.name, within=host.name)

    def kill(self, host: Host) -> None:
        """Kill everything on a host at once, as a machine does that loses power."""
        for pid in host.pids():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if host.process is not None:
            host.process.wait()

    def cut(self, host: Host) -> None:
        """Cut a host off the network; what runs there goes on."""
        _ip("link", "set", f"{host.name}v", "down")

    def mend(self, host: Host) -> None:
        """Connect a host again."""
        _ip("link", "set", f"{host.name}v", "up")

    def fill(self, host: Host, folder: Path) -> None:
        """Let a folder be, on this host alone, on a disk that has no room left."""
        raylet = host.named("raylet/raylet")[0]
        enter = ["nsenter", f"--target={raylet}", "--mount"]
        subprocess.run([*enter, "mount", "-t", "tmpfs", "-o", "size=4k,nr_inodes=2", "full", folder], check=True)

    def empty(self, host: Host, folder: Path) -> None:
        """Take back what :meth:`fill` did."""
        for raylet in host.named("raylet/raylet")[:1]:
            enter = ["nsenter", f"--target={raylet}", "--mount"]
            subprocess.run([*enter, "umount", "--lazy", folder], check=False)

    def alive(self) -> int:
        """Return how many nodes the head believes to be alive."""
        code = (
            "import ray; from ganbench.harness.cluster.connection import connected\n"
            f"with connected('{self.address}') as ray: print('alive', sum(n['Alive'] for n in ray.nodes()))"
        )
        environment = {**os.environ, **self.environment}
        done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
        found = [line for line in done.stdout.splitlines() if line.startswith("alive")]
        return int(found[0].split()[1]) if found else 0

    def stop(self) -> None:
        """Kill everything and remove every namespace."""
        for host in self.hosts:
            self.kill(host)
            _ip("netns", "del", host.name)
        if self.head is not None:
            end_session(self.head.pid)
            self.head.wait()
        _ip("link", "del", self.bridge)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _ray(self, *arguments: str, within: str | None = None) -> subprocess.Popen[bytes]:
        *options, name = arguments
        command = [str(Path(sys.executable).with_name("ray")), *options, "--block", f"--temp-dir={self.folder / name}"]
        command += ["--disable-usage-stats", "--include-dashboard=false"] if "--head" in options else []
        command += [f"--object-store-memory={80 * 2**20}"]
        log = (self.folder / f"{name}.log").open("ab")
        return subprocess.Popen(
            [*(["ip", "netns", "exec", within] if within else []), *command],
            env={**os.environ, **self.environment},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )

    def _wait_for(self, count: int, seconds: float = 90.0) -> None:
        deadline = time.monotonic() + seconds
        while self.alive() < count:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{count} nodes are not there after {seconds:.0f} s")
            time.sleep(0.5)

    def wait(self) -> None:
        """Wait until the head and all hosts are there."""
        self._wait_for(1 + len(self.hosts))


@contextlib.contextmanager
def cluster_of_hosts(network: int, *labels: str, cpus: int = 1, gpus: int = 0) -> Iterator[Hosts]:
    """Yield a cluster with a head and a host for each of some labels.

    Args:
        network: From 0 to 255; two clusters at once need two.
        labels: Of the hosts' Ray nodes, ``"market=spot"`` or ``""``.
        cpus: Of each.
        gpus: Of each; they need not exist.
    """
    hosts = Hosts(network)
    try:
        hosts.start_head()
        for label in labels:
            hosts.add(cpus=cpus, gpus=gpus, labels=label)
        hosts.wait()
        yield hosts
    finally:
        hosts.stop()


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)
