"""Records as version 1 wrote them: texts with their verdict in them, and parts that hold these. It is frozen."""

from __future__ import annotations

import base64
import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from ganbench.harness.stability import Verdict
from ganbench.harness.traces.trace import Trace


def canonical(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def digest(value: object, digits: int = 20) -> str:
    return hashlib.sha256(canonical(value).encode()).hexdigest()[:digits]


def result_of(trial: str, cell: str, spec: Mapping[str, Any], verdict: Verdict, trace: Trace | None) -> dict[str, Any]:
    """Return what the checksum of a record was over."""
    told = {key: value for key, value in asdict(verdict).items() if key != "added"}
    return {
        "schema": 1,
        "trial": trial,
        "cell": cell,
        "spec": dict(spec),
        "verdict": _encodable(told),
        "trace": None if trace is None else _trace(trace),
    }


def sealed(result: Mapping[str, Any], provenance: Mapping[str, Any]) -> str:
    """Return a record's text, with the checksum of whatever is in it."""
    return canonical({"result": result, "sha256": digest(result, 64), "provenance": provenance})


def text_of(spec: Mapping[str, Any], verdict: Verdict, trace: Trace | None, provenance: Mapping[str, Any]) -> str:
    """Return the text of a record that is what it says."""
    return sealed(result_of(digest(spec), digest(spec["cell"]), spec, verdict, trace), provenance)


def write_single(ledger: Path, text: str) -> Path:
    """Write a record's file."""
    trial = json.loads(text)["result"]["trial"]
    path = ledger / "trials" / trial[:2] / f"{trial}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def write_part(ledger: Path, texts: Sequence[str], number: int = 1) -> Path:
    """Write records into a part, as compaction did."""
    import pyarrow
    from pyarrow import parquet

    text, real = pyarrow.string(), pyarrow.float64()
    schema = pyarrow.schema(
        [
            ("trial", text),
            ("cell", text),
            ("seed", pyarrow.int64()),
            ("outcome", text),
            ("modes", pyarrow.list_(text)),
            ("seconds", real),
            ("started", real),
            ("host", text),
            ("device", text),
            ("attempt", pyarrow.int64()),
            ("record", text),
        ]
    )
    rows = sorted((_row(content) for content in texts), key=lambda row: row["trial"])
    path = ledger / "parts" / f"part-{number:05d}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    table = pyarrow.Table.from_pylist(rows, schema=schema)
    parquet.write_table(
        table, path, compression="zstd", compression_level=9, row_group_size=64, write_page_checksum=True
    )
    return path


def _row(text: str) -> dict[str, Any]:
    value = json.loads(text)
    result, provenance = value["result"], value["provenance"]
    verdict = result["verdict"]
    modes = ["method_error"] if verdict["outcome"] == "method_error" else [item["mode"] for item in verdict["findings"]]
    return {
        "trial": result["trial"],
        "cell": result["cell"],
        "seed": int(result["spec"]["seed"]),
        "outcome": verdict["outcome"],
        "modes": modes,
        "seconds": float(provenance.get("seconds", 0)),
        "started": float(provenance.get("started", 0)),
        "host": str(provenance.get("host", "")),
        "device": str(provenance.get("device", "")),
        "attempt": int(provenance.get("attempt", 1)),
        "record": text,
    }


def _trace(trace: Trace) -> dict[str, Any]:
    samples = None if trace.samples is None else np.ascontiguousarray(trace.samples.values)
    return {
        "budget": trace.budget,
        "stopped": trace.stopped,
        "steps": _numbers(trace.steps),
        "scalars": {key: _numbers(column) for key, column in trace.scalars.items()},
        "probe_steps": _numbers(trace.probe_steps),
        "layers": {
            name: {
                "matrix_shape": list(layer.matrix_shape),
                "variance": _numbers(layer.variance),
                "sigma": _numbers(layer.sigma),
                "first": layer.first,
                "stable_rank": _numbers(layer.stable_rank),
            }
            for name, layer in trace.layers.items()
        },
        "probes": {
            name: {"values": _numbers(probe.values), "first": probe.first} for name, probe in trace.probes.items()
        },
        "evaluation_steps": _numbers(trace.evaluation_steps),
        "evaluations": {key: _numbers(column) for key, column in trace.evaluations.items()},
        "better": [list(item) for item in trace.better.items()],
        "samples": None
        if samples is None
        else {
            "dtype": str(samples.dtype),
            "shape": list(samples.shape),
            "data": base64.b64encode(samples.tobytes()).decode(),
        },
    }


def _numbers(column: np.ndarray) -> list[float | str]:
    found: list[float | str] = []
    for value in map(float, column):
        if not math.isfinite(value):
            found.append(str(value))
        else:
            found.append(int(value) if value.is_integer() and abs(value) < 2**53 else value)
    return found


def _encodable(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, Mapping):
        return {key: _encodable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_encodable(item) for item in value]
    return value
