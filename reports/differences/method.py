"""How the changes between two leaderboards were tested, in sentences."""

from __future__ import annotations

from collections.abc import Sequence

from ganbench.harness.statistics import ALPHA
from ganbench.reports.differences.comparing import Difference
from ganbench.reports.differences.rate_changes import PAIRED, RateComparison
from ganbench.reports.formatting import count, listing, percent


def method(difference: Difference) -> list[str]:
    """Return sentences; none where nothing was tested."""
    tests = {item.test for item in difference.comparisons}
    if not tests:
        return []
    lines = [f"Two-sided exact tests, corrected by Holm over {count(len(difference.comparisons), 'comparison')}."]
    lines.append(
        f"Intervals: {percent(1 - ALPHA)} for all comparisons together"
        " (Bonferroni); of whole leaderboards, for all rows of each together, as on its own page. The test decides: where"
        " no change is claimed, the interval of it is widened to contain 0, and otherwise cut there."
    )
    if any(item.uneven for item in difference.comparisons):
        lines.append(
            "Rates are means over cells. A change, as its test, is of all decided pairs (or trials) together: pooled. The"
            f" two differ where {listing(_reasons(difference.comparisons))}; where they do not lean to the same side, no"
            " change is claimed."
        )
    if any(item.undecided for item in difference.comparisons):
        lines.append(
            "Each test is taken with all undecided trials counted as failed (not learnt) and with all counted as stable"
            " (learnt), and the larger p-value counts, or 1 where the two, or the decided trials alone, disagree on the"
            " direction. Rates, and intervals of changes, are those of decided trials."
        )
    if PAIRED in tests:
        lines.append(
            "McNemar's on pairs that share the suite's seed, the seed and all but the normalizer's own specification:"
            " trials that only one of the two has are not in it."
        )
    if tests - {PAIRED}:
        lines.append("Boschloo's, or with many trials Fisher's, on trials that share nothing.")
    if difference.sequential:
        lines.append(
            "Seeds were added by what came before, which these tests do not allow for: read them as approximate."
        )
    return lines


def _reasons(compared: Sequence[RateComparison]) -> list[str]:
    """Return why changes are not the differences of their rates, of those that are not."""
    uneven = [item for item in compared if item.uneven]
    single = sum(item.single for item in uneven)
    return [
        *(["cells have unequal numbers of them"] if any(item.unequal for item in uneven) else []),
        *([f"only one trial of a pair is decided, and in its rate ({count(single, 'pair')})"] if single else []),
    ]
