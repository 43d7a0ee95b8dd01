"""How many settings and seeds a suite needs, in words: what ``ganbench power`` prints."""

from __future__ import annotations

from ganbench.harness.errors import InputError
from ganbench.harness.statistics import ALPHA, power_by_settings, seeds_needed, settings_needed
from ganbench.harness.statistics.power import AGREEMENT, MOST, POWER
from ganbench.reports.formatting import count, percent

DESIGNS = 4
"""Ways to share trials out between settings and seeds, beside the one that is asked for."""


def power_in_words(
    first: float,
    second: float,
    *,
    settings: int,
    seeds: int,
    normalizers: int = 2,
    agreement: float = AGREEMENT,
    alpha: float = ALPHA,
    power: float = POWER,
) -> list[str]:
    """Return the lines that say how well two normalizers are told apart, and how settings and seeds trade off.

    Args:
        first: Failure rate of one normalizer, in [0, 1].
        second: Of another, in [0, 1].
        settings: In how many settings each runs, at least 1.
        seeds: In each setting, at least 1.
        normalizers: How many are compared, each with each, at least 2.
        agreement: How much the seeds of a setting agree (``statistics.power.power_by_settings``).
        alpha: Chance of a false claim in all comparisons together.
        power: Wanted chance of telling the two apart.

    Raises:
        InputError: An argument is out of range, or the rates are equal.
    """
    if normalizers < 2:
        raise InputError(f"at least 2 normalizers can be compared, not {normalizers}")
    if first == second:
        raise InputError(f"no number of settings tells two normalizers apart that both fail in {percent(first)}")
    comparisons = normalizers * (normalizers - 1) // 2
    try:
        needed = [
            seeds_needed(first, second, nested=nested, cells=settings, alpha=alpha / comparisons, power=power)
            for nested in (True, False)
        ]
        rows = [
            (item, each, *power_by_settings(first, second, item, each, agreement=agreement, alpha=alpha / comparisons))
            for item, each in _designs(settings, seeds)
        ]
    except ValueError as error:
        raise InputError(str(error)) from error
    few, many = (f"more than {MOST // settings}" if found is None else str(found) for found in needed)
    what = "comparison" if comparisons == 1 else "comparisons"
    least = settings_needed(comparisons, alpha)
    return [
        f"Failure rates of {percent(first)} and {percent(second)}, {comparisons} {what} at {percent(alpha)} in all.",
        f"Chance of telling the two apart with {count(settings * seeds, 'trial')} of each, if seeds of a setting agree by"
        f" {agreement:g}:",
        "  settings  seeds  in these settings  on settings like these",
        *(
            f"  {item:>8}  {each:>5}  {percent(here):>17}  {percent(elsewhere):>22}"
            f"{'  (asked for)' * ((item, each) == (settings, seeds))}"
            for item, each, here, elsewhere in rows
        ),
        f"On settings like these, no claim is possible with fewer than {least} settings, whatever the seeds.",
        f"In {count(settings, 'setting')} alone, {percent(power)} power takes so many seeds in each: {few} if the more"
        f" stable one fails only where the other fails too, {many} if their outcomes are independent.",
    ]


def _designs(settings: int, seeds: int) -> list[tuple[int, int]]:
    """Return the design that is asked for, and others with as many trials: more settings and fewer seeds, and back."""
    trials = settings * seeds
    shared = [(trials // each, each) for each in range(1, trials + 1) if trials % each == 0]
    place = shared.index((settings, seeds))
    start = max(0, min(place - DESIGNS // 2, len(shared) - DESIGNS - 1))
    return shared[start : start + DESIGNS + 1]
