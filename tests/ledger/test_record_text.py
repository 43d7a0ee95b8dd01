"""Reading a record's text: quickly where it stands as it was written, and with the same result and refusals otherwise."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from ganbench.harness.canonical import digest
from ganbench.harness.ledger import Ledger, Record
from ganbench.harness.ledger.record import _as_written
from ganbench.harness.stability import UNSTABLE, Finding, Verdict


def record(**changes):
    spec = {"cell": {"lr_d": 1e-05, "name": 'ä\u2028"},"result":{'}, "suite_seed": 3, "seed": 0}
    verdict = Verdict(UNSTABLE, 2, (Finding("diverged", 5, float("nan"), float("inf"), "not finite"),))
    trace = {"steps": [1, 2], "scalars": {"d_loss": [0.1, "nan", -2.5, 1.5e-300]}}
    made = Record(
        digest(spec), "a" * 20, spec, verdict, trace, {"nested": {"a": {"b": 1}, "result": {"c": 2}}, "seconds": 1.5}
    )
    return replace(made, **changes)


def test_a_text_as_it_was_written_is_read_without_writing_it_anew():
    text = record(provenance={"seconds": 1.5}).to_text()
    assert _as_written(text) == json.loads(text)


@pytest.mark.parametrize(
    "provenance", [{"seconds": 1.5}, {}, {"nested": {"x": {"result": {"c": 2}}, "result": {"c": 2}}}]
)
def test_what_was_written_is_read(provenance):
    written = record(provenance=provenance)
    read = Record.from_text(written.to_text())
    assert read.to_text() == written.to_text()
    assert (read.spec, read.trace_json, read.provenance) == (written.spec, written.trace_json, provenance)
    assert read.sha256 == written.sha256 == replace(read).sha256  # the last is computed
    assert repr(read.verdict) == repr(written.verdict)


def test_a_text_that_was_laid_out_anew_is_read_as_well():
    written = record()
    text = json.dumps(json.loads(written.to_text()), indent=1)
    assert _as_written(text) is None
    assert Record.from_text(text).to_text() == written.to_text()


def test_whole_numbers_of_any_length_are_exact():
    long = record(spec={"suite_seed": 3**80, "seed": 0, "cell": {"few": -(2**63) - 1}})
    assert Record.from_text(long.to_text()).spec == long.spec


def test_a_damaged_result_is_refused_wherever_the_damage_is():
    text = record(provenance={"seconds": 1.5}).to_text()
    start = text.index('"result"')
    for place in range(start, len(text)):
        damaged = text[:place] + ("0" if text[place] != "0" else "1") + text[place + 1 :]
        with pytest.raises((ValueError, KeyError, TypeError, AttributeError)):
            Record.from_text(damaged)
    for length in range(0, len(text), 7):
        with pytest.raises((ValueError, KeyError)):
            Record.from_text(text[:length])


def test_chosen_trials_are_read_from_a_part_and_no_others(tmp_path):
    ledger = Ledger(tmp_path)
    made = [record(spec={"suite_seed": 3, "seed": seed, "cell": {}}, trial_id=digest([seed])) for seed in range(150)]
    for item in made:
        ledger.commit(item)
    ledger.compact()
    (part,) = ledger.parts.names()
    wanted = {item.trial_id for item in made[::50]} | {"f" * 20}
    found = list(ledger.parts.chosen(part, wanted))
    assert [trial for trial, _ in found] == sorted(wanted - {"f" * 20})
    assert all(item.trial_id == trial for trial, item in found)
    assert ledger.parts.sizes() == {part: 150}
    assert ledger.contents() == ({}, [part])
