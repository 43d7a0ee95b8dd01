"""Small ledgers made by hand: no training, so every number on a page can be worked out on paper."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from ganbench.harness.canonical import digest
from ganbench.harness.ledger import Ledger, Record
from ganbench.harness.stability import METHOD_ERROR, STABLE, UNSTABLE, Finding, Verdict
from ganbench.harness.traces.trace import LayerTrace, Samples, Trace

POINTS = ("ring", "mlp", {"name": "modes", "samples": 100}, [("share", "higher"), ("modes", "higher")])
IMAGES = ("digits", "dcgan", {"name": "fidelity", "samples": 100}, [("fid", "lower")])


@dataclass
class Ledgers:
    """Builds ledgers under a folder.

    ``outcomes`` maps a normalizer's label to one string for each setting, one letter for each seed: ``.`` stable,
    ``c`` mode collapse, ``n`` never converged, ``d`` diverged, ``b`` mode collapse and never converged, ``e`` method
    error, `` `` (blank) missing.
    """

    folder: Path
    made: int = field(default=0)
    points: ClassVar[tuple[Any, ...]] = POINTS
    images: ClassVar[tuple[Any, ...]] = IMAGES

    def __call__(
        self,
        outcomes: Mapping[str, Sequence[str]],
        *,
        settings: Sequence[tuple[str, tuple[Any, ...]]] = (("fast", POINTS), ("slow", IMAGES)),
        suite: str = "tiny",
        description: str = "Which is stable?",
        baseline: str | None = None,
        host: str = "here",
        reason: str = "it collapsed",
        backwards: bool = False,
        points: int = 20,
        quality: Callable[[str, int, int], float] | None = None,
        seconds: Callable[[str, int], float] | None = None,
        change: Callable[[Record], Record | None] = lambda record: record,
    ) -> Ledger:
        self.made += 1
        ledger = Ledger(self.folder / f"ledger{self.made}")
        columns = max(len(texts) for texts in outcomes.values())
        settings = settings[:columns]
        seeds = max(len(text) for texts in outcomes.values() for text in texts)
        cells = [_cell(label, setting, kind) for setting, kind in settings for label in outcomes]
        plan = {"suite": suite, "version": 1, "hash": "0" * 20, "description": description, "seed": 3, "seeds": seeds,
                "definition": 1, "baseline": baseline, "cells": cells,
                "normalizers": {label: {"summary": f"About {label}.", "paper": "A paper"} for label in outcomes},
                "text": f"suite: {suite}\n"}  # fmt: skip
        ledger.write_plan(plan)
        records = []
        for place, (setting, kind) in enumerate(settings):
            for label, texts in outcomes.items():
                cell = _cell(label, setting, kind)
                for seed, letter in enumerate(texts[place]):
                    if letter != " ":
                        final = None if quality is None else quality(label, place, seed)
                        made = _record(cell, seed, letter, kind, host, reason, points, final)
                        if seconds is not None:
                            made.provenance["step_seconds"] = seconds(label, seed)
                        records.append(made)
        for record in reversed(records) if backwards else records:
            changed = change(record)
            if changed is not None:
                ledger.commit(changed)
        return ledger


@pytest.fixture
def ledgers(tmp_path: Path) -> Ledgers:
    return Ledgers(tmp_path)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Ledgers:
    """The same, for ledgers that several tests of a module read."""
    return Ledgers(tmp_path_factory.mktemp("ledgers"))


def _cell(label: str, setting: str, kind: tuple[Any, ...]) -> dict[str, Any]:
    dataset, architecture, metric, measures = kind
    spec = {
        "dataset": {"name": dataset, "version": "1"},
        "architecture": {"name": architecture, "version": "1"},
        "normalizer": {"name": label, "version": "1"},
        "metric": metric,
        "lr_d": float(len(setting)),
        "loss": setting,
        "steps": 100,
    }
    return {"id": digest(spec), "dataset": dataset, "architecture": architecture, "normalizer": label, "setting": setting,
            "measures": [{"key": key, "better": better} for key, better in measures], "spec": spec}  # fmt: skip


FOUND = {
    ".": (),
    "c": ("mode_collapse",),
    "n": ("never_converged",),
    "d": ("diverged",),
    "b": ("mode_collapse", "never_converged"),
}


def _record(
    cell: dict[str, Any],
    seed: int,
    letter: str,
    kind: tuple[Any, ...],
    host: str,
    reason: str,
    points: int,
    final: float | None,
) -> Record:
    spec = {"cell": cell["spec"], "suite_seed": 3, "seed": seed}
    if letter == "e":
        verdict, trace = Verdict(METHOD_ERROR, 1, message=reason), None
    else:
        findings = tuple(Finding(mode, 40, 0.1, 0.9, reason) for mode in FOUND[letter])
        verdict = Verdict(UNSTABLE if findings else STABLE, 1, findings)
        trace = _trace(seed, letter, kind, points, final).to_json()
    provenance = {
        "started": 1e9 + len(host),
        "seconds": 1.0,
        "host": host,
        "pid": 5,
        "device": "cpu",
        "machine": "x86_64",
        "python": "3.11.0",
        "packages": {"torch": "2.11.0", "ganbench": "0.1.0"},
        "sources": {"normalizer": "abc"},
    }
    return Record(digest(spec), cell["id"], spec, verdict, trace, provenance)


def _trace(seed: int, letter: str, kind: tuple[Any, ...], points: int, final: float | None) -> Trace:
    random = np.random.default_rng(seed)
    dataset, _, _, measures = kind
    steps = np.linspace(100 / points, 100, points).round()
    evaluated = np.linspace(0, 100, 6)
    gradient = 1 + random.random(points)
    if letter == "d":
        gradient[points // 2 :] = np.nan
    values = {key: np.linspace(9, 1 + 0.1 * seed, 6) if better == "lower" else np.linspace(0, 0.9 - 0.01 * seed, 6)
              for key, better in measures}  # fmt: skip
    if final is not None:
        values[measures[0][0]][-1] = final
    samples = random.integers(0, 255, (9, 1, 8, 8), dtype=np.uint8)
    return Trace(
        budget=100,
        stopped=100,
        steps=steps,
        scalars={"d_grad_norm": gradient, "g_grad_norm": np.ones(points)},
        probe_steps=evaluated,
        layers={name: LayerTrace((4, 8), 0.1 + random.random(6), np.ones(6)) for name in ("first", "last")},
        evaluation_steps=evaluated,
        evaluations=values,
        better=dict(measures),
        samples=Samples(samples if dataset == "digits" else random.normal(size=(64, 2)).astype(np.float32)),
    )
