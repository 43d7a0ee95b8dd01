"""The figures: what holds for all of them, the heat map, and the files for papers."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
import warnings
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from drawn_boards import evidence_of

from ganbench.reports import Leaderboard, leaderboard
from ganbench.reports.board import build
from ganbench.reports.figures import draw, fewer_letters, files, heatmap
from ganbench.reports.figures.drawing import file_name
from ganbench.reports.figures.lines import choose

LOOKS_AT_PAPER = True

HOSTILE = (
    *("$x$ <i>", "a|b`c`", "\u05e9\u05dc\u05d5\u05dd", "\u6b63\u898f\u5316", "x" * 120, "\u202etxt"),
    *("tab\tline\n", "../../up", "\"quote'&amp;", "\U0001f389", ""),
)


OUTCOMES = {"a": ("..c.", "...."), "$x$ <i>": ("cdb.", "ne..")}


def hashes(page: Leaderboard) -> dict[str, str]:
    """Return the hash of every file and of every element of the page."""
    found = files(page.evidence, page.board)
    found |= {part.name: part.svg.encode() for item in draw(page.evidence, page.board) for part in item.parts}
    return {name: hashlib.sha256(data).hexdigest() for name, data in found.items()}


@pytest.fixture(scope="module")
def page(shared):
    return leaderboard(shared(OUTCOMES, baseline="a"))


@pytest.fixture(scope="module")
def drawings(page):
    return draw(page.evidence, page.board)


def test_every_figure_is_there_and_says_what_to_look_at(page):
    drawings = draw(page.evidence, page.board)
    assert [(drawing.name, len(drawing.parts), drawing.on_page) for drawing in drawings] == [
        ("forest", 1, True),
        ("profile", 2, True),
        ("survival", 1, True),
        ("heat", 1, False),
    ]
    assert all(len(drawing.caption) > 50 for drawing in drawings)


def test_every_figure_is_well_formed(drawings):
    for drawing in drawings:
        for part in drawing.parts:
            ElementTree.fromstring(part.svg)


def test_no_two_elements_of_the_page_share_an_identifier(drawings):
    names = [name for drawing in drawings for part in drawing.parts for name in re.findall(r' id="([^"]*)"', part.svg)]
    assert len(names) == len(set(names))
    for drawing in drawings:
        for part in drawing.parts:
            wanted = re.findall(r'(?:url\(#|href="#)([^")]*)', part.svg)
            assert set(wanted) <= set(names)


def test_colours_follow_the_page(drawings):
    for drawing in drawings:
        for part in drawing.parts:
            assert "currentColor" in part.svg
            assert "#0102" not in part.svg
            assert not re.search(r"fill: #(ffffff|000000)", part.svg)


def test_a_normalizer_has_one_colour_everywhere(drawings):
    for drawing in drawings:
        for part in drawing.parts if drawing.name in ("profile", "survival") else ():
            found = set(re.findall(r"var\(--n\d", part.svg))
            assert found == {"var(--n0", "var(--n1"}


def test_dollar_signs_in_a_name_make_no_formula(drawings):
    for drawing in drawings:
        for part in drawing.parts:
            assert ">$x$ &lt;i&gt;</text>" in part.svg


def test_the_heat_map_counts_every_cell(page):
    (part,) = heatmap.draw(page.evidence, page.board).parts
    assert re.findall(r">(\d/\d)<", part.svg) == ["1/4", "3/4", "0/4", "2/4"]


def test_the_heat_map_of_many_normalizers_says_which_it_shows(shared, monkeypatch):
    monkeypatch.setattr(heatmap, "MOST_COLUMNS", 10)
    names = [f"n{index}" for index in range(15)]
    page = leaderboard(
        shared({name: ("." * 3 + "c" * (index % 4),) for index, name in enumerate(names)}, baseline="n7")
    )
    columns, _ = heatmap.shown_columns(page.evidence, page.board)
    ranked = [row.normalizer for row in page.board.rows]
    assert columns[:5] == ranked[:5] and columns[-5:] == ranked[-5:]
    assert "n7" in columns and len(columns) <= 11
    drawing = heatmap.draw(page.evidence, page.board)
    assert "Of 15 normalizers, the first 5, the last 5 of the table's order and the baseline." in drawing.caption
    (part,) = drawing.parts
    assert re.findall(r">(n\d+)<", part.svg) == columns


def test_captions_speak_of_the_tables_order_and_not_of_how_stable_its_ends_are():
    texts = {f"m{index:02}": ("." * 8, "." * 8) for index in range(13)} | {"m13": ("ddd.....", "." * 8)}
    evidence = evidence_of(texts | {"zz": (None, "." * 8)}, baseline="m05")
    board = build(evidence)
    order, lines = [row.normalizer for row in board.rows], choose(evidence, board)
    assert [*lines.styles] == [*order[:4], "m05", *order[-3:]] and "zz" in lines.grey
    assert "the first 4, the last 3 of the table's order and the baseline are in colour" in lines.said()
    captions = " ".join(drawing.caption for drawing in draw(evidence, board))
    assert not re.search("most stable|lowest|highest", captions)


def test_the_heat_map_is_in_the_order_of_the_table_where_no_trial_failed_too(shared):
    page = leaderboard(shared({"a": ("....",), "b": ("....",)}))
    assert "for every setting and normalizer, in the order of the table." in page.html()
    assert "most stable on" not in page.html()


def test_there_are_files_of_every_picture_for_a_paper(page):
    found = files(page.evidence, page.board)
    names = ["forest", "profile-1-ring-share", "profile-2-digits-fid", "survival", "heat"]
    assert list(found) == [f"figures/{name}.{kind}" for name in names for kind in ("svg", "pdf")]
    for path, data in found.items():
        if path.endswith(".pdf"):
            assert data.startswith(b"%PDF")
            assert b"/CreationDate" not in data
            assert b"/FontFile2" in data and b"/Type3" not in data  # TrueType, embedded
        else:
            svg = ElementTree.fromstring(data)
            assert float(svg.attrib["width"].removesuffix("pt")) / 72 <= 6.9 + 1e-6  # the width of a text
            assert b"var(--" not in data and b"currentColor" not in data


def test_the_files_have_the_same_bytes_in_another_process(page, tmp_path):
    script = (
        "import sys; from pathlib import Path; from conftest import Ledgers; from reports import leaderboard;"
        "from test_figures import OUTCOMES, hashes;"
        "print(hashes(leaderboard(Ledgers(Path(sys.argv[1]))(OUTCOMES, baseline='a'))))"
    )
    places = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    environment = {**os.environ, "PYTHONHASHSEED": "7", "PYTHONPATH": places}
    command = [sys.executable, "-c", script, str(tmp_path)]
    other = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert other.stdout == f"{hashes(page)}\n"
    assert not other.stderr


def test_hostile_names_are_drawn_without_a_warning(shared, capfd):
    page = leaderboard(shared(dict.fromkeys(HOSTILE, ("..c.e.d",)), baseline=HOSTILE[0]))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = files(page.evidence, page.board)
        svgs = [part.svg for drawing in draw(page.evidence, page.board) for part in drawing.parts]
    for svg in [*svgs, *(data for path, data in found.items() if path.endswith(".svg"))]:
        ElementTree.fromstring(svg)
    assert all(re.fullmatch(r"figures/[a-z0-9-]+\.(svg|pdf)", path) for path in found)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("title", ["../../etc", "", "\u6b63", "a/b\\c", "x" * 300])
def test_no_title_leads_a_file_out_of_its_folder(title):
    assert re.fullmatch(r"profile-3(-[a-z0-9-]{1,40})?", file_name("profile", 2, title))


@pytest.mark.parametrize(
    ("outcomes", "names"),
    [
        ({"a": ("    ",), "b": ("    ",)}, []),
        ({"a": (".   ",), "b": ("    ",)}, ["profile", "survival", "heat"]),
        ({"a": ("cdcd",), "b": ("bbcn",)}, ["forest", "survival", "heat"]),
        ({"a": ("eeee",), "b": ("eeee",)}, ["forest", "survival", "heat"]),
        ({"a": ("....",)}, ["profile", "survival", "heat"]),
        ({"a": ("....",), "b": ("....",)}, ["forest", "profile", "survival", "heat"]),
        ({"a": ("..  ",), "b": ("  ..",)}, ["profile", "survival", "heat"]),
    ],
    ids=["nothing", "one trial", "all failed", "no method runs", "one normalizer", "all stable", "no shared trial"],
)
def test_a_figure_without_data_is_left_out(ledgers, outcomes, names):
    page = leaderboard(ledgers(outcomes, baseline="a"))
    assert [drawing.name for drawing in draw(page.evidence, page.board)] == names
    assert len(files(page.evidence, page.board)) == 2 * len(names)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e300, -1e300, 0.0])
def test_no_number_of_quality_stops_a_figure(ledgers, value):
    page = leaderboard(ledgers({"a": ("..c.",), "b": ("....",)}, quality=lambda *_: value))
    names = [drawing.name for drawing in draw(page.evidence, page.board)]
    assert ("profile" in names) == np.isfinite(value)
    for data in files(page.evidence, page.board).values():
        assert data


def test_paths_keep_their_corners_when_they_are_written_shorter():
    shorter = fewer_letters._compact("M 1.04 2.06 \nL 3.08 2.06 \nL 3.08 5.02 \nM 7 8 \nL 7 8 \nL 9.5 -1.25 \nz")
    assert shorter == "M1 2.1h2.1v2.9M7 8h0l2.5-9.2z".replace("l2.5-9.2", "l2.5 -9.2")
    assert fewer_letters._compact("M 1.234 2 \nC 1.26 2.22 3 4 5 6 \nz") == "M 1.2 2 C 1.3 2.2 3 4 5 6 z"


def test_a_drawing_in_fewer_letters_has_the_same_marks_and_texts_in_the_same_places():
    tick = '<use xlink:href="#m1" x="52.449" y="7.06" style="fill: #666; stroke: #666; stroke-width: 0.6"/>'
    text = """<text style="font-size: 9px; font-family: 'Vera', sans-serif; fill: #111" x="1.26" y="2" """
    svg = (
        '<?xml version="1.0"?>\n<svg width="9pt">\n <g id="figure_1">\n'
        '  <g id="patch_1"><path d="M 0 0" style="fill: none"/></g>\n'
        '  <defs><path id="m1" d="M 0 0 \nL 0 2.5" style="stroke: #666; stroke-width: 0.6"/></defs>\n'
        f'  <g clip-path="url(#p1)"><g id="a">{tick}</g></g>\n'
        f'  {text}transform="rotate(-0 1.26 2)">0</text>\n  {text}transform="rotate(-90 1.26 2)">up</text>\n'
        '  <clipPath id="p1"><rect x="0" y="0"/></clipPath>\n </g>\n</svg>'
    )
    assert fewer_letters.fitted("name", "a <title>", svg, "Arial").split("\n") == [
        '<svg role="img" aria-label="a &lt;title&gt;" font-family="Arial" width="9pt">',
        '<defs><path id="name-1" d="M0 0v2.5" style="stroke: #666; stroke-width: 0.6"/></defs>',
        '<g clip-path="url(#name-0)"><use xlink:href="#name-1" x="52.4" y="7.1" style="fill: #666"/></g>',
        '<text style="font-size: 9px; fill: #111" x="1.3" y="2">0</text>',
        '<text style="font-size: 9px; fill: #111" x="1.3" y="2" transform="rotate(-90 1.3 2)">up</text>',
        '<clipPath id="name-0"><rect x="0" y="0"/></clipPath>',
        "</svg>",
    ]
