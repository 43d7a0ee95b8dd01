"""A record as it is stored: as text in a file of its own, as a row of a part, and as the text that version 1 wrote."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import version_1
from forging import Said
from records import in_order

from ganbench.harness.canonical import canonical_json, digest, text_digest
from ganbench.harness.errors import LedgerError
from ganbench.harness.ledger import Ledger, Record
from ganbench.harness.ledger.record import content_digest, result_digest
from ganbench.harness.ledger.row import from_text, row_of, to_text
from ganbench.harness.ledger.version_1 import _as_written
from ganbench.harness.traces.trace import LayerTrace, Probe, Samples, Trace

SPEC: dict[str, Any] = {"cell": {"lr_d": 1e-05, "name": 'ä\u2028"},"result":{'}, "suite_seed": 3, "seed": 0}
REFUSED = (ValueError, KeyError, TypeError, AttributeError)
PROVENANCES = [{"seconds": 1.5}, {}, {"nested": {"x": {"result": {"c": 2}}, "result": {"c": 2}}}, {"host": "ä\u2028\0"}]


def trace(**changes: Any) -> Trace:
    made = Trace(
        budget=5,
        stopped=5,
        steps=np.array([1.0, 5.0]),
        scalars={"d_loss": np.array([0.1, np.nan]), "g_loss": np.array([-2.5, 1.5e-300])},
        probe_steps=np.array([0.0]),
        layers={"conv": LayerTrace((2, 3), np.array([0.25]), np.array([np.inf]))},
        evaluation_steps=np.array([0.0, 5.0]),
        evaluations={"b": np.array([1 / 3, 0.25]), "a": np.array([1.0, np.inf])},
        better={"b": "lower", "a": "higher"},
        samples=Samples(np.arange(8, dtype=np.uint8).reshape(2, 1, 2, 2)),
        probes={"diversity": Probe(np.array([0.5]))},
    )
    return replace(made, **changes)


def record(spec: dict[str, Any] = SPEC, **changes: Any) -> Record:
    return Record.of(spec, trace(**changes), {"nested": {"a": {"b": 1}, "result": {"c": 2}}, "seconds": 1.5})


def failed(spec: dict[str, Any] = SPEC) -> Record:
    return Record.of(spec, None, {"seconds": 1.5, "definition": 2}, "it raised: ä\u2028\n")


KINDS = {
    "a trace of everything": record,
    "a method error": failed,
    "points": lambda: record(samples=Samples(np.linspace(0, 1, 6, dtype=np.float32).reshape(3, 2))),
    "no samples": lambda: record(samples=None),
    "a negative zero": lambda: record(scalars={"d_loss": np.array([-0.0, 0.0])}),
    "an empty trace": lambda: Record.of(SPEC, Trace(5, 0, *[np.empty(0), {}] * 3), {}),
}


def same(read: Record, written: Record) -> None:
    """All that a record is, also where it is computed anew."""
    assert (read.spec, read.provenance, read.error) == (written.spec, written.provenance, written.error)
    assert (read.trial_id, read.cell_id, read.seed) == (written.trial_id, written.cell_id, written.seed)
    assert (read.sha256, read.checksum) == (written.sha256, written.checksum)
    assert (replace(read).sha256, replace(read).checksum) == (written.sha256, written.checksum)
    assert str(row_of(read)) == str(row_of(written))
    assert repr(read.verdict) == repr(written.verdict)
    if written.trace is not None:
        np.testing.assert_equal(read.trace.scalars, written.trace.scalars)
        assert list(read.trace.evaluations) == list(written.trace.evaluations)


# --- text -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_written_as_text_is_read(kind):
    written = KINDS[kind]()
    text = to_text(written)
    assert json.loads(text)["schema"] == 2 and canonical_json(json.loads(text)) == text
    same(from_text(written.trial_id, text), written)
    assert to_text(from_text(written.trial_id, text)) == text


@pytest.mark.parametrize("provenance", PROVENANCES)
def test_any_provenance_is_kept(provenance):
    written = replace(record(), provenance=provenance)
    same(from_text(written.trial_id, to_text(written)), written)


def test_a_text_that_was_laid_out_anew_is_read_as_well():
    text = json.dumps(dict(reversed(json.loads(to_text(record())).items())), indent=1)
    same(from_text(digest(SPEC), text), record())


def test_whole_numbers_of_any_length_are_exact():
    spec = {"suite_seed": 2**63 - 1, "seed": 2**53 + 1, "cell": {"few": -(2**63) - 1, "many": 3**80, "real": 0.1}}
    written = record(spec)
    same(from_text(written.trial_id, to_text(written)), written)


def test_the_text_of_another_trial_is_refused():
    with pytest.raises(ValueError, match=digest(SPEC)):
        from_text("0" * 20, to_text(record()))


@pytest.mark.parametrize("seed", [-1, True, 1.0, "1", None, 2**63])
def test_a_seed_that_is_no_whole_number_is_refused_though_checksums_fit(seed):
    said = replace(Said.by(record()), spec={**SPEC, "seed": seed}).consistent()
    row = json.loads(to_text(record())) | {"trial": said.trial, "seed": seed}
    spec = f'{{"cell":{canonical_json(SPEC["cell"])},"seed":{canonical_json(seed)},"suite_seed":3}}'
    row["sha256"] = result_digest(text_digest(spec, 64), "", record().columns)
    row["checksum"] = content_digest(row["sha256"], row["provenance"])
    with pytest.raises(REFUSED):
        from_text(said.trial, canonical_json(row))


@pytest.mark.parametrize("kind", ["a trace of everything", "a method error"])
def test_a_damaged_text_is_refused_wherever_the_damage_is_or_is_the_same_record(kind):
    """The same it is where only a copy is damaged that nothing is read from, which `verify` names."""
    written = KINDS[kind]()
    text = to_text(written)
    for place in range(len(text)):
        damaged = text[:place] + ("0" if text[place] != "0" else "1") + text[place + 1 :]
        try:
            read = from_text(written.trial_id, damaged)
        except REFUSED:
            continue
        same(read, written)
    for length in range(0, len(text), 7):
        with pytest.raises(REFUSED):
            from_text(written.trial_id, text[:length])


def test_a_copy_beside_the_record_that_was_changed_is_named(tmp_path):
    ledger = Ledger(tmp_path)
    ledger.commit(record())
    path = ledger.path(digest(SPEC))
    text = path.read_text()
    for name, value in json.loads(text).items():
        if name in ("outcome", "modes", "seconds", "started", "host", "device", "attempt"):
            path.write_text(canonical_json(json.loads(text) | {name: [value]}))
            assert f"'{name}'" in "\n".join(ledger.verify().problems)


# --- a part -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_written_into_a_part_is_read(kind, tmp_path):
    written, ledger = KINDS[kind](), Ledger(tmp_path)
    name = ledger.parts.write([written])
    for found in (
        ledger.parts.read(written.trial_id),
        dict(ledger.parts.records(name))[written.trial_id],
        dict(ledger.parts.examined(name))[written.trial_id],
        dict(ledger.parts.chosen(name, {written.trial_id}))[written.trial_id],
    ):
        same(found, written)


def test_records_of_all_kinds_in_one_part_keep_their_own_arrays(tmp_path):
    """Each with another trace, and one without: whose numbers are whose is known by their places alone."""
    made = []
    for seed, kind in enumerate(KINDS):
        one = KINDS[kind]()
        spec = {**SPEC, "seed": seed}
        trace_ = one.trace and replace(one.trace, scalars={**one.trace.scalars, "own": np.arange(seed) * 0.1})
        made.append(Record.of(spec, trace_, one.provenance, one.error))
    ledger = Ledger(tmp_path)
    ledger.parts.write(sorted(made, key=lambda item: item.trial_id))
    for written in made:
        same(ledger.read(written.trial_id), written)
    for read in ledger.records():
        same(read, made[read.seed])


def test_a_part_that_cannot_be_written_as_it_is_leaves_the_single_records(tmp_path):
    """Whole numbers of any length are in its texts."""
    ledger = Ledger(tmp_path)
    written = record({"suite_seed": 2**63 - 1, "seed": 2**53 + 1, "cell": {"many": 3**80}})
    ledger.commit(written)
    assert ledger.compact() == 1
    same(Ledger(tmp_path).read(written.trial_id), written)


def test_chosen_trials_are_read_from_a_part_and_no_others(tmp_path):
    ledger = Ledger(tmp_path)
    made = in_order(range(150))
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


# --- version 1 --------------------------------------------------------------------------------------------------------

LITERAL = (
    '{"provenance":{"host":"a","seconds":1.5},"result":{"cell":"7afbf50cf7df2a7d4cc1","schema":1,"spec":{"cell":{"lr_d":'
    '1e-05},"seed":0,"suite_seed":3},"trace":{"better":[["m","lower"]],"budget":2,"evaluation_steps":[0,2],"evaluations":'
    '{"m":[0.5,"nan"]},"layers":{},"probe_steps":[],"probes":{},"samples":{"data":"AAEC","dtype":"uint8","shape":'
    '[3,1,1,1]},"scalars":{"d_loss":[0.1,"inf"]},"steps":[1,2],"stopped":2},"trial":"TRIAL","verdict":{"blind":'
    '["mode_collapse"],"definition":2,"findings":[{"mode":"diverged","reason":"d_loss is not finite at step 2","step":2,'
    '"threshold":"nan","value":"nan"}],"message":"","outcome":"unstable","warnings":[]}},"sha256":"CHECKSUM"}'
)


def literal() -> str:
    """A text of version 1, with identities and checksum put in."""
    spec = {"cell": {"lr_d": 1e-05}, "suite_seed": 3, "seed": 0}
    text = LITERAL.replace("TRIAL", digest(spec)).replace("7afbf50cf7df2a7d4cc1", digest(spec["cell"]))
    return text.replace("CHECKSUM", version_1.digest(json.loads(text)["result"], 64))


def old(written: Record) -> str:
    return version_1.text_of(written.spec, written.verdict, written.trace, written.provenance)


def test_a_text_as_version_1_wrote_it_is_read():
    spec = {"cell": {"lr_d": 1e-05}, "suite_seed": 3, "seed": 0}
    found = from_text(digest(spec), literal())
    assert (found.spec, found.provenance) == (spec, {"host": "a", "seconds": 1.5, "definition": 2})
    assert (found.verdict.outcome, found.verdict.modes, found.verdict.failed_at) == ("unstable", ("diverged",), 2)
    np.testing.assert_array_equal(found.trace.scalars["d_loss"], [0.1, np.inf])
    np.testing.assert_array_equal(found.trace.samples.values.ravel(), [0, 1, 2])
    assert found.trace.better == {"m": "lower"}


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "a negative zero"])  # which it wrote as 0
def test_a_record_of_version_1_is_the_same_record(kind):
    written = KINDS[kind]()
    written = replace(written, provenance={**written.provenance, "definition": written.definition})
    same(from_text(written.trial_id, old(written)), written)


def test_a_text_of_version_1_as_it_was_written_is_read_without_writing_it_anew():
    text = old(replace(record(), provenance={"seconds": 1.5}))
    assert _as_written(text) == json.loads(text)


def test_a_text_of_version_1_that_was_laid_out_anew_is_read_as_well():
    text = json.dumps(json.loads(old(record())), indent=1)
    assert _as_written(text) is None
    assert from_text(digest(SPEC), text).sha256 == record().sha256


def test_whole_numbers_of_any_length_are_exact_in_a_text_of_version_1():
    spec = {"suite_seed": 2**63 - 1, "seed": 2**53 + 1, "cell": {"few": -(2**63) - 1, "many": 3**80}}
    assert from_text(digest(spec), old(record(spec))).spec == spec


def test_a_damaged_result_of_version_1_is_refused_wherever_the_damage_is():
    text = old(replace(record(), provenance={"seconds": 1.5}))
    start = text.index('"result"')
    for place in range(start, len(text)):
        damaged = text[:place] + ("0" if text[place] != "0" else "1") + text[place + 1 :]
        with pytest.raises(REFUSED):
            from_text(digest(SPEC), damaged)
    for length in range(0, len(text), 7):
        with pytest.raises(REFUSED):
            from_text(digest(SPEC), text[:length])


def test_a_file_in_which_something_else_stands_is_one_message(tmp_path):
    ledger = Ledger(tmp_path)
    path = ledger.path(digest(SPEC))
    path.parent.mkdir(parents=True)
    for content in (
        "[]",
        "{}",
        "3",
        "null",
        '"text"',
        '{"schema": 2}',
        '{"schema": 3}',
        '{"result": 3}',
        '{"result": {}}',
    ):
        path.write_text(content)
        with pytest.raises(LedgerError, match="the record is damaged"):
            ledger.read(digest(SPEC))
        assert path.name in "\n".join(ledger.verify().problems)
