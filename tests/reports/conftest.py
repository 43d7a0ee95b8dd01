"""Small ledgers made by hand: no training, so every number on a page can be worked out on paper.

Verdicts are derived from traces, so each trial gets a trace from which the definition derives what is wanted of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from ganbench.harness.canonical import canonical_json, digest
from ganbench.harness.ledger import Ledger, Record
from ganbench.harness.ledger.plan import hash_of
from ganbench.harness.traces.trace import LayerTrace, Samples, Trace

POINTS = ("ring", "mlp", {"name": "modes", "samples": 100}, [("share", "higher"), ("modes", "higher")])
IMAGES = ("digits", "dcgan", {"name": "fidelity", "samples": 100}, [("fid", "lower")])
BUDGET = 100
EVALUATED = np.linspace(0, BUDGET, 6)
RISING = np.array([0, 0.9, 0.93, 0.96, 0.98, 1])
FALLING = np.array([4, 1.1, 1.08, 1.05, 1.02, 1])
"""What evaluations are before the last one, as a share of that; the first is of the untrained generator."""

FAILS_AT = 40
"""The step of every failure but ``never_converged``, which is the end's."""


@dataclass
class Ledgers:
    """Builds ledgers under a folder.

    ``outcomes`` maps a normalizer's label to one string for each setting, one letter for each seed: ``.`` stable,
    ``c`` mode collapse, ``n`` never converged, ``d`` diverged, ``x`` exploding gradient, ``b`` mode collapse and never
    converged, ``u`` an evaluation that could not be computed (diverged by definition 1, stable by definition 2), ``e``
    method error, `` `` (blank) missing.

    Of what pages show of a failure, two texts come from outside: ``message`` is that of method errors, and the first of
    ``layers`` stands in the reason of exploding gradients.
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
        definition: int = 1,
        host: str = "here",
        message: str = "it raised",
        layers: Sequence[str] = ("first", "last"),
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
        plan = {"suite": suite, "version": 1, "description": description, "seed": 3, "seeds": seeds,
                "definition": definition, "baseline": baseline, "cells": cells,
                "normalizers": {label: {"summary": f"About {label}.", "paper": "A paper"} for label in outcomes},
                "text": f"suite: {suite}\n"}  # fmt: skip
        ledger.write_plan(plan | {"hash": hash_of(plan)})
        records = []
        for place, (setting, kind) in enumerate(settings):
            for label, texts in outcomes.items():
                spec = _cell(label, setting, kind)["spec"]
                for seed, letter in enumerate(texts[place]):
                    if letter == " ":
                        continue
                    final = None if quality is None else quality(label, place, seed)
                    trial = {"cell": spec, "suite_seed": 3, "seed": seed}
                    trace = None if letter == "e" else _trace(trial, letter, kind, points, final, layers)
                    provenance = _provenance(host, definition)
                    if seconds is not None:
                        provenance["step_seconds"] = seconds(label, seed)
                    records.append(Record.of(trial, trace, provenance, message if trace is None else ""))
        for record in reversed(records) if backwards else records:
            changed = change(record)
            if changed is not None:
                ledger.commit(changed)
        return ledger

    @staticmethod
    def retraced(record: Record, **changes: Any) -> Record:
        """Return a record with some fields of its trace changed; as it is where there is none."""
        if record.trace is None:
            return record
        return Record.of(record.spec, replace(record.trace, **changes), record.provenance)

    @staticmethod
    def respecified(cell: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
        """Return a plan's cell with some of its specification changed, and with the identity that it has then."""
        spec = {**cell["spec"], **changes}
        return {**cell, "id": digest(spec), "spec": spec}


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
        "dataset": _plugin(dataset),
        "architecture": _plugin(architecture),
        "normalizer": _plugin(label),
        "metric": metric,
        "lr_d": float(len(setting)),
        "loss": setting,
        "steps": BUDGET,
    }
    return {"id": digest(spec), "dataset": dataset, "architecture": architecture, "normalizer": label, "setting": setting,
            "measures": [{"key": key, "better": better} for key, better in measures], "spec": spec}  # fmt: skip


def _plugin(label: str) -> dict[str, str]:
    """Return the specification of a plugin with a label: its name, and what it has in brackets."""
    name, _, given = label.partition("(")
    if re.fullmatch(r"\w+=[^,()]+(, \w+=[^,()]+)*\)", given):
        parameters = dict(pair.split("=", 1) for pair in given.removesuffix(")").split(", "))
    else:
        name, parameters = label, {}
    return {"name": name, "version": "1", **parameters}


def _provenance(host: str, definition: int) -> dict[str, Any]:
    return {
        "definition": definition,
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


def _trace(
    trial: dict[str, Any],
    letter: str,
    kind: tuple[Any, ...],
    points: int,
    final: float | None,
    layers: Sequence[str],
) -> Trace:
    # No two trials have a trace in common: their networks start elsewhere.
    random = np.random.default_rng(list(canonical_json(trial).encode()))
    dataset, _, _, measures = kind
    steps = np.unique(np.linspace(BUDGET / points, BUDGET, points).round())
    gradient = 1 + random.random(len(steps))
    if letter == "d":
        gradient[steps >= FAILS_AT] = np.nan
    evaluations = {key: _curve(better, trial["seed"], None) for key, better in measures}
    if final is not None:
        evaluations[measures[0][0]] = _curve(measures[0][1], trial["seed"], final)
    _plant(evaluations, letter)
    sigma = {name: np.ones(6) for name in layers}
    if letter == "x":
        sigma[layers[0]] = np.where(EVALUATED >= FAILS_AT, 1000.0, 1.0)
    samples = random.integers(0, 255, (9, 1, 8, 8), dtype=np.uint8)
    return Trace(
        budget=BUDGET,
        stopped=BUDGET,
        steps=steps,
        scalars={"d_grad_norm": gradient, "g_grad_norm": np.ones(len(steps))},
        probe_steps=EVALUATED,
        layers={name: LayerTrace((4, 8), 0.1 + random.random(6), sigma[name]) for name in layers},
        evaluation_steps=EVALUATED,
        evaluations=evaluations,
        better=dict(measures),
        samples=Samples(samples if dataset == "digits" else random.normal(size=(64, 2)).astype(np.float32)),
    )


def _curve(better: str, seed: int, final: float | None) -> np.ndarray:
    """Return evaluations that end at a number; where it is not finite, the others are what they are without it."""
    end = (
        final
        if final is not None and np.isfinite(final)
        else 1 + 0.1 * seed
        if better == "lower"
        else 0.9 - 0.01 * seed
    )
    values = end * (FALLING if better == "lower" else RISING)
    if final is not None:
        values[-1] = final
    return values


def _plant(evaluations: dict[str, np.ndarray], letter: str) -> None:
    """Have evaluations show what a letter says, whatever is measured."""
    if letter in "cb":
        evaluations["mode_coverage"] = np.where((EVALUATED > 0) & (EVALUATED < FAILS_AT), 1, 0.5)
    if letter == "u":
        evaluations["mode_coverage"] = np.where(EVALUATED == FAILS_AT, np.nan, 1)
    if letter in "nb":
        distances = [key for key in evaluations if key.split("[")[0] == "fid"]
        for key in distances:
            evaluations[key][0] = 1.2 * evaluations[key][1]  # the untrained generator was hardly worse
        if not distances:
            evaluations["high_quality_share"] = 0.3 * RISING
