"""What a node says of itself.

These functions travel to the nodes as they are here, so that a node answers whose ganbench is absent or another one.
Therefore everything beyond the standard library is imported where it is used.
"""

from __future__ import annotations

import hashlib
import os
import platform
import resource
import shutil
import socket
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

CODE = ("harness", "baselines", "reports", "suites")
"""The packages whose source decides what a trial becomes."""


@dataclass(frozen=True)
class Question:
    """What is asked of every node.

    Attributes:
        packages: Those whose versions matter.
        settings: Names of environment variables that matter.
        results: The results folder, absolute or a URI; None when nothing is asked of it.
        nonce: What the driver has written there.
        needed: What must be there: kind and specification of every data set, and of every metric for what it measures with.
        plugins: Further plugins: origin, files and what is wrong, as ``ganbench.harness.plugins.source`` has them.
        data_dir: Where data sets stand; None for the place that the node says.
    """

    packages: tuple[str, ...]
    settings: tuple[str, ...]
    results: str | None = None
    nonce: str = ""
    needed: tuple[tuple[str, dict[str, Any]], ...] = ()
    plugins: tuple[tuple[str, tuple[tuple[str, str], ...], str], ...] = ()
    data_dir: str | None = None

    @property
    def letter(self) -> str:
        """Name of the file that the driver has written into the results folder."""
        return f".doctor-{self.nonce}"


def gather(question: Question) -> dict[str, dict[str, Any]]:
    """Return the facts that could be found out, and why the others could not."""
    facts: dict[str, Any] = {}
    failed: dict[str, str] = {}
    for name, fact in FACTS.items():
        try:
            facts[name] = fact(question)
        except Exception as error:
            failed[name] = f"{type(error).__name__}: {error}"
    return {"facts": facts, "failed": failed}


def now() -> float:
    """Return the node's time, in seconds since 1970."""
    return time.time()


def _versions(question: Question) -> dict[str, str | None]:
    found: dict[str, str | None] = {"python": platform.python_version()}
    for package in question.packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = None
    return found


def _code(question: Question) -> str:
    """Return a digest of ganbench's own source: two copies may differ and carry the same version."""
    import ganbench

    root = Path(ganbench.__file__).parent
    digest = hashlib.sha256()
    for path in sorted(path for package in CODE for path in (root / package).rglob("*.py")):
        digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:12]


def _devices(question: Question) -> dict[str, Any]:
    import torch

    seen = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    return {"cores": os.cpu_count(), "seen": seen, "listed": _nvidia()}


def _nvidia() -> list[str]:
    """Return name, memory and driver of every GPU that its driver lists."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return []
    command = [tool, "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=20)  # noqa: S603
    return [line.strip() for line in done.stdout.splitlines() if line.strip()] if done.returncode == 0 else []


def _disk(question: Question) -> dict[str, tuple[int, int]]:
    """Return free and total bytes of the places that a trial and Ray write to."""
    places = ["/tmp", "/dev/shm"]  # noqa: S108
    if question.results is not None and "://" not in question.results:
        places.insert(0, question.results)
    found = {place: shutil.disk_usage(place) for place in places if Path(place).is_dir()}
    return {place: (usage.free, usage.total) for place, usage in found.items()}


def _results(question: Question) -> str | None:
    """Return what is wrong with the results folder; None when it is the driver's and can be written."""
    if question.results is None:
        return None
    from ganbench.harness.storage import open_storage

    place = question.results
    storage = open_storage(place)
    try:
        said = storage.read(question.letter)
    except FileNotFoundError:
        absent = "://" not in place and not Path(place).is_dir()
        found = "is not there" if absent else "is another folder than the driver's"
        return f"{found}; mount the shared file system"
    if said != question.nonce.encode():
        return "is another folder than the driver's"
    ours = f"{question.letter}-{socket.gethostname()}-{os.getpid()}"
    storage.write(ours, b"")
    storage.delete(ours)
    return None


def _data(question: Question) -> dict[str, str | None]:
    """Return for every data set and metric what is missing; None when it is here."""
    if not question.needed:
        return {}
    from ganbench.harness.data.store import Store
    from ganbench.harness.errors import GanbenchError
    from ganbench.harness.plugins.registry import Catalog
    from ganbench.harness.plugins.source import PluginSource

    usable = [PluginSource(*plugin) for plugin in question.plugins if _unusable(plugin) is None]
    catalog, store = Catalog(usable), Store.find(question.data_dir)
    found: dict[str, str | None] = {}
    for kind, spec in question.needed:
        try:
            plugin: Any = catalog.create(kind, spec)
            found[f"{kind} {plugin.label()}"] = plugin.missing(store)
        except GanbenchError as error:
            found[f"{kind} {spec['name']}"] = str(error)
    return found


def _plugins(question: Question) -> dict[str, str | None]:
    """Return for every plugin why it cannot be used; None when it can."""
    return {plugin[0]: _unusable(plugin) for plugin in question.plugins}


def _unusable(plugin: tuple[str, tuple[tuple[str, str], ...], str]) -> str | None:
    from ganbench.harness.errors import GanbenchError
    from ganbench.harness.plugins.registry import Catalog
    from ganbench.harness.plugins.source import PluginSource

    try:
        Catalog([PluginSource(*plugin)])
    except GanbenchError as error:
        return str(error).removeprefix(f"--plugin {plugin[0]}: ")
    return None


def _settings(question: Question) -> dict[str, str | None]:
    return {name: os.environ.get(name) for name in question.settings}


def _token(question: Question) -> dict[str, Any]:
    """Say how Ray asks for a token here, and who can read it; never what it is."""
    path = Path(os.environ.get("RAY_AUTH_TOKEN_PATH") or Path.home() / ".ray" / "auth_token")
    return {
        "mode": os.environ.get("RAY_AUTH_MODE", ""),
        "path": str(path),
        "permissions": path.stat().st_mode & 0o777 if path.is_file() else None,
    }


def _open_files(question: Question) -> int:
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


FACTS: dict[str, Callable[[Question], Any]] = {
    "versions": _versions,
    "code": _code,
    "devices": _devices,
    "disk": _disk,
    "results": _results,
    "data": _data,
    "plugins": _plugins,
    "settings": _settings,
    "token": _token,
    "open files": _open_files,
}
"""What can be asked, by name."""
