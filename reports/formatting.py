"""Where numbers become text. Markdown and HTML both take their words from here, so they cannot disagree."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from html import escape
from typing import TYPE_CHECKING

from ganbench.harness.stability.verdict import NEEDS
from ganbench.harness.statistics import ALPHA
from ganbench.reports.board.counting import Count

if TYPE_CHECKING:
    from ganbench.reports.board import Change

NOTHING = "–"
MOST_DIGITS = 6
HALF_FAILED = "half or more failed"

# What steers a terminal, turns the direction of writing, or is our own mark of a name.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff\ue000\ue001]")
_OPEN, _CLOSE = "\ue000", "\ue001"
_UNIT = re.compile(r"\d+(–[\d.]+)? %|(Holm )?p [=&][lt; ]*[\d.e-]+")
_MARKDOWN = re.compile(r"[\\`*\[\]|~$]|(?<![^\W_])_|_(?![^\W_])")
_IN_LATEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "`": r"\textasciigrave{}",
    '"': r"\textquotedbl{}",
    "'": r"\textquotesingle{}",
    "−": r"$-$",
    "–": "--",
    "×": r"$\times$",
    "·": r"$\cdot$",
    **{character: "\\" + character for character in "{}$&#_%"},
}
_LATEX = re.compile("[" + re.escape("".join(_IN_LATEX)) + "]")
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "@": "&#64;", "://": "&#58;//"}


def plain(text: str, keep: str = "") -> str:
    """Return a text on one line, without characters that do more than to be read."""
    if text.isprintable():  # as nearly all are, and none of those characters is
        return text.strip()
    return _CONTROL.sub(lambda match: match[0] if match[0] in keep else " ", text).strip()


def short(text: str, length: int) -> str:
    """Return a text of at most that many characters, with an ellipsis where it was cut."""
    text = plain(text)
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"


def named(label: str) -> str:
    """Mark a name within a sentence, so that it stands out: "none" is a normalizer, not a word."""
    return f"{_OPEN}{plain(label)}{_CLOSE}"


def length(text: str) -> int:
    """Return how many words a sentence has; a name, or a number with its unit, is one."""
    return len(re.sub(r"(\d) %", r"\1%", re.sub(f"{_OPEN}.*?{_CLOSE}", "x", text)).split())


def unmarked(text: str) -> str:
    """Return a sentence without the marks of its names, for a terminal."""
    return plain(text.replace(_OPEN, "").replace(_CLOSE, ""))


def markdown(text: str) -> str:
    """Escape a text for markdown: it stays on its line and in its cell, and nothing in it is markup or a link."""
    text = plain(text, keep=_OPEN + _CLOSE)
    for character, entity in _ENTITIES.items():
        text = text.replace(character, entity)
    text = _MARKDOWN.sub(lambda match: "\\" + match[0], text)
    return text.replace(_OPEN, "**").replace(_CLOSE, "**")


def html(text: str) -> str:
    """Escape a sentence for HTML, with its names in bold, and numbers kept on one line with their units."""
    text = escape(plain(text, keep=_OPEN + _CLOSE))
    text = _UNIT.sub(lambda match: match[0].replace(" ", "\u00a0").replace("–", "–\u2060"), text)
    return text.replace(_OPEN, "<b><bdi>").replace(_CLOSE, "</bdi></b>")


def latex(text: str) -> str:
    """Escape a text for LaTeX, and say in its words what it has signs for."""
    return _LATEX.sub(lambda match: _IN_LATEX[match[0]], unmarked(text))


def code(text: str) -> str:
    """Return a text as a code span of markdown, whatever backticks it holds."""
    text = plain(text)
    fence = "`" * (1 + max((len(run) for run in re.findall(r"`+", text)), default=0))
    blank = " " * text.startswith("`") or " " * text.endswith("`")
    return f"{fence}{blank}{text}{blank}{fence}"


def percent(share: float, digits: int = 0) -> str:
    """Return ``12 %``; with as many decimals as are asked for, and as it takes not to read as none or all.

    Args:
        share: In [0, 1].
        digits: Decimals, at least.
    """
    value = 100 * share
    if 0 < value < 100:
        near = min(value, 100 - value)
        digits = next((more for more in range(digits, MOST_DIGITS) if near * 10**more >= 0.95), 0)
    if digits:
        return f"{value:.{digits}f} %"
    return f"{math.floor(value + 0.5 + 1e-9)} %"  # halves up, as people do; not to the even one


def digits_apart(first: float, second: float) -> int:
    """Return how many decimals it takes for two rates to read differently; at most 3, and none where they are equal."""
    told = (digits for digits in range(4) if percent(first, digits) != percent(second, digits))
    return 0 if math.isclose(first, second, abs_tol=1e-9) else next(told, 3)


def span(low: float, high: float, digits: int = 0) -> str:
    """Return ``5–25 %``."""
    return f"{_bound(low, 0, digits).removesuffix(' %')}–{_bound(high, 1, digits)}"


def _bound(share: float, outer: int, digits: int = 0) -> str:
    """Return an end of an interval; one that is nearly all that it can be, 0 below or 1 above, reads so."""
    return percent(outer) if round(share, max(digits, 1) + 2) == outer else percent(share, digits)


def rate(count: Count, digits: int = 0) -> str:
    """Return a rate with its interval: ``12 % (5–25 %)``; ``0 % (at most 19 %)``, for none of a few is not never."""
    if not count.decided:
        return "undecided" if count.trials else NOTHING
    if count.unstable == 0:
        return f"{percent(count.rate)} (at most {_bound(count.high, 1)})"
    if count.unstable == count.decided:
        return f"{percent(count.rate)} (at least {_bound(count.low, 0)})"
    shown = percent(count.rate, max(digits, digits_apart(count.low, count.high)))
    decimals = len(shown.removesuffix(" %").partition(".")[2])
    return f"{shown} ({span(count.low, count.high, decimals)})"


def of(count: Count) -> str:
    """Return ``3/16``: the failed ones of those that are decided."""
    return f"{count.unstable}/{count.decided}"


def bounds(count: Count) -> str:
    """Return ``12 % to 48 % with 9 undecided``; empty where none is."""
    if not count.undecided:
        return ""
    return f"{percent(count.low_bound)} to {percent(count.high_bound)} with {count.undecided} undecided"


def unlearnt(count: Count) -> str:
    """Return the share of decided trials that did not learn: ``12 %``."""
    return percent(count.not_learnt_rate) if count.decided else NOTHING


def others(counts: Count) -> str:
    """Return how many trials are neither stable nor failed: ``3 not learnt, 9 undecided``; empty where none is."""
    found = [(counts.not_learnt, "not learnt"), (counts.undecided, "undecided")]
    return ", ".join(f"{number} {words}" for number, words in found if number)


def needs(found: Mapping[str, int]) -> str:
    """Return what would decide trials, most of them first: ``more steps (12 trials), the rest of the log (1 trial)``."""
    by_number = sorted(NEEDS, key=lambda name: -found.get(name, 0))
    return ", ".join(f"{NEEDS[name]} ({count(found[name], 'trial')})" for name in by_number if found.get(name))


def most_needed(found: Mapping[str, int]) -> str:
    """Return what would decide most of some undecided trials: ``more steps``, ``mostly more steps``; empty without any."""
    by_number = [name for name in sorted(NEEDS, key=lambda name: -found.get(name, 0)) if found.get(name)]
    return f"{'mostly ' * (len(by_number) > 1)}{NEEDS[by_number[0]]}" if by_number else ""


def rank(ranks: tuple[int, int] | None) -> str:
    """Return ``2`` or ``1–3``; a dash for a normalizer that stands in no order."""
    if ranks is None:
        return NOTHING
    low, high = ranks
    return str(low) if low == high else f"{low}–{high}"


def tier(tiers: Sequence[int]) -> str:
    """Return ``A`` or ``A, B``: the letters of tiers, after Z two of them."""
    return ", ".join(
        (chr(ord("A") + index // 26 - 1) if index >= 26 else "") + chr(ord("A") + index % 26) for index in tiers
    )


def points(share: float) -> str:
    """Return a difference of two rates as ``−31`` or ``+8``: percentage points, with their sign."""
    value, sign = math.floor(abs(100 * share) + 0.5 + 1e-9), "−" if share < 0 else "+"
    if value == 0 and abs(share) > 1e-9:
        return f"{sign}{max(abs(100 * share), 0.001):.1g}"  # not none
    return f"{sign}{value}" if value else "0"


def change(found: Change | None) -> str:
    """Return ``−31 pp (−45 to −15)``."""
    if found is None or math.isnan(found.difference):
        return NOTHING
    return f"{points(found.difference)} pp ({points(found.low)} to {points(found.high)})"


def grounds(found: Change | None) -> str:
    """Return what a change rests on: ``Holm p = 0.012 · 4 wins, 1 tie, 0 losses``."""
    if found is None or math.isnan(found.difference):
        return ""
    settings = f"{count(found.wins, 'win')}, {count(found.ties, 'tie')}, {losses(found.losses)}"
    said = [] if found.p is None else [f"Holm {p_value(found.p)}"]
    if found.mixed or found.p is None:
        said.append("mixed" if found.mixed else "separated" if found.significant else "not separated")
    return " · ".join([*said, settings])


def losses(amount: int) -> str:
    """Return ``1 loss``, ``2 losses``."""
    return f"{amount} loss{'' if amount == 1 else 'es'}"


def factor(value: float) -> str:
    """Return ``× 1.32``."""
    return f"× {value:.2f}" if math.isfinite(value) else NOTHING


def number(value: float, digits: int = 3) -> str:
    """Return a number with three significant digits."""
    if not math.isfinite(value):
        return NOTHING
    if value == 0:
        return "0"
    if not 1e-3 <= abs(value) < 1e5:
        return f"{value:.{digits - 1}e}"
    return f"{value:.{max(0, digits - 1 - math.floor(math.log10(abs(value))))}f}"


def setting_value(value: object) -> str:
    """Return a hyperparameter's value: ``0.001``, ``yes``, ``none``, ``fid, precision``."""
    if value is None or isinstance(value, bool):
        return {None: "none", True: "yes", False: "no"}[value]
    if isinstance(value, float):
        return f"{value:.10g}"
    return ", ".join(map(setting_value, value)) if isinstance(value, list | tuple) else plain(str(value))


def natural(name: str) -> list[tuple[int, str]]:
    """Return what names are sorted by as people do: ``layer2`` before ``layer10``."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"([0-9]+)", name)]


def tick(value: float) -> str:
    """Return a round number as the label of an axis: ``0.05``, ``−2``, ``1e-6``."""
    sign = "−" if value < 0 else ""
    if value == 0 or 1e-3 <= abs(value) < 1e5:
        return f"{sign}{abs(value):.10g}"
    mantissa, exponent = f"{abs(value):.2e}".split("e")
    return f"{sign}{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"


def drawn(ends: Sequence[object]) -> str:
    """Return a value that was drawn, or the ends of a range of them: ``0.5``, ``1e-5 to 3e-4``."""
    return " to ".join(tick(value) if isinstance(value, float) else setting_value(value) for value in ends)


EFFECTS = (
    "The share of decided trials that failed, the mean over the settings in which a drawn hyperparameter has a value, or is"
    " in a range; ranges have about as many settings each. All else that was drawn varies within. The interval is for"
    " settings like these: a setting is one observation, however many seeds it has."
)

EVERY_MEASURE = (
    "What was reached, failures included: the last evaluation, its median over all trials, failed ones with their own"
    " number. It shows what failing looks like; do not rank by it. What could not be measured because a training diverged"
    " or could not run is worse than any number."
)


def quality(value: float) -> str:
    """Return a median with failures worst."""
    return HALF_FAILED if math.isinf(value) else number(value)


def mode(name: str) -> str:
    """Return a failure mode in words."""
    return name.replace("_", " ")


def both_lines(text: str, more: str) -> str:
    """Return the two lines of a cell as one."""
    return f"{text} · {more}" if more else text


def quality_title(title: str, better: str) -> str:
    """Return the head of a column of quality."""
    return f"{title} ({better} is better)"


def modes(counts: Mapping[str, int]) -> str:
    """Return ``mode collapse 12, never converged 9``, the most frequent first."""
    found = [name for name, count in counts.items() if count]
    return (
        ", ".join(f"{mode(name)} {counts[name]}" for name in sorted(found, key=lambda name: -counts[name])) or NOTHING
    )


def first_failure(step: int | None) -> str:
    """Return when a trial failed: ``step 300``, ``from the start``, ``did not run``."""
    return "did not run" if step is None else "from the start" if step == 0 else f"step {step}"


def steps(values: Sequence[int]) -> str:
    """Return at which steps trials failed, of rising ones: ``50``, ``50 to 950, half by 50``."""
    if not values:
        return NOTHING
    first, last = values[0], values[-1]
    if first == last:
        return str(first)
    return f"{first} to {last}, half by {values[(len(values) - 1) // 2]}"


def p_value(value: float) -> str:
    """Return ``p = 0.012`` or ``p < 0.001``; with so many digits that it is on its side of 0.05."""
    if value < 0.001:
        return "p < 0.001"
    shown = (f"{min(value, 1):.{digits}g}" for digits in range(2, 17))
    return f"p = {next((text for text in shown if float(text) != ALPHA or value == ALPHA), ALPHA)}"


def count(amount: int, singular: str) -> str:
    """Return ``1 trial``, ``2 trials``."""
    return f"{amount} {singular}{'' if amount == 1 else 's'}"


def listing(names: Sequence[str], last: str = "and") -> str:
    """Return ``a, b and c``."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} {last} {names[-1]}" if names else ""


def thousands(amount: int) -> str:
    """Return ``50,000``."""
    return f"{amount:,}"


def budgets(steps: Sequence[int]) -> str:
    """Return ``400 to 1,000 steps`` for rising numbers of them; ``their steps`` for none."""
    said = " to ".join(thousands(budget) for budget in dict.fromkeys((*steps[:1], *steps[-1:])))
    return f"{said or 'their'} steps"


def as_published(value: Decimal, std: Decimal | None = None) -> str:
    """Return a published number with the digits that were printed: ``23.90``, ``16.77 ± 0.04``."""
    return f"{value}" if std is None else f"{value} ± {std}"
