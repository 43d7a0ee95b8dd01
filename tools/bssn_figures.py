"""Draw a figure of "Why Spectral Normalization Stabilizes GANs" from runs of our own, for docs/stability.md.

    python tools/bssn_figures.py [--results results/figures]

Runs suites/figures.yaml (what is missing of it), then draws gradient norms alongside quality, and writes a table: gradient
norms, weight variances, and quality late in training.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from drawings import save_webp
from sections import write_section

from ganbench import load_suite, read_ledger, run
from ganbench.harness.stability import judge, load_definition
from ganbench.harness.traces.trace import Trace

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "docs" / "figures"
PAGE = ROOT / "docs" / "stability.md"
COLOURS = ("#0072b2", "#d98c00", "#009e73")

Traces = dict[tuple[str, str], list[tuple[Trace, bool]]]
"""Traces of all seeds, and whether each failed, by setting and normalizer."""


def traces(results: Path) -> Traces:
    """Run what is missing and return every trace."""
    suite = load_suite("figures")
    if run(suite, results).missing:
        raise SystemExit("not all trials are there: nothing was drawn; the same command goes on")
    ledger = read_ledger(results)
    names = {cell.id: (cell.setting, cell.normalizer.label()) for cell in suite.cells}
    definition = load_definition(suite.definition)
    found: Traces = {names[cell.id]: [] for cell in suite.cells}
    for record in sorted(ledger.records(), key=lambda record: record.seed):
        if record.trace is not None:
            found[names[record.cell_id]].append((record.trace, judge(record.trace, definition).failed))
    return found


def fid_of(trace: Trace) -> np.ndarray:
    """Return the Frechet distances of a trace."""
    return next(column for key, column in trace.evaluations.items() if key.startswith("fid"))


def draw(found: Traces) -> None:
    """Draw the figure."""
    import matplotlib as mpl

    mpl.use("agg")
    settings = list(dict.fromkeys(setting for setting, _ in found))
    normalizers = list(dict.fromkeys(normalizer for _, normalizer in found))
    with mpl.rc_context({"font.size": 9}):
        _gradients(found, settings, normalizers)


def _gradients(found: Traces, settings: list[str], normalizers: list[str]) -> None:
    figure, grid = _figure(2, len(settings), 6.4, 4.6)
    for column, setting in enumerate(settings):
        for index, normalizer in enumerate(normalizers):
            for trace, _ in found[setting, normalizer]:
                grid[0][column].plot(trace.steps, trace.scalars["d_grad_norm"], color=COLOURS[index], lw=0.7, alpha=0.7)
                grid[1][column].plot(trace.evaluation_steps, fid_of(trace), color=COLOURS[index], lw=0.9, alpha=0.8)
        grid[0][column].set_title(setting, loc="left")
        grid[1][column].set_xlabel("step")
    for row, words in enumerate(("gradient norm of the discriminator", "Frechet distance")):
        for axes in grid[row]:
            axes.set_yscale("log")
        grid[row][0].set_ylabel(words)
    _save(figure, normalizers, "bssn-gradients.webp")


def _figure(rows: int, columns: int, width: float, height: float) -> tuple[Any, Any]:
    import matplotlib.pyplot as plt

    figure, grid = plt.subplots(rows, columns, figsize=(width, height), squeeze=False, layout="constrained")
    for axes in grid.flat:
        axes.grid(color="#ddd", lw=0.5)
        axes.set_axisbelow(True)
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
    return figure, grid


def _save(figure: Any, normalizers: list[str], name: str) -> None:
    from matplotlib.lines import Line2D

    handles = [Line2D([], [], color=colour, label=label) for colour, label in zip(COLOURS, normalizers, strict=True)]
    figure.legend(handles=handles, loc="outside upper center", ncols=len(handles), frameon=False)
    FOLDER.mkdir(exist_ok=True)
    save_webp(figure, FOLDER / name)


def table(found: Traces) -> str:
    """Return what was measured: medians over seeds."""
    lines = [
        "| setting | normalizer | unstable | gradient norm, end / reference | largest variance / bound | best FID |"
        " tail / best FID |",
        "|---|---|---|---|---|---|---|",
    ]
    for (setting, normalizer), seeds in found.items():
        grown, spread, best, tails = [], [], [], []
        for trace, _ in seeds:
            gradient = trace.scalars["d_grad_norm"]
            early = (trace.steps >= 0.005 * trace.budget) & (trace.steps <= 0.02 * trace.budget)
            grown.append(np.median(gradient[-20:]) / np.median(gradient[early]))
            spread.append(max(layer.variance[-1] / layer.bound for layer in trace.layers.values()))
            fid = fid_of(trace)[1:]
            best.append(fid.min())
            tails.append(np.median(fid[-4:]) / fid.min())
        middle = [f"{np.median(values):.2g}" for values in (grown, spread, best)]
        failed = sum(bad for _, bad in seeds)
        lines.append(
            f"| {setting} | `{normalizer}` | {failed}/{len(seeds)} | {' | '.join(middle)} |"
            f" {np.median(tails):.2f} ({min(tails):.2f} to {max(tails):.2f}) |"
        )
    return "\n".join(lines)


def main() -> None:
    """Run, draw, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=ROOT / "results" / "figures")
    found = traces(parser.parse_args().results)
    draw(found)
    write_section(PAGE, "figures", table(found))
    print(table(found))


if __name__ == "__main__":
    main()
