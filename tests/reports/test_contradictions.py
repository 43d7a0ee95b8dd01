"""No page contradicts itself: what must hold of every ledger, however few of its trials are there and however odd."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import combinations, pairwise

import pytest
from drawn_boards import evidence_of
from hypothesis import given, settings
from hypothesis import strategies as st
from odd_ledgers import (
    CIRCLE,
    LOWEST_AND_UNPROVEN,
    LOWEST_BUT_BEATEN,
    NAMES,
    UNDECIDED_BOTH_WAYS,
    Outcomes,
    claims,
    drawn,
    inside,
    ledgers,
    said,
    words,
)

from ganbench.harness.statistics import rank_intervals, settled
from ganbench.reports.board import Board, build
from ganbench.reports.board.standing import standing
from ganbench.reports.formats.badge import normalizer_badge
from ganbench.reports.formats.table import pair_table, table
from ganbench.reports.formatting import unmarked
from ganbench.reports.wording.columns import columns
from ganbench.reports.wording.headline import WORDS
from ganbench.reports.wording.levels import support
from ganbench.reports.wording.matrix import ELSEWHERE, HERE, MARKS, MIXED, matrix
from ganbench.reports.wording.missing import caution


@ledgers
def test_ranks_are_intervals_that_agree_with_the_claims_and_with_the_order(outcomes):
    board = build(evidence_of(outcomes))
    places = {row.normalizer: place for place, row in enumerate(board.rows)}
    better = settled(len(places), [(places[above], places[below]) for above, below in claims(board)])
    assert [row.rank for row in board.rows] == rank_intervals(len(places), better)
    for place, row in enumerate(board.rows, 1):
        assert row.rank[0] <= place <= row.rank[1]
    for (one, first), (other, second) in combinations(enumerate(board.rows), 2):
        level = (one, other) not in better and (other, one) not in better
        assert level == bool(set(first.tiers) & set(second.tiers))
    assert all(row.rank is None and row.tiers == () for row in board.apart)


@ledgers
def test_of_two_neighbours_that_are_level_the_one_with_the_lower_rate_is_above(outcomes):
    board = build(evidence_of(outcomes))
    names = [row.normalizer for row in board.rows]
    mixed = [(pair.learns_more, pair.learns_less) for pair in inside(board) if pair.mixed]
    held = settled(len(names), [(names.index(above), names.index(below)) for above, below in claims(board) + mixed])
    for place, (first, second) in enumerate(pairwise(board.rows)):
        assert first.count.middle <= second.count.middle or (place, place + 1) in held or first.rank[0] < second.rank[0]


@ledgers
def test_all_rows_of_the_order_speak_of_the_same_settings_and_so_do_their_pairs(outcomes):
    evidence = evidence_of(outcomes)
    board = build(evidence)
    own = {group.title for group in board.standing.settings}
    assert {row.settings for row in board.rows} <= {len(own)}
    for row in board.rows:
        trials = [len(evidence.of(group, row.normalizer)) for group in board.standing.settings]
        assert all(trials) and row.count.trials == sum(trials)
    assert all(pair.failing.settings <= len(own) for pair in inside(board))
    assert {row.normalizer for row in board.all_rows} == set(evidence.normalizers)
    assert len(board.all_rows) == len(evidence.normalizers)


@ledgers
def test_who_ran_in_every_setting_is_in_the_order_and_who_is_apart_lacks_some(outcomes):
    evidence = evidence_of(outcomes)
    board = build(evidence)
    everywhere = {name for name in outcomes if all(evidence.of(group, name) for group in evidence.groups)}
    assert everywhere <= set(board.standing.names)
    assert all(row.settings < len(evidence.groups) for row in board.apart)


@ledgers
def test_the_headline_is_short_and_gives_no_advice(outcomes):
    evidence = evidence_of(outcomes)
    text = said(evidence, build(evidence))
    assert len(words(text)) <= WORDS == 25, text
    assert not re.search(r"\b(use|recommend)", text, re.IGNORECASE)
    assert "nan" not in text


@ledgers
def test_the_headline_claims_no_more_than_the_pairs_do(outcomes):
    evidence = evidence_of(outcomes)
    board = build(evidence)
    text, rows, pairs = said(evidence, board), {row.normalizer: row for row in board.rows}, inside(board)
    if found := re.search(
        r"(\w) failed (?:least(?: in the order)?|less often than .*) on (\d+) settings like these", text
    ):
        assert any(pair.elsewhere and pair.better == found[1] for pair in pairs)
        assert int(found[2]) == len(board.standing.settings)
    else:
        assert "like these" not in text
    if found := re.search(r"(\w) failed less often than (\w)(?! others)\b", text):
        assert any(pair.significant and (pair.better, pair.worse) == (found[1], found[2]) for pair in pairs)
    if found := re.search(r"In (?:this setting|these \d+ settings) (\w) failed (least|less)", text):
        assert any(pair.significant and pair.better == found[1] for pair in pairs)
        order = " in the order" if any(row.count.trials for row in board.apart) else ""
        assert text.endswith(f"Elsewhere: open for it{order}.")
        assert not any(pair.elsewhere and pair.better == found[1] for pair in pairs)
    if re.search("No method (in the order )?is shown more stable|[Nn]othing (in the order )?shows", text):
        assert not any(pair.significant for pair in pairs)
    if found := re.search(r"\b(\w)(?: and \d+ others?)? failed least", text):
        rates = [row.count.rate for row in board.rows if row.count.decided]
        assert rows[found[1]].count.rate == min(rates)
        others = re.search(r"and (\d+) others? failed least", text)
        assert rates.count(min(rates)) == (int(others[1]) if others else 0) + 1
        if board.apart and any(row.count.trials for row in board.apart):
            assert re.search("in the order", text, re.IGNORECASE)
        beaten = any(pair.significant and pair.worse == found[1] for pair in pairs)
        assert not beaten or text.removeprefix("So far: ").startswith("Open: ")
    assert text.startswith("So far: ") == (0 < evidence.committed < evidence.planned and bool(board.rows))


@ledgers
def test_the_first_row_is_what_the_headline_names_or_it_says_that_it_is_open(outcomes):
    evidence = evidence_of(outcomes)
    board = build(evidence)
    found = re.search(r"\b(\w) failed least", said(evidence, board))
    if found and "Open:" not in said(evidence, board) and " and " not in said(evidence, board):
        first, named = board.rows[0], next(row for row in board.rows if row.normalizer == found[1])
        assert first.count.middle == named.count.middle


@ledgers
def test_the_text_on_support_counts_the_claims_and_says_nothing_is_possible_only_where_nothing_is_claimed(outcomes):
    evidence = evidence_of(outcomes)
    board = build(evidence)
    text, elsewhere = support(evidence, board), sum(pair.elsewhere for pair in board.pairs)
    if board.pairs:
        assert f"In these settings, {sum(pair.significant for pair in board.pairs)} of {len(board.pairs)} pair" in text
        assert f"On settings like these, {elsewhere} (" in text
    assert not ("nothing can be claimed" in text and elsewhere)


@ledgers
def test_pairs_csv_and_the_matrix_say_what_the_pairs_say(outcomes):
    board = build(evidence_of(outcomes))
    found = pair_table(board).astype(object).replace({float("nan"): None}).to_dict("records")
    lines = {frozenset((line["first"], line["second"])): line for line in found}
    assert len(lines) == len(board.pairs) == len(board.all_rows) * (len(board.all_rows) - 1) // 2
    heads = [name for name, _ in matrix(board)]
    entries = {frozenset(both): [] for both in combinations(heads, 2)}
    assert heads == [row.normalizer for row in board.rows]
    for name, row in matrix(board):
        for other, entry in zip(heads, row, strict=True):
            assert (entry is None) == (name == other)
            if entry is not None:
                entries[frozenset((name, other))].append((name, entry))
    for pair in board.pairs:
        both = frozenset((pair.first, pair.second))
        level = "elsewhere" if pair.elsewhere else "here" if pair.significant else "mixed" if pair.mixed else "open"
        line = lines[both]
        assert line["separated"] == level
        assert line["better"] == (pair.better if pair.significant else None)
        assert line["learns_more"] == (pair.learns_more or None)
        assert (line["holm_p"], line["settings_holm_p"]) == (pair.failing.holm_p, pair.failing.settings_holm_p)
        assert (line["shared"], line["undecided"], line["settings"]) == (
            *(pair.shared, pair.undecided, pair.failing.settings),
        )
        for name, entry in entries.get(both, []):
            assert entry.level == level
            assert entry.better == (pair.significant and pair.better == name)
            if pair.shared:
                assert [MARKS[one] in entry.text for one in (ELSEWHERE, HERE, MIXED)] == [
                    level == one for one in (ELSEWHERE, HERE, MIXED)
                ]
                assert ("▲" in entry.text) == (pair.learns_more == name)
                assert ("▼" in entry.text) == (pair.learns_less == name)


@ledgers
def test_the_rates_of_a_separated_pair_lie_as_the_claim_says(outcomes):
    for pair in build(evidence_of(outcomes)).pairs:
        if pair.significant:
            assert pair.rates[pair.first == pair.worse] <= pair.rates[pair.first == pair.better]
            alone = {pair.first: pair.only_first, pair.second: pair.only_second}
            assert alone[pair.better] < alone[pair.worse]


@ledgers
def test_a_claim_on_settings_like_these_is_one_in_these_settings_too(outcomes):
    for pair in build(evidence_of(outcomes)).pairs:
        assert not pair.elsewhere or pair.significant
        assert not pair.mixed or not (pair.significant or pair.elsewhere)


@ledgers
def test_every_rate_lies_in_both_of_its_intervals_whatever_became_of_the_undecided(outcomes):
    for row in build(evidence_of(outcomes)).all_rows:
        count, (low, high) = row.count, row.elsewhere
        if count.trials:
            tiny = 1e-9
            assert count.low <= count.low_bound + tiny and count.high_bound - tiny <= count.high
            assert low <= count.low_bound + tiny and count.high_bound - tiny <= high
            assert count.low_bound <= count.middle <= count.high_bound


@ledgers
def test_the_csv_ranks_those_in_the_order_and_no_others(outcomes):
    evidence = evidence_of(outcomes)
    board = build(evidence)
    found = table(evidence, board)
    assert list(found.normalizer) == [row.normalizer for row in board.all_rows]
    assert list(found.rank_low.notna()) == list(found.rank_high.notna()) == [bool(row.rank) for row in board.all_rows]
    assert list(found.settings) == [row.settings for row in board.all_rows]


@ledgers
def test_a_badge_claims_what_the_pair_claims(outcomes):
    evidence = evidence_of(outcomes, baseline="v")
    board = build(evidence)
    pairs = {frozenset((pair.first, pair.second)): pair for pair in board.pairs}
    for row in board.all_rows:
        badge = normalizer_badge(evidence, board, row.normalizer)
        pair = pairs.get(frozenset((row.normalizer, "v")))
        if re.search("(better|worse) than baseline", badge.value):
            assert pair.significant and ("like these" in badge.value) == pair.elsewhere
            assert (badge.colour == "better") == (pair.better == row.normalizer)
        if row.count.decided:
            assert ("not ranked" in badge.value) == (row.rank is None)
        lacking = sum(cell.count.missing for cell in board.cells if cell.normalizer in (row.normalizer, "v"))
        may_move = evidence.empty or re.search("might not hold|every claim below", caution(evidence, board))
        assert (badge.colour == "provisional") == bool(lacking or may_move or not row.count.decided)


@ledgers
def test_the_caution_names_claims_and_only_those_that_are_made(outcomes):
    evidence = evidence_of(outcomes)
    board = build(evidence)
    text = unmarked(caution(evidence, board))
    assert bool(text) == (evidence.committed < evidence.planned)
    for better, worse in re.findall(r"(\w) over (\w)(?! in learning)", text):
        assert any(pair.significant and (pair.better, pair.worse) == (better, worse) for pair in board.pairs)
    made = any(pair.significant or pair.learns_less for pair in board.pairs)
    assert bool(re.search("the claims below hold|might not hold|every claim below", text)) == bool(text and made)


def claimed(board: Board) -> dict[tuple[str, str], set[str]]:
    """The claims that are made, and on which levels."""
    found = {}
    for pair in board.pairs:
        if pair.significant:
            found[pair.better, pair.worse] = {"here", *(["elsewhere"] if pair.elsewhere else [])}
    return found


USUAL = st.sampled_from(["." * 12, "d" * 12, ".....d......", "n" * 12])


@st.composite
def with_gaps(draw: st.DrawFn) -> Outcomes:
    """Draw normalizers that fail always, or never, or seldom, and lack some of the last seeds in each setting."""
    places = draw(st.integers(1, 8))
    found: dict[str, Sequence[str | None]] = {}
    for name in NAMES[: draw(st.integers(2, 4))]:
        gap = draw(st.integers(0, 12))
        absent = draw(st.integers(-1, places - 1))
        gaps = [draw(st.sampled_from([gap, gap, gap, 0, 12])) for _ in range(places)]
        found[name] = [None if place == absent else draw(USUAL)[: 12 - gap] for place, gap in enumerate(gaps)]
    return found


@given(outcomes=with_gaps(), fill=st.fixed_dictionaries(dict.fromkeys(NAMES, st.sampled_from(".dn"))))
@settings(max_examples=150, deadline=None)
def test_a_claim_that_the_caution_does_not_name_holds_whatever_becomes_of_missing_trials(outcomes, fill):
    evidence = evidence_of(outcomes)
    board = build(evidence)
    completed = {
        name: [cell and cell.ljust(evidence.seeds).replace(" ", fill.get(name, ".")) for cell in cells]
        for name, cells in outcomes.items()
    }
    after = claimed(build(evidence_of(completed)))
    if "no trial yet" in caution(evidence, board):
        return
    named = {(pair.better, pair.worse) for pair in board.pairs if pair.failing.turns}
    for claim, levels in claimed(board).items():
        assert claim in named or levels <= after.get(claim, set())


@ledgers
def test_every_column_has_something_to_say_of_every_row(outcomes):
    evidence = evidence_of(outcomes, baseline="v")
    board = build(evidence)
    for column in columns(evidence, board):
        for row in board.all_rows:
            assert "nan" not in column.text(row) + column.more(row)


@ledgers
def test_who_stands_in_the_order_does_not_depend_on_what_became_of_the_trials(outcomes):
    plain = {name: [text and text.replace("d", ".").replace("u", ".").replace("n", ".") for text in texts]
             for name, texts in outcomes.items()}  # fmt: skip
    found, other = (standing(evidence_of(item)) for item in (outcomes, plain))
    assert (found.names, found.apart) == (other.names, other.apart)
    assert [group.title for group in found.settings] == [group.title for group in other.settings]


@given(drawn(), st.randoms(use_true_random=False))
@settings(max_examples=30, deadline=None)
def test_the_order_does_not_depend_on_the_order_of_the_plan(outcomes, random):
    names = list(outcomes)
    random.shuffle(names)
    one, other = build(evidence_of(outcomes)), build(evidence_of({name: outcomes[name] for name in names}))
    assert [row.normalizer for row in one.rows] == [row.normalizer for row in other.rows]
    assert [row.rank for row in one.rows] == [row.rank for row in other.rows]
    assert {row.normalizer for row in one.apart} == {row.normalizer for row in other.apart}


def test_methods_that_are_better_than_each_other_in_a_circle_are_shown_as_a_tie():
    board = build(evidence_of(CIRCLE))
    assert sorted(claims(board)) == [("v", "w"), ("w", "x"), ("x", "v")]
    assert [row.rank for row in board.rows] == [(1, 3)] * 3
    assert {row.tiers for row in board.rows} == {(0,)}
    assert said(evidence_of(CIRCLE), board).startswith("So far: Open: ")


def test_one_with_the_lowest_rate_is_below_one_that_is_better_where_both_ran_and_the_headline_says_so():
    evidence = evidence_of(LOWEST_BUT_BEATEN)
    board = build(evidence)
    assert [row.normalizer for row in board.rows] == ["w", "v", "x"]
    assert board.rows[1].count.rate < board.rows[0].count.rate
    assert said(evidence, board) == (
        "So far: Open: v failed least (8 of 48 trials), but w failed significantly less often on shared trials together."
    )


def test_the_headline_does_not_deny_claims_of_others_where_the_first_has_none():
    evidence = evidence_of(LOWEST_AND_UNPROVEN)
    board = build(evidence)
    assert any(pair.significant and pair.better == "w" for pair in board.pairs)
    assert said(evidence, board) == (
        "So far: v failed least in this setting, 0 % (at most 70 %), but not significantly less often than any other."
    )


def test_of_two_that_share_no_decided_trial_nothing_is_claimed():
    board = build(evidence_of(UNDECIDED_BOTH_WAYS))
    (pair,) = [pair for pair in board.pairs if {pair.first, pair.second} == {"x", "y"}]
    assert (pair.shared, pair.undecided) == (0, 18)
    assert not pair.significant and pair.failing.p == 1.0


@pytest.mark.parametrize("settings", [8, 9])
def test_settings_decide_on_which_level_a_headline_speaks(settings):
    outcomes = {name: ("." * 8 if name == "v" else "d" * 8,) * settings for name in NAMES}
    evidence = evidence_of(outcomes)
    text = said(evidence, build(evidence))
    if settings == 9:
        assert text == "v failed least on 9 settings like these: 0 % (at most 44 %) against 100 %; 0 open."
    else:
        assert (
            text
            == "In these 8 settings v failed least: 0 % (at most 8 %) against 100 %; 0 open. Elsewhere: open for it."
        )


def test_a_thousand_pairs_all_one_way_are_no_more_than_a_board_can_take():
    """Their p-value is 0 as far as a computer can tell."""
    board = build(evidence_of({"v": ("." * 1200,), "w": ("d" * 1200,)}))
    assert board.pairs[0].significant and not board.pairs[0].failing.turns
