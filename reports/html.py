"""The leaderboard as one HTML file that needs nothing else: no network, no second file."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from pathlib import Path

from reports import formatting
from reports.board import Board
from reports.evidence import Evidence
from reports.failures import failures
from reports.figures.canvas import PALETTE
from reports.figures.drawing import Drawing
from reports.measured import facts
from reports.measures import measure_tables
from reports.wording import caution, conclusion, headline, intro

TEMPLATES = Path(__file__).parent / "templates"
FAILURES = 2000
"""A longer list is cut; the ledger has the rest."""


def render(evidence: Evidence, board: Board, drawings: Sequence[Drawing]) -> str:
    """Return the page.

    Everything that comes from suites, plugins and data sets is escaped by the template engine. Should a name ever get
    through, the page's content security policy lets no script run but its own.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup, escape

    def sentence(text: str) -> Markup:
        return Markup(formatting.html(text))  # noqa: S704  escaped there

    def breakable(label: str) -> Markup:
        return Markup("_<wbr>").join(escape(label).split("_"))  # long names break where people would

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["sentence"] = sentence
    environment.filters["breakable"] = breakable
    script = (TEMPLATES / "leaderboard.js").read_text(encoding="utf-8")
    failed = failures(evidence)
    return environment.get_template("leaderboard.html.j2").render(
        board=board,
        caution=caution(evidence, board),
        conclusions=[(pair, conclusion(pair)) for pair in board.pairs],
        drawings=drawings,
        evidence=evidence,
        f=formatting,
        facts=facts(evidence, board),
        failed=failed[:FAILURES],
        failed_in_all=len(failed),
        headline=headline(evidence, board),
        intro=intro(evidence),
        measures=measure_tables(evidence, board),
        palette=PALETTE,
        places={name: place for place, name in enumerate(evidence.normalizers)},
        script=script,
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        style=(TEMPLATES / "leaderboard.css").read_text(encoding="utf-8"),
    )
