"""What the page needs to compare any two normalizers: outcomes seed by seed, and the sentences on pairs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ganbench.harness.stability.verdict import METHOD_ERROR, NOT_LEARNT, STABLE, UNDECIDED, UNSTABLE
from ganbench.reports import formatting as f
from ganbench.reports.board import Board
from ganbench.reports.board.pair import Pair
from ganbench.reports.evidence import Evidence, Group
from ganbench.reports.wording.matrix import OPEN, level_of
from ganbench.reports.wording.pairs import conclusion

SENTENCES = 1000
"""Pairs that are spoken of in full, the surest first. Of more, the page says the counts and whether they are separated."""

LETTERS = {UNSTABLE: "x", METHOD_ERROR: "x", STABLE: ".", NOT_LEARNT: "n", UNDECIDED: "u"}
MISSING, ABSENT = " ", ""


def comparison_data(evidence: Evidence, board: Board) -> dict[str, Any]:
    """Return JSON values: names in the order of the table, settings, and by setting and normalizer what became of seeds.

    ``outcomes[setting][normalizer]`` has a letter for each seed: ``x`` failed, ``.`` stable, ``n`` not learnt, ``u``
    undecided, a blank missing; it is empty where the plan has no such cell. The first ``ranked`` names are in the order,
    whose settings are ``order``: two of them are compared in these. ``rates[setting][normalizer]`` and
    ``quality[protocol][normalizer]`` hold the words that stand everywhere else.
    """
    names = [row.normalizer for row in board.all_rows]
    place = {name: index for index, name in enumerate(names)}
    cells = {(cell.group.title, cell.normalizer): cell for cell in board.cells}
    shown = [[cells.get((group.title, name)) for name in names] for group in evidence.groups]
    return {
        "names": [f.plain(name) for name in names],
        "settings": [f.plain(group.title) for group in evidence.groups],
        "ranked": len(board.rows),
        "order": [index for index, group in enumerate(evidence.groups) if group in board.standing.settings],
        "outcomes": [[_letters(evidence, group, name) for name in names] for group in evidence.groups],
        "rates": [[f.rate(cell.count) if cell else "" for cell in row] for row in shown],
        "protocols": [f.plain(f.quality_title(item.title, item.better)) for item in evidence.protocols],
        "quality": [[f.quality(row.quality[item].all) for row in board.all_rows] for item in evidence.protocols],
        "sentences": {
            _key(pair, place): f.html(conclusion(pair, len(board.pairs))) for pair in _spoken_of(evidence, board.pairs)
        },
        "separated": {_key(pair, place): level for pair in board.pairs if (level := level_of(pair)) != OPEN},
        "learns": {_key(pair, place): f.plain(pair.learns_more) for pair in board.pairs if pair.learns_less},
    }


def _spoken_of(evidence: Evidence, pairs: Sequence[Pair]) -> list[Pair]:
    baseline = evidence.plan.get("baseline")
    return [pair for index, pair in enumerate(pairs) if index < SENTENCES or baseline in (pair.first, pair.second)]


def _key(pair: Pair, place: dict[str, int]) -> str:
    return "-".join(str(index) for index in sorted((place[pair.first], place[pair.second])))


def _letters(evidence: Evidence, group: Group, normalizer: str) -> str:
    if normalizer not in group.cells:
        return ABSENT
    letters = {result.seed: LETTERS[result.verdict.outcome] for result in evidence.of(group, normalizer)}
    return "".join(letters.get(seed, MISSING) for seed in range(evidence.seeds))
