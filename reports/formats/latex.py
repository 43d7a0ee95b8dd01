"""The main table for a paper: LaTeX with booktabs."""

from __future__ import annotations

import textwrap

from ganbench.reports import formatting as f
from ganbench.reports.wording.contents import Contents

LEFT_OUT = ("modes", "cost")
"""Columns that are too wide for a page, or about our machines."""

HEAD = 16

APART = "Not in the order, without a trial in each of its settings:"


def render(contents: Contents) -> str:
    """Return ``leaderboard.tex``: a ``table*`` to be read in with LaTeX's "input"; needs the package booktabs."""
    shown = [column for column in contents.columns if column.key not in LEFT_OUT]
    head = " & ".join(_stacked(column.title) for column in shown)
    rows, apart = (
        [" & ".join(f.latex(column.text(row)) for column in shown) + r" \\" for row in some]
        for some in (contents.board.rows, contents.board.apart)
    )
    plan = contents.evidence.plan
    caption = f"Instability of GAN training on suite {plan['suite']}, version {plan['version']}. {contents.intro}"
    caption += f" {contents.short_caution}" * bool(contents.short_caution)
    return "\n".join([
        "% Needs \\usepackage{booktabs}. Made by ganbench report; not edited by hand.",
        f"% ledger sha256 {contents.evidence.hash()}",
        r"\begin{table*}",
        r"\centering\footnotesize\setlength{\tabcolsep}{4pt}",
        rf"\caption{{{f.latex(caption)}}}",
        r"\label{tab:instability}",
        rf"\begin{{tabular}}{{{'l' * len(shown)}}}",
        r"\toprule",
        rf"{head} \\",
        r"\midrule",
        *rows,
        *([r"\midrule", rf"\multicolumn{{{len(shown)}}}{{l}}{{{f.latex(APART)}}} \\", *apart] if apart else []),
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table*}",
        "",
    ])  # fmt: skip


def _stacked(title: str) -> str:
    """Return a head that is no wider than it must be: in lines of :data:`HEAD` characters, if its words allow."""
    lines = textwrap.wrap(f.plain(title).replace(" · ", " "), HEAD, break_long_words=False, break_on_hyphens=False)
    if len(lines) < 2:
        return f.latex(title)
    return "\\shortstack[l]{" + r" \\ ".join(f.latex(line) for line in lines) + "}"
