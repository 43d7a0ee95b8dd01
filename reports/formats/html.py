"""The leaderboard as one HTML file that needs nothing else: no network, no second file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from ganbench.reports.figures.canvas import PALETTE
from ganbench.reports.figures.drawing import Drawing
from ganbench.reports.formats.comparison_data import comparison_data
from ganbench.reports.formats.effects import effect_table
from ganbench.reports.formats.heat import heat
from ganbench.reports.pages.names import cell_href, normalizer_href, setting_href
from ganbench.reports.published.words import APART, MATCHED
from ganbench.reports.templating import environment, script_hash, template_text
from ganbench.reports.wording.contents import Contents
from ganbench.reports.wording.matrix import legend
from ganbench.reports.wording.rules import MEANINGS

SCRIPTS = ("sort", "theme", "heat", "compare", "print")
FAILING = 200
"""Cells in which a trial failed; of more, the page shows the first."""

FAILURES = 300
"""A longer list is cut; the pages of the cells have the rest."""


def render(contents: Contents, drawings: Sequence[Drawing]) -> str:
    """Return the page.

    Everything that comes from suites, plugins and data sets is escaped by the template engine. Should a name ever get
    through, the page's content security policy lets no script run but its own.
    """
    script = "\n".join(template_text(f"scripts/{name}.js") for name in SCRIPTS)
    evidence, board = contents.evidence, contents.board
    places_in_table = {row.normalizer: place for place, row in enumerate(board.all_rows)}
    return (
        environment("leaderboard.css")
        .get_template("leaderboard.html.j2")
        .render(
            board=board,
            caution=contents.caution,
            columns=contents.columns,
            apart=contents.apart,
            matrix=contents.matrix,
            legend=legend(contents.matrix),
            support=contents.support,
            data=_embedded(comparison_data(evidence, board)),
            held=contents.held,
            drawings=[drawing for drawing in drawings if drawing.parts and drawing.on_page],
            effects=next((drawing for drawing in drawings if drawing.name == "effects"), None),
            effect_table=effect_table(evidence, board),
            evidence=evidence,
            failing=sorted(
                (cell for cell in board.cells if cell.count.unstable),
                key=lambda cell: (places_in_table[cell.normalizer], -cell.count.rate),
            ),
            FAILING=FAILING,
            facts=contents.facts,
            failed=contents.failures[:FAILURES],
            failed_in_all=len(contents.failures),
            heat=heat(evidence, board),
            headline=contents.headline,
            intro=contents.intro,
            modes=[mode for mode in evidence.modes if any(cell.count.modes[mode] for cell in board.cells)],
            meanings=[(item.outcome, item.means, item.evidence) for item in contents.meanings],
            meanings_heads=MEANINGS,
            seen=contents.seen,
            measures=contents.measures,
            cell_href=cell_href,
            normalizer_href=normalizer_href,
            setting_href=setting_href,
            palette=PALETTE,
            places={name: place for place, name in enumerate(evidence.normalizers)},
            published=contents.published,
            published_heads=(MATCHED, APART),
            script=script,
            script_hash=script_hash(script),
        )
    )


def _embedded(data: Mapping[str, Any]) -> str:
    """Return JSON that may stand inside a script element: nothing in it can end the element or begin a comment."""
    return json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
