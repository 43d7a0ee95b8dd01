"""What a normalizer costs: the time of a training step, compared within each setting."""

from __future__ import annotations

import math
from statistics import geometric_mean, median

from ganbench.reports.evidence import Evidence, Group


def step_costs(evidence: Evidence) -> tuple[str | None, dict[str, float]]:
    """Return how much longer a step takes under each normalizer.

    Of each cell the median over its trials is taken, because other work on the machine only ever adds time; of each
    normalizer the geometric mean, over the settings in which both were timed, of its median over the reference's.

    Returns:
        The reference, which is the baseline, or else the quickest normalizer, None where none was timed; and by
        normalizer the factor, nan where it cannot be told.
    """
    times = [_medians(evidence, group) for group in evidence.groups]
    timed = [name for name in evidence.normalizers if any(name in known for known in times)]
    if not timed:
        return None, dict.fromkeys(evidence.normalizers, math.nan)
    baseline = evidence.plan.get("baseline")
    reference = baseline if baseline in timed else min(timed, key=lambda name: _factor(times, name, timed[0]))
    return reference, {name: _factor(times, name, reference) for name in evidence.normalizers}


def _medians(evidence: Evidence, group: Group) -> dict[str, float]:
    found = {}
    for name in group.cells:
        seconds = [item.step_seconds for item in evidence.of(group, name) if item.step_seconds > 0]
        if seconds:
            found[name] = median(seconds)
    return found


def _factor(times: list[dict[str, float]], name: str, reference: str) -> float:
    shares = [known[name] / known[reference] for known in times if name in known and reference in known]
    return geometric_mean(shares) if shares else math.nan
