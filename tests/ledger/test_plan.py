"""What is a plan: shipped suites' are, and labels are those of the specifications."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from records import PLAN

from ganbench import load_suite
from ganbench.harness.canonical import digest
from ganbench.harness.ledger import Ledger
from ganbench.harness.ledger.plan import checked_plan, hash_of
from ganbench.harness.planning.suite import Suite

SUITES = sorted((Path(__file__).parents[2] / "suites").glob("*.yaml"))
R1 = {"name": "r1", "version": "1", "weight": 10.0, "every": 1}
BSSN = {"name": "bssn", "version": "1", "scale": 1.0, "scheme": "mean", "layers": [1, 2], "other": None}
BOTH = {"name": "composed", "version": "1", "parts": [BSSN, R1]}


@pytest.mark.parametrize("path", SUITES, ids=lambda path: path.stem)
def test_the_plan_of_every_shipped_suite_is_one_after_it_was_stored(path):
    suite = load_suite(path)
    plan = json.loads(json.dumps(suite.plan(), sort_keys=True))
    checked_plan(plan)
    assert hash_of(plan) == plan["hash"] == Suite.hash(suite)


def plan_with(label: str, spec: dict[str, Any], kind: str = "normalizer") -> dict[str, Any]:
    (cell,) = PLAN["cells"]
    whole = {**cell["spec"], kind: spec}
    return {**PLAN, "cells": [{**cell, kind: label, "spec": whole, "id": digest(whole)}]}


@pytest.mark.parametrize(
    ("label", "spec"),
    [
        ("bssn", BSSN),
        ("bssn(scale=1.0)", BSSN),
        ("bssn(scheme=mean, scale=1.0)", BSSN),
        ("bssn(layers=[1, 2], other=None)", BSSN),
        ("bssn(scale=1.0) + r1(weight=10.0)", BOTH),
        ("bssn + r1", BOTH),
        ("own(place={'b': 1, 'a': 2})", {"name": "own", "place": {"a": 2, "b": 1}}),
        ("own(odd) name", {"name": "own(odd) name"}),
        ("own(path=a + b (c), d=1)", {"name": "own", "path": "a + b (c), d=1"}),
    ],
)
@pytest.mark.parametrize("kind", ["normalizer", "dataset", "architecture"])
def test_a_label_that_is_of_its_specification_is_taken(label, spec, kind):
    checked_plan(plan_with(label, spec, kind))


@pytest.mark.parametrize(
    ("label", "spec"),
    [
        ("r1", BSSN),
        ("", BSSN),
        ("bssn2", BSSN),
        ("bssn(scale=1.2)", BSSN),
        ("bssn(scale=1.05)", BSSN),
        ("bssn(scale=1.0", BSSN),
        ("bssn(scale=1.0) and more", BSSN),
        ("bssn(scale=1.0, strength=2)", BSSN),
        ("bssn(scale=1.0, scale=1.0)", BSSN),
        ("bssn()", BSSN),
        ("bssn(improved)", BSSN),
        ("bssn", BOTH),
        ("bssn + r2", BOTH),
        ("r1 + bssn", BOTH),
        ("bssn + r1 + spectral_norm", BOTH),
        ("bssn_strict + r1", BOTH),
        ("bssn(scale=2.0) + r1", BOTH),
        ("bssn + r1(weight=1.0)", BOTH),
        ("composed", BOTH),
    ],
)
@pytest.mark.parametrize("kind", ["normalizer", "dataset", "architecture"])
def test_a_label_that_is_anothers_is_refused_with_its_place(label, spec, kind):
    with pytest.raises(ValueError, match=rf"cells\.0\.{kind}"):
        checked_plan(plan_with(label, spec, kind))


@pytest.mark.parametrize("spec", [None, 3, "bssn", [], {}, {"name": 3}, {"parts": []}, {"parts": [3]}, {"parts": 3}])
def test_a_specification_of_another_type_is_refused(spec):
    with pytest.raises(ValueError, match="normalizer"):
        checked_plan(plan_with("bssn", spec))


def test_a_plan_is_read_back_as_it_was_written(tmp_path):
    ledger = Ledger(tmp_path)
    ledger.write_plan(PLAN)
    assert ledger.plan() == PLAN
    ledger.relabel(1)
    assert ledger.plan() == {**PLAN, "definition": 1}
