"""Ledgers however odd, and what their pages say: for tests of what must hold of every one of them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from hypothesis import example, given, settings
from hypothesis import strategies as st

from ganbench.reports.board import Board
from ganbench.reports.board.pair import Pair
from ganbench.reports.evidence import Evidence
from ganbench.reports.formatting import unmarked
from ganbench.reports.wording.headline import headline

Outcomes = Mapping[str, Sequence[str | None]]
NAMES = "vwxyz"

CIRCLE = {
    "v": ("." * 10 + " " * 10 + "d" * 10,),
    "w": ("d" * 10 + "." * 10 + " " * 10,),
    "x": (" " * 10 + "d" * 10 + "." * 10,),
}
"""Each is significantly better than the next, on trials that the third lacks."""

FEWER_SETTINGS = {"v": ("....", "dddd", "...."), "w": ("d...", "dd..", "d..."), "x": ("....", None, None)}

LOWEST_BUT_BEATEN = {
    # v has the lowest rate, by what only it has; where both ran, w is better.
    "v": ("d" * 8 + "." * 40 + " " * 4,),
    "w": ("." * 8 + " " * 40 + "dddd",),
    "x": ("d" * 52,),
}

LOWEST_AND_UNPROVEN = {"v": ("." * 4 + " " * 36,), "w": ("d" + "." * 39,), "x": ("d" * 40,)}
"""v failed least, in four trials; what is shown is that w fails less often than x."""

ALL_ONE_WAY = {"v": ("....",) * 10, "w": ("dddd",) * 10, "x": ("dd..",) * 10}
UNDECIDED_BOTH_WAYS = {
    # x and y share no decided trial, and lean to one side whichever way the undecided are counted.
    "v": ("." * 27,),
    "w": ("." * 27,),
    "x": ("." * 9 + " " * 9 + "u" * 9,),
    "y": ("u" * 9 + "d" * 18,),
}
WORDY = {"v": ("..", ".."), "w": ("..", ".."), "x": (None, ".."), "y": ("d ", "d ")}
"""Incomplete, with one that is apart, and of the order two that failed least."""

OPEN_ELSEWHERE = {"v": ("........",) * 12, "w": ("dddddddd",) * 12, "x": ("dddddddd",) * 3 + ("........",) * 9}
"""v is more stable than w on settings like these, and than x in these only."""

EQUAL_BY_HALVES = {"v": ("......uu",) * 2, "w": ("d.......",) * 2}
"""If half of the undecided failed, both fail equally often, though one never did yet."""

LEARNS_BUT_FAILS = {"v": ("dd" + "." * 30,), "w": ("n" * 20 + "." * 12,)}
"""The first has the higher rate, and is above."""

CHAIN = {
    # v beats w and w beats x on trials that the third lacks; v and x share too few.
    "v": ("." * 12 + " " * 12 + "....",),
    "w": ("d" * 12 + "." * 12 + "    ",),
    "x": (" " * 12 + "d" * 12 + "....",),
}

EQUAL_BUT_UNLEARNT = {"v": ("........",) * 12, "w": ("dddddddd",) * 12, "x": ("nnnnnnnn",) * 12}
"""v and x never failed, and are apart by learning alone."""

UNEVEN = {"v": ("d" * 20 + "." * 20, "..", ".."), "w": ("." * 40, "d.", "d.")}
"""w failed less often on all trials together, and more often in the mean over settings."""

BLOCKS = "FGHIDAEC"


def _blocks(**letters: str) -> tuple[str]:
    """Return a setting of blocks of nine seeds; those that are not named are stable."""
    return ("".join(letters.get(block, ".") * 9 for block in BLOCKS),)


CIRCLE_OF_BOTH = {
    "v": _blocks(F="d", E="n", C="n"),
    "w": _blocks(F="d", G="d", D="n"),
    "x": _blocks(H="d", D="n", A="n"),
    "y": _blocks(H="d", I="d", E="n"),
}
"""v fails less often than w, w learns more often than x, x fails less often than y, and y learns more often than v."""

BELOW_BY_A_THIRD = {"w": ("dn..dd.dnnddn",), "x": ("d" * 13,), "y": ("..nn.nnnnnnn.",)}
"""x learns more often than y, and is below it: y fails less often than w, and w than x."""

MIXED = {"v": ("d" * 12 + "." * 12,), "w": ("n" * 12 + "." * 12,)}
"""w fails significantly less often, and learns significantly less often."""

UNLEARNT = {"v": ("nnnnnnnn",) * 4, "w": ("........",) * 4, "x": ("d.......",) * 4}


TEXTS = {blocks: st.text(".dun ", min_size=blocks, max_size=blocks) for blocks in (1, 2, 3)}
USUAL = {blocks: st.sampled_from([letter * blocks for letter in ".dun"]) | text for blocks, text in TEXTS.items()}
OTHERS = {
    (blocks, places): st.dictionaries(st.integers(0, places - 1), st.none() | text, max_size=3)
    for blocks, text in TEXTS.items()
    for places in range(1, 11)
}
"""Made once: to make a strategy takes longer than to draw from it."""


@st.composite
def drawn(draw: st.DrawFn) -> Outcomes:
    """Draw outcomes of which most cells of a normalizer are alike and some are not, are not there or are missing."""
    names, places = NAMES[: draw(st.integers(1, 5))], draw(st.integers(1, 10))
    length = draw(st.sampled_from([1, 3, 9]))
    blocks = draw(st.integers(1, 3))
    found: dict[str, Sequence[str | None]] = {}
    for name in names:
        usual, others = draw(USUAL[blocks]), draw(OTHERS[blocks, places])
        cells = [others.get(place, usual) for place in range(places)]
        found[name] = [cell and "".join(letter * length for letter in cell) for cell in cells]
    return found


def ledgers(test):
    """Run a test on outcomes that are drawn anew in each run, and on those that were wrong once or could be."""
    for outcomes in (
        CIRCLE,
        FEWER_SETTINGS,
        LOWEST_BUT_BEATEN,
        LOWEST_AND_UNPROVEN,
        UNDECIDED_BOTH_WAYS,
        ALL_ONE_WAY,
        UNLEARNT,
        WORDY,
        OPEN_ELSEWHERE,
        EQUAL_BY_HALVES,
        LEARNS_BUT_FAILS,
        EQUAL_BUT_UNLEARNT,
        UNEVEN,
        CHAIN,
        CIRCLE_OF_BOTH,
        BELOW_BY_A_THIRD,
        MIXED,
    ):
        test = example(outcomes)(test)
    return settings(max_examples=30, deadline=None)(given(drawn())(test))


def claims(board: Board) -> list[tuple[str, str]]:
    """Who is better than whom, of those in the order."""
    return [pair.apart for pair in inside(board) if pair.apart]


def inside(board: Board) -> list[Pair]:
    """The pairs of which both are in the order."""
    return [pair for pair in board.pairs if {pair.first, pair.second} <= set(board.standing.names)]


def said(evidence: Evidence, board: Board) -> str:
    return unmarked(headline(evidence, board))


def words(text: str) -> list[str]:
    """The words of a sentence, a number with its unit being one."""
    return re.sub(r"(\d) %", r"\1%", text).split()
