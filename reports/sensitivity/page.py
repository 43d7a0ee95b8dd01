"""The page: how a board depends on each threshold, and what was said at half of the budget."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from ganbench.harness.errors import InputError
from ganbench.harness.ledger import read_ledger
from ganbench.harness.stability import NOT_LEARNT, UNDECIDED, load_definition
from ganbench.reports import formatting as f
from ganbench.reports.board import Board, build
from ganbench.reports.sensitivity.comparing import (
    BROKE,
    KINDS,
    LOST,
    Share,
    claims_of,
    compared,
    healed,
    kind_of,
    rank_correlation,
    transitions,
)
from ganbench.reports.sensitivity.rejudging import Judged, rejudged
from ganbench.reports.sensitivity.variants import variants

HALF = 0.5

BOUNDS = {BROKE: 0.05, LOST: 0.05, NOT_LEARNT: 0.2}
"""Of those called so at half of the budget, the largest share that may be stable at the end."""


def write_sensitivity(directories: Sequence[str], out: Path, version: int) -> list[str]:
    """Judge ledgers in many ways, and write the page.

    Args:
        directories: Ledgers: folders or addresses.
        out: The page, markdown.
        version: Of the definition.

    Returns:
        The lines of the summary over all ledgers.

    Raises:
        InputError: The definition leaves nothing undecided, so it has no such thresholds.
        LedgerError: A ledger cannot be read.
    """
    definition = load_definition(version)
    if definition.evidence is None:
        raise InputError(f"definition {version} has no undecided outcome; expected 3 or later")
    ways = list(variants(definition))
    sections: list[str] = []
    total: Counter[tuple[str, str]] = Counter()
    claims = Counter[str]()
    for directory in directories:
        judged = rejudged(read_ledger(directory), ways)
        boards = [build(one.evidence) for one in judged]
        half = next(place for place, way in enumerate(ways) if way.share == HALF)
        moved = transitions(judged[half].verdicts, judged[0].verdicts)
        early = compared(boards[half], boards[0])
        claims += Counter(half=early.own, kept=early.kept, reversed=early.reversed, full=len(claims_of(boards[0])))
        total += moved
        sections += [*_section(str(judged[0].evidence.plan["suite"]), judged, boards, moved), ""]
    summary = [*_half(total), "", _claims(claims)]
    head = [
        "# How the boards depend on thresholds and budgets",
        "",
        f"Judged by definition {version}. Each threshold is changed alone, over the values that somebody could argue for;",
        "traces are cut at a part of the budget and judged as if that were all. Written by `ganbench sensitivity`.",
        "",
        "## Half of the budget, all boards",
        "",
    ]
    out.write_text("\n".join([*head, *summary, "", *sections]), encoding="utf-8")
    return summary


def _half(found: Counter[tuple[str, str]]) -> Iterator[str]:
    present = [kind for kind in KINDS if any(kind in pair for pair in found)]
    ends = " | ".join(f"{_words(kind)} at the end" for kind in present)
    yield f"| at half of the budget | {ends} | of which stable | at most |"
    yield "|---|" + "---|" * (len(present) + 2)
    for kind in present:
        row = [str(found[kind, late]) for late in present]
        share = healed(found, [kind])
        bound = f"{BOUNDS[kind]:.0%}" if kind in BOUNDS else ""
        yield f"| {_words(kind)} | {' | '.join(row)} | {_share(share) if kind in BOUNDS else ''} | {bound} |"


def _claims(found: Counter[str]) -> str:
    return (
        f"Claims that one of two methods fails less often or learns more often: {found['half']} at half of the budget, of"
        f" which {found['kept']} are made at the end too and {found['reversed']} are reversed; {found['full']} at the end."
    )


def _section(
    suite: str, judged: Sequence[Judged], boards: Sequence[Board], moved: Counter[tuple[str, str]]
) -> list[str]:
    counts = Counter(map(kind_of, judged[0].verdicts.values()))
    said = ", ".join(f"{counts[kind]} {_words(kind)}" for kind in KINDS if counts[kind])
    lines = [f"## {f.markdown(suite)}", "", f"{sum(counts.values())} trials: {said}.", "", *_half(moved), ""]
    lines += [
        "| threshold | value | unstable | not learnt | undecided | order (tau) | claims | kept | reversed | new |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for one, board in zip(judged, boards, strict=True):
        kinds = Counter(map(kind_of, one.verdicts.values()))
        found, tau = compared(boards[0], board), rank_correlation(boards[0], board)
        lines.append(
            f"| {one.variant.what} | {one.variant.value:g} | {kinds[BROKE] + kinds[LOST]} | {kinds[NOT_LEARNT]} |"
            f" {kinds[UNDECIDED]} | {'' if math.isnan(tau) else f'{tau:.2f}'} | {found.own} | {found.kept} |"
            f" {found.reversed} | {found.new} |"
        )
    return lines


def _share(share: Share) -> str:
    low, high = share.interval
    return f"{share.count} of {share.of}" + (f" ({low:.1%} to {high:.1%})" if share.of else "")


def _words(kind: str) -> str:
    return kind.replace("_", " ")
