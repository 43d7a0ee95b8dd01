"""Whether a page's claims hold when its trials are judged in another way: at half of the budget, by other thresholds."""

from __future__ import annotations

from collections.abc import Sequence

from ganbench.harness.ledger import Ledger
from ganbench.reports.board import Board, build
from ganbench.reports.evidence import Evidence
from ganbench.reports.evidence.combining import combine
from ganbench.reports.formatting import count, listing, named, thousands
from ganbench.reports.sensitivity.comparing import ELSEWHERE, Claim, claims_of, claims_on_levels
from ganbench.reports.sensitivity.rejudging import rejudged
from ganbench.reports.sensitivity.variants import Variant, variants

MOST = 5000
"""Trials that are judged again for a page; of more, ``ganbench sensitivity`` says it."""

NAMED = 4
"""Reversed claims that are named."""


def doubts(
    ledgers: Sequence[Ledger], names: Sequence[str], evidence: Evidence, board: Board
) -> tuple[str, frozenset[Claim]]:
    """Say which claims another way to judge reverses, and how many every way makes; empty without claims.

    Args:
        ledgers: What the page is made from.
        names: What they are called.
        evidence: Their trials.
        board: The numbers.

    Returns:
        The sentence, and the claims that are reversed.

    Raises:
        LedgerError: A record is damaged.
    """
    own = claims_on_levels(board)
    if not own:
        return "", frozenset()
    if evidence.committed > MOST:
        return (
            f"Claims were not judged in other ways, as there are more than {thousands(MOST)} trials: `ganbench sensitivity`"
            " says what half of the budget and other thresholds change."
        ), frozenset()
    ways = _ways(evidence)
    judged = zip(*(rejudged(ledger, ways) for ledger in ledgers), strict=True)
    kept, reversed_, said = set(own), set[Claim](), list[str]()
    for way, found in zip(ways[1:], list(judged)[1:], strict=True):
        claims = claims_on_levels(
            build(combine([one.evidence for one in found], list(names), evidence.plan.get("baseline")))
        )
        kept &= claims
        turned = [claim for claim in sorted(claims_of(board)) if _opposite(claim) in claims]
        reversed_.update(turned)
        said += [f"{_said(claim)} {_way(way)}" for claim in turned]
    alone = f" and with each threshold changed alone ({count(len(ways) - 1, 'way')} to judge)" if len(ways) > 2 else ""
    tried = f"at half of the budget{alone}"
    if not reversed_:
        return (
            f"Judged {tried}, no claim is reversed, and {_levels(own, kept)} made {'by all' if alone else 'then, too'}."
        ), frozenset()
    more = [count(len(said) - NAMED, "other")] if len(said) > NAMED else []
    named_claims = listing([*said[:NAMED], *more])
    return f"Not to be relied on: judged {tried}, these claims are reversed: {named_claims}.", frozenset(reversed_)


def _ways(evidence: Evidence) -> list[Variant]:
    """Return the definition itself, half of the budget, and, where it leaves trials undecided, other thresholds."""
    definition = evidence.definition
    if definition.evidence is None:
        return [Variant("budget", 1.0, definition), Variant("budget", 0.5, definition, 0.5)]
    return [way for way in variants(definition) if way.share in (0.5, 1.0)]


def _levels(own: set[Claim], kept: set[Claim]) -> str:
    """Say how many claims are made by all ways, and of those on settings like these how many on that level."""
    here, elsewhere = (
        [len([claim for claim in found if (claim[0] == ELSEWHERE) == level]) for found in (kept, own)]
        for level in (False, True)
    )
    told = f"{here[0]} of {here[1]}"
    return (
        f"{told}, and on settings like these {elsewhere[0]} of {elsewhere[1]}, are" if elsewhere[1] else f"{told} are"
    )


def _said(claim: Claim) -> str:
    what, better, worse = claim
    return f"{named(better)} {what} often than {named(worse)}"


def _opposite(claim: Claim) -> Claim:
    what, better, worse = claim
    return what, worse, better


def _way(way: Variant) -> str:
    return "at half of the budget" if way.share < 1 else f"with {way.what} {way.value:g}"
