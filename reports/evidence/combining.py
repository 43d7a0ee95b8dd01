"""Several ledgers on one page: shards of a suite, versions of a suite, and suites that have nothing in common.

Trials pool where they are trials of one experiment: same cell, same suite seed. Everything else stands side by side.
Nothing is chosen between two that disagree: ledgers that do not fit together are refused, with the command that helps.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ganbench.harness.canonical import canonical_json, digest
from ganbench.harness.errors import InputError, UnknownNameError
from ganbench.reports.evidence import Evidence, Result
from ganbench.reports.evidence.grouping import group_cells

NAMED = ("dataset", "architecture", "normalizer")
"""What a plan's cells give a label."""


def combine(evidences: Sequence[Evidence], names: Sequence[str], baseline: str | None = None) -> Evidence:
    """Return the evidence of several ledgers as that of one; a single one as it is, but for its baseline.

    A trial that several hold with the same result counts once; in ``software`` and ``relabelled`` it counts for each.

    Args:
        evidences: At least one.
        names: What people call each of them, for messages.
        baseline: Label of the normalizer that the others are compared with, instead of the declared one.

    Raises:
        InputError: They do not fit together (another definition of instability, sequential seeds, another result of the
            same trial, other data under the same name, other baselines), or there is no such baseline.
    """
    if len(evidences) == 1:
        return _with_baseline(evidences[0], baseline)
    _refuse_other_definitions(evidences, names)
    _refuse_sequential(evidences, names)
    _refuse_other_data(evidences, names)
    labels = {kind: _labels(evidences, kind) for kind in NAMED}
    keys = _keys(evidences)
    cells = _cells(evidences, labels, keys)
    groups = group_cells(cells)
    results = _results(evidences, names, keys, {cell["id"]: cell for cell in cells})
    wanted: dict[str, int] = {}
    for evidence in evidences:
        for cell, seeds in evidence.wanted.items():
            key = keys[cell, evidence.plan["seed"]]
            wanted[key] = max(wanted.get(key, 0), seeds)
    plugins = sorted({item for evidence in evidences for item in evidence.plugins})
    software: Counter[str] = Counter()
    for evidence in evidences:
        software.update(dict(evidence.software))
    combined = Evidence(
        plan=_plan(evidences, cells),
        definition=evidences[0].definition,
        normalizers=tuple(dict.fromkeys(cell["normalizer"] for cell in cells)),
        groups=tuple(groups),
        protocols=tuple(dict.fromkeys(group.protocol for group in groups)),
        results=results,
        software=tuple(sorted(software.items(), key=lambda item: (-item[1], item[0]))),
        sources=tuple(
            sorted({*changed_sources(plugins), *(item for evidence in evidences for item in evidence.sources)})
        ),
        relabelled=sum(evidence.relabelled for evidence in evidences),
        wanted={cell["id"]: wanted[cell["id"]] for cell in cells},
        plugins=tuple(plugins),
        contents=tuple(sorted({item for evidence in evidences for item in evidence.contents})),
        left_out=_left_out(evidences),
    )
    if baseline is not None:
        return _with_baseline(combined, baseline)
    combined.plan["baseline"] = _baseline(evidences, names, labels["normalizer"])
    return combined


def _with_baseline(evidence: Evidence, baseline: str | None) -> Evidence:
    if baseline is None:
        return evidence
    if baseline not in evidence.normalizers:
        raise UnknownNameError("normalizer", baseline, evidence.normalizers)
    return replace(evidence, plan={**evidence.plan, "baseline": baseline})


# --- what does not fit together ---------------------------------------------------------------------------------------


def _refuse_other_definitions(evidences: Sequence[Evidence], names: Sequence[str]) -> None:
    versions = [evidence.definition.version for evidence in evidences]
    if len(set(versions)) > 1:
        newest = max(versions)
        told = ", ".join(f"{name} by definition {version}" for name, version in zip(names, versions, strict=True))
        again = [name for name, version in zip(names, versions, strict=True) if version != newest]
        commands = "; ".join(f"ganbench relabel {name} --definition {newest}" for name in again)
        raise InputError(
            f"trials judged by different definitions of instability cannot be compared: {told}; {commands}"
        )


def _refuse_sequential(evidences: Sequence[Evidence], names: Sequence[str]) -> None:
    """Who got more seeds, and what the looks cost, was decided from one ledger's own trials.

    With those of another it would have been decided otherwise, so neither test nor interval would be what they say.
    """
    for evidence, name in zip(evidences, names, strict=True):
        if evidence.sequential is None:
            continue
        suite = evidence.plan["suite"]
        same = all(other.plan["suite"] == suite for other in evidences)
        what = "`ganbench ledger merge` them, and report that ledger" if same else "report it alone"
        raise InputError(
            f"{name}: its seeds are sequential: how many there are was decided from the outcomes of suite {suite!r} alone,"
            f" which trials of another ledger would change; {what}"
        )


def _refuse_other_data(evidences: Sequence[Evidence], names: Sequence[str]) -> None:
    seen: dict[str, tuple[str, str]] = {}
    for evidence, name in zip(evidences, names, strict=True):
        for dataset, content in evidence.contents:
            before, where = seen.setdefault(dataset, (content, name))
            if before != content and where != name:
                raise InputError(
                    f"{name} does not belong to {where}: data set {dataset} has content {content} in the one and"
                    f" {before} in the other"
                )


def _baseline(evidences: Sequence[Evidence], names: Sequence[str], labels: Mapping[tuple[str, str], str]) -> str | None:
    """Return the baseline on which all agree that declare one."""
    declared: dict[str, str] = {}
    for evidence, name in zip(evidences, names, strict=True):
        if (chosen := evidence.plan.get("baseline")) is not None:
            found = (
                labels[_spec(cell, "normalizer")] for cell in evidence.plan["cells"] if cell["normalizer"] == chosen
            )
            declared.setdefault(next(found, chosen), name)
    if len(declared) > 1:
        told = ", ".join(f"{chosen!r} ({name})" for chosen, name in declared.items())
        raise InputError(f"the suites declare different baselines: {told}; choose one with --baseline NAME")
    return next(iter(declared), None)


# --- cells ------------------------------------------------------------------------------------------------------------


def _spec(cell: Mapping[str, Any], kind: str) -> tuple[str, str]:
    """Return what a label stands for: the plugin's canonical specification; the label itself where there is none."""
    return ("spec", canonical_json(cell["spec"][kind])) if kind in cell["spec"] else ("label", cell[kind])


def _labels(evidences: Sequence[Evidence], kind: str) -> dict[tuple[str, str], str]:
    """Return one label for each specification, and no label for two of them.

    In one suite a label says everything but the version, because all cells come from one set of plugins.
    """
    first: dict[tuple[str, str], tuple[str, Evidence, Mapping[str, Any]]] = {}
    for evidence in evidences:
        for cell in evidence.plan["cells"]:
            first.setdefault(_spec(cell, kind), (cell[kind], evidence, cell["spec"].get(kind, {})))
    by_label: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for spec, (label, _, _) in first.items():
        by_label[label].append(spec)
    labels: dict[tuple[str, str], str] = {}
    for label, specs in by_label.items():
        versions = [f"version {first[spec][2].get('version', '?')}" for spec in specs]
        suites = [str(first[spec][1].plan["suite"]) for spec in specs]
        numbers = [str(number) for number in range(1, len(specs) + 1)]
        distinct = next(words for words in (versions, suites, numbers) if len(set(words)) == len(specs))
        for spec, words in zip(specs, distinct, strict=True):
            labels[spec] = label if len(specs) == 1 else f"{label} ({words})"
    return labels


def _keys(evidences: Sequence[Evidence]) -> dict[tuple[str, int], str]:
    """Return what cells are called: by their identity, or one of that and the suite seed where a cell has several."""
    seeds: dict[str, dict[int, None]] = {}
    for evidence in evidences:
        for cell in evidence.plan["cells"]:
            seeds.setdefault(cell["id"], {})[evidence.plan["seed"]] = None
    return {
        (cell, seed): cell if len(several) == 1 else digest([cell, seed])
        for cell, several in seeds.items()
        for seed in several
    }


def _cells(
    evidences: Sequence[Evidence],
    labels: Mapping[str, Mapping[tuple[str, str], str]],
    keys: Mapping[tuple[str, int], str],
) -> list[dict[str, Any]]:
    """Return the cells of all plans, each once, with labels that hold for all of them."""
    several_seeds = len({evidence.plan["seed"] for evidence in evidences}) > 1
    origins: dict[str, list[Evidence]] = defaultdict(list)
    cells: dict[str, dict[str, Any]] = {}
    for evidence in evidences:
        for cell in evidence.plan["cells"]:
            key = keys[cell["id"], evidence.plan["seed"]]
            named = {kind: labels[kind][_spec(cell, kind)] for kind in NAMED}
            said = {"suite_seed": evidence.plan["seed"]} if several_seeds else {}
            cells.setdefault(key, {**cell, **named, **said, "id": key})
            origins[key].append(evidence)
    several = {
        item: len({canonical_json(evidence.plan[item]) for evidence in evidences}) > 1
        for item in ("suite", "version", "seed")
    }
    for key, cell in cells.items():
        cell["origin"] = [
            str(_joined(evidence.plan["suite"] for evidence in origins[key])) if several["suite"] else "",
            f"version {_joined(evidence.plan['version'] for evidence in origins[key])}" if several["version"] else "",
            f"random streams from {origins[key][0].plan['seed']}" if several["seed"] else "",
        ]
    return list(cells.values())


def _joined(values: Iterable[Any], between: str = " + ") -> Any:
    """Return what all say, as they say it, or all that they say in words."""
    distinct = list(dict.fromkeys(values))
    return distinct[0] if len(distinct) == 1 else between.join(str(value).strip() for value in distinct)


# --- trials -----------------------------------------------------------------------------------------------------------


def _results(
    evidences: Sequence[Evidence],
    names: Sequence[str],
    keys: Mapping[tuple[str, int], str],
    cells: Mapping[str, Mapping[str, Any]],
) -> dict[str, dict[int, Result]]:
    """Unite the trials of each cell.

    ``ganbench ledger merge`` keeps the first of two results of one trial and names the trial. A page has no place where
    one would see that it was so, so it is not made.
    """
    results: dict[str, dict[int, Result]] = {cell: {} for cell in cells}
    holder: dict[tuple[str, int], int] = {}
    differ: list[tuple[str, int, int, int]] = []
    for place, evidence in enumerate(evidences):
        for cell, trials in evidence.results.items():
            key = keys[cell, evidence.plan["seed"]]
            for seed, result in trials.items():
                before = results[key].setdefault(seed, result)
                first = holder.setdefault((key, seed), place)
                if before.sha256 != result.sha256:
                    differ.append((key, seed, first, place))
    if differ:
        raise InputError(_difference(evidences, names, cells, differ))
    return results


def _difference(
    evidences: Sequence[Evidence],
    names: Sequence[str],
    cells: Mapping[str, Mapping[str, Any]],
    differ: Sequence[tuple[str, int, int, int]],
) -> str:
    key, seed, first, second = differ[0]
    cell = cells[key]
    parts = (cell[item] for item in ("dataset", "architecture", "normalizer", "setting"))
    title = " · ".join(part for part in parts if part)
    more = f" (the first of {len(differ)} such trials)" if len(differ) > 1 else ""
    one, other = names[first], names[second]
    plans = (evidences[first].plan, evidences[second].plan)
    same = all(plans[0].get(item) == plans[1].get(item) for item in ("suite", "version"))
    merge = (
        f"`ganbench ledger merge {one} {other} --into NEW` keeps those of {one} and names all others, or "
        if same
        else ""
    )
    return (
        f"{title}, seed {seed}{more}: the result in {other} is not the one in {one}, though both are one trial. Another"
        " machine, device or version of torch can be why, or another definition of instability when it was run."
        f" Which of the two counts is not for a page to choose: {merge}report the two apart"
    )


def _left_out(evidences: Sequence[Evidence]) -> tuple[tuple[str, str, int], ...]:
    counts: Counter[tuple[str, str]] = Counter()
    for evidence in evidences:
        counts.update({(name, version): count for name, version, count in evidence.left_out})
    return tuple((*method, count) for method, count in sorted(counts.items()))


def changed_sources(plugins: Iterable[tuple[str, str, str, str]]) -> set[tuple[str, str]]:
    """Return the plugins whose source changed under an unchanged version: (kind, name).

    Args:
        plugins: (kind, name, version, source) of everything that took part.
    """
    sources: dict[tuple[str, str, str], set[str]] = defaultdict(set)
    for kind, name, version, source in plugins:
        sources[kind, name, version].add(source)
    return {(kind, name) for (kind, name, _), found in sources.items() if len(found) > 1}


# --- the plan ---------------------------------------------------------------------------------------------------------


def _plan(evidences: Sequence[Evidence], cells: list[dict[str, Any]]) -> dict[str, Any]:
    """Return a plan as a ledger's own, whose ``suites`` has one entry for each suite that it was made from."""
    plans = [evidence.plan for evidence in evidences]
    suites = {
        canonical_json([plan[key] for key in ("suite", "version", "hash", "seed")]): {
            key: plan[key] for key in ("suite", "version", "hash", "seed")
        }
        for plan in plans
    }
    texts = {plan.get("text", ""): f"# {plan['suite']}, version {plan['version']}\n" for plan in reversed(plans)}
    texts = {text: texts[text] for text in dict.fromkeys(plan.get("text", "") for plan in plans) if text}
    one = len(texts) == 1
    lines = {canonical_json(line): line for plan in plans for line in plan.get("forgotten", ())}
    forgotten = [lines[text] for text in sorted(lines)]
    unfit = [line for plan in plans for line in plan.get("unfit", ())]
    return {
        **{key: _joined(plan[key] for plan in plans) for key in ("suite", "version", "hash", "seed")},
        "description": _joined((text for plan in plans if (text := plan.get("description"))), "\n") or "",
        "seeds": max(int(plan["seeds"]) for plan in plans),
        "sequential": None,
        "definition": plans[0]["definition"],
        "baseline": None,
        "normalizers": {name: about for plan in plans for name, about in plan.get("normalizers", {}).items()},
        "cells": cells,
        "text": "\n".join(text if one else heading + text for text, heading in texts.items()),
        "suites": list(suites.values()),
        **({"forgotten": forgotten} if forgotten else {}),
        **({"unfit": unfit} if unfit else {}),
    }
