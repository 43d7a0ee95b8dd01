"""What measures of quality say of a generator that has learnt next to nothing, for a trial's data: a bar's other end.

It depends on the data and on the protocol, never on the network that is trained, so it is one for all methods of a setting.
A worker computes it with the real examples' statistics and writes it into the record. Records that are older have none; for
the data that the published leaderboards use it is known here.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

DIGITS = {0: 37.295512, 250: 37.236983}
"""Trace of the covariance of digits-cnn's features of the digits that are trained on, by how many are held out. Images of
any side are seen as the 8x8 that they are."""

TOLERANCE = 1e-5
"""By which the same statistic may differ between machines, relative."""


def references_of(cell: Mapping[str, Any], provenance: Mapping[str, Any]) -> dict[str, float]:
    """Return, by measure, what a generator has that gives one sample only.

    Args:
        cell: The specification of a trial's cell.
        provenance: Its provenance.
    """
    recorded = recorded_references(provenance)
    return known_references(cell) if recorded is None else recorded


def recorded_references(provenance: Mapping[str, Any]) -> dict[str, float] | None:
    """Return what a worker wrote into a record; None where it is older.

    Args:
        provenance: Of a trial.
    """
    recorded = provenance.get("references")
    if not isinstance(recorded, Mapping):
        return None
    numbers = ((str(key), _number(value)) for key, value in recorded.items())
    return {key: value for key, value in numbers if value is not None}


def known_references(cell: Mapping[str, Any]) -> dict[str, float]:
    """Return them for data that are known here; nothing for others.

    Args:
        cell: The specification of a trial's cell.
    """
    dataset = cell.get("dataset")
    if not isinstance(dataset, Mapping) or dataset.get("name") != "digits":
        return {}
    held_out = dataset.get("held_out", 0)
    known = DIGITS.get(held_out) if type(held_out) is int else None
    return {} if known is None else dict.fromkeys(_distances(cell.get("metric")), known)


def equal_references(some: Mapping[str, float], others: Mapping[str, float]) -> bool:
    """Say whether two are the same, but for the rounding of another machine."""
    return some.keys() == others.keys() and holds(some, others)


def holds(recorded: Mapping[str, float], known: Mapping[str, float]) -> bool:
    """Say whether what was recorded has all that is known, but for the rounding of another machine."""
    return all(
        key in recorded and math.isclose(recorded[key], value, rel_tol=TOLERANCE) for key, value in known.items()
    )


def _distances(metric: Any) -> Iterator[str]:
    """Yield the names of a metric's Frechet distances over digits-cnn of all training examples."""
    if not isinstance(metric, Mapping):
        return
    for part in metric.get("parts", [metric]):
        if isinstance(part, Mapping) and part.get("extractor") == "digits-cnn" and part.get("real") is None:
            count = part.get("samples")
            if type(count) is int and part.get("split") == "train":
                yield f"fid[digits-cnn:{f'{count // 1000}k' if count % 1000 == 0 else count}_full]"


def _number(value: object) -> float | None:
    if not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None
