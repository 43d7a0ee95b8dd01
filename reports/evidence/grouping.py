"""From a plan's cells to groups of cells that differ in the normalizer only, with titles that tell them apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from ganbench.harness.canonical import canonical_json
from ganbench.harness.errors import LedgerError
from ganbench.harness.planning.draws import Between, declared, value_at
from ganbench.reports.evidence import DrawnValue, Group, QualityProtocol


def group_cells(cells: Iterable[Mapping[str, Any]]) -> list[Group]:
    """Put cells together whose specifications differ in the normalizer only.

    Args:
        cells: Of a plan. Those of several (``ganbench.reports.evidence.combining``) may say under ``origin`` what tells
        their suite
            from the others, the nearest first, and under ``suite_seed`` where their random streams come from.
    """
    members: dict[str, list[Mapping[str, Any]]] = {}
    for cell in cells:
        rest = {key: value for key, value in cell["spec"].items() if key != "normalizer"}
        # Seeds of the same number are no pair where they come from other suite seeds.
        members.setdefault(canonical_json([rest, cell.get("suite_seed")]), []).append(cell)
    first = [group[0] for group in members.values()]
    protocols = _protocols(first)
    titles = _unique(
        [
            *(cell["dataset"], cell["setting"] or cell["architecture"], *cell.get("origin", [])[:1]),
            *(cell["architecture"], _batch(cell), *cell.get("origin", [])[1:]),
        ]
        for cell in first
    )
    return [
        Group(
            dataset=cell["dataset"],
            architecture=cell["architecture"],
            setting=cell["setting"],
            title=title,
            protocol=protocol,
            cells={item["normalizer"]: item["id"] for item in group},
            drawn=_drawn(cell),
        )
        for group, cell, title, protocol in zip(members.values(), first, titles, protocols, strict=True)
    ]


def _drawn(cell: Mapping[str, Any]) -> dict[str, DrawnValue]:
    """Return what the suite drew of a cell's setting. The values are the specification's, whatever else a plan says."""
    found, problems = declared(cell.get("drawn", {}), {})
    drawn = {}
    for key, item in sorted(found.items()):
        try:
            drawn[key] = DrawnValue(item, value_at(cell["spec"], key))
        except KeyError:
            problems[key] = "is not in the specification"
            continue
        if isinstance(item, Between) and not isinstance(drawn[key].value, int | float):
            problems[key] = f"expected a number, found {drawn[key].value!r}"
    for key, text in problems.items():
        raise LedgerError(f"the plan's cell {cell['id']}: drawn.{key}: {text}")
    return drawn


def _batch(cell: Mapping[str, Any]) -> str:
    return f"{cell['spec'].get('steps', '?')} steps"


def _protocols(cells: list[Mapping[str, Any]]) -> list[QualityProtocol]:
    """Return each cell's protocol. The metric's whole specification tells protocols apart, not only its name."""
    keys = []
    for cell in cells:
        measure = cell["measures"][0] if cell["measures"] else {"key": "", "better": "lower"}
        metric = cell["spec"].get("metric", {})
        parameters = ", ".join(f"{key}={value}" for key, value in metric.items() if key not in ("name", "version"))
        measures = tuple((item["key"], item["better"]) for item in cell["measures"])
        keys.append((cell["dataset"], measure["key"], measure["better"], canonical_json(metric), parameters, measures))
    distinct = list(dict.fromkeys(keys))
    titles = dict(zip(distinct, _unique([key[0], key[1], key[4]] for key in distinct), strict=True))
    return [QualityProtocol(key[0], key[1], key[2], titles[key], key[5]) for key in keys]


def _unique(names: Iterable[list[str]]) -> list[str]:
    """Join the first two parts of each name, and more of them where that is not unique; a number if nothing helps."""
    rows = list(names)
    for length in range(2, max((len(row) for row in rows), default=2) + 1):
        titles = [" · ".join(dict.fromkeys(part for part in row[:length] if part)) for row in rows]
        if len(set(titles)) == len(titles):
            return titles
    seen: Counter[str] = Counter()
    for index, title in enumerate(titles):
        seen[title] += 1
        titles[index] = title if seen[title] == 1 else f"{title} · {seen[title]}"
    return titles
