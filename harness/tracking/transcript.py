"""What is written into MLflow so that a leaderboard can be read back from it: pure, both ways, without mlflow.

The experiment carries the ledger's plan, each trial's run what became of the trial and where, in tags. MLflow's metrics
alone would not do: they hold no number that is not finite, their names are not the measures', and a curve is a request.
A tag has at most :data:`VALUE_LENGTH` characters, so a longer text goes on in ``….2``, ``….3``; the first begins with
how many there are and with a checksum, for tags of an experiment can only be set one after the other.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ganbench.harness.ledger import Record
from ganbench.harness.planning.seeding import whether_failed
from ganbench.harness.stability import Verdict, load_definition
from ganbench.harness.traces.trace import Column

FORMAT = "4"
"""Raise it when a run is to carry something else: runs that carry another get their tags anew by the next sync."""

FORMAT_TAG = "ganbench.format"
RESULT = "ganbench.result"
PLAN = "ganbench.plan"

VALUE_LENGTH = 5000
"""Of a parameter or a tag; MLflow refuses more than 6,000 and 8,000 characters, or cuts them and says so at length."""

CURVE_POINTS = 25
MESSAGE_LENGTH = 2000
HEAD_LENGTH = 40

SCALARS = ("d_grad_norm", "g_grad_norm")

PROVENANCE = ("packages", "python", "device", "machine", "step", "how", "step_seconds", "sources", "data")
"""What a page says of where a trial ran: no host, no process, no time."""

Curve = tuple[Column, Column]
"""Steps and values."""


@dataclass(frozen=True)
class Transcript:
    """What a trial's run carries.

    Attributes:
        trial_id: Identity of the trial.
        cell_id: Identity of its cell.
        suite_seed: Where its random streams come from.
        seed: The seed's index.
        verdict: By the plan's definition. What a method error said is cut to :data:`MESSAGE_LENGTH` characters.
        relabelled: Whether the record's own verdict is by another definition.
        deciding: Whether it failed, by the definition that decides on sequential seeds; None where that is undecided.
        sha256: Of the record's result.
        budget: Planned steps; None for a method that could not run.
        stopped: The last step; likewise.
        measured: The last evaluation of every measure, finite or not.
        quality: The curve of what trials are ranked by, at most :data:`CURVE_POINTS` points of six digits.
        scalars: Likewise, the curves that :data:`SCALARS` names.
        provenance: Of the record, what :data:`PROVENANCE` names.
    """

    trial_id: str
    cell_id: str
    suite_seed: int
    seed: int
    verdict: Verdict
    relabelled: bool
    deciding: bool | None
    sha256: str
    budget: int | None
    stopped: int | None
    measured: dict[str, float]
    quality: Curve
    scalars: dict[str, Curve]
    provenance: dict[str, Any]


# --- a trial ----------------------------------------------------------------------------------------------------------


def trial_tags(record: Record, plan: Mapping[str, Any], cell: Mapping[str, Any], committed: Record) -> dict[str, str]:
    """Return the tags that a trial's run carries for whoever reads it back.

    Args:
        record: The trial, with the verdict by the plan's definition.
        plan: The ledger's plan.
        cell: The plan's entry for the trial's cell.
        committed: The trial as the ledger holds it.
    """
    trace = record.trace
    evaluations = {} if trace is None else trace.evaluations
    measures = [item["key"] for item in cell.get("measures") or ()] or list(evaluations)
    told = {
        "trial": record.trial_id,
        "cell": record.cell_id,
        "suite_seed": record.spec["suite_seed"],
        "seed": record.seed,
        "verdict": record.verdict.to_json() | {"message": record.verdict.message[:MESSAGE_LENGTH]},
        "relabelled": record.verdict.definition != committed.verdict.definition,
        "deciding": _deciding(record, plan, committed),
        "sha256": committed.sha256,
        "budget": None if trace is None else trace.budget,
        "stopped": None if trace is None else trace.stopped,
        "measured": {key: float(column[-1]) for key, column in evaluations.items() if len(column)},
        "quality": [] if trace is None else _curve(trace.evaluation_steps, evaluations.get(measures[0])
                                                   if measures else None, trace.budget),
        "scalars": {} if trace is None else {
            key: _curve(trace.steps, trace.scalars[key], trace.budget) for key in SCALARS if key in trace.scalars},
        "provenance": {key: record.provenance[key] for key in PROVENANCE if record.provenance.get(key) is not None},
    }  # fmt: skip
    # In ASCII, because a database takes neither NUL nor half a character, both of which JSON can hold.
    text = json.dumps(plain(told), separators=(",", ":"), allow_nan=False)
    return pieces(RESULT, text) | {FORMAT_TAG: FORMAT}


def read_trial(tags: Mapping[str, str]) -> Transcript | None:
    """Return what a run carries; None where it carries nothing, not all of it, or something of another version."""
    text = joined(RESULT, tags) if tags.get(FORMAT_TAG) == FORMAT else None
    if text is None:
        return None
    told = json.loads(text)
    return Transcript(
        trial_id=told["trial"],
        cell_id=told["cell"],
        suite_seed=told["suite_seed"],
        seed=told["seed"],
        verdict=Verdict.from_json(_verdict(told["verdict"])),
        relabelled=told["relabelled"],
        deciding=told["deciding"],
        sha256=told["sha256"],
        budget=told["budget"],
        stopped=told["stopped"],
        measured={key: float(value) for key, value in told["measured"].items()},
        quality=_columns(told["quality"]),
        scalars={key: _columns(curve) for key, curve in told["scalars"].items()},
        provenance=told["provenance"],
    )


def _deciding(record: Record, plan: Mapping[str, Any], committed: Record) -> bool | None:
    said = plan.get("sequential")
    if not said or said["definition"] == plan["definition"]:
        return whether_failed(record.verdict)
    return whether_failed(committed.judged_by(load_definition(said["definition"])))


def _curve(steps: Column, values: Column | None, budget: int) -> list[list[float]]:
    """Thin a curve evenly over the budget: trials that ended at different steps keep those that they share."""
    steps = steps[: 0 if values is None else len(values)]
    if values is None or not len(steps):
        return []
    places = np.arange(len(steps))
    if len(steps) > CURVE_POINTS:
        grid = np.searchsorted(steps, np.linspace(steps[0], max(steps[-1], budget), CURVE_POINTS - 1))
        places = np.unique(np.append(grid[grid < len(steps)], len(steps) - 1))
    return [[float(steps[place]), float(f"{values[place]:.6g}")] for place in places]


def _columns(curve: Sequence[Sequence[float | str]]) -> Curve:
    points = np.array([[float(step), float(value)] for step, value in curve], dtype=np.float64).reshape(-1, 2)
    return points[:, 0], points[:, 1]


def plain(value: Any) -> Any:
    """Replace numbers that are not finite by strings, which every reader of JSON understands."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


def _verdict(told: Mapping[str, Any]) -> dict[str, Any]:
    numbers = {
        key: [item | {name: float(item[name]) for name in ("value", "threshold")} for item in told[key]]
        for key in ("findings", "warnings")
    }
    least = {"least_loss": float(told["least_loss"])} if told.get("least_loss") is not None else {}
    return {**told, **numbers, **least}


# --- the plan ---------------------------------------------------------------------------------------------------------


def plan_tags(plan: Mapping[str, Any]) -> dict[str, str]:
    """Return the tags of an experiment that carry the plan, compressed: cells differ in little; the first tag last."""
    text = json.dumps(plan, sort_keys=True, separators=(",", ":"))
    packed = base64.b64encode(zlib.compress(text.encode(), 9)).decode()
    return dict(reversed(pieces(PLAN, packed).items()))


def read_plan(tags: Mapping[str, str]) -> dict[str, Any] | None:
    """Return the plan that an experiment carries; None where it carries none, or not all of it."""
    packed = joined(PLAN, tags)
    if packed is None:
        return None
    plan: dict[str, Any] = json.loads(zlib.decompress(base64.b64decode(packed)))
    return plan


# --- tags -------------------------------------------------------------------------------------------------------------


def pieces(key: str, text: str) -> dict[str, str]:
    """Return a text of ASCII as tags that no server refuses or cuts."""
    first = VALUE_LENGTH - HEAD_LENGTH
    rest = [text[begin : begin + VALUE_LENGTH] for begin in range(first, len(text), VALUE_LENGTH)]
    head = f"{1 + len(rest)} {_checksum(text)} {text[:first]}"
    return {key: head} | {f"{key}.{number}": piece for number, piece in enumerate(rest, start=2)}


def joined(key: str, tags: Mapping[str, str]) -> str | None:
    """Return the text that tags carry; None where one of them is absent or belongs to another text."""
    many, checksum, first = [*tags.get(key, "").split(" ", 2), "", "", ""][:3]
    if not many.isdecimal():
        return None
    text = first + "".join(tags.get(f"{key}.{number}", "") for number in range(2, int(many) + 1))
    return text if _checksum(text) == checksum else None


def _checksum(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
