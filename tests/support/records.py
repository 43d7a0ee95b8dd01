"""Records without trainings."""

from __future__ import annotations

from harness.ledger import Record
from harness.stability import STABLE, UNSTABLE, Finding, Verdict


def record(number: int, loss: float = 0.1) -> Record:
    """Return a whole record; every third one failed."""
    spec = {"cell": {"lr_g": loss}, "suite_seed": 1, "seed": number}
    failed = number % 3 == 0
    findings = (Finding("diverged", 20, float("nan"), float("inf"), "why"),) if failed else ()
    verdict = Verdict(UNSTABLE if failed else STABLE, 2, findings)
    provenance = {"host": f"node{number % 2}", "seconds": 1.5 + number, "started": 10.0, "device": "cpu", "attempt": 1}
    return Record(f"{number:020x}", "f" * 20, spec, verdict, {"text": "ü" * number}, provenance)
