"""Measure how often the leaderboard's statistics err, and write the tables of docs/statistics.md and its figure.

    python tools/simulate_statistics.py [--draws 2000]

Takes a few minutes on one core. The same number of draws gives the same bytes. Nothing is trained: outcomes are drawn from
known failure rates and given to the functions that make the leaderboard. They are independent over cells, as random streams
depend on the cell's group; what would follow if cells shared their starts is measured beside it.
"""

from __future__ import annotations

import argparse
import math
import os
from collections.abc import Callable, Sequence
from itertools import combinations, product
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from drawings import save_svg
from scipy.special import bdtr, ndtri
from scipy.stats import binom

from ganbench.harness.statistics import ALPHA, blocked_rate, macro_bootstrap, mean_rate, seeds_needed, sign_flip_many
from ganbench.harness.statistics.bootstrap import suite_generator
from ganbench.harness.statistics.intervals import clopper_pearson, rate_interval, wilson
from ganbench.harness.statistics.sequential import Rule, compare, open_cells

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "statistics.md"
FIGURE = ROOT / "docs" / "figures" / "coverage.svg"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
CHUNK = 250

Rates = np.ndarray  # [normalizers, groups]

INDEPENDENT, SHARED, OWN = (0.0, 0.0), (0.5, 0.0), (0.0, 0.5)
"""Latent correlation of a seed's outcomes: over all its trials, and over the trials of one normalizer besides."""


def draw(
    random: np.random.Generator, rates: Rates, seeds: int, dependence: tuple[float, float], draws: int
) -> np.ndarray:
    """Return outcomes [draws, normalizers, groups, seeds], by thresholds on correlated normal numbers."""
    count, groups = rates.shape
    shared, own = dependence

    def normal(*shape: int) -> np.ndarray:
        return random.standard_normal((draws, *shape, seeds), dtype=np.float32)

    latent = np.float32(math.sqrt(1 - shared - own)) * normal(count, groups)
    if shared:
        latent += np.float32(math.sqrt(shared)) * normal(1, 1)
    if own:
        latent += np.float32(math.sqrt(own)) * normal(count, 1)
    return latent < ndtri(rates).astype(np.float32)[..., None]


# How often intervals cover ---------------------------------------------------------------------------------------------


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


def mean_rate_table(draws: int, dependence: tuple[float, float]) -> list[str]:
    random = suite_generator(f"mean rate {dependence}", "simulation")
    rows = []
    for cells in (5, 20):
        for seeds in (8, 16, 32, 64):
            hits, widths = np.zeros(4), np.zeros(4)
            for number in range(draws):
                # Another suite each time: cells differ, and so do suites.
                rates = np.clip(random.uniform(0.05, 0.6) + random.uniform(-0.2, 0.2, (1, cells)), 0.02, 0.9)
                failed = draw(random, rates, seeds, dependence, 1)[0, 0]
                intervals = [
                    mean_rate([(int(row.sum()), seeds) for row in failed])[1:],
                    blocked_rate(failed)[1:],
                    *(
                        macro_bootstrap(
                            failed[None], suite_generator(str(number)), draws=800, across_groups=across
                        ).rate_intervals[0]
                        for across in (False, True)
                    ),
                ]
                hits += [low - 1e-9 <= rates.mean() <= high + 1e-9 for low, high in intervals]
                widths += [high - low for low, high in intervals]
            pairs = zip(hits / draws, widths / draws, strict=True)
            rows.append([str(cells), str(seeds), *(f"{percent(hit)} ({100 * width:.0f})" for hit, width in pairs)])
    return table(
        ["cells", "seeds", "mean_rate", "blocked_rate", "bootstrap within cells", "bootstrap of whole seeds"], rows
    )


# How often claims are false --------------------------------------------------------------------------------------------

RULES = ("McNemar", "seeds as blocks")
"""The rule in use, and the sign-flip test that would hold if cells shared their starts."""


def p_values(failed: np.ndarray) -> dict[str, np.ndarray]:
    """Return the p-values of all pairs, [draws, pairs], by each rule; by the second, a large one may read 1."""
    first, second = (list(side) for side in zip(*combinations(range(failed.shape[1]), 2), strict=True))
    by_seed, total = failed.sum(2, dtype=np.int64), failed.sum((2, 3), dtype=np.int64)
    flat = failed.reshape(*failed.shape[:2], -1).astype(np.float32)
    both = np.rint((flat @ flat.transpose(0, 2, 1))[:, first, second]).astype(np.int64)
    discordant = total[:, first] + total[:, second] - 2 * both
    rarer = (discordant - np.abs(total[:, first] - total[:, second])) // 2
    mcnemar = np.where(discordant > 0, np.minimum(1, 2 * bdtr(rarer, np.maximum(discordant, 1), 0.5)), 1)
    differences = by_seed[:, first] - by_seed[:, second]
    # Far below what can be significant for so few comparisons, and most pairs need no exact p-value.
    wanted = np.abs(differences.sum(2)) >= 1.5 * np.sqrt((differences**2).sum(2).clip(1))
    chosen, blocked = differences[wanted], np.ones(wanted.shape)
    if len(chosen):
        parts = np.array_split(chosen, math.ceil(len(chosen) / CHUNK))
        blocked[wanted] = np.concatenate([sign_flip_many(part) for part in parts])
    return dict(zip(RULES, (mcnemar, blocked), strict=True))


def separations(p: np.ndarray) -> np.ndarray:
    """Return which pairs Holm's procedure separates, [draws, pairs]."""
    count = p.shape[1]
    order = np.argsort(p, axis=1)
    ordered = np.take_along_axis(p, order, 1) * (count - np.arange(count))
    rejected = np.cumsum(ordered > ALPHA, axis=1) == 0
    found = np.zeros_like(rejected)
    np.put_along_axis(found, order, rejected, 1)
    return found


def scenarios(count: int, cells: int) -> dict[str, Rates]:
    equal = np.full((count, cells), 0.3)
    unlike = np.broadcast_to(np.linspace(0.03, 0.8, cells), (count, cells))
    tilt = np.where(np.arange(cells) < cells // 2, 0.25, 0.0) - np.where(
        np.arange(cells) >= cells - cells // 2, 0.25, 0
    )
    crossed = 0.35 + np.where(np.arange(count) % 2, 1, -1)[:, None] * tilt
    groups = np.where(np.arange(count) < (count + 1) // 2, 0.2, 0.5)[:, None] * np.ones(cells)
    return {
        "equal": equal,
        "unlike cells": unlike,
        "effects that cancel": crossed,
        "two classes of equals": groups,
    }


def false_claims(rates: Rates, seeds: int, dependence: tuple[float, float], draws: int, name: str) -> dict[str, float]:
    """Return the share of leaderboards with a false claim, by rule, and of those with one about the baseline."""
    random = suite_generator(f"{name} {rates.shape} {seeds}", "simulation")
    names = list(combinations(range(len(rates)), 2))
    means = rates.mean(1)
    equal = np.array([abs(means[a] - means[b]) < 1e-9 for a, b in names])
    to_baseline = np.array([a == 0 for a, _ in names])
    wrong = dict.fromkeys((*RULES, "baseline"), 0)
    for start in range(0, draws, CHUNK):
        found = p_values(draw(random, rates, seeds, dependence, min(CHUNK, draws - start)))
        for rule, p in found.items():
            wrong[rule] += int((separations(p) & equal).any(1).sum())
        family = separations(found[RULES[0]][:, to_baseline])
        wrong["baseline"] += int((family & equal[to_baseline]).any(1).sum())
    return {rule: count / draws for rule, count in wrong.items()}


def false_claim_table(
    draws: int, dependences: dict[str, tuple[float, float]], columns: dict[str, str]
) -> tuple[list[str], dict[str, float]]:
    rows, worst = [], dict.fromkeys(columns, 0.0)
    sizes = (8, 16, 64)
    for count in (5, 10):
        for cells in (5, 20):
            for (words, dependence), (name, rates) in product(dependences.items(), scenarios(count, cells).items()):
                title = ", ".join(filter(None, (name, words)))
                found = [false_claims(rates, seeds, dependence, draws, title) for seeds in sizes]
                for rule in worst:
                    worst[rule] = max(worst[rule], *(item[rule] for item in found))
                texts = [" / ".join(f"{100 * item[rule]:.1f}" for item in found) for rule in columns]
                rows.append([title, str(count), str(cells), *texts])
    rows.append(["**worst of all**", "", "", *(f"**{100 * value:.1f}**" for value in worst.values())])
    return table(["truth", "normalizers", "cells", *columns.values()], rows), worst


def found_table(draws: int) -> list[str]:
    rows = []
    for cells in (5, 20):
        for seeds in (4, 8, 12, 16, 32, 64):
            rates = np.full((5, cells), 0.2)
            rates[4] = 0.4
            random = suite_generator(f"power {cells} {seeds}", "simulation")
            p = p_values(draw(random, rates, seeds, INDEPENDENT, draws))
            true = np.array([b == 4 for _, b in combinations(range(5), 2)])
            texts = [percent(separations(p[rule])[:, true].mean()) for rule in RULES]
            rows.append([str(cells), str(seeds), *texts])
    return table(["cells", "seeds", *RULES], rows)


# How many seeds it takes -----------------------------------------------------------------------------------------------

TRUE_RATES = ((0.5, 0.2), (0.4, 0.1), (0.3, 0.1), (0.2, 0.05), (0.5, 0.3), (0.1, 0.02))


def power_table() -> list[str]:
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
    "5, 5, 10, 60, 60 %": (0.05, 0.05, 0.1, 0.6, 0.6),
    "10, 10, 10, 40, 40 %": (0.1, 0.1, 0.1, 0.4, 0.4),
    "20, 20, 20, 20, 50 %": (0.2, 0.2, 0.2, 0.2, 0.5),
    "20, 25, 30, 35, 40 %": (0.2, 0.25, 0.3, 0.35, 0.4),
    "30 % all": (0.3,) * 5,
}
LOOKS = range(8, 65, 4)
BASELINE = 1
SUITES = 100


def sequential(failed: np.ndarray, rule: Rule) -> tuple[set[tuple[int, int]], float]:
    """Return the claims (better, worse) of one suite [normalizers, groups, seeds], and its share of all trainings."""
    seen = np.full(failed.shape, np.nan)
    going = dict.fromkeys(np.ndindex(*failed.shape[:2]), 0)
    for look in LOOKS:
        for cell, done in going.items():
            seen[cell][done:look] = failed[cell][done:look]
        going = dict.fromkeys(open_cells(seen, rule), look)
        if not going:
            break
    pairs = [pair for pair in compare(seen, rule) if pair.separated]
    claims = {(pair.first + pair.second - pair.worse, pair.worse) for pair in pairs if pair.worse is not None}
    return claims, float(np.isfinite(seen).mean())


def peeking_table(draws: int) -> list[str]:
    """Equal normalizers, looked at after every seed up to the 64th: how often any pair is ever separated."""
    rows = []
    for cells in (1, 5, 20):
        random = suite_generator(f"{cells}", "peeking")
        wrong = np.zeros(2)
        for start in range(0, draws, CHUNK):
            for suite in draw(random, np.full((5, cells), 0.3), 64, INDEPENDENT, min(CHUNK, draws - start)):
                for column, test in enumerate(("spending", "betting")):
                    rule = Rule(test=test, futility=0)
                    wrong[column] += any(pair.separated for pair in compare(suite.astype(float), rule))
        rows.append([str(cells), *(percent(value) for value in wrong / draws)])
    return table(["cells", "spending test", "betting test"], rows)


def sequential_table(draws: int) -> tuple[list[str], dict[str, float]]:
    rows, ratios = [], {}
    rules = {
        "spending": Rule(),
        "betting": Rule(test="betting"),
        "spending, baseline only": Rule(baseline=BASELINE),
        "half-width 0.1": Rule(half_width=0.1, compare=False),
    }
    for title, rule in rules.items():
        names = list(combinations(range(5), 2))
        family = [index for index, pair in enumerate(names) if rule.baseline is None or rule.baseline in pair]
        names = [names[index] for index in family]
        shares = []
        for name, spread in SPREADS.items():
            truth = {
                (a, b) for pair in names for a, b in (pair, pair[::-1]) if spread[a] < spread[b]
            }  # the first is better
            random = suite_generator(name, "sequential")
            failed = draw(random, np.tile(np.array(spread)[:, None], 5), 64, INDEPENDENT, draws)
            separated = separations(p_values(failed)[RULES[0]][:, family])
            right, same, used = np.zeros(2), 0, 0.0
            for item, apart in zip(failed, separated, strict=True):
                total = item.sum((1, 2))
                fixed = {
                    pair if total[pair[0]] < total[pair[1]] else pair[::-1]
                    for pair, yes in zip(names, apart, strict=True)
                    if yes
                }
                claims, share = sequential(item.astype(float), rule)
                used += share / draws
                right += [len(fixed & truth), len(claims & truth)]
                same += len(names) - len({frozenset(pair) for pair in fixed ^ claims})
            shares.append(used)
            texts = [percent(value / draws / len(truth), 0) if truth else "–" for value in right]
            agreed = percent(same / draws / len(names), 0)
            rows.append([title, name, percent(used, 0), agreed, f"{texts[1]} ({texts[0]})"])
        ratios[title] = float(np.mean(shares))
        rows.append([f"**{title}**", "**mean**", f"**{percent(ratios[title], 0)}**", "", ""])
    head = ["rule", "true rates", "trainings", "same answer for a pair", "differences found"]
    return table(head, rows), ratios


# The page --------------------------------------------------------------------------------------------------------------


def percent(share: float, digits: int = 1) -> str:
    return f"{100 * share:.{digits}f} %"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows)]


def figure() -> None:
    """Draw the exact coverage of the printed interval over the true rate."""
    import matplotlib as mpl

    mpl.use("svg")
    from matplotlib import pyplot as plt

    rates = np.linspace(0.005, 0.995, 397)
    with mpl.rc_context({"svg.hashsalt": "ganbench", "svg.fonttype": "path", "font.size": 9}):
        canvas, axes = plt.subplots(2, 2, figsize=(7.2, 4.4), sharex=True, sharey=True, layout="constrained")
        for axis, trials in zip(axes.flat, (8, 16, 32, 64), strict=True):
            found = covered(rate_interval, trials, rates)
            axis.axhspan(93, 97, color="#d9e8f5", linewidth=0)
            axis.axhline(95, color="#7f7f7f", linewidth=0.8, linestyle="--")
            axis.plot(100 * rates, 100 * found, color="#0b5394", linewidth=1)
            axis.set_title(f"{trials} trials, mean {percent(found.mean())}", fontsize=9)
            axis.set_ylim(82, 100.5)
        canvas.supxlabel("true instability rate (%)", fontsize=9)
        canvas.supylabel("coverage of the 95 % interval (%)", fontsize=9)
        FIGURE.parent.mkdir(exist_ok=True)
        save_svg(canvas, FIGURE)
        plt.close(canvas)
    FIGURE.write_text("\n".join(line.rstrip() for line in FIGURE.read_text().splitlines()) + "\n")


def measured(draws: int) -> str:
    claims, worst = false_claim_table(
        draws, {"": INDEPENDENT}, {RULES[0]: "all pairs", "baseline": "with the baseline only"}
    )
    shared, _ = false_claim_table(
        draws // 4, {"seeds hard for all": SHARED, "seeds hard for one": OWN}, dict(zip(RULES, RULES, strict=True))
    )
    seeds, ratios = sequential_table(min(SUITES, draws))
    few = max(2, draws // 4)
    parts = [
        [f"Made by `tools/simulate_statistics.py --draws {draws}`; not edited by hand."],
        ["### Coverage of the interval of one rate",
         "",
         "Exact, for a nominal 95 %: mean over true rates from 2 % to 98 %, and in brackets the least."],
        interval_table(),
        ["![Coverage of the printed interval over the true rate, for 8, 16, 32 and 64 trials](figures/coverage.svg)"],
        ["### Coverage of the interval of the mean rate",
         "",
         f"Over {max(2, draws // 7)} suites a row with unlike cells; in brackets the mean width in percentage points. The"
         " page prints the first."],
        mean_rate_table(max(2, draws // 7), INDEPENDENT),
        ["### False claims",
         "",
         f"Per cent of {draws} leaderboards on which any two normalizers with equal mean rates are separated, at 8 / 16 /"
         f" 64 seeds. The standard error of a measured 5 % is {100 * math.sqrt(0.05 * 0.95 / draws):.1f}."],
        claims,
        [f"At worst {100 * worst[RULES[0]]:.1f} %. The same share of leaderboards has a rank interval that leaves out a"
         " rank that is possible in truth, as ranks follow from the claims."],
        ["### Differences found",
         "",
         f"Share of the true differences between one normalizer that fails in 40 % and four that fail in 20 %, over"
         f" {few} leaderboards; and what a test with seeds as blocks would find."],
        found_table(few),
        ["### Seeds needed",
         "",
         "Seeds per cell for 80 % power: if failures are nested – if they are independent."],
        power_table(),
        ["### Seeds one after the other",
         "",
         f"Share of the trainings of a fixed design with 64 seeds, five normalizers and five cells, over"
         f" {min(SUITES, draws)} suites a row; in brackets what the fixed design finds. On average"
         f" {percent(ratios['spending'], 0)} of the trainings by the spending test,"
         f" {percent(ratios['betting'], 0)} by the betting test, and"
         f" {percent(ratios['spending, baseline only'], 0)} by the spending test if only comparisons with the second"
         " normalizer count."],
        seeds,
        [f"Looked at after every seed, any two of five equal normalizers are ever separated on so many of {draws}"
         " leaderboards:"],
        peeking_table(draws),
        ["### If cells shared their starts, which they do not",
         "",
         "What would happen if a seed had the same random streams in every cell. \"Hard for all\": a seed fails all"
         " normalizers in many cells at once. \"Hard for one\": each normalizer has such seeds of its own. This is why"
         " streams depend on the group, and not a state that the leaderboard can be in.",
         "",
         f"False claims, in per cent of {draws // 4} leaderboards at 8 / 16 / 64 seeds, as above:"],
        shared,
        ["Coverage of the interval of the mean rate, with seeds hard for one, as above:"],
        mean_rate_table(max(2, draws // 7), OWN),
    ]  # fmt: skip
    return "\n\n".join("\n".join(part) for part in parts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=2000, help="leaderboards for each row of false claims")
    draws = parser.parse_args().draws
    text = PAGE.read_text()
    head, rest = text.split(BEGIN, 1)
    tail = rest.split(END, 1)[1]
    PAGE.write_text(f"{head}{BEGIN}\n\n{measured(draws)}\n\n{END}{tail}")
    figure()
    print(f"{PAGE.relative_to(ROOT)} and {FIGURE.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
