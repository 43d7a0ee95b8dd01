"""How numbers of findings read, and the cells of their tables."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from ganbench.harness.statistics import median_failures_worst
from ganbench.reports import formatting as f
from ganbench.reports.paper_claims.judging.cases import Case, Cases
from ganbench.reports.paper_claims.judging.effects import Effect
from ganbench.reports.paper_claims.judging.looks import goodness
from ganbench.reports.paper_claims.judging.reading import Part


def value(number: float, form: str) -> str:
    """Return an effect or a threshold as its form reads: ``+31 points``, ``93 %``, ``0.87 times``, ``0.41``."""
    if math.isnan(number):
        return f.NOTHING
    if form == "points":
        return f.points(number) + " pp"
    if math.isinf(number):
        return "∞" if number > 0 else "−∞"
    if form == "percent":
        return f.percent(number)
    return f"{number:.2f}".replace("-", "−") + " times" * (form == "ratio")


def interval(effect: Effect, form: str) -> str:
    """Return ``12 to 45 %``: an interval in one form."""
    return f"{value(effect.low, form)} to {value(effect.high, form)}"


def asked(part: Part) -> str:
    """Return what a part must show: ``at least +10 pp``."""
    if part.equal is not None:
        return f"interval above {value(part.nothing, part.form)}"
    return f"{'at most' if part.below else 'at least'} {value(part.threshold, part.form)}"


def power(chance: float) -> str:
    """Return a power in per cent, or a dash where there is none."""
    if math.isnan(chance):
        return f.NOTHING
    return "< 1 %" if chance < 0.01 else f.percent(chance)


def p_value(p: float | None) -> str:
    """Return a p-value to two digits, or a dash."""
    if p is None:
        return f.NOTHING
    return "< 0.001" if p < 0.001 else f"{p:.2g}"


def share(cases: Sequence[Case] | Sequence[bool]) -> str:
    """Return ``3/16``: how many failed, or of how many something holds."""
    held = [case.failed if isinstance(case, Case) else bool(case) for case in cases]
    return f"{sum(held)}/{len(held)}"


def median_quality(cases: Cases, cell: Iterable[Case]) -> str:
    """Return the median quality of a cell's trials, failures being worst."""
    kept = list(cell)
    if not kept:
        return f.NOTHING
    better = kept[0].group.protocol.better
    sign = 1 if better == "higher" else -1
    fine = [sign * good for case in kept if math.isfinite(good := goodness(cases, case))]
    found = median_failures_worst(fine, len(kept) - len(fine), better)
    return f"{found:.3g}" if math.isfinite(found) else f.HALF_FAILED


def median(values: Iterable[float]) -> str:
    """Return the median of numbers, infinite ones being worst."""
    found = median_failures_worst(list(values), 0, "lower")
    if math.isnan(found):
        return f.NOTHING
    return f"{found:.3g}" if math.isfinite(found) else "∞"
