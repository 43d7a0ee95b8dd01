"""Validate the detectors on trainings built to fail in one known way, and on trainings known to be healthy.

    python tools/plant_failures.py [--seeds 10] [--healthy 50] [--processes 2]

Each kind of failure is planted on the ring and on the digits, by its cause, not by its symptom: a learning rate, a loss,
data, a frozen network. The healthy settings were chosen on other seeds, by the quality that they reach. What the
detectors of the newest definition say goes, as a confusion matrix, into docs/stability.md, and trial by trial into
docs/data/planted-failures.csv.
"""

from __future__ import annotations

import argparse
import csv
import os
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from sections import write_section

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "stability.md"
TRIALS = ROOT / "docs" / "data" / "planted-failures.csv"
SUITE_SEED = 20_260

RING = {
    "dataset": {"name": "ring8", "std": 0.05},
    "architecture": "mlp",
    "metric": {"name": "mode_coverage", "samples": 1000},
    "loss": "non_saturating",
    "normalizer": "batch_norm",
    "lr_g": 1e-3,
    "lr_d": 1e-3,
    "batch_size": 128,
    "steps": 1200,
}
DIGITS = {
    "dataset": "digits",
    "architecture": {"name": "dcgan", "width": 16, "latent": 32},
    "metric": {
        "name": "fidelity",
        "extractor": "digits-cnn",
        "samples": 500,
        "measures": ["fid", "inception_score", "precision", "recall", "density", "coverage", "diversity"],
    },
    "loss": "hinge",
    "normalizer": "batch_norm",
    "lr_g": 2e-4,
    "lr_d": 2e-4,
    "batch_size": 32,
    "steps": 600,
}
SETTINGS = {"ring8": RING, "digits": DIGITS}
COMMON = {"optimizer": "adam", "n_dis": 1, "evaluations": 20, "log_points": 200}


@dataclass(frozen=True)
class Planted:
    """A way to fail, planted on the healthy settings.

    Attributes:
        words: What was done.
        mode: The failure mode that the detectors should find; "" for healthy trainings.
        changes: Of the cell.
        data: What the training sees of the data set; evaluations see all of it.
        late_rate: From three fifths of the training on, learning rates are multiplied by this.
    """

    words: str
    mode: str
    changes: dict[str, Any] = field(default_factory=dict)
    data: Callable[[Any], Any] | None = None
    late_rate: float | None = None


def duplicates(data: Any) -> Any:
    """Return what a broken loader gives: two of eight modes, or one image, over and over."""
    import torch

    if data.modes is None:
        return replace(data, examples=data.examples[:1].repeat(64, 1, 1, 1))
    near = torch.cdist(data.examples, data.modes.centres).argmin(dim=1) < 2
    return replace(data, examples=data.examples[near])


PLANTED = {
    "healthy": Planted("nothing", ""),
    "huge steps": Planted(
        "gradient descent with a rate of 1000 on unbounded logits", "diverged",
        {"optimizer": "sgd", "loss": "wgan", "normalizer": "none", "lr_g": 1e3, "lr_d": 1e3},
    ),
    "unbounded critic": Planted(
        "WGAN without any constraint, Adam with a rate of 0.02", "exploding_gradient",
        {"loss": "wgan", "normalizer": "none", "lr_d": 2e-2, "lr_g": 1e-4},
    ),
    "perfect discriminator": Planted(
        "saturating loss, five fast discriminator updates for a slow generator's one", "vanishing_gradient",
        {"loss": "minimax", "normalizer": "none", "lr_d": 1e-2, "lr_g": 1e-6, "n_dis": 5},
    ),
    "duplicated data": Planted("training on duplicates, two of eight modes or one image", "mode_collapse", data=duplicates),
    "late jump": Planted(
        "both learning rates times 500 from three fifths of the training on", "late_deterioration", late_rate=500.0
    ),
    "frozen discriminator": Planted("the discriminator's learning rate is zero", "never_converged", {"lr_d": 0.0}),
}  # fmt: skip


def run(job: tuple[str, str, int]) -> dict[str, Any]:
    """Train one planted trial and return what was found."""
    import torch

    from ganbench.harness.cells.cell import Cell, Trial
    from ganbench.harness.data.store import Store
    from ganbench.harness.plugins.registry import Catalog
    from ganbench.harness.stability import judge, known_definitions, load_definition
    from ganbench.harness.training.loop import train
    from ganbench.harness.training.training import Material, Training

    torch.set_num_threads(1)
    kind, setting, seed = job
    planted, catalog, store = PLANTED[kind], Catalog(), Store.find()
    chosen = {**COMMON, **SETTINGS[setting], **planted.changes}
    plugins = ("dataset", "architecture", "metric", "loss", "normalizer", "optimizer")
    cell = Cell(**{key: catalog.create(key, chosen.pop(key)) for key in plugins}, **chosen)  # type: ignore[arg-type]
    data = cell.dataset.load(store)
    evaluate = cell.metric.prepare(data, store)
    seen = data if planted.data is None else planted.data(data)
    default = catalog.create("normalizer", cell.architecture.generator_normalizer)
    training = Training(Trial(cell, SUITE_SEED, seed), Material(seen, "", evaluate, default))  # type: ignore[arg-type]
    if planted.late_rate is not None:
        _raise_rates(training, planted.late_rate)
    trace = train(training)
    verdict = judge(trace, load_definition(known_definitions()[-1]))
    return {
        "planted": kind,
        "data": setting,
        "seed": seed,
        "expected": planted.mode,
        "found": " ".join(verdict.modes),
        "step": verdict.failed_at,
        "reason": "; ".join(finding.reason for finding in verdict.findings),
    }


def _raise_rates(training: Any, factor: float) -> None:
    import torch

    draw, steps = training.draw, training.trial.cell.steps

    def disturbed(now: int) -> Any:
        batch = draw(now)
        share = factor if now > 0.6 * steps else 1.0
        return replace(batch, lr_share=torch.tensor(share, dtype=torch.float64))

    training.draw = disturbed


def matrix(rows: list[dict[str, Any]]) -> str:
    """Return the confusion matrix and the two rates that matter, as markdown."""
    modes = [planted.mode for planted in PLANTED.values() if planted.mode]
    lines = [
        "| planted | by | trainings | stable | " + " | ".join(mode.replace("_", " ") for mode in modes) + " |",
        "|---|---|---|---|" + "---|" * len(modes),
    ]
    for kind, planted in PLANTED.items():
        own = [row["found"].split() for row in rows if row["planted"] == kind]
        counts = [str(sum(mode in found for found in own)) for mode in modes]
        marked = [f"**{text}**" if mode == planted.mode else text for mode, text in zip(modes, counts, strict=True)]
        stable = str(sum(not found for found in own))
        lines.append(
            f"| {(planted.mode or kind).replace('_', ' ')} | {planted.words} | {len(own)} |"
            f" {f'**{stable}**' if not planted.mode else stable} | " + " | ".join(marked) + " |"
        )
    failing = [row for row in rows if row["expected"]]
    healthy = [row for row in rows if not row["expected"]]
    named = sum(row["expected"] in row["found"].split() for row in failing)
    caught = sum(bool(row["found"]) for row in failing)
    accused = sum(bool(row["found"]) for row in healthy)
    lines += [
        "",
        f"Of {len(failing)} planted failures {caught} were found ({caught / len(failing):.1%}), {named} of them by the"
        f" mode that was planted ({named / len(failing):.1%}). Of {len(healthy)} healthy trainings {accused} were accused"
        f" ({accused / len(healthy):.1%}). A training can fail in several ways, so rows add up to more than the trainings.",
    ]
    return "\n".join(lines)


def main() -> None:
    """Train everything and write the page's table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10, help="of each kind of failure, on each data set")
    parser.add_argument("--healthy", type=int, default=50, help="healthy trainings on each data set")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--only", choices=PLANTED, help="one kind; prints, writes nothing")
    options = parser.parse_args()
    kinds = [options.only] if options.only else list(PLANTED)
    jobs = [
        (kind, setting, seed)
        for kind in kinds
        for setting in SETTINGS
        for seed in range(options.seeds if PLANTED[kind].mode else options.healthy)
    ]
    started, rows = time.time(), []
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    with ProcessPoolExecutor(options.processes) as pool:
        for row in pool.map(run, jobs):
            rows.append(row)
            if options.only:
                print(row)
    if not options.only:
        print(matrix(rows))
    print(f"{len(rows)} trainings in {time.time() - started:.0f} s")
    if options.only:
        return
    with TRIALS.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    write_section(PAGE, "planted", matrix(rows))


if __name__ == "__main__":
    main()
