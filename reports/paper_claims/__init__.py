"""Verdicts on published claims, by rules that were committed before they were applied.

* ``rules-2.md``, ``rules``: what is measured, where, and what makes the verdict; quoted on the page. ``rules-1.md`` is what
  they were before.
* ``cases``: a suite's trials. ``measures``: what is measured of one. ``looks``: by which tails, and who had settled.
* ``effects``: comparisons with their intervals and tests. ``reading``: from effects to a verdict.
* ``claims``: the rules, applied; one claim in each module.
* ``page``: all of it in markdown. ``publish``: from ledgers to files.
"""

from ganbench.reports.paper_claims.publish import write_findings

__all__ = ["write_findings"]
