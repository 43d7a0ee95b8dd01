"""Calibrate late deterioration and oscillation on published training logs, for docs/stability.md.

    python tools/calibrate_detectors.py

What is shown for each of the 36 trainings is what the detectors compute, by their own code: the median Frechet distance of
the last tenth of the evaluations over the best median of three consecutive ones. The gap in it is where the threshold
stands. A second table shows how often steady series are accused for their noise, by each definition.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from sections import write_section

from ganbench.harness.stability import judge, known_definitions, load_definition
from ganbench.harness.stability.look import Series
from ganbench.harness.traces.trace import Trace

ROOT = Path(__file__).parent.parent
DATA = ROOT / "docs" / "data" / "public-training-traces.parquet"
FIGURE = ROOT / "docs" / "figures" / "late-deterioration.svg"
PAGE = ROOT / "docs" / "stability.md"
DEFINITION = load_definition(2)


@dataclass(frozen=True)
class Curve:
    """One published training: its tail over its best, its roughness, and what the detectors say."""

    run: str
    evaluations: int
    best: float
    ratio: float
    score_drop: float
    roughness: float
    deteriorated: bool
    oscillates: bool


def curves() -> list[Curve]:
    """Measure every training of the file."""
    table = pd.read_parquet(DATA)
    found = []
    for run, logged in table.groupby("run"):
        rows = logged.dropna(subset=["fid"]).sort_values("step")
        steps, fid = rows["step"].to_numpy(float), rows["fid"].to_numpy(float)
        scores = rows["inception_score"].to_numpy(float)
        evaluations = {"fid": fid, "inception_score": scores}
        trace = Trace(int(steps[-1]), int(steps[-1]), np.empty(0), {}, np.empty(0), {}, steps, evaluations)
        limits = DEFINITION.late_deterioration
        series = [Series(steps, values, untrained=False) for values in (fid, scores)]
        tails = [item.tail(limits.tail, limits.tail_least) for item in series]
        best = [item.best(limits.best_of, sign) for item, sign in zip(series, (1, -1), strict=True)]
        verdict = judge(trace, DEFINITION)
        found.append(
            Curve(
                run=str(run).split("-train")[0],
                evaluations=len(fid),
                best=best[0],
                ratio=tails[0] / best[0],
                score_drop=1 - tails[1] / best[1],
                roughness=series[0].roughness(),
                deteriorated="late_deterioration" in verdict.modes,
                oscillates=bool(verdict.warnings),
            )
        )
    return sorted(found, key=lambda curve: curve.ratio)


def draw(found: list[Curve]) -> None:
    """Draw every training's ratio, and the gap that the threshold stands in."""
    import matplotlib as mpl

    mpl.use("svg")
    import matplotlib.pyplot as plt

    threshold = DEFINITION.late_deterioration.ratio
    ratios = np.array([curve.ratio for curve in found])
    below, above = ratios[ratios < threshold].max(), ratios[ratios >= threshold].min()
    with mpl.rc_context({"svg.hashsalt": "ganbench", "svg.fonttype": "none", "font.size": 9}):
        figure, axes = plt.subplots(figsize=(7, 6.4), layout="constrained")
        places = np.arange(len(found))
        colours = ["#b3261e" if curve.deteriorated else "#1a6bb3" for curve in found]
        axes.axvspan(below, above, color="#0000000f", lw=0)
        axes.axvline(threshold, color="#444", lw=1, ls=(0, (4, 3)))
        axes.scatter(ratios, places, c=colours, s=22, zorder=3)
        axes.set_yticks(places, [curve.run for curve in found], fontsize=6.5)
        axes.set_xscale("log")
        ticks = [1, 1.1, 1.3, 1.5, 2, 3, 5, 10]
        axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        axes.minorticks_off()
        axes.set_xlabel("median FID of the last tenth of the evaluations, over the best median of three")
        axes.set_title(f"Published trainings: none lies between {below:.2f} and {above:.2f}", loc="left", fontsize=10)
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
        axes.grid(axis="x", color="#ddd", lw=0.6)
        axes.set_axisbelow(True)
        FIGURE.parent.mkdir(exist_ok=True)
        figure.savefig(FIGURE, metadata={"Date": None, "Creator": None})


def table(found: list[Curve]) -> str:
    """Return the table of the page."""
    threshold = DEFINITION.late_deterioration.ratio
    groups = {
        "below the threshold": [curve for curve in found if not curve.deteriorated],
        "late deterioration": [curve for curve in found if curve.deteriorated],
    }
    lines = [
        "| | trainings | tail / best FID | in units of the noise | Inception Score lost | noise | oscillation |",
        "|---|---|---|---|---|---|---|",
    ]
    for words, curves_ in groups.items():
        spans = [
            f"{min(values):.2f} to {max(values):.2f}"
            for values in ([c.ratio for c in curves_], [c.score_drop for c in curves_])
        ]
        rough = [curve.roughness for curve in curves_]
        units = [np.log(curve.ratio) / curve.roughness for curve in curves_]
        swings = sum(curve.oscillates for curve in curves_)
        lines.append(
            f"| {words} | {len(curves_)} | {spans[0]} | {min(units):.1f} to {max(units):.0f} | {spans[1]} |"
            f" {min(rough):.3f} to {max(rough):.3f} | {swings} |"
        )
    ratios = [curve.ratio for curve in found]
    gap = max(r for r in ratios if r < threshold), min(r for r in ratios if r >= threshold)
    lines += [
        "",
        f"No training lies between {gap[0]:.2f} and {gap[1]:.2f}; the threshold is {threshold:g}. Any threshold in the gap"
        " gives the same verdicts.",
    ]
    return "\n".join(lines)


def noise_table(draws: int = 1000) -> str:
    """Return how often a steady series is accused, by its length and its noise."""
    definitions = [load_definition(version) for version in known_definitions()]
    random = np.random.default_rng(0)
    lines = [
        "| evaluations | noise | " + " | ".join(f"definition {item.version}" for item in definitions) + " |",
        "|---|---|" + "---|" * len(definitions),
    ]
    for count in (20, 40, 100):
        for noise in (0.05, 0.1, 0.2, 0.3):
            steps, accused = np.arange(1.0, count + 1), [0] * len(definitions)
            for _ in range(draws):
                fid = np.exp(random.normal(0, noise, count))
                trace = Trace(count, count, np.empty(0), {}, np.empty(0), {}, steps, {"fid": fid})
                for index, definition in enumerate(definitions):
                    accused[index] += "late_deterioration" in judge(trace, definition).modes
            lines.append(f"| {count} | {noise:.0%} | " + " | ".join(f"{many / draws:.1%}" for many in accused) + " |")
    return "\n".join(lines)


def main() -> None:
    """Write the figure and the table."""
    found = curves()
    draw(found)
    text = f"{table(found)}\n\nSteady series, with nothing wrong but noise, that are accused of it:\n\n{noise_table()}"
    write_section(PAGE, "calibration", text)
    print(text)
    for curve in found:
        print(f"{curve.ratio:6.2f} {curve.score_drop:6.2f} {curve.roughness:6.3f} {curve.run}")


if __name__ == "__main__":
    main()
