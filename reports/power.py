"""How many seeds a suite needs, in words: what ``ganbench power`` prints."""

from __future__ import annotations

from ganbench.harness.errors import InputError
from ganbench.harness.statistics import ALPHA, seeds_needed
from ganbench.harness.statistics.power import MOST, POWER
from ganbench.reports.formatting import count, percent


def seeds_in_words(
    first: float,
    second: float,
    *,
    cells: int = 1,
    normalizers: int = 2,
    baseline_only: bool = False,
    alpha: float = ALPHA,
    power: float = POWER,
) -> list[str]:
    """Return the lines that say how many seeds per cell tell two normalizers apart.

    Args:
        first: Failure rate of one normalizer, in [0, 1].
        second: Of another, in [0, 1].
        cells: Cells of each normalizer, at least 1.
        normalizers: How many are compared, at least 2.
        baseline_only: Whether all are compared with a baseline only, and not with each other.
        alpha: Chance of a false claim in all comparisons together.
        power: Wanted chance of telling the two apart.

    Raises:
        InputError: An argument is out of range, or the rates are equal.
    """
    if normalizers < 2:
        raise InputError(f"at least 2 normalizers can be compared, not {normalizers}")
    if first == second:
        raise InputError(f"no number of seeds tells two normalizers apart that both fail in {percent(first)}")
    comparisons = normalizers - 1 if baseline_only else normalizers * (normalizers - 1) // 2
    try:
        needed = [
            seeds_needed(first, second, nested=nested, cells=cells, alpha=alpha / comparisons, power=power)
            for nested in (True, False)
        ]
    except ValueError as error:
        raise InputError(str(error)) from error
    what = "comparison" if comparisons == 1 else "comparisons"
    which = " with the baseline" if baseline_only else ""
    texts = [f"more than {MOST // cells}" if seeds is None else str(seeds) for seeds in needed]
    width = max(len(text) for text in texts)
    return [
        f"Failure rates of {percent(first)} and {percent(second)}, {count(cells, 'cell')} of each normalizer,"
        f" {comparisons} {what}{which} at {percent(alpha)} in all.",
        f"Seeds per cell for {percent(power)} power:",
        f"  {texts[0]:>{width}}  if the more stable one fails only where the other fails too",
        f"  {texts[1]:>{width}}  if their outcomes are independent",
    ]
