"""Several ledgers on one page: what pools, what stands side by side, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from ganbench.harness.errors import InputError, UnknownNameError
from ganbench.harness.ledger import Ledger, Record
from ganbench.harness.ledger.names import is_identity
from ganbench.harness.planning.seeding import Sequential
from ganbench.reports import leaderboard
from ganbench.reports.board import build
from ganbench.reports.evidence import Evidence
from ganbench.reports.evidence.combining import combine
from ganbench.reports.evidence.gathering import gather
from ganbench.reports.wording.measured import facts

Ledgers = Any
"""The fixture's class, which a test module cannot import."""


def replanned(ledger: Ledger, **changes: Any) -> Ledger:
    """Write a ledger's plan anew with some things changed."""
    ledger.write_plan({**ledger.plan(), **changes})
    return ledger


def only(seeds: set[int]) -> Callable[[Record], Record | None]:
    return lambda record: record if record.seed in seeds else None


def from_seed(suite_seed: int) -> Callable[[Record], Record | None]:
    def change(record: Record) -> Record:
        return replace(record, spec={**record.spec, "suite_seed": suite_seed})

    return change


def combined(*ledgers: Ledger, baseline: str | None = None) -> Evidence:
    names = [f"ledger {place}" for place in range(len(ledgers))]
    return combine([gather(ledger) for ledger in ledgers], names, baseline)


def said(evidence: Evidence) -> dict[str, tuple[str, ...]]:
    return {fact.term: fact.lines for fact in facts(evidence, build(evidence))}


def refusal(*ledgers: Ledger, **options: Any) -> str:
    with pytest.raises(InputError) as caught:
        combined(*ledgers, **options)
    return str(caught.value)


OUTCOMES = {"sn": ("cccc", "...."), "bssn": ("....", "n..."), "none": ("c.c ", "dddd")}


def test_a_single_ledger_s_evidence_is_left_as_it_is(ledgers: Ledgers) -> None:
    evidence = gather(ledgers(OUTCOMES))
    assert combine([evidence], ["it"]) is evidence


def test_shards_of_one_suite_make_the_page_of_the_merged_ledger(ledgers: Ledgers) -> None:
    """Seed 1 is in both: it counts once."""
    whole = ledgers(OUTCOMES, baseline="sn")
    first = ledgers(OUTCOMES, baseline="sn", change=only({0, 1}))
    second = ledgers(OUTCOMES, baseline="sn", change=only({1, 2, 3}))
    page, expected = leaderboard(first, second), leaderboard(whole)
    assert page.board == expected.board
    assert page.evidence.hash() == expected.evidence.hash()
    assert (page.evidence.committed, page.evidence.planned) == (23, 24)
    assert page.csv() == expected.csv()
    differing = {line for line in page.markdown().splitlines() if line not in expected.markdown().splitlines()}
    assert sorted(line.rpartition(" (")[2] or line for line in differing) == [
        "- 6 trials more than there are: several ledgers hold them",
        "29 trials)",
    ], "each ledger's software made its own trials"
    assert [ledger.where for ledger in page.ledgers] == [first.where, second.where]
    trials = [result.trial_id for results in page.evidence.results.values() for result in results.values()]
    samples = [trial for trial, _ in page._samples(trials)]
    assert sorted(samples) == sorted(trials), "each from one ledger"
    assert len(samples) == 23, "samples are found in whichever ledger has the trial"


def test_the_same_ledger_named_twice_is_read_once(ledgers: Ledgers) -> None:
    ledger = ledgers(OUTCOMES)
    assert leaderboard(ledger, str(ledger.root)).markdown() == leaderboard(ledger).markdown()


def test_a_trial_with_two_results_is_refused_by_name_with_what_to_do(ledgers: Ledgers) -> None:
    first, second = ledgers({"sn": ("..",)}), ledgers({"sn": ("c.",)})
    told = refusal(first, second)
    for words in ("ring · mlp · sn · fast", "seed 0", "ledger 0", "ledger 1", "torch", "ganbench ledger merge"):
        assert words in told
    assert "such trials" not in told, "seed 1 is equal in both"
    assert "(the first of 2 such trials)" in refusal(first, ledgers({"sn": ("cc",)}))
    assert "ganbench ledger merge" not in refusal(first, replanned(ledgers({"sn": ("c.",)}), version=2)), (
        "which would refuse ledgers of two versions"
    )


def test_a_suite_that_grew_pools_the_cells_that_it_kept(ledgers: Ledgers) -> None:
    old = ledgers({"sn": ("cc",), "none": ("..",)})
    new = replanned(ledgers({"sn": ("cc.c",), "bssn": ("....",)}), version=2, hash="1" * 20)
    evidence = combined(old, new)
    (group,) = evidence.groups
    assert set(group.cells) == {"sn", "none", "bssn"} and group.title == "ring · fast"
    counts = {row.normalizer: (row.count.unstable, row.count.trials, row.count.planned) for row in build(evidence).rows}
    assert counts == {"sn": (3, 4, 4), "none": (0, 2, 2), "bssn": (0, 4, 4)}
    assert evidence.planned == 10 == evidence.committed
    (pair,) = [pair for pair in build(evidence).pairs if {pair.first, pair.second} == {"none", "bssn"}]
    assert pair.shared == 2, "trials of one seed are pairs, whichever ledger they are in"
    told = said(evidence)
    assert told["Suites"] == (
        f"tiny, version 1, hash {old.plan()['hash']}, random streams from 3",
        f"tiny, version 2, hash {'1' * 20}, random streams from 3",
    )
    assert "2 to 4 seeds each" in told["Trials"][0]
    assert evidence.plan["version"] == "1 + 2" and evidence.plan["suite"] == "tiny" and evidence.plan["seed"] == 3


def test_cells_that_changed_between_versions_stand_apart_under_titles_that_say_so(ledgers: Ledgers) -> None:
    old, new = (ledgers({"sn": ("..",)}) for _ in range(2))
    cells = [ledgers.respecified(cell, lr_d=9.0) for cell in new.plan()["cells"]]
    evidence = combined(old, replanned(new, version=2, cells=cells))
    assert [group.title for group in evidence.groups] == [
        "ring · fast · mlp · 100 steps · version 1",
        "ring · fast · mlp · 100 steps · version 2",
    ]


def test_two_suites_stand_on_one_page_and_are_ranked_where_all_ran(ledgers: Ledgers) -> None:
    toys = ledgers({"sn": ("cc",), "none": ("cc",)}, suite="toys", description="Points?")
    photographs = ledgers({"sn": ("....",)}, suite="photographs", settings=[("big", ledgers.images)],
                          description="Images?")  # fmt: skip
    evidence = combined(toys, photographs)
    assert [group.title for group in evidence.groups] == ["ring · fast", "digits · big"]
    assert [protocol.title for protocol in evidence.protocols] == ["ring · share", "digits · fid"]
    board = build(evidence)
    rows = {row.normalizer: row for row in board.rows}
    assert [group.title for group in board.standing.settings] == ["ring · fast"] and not board.apart
    assert {name: (row.count.rate, row.count.trials, row.settings) for name, row in rows.items()} == {
        "sn": (1.0, 2, 1),
        "none": (1.0, 2, 1),
    }
    assert [cell.count.trials for cell in board.cells] == [2, 2, 4], "what is in no rate is on the page"
    assert [(name, evidence.settings_of(name)) for name in evidence.normalizers] == [("sn", 2), ("none", 1)]
    told = said(evidence)
    assert told["Not in the order"] == (
        "The order is over the 1 of 2 settings in which all of its normalizers have trials.",
    )
    assert told["Made by"] == (
        "ganbench run toys",
        "ganbench run photographs",
        "ganbench report RESULTS_FOLDER RESULTS_FOLDER",
    )
    assert evidence.plan["description"] == "Points?\nImages?"
    assert evidence.plan["text"] == "# toys, version 1\nsuite: toys\n\n# photographs, version 1\nsuite: photographs\n"
    page = leaderboard(toys, photographs)
    assert "toys + photographs" in page.markdown() and "toys + photographs" in page.html()


def test_settings_of_two_suites_that_share_their_names_are_told_apart_by_the_suite(ledgers: Ledgers) -> None:
    first, second = ledgers({"sn": ("..",)}, suite="toys"), ledgers({"sn": ("..",)}, suite="more")
    cells = [ledgers.respecified(cell, steps=200) for cell in second.plan()["cells"]]
    evidence = combined(first, replanned(second, cells=cells))
    assert [group.title for group in evidence.groups] == ["ring · fast · toys", "ring · fast · more"]
    assert len(evidence.protocols) == 1


def test_seeds_of_another_suite_seed_are_no_pairs_of_these(ledgers: Ledgers) -> None:
    here = ledgers({"sn": ("cc",), "none": ("..",)})
    there = replanned(ledgers({"sn": ("...",)}, change=from_seed(4)), seed=4)
    evidence = combined(here, there)
    assert [(group.title, len(group.cells)) for group in evidence.groups] == [
        ("ring · fast · mlp · 100 steps · random streams from 3", 2),
        ("ring · fast · mlp · 100 steps · random streams from 4", 1),
    ]
    assert {row.normalizer: row.count.trials for row in build(evidence).rows} == {"sn": 2, "none": 2}
    assert [len(evidence.of(group, "sn")) for group in evidence.groups] == [2, 3]
    assert build(evidence).pairs[0].shared == 2
    assert all(is_identity(cell) for group in evidence.groups for cell in group.cells.values()), "files are named so"


def test_protocols_that_differ_share_no_column_though_each_ledger_calls_them_alike(ledgers: Ledgers) -> None:
    few = ledgers({"sn": ("..",)})
    kind = (*ledgers.points[:2], {"name": "modes", "samples": 5000}, ledgers.points[3])
    many = ledgers({"sn": ("..",)}, settings=[("fast", kind)], suite="more")
    assert [gather(ledger).protocols[0].title for ledger in (few, many)] == ["ring · share"] * 2
    titles = [protocol.title for protocol in combined(few, many).protocols]
    assert titles == ["ring · share · samples=100", "ring · share · samples=5000"]


def test_one_name_for_two_methods_is_told_apart(ledgers: Ledgers) -> None:
    """A plugin's version is part of what it is; its label does not say it."""
    first, second = ledgers({"sn": ("cc",)}), ledgers({"sn": ("..",)}, suite="later")
    again = {"name": "sn", "version": "2"}
    cells = [ledgers.respecified(cell, normalizer=again) for cell in second.plan()["cells"]]
    evidence = combined(first, replanned(second, cells=cells))
    assert evidence.normalizers == ("sn (version 1)", "sn (version 2)")
    assert len(evidence.groups) == 1, "they are compared in pairs"


def test_other_definitions_of_instability_are_refused_with_the_command_that_helps(ledgers: Ledgers) -> None:
    told = refusal(ledgers(OUTCOMES), replanned(ledgers(OUTCOMES), definition=2))
    assert "ganbench relabel ledger 0 --definition 2" in told and "ledger 1 by definition 2" in told


def test_sequential_seeds_are_refused_with_the_reason(ledgers: Ledgers) -> None:
    rule = {**Sequential(2, 4, 2, None, "betting").to_json(), "definition": 1}
    sequential = replanned(ledgers({"sn": ("..",)}), sequential=rule)
    assert "ganbench ledger merge" in refusal(sequential, ledgers({"sn": ("..",)}))
    told = refusal(ledgers({"sn": ("..",)}, suite="other"), sequential)
    assert told.startswith("ledger 1: its seeds are sequential") and "report it alone" in told


def test_other_data_under_the_same_name_are_refused(ledgers: Ledgers) -> None:
    def on(content: str, seeds: set[int]) -> Ledger:
        return ledgers({"sn": ("....",)}, change=lambda record: replace(
            record, provenance={**record.provenance, "data": content}) if record.seed in seeds else None)  # fmt: skip

    assert "content two in the one and one in the other" in refusal(on("one", {0, 1}), on("two", {2, 3}))
    assert combined(on("one", {0, 1}), on("one", {2, 3})).committed == 4


def test_a_plugin_that_changed_between_two_ledgers_is_named(ledgers: Ledgers) -> None:
    def by(source: str, seeds: set[int]) -> Ledger:
        return ledgers({"sn": ("....",)}, change=lambda record: replace(
            record, provenance={**record.provenance, "sources": {"normalizer": source}})
            if record.seed in seeds else None)  # fmt: skip

    assert combined(by("a", {0, 1}), by("b", {2, 3})).sources == (("normalizer", "sn"),)
    assert combined(by("a", {0, 1}), by("a", {2, 3})).sources == ()


def test_the_baseline_is_the_one_that_all_declare_or_the_one_that_was_chosen(ledgers: Ledgers) -> None:
    first, silent = ledgers(OUTCOMES, baseline="sn"), ledgers(OUTCOMES)
    assert combined(first, silent).plan["baseline"] == "sn"
    assert combined(silent, silent).plan["baseline"] is None
    other = ledgers(OUTCOMES, baseline="none")
    assert "'sn' (ledger 0), 'none' (ledger 1); choose one with --baseline" in refusal(first, other)
    evidence = combined(first, other, baseline="none")
    assert evidence.plan["baseline"] == "none"
    assert {row.normalizer: row.change is None for row in build(evidence).all_rows} == {
        "sn": False,
        "bssn": False,
        "none": True,
    }
    assert combined(first, baseline="bssn").plan["baseline"] == "bssn", "also of one ledger"
    with pytest.raises(UnknownNameError, match="did you mean 'bssn'"):
        combined(first, silent, baseline="bsn")


def test_no_ledger_is_refused() -> None:
    with pytest.raises(InputError, match="at least one"):
        leaderboard()


@pytest.mark.parametrize("outcomes", [{"new": ("  ",)}, {"new": ("ee",)}])
def test_a_ledger_without_trials_or_with_none_that_ran_combines(
    ledgers: Ledgers, outcomes: dict[str, tuple[str]]
) -> None:
    page = leaderboard(ledgers(OUTCOMES), ledgers(outcomes, suite="other"))
    assert page.markdown() and page.html()
