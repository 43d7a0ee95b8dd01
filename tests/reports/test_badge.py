"""The badge: what it says, in which colour, and that anything can be named in it."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest
from in_process import ganbench_inside
from tiny import write_tiny
from typer.testing import CliRunner

from ganbench import run
from ganbench.harness.cli import app
from ganbench.harness.errors import UnknownNameError
from ganbench.harness.statistics.intervals import clopper_pearson
from ganbench.reports import leaderboard
from ganbench.reports.formats.badge import COLOURS, HEIGHT, LABEL, LONGEST, badge, text_width
from ganbench.reports.formatting import percent

ganbench = ganbench_inside


SVG = "{http://www.w3.org/2000/svg}"
NASTY = [
    "<script>alert(1)</script>",
    "\"quoted\" 'twice'",
    "a&b|c`d`",
    "שלום עולם",
    "名前",
    "x" * 500,
    "\x00\x1b[2J\ufffe",
]
OUTCOMES = {
    "better": ("." * 24,),
    "base": ("c" * 10 + "." * 14,),
    "near": ("c" * 9 + "." * 15,),
    "worse": ("c" * 24,),
}


def made(ledger, normalizer=None):
    found = leaderboard(ledger)
    return ElementTree.fromstring(badge(found.evidence, found.board, normalizer))


def texts(svg):
    return [item.text for item in svg.iter(f"{SVG}text")]


def ground(svg):
    return next(svg.iter(f"{SVG}rect")).get("fill")


def title(svg):
    return svg.find(f"{SVG}title").text


@pytest.mark.parametrize(
    ("normalizer", "colour", "words", "said"),
    [
        ("better", "better", "better than baseline in these settings", "less often than base in these settings"),
        ("worse", "worse", "worse than baseline in these settings", "more often than base in these settings"),
        ("near", "open", "not separated from baseline", "not enough seeds to separate it from base"),
        ("base", "neutral", "baseline", "the others are compared with it"),
    ],
)
def test_the_colour_is_what_the_data_support_and_is_said_in_words_too(ledgers, normalizer, colour, words, said):
    svg = made(ledgers(OUTCOMES, baseline="base"), normalizer)
    assert ground(svg) == COLOURS[colour]
    assert texts(svg)[0] == f"{normalizer} on tiny"
    assert texts(svg)[1].endswith(f" · {words}")
    assert said in title(svg)


def test_what_is_not_claimed_among_all_pairs_is_not_claimed_of_the_baseline_either(ledgers):
    fails = ("c" * 8 + "." * 16,)
    ledger = ledgers({"good": ("." * 24,), **dict.fromkeys(("base", "x", "y", "z"), fails)}, baseline="base")
    (pair,) = (pair for pair in leaderboard(ledger).board.pairs if {pair.first, pair.second} == {"good", "base"})
    assert 4 * pair.failing.p < 0.05 < 10 * pair.failing.p
    assert not pair.significant
    assert ground(made(ledger, "good")) == COLOURS["open"]


def test_better_than_the_baseline_on_settings_like_these_is_said_where_settings_show_it(ledgers):
    settings = [(f"s{index}", ledgers.points) for index in range(6)]
    svg = made(ledgers({"good": ("..",) * 6, "base": ("cc",) * 6}, settings=settings, baseline="base"), "good")
    assert ground(svg) == COLOURS["better"]
    assert texts(svg)[1].endswith(" · better than baseline on settings like these")
    assert "fails significantly less often than base on settings like these" in title(svg)


def test_a_rate_has_its_interval_and_the_rank_is_one(ledgers):
    ledger = ledgers(OUTCOMES, baseline="base")
    assert texts(made(ledger, "near"))[1] == "unstable 38 % (15–65 %) · rank 2–3 of 4 · not separated from baseline"
    assert texts(made(ledger, "better"))[1].startswith("unstable 0 % (at most 19 %) · rank 1 of 4")
    assert percent(clopper_pearson(0, 24, 0.05 / 4)[1]) == "19 %"  # the intervals of four rows hold together


def test_without_a_declared_baseline_nothing_is_better_or_worse(ledgers):
    svg = made(ledgers(OUTCOMES), "better")
    assert ground(svg) == COLOURS["neutral"]
    assert texts(svg)[1] == "unstable 0 % (at most 19 %) · rank 1 of 4"


@pytest.mark.parametrize("lacking", ["better", "base"])
def test_missing_trials_of_it_or_of_its_baseline_make_it_provisional(ledgers, lacking):
    outcomes = OUTCOMES | {lacking: (OUTCOMES[lacking][0][:-1] + " ",)}
    svg = made(ledgers(outcomes, baseline="base"), "better")
    assert ground(svg) == COLOURS["provisional"]
    assert texts(svg)[1].endswith(" · provisional")
    assert "1 trial of it and of its baseline still to come" in title(svg)


def test_trials_that_are_missing_where_the_order_is_not_make_it_provisional_too(ledgers):
    outcomes = {"better": ("." * 8, "." * 8), "base": ("c" * 8, "c" * 8), "third": ("." * 8, "." * 8)}
    outcomes["late"] = (outcomes["base"][0], " " * 8)
    board = leaderboard(ledgers(outcomes | {"better": ("." * 8, " " * 8)}, baseline="base")).board
    assert [(row.count.missing, row.missing) for row in board.rows if row.normalizer == "better"] == [(0, 8)]
    svg = made(ledgers(outcomes | {"better": ("." * 8, " " * 8)}, baseline="base"), "better")
    assert ground(svg) == COLOURS["provisional"]
    assert "8 trials of it and of its baseline still to come" in title(svg)
    # And where a cell of a third is empty: with the order's settings every claim may change.
    assert ground(made(ledgers(outcomes, baseline="base"), "better")) == COLOURS["provisional"]


def test_one_that_ran_in_fewer_settings_has_no_rank_and_says_in_how_many(ledgers):
    settings = [(f"s{index}", ledgers.points) for index in range(5)]
    texts_ = {"a": ("....",) * 5, "b": ("c...",) * 5, "fewer": ("....",) * 3 + ("    ",) * 2}
    value = texts(made(ledgers(texts_, settings=settings), "fewer"))[1]
    assert "not ranked: ran in 3 of 5 settings" in value
    assert "rank 1–2 of 2" in texts(made(ledgers(texts_, settings=settings), "a"))[1]


def test_a_normalizer_without_trials_has_a_badge(ledgers):
    svg = made(ledgers({"a": ("  ",), "b": ("..",)}, baseline="b"), "a")
    assert texts(svg) == ["a on tiny", "no trial yet"]


def test_the_suites_badge_counts(ledgers):
    assert texts(made(ledgers(OUTCOMES))) == ["stability on tiny", "4 normalizers · 96 trials"]
    assert texts(made(ledgers({"a": (". ",)}))) == ["stability on tiny", "1 normalizer · 1 of 2 trials, provisional"]


def luminance(colour):
    parts = [int(colour[index : index + 2], 16) / 255 for index in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("colour", [LABEL, *COLOURS.values()])
def test_white_text_has_contrast(colour):
    assert 1.05 / (luminance(colour) + 0.05) >= 4.5


@pytest.mark.parametrize("name", NASTY)
def test_any_name_is_text_and_the_badge_holds_its_form(ledgers, name):
    svg = made(ledgers({name: ("..",), "b": ("..",)}, suite=name, baseline=name), name)
    assert {item.tag for item in svg.iter()} <= {SVG + tag for tag in ("svg", "title", "g", "path", "rect", "text")}
    assert len(texts(svg)[0]) <= LONGEST
    assert svg.get("height") == str(HEIGHT)
    assert int(svg.get("width")) < 1200
    assert svg.get("aria-label") == title(svg)


def test_text_stays_on_its_ground(ledgers):
    svg = made(ledgers(OUTCOMES, baseline="base"), "near")
    edge = int(re.match(r"M(\d+) ", svg.find(f"{SVG}path").get("d"))[1])
    (left, right), width = [
        (float(item.get("x")), int(item.get("textLength"))) for item in svg.iter(f"{SVG}text")
    ], int(svg.get("width"))  # fmt: skip
    assert 0 < left[0] - left[1] / 2 < left[0] + left[1] / 2 < edge
    assert edge < right[0] - right[1] / 2 < right[0] + right[1] / 2 < width


@pytest.mark.parametrize(
    ("text", "measured"),  # by Chromium in DejaVu Sans of 11 px
    [
        ("batch_norm on quick", 115.4),
        ("unstable 10 % (4–23 %) · rank 1 of 5 · better than baseline", 323.9),
        ("5 normalizers · 200 trials", 137.3),
        ("bssn(scale=1.2) on quick", 139.2),
    ],
)
def test_the_estimated_width_is_near_the_real_one(text, measured):
    assert text_width(text) == pytest.approx(measured, rel=0.08)


def test_the_same_ledger_gives_the_same_bytes(ledgers):
    straight, turned = (leaderboard(ledgers(OUTCOMES, baseline="base", backwards=way)) for way in (False, True))
    assert badge(straight.evidence, straight.board, "near") == badge(turned.evidence, turned.board, "near")


def test_a_normalizer_that_is_not_there_is_named_with_the_nearest(ledgers):
    with pytest.raises(UnknownNameError, match="unknown normalizer 'bettr'; did you mean 'better'"):
        made(ledgers(OUTCOMES), "bettr")


def test_the_command_writes_a_file_or_prints(tmp_path, ganbench):
    suite = write_tiny(tmp_path / "tiny.yaml", seeds=1, steps=10)
    suite.write_text(f"{suite.read_text()}definition: 2\n")  # which decides trainings that were hardly watched, too
    run(suite, tmp_path / "out", address="inline")
    written = ganbench("badge", "out", "none", "--out", "badges/none.svg")
    assert (written.returncode, written.stdout.strip()) == (0, "badges/none.svg")
    text = (tmp_path / "badges" / "none.svg").read_text()
    assert texts(ElementTree.fromstring(text))[0] == "none on tiny"
    printed = CliRunner().invoke(app, ["badge", str(tmp_path / "out"), "none"])
    assert printed.stdout == text
    suite = CliRunner().invoke(app, ["badge", str(tmp_path / "out")])
    assert texts(ElementTree.fromstring(suite.stdout)) == ["stability on tiny", "2 normalizers · 6 trials"]


def test_the_command_says_what_is_wrong(ledgers, ganbench, tmp_path):
    root = ledgers(OUTCOMES).root
    unknown = ganbench("badge", root, "bettr")
    assert (unknown.returncode, unknown.stderr) == (2, "error: unknown normalizer 'bettr'; did you mean 'better'?\n")
    (tmp_path / "file").write_text("")
    blocked = ganbench("badge", root, "near", "--out", "file/x.svg")
    assert blocked.returncode == 2
    assert "--out file/x.svg: cannot be written" in blocked.stderr
