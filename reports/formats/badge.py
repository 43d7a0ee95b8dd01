"""A badge for a README: a label and a value in one small SVG, with text as text."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass
from html import escape

from ganbench.harness.errors import UnknownNameError
from ganbench.reports.board import Board, Row
from ganbench.reports.board.pair import Pair
from ganbench.reports.evidence import Evidence
from ganbench.reports.formatting import count, others, plain, rank, rate, short
from ganbench.reports.sensitivity.comparing import Claim
from ganbench.reports.wording.missing import may_turn

HEIGHT = 20
PADDING = 6
LONGEST = 60
"""Characters of the label. A name can be a paragraph; a badge cannot."""

LABEL = "#444444"
COLOURS = {
    "better": "#1a7037",
    "worse": "#b3261e",
    "open": "#57606a",
    "provisional": "#7d4e00",
    "neutral": "#0b5cad",
}
"""Of the value's ground, by what the data support. White text on each has a contrast of at least 4.5, and the value says in
words what its colour means."""

_NARROW, _WIDE = frozenset(" !'(),.:;Iijl|·[]ft/"), frozenset("%@MWmw–—&")
_NORMAL, _CAPITAL, _THIN, _FULL = 6.6, 7.6, 3.6, 11.0
_INVISIBLE = ("Mn", "Me", "Cf")


@dataclass(frozen=True)
class Badge:
    """What a badge says.

    Attributes:
        label: Its left half.
        value: Its right half.
        colour: Key of :data:`COLOURS`.
        title: The same and more in a sentence, for who cannot see it.
    """

    label: str
    value: str
    colour: str
    title: str


def badge(
    evidence: Evidence, board: Board, normalizer: str | None = None, reversed_claims: Collection[Claim] = ()
) -> str:
    """Return a badge as SVG; the same ledger gives the same bytes.

    Args:
        evidence: The trials.
        board: The numbers from them.
        normalizer: A label; the badge of the whole suite when absent.
        reversed_claims: The claims that another way to judge reverses.

    Raises:
        UnknownNameError: The plan has no such normalizer.
    """
    if normalizer is None:
        return draw(suite_badge(evidence))
    return draw(normalizer_badge(evidence, board, normalizer, reversed_claims))


def suite_badge(evidence: Evidence) -> Badge:
    """Say how much was measured."""
    label = f"stability on {evidence.plan['suite']}"
    done, planned = evidence.committed, evidence.planned
    trials = count(done, "trial") if done == planned else f"{done} of {count(planned, 'trial')}, provisional"
    undecided = sum(not result.verdict.decided for results in evidence.results.values() for result in results.values())
    trials += f", {undecided} undecided" if undecided else ""
    value = f"{count(len(evidence.normalizers), 'normalizer')} · {trials}"
    return Badge(label, value, "neutral" if done == planned else "provisional", f"{label}: {value}")


def normalizer_badge(
    evidence: Evidence, board: Board, normalizer: str, reversed_claims: Collection[Claim] = ()
) -> Badge:
    """Say how often a normalizer fails, its rank, and how it stands to the declared baseline.

    Raises:
        UnknownNameError: The plan has no such normalizer.
    """
    rows = {row.normalizer: row for row in board.all_rows}
    if normalizer not in rows:
        raise UnknownNameError("normalizer", normalizer, rows)
    row, label = rows[normalizer], f"{normalizer} on {evidence.plan['suite']}"
    if not row.count.trials:
        return Badge(label, "no trial yet", "provisional", f"{label}: no trial has been committed yet")
    if not row.count.decided:
        undecided = f"all {count(row.count.trials, 'trial')} undecided"
        return Badge(label, undecided, "provisional", f"{label}: {undecided}; too little was seen of them")
    settings = count(len(evidence.groups), "setting")
    standing = (
        f"rank {rank(row.rank)} of {len(board.rows)}"
        if row.rank
        else f"not ranked: ran in {row.settings} of {settings}"
    )
    baseline = rows.get(evidence.plan.get("baseline") or "")
    colour, words, sentence = _standing(evidence, board, row, baseline)
    if colour != "provisional" and any(normalizer in claim[1:] for claim in reversed_claims):
        colour = words = "provisional"
        sentence = "; provisional: judged at half of the budget, or by another threshold, a claim of it is reversed"
    value = " · ".join(part for part in (f"unstable {rate(row.count)}", others(row.count), standing, words) if part)
    of_these = count(row.count.decided, "decided training" if row.count.undecided else "training")
    besides = f" ({found})" if (found := others(row.count)) else ""
    title = f"{label}: {rate(row.count)} of {of_these} failed{besides}, {standing}{sentence}"
    return Badge(label, value, colour, title)


def _standing(evidence: Evidence, board: Board, row: Row, baseline: Row | None) -> tuple[str, str, str]:
    """Return colour, words and sentence for what the data support."""
    both = {row.normalizer, baseline.normalizer} if baseline else {row.normalizer}
    missing = sum(row.missing for row in board.all_rows if row.normalizer in both)
    if missing:
        who = "it and of its baseline" if baseline not in (None, row) else "it"
        return "provisional", "provisional", f"; provisional: {count(missing, 'trial')} of {who} still to come"
    if evidence.empty or may_turn(board):
        return "provisional", "provisional", "; provisional: missing trials could take back claims, and move ranks"
    if baseline is None:
        return "neutral", "", ""
    if baseline == row:
        return "neutral", "baseline", "; the others are compared with it"
    pair = next(pair for pair in board.pairs if {pair.first, pair.second} == {row.normalizer, baseline.normalizer})
    if board.torn(pair):
        sentence = (
            f"; on the trials shared with {baseline.normalizer}, and in the rates, the tests lean to different sides"
        )
        return "open", "rates and shared trials disagree", sentence
    if pair.significant:
        better = pair.better == row.normalizer
        where = "on settings like these" if pair.elsewhere else "in these settings"
        how = "less" if better else "more"
        words = f"{'better' if better else 'worse'} than baseline {where}"
        sentence = f"; fails significantly {how} often than {baseline.normalizer} {where}"
        return "better" if better else "worse", words, sentence
    if pair.learns_less and not board.torn_in_learning(pair):
        return _learning(pair, row.normalizer, baseline.normalizer)
    lacking = (
        f"; not enough {'decided trials' if pair.undecided else 'seeds'} to separate it from {baseline.normalizer}"
    )
    return "open", "not separated from baseline", lacking


def _learning(pair: Pair, normalizer: str, baseline: str) -> tuple[str, str, str]:
    """Return the same where two normalizers are separated in how often they learn, and not in how stable they are."""
    less = pair.learns_less == normalizer
    if pair.mixed:
        fails, learns = ("less", "less") if less else ("more", "more")
        words = f"fails and learns {fails} often than baseline"
        return "open", words, f"; fails significantly {fails} often than {baseline}, and learns {learns} often"
    how = "less" if less else "more"
    return "open", f"learns {how} often than baseline", f"; learns significantly {how} often than {baseline}"


def draw(said: Badge) -> str:
    """Return a badge as SVG.

    Text is fitted to the estimated width wherever it is shown, so that it never leaves its ground.
    """
    label, value = short(_printable(said.label), LONGEST), _printable(said.value)
    left, right = text_width(label), text_width(value)
    width = left + right + 4 * PADDING
    edge = left + 2 * PADDING
    title = escape(_printable(said.title))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{HEIGHT}" viewBox="0 0 {width} {HEIGHT}"'
        f' role="img" aria-label="{title}">'
        f"<title>{title}</title>"
        f'<rect width="{width}" height="{HEIGHT}" rx="3" fill="{COLOURS[said.colour]}"/>'
        f'<path d="M{edge} 0v{HEIGHT}H3a3 3 0 0 1-3-3V3a3 3 0 0 1 3-3z" fill="{LABEL}"/>'
        '<g fill="#fff" font-family="Verdana,DejaVu Sans,Geneva,sans-serif" font-size="11" aria-hidden="true">'
        f"{_text(PADDING, left, label)}{_text(edge + PADDING, right, value)}</g></svg>\n"
    )


def _text(start: int, width: int, text: str) -> str:
    # The middle is the same in every direction of writing; where a line starts is not.
    middle = start + width / 2
    return (
        f'<text x="{middle:g}" y="14" text-anchor="middle" textLength="{width}" lengthAdjust="spacingAndGlyphs"'
        f' unicode-bidi="plaintext">{escape(text)}</text>'
    )


def text_width(text: str) -> int:
    """Return about how many pixels a text takes in 11 px Verdana, the same on every machine; at least 1."""
    return max(1, math.ceil(sum(_character(character) for character in text)))


def _character(character: str) -> float:
    if unicodedata.category(character) in _INVISIBLE:
        return 0.0
    if character in _NARROW:
        return _THIN
    if character in _WIDE or unicodedata.east_asian_width(character) in "WF":
        return _FULL
    return _CAPITAL if character.isupper() else _NORMAL


def _printable(text: str) -> str:
    """Return a text that XML can hold: plain, and without the two code points that are no characters."""
    return plain(text).replace("\ufffe", "").replace("\uffff", "")
