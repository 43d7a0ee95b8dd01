"""What a board says of trials that are undecided, and of those that did not learn."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from statistics import median

import pandas as pd
import pytest
from graded import graded, regraded
from pages import Page, markdown_tables

from ganbench.harness.stability import load_definition
from ganbench.harness.stability.verdict import STABLE, UNDECIDED
from ganbench.reports import formatting as f
from ganbench.reports import leaderboard
from ganbench.reports.board import build
from ganbench.reports.figures.survival import curve
from ganbench.reports.formats.badge import normalizer_badge, suite_badge
from ganbench.reports.formats.comparison_data import comparison_data
from ganbench.reports.wording.headline import headline
from ganbench.reports.wording.missing import caution
from ganbench.reports.wording.pairs import conclusion
from ganbench.reports.wording.rules import meanings
from ganbench.reports.wording.seen import seen

SEEDS = 16
NAMES = ("a", "b", "c")
OUTCOMES = {"a": ("....lnsv", "........"), "b": ("dennssvv", " nnnnlll")}


@pytest.fixture(scope="module")
def board(shared):
    return leaderboard(graded(shared, OUTCOMES, baseline="b"))


@pytest.fixture(scope="module")
def written(board, shared):
    return {path.name: path.read_bytes().decode("utf-8", "replace") for path in board.write(shared.folder / "out")}


@pytest.fixture(scope="module")
def evidence(shared):
    return leaderboard(graded(shared, dict.fromkeys(NAMES, ("." * SEEDS, "." * SEEDS)))).evidence


def judged(evidence, *texts):
    """Return evidence of normalizers with the letters of their first setting; all are stable in the second."""
    found = dict.fromkeys(NAMES, ("." * SEEDS, "." * SEEDS)) | {
        name: (text.ljust(SEEDS, "."), "." * SEEDS) for name, text in zip(NAMES, texts, strict=False)
    }
    return regraded(evidence, found)


def rows(board):
    return {row.normalizer: row for row in board.rows}


def said(evidence):
    return f.unmarked(headline(evidence, build(evidence)))


def test_the_rate_is_that_of_decided_trials_and_its_bounds_are_those_of_all(board):
    count = rows(board.board)["a"].count
    assert (count.unstable, count.not_learnt, count.undecided, count.decided, count.trials) == (1, 1, 2, 14, 16)
    assert count.rate == (1 / 6 + 0 / 8) / 2
    assert (count.low_bound, count.high_bound) == (1 / 16, 3 / 16)
    assert count.not_learnt_rate == (1 / 6) / 2
    assert count.needs == {"steps": 1, "evaluations": 1}


def test_a_method_error_is_a_failure_and_missing_trials_are_not_undecided(board):
    count = rows(board.board)["b"].count
    assert (count.unstable, count.undecided, count.missing) == (5, 4, 1)
    assert {mode: times for mode, times in count.modes.items() if times} == {
        "diverged": 1, "lost_quality": 3, "method_error": 1,
    }  # fmt: skip


def test_tables_have_the_failure_modes_of_the_definition_and_no_others(written):
    table = pd.read_csv(pd.io.common.StringIO(written["leaderboard.csv"]))
    modes = [*load_definition(3).modes, "method_error"]
    columns = list(table.columns)
    first = columns.index("missing") + 1
    graded_columns = [
        "not_learnt",
        "not_learnt_rate",
        "undecided",
        "rate_low_bound",
        "rate_high_bound",
        "undecided_needs",
    ]
    assert columns[first : first + len(graded_columns) + len(modes)] == [*graded_columns, *modes]
    line = table.set_index("normalizer").loc["a"]
    assert (line["not_learnt"], line["undecided"], line["undecided_needs"]) == (1, 2, "evaluations 1; steps 1")
    assert (line["rate_low_bound"], line["rate_high_bound"]) == (1 / 16, 3 / 16)


def test_the_main_table_says_how_many_did_not_learn_and_how_many_are_undecided(written):
    head, *lines = markdown_tables(written["leaderboard.md"])[0]
    found = {line[1]: dict(zip(head, line, strict=True)) for line in lines}
    assert found["a"]["instability rate (95 %)"].endswith("1/14 decided · 6 % to 19 % with 2 undecided")
    assert found["a"]["not learnt in 100 steps"] == "8 % · 1/14 decided"
    assert found["a"]["undecided"] == "2 of 16 · mostly more evaluations after it has learnt"
    assert found["b · baseline"]["undecided"] == "4 of 15 · mostly more evaluations after it has learnt"


def test_the_page_says_once_what_would_decide_and_how_small_a_loss_would_have_been_found(board, written):
    text = seen(board.evidence)
    assert text.startswith("Of 31 trials, 6 failed, 12 are stable, 7 did not learn in 100 steps and 6 are undecided.")
    assert "What would decide them: more evaluations after it has learnt (3 trials), more steps (3 trials)." in text
    verdicts = [result.verdict for results in board.evidence.results.values() for result in results.values()]
    asked = [verdict.least_loss for verdict in verdicts if verdict.outcome in (STABLE, UNDECIDED)]
    losses = [loss for loss in asked if loss is not None]
    assert "that would have been found in 19 of 20 cases is a factor of" in text
    assert f"a factor of {f.number(median(losses))} in the median of the {len(losses)}" in text
    assert f"a factor of {f.number(max(losses))} in the worst of them" in text
    assert f"in the other {len(asked) - len(losses)} none could have been, however large" in text
    assert written["leaderboard.md"].count(text) == 1
    assert Page(written["leaderboard.html"]).text.count("What would decide them") == 1
    assert (
        written["leaderboard.md"].count("has learnt once") == written["leaderboard.md"].count("oo little was seen") == 1
    )


def test_what_a_stable_trial_bounds_is_told_from_how_small_a_loss_would_have_been_found(board, evidence):
    (stable,) = (item for item in meanings(board.evidence.definition) if item.outcome == "stable")
    assert "by less than a factor of 1.5 (upper bound, one-sided, 92 %)" in stable.evidence
    assert not re.search("found|seen", stable.evidence)
    item = evidence.of(evidence.groups[0], "a")[0]
    blurred = {"x": {0: replace(item, verdict=replace(item.verdict, least_loss=1e3))}}
    assert "is a factor of more than 100 in the one stable or" in seen(replace(evidence, results=blurred))


def test_where_nothing_could_have_been_seen_the_page_says_so(evidence):
    blind = regraded(evidence, dict.fromkeys(NAMES, ("u" * SEEDS, "u" * SEEDS)))
    assert "In none of the stable and undecided trials could a lasting loss of quality have been found" in seen(blind)
    assert said(blind) == "No trial could be decided: all 96 are undecided."


def test_that_no_trial_failed_is_said_of_the_decided_ones_with_how_many_did_not_learn(evidence):
    assert said(judged(evidence, "u" * 10, "nn")) == (
        "No trial failed, of 86 decided; 2 did not learn. Nothing shows which method is more stable."
    )
    assert said(judged(evidence)) == "No trial failed, of 96. Nothing shows which method is more stable."


def test_where_no_trial_failed_the_headline_says_who_learns_more_often(evidence):
    assert said(judged(evidence, "n" * SEEDS, "", "n" * SEEDS)) == (
        "No trial failed, of 96; 32 did not learn. In these settings b learns more often than 2 others."
    )


def test_that_every_trial_failed_is_said_of_the_decided_ones_only(evidence):
    for last in ("d" * SEEDS, "u" + "d" * (SEEDS - 1)):
        found = regraded(evidence, dict.fromkeys(NAMES, ("d" * SEEDS, last)))
        assert said(found) == "Every decided trial failed: nothing shows which method is more stable."


def test_the_headline_is_made_of_claims_that_hold_whatever_the_undecided_are(evidence):
    assert said(judged(evidence, "", "d" * SEEDS, "d" * 12 + "u" * 4)) == (
        "In these 2 settings a failed least: 0 % (at most 14 %) against 50 %; 0 open. Elsewhere: open for it."
    )
    assert said(judged(evidence, "", "d" * SEEDS, "u" * SEEDS)).endswith(
        " against 50 %; 1 open. Elsewhere: open for it."
    )


def test_of_one_that_failed_least_and_is_mostly_undecided_or_did_not_learn_the_headline_says_that_it_is_open(evidence):
    all_ = dict.fromkeys(NAMES, ("d" * SEEDS, "." * SEEDS))
    undecided = regraded(evidence, all_ | {"a": ("u" * SEEDS, "u" + "." * (SEEDS - 1))})
    assert said(undecided) == ("Open: a failed least (0 of 15 decided trials), but 17 of its 32 trials are undecided.")
    unlearnt = regraded(
        evidence, dict.fromkeys(NAMES, ("n" * SEEDS, "n" * SEEDS)) | {"b": ("d" * 3 + "n" * 13, "n" * SEEDS)}
    )
    assert said(unlearnt) == (
        "Open: a and 1 other failed least (0 of 32 trials), but 32 of a's 32 decided trials did not learn."
    )


def test_of_those_that_never_failed_the_headline_names_one_that_is_decided(evidence):
    found = regraded(evidence, {"a": ("u" * SEEDS, "u" * SEEDS), "b": ("." * SEEDS,) * 2, "c": ("d" * SEEDS,) * 2})
    assert said(found).startswith("In these 2 settings b failed less often than c")


def test_an_undecided_trial_counts_as_half_a_failure_in_the_order(evidence):
    found = judged(evidence, "u" * 6, "d" * 2, "d" * 4)
    assert [(row.normalizer, row.count.unstable) for row in build(found).rows] == [("b", 2), ("a", 0), ("c", 4)]
    assert [row.count.middle for row in build(found).rows] == [2 / 32, 3 / 32, 4 / 32]


def test_a_normalizer_that_fails_less_often_but_learns_less_often_is_not_above(evidence):
    found = regraded(
        evidence, {"a": ("n" * SEEDS,) * 2, "b": ("d" * 8 + "." * 8, "." * SEEDS), "c": ("." * SEEDS,) * 2}
    )
    board = build(found)
    assert [row.normalizer for row in board.rows] == ["c", "b", "a"]
    (pair,) = [pair for pair in board.pairs if {pair.first, pair.second} == {"a", "b"}]
    assert pair.failing.here and not pair.significant and pair.apart is None
    assert f.unmarked(conclusion(pair, 3)).startswith(
        "a fails less often than b, but learns less often, so neither counts as the more stable: of 32 shared pairs"
    )
    (sure,) = [pair for pair in board.pairs if {pair.first, pair.second} == {"a", "c"}]
    assert f.unmarked(conclusion(sure, 3)) == (
        "In these settings c has significantly fewer trials that did not learn than a: of the shared pairs only a did not"
        " learn in 32 and only c in 0 (Holm p < 0.001). How often they failed leaves open which is more stable."
    )


def test_a_claim_that_the_undecided_could_turn_round_is_none(evidence):
    claimed = judged(evidence, "", "d" * SEEDS)
    (pair,) = [pair for pair in build(claimed).pairs if {pair.first, pair.second} == {"a", "b"}]
    assert pair.significant
    open_ = judged(evidence, "u" * SEEDS, "d" * SEEDS)
    (pair,) = [pair for pair in build(open_).pairs if {pair.first, pair.second} == {"a", "b"}]
    assert not pair.significant and (pair.shared, pair.undecided) == (16, 16)
    assert "16 more pairs have an undecided trial" in conclusion(pair, 3)


def test_a_claim_says_how_it_holds_with_the_undecided(evidence):
    found = judged(evidence, "uuuu", "uu" + "d" * 14)
    (pair,) = [pair for pair in build(found).pairs if {pair.first, pair.second} == {"a", "b"}]
    assert f.unmarked(conclusion(pair, 3)) == (
        "In these settings a failed significantly less often than b: of 28 decided pairs, only b failed in 12 and only a in"
        " 0 (Holm p < 0.001); of all 32 pairs in 12 and 0 if the undecided trials of both count as failed, and in 14 and 0"
        " if they count as stable. On settings like these it is open (2 settings as blocks, Holm p = 1; no claim is"
        " possible with fewer than 7)."
    )


def test_the_test_of_sequential_seeds_separates_only_whichever_way_the_undecided_are_counted(evidence):
    rule = {
        "least": 8,
        "most": SEEDS,
        "step": 4,
        "half_width": None,
        "test": "spending",
        "baseline": None,
        "definition": 3,
    }
    plan = {**evidence.plan, "sequential": rule}
    texts = {"a": ("." * SEEDS,) * 2, "b": ("uuuu" + "d" * 12,) * 2, "c": ("u" * SEEDS,) * 2}
    board = build(regraded(replace(evidence, plan=plan), texts))
    pairs = {frozenset((pair.first, pair.second)): pair for pair in board.pairs}
    sure, later = (
        pairs[frozenset("ab")],
        build(regraded(replace(evidence, plan=plan), texts | {"b": ("d" * SEEDS,) * 2})),
    )
    assert sure.failing.test == "spending" and sure.significant
    (soonest,) = [pair for pair in later.pairs if {pair.first, pair.second} == set("ab")]
    assert sure.failing.separated > soonest.failing.separated
    assert not pairs[frozenset("ac")].significant and not pairs[frozenset("bc")].significant


def test_the_caution_names_claims_on_learning_that_missing_trials_could_turn(shared):
    found = leaderboard(graded(shared, {"quick": ("." * 8 + " " * 8,), "slow": ("n" * 8 + "." * 8,)}))
    text = f.unmarked(caution(found.evidence, found.board))
    assert text.startswith("Provisional: 8 of 32 planned trials are missing.")
    assert text.endswith("these claims might not hold: quick over slow in learning.")
    fewer = leaderboard(graded(shared, {"quick": ("." * 15 + " ",), "slow": ("n" * 16,)}))
    assert f.unmarked(caution(fewer.evidence, fewer.board)).endswith("Whatever became of it, the claims below hold.")


def test_each_outcome_has_its_meaning_and_its_evidence_from_the_thresholds(written):
    definition = load_definition(3)
    found = {item.outcome: item for item in meanings(definition)}
    assert list(found) == ["stable", "unstable", "not learnt", "undecided", "method error"]
    evidence = definition.evidence.model_copy(update={"after_learning": 17, "until": 0.5})
    other = {item.outcome: item for item in meanings(definition.model_copy(update={"evidence": evidence}))}
    assert "At least 10 evaluations after it had learnt" in found["stable"].evidence
    assert (
        "At least 17 evaluations after it had learnt, one of them after 50 % of the budget" in other["stable"].evidence
    )
    assert "one of them after 50 %" in other["not learnt"].evidence
    assert meanings(load_definition(2)) == []
    assert [line[0] for line in Page(written["leaderboard.html"]).tables["meanings"][1:]] == list(found)
    assert "## What the outcomes mean" in written["leaderboard.md"]


def test_pages_say_why_a_trial_did_not_learn_or_is_undecided(written, shared):
    folder = shared.folder / "out"
    pages = [path.read_text() for path in sorted((folder / "cells").iterdir())]
    rows = [row for page in pages for row in re.findall(r'<tr id="s\d+".*?</tr>', page)]
    undecided = [row for row in rows if 'class="outcome">undecided' in row]
    unlearnt = [row for row in rows if 'class="outcome">not learnt' in row]
    assert (len(undecided), len(unlearnt)) == (6, 7)
    assert sum("it was still improving when its budget ended; it takes more steps" in row for row in undecided) == 3
    assert all("never reached" in row for row in unlearnt)
    assert not any("stable" in row for row in undecided + unlearnt)
    (own,) = (path.read_text() for path in (folder / "normalizers").iterdir() if path.name.startswith("a-"))
    assert "Its trials that did not learn, and undecided ones" in own
    assert "it was still improving when its budget ended" in own


def test_the_map_has_them_below_the_failures(written):
    found = Page(written["leaderboard.html"]).tables["heat"]
    assert found[1][1:] == ["1/6|1n 2u", "2/4|2n 4u"]
    assert found[2][1:] == ["0/8", "3/7|4n"]


def test_what_compares_two_normalizers_has_a_letter_for_each_outcome(board):
    data = comparison_data(board.evidence, board.board)
    assert data["names"] == ["a", "b"]
    assert data["outcomes"] == [["....xnuu", "xxnnuuuu"], ["........", " nnnnxxx"]]
    assert json.dumps(data)


def test_quality_counts_those_that_did_not_fail_with_what_they_have(board):
    row = rows(board.board)["b"]
    quality = row.quality[board.evidence.protocols[0]]
    results = [result for group in board.evidence.groups for result in board.evidence.of(group, "b")]
    values = [-9.0 if result.verdict.failed else result.quality for result in results]  # higher is better
    assert quality.all == sorted(values)[len(values) // 2]
    assert (quality.trials, quality.others) == (0, 1.0)
    assert sum(result.verdict.outcome == STABLE for result in results) == 0


def test_an_undecided_trial_is_seen_as_far_as_its_log_goes(board):
    result = board.evidence.of(board.evidence.groups[0], "a")
    ended = [replace(item, lasted=0.5) if not item.verdict.decided else item for item in result]
    whole, cut = curve(result), curve(ended)
    assert whole.stable[-1] == 7 / 8  # the one that lost what it had; two are undecided, one did not learn
    assert cut.stable[-1] == pytest.approx(5 / 6)  # two were not watched any more when it was lost
    cells = {board.evidence.groups[0].cells["a"]: {item.seed: item for item in ended}}
    again = replace(board.evidence, results=board.evidence.results | cells)
    assert rows(build(again))["a"].lasted == pytest.approx((cut.restricted_mean + 1) / 2)


def test_badges_know_them(board, evidence):
    assert suite_badge(board.evidence).value == "2 normalizers · 31 of 32 trials, provisional, 6 undecided"
    found = judged(evidence, "uu", "n" * 12)
    badge = normalizer_badge(found, build(found), "a")
    assert "2 undecided" in badge.value and "of 30 decided trainings failed (2 undecided)" in badge.title
    nothing = regraded(evidence, dict.fromkeys(NAMES, ("u" * SEEDS,) * 2))
    assert normalizer_badge(nothing, build(nothing), "a").value == "all 32 trials undecided"
    with_baseline = replace(found, plan={**found.plan, "baseline": "a"})
    slower = normalizer_badge(with_baseline, build(with_baseline), "b")
    assert (slower.colour, "learns less often than baseline" in slower.value) == ("open", True)


def test_of_a_pair_that_fails_and_learns_oppositely_the_badge_says_both(evidence):
    texts = {"a": ("n" * SEEDS,) * 2, "b": ("d" * 8 + "." * 8, "." * SEEDS), "c": ("." * SEEDS,) * 2}
    found = regraded(replace(evidence, plan={**evidence.plan, "baseline": "b"}), texts)
    badge = normalizer_badge(found, build(found), "a")
    assert (badge.colour, badge.value.split(" · ")[-1]) == ("open", "fails and learns less often than baseline")


def test_a_board_of_an_older_definition_says_nothing_of_them(ledgers):
    page = leaderboard(ledgers({"a": ("c...",), "b": ("....",)}, definition=2))
    assert seen(page.evidence) == ""
    assert not re.search("undecided|not learnt|did not learn", page.markdown())
    assert not re.search("undecided|not_learnt", page.csv())
