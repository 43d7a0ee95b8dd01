"""A released definition is frozen: every published trial has the verdict that it had, byte for byte."""

from __future__ import annotations

import functools
import hashlib
import json
from pathlib import Path

import pytest

from ganbench import read_ledger
from ganbench.harness.ledger import Record
from ganbench.harness.stability import judge, load_definition
from ganbench.harness.stability.detectors import DETECTORS
from ganbench.harness.stability.look import CLEAR
from ganbench.harness.stability.references import references_of

BOARDS = Path(__file__).parents[2] / "docs" / "leaderboards"

FROZEN = {
    ("bssn-small", 1): "ddaad6d5ce8e94a1",
    ("bssn-small", 2): "65ef559dcf702c80",
    ("large-study-small", 1): "da55c44648d25775",
    ("large-study-small", 2): "99ef16be69f73a08",
    ("sngan-settings-small", 1): "bfb2dfffffd3171a",
    ("sngan-settings-small", 2): "a5022e034105bb2c",
    ("stability-techniques-small", 1): "25c6700e17712477",
    ("stability-techniques-small", 2): "f15c39e5706c63f4",
    ("standard-small", 1): "6cbe6f468ad22989",
    ("standard-small", 2): "1454da34c528cec6",
    ("weight-norm-small", 1): "319ea956bd0e43cd",
    ("weight-norm-small", 2): "487713f69f246e54",
    ("bssn-small", 3): "bfdbc362ad7975b8",
    ("large-study-small", 3): "50917e2e57ff3eca",
    ("sngan-settings-small", 3): "466903c90b8c6695",
    ("stability-techniques-small", 3): "9dc8aadad05cf015",
    ("standard-small", 3): "11821537fd32da03",
    ("weight-norm-small", 3): "eb823c45b3feb3d7",
}
"""Digests of the verdicts on all traces of a published ledger, as they were when its records had another form."""


def rounded(value):
    """The value with six digits of its numbers: sums of products differ in the last ones from processor to processor."""
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(item) for item in value]
    return float(f"{value:.6g}") if isinstance(value, float) else value


@functools.cache
def traced(suite: str) -> list[Record]:
    return [record for record in read_ledger(BOARDS / suite / "ledger").records() if record.trace is not None]


def digest_of_verdicts(suite: str, version: int) -> str:
    definition, found = load_definition(version), hashlib.sha256()
    for record in traced(suite):
        references = references_of(record.spec["cell"], record.provenance)
        verdict = judge(record.trace, definition, references=references).to_json()
        verdict = verdict if version < 3 else rounded(verdict)
        found.update(json.dumps([record.trial_id, verdict], sort_keys=True, separators=(",", ":")).encode())
    return found.hexdigest()[:16]


@pytest.mark.parametrize(("suite", "version"), FROZEN)
def test_verdicts_on_stored_traces_are_what_they_were(suite, version):
    assert digest_of_verdicts(suite, version) == FROZEN[suite, version]


def test_a_detector_that_a_definition_does_not_list_changes_none_of_its_verdicts(monkeypatch):
    monkeypatch.setitem(DETECTORS, "anything", lambda trace, definition: CLEAR)
    assert digest_of_verdicts("weight-norm-small", 2) == FROZEN["weight-norm-small", 2]


def test_a_threshold_that_moves_is_noticed(monkeypatch):
    moved = load_definition(2)
    collapse = moved.mode_collapse.model_copy(update={"diversity": 0.49})
    monkeypatch.setitem(
        globals(), "load_definition", lambda version: moved.model_copy(update={"mode_collapse": collapse})
    )
    assert digest_of_verdicts("weight-norm-small", 2) != FROZEN["weight-norm-small", 2]
