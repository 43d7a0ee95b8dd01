"""A ledger of version 1 is read as it is, and upgraded to the same records; what is forged in it is refused and named."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import version_1
from records import CELL, PLAN, STEPS, flip_record, in_order

from ganbench.harness.canonical import digest
from ganbench.harness.errors import LedgerError
from ganbench.harness.ledger import Ledger, Record
from ganbench.harness.ledger.repairing import repair
from ganbench.harness.ledger.upgrading import Upgraded, upgrade
from ganbench.harness.stability import Verdict, judge, load_definition, method_error
from ganbench.harness.traces.trace import KEPT_IMAGES, LayerTrace, Probe, Samples, Trace, single_precision

DEFINITION = load_definition(2)
COUNT = 12
IN_A_PART = 8

Result = dict[str, Any]


def spec_of(seed: int) -> dict[str, Any]:
    return {"cell": CELL, "suite_seed": 1, "seed": seed}


def trial(seed: int) -> str:
    return digest(spec_of(seed))


def trace_of(seed: int) -> Trace:
    """What a training of images logged: long series, some of which are not finite at the end, and 64 images."""
    random = np.random.default_rng(seed)
    steps = np.arange(1.0, STEPS + 1)
    losses = np.array(single_precision(random.standard_normal(STEPS)))
    losses[-1] = np.nan if seed % 3 == 0 else losses[-1]
    probes = np.array([0.0, 10.0, 20.0])
    images = random.integers(0, 256, (64, 1, 8, 8), dtype=np.uint8)
    points = random.standard_normal((100, 2)).astype(np.float32)
    return Trace(
        budget=STEPS,
        stopped=STEPS,
        steps=steps,
        scalars={"d_loss": losses, "g_loss": losses[::-1].copy()},
        probe_steps=probes,
        layers={"conv1": LayerTrace((4, 9), np.array(single_precision(random.random(3))), np.ones(3), 0, np.ones(3))},
        evaluation_steps=probes,
        evaluations={"fid[x]": random.random(3), "a": np.array([np.nan, np.inf, 1e-300])},
        better={"fid[x]": "lower", "a": "higher"},
        samples=Samples(points if seed == 1 else images),
        probes={"diversity": Probe(np.array([0.5, 0.25]), 1)},
    )


def text_of(seed: int) -> str:
    """A record as version 1 committed it; that of seed 5 is of a method that could not run."""
    provenance = {"host": "a", "seconds": 1.5, "started": 10.0, "device": "cpu", "attempt": 1, "packages": {"x": "ü"}}
    if seed == 5:
        return version_1.text_of(spec_of(seed), method_error("it raised", DEFINITION), None, provenance)
    return version_1.text_of(spec_of(seed), judge(trace_of(seed), DEFINITION), trace_of(seed), provenance)


@pytest.fixture(scope="module")
def texts() -> list[str]:
    return [text_of(seed) for seed in range(COUNT)]


@pytest.fixture
def ledger(texts, tmp_path) -> Ledger:
    """Eight records in a part, four alone."""
    made = Ledger(tmp_path / "old")
    made.write_plan(PLAN)
    version_1.write_part(made.root, texts[:IN_A_PART])
    for text in texts[IN_A_PART:]:
        version_1.write_single(made.root, text)
    return made


def identities(ledger: Ledger) -> list[tuple[str, str, str]]:
    return [(record.trial_id, record.sha256, record.checksum) for record in ledger.records()]


def old_files(ledger: Ledger) -> list[str]:
    """All files in which something of version 1 is."""
    parts = [name for name in ledger.parts.names() if ledger.parts.is_version_1(name)]
    singles = [name for names in ledger.singles.all().values() for name in names]
    return parts + [name for name in singles if "result" in json.loads(ledger.storage.read(name))]


def test_a_ledger_of_version_1_is_read_as_it_is(ledger, texts):
    before = {path: path.read_bytes() for path in ledger.root.rglob("*") if path.is_file()}
    found = {record.seed: record for record in ledger.records()}
    assert sorted(found) == list(range(COUNT))
    for seed, text in enumerate(texts):
        value, record = json.loads(text), found[seed]
        result = value["result"]
        assert (record.trial_id, record.cell_id, record.spec) == (trial(seed), digest(CELL), spec_of(seed))
        assert record.provenance == {**value["provenance"], "definition": 2}
        assert record.verdict.outcome == result["verdict"]["outcome"]
        assert list(record.verdict.modes) == (
            ["method_error"] if seed == 5 else [item["mode"] for item in result["verdict"]["findings"]]
        )
        if seed == 5:
            assert (record.trace, record.error, record.verdict.message) == (None, "it raised", "it raised")
            continue
        ours, whole = record.trace, trace_of(seed)
        for name, column in whole.scalars.items():
            np.testing.assert_array_equal(ours.scalars[name], column)
        for name, column in whole.evaluations.items():
            np.testing.assert_array_equal(ours.evaluations[name], column)
        assert list(ours.evaluations) == ["fid[x]", "a"]
        kept = whole.samples.values if seed == 1 else whole.samples.values[:KEPT_IMAGES]
        np.testing.assert_array_equal(ours.samples.values, kept)
    assert ledger.verify().problems == ()
    assert ledger.verify().whole == COUNT
    assert {row["trial"] for row in ledger.summary()} == ledger.committed() == set(map(trial, range(COUNT)))
    assert {path: path.read_bytes() for path in ledger.root.rglob("*") if path.is_file()} == before


def test_an_upgrade_keeps_every_record_and_leaves_no_file_of_version_1(ledger):
    before, rows = identities(ledger), sorted(ledger.summary(), key=lambda row: row["trial"])
    assert old_files(ledger)
    done = upgrade(ledger)
    again = Ledger(ledger.root)
    assert identities(again) == before
    assert sorted(again.summary(), key=lambda row: row["trial"]) == rows
    assert old_files(again) == [] and not again.singles.all()
    assert again.verify().problems == () and again.verify().whole == COUNT
    assert done.records == IN_A_PART  # the single ones were compacted, into a part of today's form
    assert 0 < done.after < done.before
    for record in again.records():
        if record.trace is not None and record.trace.samples.values.ndim == 4:
            assert len(record.trace.samples.values) <= KEPT_IMAGES
    assert upgrade(Ledger(ledger.root)) == Upgraded(0, 0, 0)


def test_a_record_of_version_1_is_the_one_that_is_committed_today(ledger):
    """Whoever repeats an old trial finds it equal."""
    for seed in (0, 1, 5, COUNT - 1):
        old = ledger.read(trial(seed))
        samples = None if seed == 5 else old.trace.samples
        assert samples is None or len(samples.values) in (KEPT_IMAGES, 100)
        new = Record.of(spec_of(seed), old.trace, old.provenance, old.error)
        assert (new.sha256, new.checksum) == (old.sha256, old.checksum)
        assert not ledger.commit(new)
    assert (ledger.verify().duplicates, ledger.verify().unequal) == (4, 0)


def test_merging_brings_old_records_in_todays_form(ledger, tmp_path):
    from ganbench.harness.ledger.merging import merge

    target = Ledger(tmp_path / "new")
    assert merge([ledger], target).added == COUNT
    assert identities(target) == identities(ledger)
    assert old_files(target) == []


def test_a_large_part_of_version_1_is_read_in_all_ways_and_its_damage_is_named(tmp_path):
    """Its row groups are smaller than those of today."""
    ledger, made = Ledger(tmp_path), in_order(range(150))
    ledger.write_plan(PLAN)
    texts = [version_1.text_of(item.spec, item.verdict, item.trace, item.provenance) for item in made]
    path = version_1.write_part(ledger.root, texts)
    (part,) = ledger.parts.names()
    assert [ledger.read(item.trial_id).checksum for item in made] == [item.checksum for item in made]
    chosen = {item.trial_id: item.checksum for item in made[::7]}
    assert {name: item.checksum for name, item in ledger.parts.chosen(part, chosen)} == chosen
    assert [item.checksum for _, item in ledger.parts.examined(part)] == [item.checksum for item in made]
    path.write_bytes(flip_record(path, 1, "record"))
    found = Ledger(ledger.root).verify()
    assert (found.whole, len(found.problems)) == (150 - 64, 1)
    done = repair(Ledger(ledger.root))
    assert (done.saved, sorted(done.lost)) == (150 - 64, [item.trial_id for item in made[64:128]])
    assert old_files(Ledger(ledger.root)) == []


FORGERIES: dict[str, Callable[[Result], Result]] = {
    "stable": lambda result: {**result, "verdict": {**result["verdict"], "outcome": "stable", "findings": []}},
    "another mode": lambda result: {
        **result,
        "verdict": {
            **result["verdict"],
            "findings": [{"mode": "diverged", "step": 3, "value": "nan", "threshold": "nan", "reason": ""}],
        },
    },
    "an unknown definition": lambda result: {**result, "verdict": {**result["verdict"], "definition": 9}},
    "another trial": lambda result: {**result, "trial": "0" * 20},
    "another cell": lambda result: {**result, "cell": "0" * 20},
    "another seed": lambda result: {**result, "spec": {**result["spec"], "seed": 77}},
    "a budget that is not its own": lambda result: {**result, "trace": {**result["trace"], "budget": 40}},
    "another schema": lambda result: {**result, "schema": 3},
}


@pytest.fixture(params=["single", "part"])
def spoilt(request, ledger, texts) -> Callable[[str], tuple[Ledger, str, Path]]:
    """Put a forged record in a true one's place; return the ledger, the trial that it is read as, and the file."""
    seed = COUNT - 3 if request.param == "single" else 3  # both of which failed

    def make(kind: str) -> tuple[Ledger, str, Path]:
        value = json.loads(texts[seed])
        text = version_1.sealed(FORGERIES[kind](value["result"]), value["provenance"])
        if request.param == "part":
            others = [other for other in texts[:IN_A_PART] if other != texts[seed]]
            path = version_1.write_part(ledger.root, [*others, text])
        else:
            ledger.path(trial(seed)).unlink()
            path = version_1.write_single(ledger.root, text)
        return Ledger(ledger.root), str(json.loads(text)["result"]["trial"]), path

    return make


@pytest.mark.parametrize("kind", FORGERIES)
def test_a_forged_record_of_version_1_is_refused_and_named(kind, spoilt):
    ledger, name, _ = spoilt(kind)
    before = {path: path.read_bytes() for path in ledger.root.rglob("*") if path.is_file()}
    (problem,) = ledger.verify().problems
    assert name in problem
    if kind != "a budget that is not its own":  # it can be read, and is refused by whoever counts it
        with pytest.raises(LedgerError, match=name):
            ledger.read(name)
        with pytest.raises(LedgerError, match=name):
            list(ledger.records())
    assert {path: path.read_bytes() for path in ledger.root.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("kind", FORGERIES)
def test_an_upgrade_refuses_a_forged_record_and_leaves_it_where_it_is(kind, spoilt):
    ledger, name, place = spoilt(kind)
    before = place.read_bytes()
    with pytest.raises(LedgerError, match=name):
        upgrade(ledger)
    assert place.read_bytes() == before
    whole = {trial(seed) for seed in range(COUNT)}
    assert len(whole & Ledger(ledger.root).committed()) >= COUNT - 1


def test_a_damaged_record_of_version_1_is_refused(ledger, texts):
    path = ledger.path(trial(COUNT - 1))
    path.write_text(texts[-1].replace('"stopped":20', '"stopped":19'))
    with pytest.raises(LedgerError, match="checksum"):
        ledger.read(trial(COUNT - 1))
    assert trial(COUNT - 1) in "\n".join(ledger.verify().problems)


def test_a_verdict_of_another_definition_is_derived_by_that_one(tmp_path):
    """By definition 1 an evaluation that could not be computed is a divergence."""
    ledger, verdict = Ledger(tmp_path), judge(trace_of(1), load_definition(1))
    assert "diverged" in verdict.modes
    version_1.write_single(tmp_path, version_1.text_of(spec_of(1), verdict, trace_of(1), {"host": "a"}))
    record = ledger.read(trial(1))
    assert (record.definition, record.verdict.modes) == (1, verdict.modes)
    assert isinstance(record.judged_by(DEFINITION), Verdict)
    assert record.judged_by(DEFINITION).modes == judge(trace_of(1), DEFINITION).modes
