"""What a page is made from: which trials there are, and what became of each.

* ``evidence``: the words for it, without how it was read.
* ``gathering``: from a ledger; ``thinning`` keeps of each trace what a page can show.
* ``combining``: from several ledgers.
* ``from_mlflow``: from what a sync wrote to MLflow.
* ``grouping``: cells that differ in the normalizer only, with titles.
"""

from ganbench.reports.evidence.evidence import (
    D_GRADIENT,
    G_GRADIENT,
    QUALITY,
    SIGMA,
    VARIANCE,
    Curves,
    DrawnValue,
    Evidence,
    Group,
    Layout,
    QualityProtocol,
    Result,
    Series,
    lasted,
)

__all__ = [
    "D_GRADIENT",
    "G_GRADIENT",
    "QUALITY",
    "SIGMA",
    "VARIANCE",
    "Curves",
    "DrawnValue",
    "Evidence",
    "Group",
    "Layout",
    "QualityProtocol",
    "Result",
    "Series",
    "lasted",
]
