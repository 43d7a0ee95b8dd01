"""The statistics behind the leaderboard, one subject in each module.

Pure functions of counts and of arrays of outcomes: 1 for a failed trial, 0 for a stable one, nan for a missing one.

* ``rates``: the mean of cells' rates and its intervals, in these settings and on settings like these; those of one rate are
in ``intervals``.
* ``paired``: two normalizers on the trials that share a cell's other choices and a seed.
* ``permutation``: the sign-flip test, whose blocks are settings: for settings like these.
* ``multiplicity``: Holm's correction for many comparisons.
* ``ranks``: the ranks, and the tiers, that the corrected tests leave open.
* ``bootstrap``: the seed-blocked bootstrap of the mean rate, its differences, ranks and the chance of being best.
* ``quality``: medians, profiles and probabilities of improvement in which failures stay in.
* ``survival``: time to failure, censored at the step budget.
* ``power``: how many seeds it takes.

``docs/statistics.md`` says when each is used, why, and how often it errs.
"""

from ganbench.harness.statistics.bootstrap import MacroBootstrap, macro_bootstrap, suite_generator
from ganbench.harness.statistics.constants import ALPHA
from ganbench.harness.statistics.multiplicity import holm, least_discordant, least_discordant_each, settings_needed
from ganbench.harness.statistics.paired import RiskDifference, boschloo, mcnemar, mcnemar_many, risk_difference
from ganbench.harness.statistics.permutation import sign_flip_many
from ganbench.harness.statistics.power import (
    detectable_rate,
    discordant_chances,
    mcnemar_power,
    pairs_needed,
    power_by_settings,
    seeds_needed,
)
from ganbench.harness.statistics.quality import median_failures_worst, performance_profile
from ganbench.harness.statistics.ranks import in_order, rank_intervals, settled, tiers
from ganbench.harness.statistics.rates import mean_rate, rate_elsewhere
from ganbench.harness.statistics.survival import Survival, kaplan_meier

__all__ = [
    "ALPHA",
    "MacroBootstrap",
    "RiskDifference",
    "Survival",
    "boschloo",
    "detectable_rate",
    "discordant_chances",
    "holm",
    "in_order",
    "kaplan_meier",
    "least_discordant",
    "least_discordant_each",
    "macro_bootstrap",
    "mcnemar",
    "mcnemar_many",
    "mcnemar_power",
    "mean_rate",
    "median_failures_worst",
    "pairs_needed",
    "performance_profile",
    "power_by_settings",
    "rank_intervals",
    "rate_elsewhere",
    "risk_difference",
    "seeds_needed",
    "settings_needed",
    "settled",
    "sign_flip_many",
    "suite_generator",
    "tiers",
]
