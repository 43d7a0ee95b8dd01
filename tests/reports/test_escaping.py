"""Names from suites, plugins and data sets are text, whatever they hold, and the layout holds."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pages import Page, markdown_tables, markdown_tokens

from ganbench.reports import leaderboard

NASTY = "<script>alert(1)</script>|`\"'$x$_*[a](javascript:b)&amp;\\ @me https://x.y <img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def nasty(shared):
    points = (NASTY, NASTY, {"name": NASTY}, [(NASTY, "higher")])

    def change(record):
        return replace(record, provenance={**record.provenance, "device": NASTY})

    ledger = shared(
        {NASTY: ("..x.",), "b\n\n# b": ("dxe.",)},
        settings=((NASTY, points),),
        suite=NASTY,
        description=NASTY,
        message=NASTY,
        layers=(NASTY, "last"),
        change=change,
    )
    return leaderboard(ledger)


def test_names_with_markup_are_escaped_everywhere_in_html(nasty):
    text = nasty.html()
    page = Page(text)
    assert [attributes.get("type") for name, attributes in page.elements if name == "script"] == [
        None,
        "application/json",
        None,
    ]
    assert page.count("img") == 0
    assert not [name for _, attributes in page.elements for name in attributes if name.startswith("on")]
    assert not [attributes for _, attributes in page.elements if "javascript:" in (attributes.get("href") or "")]
    for name, rows in page.tables.items():
        assert len({len(row) for row in rows}) == 1, name  # the layout holds
    assert NASTY in [row[1].strip() for row in page.tables["leaderboard"]]
    reasons = {row[-1].strip().partition(":")[0] for row in page.tables["trials"] if NASTY in row[-1]}
    assert reasons == {"exploding gradient", "method error"}  # a layer's name, and what an error said
    assert text.count("<svg") == page.count("svg") == text.count("</svg>")


def test_names_with_markup_are_escaped_everywhere_in_markdown(nasty):
    text = nasty.markdown()
    tokens = markdown_tokens(text)
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
    for rows in markdown_tables(text):
        assert len({len(row) for row in rows}) == 1
    assert NASTY in [row[1] for row in markdown_tables(text)[0]]
    assert sum(token.type == "heading_open" for token in tokens) == 6  # no name made another one


def test_names_with_markup_are_escaped_everywhere_in_latex(nasty):
    text = nasty.latex()
    for line in text.splitlines():
        bare = line.replace("\\\\", "").replace("\\{", "").replace("\\}", "")
        assert bare.count("{") == bare.count("}"), line
    assert "$x$" not in text
    assert "\\textless{}script\\textgreater{}" in text
    rows = [line for line in text.splitlines() if line.endswith(r"\\")]
    assert len({line.replace(r"\&", "").count("&") for line in rows}) == 1


def test_no_name_ends_the_script_that_holds_the_data(ledgers):
    name = "</script><script>alert(1)</script><!--"
    page = Page(leaderboard(ledgers({name: ("..c.",), "b": ("cc..",)})).html())
    assert page.count("script") == 3
