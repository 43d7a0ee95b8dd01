"""What the harness costs: a ring8 trial through the engine against a hand-written loop that does the same steps.

    python benchmarks/overhead.py [--steps 1000] [--repeats 7]

Both run in this process on one thread, in turns (A B A B ...), so that a drifting machine drifts for both. The hand-written
loop is the usual thing: torch.nn modules, torch's own Adam, torch's spectral norm where the cell has it, batches gathered
by index; no telemetry, no evaluation, no verdict. The engine's side is `train`, whole: networks built, telemetry, 25
evaluations, the trace. The ratio of medians is the overhead. More than 1.10 ends with exit
code 1. Beside it stands the ratio to the same loop with torch's fused Adam, the fastest that eager PyTorch offers, and what
telemetry costs: the engine as it is over the engine that logs the first and the last step only.
"""

import argparse
import statistics
import sys
import time
from dataclasses import replace

import torch
from performance.peers import Loop

from ganbench.harness.cells.cell import Cell, Trial
from ganbench.harness.data.store import Store
from ganbench.harness.plugins.registry import Catalog
from ganbench.harness.training.loop import train
from ganbench.harness.training.training import Material, Training

NORMALIZERS = ("none", "spectral_norm")
MOST = 1.10


def by_hand(cell: Cell, data: torch.Tensor, steps: int, fused: bool) -> None:
    """Train the same GAN for as many steps, as one would write it in an afternoon."""
    Loop(cell, data, careful=True, fused=fused).run(steps)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--repeats", type=int, default=7)
    options = parser.parse_args()
    torch.set_num_threads(1)
    catalog = Catalog()
    print(
        f"{'normalizer':<16}{'engine':>10}{'by hand':>10}{'fused':>10}{'ratio':>8}{'to fused':>10}{'telemetry':>11}"
        "   ms per step, medians"
    )
    worst = 0.0
    for normalizer in NORMALIZERS:
        engine, hand, fused, blind = (
            statistics.median(times) for times in compare(catalog, normalizer, options.steps, options.repeats)
        )
        print(
            f"{normalizer:<16}{engine:>10.3f}{hand:>10.3f}{fused:>10.3f}{engine / hand:>8.2f}{engine / fused:>10.2f}"
            f"{engine / blind - 1:>11.1%}"
        )
        worst = max(worst, engine / hand)
    sys.exit(worst > MOST)


def compare(catalog: Catalog, normalizer: str, steps: int, repeats: int) -> list[list[float]]:
    """Return ms per step of every counted run: engine, by hand, by hand with fused Adam, engine that hardly logs."""
    kinds = ("dataset", "architecture", "loss", "optimizer", "metric", "normalizer")
    names = ("ring8", "mlp", "non_saturating", "adam", "mode_coverage", normalizer)
    plugins = {kind: catalog.create(kind, name) for kind, name in zip(kinds, names, strict=True)}
    cell = Cell(**plugins, lr_g=1e-3, lr_d=1e-3, n_dis=1, batch_size=64, steps=steps, evaluations=25, log_points=200)
    data = cell.dataset.load(Store.find())
    material = Material(data, "", cell.metric.prepare(data, Store.find()), catalog.create("normalizer", "none"))
    sides = (
        lambda: train(Training(Trial(cell, 0, 0), material)),
        lambda: by_hand(cell, data.examples, steps, fused=False),
        lambda: by_hand(cell, data.examples, steps, fused=True),
        lambda: train(Training(Trial(replace(cell, log_points=1), 0, 0), material)),
    )
    times: list[list[float]] = [[] for _ in sides]
    for repeat in range(repeats + 1):
        for side, work in zip(times, sides, strict=True):
            started = time.perf_counter()
            work()
            if repeat:  # the first round warms up
                side.append(1000 * (time.perf_counter() - started) / steps)
    return times


if __name__ == "__main__":
    main()
