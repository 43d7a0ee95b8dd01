"""What `ganbench try` says where trials did not learn, or are undecided."""

from __future__ import annotations

import json

import pytest
from graded import graded

from ganbench.reports import leaderboard
from ganbench.reports.tryout import findings


def found(ledgers, **outcomes):
    (finding,) = findings(
        leaderboard(graded(ledgers, {name: (text,) for name, text in outcomes.items()}, baseline="none"))
    )
    json.dumps(finding.to_json(), allow_nan=False)
    return finding


def test_it_is_more_stable_only_if_it_is_whichever_way_undecided_trials_are_counted(ledgers):
    plain = found(ledgers, none="d" * 10 + "ss", mine="." * 10 + "ss")
    assert plain.verdict == "more stable"
    assert plain.pair.undecided == 2
    open_ = found(ledgers, none="d" * 12, mine="." * 3 + "s" * 9)
    assert open_.verdict == "not enough decided trials"
    assert open_.seeds is None
    assert "stable than" not in open_.text


def test_it_says_how_many_are_undecided_and_what_would_decide_them(ledgers):
    said = found(ledgers, none="..ds" * 2, mine="sv.." * 2)
    assert "mine failed in 0/4 decided trials" in said.text
    assert "none 25 % to 50 % with 2 undecided" in said.text
    assert "mine 0 % to 50 % with 4 undecided" in said.text
    needed = "What would decide them: more steps (4 trials), more evaluations after it has learnt (2 trials)."
    assert needed in said.text
    counts = said.to_json()["failed"]["mine"]
    assert (counts["trials"], counts["decided"], counts["undecided"], counts["not_learnt"]) == (8, 4, 4, 0)
    assert counts["needs"] == {"steps": 2, "evaluations": 2} and counts["bounds"] == [0, 0.5]


def test_one_that_learns_less_often_is_not_more_stable_for_failing_less_often(ledgers):
    said = found(ledgers, none="d" * 12 + "." * 12, mine="." * 12 + "n" * 12)
    assert said.verdict == "mixed"
    assert (
        "mine did not learn in 12 of 24 decided trials, none in 0 of 24 decided trials: that is no failure."
        in said.text
    )
    assert "stable than" not in said.text


def test_it_says_in_these_settings_where_only_those_show_it_and_on_settings_like_these_where_settings_do(ledgers):
    def tried(settings, **outcomes):
        names = [(f"s{place}", ledgers.points) for place in range(settings)]
        texts = {name: (text,) * settings for name, text in outcomes.items()}
        (finding,) = findings(leaderboard(ledgers(texts, settings=names, baseline="none")))
        return finding

    few, many, none = tried(5, none="cc", mine=".."), tried(6, none="cc", mine=".."), tried(6, none="..", mine="..")
    assert few.text.startswith("mine is more stable than none in these settings.")
    assert "On settings like these it is open (5 settings as blocks" in few.text
    assert many.text.startswith("mine is more stable than none on settings like these.")
    assert "So it does on settings like these (6 settings as blocks" in many.text
    assert [item.verdict for item in (few, many, none)] == ["more stable", "more stable", "not enough seeds"]
    said = [item.to_json() for item in (few, many, none)]
    assert [item["level"] for item in said] == ["here", "elsewhere", "open"]
    assert [item["p_settings"] for item in said] == pytest.approx([2 / 2**5, 2 / 2**6, 1])


def test_without_undecided_trials_it_speaks_of_seeds(ledgers):
    said = found(ledgers, none="d...", mine="....")
    assert said.verdict == "not enough seeds"
    assert "undecided" not in said.text and "did not learn" not in said.text
