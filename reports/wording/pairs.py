"""What the numbers allow one to say of two normalizers, in sentences."""

from __future__ import annotations

import math
from itertools import pairwise

from ganbench.harness.statistics import settings_needed
from ganbench.reports.board.pair import Pair, Tested
from ganbench.reports.formatting import count, listing, named, p_value, thousands

FAR = 1000
"""Seeds in each setting; of more, no number is said."""


def conclusion(pair: Pair, pairs: int) -> str:
    """Say what a comparison of two normalizers supports, and on which level.

    Args:
        pair: The two.
        pairs: How many pairs all claims were corrected for.
    """
    return " ".join(filter(None, (_of_the_two(pair, pairs), by_others(pair))))


def _of_the_two(pair: Pair, pairs: int) -> str:
    first, second = named(pair.first), named(pair.second)
    if not pair.shared:
        if pair.undecided:
            return (
                f"{first} and {second} share no trials that are decided: of {count(pair.undecided, 'pair')} one or both"
                " are undecided."
            )
        return f"{first} and {second} share no trials."
    learning = _of_learning(pair)
    if learning and not pair.failing.here:
        return f"{learning} How often they failed leaves open which is more stable."
    return " ".join(filter(None, (_of_failing(pair, pairs), learning)))


def by_others(pair: Pair) -> str:
    """Say why ranks, or the order, say otherwise of two than what is claimed of them; empty where they do not."""
    if pair.circle:
        return (
            f"In the circle {listing([named(name) for name in pair.circle])} each failed significantly less often than the"
            " next, or learns significantly more often, and so did the last one than the first: no order agrees with all"
            " of that."
        )
    if not pair.chain:
        return ""
    steps = listing([f"{named(above)} is above {named(below)}" for above, below in pairwise(pair.chain)])
    same = ", which learns significantly more often" if pair.contradicted else " all the same"
    return f"Ranks put {named(pair.chain[0])} above {named(pair.chain[-1])}{same}, as {steps}."


def _of_failing(pair: Pair, pairs: int) -> str:
    """Say what a comparison of how often two normalizers fail supports."""
    first, second, better, worse = (named(name) for name in (pair.first, pair.second, pair.better, pair.worse))
    found = (
        f"of {count(pair.shared, _shared(pair))} only {first} failed in {pair.only_first} and only {second} in"
        f" {pair.only_second}"
    )
    if pair.mixed:
        return (
            f"{better} fails less often than {worse}, but learns less often, so neither counts as the more stable: {found}"
            f" ({_grounds(pair.failing)}){_both_ways(pair, pair.failing, 'failed', 'stable')}."
        )
    if not pair.significant:
        lacking = f"Not enough {'decided trials' if pair.undecided else 'seeds'} to separate {first} and {second}"
        if pair.failing.test is not None:
            return f"{lacking}: {found}, and the {pair.failing.test} test makes no claim."
        return f"{lacking}: {found} (Holm {p_value(pair.failing.holm_p)}){_outlook(pair)}.{_disagreement(pair)}"
    alone = {pair.first: pair.only_first, pair.second: pair.only_second}
    return (
        f"In these settings {better} failed significantly less often than {worse}: of"
        f" {count(pair.shared, _shared(pair))}, only {worse} failed in {alone[pair.worse]} and only {better} in"
        f" {alone[pair.better]} ({_grounds(pair.failing)}){_both_ways(pair, pair.failing, 'failed', 'stable')}."
        f" {_elsewhere(pair.failing, pairs)}{_disagreement(pair)}"
    )


def _elsewhere(tested: Tested, pairs: int) -> str:
    """Say whether what holds in these settings holds on settings like these."""
    blocks = "one setting as block" if tested.settings == 1 else f"{tested.settings} settings as blocks"
    grounds = f"{blocks}, Holm {p_value(tested.settings_holm_p)}"
    if tested.elsewhere:
        return f"So it does on settings like these ({grounds})."
    needed = settings_needed(pairs)
    least = f"; no claim is possible with fewer than {needed}" if tested.settings < needed else ""
    return f"On settings like these it is open ({grounds}{least})."


def _of_learning(pair: Pair) -> str:
    """Say which of two normalizers learns significantly more often; empty where neither does."""
    less, more = pair.learns_less, pair.learns_more
    if not less:
        return ""
    alone = {pair.first: pair.unlearnt_first, pair.second: pair.unlearnt_second}
    return (
        f"In these settings {named(more)} has significantly fewer trials that did not learn than {named(less)}: of the"
        f" {_shared(pair)}s only {named(less)} did not learn in {alone[less]} and only {named(more)} in {alone[more]}"
        f" ({_grounds(pair.learning)}){_both_ways(pair, pair.learning, 'not learnt', 'learnt')}."
    )


def _shared(pair: Pair) -> str:
    return "decided pair" if pair.undecided else "shared pair"


def _grounds(tested: Tested) -> str:
    if tested.test is None:
        return f"Holm {p_value(tested.holm_p)}"
    return f"{tested.test} test, decided with {count(tested.separated or 0, 'seed')}"


def _both_ways(pair: Pair, tested: Tested, has: str, lacks: str) -> str:
    """Say how a claim holds whichever way undecided trials are counted; empty where none is undecided."""
    if not pair.undecided:
        return ""
    as_has, as_lacks = (f"in {more} and {less}" for more, less in tested.ways)
    return (
        f"; of all {pair.shared + pair.undecided} pairs {as_has} if the undecided trials of both count as {has}, and"
        f" {as_lacks} if they count as {lacks}"
    )


def _outlook(pair: Pair) -> str:
    """Say what it would take to separate the two."""
    if pair.undecided:
        return f"; {count(pair.undecided, 'more pair')} {'has' if pair.undecided == 1 else 'have'} an undecided trial"
    few = pair.only_first + pair.only_second < pair.needed
    least = f"; fewer than {count(pair.needed, 'such pair')} cannot claim anything" if few else ""
    if not math.isfinite(pair.enough):
        return f"{least}; they failed equally often"
    seeds = seeds_to_separate(pair) or 0
    many = f"more than {thousands(FAR)} seeds" if seeds > FAR else f"about {count(seeds, 'seed')}"
    return f"{least}; if that went on, {many} in each setting would"


def seeds_to_separate(pair: Pair) -> int | None:
    """Return about how many seeds in each setting would separate the two, if discordant pairs went on as they came.

    No fewer than bring as many discordant pairs as any claim needs: of few pairs the approximation would promise more.
    None where they failed equally often, or share no pairs; and where trials are undecided, which may be what is missing.
    """
    if pair.undecided or not math.isfinite(pair.enough):
        return None
    least = pair.needed * pair.shared / (pair.only_first + pair.only_second)
    return math.ceil(max(pair.enough, least) / max(1, pair.groups_first + pair.groups_second + pair.groups_level))


def _disagreement(pair: Pair) -> str:
    """Say in how many settings each failed less often, where settings disagree."""
    if not (pair.groups_first and pair.groups_second):
        return ""
    return (
        f" The settings disagree: {named(pair.first)} failed less often in {pair.groups_second}, {named(pair.second)} in"
        f" {pair.groups_first}."
    )
