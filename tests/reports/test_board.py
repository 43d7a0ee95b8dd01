"""What a ledger's trials become in the tables."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from ganbench.reports import leaderboard
from ganbench.reports.board import representative


def rows(ledger):
    return {row.normalizer: row for row in leaderboard(ledger).board.all_rows}


def pair(ledger, first, second):
    return next(pair for pair in leaderboard(ledger).board.pairs if {pair.first, pair.second} == {first, second})


def test_the_rate_is_the_mean_over_cells(ledgers):
    row = rows(ledgers({"a": ("cc..", "....")}))["a"]
    assert (row.count.unstable, row.count.trials, row.count.rate) == (2, 8, 0.25)


def test_a_method_error_is_a_failure(ledgers):
    row = rows(ledgers({"a": ("ee..", "....")}))["a"]
    assert row.count.unstable == 2
    assert row.count.modes["method_error"] == 2


def test_a_trial_can_fail_in_several_ways_and_counts_once(ledgers):
    row = rows(ledgers({"a": ("bbc.", "n...")}))["a"]
    assert row.count.unstable == 4
    assert {mode: times for mode, times in row.count.modes.items() if times} == {
        "mode_collapse": 3,
        "never_converged": 3,
    }


def test_missing_trials_are_in_neither_number_of_the_rate(ledgers):
    row = rows(ledgers({"a": ("c.  ", "....")}))["a"]
    assert (row.count.unstable, row.count.trials, row.count.missing) == (1, 6, 2)
    assert row.count.rate == 0.25  # (1/2 + 0/4) / 2


@pytest.mark.parametrize(
    "stray",
    [
        pytest.param({"cell": {"name": "another"}}, id="cell"),
        pytest.param({"seed": 99}, id="seed"),
        pytest.param({"suite_seed": 4}, id="suite seed"),
    ],
)
def test_trials_that_the_plan_does_not_name_are_ignored(ledgers, stray):
    ledger = ledgers({"a": ("....", "....")})
    record = next(record for record in ledgers({"a": ("cccc", "cccc")}).records())
    assert ledger.commit(replace(record, spec={**record.spec, **stray}))
    row = rows(ledger)["a"]
    assert (row.count.unstable, row.count.trials, row.count.missing) == (0, 8, 0)


def test_another_definition_relabels_what_the_ledger_holds(ledgers):
    def outdated(record):
        return replace(record, provenance={**record.provenance, "definition": 2})

    ledger = ledgers({"a": ("u...",)}, change=outdated)
    assert {record.verdict.outcome for record in ledger.records()} == {"stable"}
    page = leaderboard(ledger)
    assert page.board.rows[0].count.modes["diverged"] == 1  # from the trace, by the plan's definition
    assert page.evidence.relabelled == 4


def test_pairs_share_the_seed_and_everything_but_the_normalizer(ledgers):
    found = pair(ledgers({"a": ("cc..", "c.. "), "b": ("c.c.", "....")}), "a", "b")
    discordant = {found.first: found.only_first, found.second: found.only_second}
    assert (discordant, found.shared) == ({"a": 2, "b": 1}, 7)


def test_rank_intervals_overlap_when_seeds_are_few(ledgers):
    found = rows(ledgers({"a": ("....",), "b": ("cccc",)}))
    assert found["a"].rank == found["b"].rank == (1, 2)


def test_rank_intervals_part_when_seeds_suffice(ledgers):
    found = rows(ledgers({"a": ("........",), "b": ("cccccccc",), "c": ("cccccccc",)}))
    assert (found["a"].rank, found["b"].rank, found["c"].rank) == ((1, 1), (2, 3), (2, 3))


def test_every_cell_of_a_seed_counts(ledgers):
    found = pair(ledgers({"a": ("cccc....", "cccc...."), "b": ("........", "........")}), "a", "b")
    assert {found.only_first, found.only_second} == {8, 0}
    assert found.failing.p == pytest.approx(2 / 2**8)
    assert found.needed == 6
    assert found.significant


def test_comparisons_with_the_baseline_are_corrected_for_all_pairs_like_the_others(ledgers):
    texts = {"a": "........", "base": "cccccccc", "c": "c.......", "d": ".c......", "e": "..c....."}
    outcomes = {name: (text,) for name, text in texts.items()}
    ledger = ledgers(outcomes, baseline="base")
    found = pair(ledger, "a", "base")
    assert found.failing.holm_p == pytest.approx(10 * 2 / 2**8)
    assert not found.significant
    assert rows(ledger)["a"].change.p == found.failing.holm_p and not rows(ledger)["a"].change.significant
    assert pair(ledgers(outcomes), "a", "base").failing == found.failing
    text = leaderboard(ledger).markdown()
    assert "No method is shown more stable in this setting" in text
    assert "no difference" not in text


def test_settings_are_the_blocks_of_the_second_test_which_needs_seven_for_three_pairs(ledgers):
    def found(many):
        settings = [(f"s{index}", ledgers.points) for index in range(many)]
        return pair(
            ledgers({"a": ("..",) * many, "b": ("cc",) * many, "c": (".c",) * many}, settings=settings), "a", "b"
        )

    six, seven = found(6), found(7)
    assert six.failing.settings_p == pytest.approx(2 / 2**6)
    assert six.failing.settings_holm_p == pytest.approx(3 * 2 / 2**6)
    assert six.significant and not six.elsewhere
    assert seven.significant and seven.elsewhere


def test_one_setting_with_many_seeds_is_a_claim_about_it_alone(ledgers):
    found = pair(ledgers({"a": ("." * 40,), "b": ("c" * 40,)}), "a", "b")
    assert found.significant and not found.elsewhere
    assert found.failing.settings_p == pytest.approx(1)


def test_the_most_stable_comes_first_and_ties_go_by_name_and_who_has_no_trial_is_in_no_order(ledgers):
    board = leaderboard(ledgers({"z": ("....",), "none": ("    ",), "b": ("c...",), "a": ("c...",)})).board
    assert [row.normalizer for row in board.rows] == ["z", "a", "b"]
    assert [row.normalizer for row in board.apart] == ["none"]


def test_quality_counts_failures_as_worst(ledgers):
    ledger = ledgers(
        {"a": ("..c", "..c"), "b": ("ccc", ".ee")},
        quality=lambda label, place, seed: (0.9, 0.5, 0.99)[seed] if place == 0 else (1.0, 3.0, 0.1)[seed],
    )
    table = leaderboard(ledger).table.set_index("normalizer")
    assert {"ring · share", "digits · fid"} <= set(table.columns)
    assert list(table.loc["a", ["ring · share", "digits · fid"]]) == [0.5, 3.0]
    assert list(table.loc["b", ["ring · share", "digits · fid"]]) == [-math.inf, math.inf]


def test_two_protocols_never_share_a_column(ledgers):
    points = ledgers.points
    more = (*points[:2], {"name": "modes", "samples": 200}, points[3])
    table = leaderboard(ledgers({"a": ("..", ".c")}, settings=(("fast", points), ("fast", more)))).table
    assert (table.trials[0], table.unstable[0]) == (4, 1)
    assert len(set(table.columns[-2:])) == 2
    assert all("samples=" in title for title in table.columns[-2:])


def test_equal_names_of_settings_are_told_apart(ledgers):
    other = ("ring", "deep", *ledgers.points[2:])
    page = leaderboard(ledgers({"a": ("..", "..")}, settings=(("fast", ledgers.points), ("fast", other))))
    assert [group.title for group in page.evidence.groups] == ["ring · fast · mlp", "ring · fast · deep"]


def test_the_typical_trial_is_the_median_one_with_failures_worst(ledgers):
    ledger = ledgers({"a": ("c..", ".cc")}, quality=lambda _, place, seed: (0.99, 0.4, 0.8)[seed])
    evidence = leaderboard(ledger).evidence
    first, second = (representative(evidence, group, "a") for group in evidence.groups)
    assert first.seed == 1  # 0.8, then 0.4, then the failed one
    assert second.verdict.failed


def test_a_changed_plugin_under_an_unchanged_version_is_pointed_out(ledgers):
    def edited(record):
        return replace(record, provenance={**record.provenance, "sources": {"normalizer": f"v{record.seed % 2}"}})

    assert leaderboard(ledgers({"a": ("..",)}, change=edited)).evidence.sources == (("normalizer", "a"),)
    assert leaderboard(ledgers({"a": ("..",)})).evidence.sources == ()


def test_the_change_against_the_baseline_is_that_of_the_shared_pairs(ledgers):
    board = leaderboard(
        ledgers({"base": ("cccc....", "........"), "more": ("cccccc..", "......  "), "less": ("........", ".......c")},
                baseline="base")
    ).board  # fmt: skip
    rows = {row.normalizer: row for row in board.rows}
    assert rows["base"].change is None
    more, less = rows["more"].change, rows["less"].change
    assert more.difference == pytest.approx(2 / 14)  # two pairs have no second half
    assert (more.wins, more.ties, more.losses) == (0, 1, 1)
    assert less.difference == pytest.approx(-3 / 16)
    assert (less.wins, less.ties, less.losses) == (1, 0, 1)
    for change in (more, less):
        assert change.low < change.difference < change.high
        assert not change.significant
    # Four against one, and two against none, discordant; the larger p-value is not corrected further.
    assert (less.p, more.p) == (pytest.approx(2 * 0.375), pytest.approx(2 * 0.375))


def test_without_a_baseline_there_is_no_change(ledgers):
    assert {row.change for row in leaderboard(ledgers({"a": ("c.",), "b": ("..",)})).board.rows} == {None}


def test_stable_steps_are_the_share_before_the_first_failure_and_none_where_the_method_could_not_run(ledgers):
    board = leaderboard(ledgers({"a": ("..c.", "...."), "b": ("e...", "cccc"), "c": ("    ", "....")})).board
    rows = {row.normalizer: row.lasted for row in board.all_rows}
    assert rows["a"] == pytest.approx((3.4 / 4 + 1) / 2)  # what fails, fails at step 40 of 100
    assert rows["b"] == pytest.approx((3 / 4 + 0.4) / 2)
    assert rows["c"] == 1.0  # the mean over cells that have trials


def test_the_time_of_a_step_is_compared_within_settings(ledgers):
    times = {"base": 0.002, "slow": 0.006, "quick": 0.001}

    def board(baseline):
        made = ledgers(
            dict.fromkeys(times, ("...", "...")),
            baseline=baseline,
            seconds=lambda label, seed: times[label] * (1, 1, 50)[seed],  # one was disturbed
        )
        return leaderboard(made).board

    with_baseline = board("base")
    assert with_baseline.reference == "base"
    assert {row.normalizer: round(row.cost, 9) for row in with_baseline.rows} == {"base": 1, "slow": 3, "quick": 0.5}
    without = board(None)
    assert without.reference == "quick"
    assert {row.normalizer: round(row.cost, 9) for row in without.rows} == {"base": 2, "slow": 6, "quick": 1}
    assert leaderboard(ledgers({"a": ("..",)})).board.reference is None


def test_stable_only_quality_leaves_failed_trials_out_and_says_how_many_are_left(ledgers):
    board = leaderboard(
        ledgers({"a": ("..cc",)}, quality=lambda label, place, seed: (0.9, 0.7, 0.99, 0.98)[seed])
    ).board
    (quality,) = board.rows[0].quality.values()
    assert (quality.stable, quality.trials) == (pytest.approx(0.8), 2)
    assert quality.all == -math.inf
