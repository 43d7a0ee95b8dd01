"""Is what the nodes of a cluster say of themselves as it should be? A table of checks, each of one subject."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from ganbench.harness.doctor.machine import LEAST_FREE_GB, Examined
from ganbench.harness.doctor.nodes import Answer

LEAST_SHM_BYTES = 100 * 2**20
"""Docker's default of 64 MB makes Ray keep its object store on disk."""

LEAST_OPEN_FILES = 4096
"""A node holds several for every worker process; Ray's own guide asks for 65536 on a large cluster's head."""

MOST_SECONDS_APART = 2.0
"""Clocks that are further apart spoil what `ganbench status` says of speed and of silence."""

Facts = Mapping[str, Any]


def _versions(answer: Answer, driver: Facts) -> Iterator[Examined]:
    here = driver["versions"]
    other = {name: found for name, found in answer.facts["versions"].items() if found != here[name]}
    for name, found in other.items():
        yield Examined(name, f"{found or 'not installed'}, the driver has {here[name] or 'none'}", good=False)
    if not other:
        yield Examined("versions", f"python {here['python']} and {len(here) - 1} packages, as the driver's")


def _code(answer: Answer, driver: Facts) -> Iterator[Examined]:
    there, here = answer.facts["code"], driver["code"]
    if there == here:
        yield Examined("ganbench's code", f"{there}, as the driver's")
    else:
        yield Examined("ganbench's code", f"{there}, the driver has {here}: install the same one", good=False)


def _devices(answer: Answer, driver: Facts) -> Iterator[Examined]:
    found = answer.facts["devices"]
    promised = int(answer.node.resources.get("GPU", 0))
    told = ", ".join([f"{found['cores']} CPU cores", *(found["listed"] or found["seen"])])
    if promised > len(found["seen"]):
        yield Examined(
            "devices", f"{told}; Ray was told of {promised} GPUs, torch sees {len(found['seen'])}", good=False
        )
    elif found["listed"] and not found["seen"]:
        yield Examined("devices", f"{told}; torch sees no GPU", good=False)
    else:
        yield Examined("devices", told)


def _disk(answer: Answer, driver: Facts) -> Iterator[Examined]:
    for place, (free, total) in answer.facts["disk"].items():
        if place == "/dev/shm":  # noqa: S108
            enough = total >= LEAST_SHM_BYTES
            more = "" if enough else "; give the container more (--shm-size)"
            yield Examined(place, f"{total / 1e9:.1f} GB{more}", good=enough)
        else:
            yield Examined(f"free in {place}", f"{free / 1e9:.0f} GB", good=free / 1e9 >= LEAST_FREE_GB)


def _results(answer: Answer, driver: Facts) -> Iterator[Examined]:
    wrong = answer.facts["results"]
    if driver["asked"].results is not None:
        yield Examined(
            "results",
            f"{driver['asked'].results} {wrong or 'is the one that the driver sees, and can be written'}",
            good=wrong is None,
        )


def _data(answer: Answer, driver: Facts) -> Iterator[Examined]:
    for subject, missing in answer.facts["data"].items():
        yield Examined(subject, missing or "here", good=missing is None)


def _plugins(answer: Answer, driver: Facts) -> Iterator[Examined]:
    for origin, wrong in answer.facts["plugins"].items():
        yield Examined(f"plugin {origin}", wrong or "can be imported", good=wrong is None)


def _clock(answer: Answer, driver: Facts) -> Iterator[Examined]:
    clock = answer.clock
    if clock is None:
        yield Examined("clock", "the node did not say its time", good=False)
        return
    words = "ahead of" if clock.offset >= 0 else "behind"
    good = abs(clock.offset) - clock.uncertainty <= MOST_SECONDS_APART
    remedy = "" if good else "; let it be set by NTP"
    yield Examined(
        "clock", f"{abs(clock.offset):.3f} s {words} the driver's, within {clock.uncertainty:.3f} s{remedy}", good=good
    )


def _settings(answer: Answer, driver: Facts) -> Iterator[Examined]:
    here = driver["settings"]
    other = [
        f"{name} is {'not set' if found is None else found!r} instead of {here[name]}"
        for name, found in answer.facts["settings"].items()
        if found != here[name]
    ]
    if other:
        remedy = 'before `ray start`: eval "$(python -m ganbench.harness.cluster.environment)"'
        yield Examined("settings", f"{'; '.join(other)}. {remedy}", good=False)
    else:
        yield Examined("settings", f"{len(here)} of Ray's, as the driver's")


def _token(answer: Answer, driver: Facts) -> Iterator[Examined]:
    found = answer.facts["token"]
    if found["mode"] != "token":
        yield Examined(
            "token", "not asked for: whoever reaches the node's ports can run code; RAY_AUTH_MODE=token", good=False
        )
        return
    if found["permissions"] is None:
        yield Examined("token", "asked for")
        return
    private = found["permissions"] & 0o077 == 0
    words = "asked for; only its owner can read" if private else "others can read"
    remedy = "" if private else f"; chmod 600 {found['path']}"
    yield Examined("token", f"{words} {found['path']} ({found['permissions']:04o}){remedy}", good=private)


def _open_files(answer: Answer, driver: Facts) -> Iterator[Examined]:
    limit = answer.facts["open files"]
    good = limit >= LEAST_OPEN_FILES
    yield Examined("open files", f"at most {limit}{'' if good else '; before `ray start`: ulimit -n 65536'}", good=good)


CHECKS: dict[str, Callable[[Answer, Facts], Iterator[Examined]]] = {
    "versions": _versions,
    "code": _code,
    "devices": _devices,
    "disk": _disk,
    "open files": _open_files,
    "results": _results,
    "data": _data,
    "plugins": _plugins,
    "settings": _settings,
    "token": _token,
}
"""What is made of a fact, by its name."""


def of_a_node(answer: Answer, driver: Facts) -> Iterator[Examined]:
    """Judge what a node said.

    Args:
        answer: It.
        driver: The same facts about the driver's machine, and under ``"asked"`` the question.
    """
    if answer.silence:
        yield Examined("answer", answer.silence, good=False)
        return
    for name, check in CHECKS.items():
        if name in answer.failed:
            yield Examined(name, f"cannot be found out: {answer.failed[name]}", good=False)
        else:
            yield from check(answer, driver)
    yield from _clock(answer, driver)


def of_the_cluster(answers: Sequence[Answer]) -> Iterator[Examined]:
    """Judge what holds for all nodes together."""
    nodes = [answer.node for answer in answers]
    silent = sum(bool(answer.silence) for answer in answers)
    offered = ", ".join(f"{sum(node.resources.get(kind, 0) for node in nodes):g} {kind}" for kind in ("CPU", "GPU"))
    said = f"; {silent} did not answer" if silent else ""
    yield Examined("nodes", f"{len(nodes)} alive, with {offered}{said}", good=not silent)
    workers = [node for node in nodes if node.resources.get("CPU", 0) or node.resources.get("GPU", 0)]
    if not workers:
        yield Examined("slots", "none yet; trials wait until the autoscaler brings nodes, or an operator does")
    if len(nodes) > 1 and any(node.is_head for node in workers):
        yield Examined("head", "trains too; a full head loses the cluster: start it with --num-cpus=0 --num-gpus=0")
    markets = Counter(node.market for node in workers)
    if set(markets) - {None}:
        told = ", ".join(f"{market or 'no label'} on {count}" for market, count in sorted(markets.items(), key=str))
        yield Examined("market", told, good=None not in markets)
    elif workers:
        yield Examined(
            "market", "no node has the label `market`; a trial that is lost again and again stays where it is"
        )
