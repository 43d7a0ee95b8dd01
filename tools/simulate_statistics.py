"""Measure how often leaderboards err, on both levels, and write the tables of docs/statistics.md.

    python tools/simulate_statistics.py [--draws 1000]

Takes about 10 minutes on two cores. The same number of draws gives the same bytes. Nothing is trained: outcomes are drawn
from known failure rates and given to the function that makes every leaderboard (``simulated_board.py``).
"""

from __future__ import annotations

import argparse
import math
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from scipy.special import ndtr, ndtri
from scipy.stats import binom
from sections import write_section
from simulated_board import board_of

from ganbench.harness.statistics import ALPHA, power_by_settings, seeds_needed, suite_generator
from ganbench.harness.statistics.intervals import clopper_pearson, rate_interval, wilson
from ganbench.harness.statistics.sequential import Rule, compare, open_cells
from ganbench.reports.board import Board

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "statistics.md"

Rates = np.ndarray
"""[methods, settings] True failure rates."""

Population = Callable[[np.random.Generator, np.ndarray, int], Rates]
"""From the methods' mean rates [methods] and a number of settings to the rates in settings that are drawn."""


# Populations of settings -----------------------------------------------------------------------------------------------


def alike(random: np.random.Generator, means: np.ndarray, settings: int) -> Rates:
    return np.tile(means[:, None], settings)


def all_or_none(random: np.random.Generator, means: np.ndarray, settings: int) -> Rates:
    """A method fails in 98 % of the seeds of a setting or in 2 %, as two thirds to nine tenths of measured cells do."""
    return np.where(random.random((len(means), settings)) < (means[:, None] - 0.02) / 0.96, 0.98, 0.02)


def normal(shared: float, own: float, random: np.random.Generator, means: np.ndarray, settings: int) -> Rates:
    """A setting is hard for all, and harder for some: standard deviations of both on the scale of normal quantiles."""
    middle = ndtri(means)[:, None] * math.sqrt(1 + shared**2 + own**2)
    return ndtr(
        middle + shared * random.standard_normal(settings) + own * random.standard_normal((len(means), settings))
    )


def by_data_set(random: np.random.Generator, means: np.ndarray, settings: int) -> Rates:
    """Settings come in two data sets, and a method does well on one and badly on the other."""
    sets = 1.2 * random.standard_normal((len(means), 2))
    return ndtr(ndtri(means)[:, None] * math.sqrt(1 + 1.2**2) + sets[:, np.arange(settings) * 2 // settings])


POPULATIONS: dict[str, tuple[Population, float]] = {
    "all settings alike, 30 %": (alike, 0.3),
    "all or none, 40 %": (all_or_none, 0.4),
    "hard for all, 40 %": (partial(normal, 2.0, 0.7), 0.4),
    "hard for some, 40 %": (partial(normal, 0.7, 2.0), 0.4),
    "rare, 3 %": (partial(normal, 1.0, 1.0), 0.03),
    "nearly always, 97 %": (partial(normal, 1.0, 1.0), 0.97),
}
DESIGNS = ((5, 5, 8), (5, 16, 2), (12, 48, 2), (30, 16, 2))
"""Methods, settings, seeds."""


def drawn(random: np.random.Generator, rates: Rates, seeds: int) -> np.ndarray:
    """Return outcomes [methods, settings, seeds]: 1 failed, 0 stable."""
    return (random.random((*rates.shape, seeds)) < rates[..., None]).astype(float)


# What is counted of boards ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Job:
    """Leaderboards of one kind.

    Attributes:
        name: Of the row; the random numbers depend on it.
        means: Of the methods over the population.
        population: Of the settings.
        fixed: Whether all leaderboards have the same settings.
        settings: How many.
        seeds: In each.
        draws: How many leaderboards.
    """

    name: str
    means: tuple[float, ...]
    population: Population
    fixed: bool
    settings: int
    seeds: int
    draws: int


def counted(job: Job) -> np.ndarray:
    """Return means over leaderboards.

    Of: any false claim in these settings; on settings like these; share of true differences found on both levels; all
    rows' intervals cover in these settings, and their mean width; the first row's does, on settings like these; all rows'
    do;    the mean width.
    """
    random = suite_generator(f"{job.name} {job.settings} {job.seeds} {len(job.means)}", "simulation")
    means, found = np.array(job.means), np.zeros(9)
    fixed = job.population(random, means, job.settings)
    for _ in range(job.draws):
        rates = fixed if job.fixed else job.population(random, means, job.settings)
        found += _of_board(board_of(drawn(random, rates, job.seeds)), rates, means)
    return found / job.draws


def _of_board(board: Board, rates: Rates, means: np.ndarray) -> np.ndarray:
    own = {f"m{index:02d}": index for index in range(len(means))}
    here = rates.mean(axis=1)
    false_here = false_elsewhere = 0
    found_here = found_elsewhere = true = 0
    for pair in board.pairs:
        better, worse = own[pair.better], own[pair.worse]
        equal = means[better] == means[worse]
        true += not equal
        right = means[better] < means[worse]
        false_here |= pair.significant and here[better] >= here[worse] - 1e-12
        false_elsewhere |= pair.elsewhere and not right
        found_here += pair.significant and right
        found_elsewhere += pair.elsewhere and right
    rows = [(row, own[row.normalizer]) for row in board.rows]
    inside = [row.count.low - 1e-9 <= here[index] <= row.count.high + 1e-9 for row, index in rows]
    beyond = [row.elsewhere[0] - 1e-9 <= means[index] <= row.elsewhere[1] + 1e-9 for row, index in rows]
    return np.array(
        [
            false_here,
            false_elsewhere,
            found_here / max(1, true),
            found_elsewhere / max(1, true),
            all(inside),
            np.mean([row.count.high - row.count.low for row, _ in rows]),
            beyond[0],
            np.mean(beyond),
            np.mean([row.elsewhere[1] - row.elsewhere[0] for row, _ in rows]),
        ]
    )


Run = Callable[[Sequence[Job]], list[np.ndarray]]


# The tables ------------------------------------------------------------------------------------------------------------


def elsewhere_table(draws: int, run: Run) -> tuple[list[str], dict[str, float]]:
    """Equal methods over a population of settings."""
    cases = [
        Job(name, (mean,) * methods, population, False, settings, seeds, draws)
        for (name, (population, mean)), (methods, settings, seeds) in product(POPULATIONS.items(), DESIGNS)
    ]
    rows, worst = [], {"false": 0.0, "first": 1.0, "covered": 1.0}
    for job, found in zip(cases, run(cases), strict=True):
        worst = {
            "false": max(worst["false"], found[1]),
            "first": min(worst["first"], found[6]),
            "covered": min(worst["covered"], found[7]),
        }
        texts = [percent(found[1]), percent(found[6]), percent(found[7]), f"{100 * found[8]:.0f}"]
        rows.append([job.name, str(len(job.means)), str(job.settings), str(job.seeds), *texts])
    last = [f"**{percent(worst[key])}**" for key in ("false", "first", "covered")]
    rows.append(["**worst of all**", "", "", "", *last, ""])
    head = [
        "population",
        "methods",
        "settings",
        "seeds",
        "a false winner",
        "first row covered",
        "rows covered",
        "width",
    ]
    return table(head, rows), worst


def data_set_table(draws: int, run: Run) -> list[str]:
    cases = [
        Job("two data sets", (0.4,) * methods, by_data_set, False, settings, seeds, draws)
        for methods, settings, seeds in DESIGNS
    ]
    rows = [
        [str(len(job.means)), str(job.settings), str(job.seeds), percent(found[1]), percent(found[7])]
        for job, found in zip(cases, run(cases), strict=True)
    ]
    return table(["methods", "settings", "seeds", "a false winner", "rows covered"], rows)


def here_table(draws: int, run: Run) -> tuple[list[str], dict[str, float]]:
    """The very settings: fixed rates, whose means over the settings are equal or not."""
    truths: dict[str, Population] = {
        "alike": alike,
        "unlike settings": lambda _random, means, settings: means[:, None] + np.linspace(-0.27, 0.5, settings),
        "effects that cancel": lambda _random, means, settings: (
            means[:, None] + 0.25 * np.where(np.arange(len(means)) % 2, 1, -1)[:, None] * _tilt(settings)
        ),
        "rare": lambda _random, means, settings: np.full((len(means), settings), 0.03),
        "all or none, the same for all": lambda _random, means, settings: np.tile(
            np.where(np.arange(settings) < 0.4 * settings, 0.98, 0.02), (len(means), 1)
        ),
    }
    designs = ((5, 5, 8), (5, 20, 8), (10, 16, 2))
    cases = [
        Job(name, (0.3,) * methods, truth, True, settings, seeds, draws)
        for (name, truth), (methods, settings, seeds) in product(truths.items(), designs)
    ]
    rows, worst = [], {"false": 0.0, "covered": 1.0}
    for job, found in zip(cases, run(cases), strict=True):
        worst = {"false": max(worst["false"], found[0]), "covered": min(worst["covered"], found[4])}
        level = ALPHA / len(job.means)
        rates, trials = (
            job.population(np.random.default_rng(), np.array(job.means), job.settings),
            job.settings * job.seeds,
        )
        pooled = rate_interval(rates[0].mean() * trials, trials, level)
        texts = [percent(found[0]), percent(found[4]), f"{100 * found[5]:.0f}", f"{100 * (pooled[1] - pooled[0]):.0f}"]
        rows.append([job.name, str(len(job.means)), str(job.settings), str(job.seeds), *texts])
    last = [f"**{percent(worst[key])}**" for key in ("false", "covered")]
    rows.append(["**worst of all**", "", "", "", *last, "", ""])
    head = ["rates", "methods", "settings", "seeds", "a false claim", "all rows covered", "width", "Wilson's"]
    return table(head, rows), worst


def _all_of_wilson() -> float:
    """Return how often Wilson's intervals of 30 methods, each of which fails in 3 % of 32 trials, all hold."""
    return float(covered(partial(wilson, alpha=ALPHA / 30), 32, np.array([0.03]))[0]) ** 30


def _tilt(settings: int) -> np.ndarray:
    place, half = np.arange(settings), settings // 2
    return (place < half).astype(float) - (place >= settings - half)


POWER_DESIGNS = ((16, 8), (32, 4), (64, 2), (128, 1))


def found_table(draws: int, run: Run) -> tuple[list[str], float]:
    """A baseline that fails in 45 % and three methods that fail in 20 %, with 128 trials each."""
    truths = {name: POPULATIONS[name][0] for name in list(POPULATIONS)[:4]}
    cases = [
        Job(f"power {name}", (0.45, 0.2, 0.2, 0.2), population, False, settings, seeds, draws)
        for (name, population), (settings, seeds) in product(truths.items(), POWER_DESIGNS)
    ]
    rows, least = [], 1.0
    for job, found in zip(cases, run(cases), strict=True):
        least = min(least, found[3]) if (job.settings, job.seeds) == (64, 2) else least
        rows.append(
            [job.name[6:].rsplit(",", 1)[0], str(job.settings), str(job.seeds), percent(found[2]), percent(found[3])]
        )
    return table(["population", "settings", "seeds", "found in these", "found on settings like these"], rows), least


def _uncorrected() -> float:
    return power_by_settings(0.45, 0.2, 64, 2, agreement=0.92, alpha=ALPHA)[1]


# One rate --------------------------------------------------------------------------------------------------------------


def covered(method: Callable[[float, float], tuple[float, float]], trials: int, rates: np.ndarray) -> np.ndarray:
    """Return the exact coverage of an interval of one rate, at each true rate."""
    ends = np.array([method(failed, trials) for failed in range(trials + 1)])
    holds = (ends[:, :1] <= rates) & (rates <= ends[:, 1:])
    return (binom.pmf(np.arange(trials + 1)[:, None], trials, rates) * holds).sum(0)


def interval_table() -> list[str]:
    grid = np.linspace(0.02, 0.98, 97)
    rows = []
    for trials in (4, 8, 16, 32, 64):
        found = [covered(method, trials, grid) for method in (rate_interval, wilson, clopper_pearson)]
        rows.append([str(trials), *(f"{percent(item.mean())} ({percent(item.min())})" for item in found)])
    return table(["trials", "as printed", "Wilson", "Clopper & Pearson"], rows)


TRUE_RATES = ((0.5, 0.2), (0.4, 0.1), (0.3, 0.1), (0.2, 0.05), (0.5, 0.3), (0.1, 0.02))


def seeds_table() -> list[str]:
    rows = []
    for first, second in TRUE_RATES:
        texts = []
        for cells, alpha in ((1, ALPHA), (1, ALPHA / 10), (5, ALPHA / 10), (20, ALPHA / 10)):
            few, many = (
                seeds_needed(first, second, nested=nested, cells=cells, alpha=alpha) for nested in (True, False)
            )
            texts.append(f"{few}–{many}")
        rows.append([f"{percent(first, 0)} and {percent(second, 0)}", *texts])
    return table(["true rates", "1 cell, 1 pair", "1 cell, 10 pairs", "5 cells, 10 pairs", "20 cells, 10 pairs"], rows)


# Seeds one after the other ---------------------------------------------------------------------------------------------

SPREADS = {
    "5, 15, 30, 45, 60 %": (0.05, 0.15, 0.3, 0.45, 0.6),
    "10, 10, 10, 40, 40 %": (0.1, 0.1, 0.1, 0.4, 0.4),
    "20, 20, 20, 20, 50 %": (0.2, 0.2, 0.2, 0.2, 0.5),
    "20, 25, 30, 35, 40 %": (0.2, 0.25, 0.3, 0.35, 0.4),
    "30 % all": (0.3,) * 5,
}
LEAST, MOST, STEP = 8, 64, 4


def sequential(failed: np.ndarray, rule: Rule) -> tuple[Board, float]:
    """Return the leaderboard of a suite [methods, settings, seeds] whose seeds end, and its share of all trainings."""
    seen = np.full(failed.shape, np.nan)
    going = dict.fromkeys(np.ndindex(*failed.shape[:2]), 0)
    for look in range(LEAST, MOST + 1, STEP):
        for cell, done in going.items():
            seen[cell][done:look] = failed[cell][done:look]
        going = dict.fromkeys(open_cells(seen, rule), look)
        if not going:
            break
    said = {"least": LEAST, "most": MOST, "step": STEP, "half_width": None, "test": rule.test, "baseline": None}
    return board_of(seen, sequential=said), float(np.isfinite(seen).mean())


def sequential_row(name: str, test: str, population: Population, draws: int) -> list[str]:
    """Return a row: trainings used, true differences found, false claims on both levels."""
    random = suite_generator(f"{name} {test}", "sequential")
    means, found, used = np.array(SPREADS[name]), np.zeros(4), 0.0
    for _ in range(draws):
        rates = population(random, means, 5)
        board, share = sequential(drawn(random, rates, MOST), Rule(test=test))  # type: ignore[arg-type]
        used += share / draws
        found += _of_board(board, rates, means)[:4] / draws
    true = percent(found[2], 0) if len(set(means.tolist())) > 1 else "–"
    return [test, name, percent(used, 0), true, percent(found[0]), percent(found[1])]


def peeking_row(cells: int, draws: int) -> list[str]:
    """Return how often any two of five equal methods are ever separated, looked at after every seed up to the 64th."""
    random, wrong = suite_generator(f"{cells}", "peeking"), np.zeros(2)
    for _ in range(draws):
        suite = drawn(random, np.full((5, cells), 0.3), MOST)
        for column, test in enumerate(("spending", "betting")):
            rule = Rule(test=test, futility=0)  # type: ignore[arg-type]
            wrong[column] += any(pair.separated for pair in compare(suite, rule))
    return [str(cells), *(percent(value) for value in wrong / draws)]


# The page --------------------------------------------------------------------------------------------------------------


def percent(share: float, digits: int = 1) -> str:
    return f"{100 * share:.{digits}f} %"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows)]


def measured(draws: int) -> str:
    """Return all tables; rows are shared out to the cores."""
    few = max(1, draws // 10)
    with ProcessPoolExecutor() as pool:
        run: Run = lambda jobs: list(pool.map(counted, jobs))  # noqa: E731
        elsewhere, beyond = elsewhere_table(draws, run)
        here, least_here = here_table(draws, lambda jobs: [counted(job) for job in jobs])
        found, least = found_table(max(1, draws // 2), run)
        data_sets = data_set_table(max(1, draws // 2), run)
        looks = [
            pool.submit(sequential_row, name, test, population, few)
            for test, (name, population) in product(
                ("spending", "betting"), [*((name, alike) for name in SPREADS), ("30 % all", all_or_none)]
            )
        ]
        peeks = [pool.submit(peeking_row, cells, draws) for cells in (1, 5, 20)]
        rows = [item.result() for item in looks]
        peeking = table(["cells", "spending test", "betting test"], [item.result() for item in peeks])
    for row in rows[len(SPREADS) :: len(SPREADS) + 1]:
        row[1] += ", all or none in a setting"
    error = 100 * math.sqrt(0.05 * 0.95 / draws)
    parts = [
        [f"Made by `python tools/simulate_statistics.py --draws {draws}`; not edited by hand."],
        ["### On settings like these",
         "",
         f"Methods that are equal over a population of settings, {draws} leaderboards a row, each with settings of its own."
         " A false winner: any two are separated on settings like these. Covered: the interval of the population's mean"
         " rate that the page gives the first row, and all rows; its mean width in percentage points. The standard error of"
         f" a measured 5 % is {error:.1f}."],
        elsewhere,
        [f"At worst {percent(beyond['false'])} of leaderboards have a false winner (at most 5 % asked), and the first row's"
         f" interval covers {percent(beyond['first'])} (at least 93 % asked). \"Hard for all\" has settings that are hard"
         " for every method, \"hard for some\" settings that are hard for one and easy for another."],
        ["The test supposes that settings were drawn independently of each other. Where they come in two data sets, and a"
         " method does well on one and badly on the other, it speaks of more settings of these two data sets and not of"
         " more data sets:"],
        data_sets,
        ["### In these settings",
         "",
         f"The same settings in all {draws} leaderboards of a row, over which the methods are equal. Covered: the rates of"
         " all rows at once; next to the mean width is that of Wilson's interval of the pooled counts."],
        here,
        [f"At worst the intervals of all rows hold together in {percent(least_here['covered'])} (at least 93 % asked)."
         f" Wilson's, of 30 methods that fail in 3 % of 32 trials, all hold in {percent(_all_of_wilson(), 0)}."],
        ["### Differences found",
         "",
         "A baseline that fails in 45 % of trainings and three methods that fail in 20 %, with 128 trainings each: the"
         f" share of the three differences that is found, over {max(1, draws // 2)} leaderboards. All six pairs are"
         " corrected for."],
        found,
        [f"64 settings with 2 seeds find {percent(least)} of them or more on settings like these. 80 % were asked, and are"
         " reached where settings are alike or hard for all. Where each method has settings of its own in which it fails, a"
         f" single test that is corrected for nothing finds {percent(_uncorrected(), 0)}. Settings buy more than seeds."],
        ["### Coverage of the interval of one rate",
         "",
         "Exact, for a nominal 95 %: mean over true rates from 2 % to 98 %, and in brackets the least."],
        interval_table(),
        ["### Seeds needed",
         "",
         "Seeds per cell for 80 % power in these settings: if failures are nested – if they are independent."],
        seeds_table(),
        ["### Seeds one after the other",
         "",
         f"Five methods in five settings, {LEAST} to {MOST} seeds, {few} leaderboards a row: share of the trainings of"
         f" {MOST} seeds, true differences found in these settings, and leaderboards with a false claim on either level."],
        table(["test", "true rates", "trainings", "found", "false, in these", "false, like these"], rows),
        [f"Looked at after every seed, any two of five equal methods are ever separated on so many of {draws}"
         " leaderboards:"],
        peeking,
    ]  # fmt: skip
    return "\n\n".join("\n".join(part) for part in parts)


def main() -> None:
    """Measure, and write the page's section."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=1000, help="leaderboards of a row")
    write_section(PAGE, "measured", measured(parser.parse_args().draws))


if __name__ == "__main__":
    main()
