"""Calibrate late deterioration and oscillation on published training logs, for docs/stability.md.

    python tools/calibrate_detectors.py

What is shown for each of the 36 trainings is what the detectors compute, by their own code: the median Frechet distance of
the last tenth of the evaluations over the best one. The gap in it is where the threshold stands.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from harness.stability import judge, load_definition
from harness.stability.detectors.look import Series
from harness.trace import Trace

ROOT = Path(__file__).parent.parent
DATA = ROOT / "docs" / "data" / "public-training-traces.parquet"
FIGURE = ROOT / "docs" / "figures" / "late-deterioration.svg"
PAGE = ROOT / "docs" / "stability.md"
BEGIN, END = "<!-- calibration: begin -->", "<!-- calibration: end -->"
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
        tails = [
            Series(steps, values, untrained=False).tail(limits.tail, limits.tail_least) for values in (fid, scores)
        ]
        verdict = judge(trace, DEFINITION)
        half = fid[steps > 0.5 * steps[-1]]
        found.append(
            Curve(
                run=str(run).split("-train")[0],
                evaluations=len(fid),
                best=float(fid.min()),
                ratio=tails[0] / float(fid.min()),
                score_drop=1 - tails[1] / float(scores.max()),
                roughness=float(np.median(np.abs(np.diff(np.log(half))))),
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
        ticks = [1, 1.2, 1.5, 2, 3, 5, 10]
        axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        axes.minorticks_off()
        axes.set_xlabel("median FID of the last tenth of the evaluations, over the best FID")
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
        "| | trainings | tail / best FID | Inception Score lost | roughness | oscillation |",
        "|---|---|---|---|---|---|",
    ]
    for words, curves_ in groups.items():
        spans = [
            f"{min(values):.2f} to {max(values):.2f}"
            for values in ([c.ratio for c in curves_], [c.score_drop for c in curves_])
        ]
        rough = [curve.roughness for curve in curves_]
        swings = sum(curve.oscillates for curve in curves_)
        lines.append(
            f"| {words} | {len(curves_)} | {spans[0]} | {spans[1]} | {min(rough):.3f} to {max(rough):.3f} | {swings} |"
        )
    ratios = [curve.ratio for curve in found]
    gap = max(r for r in ratios if r < threshold), min(r for r in ratios if r >= threshold)
    lines += [
        "",
        f"No training lies between {gap[0]:.2f} and {gap[1]:.2f}; the threshold is {threshold:g}. Any threshold in the gap"
        " gives the same verdicts.",
    ]
    return "\n".join(lines)


def main() -> None:
    """Write the figure and the table."""
    found = curves()
    draw(found)
    page = PAGE.read_text(encoding="utf-8")
    head, rest = page.split(BEGIN)
    PAGE.write_text(f"{head}{BEGIN}\n{table(found)}\n{END}{rest.split(END)[1]}", encoding="utf-8")
    print(table(found))
    for curve in found:
        print(f"{curve.ratio:6.2f} {curve.score_drop:6.2f} {curve.roughness:6.3f} {curve.run}")


if __name__ == "__main__":
    main()
