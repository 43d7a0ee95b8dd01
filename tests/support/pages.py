"""What a reader would make of a page, without a browser."""

from __future__ import annotations

from collections import defaultdict
from html.parser import HTMLParser

from markdown_it import MarkdownIt


class Page(HTMLParser):
    """What a browser would make of an HTML page: its elements, its text, and the text of its tables' cells by table.

    Attributes:
        elements: (name, attributes) of each.
        tables: Of each table, by its id, its rows of cells' texts; small print is after a bar: ``"0 %|0/16 trials"``.
        text: All of it.
    """

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.tables: dict[str, list[list[str]]] = defaultdict(list)
        self.text = ""
        self._table = ""
        self._cell = False
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag == "table":
            self._table = dict(attrs).get("id") or ""
        if tag == "tr":
            self.tables[self._table].append([])
        if tag in ("td", "th"):
            self.tables[self._table][-1].append("")
            self._cell = True
        if tag == "small" and self._cell:
            self.tables[self._table][-1][-1] += "|"

    def handle_endtag(self, tag):
        if tag in ("td", "th"):
            self._cell = False

    def handle_data(self, data):
        data = data.replace("\u00a0", " ").replace("\u2060", "")
        self.text += data
        if self._cell:
            self.tables[self._table][-1][-1] += data

    def count(self, tag):
        return sum(tag == name for name, _ in self.elements)


def markdown_tokens(text):
    return MarkdownIt("commonmark").enable("table").parse(text)


def markdown_tables(text):
    """Return the tables of a markdown page, each a list of rows of cells' texts."""
    found = []
    for token in markdown_tokens(text):
        if token.type == "table_open":
            found.append([])
        if token.type == "tr_open":
            found[-1].append([])
        if token.type == "inline" and found and token.level >= 4:
            found[-1][-1].append("".join(child.content for child in token.children))
    return found


def latex_rows(text):
    """Return the rows of a LaTeX table as it stands, between its rules."""
    body = text.split("\\midrule\n")[1].split("\\bottomrule")[0]
    return [line.removesuffix(r" \\").split(" & ") for line in body.strip().splitlines()]
