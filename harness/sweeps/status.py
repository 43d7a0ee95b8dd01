"""How a sweep stands, from its ledger alone: readable while it runs, and from another machine."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from ganbench.harness.ledger import Ledger
from ganbench.harness.ledger.running import Running, running, storage_time, under_way
from ganbench.harness.ledger.unfit import UnfitNode, nodes_aside
from ganbench.harness.stability import METHOD_ERROR
from ganbench.harness.sweeps.outcomes import outcomes_in_words

HOSTS = 8
"""Machines that are named."""

LOOK_SECONDS = 0.5
"""Between two looks at what is under way."""

STILL_SECONDS = 120.0
"""A trial that has not gone on for so long is named: it loads data, measures, or a hook of it does not return."""

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
        outcomes: How many of these had each outcome.
        modes: How often each failure mode was found.
        running: Trials under way.
        silent: Trials that were under way, and of which nothing was heard for a while.
        per_hour: Commits in the last hour, or since the first one where that is less; by clocks that are put right.
        seconds_left: Until everything planned is committed at that rate; None where there is no rate.
        hours: Hours of computing that the committed trials took, by device.
        hosts: Committed trials by host.
        unfit: Nodes that get no trials now, with the reason of each.
        errors: Of each normalizer that could not run in some trial, in how many, and what the first of them said.
    """

    suite: str
    planned: int
    sequential: bool
    done: int
    outcomes: Counter[str]
    modes: Counter[str]
    running: tuple[Running, ...]
    silent: tuple[Running, ...]
    per_hour: float
    seconds_left: float | None
    hours: dict[str, float]
    hosts: Counter[str]
    unfit: tuple[UnfitNode, ...]
    errors: dict[str, tuple[int, str]]

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        found = {item.name: getattr(self, item.name) for item in fields(self)}
        under_way = {key: [asdict(item) for item in found[key]] for key in ("running", "silent", "unfit")}
        counted = {key: dict(found[key]) for key in ("outcomes", "modes", "hosts")}
        errors = {name: {"trials": count, "first": said} for name, (count, said) in self.errors.items()}
        return found | under_way | counted | {"errors": errors}


def status(ledger: Ledger, clock: Callable[[], float] = time.time) -> Status:
    """Look at a ledger.

    Args:
        ledger: It has a plan.
        clock: Seconds since 1970.

    Raises:
        LedgerError: It cannot be read.
    """
    plan = ledger.plan()
    found = running(ledger.storage)
    now = storage_time(ledger.storage, found, clock)
    cells = {cell["id"] for cell in plan["cells"]}
    rows = [row for row in ledger.summary() if row["cell"] in cells]
    planned = len(cells) * int(plan["seeds"])
    hours: Counter[str] = Counter()
    for row in rows:
        hours[row["device"] or "unknown"] += max(0.0, row["seconds"]) / 3600
    per_hour = _per_hour(rows, now, {item.host: item.behind for item in found})
    missing = planned - len(rows)
    return Status(
        suite=f"{plan['suite']} version {plan['version']}",
        planned=planned,
        sequential=bool(plan.get("sequential")),
        done=len(rows),
        outcomes=Counter(row["outcome"] for row in rows),
        modes=Counter(mode for row in rows for mode in row["modes"]),
        running=tuple(item for item in found if not item.silent(now)),
        silent=tuple(item for item in found if item.silent(now)),
        per_hour=per_hour,
        seconds_left=3600 * missing / per_hour if per_hour and missing else None,
        hours=dict(hours),
        hosts=Counter(row["host"] for row in rows),
        unfit=tuple(nodes_aside(ledger.storage)),
        errors=_errors(ledger, plan, rows),
    )


def ended(ledger: Ledger, seconds: float, clock: Callable[[], float] = time.monotonic) -> tuple[Running, ...]:
    """Wait until no training is under way, and return those that still are when the time is over.

    Raises:
        LedgerError: The ledger cannot be read.
    """
    begun = clock()
    while True:
        left = tuple(under_way(ledger.storage))
        if not left or clock() - begun >= seconds:
            return left
        time.sleep(LOOK_SECONDS)


def _errors(ledger: Ledger, plan: Mapping[str, Any], rows: Sequence[dict[str, Any]]) -> dict[str, tuple[int, str]]:
    names = {cell["id"]: str(cell["normalizer"]) for cell in plan["cells"]}
    failed: dict[str, list[str]] = {}
    for row in rows:
        if row["outcome"] == METHOD_ERROR:
            failed.setdefault(names[row["cell"]], []).append(row["trial"])
    return {name: (len(trials), ledger.read(min(trials)).error) for name, trials in failed.items()}


def _per_hour(rows: Sequence[dict[str, Any]], now: float, behind: Mapping[str, float]) -> float:
    """Return commits an hour over the last one.

    Records have times by the clocks of the machines that ran them. How far a clock is off is known of a machine that has
    trials under way; of another one, that no trial of its can have ended in the future.

    Args:
        rows: Of a summary.
        now: In seconds since 1970.
        behind: By how many seconds hosts' clocks are behind, where that is known.
    """
    newest: dict[str, float] = {}
    for row in rows:
        newest[row["host"]] = max(newest.get(row["host"], 0.0), row["started"] + row["seconds"])
    shift = {host: behind.get(host, min(0.0, now - end)) for host, end in newest.items()}
    recent = [
        (end, row["seconds"])
        for row in rows
        if now - (end := min(now, row["started"] + row["seconds"] + shift[row["host"]])) <= RATE_SECONDS
    ]
    if not recent:
        return 0.0
    begun = min(end - max(0.0, seconds) for end, seconds in recent)
    return 3600 * len(recent) / max(1.0, min(RATE_SECONDS, now - begun))


def _by_host(trials: Sequence[Running]) -> str:
    """Return the machines with the most trials, with how many where it is more than one."""
    counts = Counter(item.host for item in trials)
    named = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    words = [host if count == 1 else f"{host} ({count})" for host, count in named[:HOSTS]]
    return ", ".join(words) + (f" and {len(named) - HOSTS} more" if len(named) > HOSTS else "")


def still_in_words(trial: Running) -> str:
    """Return for how long a trial has not gone on, to continue a sentence; empty where it does not say."""
    from ganbench.harness.durations import duration

    if trial.steps is None:
        return ""
    steps = f"after {trial.steps} step{'' if trial.steps == 1 else 's'} of this attempt"
    ended = "" if trial.limit is None else f"; in a hook or a measurement it is ended after {duration(trial.limit)}"
    return f", without progress for {duration(trial.still())} {steps}{ended}"


def in_words(found: Status) -> list[str]:
    """Return what there is to say, one line each."""
    from ganbench.harness.durations import duration

    at_most = "at most " if found.sequential else ""
    became = outcomes_in_words(found.outcomes, found.modes)
    lines = [f"suite {found.suite}: {found.done} of {at_most}{found.planned} trials committed, {became}"]
    if found.running:
        lines.append(f"{len(found.running)} running, on {_by_host(found.running)}")
    lines += [
        f"trial {item.trial_id} on {item.host} is under way{still_in_words(item)}"
        for item in found.running
        if item.still() >= STILL_SECONDS
    ]
    if found.silent:
        lines.append(
            f"{len(found.silent)} without a sign of life for a minute, on {_by_host(found.silent)};"
            " `ganbench run` runs them again"
        )
    lines += [f"node {item.host or item.node} gets no trials now: {item.reason}" for item in found.unfit]
    if found.per_hour:
        left = "" if found.seconds_left is None else f", {at_most}{duration(found.seconds_left)} left at that rate"
        lines.append(f"{found.per_hour:.0f} trials an hour{left}")
    if found.hours:
        lines.append(", ".join(f"{hours:.2f} hours on {device}" for device, hours in sorted(found.hours.items())))
    lines += [
        f"{name} could not run in {count} trial{'' if count == 1 else 's'}; the first said: {said}"
        for name, (count, said) in found.errors.items()
    ]
    if len(found.hosts) > 1:
        lines += [f"  {host}: {count} trials" for host, count in found.hosts.most_common()]
    return lines
