"""Forged records and plans of wrong types: their checksums fit, and today every reader believes them.

Each test says what is right, and is expected to fail until the issue in its reason is done. A trace that was edited, with a
new checksum, is left out: reading cannot tell it, only training the trial again can.
"""

from __future__ import annotations

import json
import resource
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from in_process import ganbench_here, printed

from ganbench import read_ledger, run
from ganbench.harness.canonical import digest
from ganbench.harness.errors import GanbenchError
from ganbench.harness.ledger import Ledger, Record
from ganbench.harness.ledger.merging import merge
from ganbench.harness.stability import METHOD_ERROR, STABLE, UNSTABLE, Finding
from ganbench.reports import leaderboard

PROOF = 19
"""The issue on records that prove themselves."""

MINI = """\
suite: mini
version: 1
seed: 7
seeds: 2
baseline: spectral_norm
normalizers: [none, spectral_norm]
grid:
  - dataset: {name: ring8, std: 0.05}
    architecture: {name: mlp, width: 16}
    metric: {name: mode_coverage, samples: 200}
    common: {loss: non_saturating, batch_size: 16, evaluations: 4, log_points: 10}
    settings:
      a: {lr_g: 1e-3, lr_d: 1e-3, steps: 20}
      b: {lr_g: 1e-4, lr_d: 1e-3, steps: 20}
"""


def wrong_today(what: str, *raises: type[Exception]) -> pytest.MarkDecorator:
    return pytest.mark.xfail(strict=True, raises=raises or AssertionError, reason=f"{what}; issue {PROOF}")


@pytest.fixture(scope="module")
def original(tmp_path_factory) -> Path:
    """Eight real trials, which all failed."""
    folder = tmp_path_factory.mktemp("original")
    (folder / "mini.yaml").write_text(MINI)
    run(folder / "mini.yaml", folder / "out", address="inline")
    assert {record.verdict.outcome for record in read_ledger(folder / "out").records()} == {UNSTABLE}
    return folder / "out"


def of(records: Sequence[Record], normalizer: str) -> list[Record]:
    found = [record for record in records if record.spec["cell"]["normalizer"]["name"] == normalizer]
    return sorted(found, key=lambda record: (record.spec["cell"]["lr_g"], record.seed))


# --- records that are not what they say -------------------------------------------------------------------------------


def under_anothers_trial(records: Sequence[Record]) -> list[Record]:
    """Results of `none` under the trials of `spectral_norm`, specification and all."""
    pairs = zip(of(records, "none"), of(records, "spectral_norm"), strict=True)
    return [replace(one, trial_id=other.trial_id) for one, other in pairs]


def with_anothers_specification(records: Sequence[Record]) -> list[Record]:
    """Results of `none` that say they are those of `spectral_norm`."""
    pairs = zip(of(records, "none"), of(records, "spectral_norm"), strict=True)
    return [replace(one, cell_id=other.cell_id, spec=other.spec) for one, other in pairs]


def in_anothers_cell(records: Sequence[Record]) -> list[Record]:
    cell = of(records, "spectral_norm")[0].cell_id
    return [replace(one, cell_id=cell) for one in of(records, "none")]


def in_no_cell(records: Sequence[Record]) -> list[Record]:
    return [replace(one, cell_id="0" * 20) for one in records]


def of_another_seed(records: Sequence[Record]) -> list[Record]:
    return [replace(one, spec={**one.spec, "seed": one.seed + 1}) for one in records]


def of_another_suite_seed(records: Sequence[Record]) -> list[Record]:
    return [replace(one, spec={**one.spec, "suite_seed": 8}) for one in records]


def of_another_rate(records: Sequence[Record]) -> list[Record]:
    return [replace(one, spec={**one.spec, "cell": {**one.spec["cell"], "lr_d": 1e-5}}) for one in records]


IDENTITIES: dict[str, Callable[[Sequence[Record]], list[Record]]] = {
    "under another's trial": under_anothers_trial,
    "with another's specification": with_anothers_specification,
    "in another's cell": in_anothers_cell,
    "in a cell that is not planned": in_no_cell,
    "with another seed in its specification": of_another_seed,
    "with another suite's seed in its specification": of_another_suite_seed,
    "with another learning rate in its specification": of_another_rate,
}
"""Ways in which a record's identities can contradict its specification."""


@pytest.fixture
def forged(original, tmp_path) -> Callable[[Callable[[Sequence[Record]], list[Record]]], Ledger]:
    """Make a ledger of the same plan from what a forger makes of the records."""

    def make(forge: Callable[[Sequence[Record]], list[Record]]) -> Ledger:
        (tmp_path / "forged").mkdir()
        shutil.copy(original / "suite.json", tmp_path / "forged")
        ledger = Ledger(tmp_path / "forged")
        for record in forge(list(read_ledger(original).records())):
            ledger.commit(record)
        return ledger

    return make


def names_one(text: str, records: Sequence[Record]) -> bool:
    return any(record.trial_id in text for record in records)


def test_the_original_proves_itself(original, forged):
    """The control: the same way of making a ledger, and nothing forged."""
    ledger = forged(list)
    assert ledger.verify().problems == ()
    assert leaderboard(ledger).table["unstable"].sum() == 8


@pytest.mark.parametrize("compacted", [False, True], ids=["single", "compacted"])
@pytest.mark.parametrize("kind", IDENTITIES)
@wrong_today("a record whose checksum fits is whole, whatever it says it is")
def test_verify_names_records_whose_identities_contradict_their_specification(kind, compacted, forged):
    ledger = forged(IDENTITIES[kind])
    if compacted:
        ledger.compact()
    records = list(ledger.records())
    problems = Ledger(ledger.root).verify().problems
    assert names_one("\n".join(problems), records)


@pytest.mark.parametrize("kind", IDENTITIES)
@wrong_today("records are merged whatever they say they are")
def test_merge_names_such_records_and_takes_none_of_them(kind, forged, original, tmp_path):
    ledger = forged(IDENTITIES[kind])
    target = tmp_path / "both"
    result = ganbench_here("ledger", "merge", ledger.root, "--into", target)
    assert names_one(printed(result), list(ledger.records()))
    assert not target.exists() or list(read_ledger(target).records()) == []


@pytest.mark.parametrize("kind", ["under another's trial", "in another's cell", "in a cell that is not planned"])
@wrong_today("records are reported whatever they say they are")
def test_report_names_such_records(kind, forged):
    ledger = forged(IDENTITIES[kind])
    result = ganbench_here("report", ledger.root)
    page = ledger.root / "leaderboard" / "leaderboard.md"
    told = printed(result) + (page.read_text() if page.exists() else "")
    assert names_one(told, list(ledger.records()))


@wrong_today("a trial of another suite's seed belongs to every plan")
def test_verify_names_trials_of_another_suite_seed_that_are_consistent(forged):
    def foreign(records: Sequence[Record]) -> list[Record]:
        made = of_another_suite_seed(records)
        return [replace(one, trial_id=digest(one.spec)) for one in made]

    ledger = forged(foreign)
    assert names_one("\n".join(ledger.verify().problems), list(ledger.records()))


# --- verdicts that their traces contradict ----------------------------------------------------------------------------


def all_stable(record: Record) -> Record:
    return replace(record, verdict=replace(record.verdict, outcome=STABLE, findings=()))


def another_finding(record: Record) -> Record:
    finding = Finding("diverged", 1, float("nan"), float("inf"), "it was not finite")
    return replace(record, verdict=replace(record.verdict, findings=(finding,)))


def no_trace(record: Record) -> Record:
    return replace(all_stable(record), trace_json=None)


def never_ran(record: Record) -> Record:
    """A method error needs no trace; this one has one."""
    return replace(record, verdict=replace(record.verdict, outcome=METHOD_ERROR, findings=(), message="it never ran"))


VERDICTS = {
    "all stable": all_stable,
    "another finding": another_finding,
    "stable without a trace": no_trace,
    "a method error with a trace": never_ran,
}


@pytest.mark.parametrize("kind", VERDICTS)
@wrong_today("a verdict is believed whatever its trace says")
def test_verify_names_records_whose_verdict_their_trace_contradicts(kind, forged):
    ledger = forged(lambda records: [VERDICTS[kind](one) for one in records])
    assert names_one("\n".join(ledger.verify().problems), list(ledger.records()))


@pytest.mark.parametrize("kind", VERDICTS)
@wrong_today("a verdict is merged whatever its trace says")
def test_merge_brings_no_verdict_that_its_trace_contradicts(kind, forged, original, tmp_path):
    ledger = forged(lambda records: [VERDICTS[kind](one) for one in records])
    ganbench_here("ledger", "merge", ledger.root, "--into", tmp_path / "both")
    truth = {record.trial_id: record.verdict for record in read_ledger(original).records()}
    found = list(read_ledger(tmp_path / "both").records()) if (tmp_path / "both").exists() else []
    assert all(record.verdict == truth[record.trial_id] for record in found)


@wrong_today("the board counts verdicts that their traces contradict")
@pytest.mark.parametrize("kind", ["all stable", "stable without a trace"])
def test_the_board_does_not_count_verdicts_that_their_traces_contradict(kind, forged):
    """It refuses such a ledger, or counts what the traces say, or counts none of them."""
    ledger = forged(lambda records: [VERDICTS[kind](one) for one in records])
    try:
        table = leaderboard(ledger).table
    except GanbenchError:
        return
    assert (table["unstable"] == table["trials"]).all()


# --- plans of wrong types ---------------------------------------------------------------------------------------------

Plan = dict[str, Any]


def put(key: str, value: object) -> Callable[[Plan], Plan]:
    return lambda plan: {**plan, key: value}


def without(key: str) -> Callable[[Plan], Plan]:
    return lambda plan: {name: value for name, value in plan.items() if name != key}


def each_cell(**changes: object) -> Callable[[Plan], Plan]:
    return lambda plan: {**plan, "cells": [{**cell, **changes} for cell in plan["cells"]]}


def cells_without(key: str) -> Callable[[Plan], Plan]:
    def change(plan: Plan) -> Plan:
        return {**plan, "cells": [{name: cell[name] for name in cell if name != key} for cell in plan["cells"]]}

    return change


ENDS_THE_REPORT: dict[str, Callable[[Plan], Plan]] = {
    "cells are a text": put("cells", "abc"),
    "cells are a mapping": put("cells", {}),
    "cells are numbers": put("cells", [1, 2]),
    "cells without id": cells_without("id"),
    "cells without specification": cells_without("spec"),
    "measures are a text": each_cell(measures="modes"),
    "a normalizer is a number": each_cell(normalizer=7),
    "seeds are a text": put("seeds", "2"),
    "seeds are negative": put("seeds", -1),
    "seeds without end": put("seeds", 10**12),
    "sequential is a text": put("sequential", "yes"),
    "no seeds": without("seeds"),
    "no seed": without("seed"),
    "no definition": without("definition"),
}
"""Plans with which the report ends in a traceback."""

PASSES_FOR_A_PLAN: dict[str, Callable[[Plan], Plan]] = {
    "the seed is a text": put("seed", "7"),
    "the definition is a text": put("definition", "2"),
    "the definition is infinite": put("definition", float("inf")),
    "the definition is unknown": put("definition", 9),
    "the version is a text": put("version", "one"),
    "the name is a number": put("suite", 7),
    "the baseline is a number": put("baseline", 7),
    "the text is a number": put("text", 7),
    "normalizers are a list": put("normalizers", []),
    "a cell's id is not of its specification": each_cell(id="0" * 20),
    "the seed is another one": put("seed", 8),
    "no version": without("version"),
}
"""Plans with which it goes on, or says only part of the truth."""


@pytest.fixture
def planned(original, tmp_path) -> Callable[[Callable[[Plan], Plan]], Path]:
    """Make a ledger of the original's records under a changed plan."""

    def make(change: Callable[[Plan], Plan]) -> Path:
        shutil.copytree(original, tmp_path / "changed")
        plan = json.loads((original / "suite.json").read_text())
        (tmp_path / "changed" / "suite.json").write_text(json.dumps(change(plan)))
        return tmp_path / "changed"

    return make


@pytest.fixture
def bounded() -> Iterator[None]:
    """No allocation of terabytes succeeds, however generous the system is."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (1 << 40, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)


def told(work: Callable[[], object]) -> str:
    """What is said on purpose when something is refused; empty where it is not."""
    try:
        work()
    except GanbenchError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("kind", [*ENDS_THE_REPORT, *PASSES_FOR_A_PLAN])
@wrong_today("a plan of any types is whole")
def test_verify_names_a_plan_of_wrong_types_or_values(kind, planned):
    folder = planned((ENDS_THE_REPORT | PASSES_FOR_A_PLAN)[kind])
    result = ganbench_here("ledger", "verify", folder)
    assert result.exit_code != 0
    assert "suite.json" in printed(result)


@pytest.mark.parametrize("kind", ENDS_THE_REPORT)
@wrong_today(
    "a plan of wrong types ends in a traceback",
    *(TypeError, KeyError, ValueError, IndexError, AttributeError, MemoryError),
)
@pytest.mark.usefixtures("bounded")
def test_report_refuses_a_plan_of_wrong_types_in_a_message(kind, planned):
    folder = planned(ENDS_THE_REPORT[kind])
    assert "suite.json" in told(lambda: leaderboard(folder).headline())


@pytest.mark.parametrize("kind", ENDS_THE_REPORT)
@wrong_today("plans of wrong types are merged, or end in a traceback", AssertionError, KeyError)
def test_merge_refuses_a_plan_of_wrong_types_in_a_message(kind, planned, tmp_path):
    folder = planned(ENDS_THE_REPORT[kind])
    assert "suite.json" in told(lambda: merge([read_ledger(folder)], Ledger(tmp_path / "both")))
