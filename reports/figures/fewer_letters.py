"""A drawing of matplotlib's in fewer letters: it looks the same, and its names meet no others on a page."""

from __future__ import annotations

import re
from html import escape

_DOCUMENT = re.compile(r"^.*?(?=<svg)", re.DOTALL)
_METADATA = re.compile(r"\s*<metadata>.*?</metadata>", re.DOTALL)
_PATH = re.compile(r' d="([^"]*)"')
_NUMBER = re.compile(r"-?\d+\.\d{2,}")
_STRAIGHT = re.compile(r"[MLz\d\s.-]+")
_TOKEN = re.compile(r"([MLz])|(-?[\d.]+)")
_PLACE = re.compile(r' (?:x|y|transform)="(?:rotate\([^"]*\)|[-\d.]+)"')
_UNTURNED = re.compile(r' transform="rotate\(-?0 [^"]*\)"')
_GROUP = re.compile(r"<g(?: [^>]*)?(?<!/)>|</g>")
_MARK = re.compile(r'<path id="([^"]*)"[^>]*? style="([^"]*)"')
_USE = re.compile(r'(<use xlink:href="#([^"]*)"[^>]*? style=")([^"]*)"')
_ID = re.compile(r' id="([^"]*)"')
_REFERENCE = re.compile(r'(url\(#|href="#)([^")]*)')
_FAMILY = re.compile(r'( style="[^"]*?); font-family: [^;"]*')
_FONT = re.compile(r"font: ([^;\"]*?)(\d+(?:\.\d+)?px)[^;\"]*")  # what matplotlib wrote before 3.11
_NOTHING = re.compile(r'<path [^>]*style="fill: none"/>')


def fitted(name: str, title: str, svg: str, font: str) -> str:
    """Return a drawing in fewer letters.

    Args:
        name: Of the drawing; its identifiers begin with it.
        title: What a screen reader says.
        svg: As matplotlib saved it.
        font: The family that its texts are set in.
    """
    svg = _METADATA.sub("", _DOCUMENT.sub("", svg))
    svg = _PATH.sub(lambda path: f' d="{_compact(path[1])}"', svg)
    svg = _PLACE.sub(lambda place: _NUMBER.sub(lambda match: _tenths(_rounded(match[0])), place[0]), svg)
    wanted = dict.fromkeys(match[2] for match in _REFERENCE.finditer(svg))
    names = {old: f"{name}-{place}" for place, old in enumerate(wanted)}
    svg = _ID.sub(lambda match: f' id="{names[match[1]]}"' if match[1] in names else "", svg)
    svg = _REFERENCE.sub(lambda match: match[1] + names[match[2]], svg)
    svg = _NOTHING.sub("", _UNTURNED.sub("", _FAMILY.sub(r"\1", svg)))
    svg = _FONT.sub(lambda match: f"font: {match[1]}{match[2]} {font}", svg)
    svg = _inherited(_ungrouped(svg)).replace("<g/>", "").replace("; text-anchor: start", "")
    svg = re.sub(r"\s*\n\s*", "\n", svg).strip()
    return svg.replace("<svg ", f'<svg role="img" aria-label="{escape(title)}" font-family="{font}" ', 1)


def _ungrouped(svg: str) -> str:
    """Return a drawing without the groups that say nothing of what is in them."""
    kept: list[bool] = []

    def one(match: re.Match[str]) -> str:
        if match[0] == "</g>":
            return match[0] if kept.pop() else ""
        kept.append(match[0] != "<g>")
        return match[0] if kept[-1] else ""

    return _GROUP.sub(one, svg)


def _inherited(svg: str) -> str:
    """Return a drawing in which a mark's places do not say again what the mark itself says."""
    own = {match[1]: {item.split(":")[0] for item in match[2].split("; ")} for match in _MARK.finditer(svg)}

    def one(match: re.Match[str]) -> str:
        said = [item for item in match[3].split("; ") if item.split(":")[0] not in own.get(match[2], ())]
        return f'{match[1]}{"; ".join(said)}"'

    return _USE.sub(one, svg)


def _compact(path: str) -> str:
    """Return a path in fewer letters: numbers of one decimal, and lines relative to where they start."""
    if not _STRAIGHT.fullmatch(path):
        return " ".join(_NUMBER.sub(lambda match: _tenths(_rounded(match[0])), path).split())
    found: list[str] = []
    numbers: list[int] = []
    command, before, start = "M", (0, 0), (0, 0)
    for letter, digits in _TOKEN.findall(path):
        if letter:
            command = letter
            if letter == "z":
                found.append("z")
                before = start
            continue
        numbers.append(_rounded(digits))
        if len(numbers) == 2:
            x, y = numbers
            found.append(f"M{_tenths(x)} {_tenths(y)}" if command == "M" else _line(x - before[0], y - before[1]))
            before, start = (x, y), (x, y) if command == "M" else start
            command = "L"  # points after a move are lines without saying so
            numbers.clear()
    return "".join(found)


def _line(across: int, down: int) -> str:
    """Return a piece of a path. Its ends are differences of rounded numbers, so that errors do not add up."""
    if not down:
        return f"h{_tenths(across)}"
    return f"v{_tenths(down)}" if not across else f"l{_tenths(across)} {_tenths(down)}"


def _rounded(number: str) -> int:
    return round(10 * float(number))


def _tenths(number: int) -> str:
    return f"{number / 10:.1f}".removesuffix(".0")
