"""What changed between two leaderboards, and what may be said of it."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
from graded import graded
from in_process import ganbench_inside
from scipy.stats import binomtest, boschloo_exact
from tiny import TINY
from typer.testing import CliRunner

from ganbench import read_ledger, run
from ganbench.harness.canonical import digest
from ganbench.harness.cli import app
from ganbench.harness.ledger import Ledger, Record
from ganbench.harness.ledger.plan import hash_of
from ganbench.harness.planning.seeding import Sequential
from ganbench.harness.statistics import ALPHA, risk_difference
from ganbench.harness.statistics.intervals import clopper_pearson
from ganbench.harness.statistics.unpaired import BOSCHLOO_MOST, rate_difference, unpaired_p, unpaired_test
from ganbench.reports.differences.comparing import compare
from ganbench.reports.differences.plan_changes import cell_changes
from ganbench.reports.differences.sides import read_sides
from ganbench.reports.differences.words import COLUMNS, answer, details, rows
from ganbench.reports.formatting import rate

ganbench = ganbench_inside


STABLE, FAILED = "." * 12, "c" * 12


def difference(first: Ledger, second: Ledger):
    return compare(*read_sides(("one", first), ("two", second)))


def only(found, normalizer):
    (comparison,) = next(item for item in found.normalizers if item.normalizer == normalizer).comparisons
    return comparison


def lines(found, title):
    return dict(details(found)).get(title, [])


def other_seeds(ledger: Ledger, folder: Path) -> Ledger:
    """The same trials as if they had come from another suite seed: nothing is shared."""
    moved = Ledger(folder)
    plan = ledger.plan() | {"seed": 4}
    moved.write_plan(plan | {"hash": hash_of(plan)})
    for record in ledger.records():
        moved.commit(replace(record, spec={**record.spec, "suite_seed": 4}))
    return moved


def changed_cells(ledger: Ledger, folder: Path, settings: dict | None = None, **changes) -> Ledger:
    """The same outcomes in cells of another specification, in all settings or in some."""
    moved = Ledger(folder)
    plan = ledger.plan()

    def changed(spec):
        return {**spec, **changes, **(settings or {}).get(spec["loss"], {})}

    cells = [{**cell, "spec": changed(cell["spec"])} for cell in plan["cells"]]
    moved.write_plan(plan | {"cells": [{**cell, "id": digest(cell["spec"])} for cell in cells]})
    for record in ledger.records():
        moved.commit(stretched(replace(record, spec={**record.spec, "cell": changed(record.spec["cell"])})))
    return moved


def stretched(record: Record) -> Record:
    """The record with the trace stretched over the steps that its cell asks for."""
    trace, budget = record.trace, record.spec["cell"]["steps"]
    if trace is None or trace.budget == budget:
        return record
    steps = {
        name: getattr(trace, name) * budget / trace.budget for name in ("steps", "probe_steps", "evaluation_steps")
    }
    return Record.of(record.spec, replace(trace, budget=budget, stopped=budget, **steps), record.provenance)


# --- nothing changed --------------------------------------------------------------------------------------------------


def test_a_ledger_is_the_same_as_itself(ledgers):
    ledger = ledgers({"a": ("..c.", "...n"), "b": ("....", "....")})
    found = difference(ledger, ledger)
    assert answer(found) == "The same: all 16 trials that both have are equal bit for bit."
    assert all(item.identical and not item.significant for item in found.comparisons)
    assert found.plan == found.sources == found.shared.flips == ()
    assert found.hashes[0] == found.hashes[1]


def test_more_seeds_of_the_same_sweep_change_nothing_of_the_others(ledgers):
    found = difference(ledgers({"a": ("..", "..")}), ledgers({"a": ("..cc", "..cc")}))
    assert only(found, "a").identical
    assert answer(found) == (
        "Equal where both have trials: all 4 of them bit for bit. 0 trials only A has, and 4 trials only B: of these"
        " nothing is said."
    )
    assert [item.key for item in found.plan] == ["hash", "seeds"]


def test_rates_of_the_whole_leaderboards_are_told_from_those_that_are_compared(ledgers):
    first, second = ledgers({"a": ("cc",), "b": ("..",)}), ledgers({"a": ("cc..",), "b": ("..",)})
    found = difference(first, second)
    assert rows(found)[1][2:4] == ("100 % (at least 11 %)", "100 % (at least 11 %)")
    (line,) = lines(found, "Rates of the whole leaderboards, where they are not the table's")
    # As on the leaderboards: with intervals that hold for both rows together.
    assert line == "a: 100 % (at least 11 %) of 2 trials in A, 50 % (5–95 %) of 4 trials in B"


# --- noise, and more than noise -------------------------------------------------------------------------------------


def test_pairs_are_tested_by_mcnemar_and_corrected_over_the_normalizers(ledgers):
    later = ledgers({"a": ("c" * 9 + "...",), "b": ("c" + "." * 11,)})
    found = difference(ledgers({"a": (STABLE,), "b": (STABLE,)}), later)
    a = only(found, "a")
    assert a.test == "McNemar"
    assert (a.only_first, a.only_second, a.first.trials) == (0, 9, 12)
    assert a.p == pytest.approx(binomtest(0, 9, 0.5).pvalue)
    assert a.holm_p == pytest.approx(2 * a.p)
    assert a.significant
    assert a.change.value == 0.75
    assert 0.3 < a.change.low < 0.75 < a.change.high
    assert "'a' fails more often in B than in A, 75 % instead of 0 %" in answer(found)
    assert "For 'b' there are not enough seeds" in answer(found)


def test_the_same_trials_have_one_interval_wherever_it_stands(ledgers):
    """Of one setting, whose trials are all compared: as on the leaderboards' own pages, for all rows together."""
    first = {"a": ("c" + "." * 11,), "b": ("cc" + "." * 10,), "c": (STABLE,)}
    found = difference(ledgers(first), ledgers({**first, "a": (FAILED,)}))
    told = {row[0]: row for row in rows(found)}
    for change in found.normalizers:
        assert told[change.normalizer][2:4] == (rate(change.before.count), rate(change.after.count))
        (item,) = change.comparisons
        assert (item.first.low, item.first.high) == clopper_pearson(item.first.unstable, 12, ALPHA / 3)
    assert only(found, "a").change == risk_difference(1, 11, 0, 0, ALPHA / 3)
    assert lines(found, "Rates of the whole leaderboards, where they are not the table's") == []
    assert any(line.startswith("Intervals: 95 % for all comparisons together") for line in lines(found, "How sure"))


def test_a_change_for_the_better_is_told_from_one_for_the_worse(ledgers):
    found = difference(ledgers({"a": (FAILED,)}), ledgers({"a": (STABLE,)}))
    assert only(found, "a").change.value == -1
    assert "'a' fails less often in B than in A, 0 % instead of 100 %" in answer(found)


def test_noise_is_never_called_no_difference(ledgers):
    found = difference(ledgers({"a": ("....",), "b": ("c...",)}), ledgers({"a": ("cc..",), "b": (".c..",)}))
    assert not any(item.significant for item in found.comparisons)
    assert "not enough seeds to see a change in 'b' and 'a'" in answer(found)
    text = json.dumps([answer(found), rows(found), details(found)])
    assert "no difference" not in text
    a, b = only(found, "a"), only(found, "b")
    assert a.needed == 7  # 2 / 2**7 < 0.05 / 2
    assert a.supposed == (0, 0.5)
    assert 1 < a.seeds[0] <= a.seeds[1]
    assert b.supposed == (0.25, 0.45)
    assert [row[-1] for row in rows(found)] == ["not enough seeds", "not enough seeds"]
    assert "at least 7 are needed, all one way" in lines(found, "Grounds")[1]
    assert "seeds per cell would tell 0 % from 50 %" in lines(found, "Grounds")[1]


def test_trials_that_share_nothing_are_tested_by_boschloo(ledgers, tmp_path):
    second = other_seeds(ledgers({"a": ("c" * 10 + "..",)}), tmp_path / "other")
    found = difference(ledgers({"a": (STABLE,)}), second)
    a = only(found, "a")
    assert a.test == "Boschloo"
    assert a.p == pytest.approx(boschloo_exact([[0, 10], [12, 2]]).pvalue)
    assert a.significant
    assert a.change.value == pytest.approx(10 / 12)
    assert found.shared.trials == 0
    assert [item.key for item in found.plan] == ["hash", "seed"]
    assert "No trial is in both." in lines(found, "Trials")


def test_another_version_of_a_normalizer_keeps_its_pairs(ledgers, tmp_path):
    first = ledgers({"a": (STABLE,)})
    second = changed_cells(ledgers({"a": (FAILED,)}), tmp_path / "v2", normalizer={"name": "a", "version": "2"})
    a = only(difference(first, second), "a")
    assert (a.test, a.only_second) == ("McNemar", 12)


def test_another_setting_of_the_same_name_has_no_pairs_and_says_what_differs(ledgers, tmp_path):
    first = ledgers({"a": ("....", "...."), "b": ("....", "....")})
    second = changed_cells(ledgers({"a": ("....", "...."), "b": ("....", "....")}), tmp_path / "longer", steps=200)
    found = difference(first, second)
    assert only(found, "a").test == "Boschloo"
    (changed,) = found.cells.changed
    assert [(item.key, item.before, item.after) for item in changed.changes] == [("steps", "100", "200")]
    assert len(changed.cells) == 4
    assert found.cells.same == 0


def cell(steps=100, setting="fast", dataset="ring", **parameters):
    spec = {"dataset": {"name": dataset, **parameters}, "architecture": {"name": "mlp"}, "steps": steps}
    label = f"{dataset}({parameters})" if parameters else dataset
    labels = {"dataset": label, "architecture": "mlp", "normalizer": "a", "setting": setting}
    return {"id": digest([spec, setting]), "spec": spec, "measures": [], **labels}


def test_cells_are_matched_by_labels_then_by_names_and_never_by_guessing():
    found = cell_changes({"cells": [cell(std=1)]}, {"cells": [cell(std=2)]})
    assert [(item.key, item.before, item.after) for item in found.changed[0].changes] == [("dataset.std", "1", "2")]
    twice = cell_changes({"cells": [cell(1), cell(2)]}, {"cells": [cell(3)]})
    assert (twice.pairs, len(twice.only_first), len(twice.only_second)) == ((), 2, 1)
    both = cell_changes({"cells": [cell(1), cell(2)]}, {"cells": [cell(2), cell(3)]})
    assert [(pair.first["spec"]["steps"], pair.second["spec"]["steps"]) for pair in both.pairs] == [(1, 3), (2, 2)]
    assert cell_changes({"cells": [cell(setting="x")]}, {"cells": [cell(setting="y")]}).pairs == ()


def test_cells_that_are_new_or_gone_are_named_and_left_out_of_the_comparison(ledgers):
    found = difference(ledgers({"a": ("..", "cc")}), ledgers({"a": ("..",)}))
    assert only(found, "a").first.unstable == 0
    assert found.cells.only_first == ("digits · dcgan · slow · a",)
    assert "  digits · dcgan · slow · a" in lines(found, "Cells")


def test_unequal_numbers_of_trials_do_not_let_one_cell_weigh_more(ledgers, tmp_path):
    first = ledgers({"a": ("cccccccc", "........")})
    second = other_seeds(ledgers({"a": ("cccccccc", "..      ")}), tmp_path / "other")
    a = only(difference(first, second), "a")
    assert (a.first.unstable, a.first.trials, a.second.unstable, a.second.trials) == (8, 10, 8, 10)


def test_a_normalizer_with_both_kinds_of_trials_has_two_rows_and_is_told_once(ledgers, tmp_path):
    first = ledgers({"a": (STABLE, STABLE)})
    second = changed_cells(ledgers({"a": (FAILED, STABLE)}), tmp_path / "b", {"slow": {"steps": 200}})
    found = difference(first, second)
    told = rows(found)
    assert [row[0] for row in told] == ["a", "  unpaired"]
    assert [row[-1] for row in told] == ["yes: more often in B", "not enough seeds"]
    assert "in 1 cell (Holm" in answer(found)
    assert "not enough seeds" not in answer(found)


def test_new_and_vanished_normalizers_have_a_rank_on_one_side_only(ledgers):
    found = difference(ledgers({"a": ("..",), "old": ("..",)}), ledgers({"a": ("..",), "new": ("..",)}))
    told = {row[0]: row for row in rows(found)}
    assert (told["new"][1], told["new"][-1]) == ("– → 1–2 of 2", "new in B")
    assert (told["old"][1], told["old"][-1]) == ("1–2 of 2 → –", "gone from B")
    assert all(len(row) == len(COLUMNS) for row in rows(found))


def test_ledgers_that_have_nothing_in_common_are_not_compared(ledgers):
    found = difference(ledgers({"a": ("..",)}), ledgers({"b": ("..",)}))
    assert "Nothing can be compared" in answer(found)
    assert found.comparisons == ()
    nothing = difference(ledgers({"a": ("  ",)}), ledgers({"a": ("..",)}))
    assert "Nothing can be compared" in answer(nothing)


# --- undecided, and not learnt ------------------------------------------------------------------------------------------


def test_a_change_is_claimed_only_if_it_is_there_whichever_way_undecided_trials_are_counted(ledgers):
    before = graded(ledgers, {"a": (STABLE,)})
    decided, open_ = graded(ledgers, {"a": ("dddddddd....",)}), graded(ledgers, {"a": ("dddsssss....",)})
    sure, unsure = only(difference(before, decided), "a"), only(difference(before, open_), "a")
    assert sure.significant and sure.more == "B"
    assert unsure.p == pytest.approx(binomtest(0, 3, 0.5).pvalue)  # with all five stable
    assert not unsure.significant and unsure.more == "B"
    assert (unsure.undecided, unsure.only_second, unsure.second.undecided) == (5, 3, 5)
    found = difference(before, open_)
    assert rows(found)[0][-1] == "not enough seeds, 5 undecided"
    assert rows(found)[0][3] == "43 % (5–90 %); 5 undecided"  # 3 of 12 at its low end, and 8 of 12 at its high end
    assert "0 failed in A only and 3 in B only, 5 pairs undecided (Holm" in lines(found, "Grounds")[0]
    assert "5 trials of those that are compared are undecided" in answer(found)
    assert "What would decide them: more steps (5 trials)." in answer(found)
    assert any("counted as failed" in line for line in lines(found, "How sure"))


def test_many_undecided_of_both_do_not_silence_what_is_plain(ledgers):
    """Counted the same way on both sides; in opposite ways nothing could be said."""
    found = difference(graded(ledgers, {"a": ("s" * 6 + "." * 18,)}), graded(ledgers, {"a": ("s" * 6 + "d" * 18,)}))
    a = only(found, "a")
    assert a.significant and a.more == "B"
    assert (a.undecided, a.only_first, a.only_second) == (6, 0, 18)
    assert "'a' fails more often in B than in A, 100 % instead of 0 %" in answer(found)


def test_where_the_direction_depends_on_the_undecided_nothing_is_said(ledgers, tmp_path):
    first, second = graded(ledgers, {"a": ("d" * 6 + "." * 6,)}), graded(ledgers, {"a": ("s" * 12,)})
    for other in (second, other_seeds(second, tmp_path / "other")):
        found = difference(first, other)
        a = only(found, "a")
        assert (a.p, a.more, a.significant) == (1.0, "", False)
        assert math.isnan(a.change.value) and a.seeds == (None, None)
        assert rows(found)[0][3:5] == ("undecided; 12 undecided", "–")
        assert json.dumps(found.to_json(), allow_nan=False)
        assert "no trial is decided on one of the sides" in lines(found, "Grounds")[0]


def test_trainings_that_do_not_learn_are_compared_apart_from_those_that_fail(ledgers):
    first, second = (
        graded(ledgers, {"a": ("d" * 12,), "b": (STABLE,)}),
        graded(ledgers, {"a": ("n" * 12,), "b": (STABLE,)}),
    )
    found = difference(first, second)
    failing, learning = next(item for item in found.normalizers if item.normalizer == "a").comparisons
    assert [(item.what, item.more, item.significant) for item in (failing, learning)] == [
        ("unstable", "A", True),
        ("not_learnt", "B", True),
    ]
    assert [item.what for item in next(item for item in found.normalizers if item.normalizer == "b").comparisons] == [
        "unstable"
    ]
    told = {row[0]: row for row in rows(found)}
    assert told["a"][3] == "0 % (at most 33 %); 12 not learnt"
    assert told["  pairs"][2:4] == ("not learnt 0 % (at most 33 %)", "not learnt 100 % (at least 67 %)")
    assert "'a' fails less often in B than in A, 0 % instead of 100 %" in answer(found)
    assert "in B 12 not learnt" in answer(found)
    assert "trainings of 'a' that do not learn are more frequent in B than in A, 100 % instead of 0 %" in answer(found)


def test_a_verdict_that_becomes_undecided_or_not_learnt_is_flipped(ledgers):
    found = difference(graded(ledgers, {"a": ("..dse",)}), graded(ledgers, {"a": ("snlnd",)}))
    assert lines(found, "Verdicts that flipped") == [
        "ring · mlp · fast · a, seed 0: stable → undecided (more steps would tell)",
        "ring · mlp · fast · a, seed 1: stable → not learnt",
        "ring · mlp · fast · a, seed 3: undecided (more steps would tell) → not learnt",
    ]
    assert found.shared.otherwise == 2


def test_judging_by_a_newer_definition_says_what_is_undecided_by_it(ledgers):
    first = graded(ledgers, {"a": ("ssn.",)})
    first.relabel(2)
    found = difference(first, graded(ledgers, {"a": ("ssn.",)}))
    assert found.judging.used == 3
    assert found.shared.flips == ()
    (rejudged,) = found.judging.rates
    assert (rejudged.used, rejudged.not_learnt, rejudged.undecided) == (0, 1, 2)
    assert ", 0 by definition 3, by which 1 not learnt, 2 undecided" in lines(found, "Judged by")[1]


# --- single trials ------------------------------------------------------------------------------------------------------


def test_flipped_verdicts_come_by_cell_and_seed_and_a_long_list_is_cut(ledgers):
    found = difference(ledgers({"a": ("." * 15, "." * 15)}), ledgers({"a": ("c" * 15, "c" * 15)}))
    listed = lines(found, "Verdicts that flipped")
    assert [item.seed for item in found.shared.flips] == [*range(15), *range(15)]
    assert (len(listed), listed[-1]) == (21, "and 10 more")


def test_flipped_verdicts_are_listed_with_both_sides_and_their_steps(ledgers):
    found = difference(ledgers({"a": ("..ce",)}), ledgers({"a": (".bnc",)}))
    assert (found.shared.trials, found.shared.equal, found.shared.different) == (4, 1, 3)
    assert lines(found, "Verdicts that flipped") == [
        "ring · mlp · fast · a, seed 1: stable → mode collapse (step 40), never converged (step 100)"
    ]
    assert found.shared.otherwise == 2


def test_a_result_can_differ_without_another_verdict(ledgers):
    quality = lambda label, place, seed: 0.5 + seed / 100  # noqa: E731
    found = difference(ledgers({"a": ("..",)}), ledgers({"a": ("..",)}, quality=quality))
    assert (found.shared.equal, found.shared.different, found.shared.flips) == (0, 2, ())
    (item,) = found.quality
    assert item.before == pytest.approx(0.895)
    assert item.after == pytest.approx(0.505)
    assert item.protocol == "ring · share"


def test_quality_is_not_compared_by_different_protocols(ledgers, tmp_path):
    second = changed_cells(ledgers({"a": ("..",)}), tmp_path / "more", metric={"name": "modes", "samples": 500})
    found = difference(ledgers({"a": ("..",)}), second)
    assert found.quality == ()
    assert found.comparisons


def test_failures_are_worst_in_the_quality_of_both(ledgers):
    (item,) = difference(ledgers({"a": (".cc",)}), ledgers({"a": ("...",)})).quality
    assert item.before == -math.inf
    assert math.isfinite(item.after)
    assert item.better == "higher"


# --- how it was made ----------------------------------------------------------------------------------------------------


def test_different_definitions_are_said_and_both_are_judged_by_the_newer(ledgers):
    first, second = ledgers({"a": ("uc.e", "....")}), ledgers({"a": ("uc.e", "....")})
    second.relabel(2)
    found = difference(first, second)
    judging = found.judging
    assert (judging.first, judging.second, judging.used, judging.kept) == (1, 2, 2, 1)
    assert found.shared.flips == ()
    assert only(found, "a").identical
    assert "Both are judged by definition 2 here; A has its own, 1" in answer(found)
    assert judging.moved_first == 1  # by definition 2 an evaluation that could not be computed is no divergence
    assert [(item.own, item.used) for item in judging.rates] == [(3, 2)]
    assert "definition: 1 → 2" in lines(found, "Plans")
    turned = difference(second, first)
    assert (turned.judging.used, turned.judging.moved_second) == (2, judging.moved_first)
    assert "B has its own, 1" in answer(turned)


def test_ledgers_that_were_relabelled_alike_are_not_said_to_be_judged_differently(ledgers):
    first, second = ledgers({"a": ("c.",)}), ledgers({"a": ("c.",)})
    first.relabel(2)
    second.relabel(2)
    found = difference(first, second)
    assert (found.judging.moved_first, found.judging.moved_second, lines(found, "Judged by")) == (0, 0, [])


def test_the_same_training_is_the_same_result_by_whichever_definition_its_sweep_judged(ledgers):
    found = difference(ledgers({"a": ("..u",)}), ledgers({"a": ("..u",)}, definition=2))
    assert (found.shared.equal, found.shared.different, found.shared.flips) == (3, 0, ())
    assert (found.judging.moved_first, found.judging.moved_second) == (1, 0)
    assert "all 3 trials that both have are equal bit for bit" in answer(found)


def test_software_plugins_and_data_that_differ_are_named(ledgers):
    def newer(record):
        changes = {"packages": {"torch": "2.12.0"}, "sources": {"normalizer": "def"}, "data": "bbb"}
        return replace(record, provenance={**record.provenance, **changes})

    first = ledgers({"a": ("..",)}, change=lambda item: replace(item, provenance={**item.provenance, "data": "aaa"}))
    found = difference(first, ledgers({"a": ("..",)}, change=newer))
    assert lines(found, "Software and devices") == [
        "only A: ganbench 0.1.0, torch 2.11.0, Python 3.11.0, cpu, x86_64 (2 trials)",
        "only B: torch 2.12.0, Python 3.11.0, cpu, x86_64 (2 trials)",
    ]
    assert lines(found, "Plugins whose source differs under one version") == ["normalizer a 1: abc → def"]
    assert lines(found, "Data sets whose content differs") == ['{"name":"ring","version":"1"}: aaa → bbb']


def test_sequential_seeds_are_said_to_make_the_tests_approximate(ledgers):
    ledger = ledgers({"a": ("..",), "b": ("cc",)})
    rule = {**Sequential(1, 2, 1, 0.4, None, None).to_json(), "definition": 1}
    ledger.write_plan(ledger.plan() | {"sequential": rule})
    assert any("approximate" in line for line in lines(difference(ledger, ledger), "How sure"))


def test_the_json_is_json_whatever_happened(ledgers):
    found = difference(ledgers({"a": ("cc", ".."), "b": ("..", "")}), ledgers({"a": ("..", "ee"), "c": ("..", "..")}))
    text = json.dumps(found.to_json(), allow_nan=False)
    read = json.loads(text)
    changed = {item["normalizer"]: item for item in read["normalizers"]}
    assert changed["a"]["comparisons"][0]["significant"] is False
    assert changed["b"]["after"] is changed["c"]["before"] is None
    assert {item["before"] for item in read["quality"]} >= {"failed"}


def test_the_order_of_the_records_changes_nothing(ledgers):
    outcomes, others = {"a": ("..c.", "n...")}, {"a": ("....", "c...")}
    straight = difference(ledgers(outcomes), ledgers(others))
    turned = difference(ledgers(outcomes, backwards=True), ledgers(others, backwards=True))
    assert straight == turned


def test_turning_the_two_round_turns_every_change_round(ledgers, tmp_path):
    first = ledgers({"a": ("cc..", "...."), "b": ("....", "cccc")})
    for second in (ledgers({"a": ("cccc", "c..."), "b": ("....", ".c..")}),
                   other_seeds(ledgers({"a": ("cccc", "c..."), "b": ("....", ".c..")}), tmp_path / "other")):  # fmt: skip
        there, back = difference(first, second), difference(second, first)
        for name in ("a", "b"):
            one, other = only(there, name), only(back, name)
            assert one.change.value == -other.change.value
            assert (one.change.low, one.change.high) == pytest.approx((-other.change.high, -other.change.low))
            assert (one.p, one.holm_p) == pytest.approx((other.p, other.holm_p))
            assert (one.first, one.only_first) == (other.second, other.only_second)


# --- the statistics -----------------------------------------------------------------------------------------------------


def test_the_interval_of_independent_rates_is_newcombes():
    # Newcombe 1998, table II, method 10: 56/70 against 48/80.
    found = rate_difference(56, 70, 48, 80)
    assert (round(found.value, 4), round(found.low, 4), round(found.high, 4)) == (0.2, 0.0524, 0.3339)
    assert math.isnan(rate_difference(0, 0, 1, 2).value)
    with pytest.raises(ValueError, match="cannot have failed"):
        rate_difference(3, 2, 0, 1)


def test_many_trials_are_tested_by_fisher_which_finds_the_same():
    many = BOSCHLOO_MOST + 1
    assert (unpaired_test(many, 5), unpaired_test(BOSCHLOO_MOST, 5)) == ("Fisher", "Boschloo")
    assert unpaired_p(0, many, 0, many) == 1
    assert unpaired_p(10, many, 60, many) < 1e-6


# --- the command --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sweeps(tmp_path_factory) -> Path:
    """Two sweeps of one real suite: with other learning rates, and with another suite seed."""
    folder = tmp_path_factory.mktemp("sweeps")
    text = TINY.format(seeds=1, steps=20)
    for name, changed in (("a", text), ("b", text.replace("lr_d: 1e-3, n_dis: 5", "lr_d: 1e-2, n_dis: 5"))):
        (folder / f"{name}.yaml").write_text(changed)
        run(folder / f"{name}.yaml", folder / name, address="inline")
    return folder


def test_the_command_answers_first_and_names_what_changed(sweeps, ganbench):
    done = ganbench("diff", sweeps / "a", sweeps / "b")
    assert done.returncode == 0, done.stderr
    said = done.stdout.splitlines()
    assert said[0].startswith("Nothing here is more than noise: there are not enough seeds")
    assert "Of 4 trials that both have, 4 are equal bit for bit, and 0 verdicts flipped." in said[0]
    assert "lr_d: 0.001 → 0.01" in done.stdout
    assert "4 cells in both, the same in everything." in done.stdout


def test_the_command_prints_json_for_machines(sweeps):
    done = CliRunner().invoke(app, ["diff", "--json", str(sweeps / "a"), str(sweeps / "b")])
    assert done.exit_code == 0
    read = json.loads(done.stdout)
    assert read["shared"]["equal"] == 4
    assert [item["normalizer"] for item in read["normalizers"]] == [
        row.normalizer for row in difference(read_ledger(sweeps / "a"), read_ledger(sweeps / "b")).normalizers
    ]


def test_the_command_says_what_is_no_ledger(sweeps, ganbench, tmp_path):
    done = ganbench("diff", sweeps / "a", tmp_path / "nothing")
    assert done.returncode == 2
    assert "is no results folder" in done.stderr


def test_text_from_outside_steers_neither_the_table_nor_the_terminal(ledgers, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    root = str(ledgers({"[red]x[/red]\x1b[2J": ("..",)}).root)
    out = CliRunner().invoke(app, ["diff", root, root]).stdout
    assert "[red]x[/red] [2J" in out
    assert "\x1b" not in out
