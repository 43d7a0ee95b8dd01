"""What a suite's runs cost, and how large a suite is that nobody ran."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from ganbench.harness.planning.suite import Suite
from ganbench.reports.paper_claims.judging.cases import Cases


@dataclass(frozen=True)
class Cost:
    """The size of a suite.

    Attributes:
        trials: How many.
        failed: How many of them failed; None where nobody ran it.
        generator: Updates of generators, as planned.
        discriminator: Updates of discriminators, likewise.
        computing: Seconds of all trials together.
        wall: Seconds in which at least one of them ran.
        begun: When the first of them was started, in seconds since 1970; 0 where nobody wrote it down.
        devices: On what, the most frequent first.
    """

    trials: int
    failed: int | None
    generator: int
    discriminator: int
    computing: float = 0.0
    wall: float = 0.0
    begun: float = 0.0
    devices: tuple[str, ...] = ()


def cost_of(cases: Cases) -> Cost:
    """Return what the trials of a ledger cost."""
    specs = {cell["id"]: cell["spec"] for cell in cases.plan["cells"]}
    every = [(case, specs[case.group.cells[case.normalizer]]) for case in cases.cases]
    return Cost(
        trials=len(every),
        failed=sum(case.failed for case, _ in every),
        generator=sum(int(spec["steps"]) for _, spec in every),
        discriminator=sum(int(spec["steps"]) * int(spec["n_dis"]) for _, spec in every),
        computing=sum(case.seconds for case, _ in every),
        begun=min((case.started for case, _ in every), default=0.0),
        wall=_covered([(case.started, case.started + case.seconds) for case, _ in every]),
        devices=tuple(device for device, _ in Counter(case.device for case, _ in every if case.device).most_common()),
    )


def cost_of_suite(suite: Suite) -> Cost:
    """Return how large a suite is."""
    return Cost(
        trials=suite.seeds * len(suite.cells),
        failed=None,
        generator=suite.seeds * sum(cell.steps for cell in suite.cells),
        discriminator=suite.seeds * sum(cell.steps * cell.n_dis for cell in suite.cells),
    )


def _covered(spans: list[tuple[float, float]]) -> float:
    """Return how long at least one of some stretches of time lasted."""
    total, end = 0.0, float("-inf")
    for start, stop in sorted(spans):
        total += max(0.0, stop - max(start, end))
        end = max(end, stop)
    return total
