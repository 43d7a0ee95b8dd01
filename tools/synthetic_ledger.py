"""Make a large ledger without training: trials of plausible shape and outcome, compacted, for measuring reports.

    python tools/synthetic_ledger.py OUT [--trials 100000] [--normalizers 30] [--seeds 32] [--processes 2]

Settings are as many as it takes. Each has a difficulty and each normalizer a strength; together they say how often a trial
fails, in one of five ways, and its curves and samples look accordingly: a diverged one ends early, a collapsed one loses
its modes. Two runs make the same records. Nothing here says anything about real normalizers.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import math
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganbench.harness.canonical import canonical_json, digest
from ganbench.harness.ledger import Ledger, Record
from ganbench.harness.stability import METHOD_ERROR, STABLE, UNSTABLE, Finding, Verdict

STEPS = 1000
LOGGED = 50
EVALUATIONS = 20
LAYERS = {"layer1": (128, 2), "layer2": (128, 128), "layer3": (64, 128), "output": (1, 64)}
MODES = ("diverged", "exploding_gradient", "mode_collapse", "late_deterioration", "never_converged")
POINTS = {"name": "mode_coverage", "samples": 2500, "version": "1"}
IMAGES = {"name": "fidelity", "samples": 1000, "version": "2", "extractor": "digits-cnn"}
DATASETS = {
    "ring8": (POINTS, [("high_quality_share", "higher"), ("modes", "higher")]),
    "grid25": (POINTS, [("high_quality_share", "higher"), ("modes", "higher"), ("mode_kl", "lower")]),
    "digits": (IMAGES, [(f"{name}[digits-cnn:1k]", "lower" if name == "fid" else "higher") for name in
                        ("fid", "inception_score", "precision", "recall", "density", "coverage", "diversity")]),
    "shapes": (IMAGES, [("fid[shapes:1k]", "lower"), ("inception_score[shapes:1k]", "higher")]),
}  # fmt: skip
PROVENANCE = {
    "attempt": 1, "device": "cpu", "host": "node1", "machine": "x86_64", "pid": 7, "python": "3.11.9", "step": "plain",
    "packages": {"ganbench": "0.1.0", "numpy": "2.2.0", "torch": "2.11.0"}, "threads": 1, "notes": [], "seconds": 4.2,
    "started": 1.7e9, "step_seconds": 0.004,
}  # fmt: skip


@dataclass(frozen=True)
class Ready(Record):
    """A record whose text is at hand."""

    text: str = ""

    def to_text(self) -> str:
        """Return the record as it stands in its file."""
        return self.text


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
    names = ["none", "spectral_norm", *(f"method_{number:02d}(scale={1 + number / 10:g})" for number in range(2, 999))]
    cells = [
        _cell(place, number, normalizer, *choice)
        for place, choice in enumerate(chosen)
        for number, normalizer in enumerate(names[:normalizers])
    ]
    return {
        "suite": "synthetic", "version": 1, "hash": digest([cell["id"] for cell in cells]), "seed": 1, "seeds": seeds,
        "description": "No training was done for these numbers.", "sequential": None, "definition": 2,
        "baseline": "spectral_norm" if normalizers > 1 else None, "cells": cells, "text": "",
    }  # fmt: skip


def _cell(place: int, number: int, normalizer: str, dataset: str, architecture: str, setting: str) -> dict[str, Any]:
    metric, measures = DATASETS[dataset]
    spec = {
        "identity_version": 2,
        "dataset": {"name": dataset, "version": "1", "size": 100_000},
        "architecture": {"name": architecture, "version": "1", "width": 128, "latent": 2},
        "normalizer": {"name": normalizer.partition("(")[0], "version": "1", "scale": 1 + number / 10},
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
    modes[random.random(seeds) < 0.002] = len(MODES)  # the method could not run
    steps = random.integers(1, EVALUATIONS, seeds) * (STEPS // EVALUATIONS)
    curves = _curves(cell, random, modes, steps, seeds)
    prefix = canonical_json(cell["spec"])
    about = PROVENANCE | {"sources": {"normalizer": digest(cell["normalizer"], 16), "dataset": "5c92d08c75508c87"}}
    provenance = canonical_json(about)
    return [
        _record(cell, seed, prefix, provenance, about, int(modes[seed]), int(steps[seed]), curves, random)
        for seed in range(seeds)
    ]


def _record(
    cell: dict[str, Any], seed: int, prefix: str, provenance: str, about: dict[str, Any],
    mode: int, step: int, curves: dict[str, NDArray[Any]], random: np.random.Generator,
) -> Record:  # fmt: skip
    canonical = f'{{"cell":{prefix},"seed":{seed},"suite_seed":1}}'
    trial = hashlib.sha256(canonical.encode()).hexdigest()[:20]
    if mode == len(MODES):
        verdict, trace = Verdict(METHOD_ERROR, 2, message="RuntimeError: the power iteration met a zero vector"), None
    else:
        reason = f"the detector of {MODES[mode].replace('_', ' ')} found {random.random():.2f} where it allows 0.5"
        found = () if mode < 0 else (Finding(MODES[mode], step, 0.25, 0.5, reason),)
        verdict = Verdict(UNSTABLE if found else STABLE, 2, found)
        trace = _trace(cell, seed, step if mode == 0 else STEPS, curves, random)
    result = {"schema": 1, "trial": trial, "cell": cell["id"], "verdict": verdict.to_json(), "trace": trace}
    spec = {"cell": cell["spec"], "suite_seed": 1, "seed": seed}
    text = json.dumps(result | {"spec": spec}, sort_keys=True, separators=(",", ":"), allow_nan=False)
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    record = Ready(
        trial, cell["id"], spec, verdict, trace, about,
        text=f'{{"provenance":{provenance},"result":{text},"sha256":"{sha256}"}}',
    )  # fmt: skip
    record.__dict__["sha256"] = sha256
    return record


def _curves(
    cell: dict[str, Any], random: np.random.Generator, modes: NDArray[Any], steps: NDArray[Any], seeds: int
) -> dict[str, NDArray[Any]]:
    """Return the columns of all seeds: gradient norms, losses, sizes of weights, measures; [seeds, points]."""
    logged, probed = np.linspace(0, 1, LOGGED + 1)[None], np.linspace(0, 1, EVALUATIONS + 1)[None]
    at = (steps / STEPS)[:, None]
    after, late = np.maximum(0, logged - at), np.maximum(0, probed - at)

    def noise(points: int) -> NDArray[Any]:
        return 1 + 0.15 * random.standard_normal((seeds, points))

    blow = np.where(np.isin(modes, (0, 1))[:, None], np.exp(np.minimum(14 * after, 12)), 1)
    good = np.where(np.isin(modes, (2, 3))[:, None], np.exp(-6 * late), 1)
    good = (
        good
        * np.where((modes == 4)[:, None], 0.2, 1)
        * (1 - np.exp(-5 * probed))
        * np.clip(noise(EVALUATIONS + 1), 0, 1.1)
    )
    found: dict[str, NDArray[Any]] = {
        "d_grad_norm": (0.5 + 2 * np.exp(-3 * logged)) * blow * noise(LOGGED + 1),
        "g_grad_norm": (0.3 + np.exp(-2 * logged)) * np.sqrt(blow) * noise(LOGGED + 1),
    }
    for name, middle in (("d_accuracy", 0.6), ("d_fake", -0.3), ("d_loss", 1.2), ("d_real", 0.4), ("g_loss", 0.8)):
        found[name] = middle * noise(LOGGED + 1)
    for name, shape in LAYERS.items():
        found[f"variance.{name}"] = (
            (1 / max(shape)) * (1 + probed) * blow[:, :: LOGGED // EVALUATIONS][:, : EVALUATIONS + 1]
        )
        found[f"variance.{name}"] = found[f"variance.{name}"] * noise(EVALUATIONS + 1)
        found[f"sigma.{name}"] = noise(EVALUATIONS + 1) * (1 + 0.3 * probed)
    for key, better in DATASETS[cell["dataset"]][1]:
        found[key] = 100 * (1.02 - np.minimum(good, 1)) * noise(EVALUATIONS + 1) if better == "lower" else good
    return {name: np.round(np.abs(column), 7) for name, column in found.items()}


def _trace(
    cell: dict[str, Any], seed: int, stopped: int, curves: dict[str, NDArray[Any]], random: np.random.Generator
) -> dict[str, Any]:
    steps = [1, *(STEPS * point // LOGGED for point in range(1, LOGGED + 1))]
    probed = [STEPS * point // EVALUATIONS for point in range(EVALUATIONS + 1)]
    points, probes = sum(step <= stopped for step in steps), sum(step <= stopped for step in probed)

    def column(name: str, count: int) -> list[float | str]:
        values: list[float | str] = curves[name][seed, :count].tolist()
        if stopped < STEPS and name == "d_grad_norm":
            values[-1] = "inf"
        return values

    better = DATASETS[cell["dataset"]][1]
    layers = {
        name: {
            "first": 0, "matrix_shape": list(shape), "variance": column(f"variance.{name}", probes),
            "sigma": column(f"sigma.{name}", probes), "stable_rank": [],
        }
        for name, shape in LAYERS.items()
    }  # fmt: skip
    names = ("d_accuracy", "d_fake", "d_grad_norm", "d_loss", "d_real", "g_grad_norm", "g_loss")
    return {
        "budget": STEPS, "stopped": stopped, "steps": steps[:points],
        "scalars": {name: column(name, points) for name in names},
        "probe_steps": probed[:probes], "layers": layers, "probes": {},
        "evaluation_steps": probed[:probes], "evaluations": {key: column(key, probes) for key, _ in better},
        "better": [list(item) for item in better],
        "samples": _samples(cell["dataset"], float(curves[better[-1][0]][seed, probes - 1]), random),
    }  # fmt: skip


def _samples(dataset: str, quality: float, random: np.random.Generator) -> dict[str, Any]:
    values: NDArray[Any]
    if dataset in ("digits", "shapes"):
        values = random.integers(0, 256, (64, 1, 8, 8), dtype=np.uint8) & np.uint8(0xE0)
    else:
        modes = 1 + int(7 * min(1.0, quality))
        angles = 2 * np.pi * random.integers(0, modes, 512) / 8
        centres = np.stack([np.cos(angles), np.sin(angles)], axis=1)
        values = (centres + 0.05 * random.standard_normal((512, 2))).astype(np.float32)
    return {
        "dtype": str(values.dtype), "shape": list(values.shape), "data": base64.b64encode(values.tobytes()).decode(),
    }  # fmt: skip


if __name__ == "__main__":
    main()
