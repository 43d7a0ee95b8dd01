"""What reading cannot tell, running can: a trace that was made up is found by training its trial again."""

from __future__ import annotations

from dataclasses import replace

import pytest
from typer.testing import CliRunner

from ganbench import read_ledger, run
from ganbench.harness.cli import app
from ganbench.harness.data.store import Store
from ganbench.harness.errors import InputError
from ganbench.harness.ledger import Ledger, Record
from ganbench.harness.plugins.registry import Catalog
from ganbench.harness.sweeps.rerun import DIFFERENT, EQUAL, NEAR, rerun

SUITE = """
suite: again
version: 1
seeds: 2
normalizers: [none, spectral_norm]
grid:
  - dataset: ring8
    architecture: {name: mlp, width: 8}
    metric: {name: mode_coverage, samples: 100}
    common: {steps: 12, evaluations: 3, log_points: 6, batch_size: 16, lr_g: 1e-3, lr_d: 1e-3}
    settings: {a: {}}
"""


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    folder = tmp_path_factory.mktemp("again")
    (folder / "again.yaml").write_text(SUITE)
    run(folder / "again.yaml", folder / "out", address="inline")
    return read_ledger(folder / "out")


def changed(swept: Ledger, folder, change) -> Ledger:
    """A ledger with the same plan, and with the records that a forger makes of these."""
    made = Ledger(folder / "forged")
    made.write_plan(swept.plan())
    for record in swept.records():
        made.commit(change(record))
    return made


def outcomes(ledger: Ledger) -> list[str]:
    return [trial.outcome for trial in rerun(ledger, 99, Catalog(), Store.find(None))]


def better_at_the_end(record: Record) -> Record:
    trace = record.trace
    evaluations = {key: column.copy() for key, column in trace.evaluations.items()}
    for column in evaluations.values():
        column[-1] = 1.0 + record.seed
    return Record.of(record.spec, replace(trace, evaluations=evaluations), record.provenance)


def better_everywhere(record: Record) -> Record:
    trace = record.trace
    scalars = {key: 0.5 * column for key, column in trace.scalars.items()}
    elsewhere = {**record.provenance, "machine": "another"}
    return Record.of(record.spec, replace(trace, scalars=scalars), elsewhere)


def from_another_machine(record: Record) -> Record:
    return Record.of(record.spec, better_at_the_end(record).trace, {**record.provenance, "packages": {"torch": "0.1"}})


def test_trials_that_are_trained_again_are_equal_bit_for_bit(swept):
    assert outcomes(swept) == [EQUAL] * 4


def test_an_edited_trace_with_new_checksums_is_whole_when_read_and_different_when_trained(swept, tmp_path):
    forged = changed(swept, tmp_path, better_at_the_end)
    assert forged.verify().problems == ()
    assert outcomes(forged) == [DIFFERENT] * 4


def test_naming_another_machine_does_not_save_a_trace_whose_first_numbers_are_others(swept, tmp_path):
    found = list(rerun(changed(swept, tmp_path, better_everywhere), 99, Catalog(), Store.find(None)))
    assert {trial.outcome for trial in found} == {DIFFERENT}
    assert all("already the first value of" in trial.words for trial in found)


def test_with_other_software_only_the_first_numbers_must_agree_and_that_is_said(swept, tmp_path):
    found = list(rerun(changed(swept, tmp_path, from_another_machine), 99, Catalog(), Store.find(None)))
    assert {trial.outcome for trial in found} == {NEAR}
    assert all("because packages are others" in trial.words for trial in found)


def test_so_many_trials_are_drawn_as_are_asked_for(swept):
    assert len(list(rerun(swept, 3, Catalog(), Store.find(None)))) == 3


def test_a_plugin_of_another_version_is_an_error_and_no_verdict(swept, tmp_path, monkeypatch):
    from ganbench.baselines.none import NoNormalizer

    monkeypatch.setattr(NoNormalizer, "version", "2")
    with pytest.raises(InputError, match="another version"):
        outcomes(swept)


def test_the_command_ends_with_2_where_a_trial_is_another_one(swept, tmp_path):
    told = CliRunner().invoke(app, ["ledger", "verify", str(swept.root), "--rerun", "1"])
    assert told.exit_code == 0
    assert "1 equal bit for bit, 0 near, 0 different" in told.output
    forged = changed(swept, tmp_path, better_at_the_end)
    told = CliRunner().invoke(app, ["ledger", "verify", str(forged.root), "--rerun", "2"])
    assert told.exit_code == 2
    assert "4 records are whole, 0 problems" in told.output
    assert "0 equal bit for bit, 0 near, 2 different" in told.output
