"""The pages: markdown, HTML and CSV of the same numbers."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest
from markdown_it import MarkdownIt

from harness.errors import InputError, LedgerError
from harness.ledger import Ledger
from reports import leaderboard
from reports.formatting import mode, rate

NASTY = "<script>alert(1)</script>|`\"'$x$_*[a](javascript:b)&amp;\\ @me https://x.y <img src=x onerror=alert(1)>"

FIRST_COLUMNS = [
    *("normalizer", "trials", "unstable", "instability_rate", "ci_low", "ci_high", "rank_low", "rank_high", "missing"),
    *("diverged", "exploding_gradient", "vanishing_gradient", "mode_collapse", "late_deterioration", "never_converged"),
    "method_error",
]


class Page(HTMLParser):
    """What a browser would make of the page: its elements, and the text of its tables' cells."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.rows: list[list[str]] = []
        self.text = ""
        self._cell = False
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
            self._cell = True

    def handle_endtag(self, tag):
        if tag in ("td", "th"):
            self._cell = False

    def handle_data(self, data):
        self.text += data
        if self._cell:
            self.rows[-1][-1] += data

    def count(self, tag):
        return sum(tag == name for name, _ in self.elements)


def markdown_rows(text):
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    found = []
    for token in tokens:
        if token.type == "tr_open":
            found.append([])
        if token.type == "inline" and found and token.level >= 4:
            found[-1].append("".join(child.content for child in token.children))
    return found


@pytest.fixture(scope="module")
def board(shared):
    return leaderboard(
        shared({"a": ("........", "........"), "b": ("cccccccc", "..b....."), "c": ("c...e...", ".... n..")})
    )


@pytest.fixture(scope="module")
def written(board, shared):
    return {path.name: path.read_text() for path in board.write(shared.folder / "out")}


def test_three_files_are_written(written):
    assert list(written) == ["leaderboard.md", "leaderboard.html", "leaderboard.csv"]


def test_numbers_agree_in_markdown_html_and_csv(board, written, shared):
    table = pd.read_csv(shared.folder / "out" / "leaderboard.csv")
    in_html = [row for row in Page(written["leaderboard.html"]).rows if len(row) == 7][1:]
    in_markdown = [row for row in markdown_rows(written["leaderboard.md"]) if len(row) == 7][1:]
    assert len(table) == len(in_html) == len(in_markdown) == 3
    for row, line, html, markdown in zip(board.board.rows, table.itertuples(), in_html, in_markdown, strict=True):
        assert line.normalizer == html[1].strip() == markdown[1] == row.normalizer
        ranks = str(line.rank_low) if line.rank_low == line.rank_high else f"{line.rank_low}–{line.rank_high}"
        assert ranks == html[0] == markdown[0]
        assert f"{line.unstable}/{line.trials}" == html[2].split()[0] == markdown[2]
        assert rate(row.count) == html[3] == markdown[3]
        assert line.instability_rate == pytest.approx(row.count.rate)
        for name, times in row.count.modes.items():
            assert getattr(line, name) == times
            assert (f"{mode(name)} {times}" in html[4]) == (f"{mode(name)} {times}" in markdown[4]) == (times > 0)
        assert html[5:] == markdown[5:]


def test_the_csv_begins_with_the_promised_columns(written):
    assert written["leaderboard.csv"].splitlines()[0].split(",")[: len(FIRST_COLUMNS)] == FIRST_COLUMNS


def test_the_headline_names_what_to_use(written):
    expected = (
        "So far, use a on settings like these: it failed in 0/16 trials, 0 % (at most 19 %),"
        " significantly less often than b."
    )
    assert "> " + expected.replace("use a", "use **a**").replace("b.", "**b**.") in written["leaderboard.md"]
    assert expected in Page(written["leaderboard.html"]).text.replace("\u00a0", " ")


def test_a_complete_ledger_is_spoken_of_without_reserve(ledgers):
    page = leaderboard(ledgers({"a": ("........",), "b": ("cccccccc",)}))
    assert "> Use **a** on settings like these: it failed in 0/8 trials, 0 % (at most 37 %)" in page.markdown()
    assert "significantly less often than every other normalizer here." in page.markdown()


def test_too_few_seeds_are_said_aloud_and_never_called_no_difference(ledgers):
    page = leaderboard(ledgers({"a": ("....",), "b": ("cc..",)}))
    for text in (page.markdown().replace("**", ""), Page(page.html()).text.replace("\u00a0", " ")):
        assert "Not enough seeds to recommend one. a failed least often (0 % (at most 60 %))" in text
        assert "Not enough seeds to separate a and b: at least 6 discordant pairs are needed, all one way" in text
        assert "there are 0 against 2 among 4." in text
        assert "no difference" not in text.lower()


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


@pytest.fixture(scope="module")
def nasty(shared):
    points = (NASTY, NASTY, {"name": NASTY}, [(NASTY, "higher")])

    def change(record):
        return replace(record, provenance={**record.provenance, "device": NASTY})

    ledger = shared(
        {NASTY: ("..c.",), "b\n\n# b": ("cce.",)},
        settings=((NASTY, points),),
        suite=NASTY,
        description=NASTY,
        reason=NASTY,
        change=change,
    )
    return leaderboard(ledger)


def test_names_with_markup_are_escaped_everywhere_in_html(nasty):
    text = nasty.html()
    page = Page(text)
    assert page.count("script") == 1
    assert page.count("img") == 0
    assert not [name for _, attributes in page.elements for name in attributes if name.startswith("on")]
    assert not [attributes for _, attributes in page.elements if "javascript:" in (attributes.get("href") or "")]
    assert page.count("table") == 3
    assert {len(row) for row in page.rows} == {5, 6}  # the layout holds
    assert NASTY in [row[1].strip() for row in page.rows]
    assert text.count("<svg") == page.count("svg") == text.count("</svg>")


def test_names_with_markup_are_escaped_everywhere_in_markdown(nasty):
    text = nasty.markdown()
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    inline = [child for token in tokens for child in token.children or []]
    assert {token.content.strip() for token in tokens if token.type == "html_block"} == {
        "<details>\n<summary>4 failed trials</summary>",
        "</details>",
    }
    prose = "".join(line for line in text.splitlines() if not line.startswith("- `"))  # code is shown as it stands
    assert "<script" not in prose
    assert " @me" not in prose  # on GitHub, this would call somebody
    assert "https://x" not in prose  # and this would be a link
    assert not {"html_inline", "link_open", "image", "em_open"} & {token.type for token in inline}
    assert {len(row) for row in markdown_rows(text)} == {5, 6}
    assert NASTY in [row[1] for row in markdown_rows(text)]
    assert sum(token.type == "heading_open" for token in tokens) == 5  # no name made another one


def test_the_page_lets_no_script_run_but_its_own(written):
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', written["leaderboard.html"])[1]
    assert "default-src 'none'" in policy
    assert re.search(r"script-src 'sha256-[^']+'$", policy)


def test_the_page_names_nothing_that_it_would_have_to_load(written):
    text = written["leaderboard.html"]
    for _, attributes in Page(text).elements:
        for name in ("src", "href", "xlink:href"):
            assert (attributes.get(name) or "#").startswith(("#", "data:"))
    assert "@import" not in text
    assert not re.search(r"url\((?!#)", text)


EDGES = {
    "nothing committed": ({"a": ("   ",), "b": ("   ",)}, "No trial has been committed yet"),
    "one trial": ({"a": (".",)}, "a failed in 0/1 trials, 0 % (at most 98 %); there is nothing to compare it with."),
    "everything failed": ({"a": ("cccc", "dddd"), "b": ("nnnn", "bbbb")}, "Every trial failed"),
    "nothing failed": ({"a": ("....",), "b": ("....",)}, "No trial failed"),
    "one normalizer": ({"a": ("c...", "....")}, "a failed in 1/8 trials"),
    "method errors only": ({"a": ("ee",), "b": ("ee",)}, "Every trial failed"),
    "one normalizer missing": ({"a": ("c.",), "b": ("  ",)}, "a failed in 1/2 trials"),
    "most missing": ({"a": ("c   ", "    "), "b": (".   ", "  . ")}, "Not enough seeds"),
}


@pytest.mark.parametrize("name", EDGES)
def test_a_page_is_made_of(name, ledgers):
    outcomes, expected = EDGES[name]
    page = leaderboard(ledgers(outcomes))
    html, markdown = Page(page.html()), page.markdown().replace("**", "")
    assert expected in html.text.replace("\u00a0", " ")
    assert expected in markdown
    assert len([row for row in html.rows if len(row) == len(html.rows[0])]) > len(outcomes)
    assert len(page.table) == len(outcomes)
    assert "nan" not in markdown.lower()


def test_a_page_is_made_of_trials_without_trace_or_samples(ledgers):
    def strip(record):
        without = None if record.seed % 2 else {**record.trace_json, "samples": None, "layers": {}, "scalars": {}}
        return replace(record, trace_json=without)

    page = leaderboard(ledgers({"a": ("..c.", "...."), "b": ("cc..", "....")}, change=strip))
    assert page.evidence.committed == 16
    assert Page(page.html()).count("svg") == 1  # the heat map
    assert page.board.rows[0].count.trials == 8


def test_missing_trials_make_the_page_provisional_and_bound_its_rates(ledgers):
    page = leaderboard(ledgers({"a": ("c.  ",), "b": ("....",)}))
    text = page.markdown().replace("**", "")
    assert "Provisional: missing are 2 of 8 planned trials." in text
    assert "a 25 % to 75 %" in text
    assert "That could change the order: b and a." not in text  # b has none, whatever becomes of a
    assert "No order would change." in text
    close = leaderboard(ledgers({"a": ("c.  ",), "b": ("cc..",)})).markdown().replace("**", "")
    assert "That could change the order: a and b." in close
    assert "ring · fast, a: 2" in text
    assert "Provisional" not in leaderboard(ledgers({"a": ("c.",)})).markdown()


def test_failed_trials_are_listed_with_step_and_reason(written):
    rows = [row for row in Page(written["leaderboard.html"]).rows if len(row) == 5][1:]
    assert [cell.strip() for cell in rows[0]] == ["ring · fast", "b", "0", "step 40", "mode collapse: it collapsed"]
    assert ["ring · fast", "c", "4", "did not run", "method error: it collapsed"] in [
        [cell.strip() for cell in row] for row in rows
    ]


def test_the_page_says_how_it_was_measured(written, board):
    for text in (written["leaderboard.md"], Page(written["leaderboard.html"]).text):
        for expected in (
            board.evidence.hash(),
            "ganbench run tiny",
            "McNemar",
            "torch 2.11.0",
            "coverage 0.9",
            "0" * 20,
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
