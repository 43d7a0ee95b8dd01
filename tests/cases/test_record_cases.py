"""Forged records and plans of wrong types: their checksums fit, and what they say is held against what they hold.

Each test says what is right; one that is expected to fail names the issue in its reason. A trace that was made up, with new
checksums, is left out where nothing else contradicts it: reading cannot tell it, only training the trial again can.
"""

from __future__ import annotations

import json
import resource
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import version_1
from forging import Said, sealed, write_part, write_text
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from in_process import ganbench_here, printed

from ganbench import read_ledger, run
from ganbench.harness.canonical import canonical_json
from ganbench.harness.errors import GanbenchError, LedgerError
from ganbench.harness.ledger import Ledger
from ganbench.harness.ledger.merging import merge
from ganbench.harness.ledger.plan import hash_of
from ganbench.harness.ledger.repairing import repair
from ganbench.harness.ledger.row import SUMMARY
from ganbench.harness.stability import METHOD_ERROR, STABLE, UNSTABLE, Finding, judge, load_definition
from ganbench.harness.traces.trace import Trace
from ganbench.reports import leaderboard

MINI = """\
suite: mini
definition: 2
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


@pytest.fixture(scope="module")
def original(tmp_path_factory) -> Path:
    """Eight real trials, which all failed."""
    folder = tmp_path_factory.mktemp("original")
    (folder / "mini.yaml").write_text(MINI)
    run(folder / "mini.yaml", folder / "out", address="inline")
    assert {record.verdict.outcome for record in read_ledger(folder / "out").records()} == {UNSTABLE}
    return folder / "out"


@pytest.fixture(scope="module")
def genuine(original) -> list[Said]:
    """What the eight say, which is so."""
    return [Said.by(record) for record in read_ledger(original).records()]


def of(records: Sequence[Said], normalizer: str) -> list[Said]:
    found = [record for record in records if record.spec["cell"]["normalizer"]["name"] == normalizer]
    return sorted(found, key=lambda record: (record.spec["cell"]["lr_g"], record.spec["seed"]))


def _text_2(ledger: Path, said: Sequence[Said]) -> None:
    for one in said:
        write_text(ledger, one.row())


def _part_2(ledger: Path, said: Sequence[Said]) -> None:
    write_part(ledger, [one.row() for one in said])


def _text_1(ledger: Path, said: Sequence[Said]) -> None:
    for one in said:
        version_1.write_single(ledger, one.text_1())


def _part_1(ledger: Path, said: Sequence[Said]) -> None:
    version_1.write_part(ledger, [one.text_1() for one in said])


FORMS: dict[str, Callable[[Path, Sequence[Said]], None]] = {
    "single": _text_2,
    "compacted": _part_2,
    "single of version 1": _text_1,
    "compacted of version 1": _part_1,
}
"""All forms in which a ledger reads a record."""

every_form = pytest.mark.parametrize("form", FORMS)


@pytest.fixture
def forged(original, tmp_path) -> Callable[[str, Sequence[Said]], Ledger]:
    """Make a ledger of the same plan with what somebody says in it."""

    def make(form: str, said: Sequence[Said]) -> Ledger:
        (tmp_path / "forged").mkdir()
        shutil.copy(original / "suite.json", tmp_path / "forged")
        FORMS[form](tmp_path / "forged", said)
        return Ledger(tmp_path / "forged")

    return make


def names_one(text: str, said: Sequence[Said]) -> bool:
    return any(name in text for one in said for name in one.names())


def told(work: Callable[[], object]) -> str:
    """What is said on purpose when something is refused; empty where it is not."""
    try:
        work()
    except GanbenchError as error:
        return str(error)
    return ""


def taken(target: Path) -> dict[str, str]:
    """The outcomes of what a merge brought into a ledger, by trial."""
    ledger = Ledger(target)
    return {record.trial_id: record.verdict.outcome for record in ledger.records()} if target.exists() else {}


@every_form
def test_the_original_proves_itself(form, forged, genuine, original):
    """The control: the same ways of making a ledger, and nothing forged."""
    ledger = forged(form, genuine)
    assert ledger.verify().problems == ()
    assert leaderboard(ledger).table["unstable"].sum() == 8
    found = {record.trial_id: record.sha256 for record in ledger.records()}
    assert found == {record.trial_id: record.sha256 for record in read_ledger(original).records()}


# --- records that are not what they say -------------------------------------------------------------------------------


def under_anothers_trial(records: Sequence[Said]) -> list[Said]:
    """Results of `none` under the trials of `spectral_norm`, specification and all."""
    pairs = zip(of(records, "none"), of(records, "spectral_norm"), strict=True)
    return [replace(one, trial=other.trial) for one, other in pairs]


def with_anothers_specification(records: Sequence[Said]) -> list[Said]:
    """Results of `none` that say they are those of `spectral_norm`."""
    pairs = zip(of(records, "none"), of(records, "spectral_norm"), strict=True)
    return [replace(one, cell=other.cell, spec=other.spec) for one, other in pairs]


def in_anothers_cell(records: Sequence[Said]) -> list[Said]:
    cell = of(records, "spectral_norm")[0].cell
    return [replace(one, cell=cell) for one in of(records, "none")]


def in_no_cell(records: Sequence[Said]) -> list[Said]:
    return [replace(one, cell="0" * 20) for one in records]


def of_another_seed(records: Sequence[Said]) -> list[Said]:
    return [replace(one, spec={**one.spec, "seed": one.spec["seed"] + 1}) for one in records]


def of_another_suite_seed(records: Sequence[Said]) -> list[Said]:
    return [replace(one, spec={**one.spec, "suite_seed": 8}) for one in records]


def of_another_rate(records: Sequence[Said]) -> list[Said]:
    return [replace(one, spec={**one.spec, "cell": {**one.spec["cell"], "lr_d": 1e-5}}) for one in records]


IDENTITIES: dict[str, Callable[[Sequence[Said]], list[Said]]] = {
    "under another's trial": under_anothers_trial,
    "with another's specification": with_anothers_specification,
    "in another's cell": in_anothers_cell,
    "in a cell that is not planned": in_no_cell,
    "with another seed in its specification": of_another_seed,
    "with another suite's seed in its specification": of_another_suite_seed,
    "with another learning rate in its specification": of_another_rate,
}
"""Ways in which a record's identities can contradict its specification."""


@every_form
@pytest.mark.parametrize("kind", IDENTITIES)
def test_verify_names_records_whose_identities_contradict_their_specification(kind, form, forged, genuine):
    said = IDENTITIES[kind](genuine)
    assert names_one("\n".join(forged(form, said).verify().problems), said)


@every_form
@pytest.mark.parametrize("kind", IDENTITIES)
def test_merge_names_such_records_and_takes_none_of_them(kind, form, forged, genuine, tmp_path):
    said = IDENTITIES[kind](genuine)
    result = ganbench_here("ledger", "merge", forged(form, said).root, "--into", tmp_path / "both")
    assert names_one(printed(result), said)
    assert result.exit_code != 0
    assert taken(tmp_path / "both") == {}


@every_form
@pytest.mark.parametrize("kind", IDENTITIES)
def test_report_names_such_records(kind, form, forged, genuine):
    said = IDENTITIES[kind](genuine)
    ledger = forged(form, said)
    result = ganbench_here("report", ledger.root)
    page = ledger.root / "leaderboard" / "leaderboard.md"
    assert names_one(printed(result) + (page.read_text() if page.exists() else ""), said)


@every_form
def test_verify_names_trials_of_another_suite_seed_that_are_consistent_and_no_board_counts_them(form, forged, genuine):
    said = [one.consistent() for one in of_another_suite_seed(genuine)]
    ledger = forged(form, said)
    assert names_one("\n".join(ledger.verify().outside), said)
    assert leaderboard(ledger).table.trials.sum() == 0


# --- traces that are not of their specification -----------------------------------------------------------------------


def trace_of_another_seed(records: Sequence[Said]) -> list[Said]:
    """Seed 1 of every cell is a copy of seed 0, which is there as well."""
    first = [one for one in records if one.spec["seed"] == 0]
    copies = [replace(one, spec={**one.spec, "seed": 1}).consistent() for one in first]
    return [*first, *copies]


def trace_of_another_setting(records: Sequence[Said]) -> list[Said]:
    """What was trained with the one learning rate stands for the other as well."""
    slow = [one for one in records if one.spec["cell"]["lr_g"] == 1e-4]
    fast = {(one.spec["cell"]["normalizer"]["name"], one.spec["seed"]): one for one in records if one not in slow}
    copies = [
        replace(fast[one.spec["cell"]["normalizer"]["name"], one.spec["seed"]], spec=one.spec).consistent()
        for one in slow
    ]
    return [*fast.values(), *copies]


def each_trace(change: Callable[[Trace], Trace]) -> Callable[[Sequence[Said]], list[Said]]:
    return lambda records: [replace(one, trace=change(one.trace)) for one in records]


def until(trace: Trace, step: int) -> Trace:
    """What was logged up to a step."""
    probed = int((trace.probe_steps <= step).sum())
    return replace(
        trace,
        stopped=step,
        steps=trace.steps[trace.steps <= step],
        scalars={name: column[trace.steps <= step] for name, column in trace.scalars.items()},
        probe_steps=trace.probe_steps[:probed],
        layers={
            name: replace(
                layer,
                variance=layer.variance[:probed],
                sigma=layer.sigma[:probed],
                stable_rank=layer.stable_rank[:probed],
            )
            for name, layer in trace.layers.items()
        },
        probes={name: replace(probe, values=probe.values[:probed]) for name, probe in trace.probes.items()},
        evaluation_steps=trace.evaluation_steps[trace.evaluation_steps <= step],
        evaluations={name: column[trace.evaluation_steps <= step] for name, column in trace.evaluations.items()},
    )


TRACES: dict[str, Callable[[Sequence[Said]], list[Said]]] = {
    "another seed's": trace_of_another_seed,
    "another setting's": trace_of_another_setting,
    "of a smaller budget": each_trace(lambda trace: replace(until(trace, 10), budget=10)),
    "of a larger budget": each_trace(lambda trace: replace(trace, budget=40)),
    "stopped early with all values finite": each_trace(lambda trace: until(trace, 10)),
    "longer than its budget": each_trace(lambda trace: replace(trace, stopped=21)),
    "with fewer evaluations": each_trace(
        lambda trace: replace(
            trace,
            evaluation_steps=trace.evaluation_steps[::2],
            evaluations={name: column[::2] for name, column in trace.evaluations.items()},
        )
    ),
    "logged at other steps": each_trace(
        lambda trace: replace(
            trace, steps=trace.steps[1:], scalars={name: column[1:] for name, column in trace.scalars.items()}
        )
    ),
    "with a series cut short": each_trace(
        lambda trace: replace(trace, scalars={name: column[:-1] for name, column in trace.scalars.items()})
    ),
    "with steps that fall": each_trace(lambda trace: replace(trace, probe_steps=trace.probe_steps[::-1].copy())),
}
"""Ways in which a trace, under identities and checksums that fit, can contradict what it should be of."""


def judged(said: Sequence[Said]) -> list[Said]:
    """The same with the verdicts that the traces give, as far as they give any: a careful forger computes them too."""
    made = []
    for one in said:
        with suppress(ValueError):
            one = replace(one, verdict=judge(one.trace, load_definition(one.provenance["definition"])))
        made.append(one)
    return made


@every_form
@pytest.mark.parametrize("kind", TRACES)
def test_verify_names_records_whose_trace_is_not_of_their_specification(kind, form, forged, genuine):
    said = judged(TRACES[kind](genuine))
    assert names_one("\n".join(forged(form, said).verify().problems), said)


@pytest.mark.parametrize("form", ["single", "compacted of version 1"])
@pytest.mark.parametrize("kind", TRACES)
def test_merge_takes_no_trace_that_is_not_of_its_specification(kind, form, forged, genuine, tmp_path):
    """Of a trace that two trials have, the one that is read first is taken: which is the copy, nobody can say."""
    said = judged(TRACES[kind](genuine))
    result = ganbench_here("ledger", "merge", forged(form, said).root, "--into", tmp_path / "both")
    assert names_one(printed(result), said)
    assert len(taken(tmp_path / "both")) == (4 if kind.startswith("another") else 0)


@pytest.mark.parametrize("form", ["single", "compacted"])
@pytest.mark.parametrize("kind", TRACES)
def test_the_board_counts_no_trace_that_is_not_of_its_specification(kind, form, forged, genuine):
    said = judged(TRACES[kind](genuine))
    assert names_one(told(lambda: leaderboard(forged(form, said))), said)


@pytest.mark.parametrize("form", ["single", "compacted"])
def test_a_copy_of_a_trace_is_found_across_merged_ledgers(form, forged, genuine, original, tmp_path):
    copies = [one for one in trace_of_another_seed(genuine) if one.spec["seed"] == 1]
    target = Ledger(tmp_path / "both")
    merge([read_ledger(original)], target)
    for one in copies:  # as if it had never run here
        target.path(one.trial).unlink()
    done = merge([forged(form, copies)], target)
    assert (done.added, sorted(done.refused)) == (0, sorted(one.trial for one in copies))


def test_a_refused_copy_does_not_keep_the_original_out(forged, genuine, original, tmp_path):
    """A copy of a trace is refused for what else is wrong with it, and whose trace it is has its place."""
    (one, *_) = of(genuine, "none")
    false = replace(one, spec={**one.spec, "seed": 77}, error="and a message").consistent()
    done = merge([forged("single", [false]), read_ledger(original)], Ledger(tmp_path / "both"))
    assert (done.added, list(done.refused)) == (8, [false.trial])


@pytest.mark.parametrize("form", ["single", "compacted"])
def test_a_trace_in_another_form_than_its_own_is_named(form, forged, genuine):
    """The same numbers, of which one series is stored as float64 though float32 holds it exactly."""

    def widened(row: Mapping[str, Any]) -> dict[str, Any]:
        layout = json.loads(row["layout"])
        place = next(place for place, item in enumerate(layout["series"]) if item[2] == "f4")
        count, layout["series"][place][2] = layout["series"][place][3], "f8"
        offset = sum(item[3] for item in layout["series"][:place] if item[2] == "f8")
        moved, double = row["single"][:count].astype(np.float64), row["double"]
        double = np.concatenate([double[:offset], moved, double[offset:]])
        return sealed({**row, "layout": canonical_json(layout), "single": row["single"][count:], "double": double})

    ledger = forged(form, [])
    rows = [widened(one.row()) for one in genuine]
    if form == "single":
        for row in rows:
            write_text(ledger.root, row)
    else:
        write_part(ledger.root, rows)
    problems = "\n".join(Ledger(ledger.root).verify().problems)
    assert "canonical form" in problems
    assert names_one(problems, genuine)


# --- verdicts that their traces contradict ----------------------------------------------------------------------------


def all_stable(said: Said) -> Said:
    return replace(said, verdict=replace(said.verdict, outcome=STABLE, findings=()))


def another_finding(said: Said) -> Said:
    finding = Finding("diverged", 1, float("nan"), float("inf"), "it was not finite")
    return replace(said, verdict=replace(said.verdict, findings=(finding,)))


def no_trace(said: Said) -> Said:
    return replace(all_stable(said), trace=None)


def never_ran(said: Said) -> Said:
    """A method error needs no trace; this one has one."""
    verdict = replace(said.verdict, outcome=METHOD_ERROR, findings=(), message="it never ran")
    return replace(said, verdict=verdict, error="it never ran")


VERDICTS = {
    "all stable": all_stable,
    "another finding": another_finding,
    "stable without a trace": no_trace,
    "a method error with a trace": never_ran,
}


@every_form
@pytest.mark.parametrize("kind", VERDICTS)
def test_verify_names_records_whose_verdict_their_trace_contradicts(kind, form, forged, genuine):
    said = [VERDICTS[kind](one) for one in genuine]
    assert names_one("\n".join(forged(form, said).verify().problems), said)


@every_form
@pytest.mark.parametrize("kind", VERDICTS)
def test_merge_brings_no_verdict_that_its_trace_contradicts(kind, form, forged, genuine, tmp_path):
    said = [VERDICTS[kind](one) for one in genuine]
    ganbench_here("ledger", "merge", forged(form, said).root, "--into", tmp_path / "both")
    assert set(taken(tmp_path / "both").values()) <= {UNSTABLE}


@every_form
@pytest.mark.parametrize("kind", ["all stable", "stable without a trace"])
def test_the_board_does_not_count_verdicts_that_their_traces_contradict(kind, form, forged, genuine):
    """It refuses such a ledger, or counts what the traces say, or counts none of them."""
    ledger = forged(form, [VERDICTS[kind](one) for one in genuine])
    try:
        table = leaderboard(ledger).table
    except GanbenchError:
        return
    assert (table["unstable"] == table["trials"]).all()


COPIES: dict[str, object] = {
    "outcome": STABLE,
    "modes": ["diverged"],
    "seconds": 1e9,
    "started": 1.0,
    "host": "elsewhere",
    "device": "another",
    "attempt": 7,
    "seed": 1000,
}


@pytest.mark.parametrize("form", ["single", "compacted"])
@pytest.mark.parametrize("column", COPIES)
def test_verify_names_a_copied_column_that_is_not_the_records(column, form, forged, genuine):
    assert COPIES.keys() == set(SUMMARY) - {"trial", "cell"}
    ledger = forged(form, [])
    rows = [{**one.row(), column: COPIES[column]} for one in genuine]
    if form == "single":
        for row in rows:
            write_text(ledger.root, row)
    else:
        write_part(ledger.root, rows)
    again = Ledger(ledger.root)
    assert names_one("\n".join(again.verify().problems), genuine)
    repaired = repair(again)
    assert Ledger(ledger.root).verify().problems == ()
    saved = 8 if form == "compacted" and column != "seed" else 0  # of which there is no other
    assert len(Ledger(ledger.root).committed()) == repaired.saved == saved
    assert len(repaired.aside) == (8 if form == "single" else 1)


BY = {"label": "wins", "name": "wins", "version": "1", "source": "abc", "summary": "A line."}


@every_form
@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("definition", 9),
        ("definition", "2"),
        ("seconds", "long"),
        ("started", []),
        ("attempt", None),
        ("detectors", [{"by": {}}]),
        ("detectors", 3),
        ("detectors", [{"by": {**BY, "label": 3, "seen": True}, "finding": None}]),
    ],
)
def test_a_provenance_of_wrong_types_is_named_and_ends_in_no_traceback(key, value, form, forged, genuine, tmp_path):
    def row(one: Said) -> dict[str, Any]:
        plain = one.row()
        return sealed({**plain, "provenance": canonical_json({**one.provenance, key: value})})

    one = genuine[0]
    ledger = forged(form, [])
    if form == "single":
        write_text(ledger.root, row(one))
    elif form == "compacted":
        write_part(ledger.root, [row(one)])
    else:
        about = {**one.provenance, key: value}
        result = version_1.result_of(one.trial, one.cell, one.spec, one.verdict, one.trace)
        if key == "definition":
            result["verdict"]["definition"] = value
        text = version_1.sealed(result, about)
        if form == "single of version 1":
            version_1.write_single(ledger.root, text)
        else:
            path = version_1.write_part(ledger.root, [one.text_1()])
            path.unlink()
            with pytest.MonkeyPatch.context() as patch:
                plain = version_1._row(one.text_1())
                patch.setattr(version_1, "_row", lambda content: {**plain, "record": content})
                version_1.write_part(ledger.root, [text])
    ledger = Ledger(ledger.root)
    assert one.trial in "\n".join(ledger.verify().problems)
    for work in (
        lambda: list(ledger.records()),
        lambda: leaderboard(ledger.root),
        ledger.summary,
        ledger.compact,
        lambda: merge([ledger], Ledger(tmp_path / "both")),
        ledger.set_damaged_aside,
    ):
        told(work)


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


def swapped_labels(plan: Plan) -> Plan:
    """Each normalizer's cells are called by the other one's name."""
    other = {"none": "spectral_norm", "spectral_norm": "none"}
    return {**plan, "cells": [{**cell, "normalizer": other[cell["normalizer"]]} for cell in plan["cells"]]}


def relabelled(kind: str, change: Callable[[str], str]) -> Callable[[Plan], Plan]:
    return lambda plan: {**plan, "cells": [{**cell, kind: change(cell[kind])} for cell in plan["cells"]]}


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
"""Plans with which the report ended in a traceback."""

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
    "a normalizer's label is another's": swapped_labels,
    "a label names another parameter": relabelled("dataset", lambda label: label.replace("0.05", "0.5")),
    "a label names another architecture": each_cell(architecture="dcgan"),
    "two cells are one": lambda plan: {**plan, "cells": [*plan["cells"], plan["cells"][0]]},
    "the hash is of something else": put("hash", "0" * 20),
}
"""Plans with which it went on, or said only part of the truth."""


@pytest.fixture
def planned(original, tmp_path) -> Callable[[Callable[[Plan], Plan]], Path]:
    """Make a ledger of the original's records under a changed plan."""

    def make(change: Callable[[Plan], Plan]) -> Path:
        shutil.copytree(original, tmp_path / "changed")
        plan = json.loads((original / "suite.json").read_text())
        assert change(plan) != plan
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


@pytest.mark.parametrize("kind", [*ENDS_THE_REPORT, *PASSES_FOR_A_PLAN])
def test_verify_names_a_plan_of_wrong_types_or_values(kind, planned):
    folder = planned((ENDS_THE_REPORT | PASSES_FOR_A_PLAN)[kind])
    result = ganbench_here("ledger", "verify", folder)
    assert result.exit_code != 0
    assert "suite.json" in printed(result)


@pytest.mark.parametrize("kind", ENDS_THE_REPORT)
@pytest.mark.usefixtures("bounded")
def test_report_refuses_a_plan_of_wrong_types_in_a_message(kind, planned):
    folder = planned(ENDS_THE_REPORT[kind])
    assert "suite.json" in told(lambda: leaderboard(folder).headline())


@pytest.mark.parametrize("kind", ENDS_THE_REPORT)
def test_merge_refuses_a_plan_of_wrong_types_in_a_message(kind, planned, tmp_path):
    folder = planned(ENDS_THE_REPORT[kind])
    assert "suite.json" in told(lambda: merge([read_ledger(folder)], Ledger(tmp_path / "both")))


SEQUENTIAL = {
    "least": 1,
    "most": 2,
    "step": 1,
    "half_width": 0.25,
    "test": "spending",
    "baseline": "spectral_norm",
    "definition": 2,
}
OTHERS = [None, True, -1, 0, 3, 10**12, 1.5, float("inf"), "", "abc", [], [1], {}, {"name": "x"}]


def leaves(value: Any, path: tuple = ()) -> Iterator[tuple]:
    """Yield the places of all values, those that hold others too."""
    if path:
        yield path
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield from leaves(value[key], (*path, key))


def changed(value: Any, path: tuple, other: Any) -> Any:
    if not path:
        return other
    made = dict(value) if isinstance(value, dict) else list(value)
    made[path[0]] = changed(made[path[0]], path[1:], other)
    return made


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
@pytest.mark.usefixtures("bounded")
def test_whatever_is_changed_in_a_plan_verify_reports_what_a_report_refuses(data, original, tmp_path_factory):
    """Its hash is computed anew where that can be done; what it says of sequential seeds is among what is changed."""
    plan = json.loads((original / "suite.json").read_text())
    plan["sequential"] = data.draw(st.sampled_from([None, SEQUENTIAL]), label="sequential")
    path = data.draw(st.sampled_from(sorted(leaves(plan), key=str)), label="place")
    other = data.draw(st.sampled_from(OTHERS), label="value")
    made = changed(plan, path, other)
    with suppress(KeyError, TypeError, ValueError, AttributeError):
        made["hash"] = hash_of(made)
    folder = tmp_path_factory.mktemp("changed")
    shutil.copytree(original, folder, dirs_exist_ok=True)
    (folder / "suite.json").write_text(json.dumps(made))
    try:
        leaderboard(folder).headline()
    except GanbenchError:
        assert Ledger(folder).verify().problems


# --- other files of wrong types ---------------------------------------------------------------------------------------

CHOICES = [
    "[]",
    "3",
    "null",
    "{}",
    '{"definition": "2"}',
    '{"definition": null}',
    '{"definition": true}',
    '{"definition": 1.5}',
    '{"definition": Infinity}',
    '{"definition": [2]}',
    '{"definition": 9}',
]


@pytest.mark.parametrize("content", CHOICES)
def test_a_chosen_definition_of_a_wrong_type_is_named_and_refused(content, original, tmp_path):
    folder = tmp_path / "out"
    shutil.copytree(original, folder)
    (folder / "definition.json").write_text(content)
    result = ganbench_here("ledger", "verify", folder)
    assert result.exit_code != 0
    assert "definition" in printed(result)
    assert "definition" in told(lambda: leaderboard(folder))


FINDING = {"seen": True, "mode": "wins", "step": 3, "value": 0.5, "threshold": 0.4, "reason": "why"}
SEEN = {"detector": {**BY, "spec": {}}, "clear": ["a" * 20], "blind": [], "found": {"b" * 20: FINDING}}
DETECTORS: dict[str, Any] = {
    "a list": [],
    "nothing": {},
    "a label that is a number": {**SEEN, "detector": {**BY, "label": 3}},
    "a summary that is a list": {**SEEN, "detector": {**BY, "summary": []}},
    "clear trials in a text": {**SEEN, "clear": "abc"},
    "a trial that is a number": {**SEEN, "clear": [3]},
    "found as a list": {**SEEN, "found": [1]},
    "a finding that is a text": {**SEEN, "found": {"b" * 20: "yes"}},
    "a step that is a text": {**SEEN, "found": {"b" * 20: {**FINDING, "step": "early"}}},
    "a mode that is a number": {**SEEN, "found": {"b" * 20: {**FINDING, "mode": 7}}},
    "a reason that is a number": {**SEEN, "found": {"b" * 20: {**FINDING, "reason": 7}}},
    "a threshold that is a text": {**SEEN, "found": {"b" * 20: {**FINDING, "threshold": "high"}}},
    "a finding with more in it": {**SEEN, "found": {"b" * 20: {**FINDING, "more": 1}}},
}


@pytest.mark.parametrize("kind", DETECTORS)
def test_what_an_added_detector_found_of_a_wrong_type_is_named_and_refused(kind, original, tmp_path):
    folder = tmp_path / "out"
    shutil.copytree(original, folder)
    (folder / "detectors").mkdir()
    (folder / "detectors" / "good.json").write_text(json.dumps(SEEN))
    assert Ledger(folder).verify().problems == ()
    (folder / "detectors" / "wins-0.json").write_text(json.dumps(DETECTORS[kind]))
    assert "wins-0.json" in "\n".join(Ledger(folder).verify().problems)
    assert "wins-0.json" in told(lambda: leaderboard(folder))


LINE = {
    "trial": "a" * 20,
    "cell": "b" * 20,
    "normalizer": "none",
    "seed": 1,
    "host": "x",
    "sha256": "0" * 64,
    "checksum": "0" * 64,
    "why": "a fault",
    "when": "2026-01-01T00:00:00+00:00",
}


@pytest.mark.parametrize("key", LINE)
def test_a_line_of_a_forgotten_trial_of_a_wrong_type_is_named_and_refused(key, original, tmp_path):
    folder = tmp_path / "out"
    shutil.copytree(original, folder)
    (folder / "forgotten.jsonl").write_text(json.dumps(LINE) + "\n")
    assert Ledger(folder).verify().problems == ()
    for value in ([3], {"x": 1}, None):
        (folder / "forgotten.jsonl").write_text(json.dumps({**LINE, key: value}) + "\n")
        try:
            problems = Ledger(folder).verify().problems
        except LedgerError as error:
            problems = (str(error),)
        assert "forgotten.jsonl" in "\n".join(problems)
        assert "forgotten.jsonl" in told(lambda: leaderboard(folder))
