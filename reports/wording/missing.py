"""What is missing, and which claims it could take back."""

from __future__ import annotations

from ganbench.reports.board import Board
from ganbench.reports.evidence import Evidence
from ganbench.reports.formatting import count, listing, named

NAMED = 6
"""Claims that are named."""


def caution(evidence: Evidence, board: Board) -> str:
    """Say how many trials are missing, and which claims that could take back; empty when nothing is missing."""
    text = _missing(evidence)
    if not text or not _claims(board):
        return text
    if evidence.empty:
        have = "has" if evidence.empty == 1 else "have"
        return (
            f"{text} {count(evidence.empty, 'cell')} {have} no trial yet: the order and its settings may change, and with"
            " them every claim below."
        )
    turned = may_turn(board)
    if not turned:
        them = "it" if evidence.planned - evidence.committed == 1 else "them"
        return f"{text} Whatever became of {them}, the claims below hold."
    shown = [*turned[:NAMED], *([count(len(turned) - NAMED, "other")] if len(turned) > NAMED else [])]
    return (
        f"{text} A trial can be missing because of what became of it. If it went badly for the better one and well for the"
        f" other one, of these or of pairs that they are corrected for, these claims might not hold: {listing(shown)}."
    )


def in_short(evidence: Evidence, board: Board) -> str:
    """Say in two sentences at most how many trials are missing, and whether they could take back claims."""
    text = _missing(evidence)
    turns = text and _claims(board) and (evidence.empty or may_turn(board))
    return f"{text} Missing trials could take back claims, and move ranks." if turns else text


def _missing(evidence: Evidence) -> str:
    missing = evidence.planned - evidence.committed
    are = "is" if missing == 1 else "are"
    planned = count(evidence.planned, "planned trial")
    return "" if evidence.complete else f"Provisional: {missing} of {planned} {are} missing."


def _claims(board: Board) -> bool:
    return any(pair.significant or pair.learns_less for pair in board.pairs)


def may_turn(board: Board) -> list[str]:
    """Return the claims that missing trials could take back, if the settings of the order stay what they are."""
    return [
        f"{named(pair.better)} over {named(pair.worse)}"
        for pair in board.pairs
        if pair.significant and pair.failing.turns
    ] + [
        f"{named(pair.learns_more)} over {named(pair.learns_less)} in learning"
        for pair in board.pairs
        if pair.learns_less and pair.learning.turns
    ]
