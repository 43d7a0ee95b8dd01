"""Make a large ledger without training: trials of plausible shape and outcome, compacted, for measuring reports.

    python tools/synthetic_ledger.py OUT [--trials 100000] [--normalizers 30] [--seeds 32] [--processes 2]

Settings are as many as it takes. Each has a difficulty and each normalizer a strength; together they say how often a trial
fails, in one of five ways, and its curves and samples look accordingly: a diverged one ends early, a collapsed one loses
its modes. Verdicts are derived from the curves, as of real trainings, and `ganbench ledger verify` finds the ledger whole.
Two runs make the same records. Nothing here says anything about real normalizers.
"""

from __future__ import annotations

import argparse
import math
import sys
from concurrent.futures import ProcessPoolExecutor
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganbench.harness.canonical import digest
from ganbench.harness.cells.points import even_points
from ganbench.harness.ledger import Ledger, Record
from ganbench.harness.ledger.plan import hash_of
from ganbench.harness.traces.decimals import shortest_decimals
from ganbench.harness.traces.trace import KEPT_IMAGES, LayerTrace, Samples, Trace

DEFINITION = 2
STEPS = 1000
LOGGED = 50
EVALUATIONS = 20
LOG_STEPS = np.array([1, *even_points(STEPS, LOGGED)], dtype=np.float64)
EVALUATION_STEPS = np.array([0, *even_points(STEPS, EVALUATIONS)], dtype=np.float64)
LAYERS = {"layer1": (128, 2), "layer2": (128, 128), "layer3": (64, 128), "output": (1, 64)}
SCALARS = ("d_accuracy", "d_fake", "d_grad_norm", "d_loss", "d_real", "g_grad_norm", "g_loss")
MODES = ("diverged", "exploding_gradient", "mode_collapse", "late_deterioration", "never_converged")
DIVERGED, EXPLODED, COLLAPSED, DETERIORATED, NEVER, UNABLE = range(len(MODES) + 1)
POINTS = {"name": "mode_coverage", "samples": 2500, "version": "1"}
IMAGES = {"name": "fidelity", "samples": 1000, "version": "2", "extractor": "digits-cnn"}
DATASETS = {
    "ring8": (POINTS, [("high_quality_share", "higher"), ("mode_coverage", "higher")]),
    "grid25": (POINTS, [("high_quality_share", "higher"), ("mode_coverage", "higher"), ("mode_kl", "lower")]),
    "digits": (IMAGES, [(f"{name}[digits-cnn:1k]", "lower" if name == "fid" else "higher") for name in
                        ("fid", "inception_score", "precision", "recall", "density", "coverage", "diversity")]),
    "shapes": (IMAGES, [("fid[shapes:1k]", "lower"), ("inception_score[shapes:1k]", "higher"),
                        ("diversity[shapes:1k]", "higher")]),
}  # fmt: skip
COUNTS = {"ring8": 8, "grid25": 25}
PROVENANCE = {
    "definition": DEFINITION, "notes": [], "attempt": 1, "device": "cpu", "host": "node1", "machine": "x86_64",
    "pid": 7, "python": "3.11.9", "step": "plain",
    "packages": {"ganbench": "0.1.0", "numpy": "2.2.0", "torch": "2.11.0"}, "threads": 1, "seconds": 4.2,
    "started": 1.7e9, "step_seconds": 0.004,
}  # fmt: skip


def main() -> None:
    """Write the ledger."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--trials", type=int, default=100_000)
    parser.add_argument("--normalizers", type=int, default=30)
    parser.add_argument("--seeds", type=int, default=32)
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    made = make(options.out, options.trials, options.normalizers, options.seeds, options.processes)
    print(f"{made} trials in {options.out}")


def make(out: Path, trials: int, normalizers: int = 30, seeds: int = 32, processes: int = 2) -> int:
    """Write a ledger of about that many trials and return how many they are.

    Args:
        out: Its folder, which holds no ledger yet.
        trials: How many there should be; settings are whole, so it is not met exactly.
        normalizers: How many of them.
        seeds: Trials of a cell.
        processes: How many write.
    """
    ledger = Ledger(out)
    if ledger.parts.names():
        sys.exit(f"{out} holds a ledger already")
    plan = plan_of(max(1, round(trials / (normalizers * seeds))), normalizers, seeds)
    ledger.write_plan(plan)
    cells = plan["cells"]
    size = max(1, 4992 // seeds)
    chunks = [(out, cells[first : first + size], first, seeds) for first in range(0, len(cells), size)]
    with ProcessPoolExecutor(processes) as pool:
        return sum(pool.map(_write, chunks))


def plan_of(groups: int, normalizers: int, seeds: int) -> dict[str, Any]:
    """Return a plan of so many settings and normalizers."""
    each = math.ceil(groups / (2 * len(DATASETS)))
    settings = [f"S{number:02d}" for number in range(1, each + 1)]
    chosen = list(product(DATASETS, ("mlp", "dcgan"), settings))[:groups]
    names = ["none", "spectral_norm", *(f"method_{number:02d}(scale={_scale(number)})" for number in range(2, 999))]
    cells = [
        _cell(place, number, normalizer, *choice)
        for place, choice in enumerate(chosen)
        for number, normalizer in enumerate(names[:normalizers])
    ]
    plan = {
        "suite": "synthetic", "version": 1, "seed": 1, "seeds": seeds,
        "description": "No training was done for these numbers.", "sequential": None, "definition": DEFINITION,
        "baseline": "spectral_norm" if normalizers > 1 else None, "cells": cells, "text": "",
    }  # fmt: skip
    return plan | {"hash": hash_of(plan)}


def _scale(number: int) -> float:
    return round(1 + number / 10, 1)


def _cell(place: int, number: int, normalizer: str, dataset: str, architecture: str, setting: str) -> dict[str, Any]:
    metric, measures = DATASETS[dataset]
    spec = {
        "identity_version": 2,
        "dataset": {"name": dataset, "version": "1", "size": 100_000},
        "architecture": {"name": architecture, "version": "1", "width": 128, "latent": 2},
        "normalizer": {"name": normalizer.partition("(")[0], "version": "1", "scale": _scale(number)},
        "loss": {"name": "hinge", "version": "1"},
        "optimizer": {"name": "adam", "version": "1", "beta1": 0.5, "beta2": 0.999, "eps": 1e-8},
        "metric": metric,
        "lr_g": 1e-3,
        "lr_d": round(1e-4 * 1.5 ** (place % 13), 8),
        "n_dis": 1 + place % 3,
        "batch_size": 64,
        "steps": STEPS,
        "evaluations": EVALUATIONS,
        "log_points": LOGGED,
        "simultaneous": False,
        "lr_decay_from": 1.0,
        "clip_norm": None,
        "penalty_every": 1,
        "ema": 0.0,
    }
    return {
        "id": digest(spec), "dataset": dataset, "architecture": architecture, "normalizer": normalizer, "setting": setting,
        "measures": [{"key": key, "better": better} for key, better in measures], "spec": spec,
    }  # fmt: skip


def _write(chunk: tuple[Path, list[dict[str, Any]], int, int]) -> int:
    out, cells, first, seeds = chunk
    records = [record for place, cell in enumerate(cells, first) for record in _records(cell, place, seeds)]
    Ledger(out).parts.write(sorted(records, key=lambda record: record.trial_id))
    return len(records)


def _records(cell: dict[str, Any], place: int, seeds: int) -> list[Record]:
    random = np.random.default_rng(place)
    scale = cell["spec"]["normalizer"]["scale"]
    weakness, difficulty = abs(math.sin(1.7 * scale)), math.sin(5000 * cell["spec"]["lr_d"])
    chance = 1 / (1 + math.exp(3.8 - 3.5 * weakness - 1.8 * difficulty))
    modes = np.where(random.random(seeds) < chance, random.integers(0, len(MODES), seeds), -1)
    modes[random.random(seeds) < 0.002] = UNABLE
    # Steps of the log and of evaluations. What happens after three quarters is over before a detector has seen enough.
    steps = random.integers(1, 8, seeds) * (STEPS // 10)
    curves = _curves(cell, random, modes, steps)
    about = PROVENANCE | {"sources": {"normalizer": digest(cell["normalizer"], 16), "dataset": "5c92d08c75508c87"}}
    found = []
    for seed, (mode, step) in enumerate(zip(modes, steps, strict=True)):
        spec = {"cell": cell["spec"], "suite_seed": 1, "seed": seed}
        if mode == UNABLE:
            found.append(Record.of(spec, None, about, "RuntimeError: the power iteration met a zero vector"))
        else:
            own = {name: column[seed] for name, column in curves.items()}
            trace = _trace(cell, own, int(step) if mode == DIVERGED else STEPS, random)
            found.append(Record.of(spec, trace, about))
    return found


def _curves(
    cell: dict[str, Any], random: np.random.Generator, modes: NDArray[Any], steps: NDArray[Any]
) -> dict[str, NDArray[Any]]:
    """Return the columns of all seeds: gradient norms, losses, sizes of weights, measures; [seeds, points]."""
    logged, probed = LOG_STEPS[None] / STEPS, EVALUATION_STEPS[None] / STEPS
    at = (steps / STEPS)[:, None]
    after, late = np.maximum(0, logged - at), np.maximum(0, probed - at)

    def noise(points: int, size: float = 0.15) -> NDArray[Any]:
        return 1 + size * random.standard_normal((len(modes), points))

    def among(*those: int) -> NDArray[Any]:
        return np.isin(modes, those)[:, None]

    many, few = logged.size, probed.size
    blow = np.where(among(EXPLODED), np.exp(np.minimum(60 * after, 12)), 1)
    found: dict[str, NDArray[Any]] = {
        "d_grad_norm": (0.5 + 2 * np.exp(-3 * logged)) * blow * noise(many),
        "g_grad_norm": (0.3 + np.exp(-2 * logged)) * np.sqrt(blow) * noise(many),
    }
    for name, middle in (("d_accuracy", 0.6), ("d_fake", -0.3), ("d_loss", 1.2), ("d_real", 0.4), ("g_loss", 0.8)):
        found[name] = np.abs(middle * noise(many))
    for name, shape in LAYERS.items():
        found[f"variance.{name}"] = (1 / max(shape)) * (1 + probed) * noise(few)
        found[f"sigma.{name}"] = (1 + 0.3 * probed) * noise(few)
    found = {name: _single_precision(np.abs(column)) for name, column in found.items()}

    # How good samples are, from 0, and how varied: what is lost is lost within two evaluations.
    lost = 1 - np.exp(-25 * late)
    good = (1 - np.exp(-30 * probed)) * np.where(among(NEVER), 0.25, 1)
    good = good * np.where(among(DETERIORATED), 1 - 0.7 * lost, 1)
    varied = np.where(probed > 0, 1, 0.1) * np.where(among(COLLAPSED), 1 - 0.75 * lost, 1)
    count = COUNTS.get(cell["dataset"], 1)
    for key, _ in DATASETS[cell["dataset"]][1]:
        name = key.partition("[")[0]
        if name == "mode_coverage":
            found[key] = np.rint(count * varied) / count
        elif name == "mode_kl":
            found[key] = 2 * (1.05 - varied) * noise(few)
        elif name == "diversity":
            found[key] = 0.9 * varied * noise(few, 0.03)
        elif name == "fid":
            found[key] = 100 * (1.12 - good) * noise(few, 0.03)
        else:
            found[key] = 0.9 * good * noise(few, 0.03)
    return {name: np.abs(column) for name, column in found.items()}


def _single_precision(column: NDArray[Any]) -> NDArray[Any]:
    """Return numbers as training logs them: shortest decimals of float32."""
    return shortest_decimals(column.astype(np.float32).ravel()).reshape(column.shape)


def _trace(cell: dict[str, Any], curves: dict[str, NDArray[Any]], stopped: int, random: np.random.Generator) -> Trace:
    logged, probed = (steps[steps <= stopped] for steps in (LOG_STEPS, EVALUATION_STEPS))
    better = DATASETS[cell["dataset"]][1]
    scalars = {name: curves[name][: len(logged)] for name in SCALARS}
    if stopped < STEPS:
        scalars["d_grad_norm"] = np.append(scalars["d_grad_norm"][:-1], np.inf)
    evaluations = {key: curves[key][: len(probed)] for key, _ in better}
    return Trace(
        budget=STEPS,
        stopped=stopped,
        steps=logged,
        scalars=scalars,
        probe_steps=probed,
        layers={
            name: LayerTrace(shape, curves[f"variance.{name}"][: len(probed)], curves[f"sigma.{name}"][: len(probed)])
            for name, shape in LAYERS.items()
        },
        evaluation_steps=probed,
        evaluations=evaluations,
        better=dict(better),
        samples=Samples(_samples(cell["dataset"], float(evaluations[better[1][0]][-1]), random)),
    )


def _samples(dataset: str, varied: float, random: np.random.Generator) -> NDArray[Any]:
    if dataset not in COUNTS:
        return random.integers(0, 256, (KEPT_IMAGES, 1, 8, 8), dtype=np.uint8) & np.uint8(0xE0)
    modes = 1 + int(7 * min(1.0, varied))
    angles = 2 * np.pi * random.integers(0, modes, 512) / 8
    centres = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return (centres + 0.05 * random.standard_normal((512, 2))).astype(np.float32)


if __name__ == "__main__":
    main()
