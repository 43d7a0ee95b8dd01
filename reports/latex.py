"""The main table for a paper: LaTeX with booktabs."""

from __future__ import annotations

from reports import formatting as f
from reports.board import Board
from reports.columns import columns
from reports.evidence import Evidence
from reports.wording import intro

LEFT_OUT = ("modes", "cost")
"""Columns that are too wide for a page, or about our machines."""


def render(evidence: Evidence, board: Board) -> str:
    """Return ``leaderboard.tex``: a ``table*`` to be read in with LaTeX's "input"; needs the package booktabs."""
    shown = [column for column in columns(evidence, board) if column.key not in LEFT_OUT]
    head = " & ".join(f.latex(column.title) for column in shown)
    rows = [" & ".join(f.latex(column.text(row)) for column in shown) + r" \\" for row in board.rows]
    plan = evidence.plan
    caption = f"Instability of GAN training on suite {plan['suite']}, version {plan['version']}. {intro(evidence)}"
    return "\n".join([
        "% Needs \\usepackage{booktabs}. Made by ganbench report; not edited by hand.",
        f"% ledger sha256 {evidence.hash()}",
        r"\begin{table*}",
        r"\centering",
        rf"\caption{{{f.latex(caption)}}}",
        r"\label{tab:instability}",
        rf"\begin{{tabular}}{{{'l' * len(shown)}}}",
        r"\toprule",
        rf"{head} \\",
        r"\midrule",
        *rows,
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table*}",
        "",
    ])  # fmt: skip
