"""Page, markdown, LaTeX, CSV and Parquet say the same."""

from __future__ import annotations

import io
from dataclasses import replace

import pandas as pd
import pytest
from pages import Page, latex_rows, markdown_tables

from ganbench.harness.statistics.intervals import clopper_pearson
from ganbench.reports import formatting as f
from ganbench.reports import leaderboard
from ganbench.reports.formats.latex import LEFT_OUT
from ganbench.reports.wording.columns import columns
from ganbench.reports.wording.matrix import MARKS, matrix


@pytest.fixture(scope="module")
def board(shared):
    return leaderboard(
        shared(
            {"a": ("........", "........"), "b": ("cccccccc", "..b....."), "c": ("c...e...", ".... n..")},
            baseline="b",
            seconds=lambda label, seed: {"a": 0.002, "b": 0.001, "c": 0.003}[label] * (1 + seed / 100),
        )
    )


@pytest.fixture(scope="module")
def files(board):
    return board.files()


def _lines(cell):
    text, _, more = cell.strip().partition("|")
    return text.strip(), more.strip()


def test_every_number_of_the_main_table_is_the_same_in_html_markdown_and_latex(board, files):
    shown = columns(board.evidence, board.board)
    in_html = Page(files["leaderboard.html"].decode()).tables["leaderboard"][1:]
    in_markdown = markdown_tables(files["leaderboard.md"].decode())[0][1:]
    in_latex = latex_rows(files["leaderboard.tex"].decode())
    short = [column for column in shown if column.key not in LEFT_OUT]
    assert len(in_html) == len(in_markdown) == len(in_latex) == 3
    for row, html, markdown, latex in zip(board.board.rows, in_html, in_markdown, in_latex, strict=True):
        said = [(column.text(row), column.more(row)) for column in shown]
        assert [_lines(cell) for cell in html] == said
        assert markdown == [f.both_lines(*lines) for lines in said]
        assert latex == [f.latex(column.text(row)) for column in short]


def test_the_csv_has_the_numbers_that_the_words_are_made_of(board, files):
    table = pd.read_csv(io.BytesIO(files["leaderboard.csv"]))
    for row, line in zip(board.board.rows, table.to_dict("records"), strict=True):
        count = row.count
        assert (line["normalizer"], line["trials"], line["unstable"]) == (row.normalizer, count.trials, count.unstable)
        assert f.rank((line["rank_low"], line["rank_high"])) == f.rank(row.rank)
        assert line["instability_rate"] == pytest.approx(count.rate, abs=1e-15)
        assert (line["ci_low"], line["ci_high"]) == pytest.approx((count.low, count.high), abs=1e-15)
        assert {mode: line[mode] for mode in count.modes} == count.modes
        assert line["tier"] == f.tier(row.tiers)
        assert line["stable_share_of_steps"] == pytest.approx(row.lasted)
        assert line["step_time_factor"] == pytest.approx(row.cost)
        if row.change is None:
            assert line["normalizer"] == "b"
            assert pd.isna(line["change"]) and pd.isna(line["wins"])
        else:
            assert line["change"] == pytest.approx(row.change.difference)
            assert (line["wins"], line["ties"], line["losses"]) == (row.change.wins, row.change.ties, row.change.losses)
        assert line["missing"] == row.missing
        for protocol, quality in row.quality.items():
            assert line[protocol.title] == pytest.approx(quality.all)
            assert line[f"{protocol.title} (stable trials)"] == quality.trials


def test_the_missing_trials_of_rows_are_those_that_the_page_speaks_of_also_where_the_order_is_not(ledgers):
    """A setting in which a normalizer has no trial is in no row's rate, and its trials are missing all the same."""
    made = leaderboard(ledgers({"a": ("c.", "  "), "b": (". ", "  "), "c": ("..", "..")}))
    table = pd.read_csv(io.BytesIO(made.files()["leaderboard.csv"]))
    assert dict(zip(table["normalizer"], table["missing"], strict=True)) == {"a": 2, "b": 3, "c": 0}
    assert "Provisional: 5 of 12 planned trials are missing." in made.markdown()
    rate = next(column for column in columns(made.evidence, made.board) if column.key == "rate")
    for row in made.board.all_rows:
        assert (f"{row.missing} missing" in rate.more(row)) == bool(row.missing)


def test_the_difference_of_a_pair_has_the_interval_of_the_row(board, files):
    pairs = pd.read_csv(io.BytesIO(files["pairs.csv"])).set_index(["first", "second"])
    changes = {row.normalizer: row.change for row in board.board.rows if row.change is not None}
    for name, change in changes.items():
        turned = (name, "b") not in pairs.index
        pair = pairs.loc[("b", name) if turned else (name, "b")]
        ends = pair["difference_low"], pair["difference_high"]
        assert ends == pytest.approx((-change.high, -change.low) if turned else (change.low, change.high))
    assert changes


def test_parquet_and_csv_hold_the_same_table(board, files):
    parquet = pd.read_parquet(io.BytesIO(files["leaderboard.parquet"]))
    csv = pd.read_csv(io.BytesIO(files["leaderboard.csv"]), float_precision="round_trip")
    pd.testing.assert_frame_equal(parquet, csv, check_dtype=False, check_exact=True)


def test_the_parquet_file_names_the_ledger_that_it_was_made_from(board, files):
    from pyarrow import parquet

    metadata = parquet.read_schema(io.BytesIO(files["leaderboard.parquet"])).metadata
    assert metadata[b"ganbench.ledger"].decode() == board.evidence.hash()


def test_cells_csv_has_every_cell_and_a_column_of_quality_for_each_protocol(board, files):
    table = pd.read_csv(io.BytesIO(files["cells.csv"]))
    assert len(table) == len(board.board.cells) == 6
    titles = [protocol.title for protocol in board.evidence.protocols]
    assert list(table.columns[-2:]) == titles
    for cell, line in zip(board.board.cells, table.to_dict("records"), strict=True):
        own = cell.group.protocol.title
        assert line[own] == pytest.approx(cell.quality)
        assert all(pd.isna(line[title]) for title in titles if title != own)
        assert (line["unstable"], line["trials"], line["missing"]) == (
            *(cell.count.unstable, cell.count.trials, cell.count.missing),
        )


def test_no_table_of_the_markdown_mixes_protocols_in_a_column(board, files):
    tables = markdown_tables(files["leaderboard.md"].decode())
    with_cells = [table for table in tables if table[0][0] == "setting" and table[0][-1] != "how"]
    assert [table[0][-1] for table in with_cells] == [
        f.quality_title(protocol.title, protocol.better) for protocol in board.evidence.protocols
    ]
    for protocol, table in zip(board.evidence.protocols, with_cells, strict=True):
        titles = {group.title for group in board.evidence.groups if group.protocol == protocol}
        assert {row[0] for row in table[1:]} == titles


def test_none_of_sixteen_reads_the_same_everywhere_with_a_bound_that_holds_for_all_three_rows(files):
    bound = f.percent(clopper_pearson(0, 16, 0.05 / 3)[1])
    assert bound == "26 %"
    assert f"0 % (at most {bound})" in Page(files["leaderboard.html"].decode()).text
    assert f"0 % (at most {bound})" in files["leaderboard.md"].decode()
    assert r"0 \% (at most 26 \%)" in files["leaderboard.tex"].decode()


def test_every_pair_reads_the_same_in_the_matrix_of_html_and_of_markdown_and_in_pairs_csv(board, files):
    in_html = Page(files["leaderboard.html"].decode()).tables["matrix"]
    (in_markdown,) = [table for table in markdown_tables(files["leaderboard.md"].decode()) if table[0][0] == ""]
    said = [
        [name, *("" if entry is None else entry.text for entry in entries)] for name, entries in matrix(board.board)
    ]
    assert in_html[0] == in_markdown[0] == ["", "a", "c", "b"]
    assert in_html[1:] == in_markdown[1:] == said
    in_csv = pd.read_csv(io.BytesIO(files["pairs.csv"])).to_dict("records")
    assert len(in_csv) == len(board.board.pairs) == 3
    cells = {(row[0], name): cell for row in said for name, cell in zip(in_html[0][1:], row[1:], strict=True)}
    for line in in_csv:
        sign = MARKS[line["separated"]]
        for one, other, difference in (
            (line["first"], line["second"], line["difference"]),
            (line["second"], line["first"], -line["difference"]),
        ):
            assert cells[one, other] == f"{f.points(difference)} {sign}".strip()
    (surest,) = [line for line in in_csv if line["separated"] == "here"]
    assert (surest["better"], surest["first"], surest["second"]) == ("a", "a", "b")
    assert cells["a", "b"] == "−56 ○"


def test_normalizers_that_are_not_separated_share_rank_and_tier(ledgers):
    board = leaderboard(ledgers({"a": ("........",), "b": (".......c",), "c": ("cccccccc",)})).board
    one, other, last = board.rows
    assert (one.rank, one.tiers) == (other.rank, other.tiers) == ((1, 2), (0,))
    assert (last.rank, last.tiers) == ((3, 3), (1,))


def test_the_caption_for_a_paper_says_what_the_cautions_say(ledgers):
    firm = leaderboard(ledgers({"v": ("." * 20,), "w": ("c" * 20,)}))
    some = leaderboard(ledgers({"v": ("." * 14 + " " * 6,), "w": ("c" * 8 + "." * 6 + " " * 6,)}))
    said = "Provisional: 12 of 40 planned trials are missing."
    assert "Provisional" not in firm.latex()
    assert some.contents.caution.startswith(f"{said} A trial can be missing because")
    assert f" {said} Missing trials could take back claims, and move ranks.}}\n" in some.latex()
    doubted = replace(firm, doubts="Not to be relied on.", reversed_claims=frozenset({("fails less", "v", "w")}))
    assert " Not to be relied on.}\n" in doubted.latex()
