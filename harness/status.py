"""How a sweep stands, from its ledger alone: readable while it runs, and from another machine."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from harness.ledger import Ledger
from harness.ledger.running import Running, running
from harness.stability import STABLE

HOSTS = 8
"""Machines that are named."""

RATE_SECONDS = 3600.0
"""The commits of the last hour say how fast it goes."""


@dataclass(frozen=True)
class Status:
    """What can be said.

    Attributes:
        suite: Name and version.
        planned: Trials of the suite; at most so many where seeds are sequential.
        sequential: Whether they are.
        done: Committed trials of the plan's cells.
        failed: Of these, how many were unstable or could not run.
        modes: How often each failure mode was found.
        running: Trials under way.
        silent: Trials that were under way, and of which nothing was heard for a while.
        per_hour: Commits in the last hour, or since the first one where that is less.
        seconds_left: Until everything planned is committed at that rate; None where there is no rate.
        hours: Hours of computing that the committed trials took, by device.
        hosts: Committed trials by host.
    """

    suite: str
    planned: int
    sequential: bool
    done: int
    failed: int
    modes: Counter[str]
    running: tuple[Running, ...]
    silent: tuple[Running, ...]
    per_hour: float
    seconds_left: float | None
    hours: dict[str, float]
    hosts: Counter[str]


def status(ledger: Ledger, clock: Callable[[], float] = time.time) -> Status:
    """Look at a ledger.

    Args:
        ledger: It has a plan.
        clock: Seconds since 1970.

    Raises:
        LedgerError: It cannot be read.
    """
    plan, now = ledger.plan(), clock()
    cells = {cell["id"] for cell in plan["cells"]}
    rows = [row for row in ledger.summary() if row["cell"] in cells]
    planned = len(cells) * int(plan["seeds"])
    hours: Counter[str] = Counter()
    for row in rows:
        hours[row["device"] or "unknown"] += row["seconds"] / 3600
    per_hour = _per_hour(rows, now)
    missing = planned - len(rows)
    found = running(ledger.root)
    return Status(
        suite=f"{plan['suite']} version {plan['version']}",
        planned=planned,
        sequential=bool(plan.get("sequential")),
        done=len(rows),
        failed=sum(row["outcome"] != STABLE for row in rows),
        modes=Counter(mode for row in rows for mode in row["modes"]),
        running=tuple(item for item in found if not item.silent(now)),
        silent=tuple(item for item in found if item.silent(now)),
        per_hour=per_hour,
        seconds_left=3600 * missing / per_hour if per_hour and missing else None,
        hours=dict(hours),
        hosts=Counter(row["host"] for row in rows),
    )


def _per_hour(rows: Sequence[dict[str, Any]], now: float) -> float:
    ended = [row["started"] + row["seconds"] for row in rows]
    recent = [end for end in ended if now - end <= RATE_SECONDS]
    if not recent:
        return 0.0
    begun = min(row["started"] for row, end in zip(rows, ended, strict=True) if now - end <= RATE_SECONDS)
    return 3600 * len(recent) / max(1.0, min(RATE_SECONDS, now - begun))


def in_words(found: Status) -> list[str]:
    """Return what there is to say, one line each."""
    from harness.progress import duration

    at_most = "at most " if found.sequential else ""
    lines = [f"suite {found.suite}: {found.done} of {at_most}{found.planned} trials committed, {found.failed} failed"]
    if found.modes:
        lines.append("  " + ", ".join(f"{mode.replace('_', ' ')} {count}" for mode, count in found.modes.most_common()))
    if found.running:
        lines.append(
            f"{len(found.running)} running, on {', '.join(sorted({item.host for item in found.running})[:HOSTS])}"
        )
    if found.silent:
        lines.append(f"{len(found.silent)} without a sign of life for a minute; `ganbench run` runs them again")
    if found.per_hour:
        left = "" if found.seconds_left is None else f", {at_most}{duration(found.seconds_left)} left at that rate"
        lines.append(f"{found.per_hour:.0f} trials an hour{left}")
    if found.hours:
        lines.append(", ".join(f"{hours:.2f} hours on {device}" for device, hours in sorted(found.hours.items())))
    if len(found.hosts) > 1:
        lines += [f"  {host}: {count} trials" for host, count in found.hosts.most_common()]
    return lines
