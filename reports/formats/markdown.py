"""The leaderboard as markdown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from ganbench.reports import formatting as f
from ganbench.reports.board import Board
from ganbench.reports.evidence import Evidence
from ganbench.reports.formats.effects import EffectTable, effect_table
from ganbench.reports.published.words import APART, MATCHED, Section
from ganbench.reports.wording.contents import Contents
from ganbench.reports.wording.failures import Failure
from ganbench.reports.wording.matrix import legend
from ganbench.reports.wording.measures import MeasureTable
from ganbench.reports.wording.rules import MEANINGS, Meaning

FAILURES = 6
"""A longer list is cut; the pages of the cells have the rest."""

MATRIX = 12
"""Normalizers of which the matrix of pairs fits on a page."""

CELLS = 5
"""Likewise, of each protocol; ``cells.csv`` has all of them."""


def render(contents: Contents) -> str:
    """Return the page as GitHub-flavoured markdown."""
    plan = contents.evidence.plan
    parts = [
        f"# {f.markdown(plan['suite'])}: stability leaderboard",
        f"> {f.markdown(contents.headline)}",
        f.markdown(contents.caution),
        f.markdown(contents.held),
        f.markdown(contents.seen),
        f.markdown(contents.intro),
        _leaderboard(contents),
        *_apart(contents),
        "## What the data support",
        *_support(contents),
        *_measures(contents.measures, "failed" if contents.evidence.decides_all else "failed of all"),
        "## Cell by cell",
        *_cells(contents.evidence, contents.board),
        *_effects(effect_table(contents.evidence, contents.board)),
        "## What happened, trial by trial",
        _failures(contents.failures),
        *_meanings(contents.meanings),
        *_published(contents.published),
        "## How this was measured",
        *(_fact(fact.term, fact.lines, code=fact.code) for fact in contents.facts),
        "The figures are in leaderboard.html and in figures/, the first table in leaderboard.csv, leaderboard.parquet and"
        " leaderboard.tex, all pairs in pairs.csv, all cells in cells.csv.",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _leaderboard(contents: Contents) -> str:
    shown = contents.columns
    rows = [[f.both_lines(column.text(row), column.more(row)) for column in shown] for row in contents.board.rows]
    return _table([column.title for column in shown], rows)


def _apart(contents: Contents) -> list[str]:
    if not contents.apart:
        return []
    columns = [column for column in contents.columns if column.key != "rank"]
    rows = (
        [f.both_lines(column.text(row), column.more(row)) for column in columns] + [why] for row, why in contents.apart
    )
    head = [*(column.title for column in columns), "settings"]
    return ["**Not in the order**, without a trial in each of its settings:", _table(head, rows)]


def _support(contents: Contents) -> list[str]:
    rows = contents.matrix
    if len(rows) < 2:
        return [f.markdown(contents.support) or "There is nothing to compare."]
    if len(rows) > MATRIX:
        return [f.markdown(contents.support), "All pairs are in pairs.csv, and as a matrix in leaderboard.html."]
    head = ["", *(name for name, _ in rows)]
    lines = ([name, *("" if entry is None else entry.text for entry in entries)] for name, entries in rows)
    return [f.markdown(contents.support), _table(head, lines), f.markdown(legend(rows))]


def _meanings(found: Sequence[Meaning]) -> list[str]:
    rows = ([item.outcome, item.means, item.evidence] for item in found)
    return ["## What the outcomes mean", _table(MEANINGS, rows)] if found else []


def _measures(tables: Sequence[MeasureTable], failed: str) -> list[str]:
    parts = ["## Every measure of quality", f.EVERY_MEASURE] if tables else []
    for table in tables:
        head = ["normalizer", failed, *(f.quality_title(*measure) for measure in table.measures)]
        rows = ([row.normalizer, f"{row.failed}/{row.trials}", *map(f.quality, row.medians)] for row in table.rows)
        parts += [f"**{f.markdown(table.title)}**", _table(head, rows)]
    return parts


def _cells(evidence: Evidence, board: Board) -> Iterator[str]:
    head = [
        "setting",
        "normalizer",
        "unstable / trials" if evidence.decides_all else "unstable / decided",
        "instability rate (95 %, each alone)",
        *(() if evidence.decides_all else ("not learnt, undecided",)),
        "what failed",
        "first failed at step",
    ]
    for protocol in evidence.protocols:
        cells = [cell for cell in board.cells if cell.group.protocol == protocol]
        yield _table(
            [*head, f.quality_title(protocol.title, protocol.better)],
            (
                [cell.group.title, cell.normalizer, f.of(cell.count), f.rate(cell.count),
                 *([] if evidence.decides_all else [f.others(cell.count) or f.NOTHING]), f.modes(cell.count.modes),
                 f.steps(cell.since), f.quality(cell.quality)]
                for cell in cells[:CELLS]
            ),
        )  # fmt: skip
        if len(cells) > CELLS:
            yield f"{f.count(len(cells) - CELLS, 'more cell')} in cells.csv."


def _effects(found: EffectTable | None) -> list[str]:
    return [] if found is None else ["## What failures depend on", f.EFFECTS, _table(found.heads, found.rows)]


def _failures(failed: Sequence[Failure]) -> str:
    if not failed:
        return "No trial failed."
    head = ["setting", "normalizer", "seed", "first failed", "how"]
    rows = ([item.setting, item.normalizer, str(item.seed), item.since, item.how] for item in failed[:FAILURES])
    cut = len(failed) - FAILURES
    more = f"\n\n{f.count(cut, 'more failed trial')} on the pages of their cells." if cut > 0 else ""
    summary = f"<summary>{f.count(len(failed), 'failed trial')}</summary>"
    return f"<details>\n{summary}\n\n{_table(head, rows)}{more}\n\n</details>"


def _published(found: Section) -> Iterator[str]:
    yield "## Published numbers"
    yield f.markdown(found.sentence)
    if found.matched:
        yield _table(MATCHED, found.matched)
    if found.near:
        yield _table(APART, found.near)


def _fact(term: str, lines: Sequence[str], *, code: bool) -> str:
    text = "\n".join(f"- {f.code(line) if code else f.markdown(line)}" for line in lines)
    return f"**{f.markdown(term)}**\n\n{text}"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    texts = [[cell if number == 1 else f.markdown(cell) for cell in line] for number, line in enumerate(lines)]
    return "\n".join(f"| {' | '.join(line)} |" for line in texts)
