"""The pages: markdown, HTML and CSV of the same numbers."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from pages import Page

from ganbench.harness.errors import InputError, LedgerError
from ganbench.harness.ledger import Ledger, Record
from ganbench.reports import leaderboard
from ganbench.reports.formatting import unmarked
from ganbench.reports.wording.pairs import conclusion

NASTY = "<script>alert(1)</script>|`\"'$x$_*[a](javascript:b)&amp;\\ @me https://x.y <img src=x onerror=alert(1)>"

COLLAPSED = "mode collapse: at the end 50% of the modes are captured"

FIRST_COLUMNS = [
    *("normalizer", "trials", "unstable", "instability_rate", "ci_low", "ci_high", "rank_low", "rank_high", "missing"),
    *("diverged", "exploding_gradient", "vanishing_gradient", "mode_collapse", "late_deterioration", "never_converged"),
    "method_error",
]


@pytest.fixture(scope="module")
def board(shared):
    return leaderboard(
        shared({"a": ("........", "........"), "b": ("cccccccc", "..b....."), "c": ("c...e...", ".... n..")})
    )


@pytest.fixture(scope="module")
def written(board, shared):
    paths = board.write(shared.folder / "out")
    return {path.name: path.read_bytes().decode("utf-8", "replace") for path in paths}


def test_the_page_its_tables_and_its_data_are_written(written):
    assert set(written) >= {
        *(
            "leaderboard.md",
            "leaderboard.html",
            "leaderboard.csv",
            "leaderboard.tex",
            "leaderboard.parquet",
            "cells.csv",
            "pairs.csv",
        ),
    }


def test_the_headline_says_what_failed_least_by_how_much_where_and_how_many_are_open(written):
    expected = (
        "So far: In these 2 settings a failed less often than b: 0 % (at most 26 %) against 56 %; 1 open."
        " Elsewhere: open for it."
    )
    assert (
        "> " + expected.replace("settings a failed", "settings **a** failed").replace("than b:", "than **b**:")
        in written["leaderboard.md"]
    )
    assert expected in Page(written["leaderboard.html"]).text


def test_the_headline_says_at_what_cost_unless_it_is_the_reference_itself(ledgers):
    def said(times):
        made = ledgers({"a": ("........",), "b": ("cccccccc",)}, baseline="b", seconds=lambda label, seed: times[label])
        return leaderboard(made).headline()

    assert "against 100 %, at 1.50× step time; 0 open." in said({"a": 0.003, "b": 0.002})
    alone = ledgers({"a": ("........",), "b": ("cccccccc",)}, seconds=lambda label, seed: {"a": 1, "b": 2}[label])
    assert leaderboard(alone).board.reference == "a" and "step time" not in leaderboard(alone).headline()


def test_a_complete_ledger_is_spoken_of_without_reserve(ledgers):
    page = leaderboard(ledgers({"a": ("........",), "b": ("cccccccc",)}))
    assert (
        "> In this setting **a** failed least: 0 % (at most 42 %) against 100 %; 0 open. Elsewhere: open for it."
        in (page.markdown())
    )
    for word in ("So far", "Provisional"):
        assert word not in page.markdown()


def test_a_page_gives_no_advice_and_says_what_it_would_take_to_speak_of_other_settings(written):
    for text in (written["leaderboard.md"], Page(written["leaderboard.html"]).text):
        assert (
            "With 2 settings nothing can be claimed of settings that were not run: for 3 pairs it takes at least 7"
            in text
        )
        assert "More settings would change that, more seeds would not." in text
    assert not re.search(
        r"\b(use|recommend\w*)\b", written["leaderboard.md"].split("## Cell by cell")[0], re.IGNORECASE
    )


def test_too_few_seeds_are_said_aloud_and_never_called_no_difference(ledgers):
    page = leaderboard(ledgers({"a": ("....",), "b": ("cc..",)}))
    for text in (page.markdown().replace("**", ""), Page(page.html()).text.replace("\u00a0", " ")):
        assert "No method is shown more stable in this setting; a failed least: 0 % (at most 67 %)." in text
        assert "In these settings, 0 of 1 pair is separated" in text
        assert "no difference" not in text.lower()
    (pair,) = page.board.pairs
    assert unmarked(conclusion(pair, pairs=1)) == (
        "Not enough seeds to separate a and b: of 4 shared pairs only a failed in 0 and only b in 2 (Holm p = 0.5);"
        " fewer than 6 such pairs cannot claim anything; if that went on, about 14 seeds in each setting would."
    )


def test_the_same_ledger_gives_the_same_bytes(ledgers):
    outcomes = {"a": ("..c.", "...."), "b": ("cccc", ".e..")}
    first, second = ledgers(outcomes), ledgers(outcomes, backwards=True, host="elsewhere")
    one, two = (leaderboard(ledger).write(ledgers.folder / name) for ledger, name in ((first, "x"), (second, "y")))
    assert [path.read_bytes() for path in one] == [path.read_bytes() for path in two]


def test_nothing_on_the_page_says_where_and_when_it_was_made(ledgers):
    page = leaderboard(ledgers({"a": (".c..",)}, host="a-host-of-this-name"))
    for text in (page.markdown(), page.html(), page.csv()):
        assert "a-host-of-this-name" not in text
        assert str(ledgers.folder) not in text
        assert not re.search(r"20\d\d-\d\d-\d\d|\d\d:\d\d:\d\d", text)


def test_the_page_lets_no_script_run_but_its_own(written):
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', written["leaderboard.html"])[1]
    assert "default-src 'none'" in policy
    assert re.search(r"script-src 'sha256-[^']+' 'sha256-[^']+'$", policy)


def test_the_page_names_nothing_that_it_would_have_to_load(written):
    text = written["leaderboard.html"]
    for element, attributes in Page(text).elements:
        for name in ("src", "href", "xlink:href"):
            if element != "a":  # a link is followed by a reader, not by the page
                assert (attributes.get(name) or "#").startswith(("#", "data:"))
    assert "@import" not in text
    assert not re.search(r"url\((?!#)", text)


EDGES = {
    "nothing committed": ({"a": ("   ",), "b": ("   ",)}, "No trial has been committed yet"),
    "one trial": ({"a": (".",)}, "a failed in 0 of 1 trial, and there is no other."),
    "everything failed": ({"a": ("cccc", "dddd"), "b": ("nnnn", "bbbb")}, "Every decided trial failed"),
    "nothing failed": ({"a": ("....",), "b": ("....",)}, "No trial failed"),
    "one normalizer": ({"a": ("c...", "....")}, "a failed in 1 of 8 trials"),
    "method errors only": ({"a": ("ee",), "b": ("ee",)}, "Every decided trial failed"),
    "one normalizer missing": ({"a": ("c.",), "b": ("  ",)}, "a failed in 1 of 2 trials"),
    "most missing": ({"a": ("c   ", "    "), "b": (".   ", "  . ")}, "No method is shown more stable"),
    "one ran elsewhere": ({"a": ("c.", "  "), "b": ("  ", "..")}, "and no other ran in all of its settings"),
}


@pytest.mark.parametrize("name", EDGES)
def test_a_page_is_made_of(name, ledgers):
    outcomes, expected = EDGES[name]
    page = leaderboard(ledgers(outcomes))
    out = ledgers.folder / "out"
    page.write(out)
    html = Page((out / "leaderboard.html").read_text("utf-8"))
    markdown = (out / "leaderboard.md").read_text("utf-8").replace("**", "")
    assert expected in html.text.replace("\u00a0", " ")
    assert expected in markdown
    rows = [*html.tables["leaderboard"][1:], *html.tables["apart"][1:]]
    assert len(rows) == len(outcomes)
    assert len(html.tables["leaderboard"]) == 1 + len(page.board.rows)
    assert len(page.table) == len(outcomes)
    assert "nan" not in markdown.lower()
    assert "nan" not in (out / "leaderboard.tex").read_text("utf-8")
    assert (out / "leaderboard.parquet").exists()


def test_a_page_is_made_of_trials_without_trace_or_samples(ledgers):
    def strip(record):
        if record.seed % 2:
            return Record.of(record.spec, None, record.provenance, "it could not run")
        return ledgers.retraced(record, samples=None, layers={}, scalars={})

    page = leaderboard(ledgers({"a": ("..c.", "...."), "b": ("cc..", "....")}, change=strip))
    assert page.evidence.committed == 16
    assert Page(page.html()).count("svg") == 3  # two profiles and survival
    assert page.board.rows[0].count.trials == 8


def test_missing_trials_make_the_page_provisional_and_are_listed(ledgers):
    page = leaderboard(ledgers({"a": ("c.  ",), "b": ("....",)}))
    text = page.markdown().replace("**", "")
    assert "So far: " in text
    assert "Provisional: 2 of 8 planned trials are missing." in text
    assert "depends on them" not in text  # there is no claim
    assert "ring · fast, a: 2" in text
    assert "Provisional" not in leaderboard(ledgers({"a": ("c.",)})).markdown()


def test_a_claim_that_missing_trials_of_the_better_one_could_turn_is_named(ledgers):
    outcomes = {"good": ("." * 8 + " " * 8,), "bad": ("c" * 8 + "." * 8,)}
    for text in (leaderboard(ledgers(outcomes)).markdown().replace("**", ""), _text(leaderboard(ledgers(outcomes)))):
        assert "Provisional: 8 of 32 planned trials are missing." in text
        assert "these claims might not hold: good over bad." in text
        assert "the claims below hold" not in text


def test_where_too_few_are_missing_to_turn_a_claim_the_page_says_that_none_depends_on_them(ledgers):
    outcomes = {"good": ("." * 15 + " ",), "bad": ("c" * 16,)}
    for text in (leaderboard(ledgers(outcomes)).markdown().replace("**", ""), _text(leaderboard(ledgers(outcomes)))):
        assert "Provisional: 1 of 32 planned trials is missing. Whatever became of it, the claims below hold." in text
        assert "might not hold" not in text


def test_a_claim_that_a_missing_setting_could_turn_is_named(ledgers):
    """In it one has trials and the other has not, so the order is not over it yet."""
    outcomes = {"good": ("." * 8, " " * 8), "bad": ("c" * 8, "." * 8)}
    page = leaderboard(ledgers(outcomes))
    assert len(page.board.standing.settings) == 1
    assert (
        "1 cell has no trial yet: the order and its settings may change, and with them every claim below"
        in page.markdown()
    )
    without = leaderboard(ledgers({name: texts[:1] for name, texts in outcomes.items()}))
    assert "might not hold" not in without.markdown()


def _text(page):
    return Page(page.html()).text


def test_failed_trials_are_listed_with_step_and_reason(written):
    rows = Page(written["leaderboard.html"]).tables["trials"][1:]
    assert [cell.strip() for cell in rows[0]] == ["ring · fast", "b", "0", "step 40", COLLAPSED]
    assert ["ring · fast", "c", "4", "did not run", "method error: it raised"] in [
        [cell.strip() for cell in row] for row in rows
    ]


def test_the_page_says_how_it_was_measured(written, board):
    for text in (written["leaderboard.md"], Page(written["leaderboard.html"]).text):
        for expected in (
            board.evidence.hash(),
            "ganbench run tiny",
            "McNemar",
            "torch 2.11.0",
            "fewer than 90 % of them are captured",
            board.evidence.plan["hash"],
        ):
            assert expected in text


def test_the_page_of_a_suite_as_large_as_the_quick_one_is_small(ledgers):
    settings = [(name, kind) for name, kind in zip("abcde", [ledgers.points] * 3 + [ledgers.images] * 2, strict=True)]
    ledger = ledgers({f"n{index}": ("..c..c..",) * 5 for index in range(5)}, settings=settings, points=200)
    assert len(leaderboard(ledger).html().encode()) < 1_500_000


def test_a_folder_without_a_ledger_is_refused(tmp_path):
    with pytest.raises(LedgerError, match="no results folder"):
        leaderboard(tmp_path)


def test_a_folder_that_cannot_be_written_is_named(board, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="file"):
        board.write(tmp_path / "file")


def test_a_ledger_is_taken_as_itself_or_as_its_folder(ledgers):
    ledger = ledgers({"a": (".c",)})
    pages = [leaderboard(source).markdown() for source in (ledger, ledger.root, str(ledger.root))]
    assert isinstance(ledger, Ledger)
    assert len(set(pages)) == 1


def test_a_report_needs_no_torch_no_mlflow_and_no_pyplot(ledgers):
    ledger = ledgers({"a": (".c",)})
    script = (
        "import sys; import reports; assert not {'numpy', 'pandas', 'scipy'} & set(sys.modules), 'import is not instant';"
        f"reports.leaderboard({str(ledger.root)!r}).write({str(ledgers.folder / 'out')!r});"
        "print(sorted({'torch', 'mlflow', 'ray', 'matplotlib.pyplot'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=120)
    assert (done.stdout.strip(), done.returncode) == ("[]", 0), done.stderr
    assert Path(ledgers.folder / "out" / "leaderboard.html").exists()


def many(count):
    """Return outcomes of normalizers from very stable to not at all."""
    return {f"n{index:03d}": ("c" * (8 * index // count) + "." * (8 - 8 * index // count),) for index in range(count)}


def test_a_page_of_a_hundred_normalizers_is_made_cut_where_lists_are_long_and_says_so(ledgers):
    board = leaderboard(ledgers(many(100), baseline="n050"))
    html, text = board.html(), board.markdown()
    page = Page(html)
    assert len(page.tables["leaderboard"]) == 101
    assert len(page.tables["heat"][0]) == 101
    assert len(board.headline()) < 400
    assert "n000 and 12 others failed least" in board.headline()
    assert len(board.board.pairs) == 4_950
    assert len(page.tables["matrix"]) == 101
    assert "All pairs are in pairs.csv, and as a matrix in leaderboard.html." in text
    assert "| n000 | n001 |" not in text
    assert len(html.encode()) < 1_500_000


def test_what_is_measured_says_which_difference_the_seeds_could_show(written, ledgers):
    assert "What these seeds can tell apart" in written["leaderboard.md"]
    page = leaderboard(ledgers({"a": ("........",), "b": ("cccccccc",)})).markdown()
    assert "from one that fails in 50 % of trainings, not even a normalizer that never fails is told apart" in page
    three = leaderboard(ledgers(dict.fromkeys("abc", ("." * 40,)), baseline="a")).markdown()
    assert (
        "In these settings, among 3 comparisons, with 40 pairs of trials, the fewest that two share: from one that fails"
        " in 50 % of trainings, a normalizer that fails in" in three
    )
    assert "On settings like these: at least 7 settings are needed for any claim among 3 pairs; there are 1." in three
    assert "comparisons with the baseline:" not in three


def test_the_headline_speaks_of_the_settings_that_all_ran_in(ledgers):
    everywhere = ledgers({"a": ("cccccccc", "cccccccc"), "b": ("........", "........")})
    assert leaderboard(everywhere).headline().startswith("In these 2 settings b failed least")
    both = [("fast", ledgers.points), ("slow", ledgers.images)]
    one = ledgers({"a": ("cccccccc",), "b": ("........",)}, settings=both[:1], suite="one")
    other = ledgers({"a": ("cccccccc",)}, settings=both[1:], suite="other")
    page = leaderboard(one, other)
    assert page.headline().startswith("In this setting b failed least")
    assert "the mean over 1 of 2 settings (100 steps on **ring**)" in page.markdown()
    assert "the mean over 1 of 2 settings (100 steps on ring)" in _text(page)
