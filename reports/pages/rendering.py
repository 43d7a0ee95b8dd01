"""From the evidence to the text of a page. Everything from outside is escaped by the template engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

from ganbench.reports.board import Row
from ganbench.reports.board.standing import Standing
from ganbench.reports.evidence import Evidence, Group, Result
from ganbench.reports.formatting import count, first_failure, mode, number, quality_title
from ganbench.reports.pages import panels
from ganbench.reports.pages.names import STYLESHEET, cell_href, normalizer_href, seed_href, setting_href
from ganbench.reports.pages.panels import Drawn
from ganbench.reports.pages.view import Cell, Item, marks, outcome, specification
from ganbench.reports.templating import environment
from ganbench.reports.wording.failures import how, warned

if TYPE_CHECKING:
    from jinja2 import Environment

FAILURES = 200
"""A longer list of failed trials is cut; the cells' pages have all of them."""

PINNED = 256
"""So many seeds, or normalizers, of a page stand out when they are pointed at."""


@dataclass(frozen=True)
class Renderer:
    """Renders pages.

    Attributes:
        evidence: What they are about.
        rows: The leaderboard's, by normalizer.
        cells: All cells, by identity.
        shown: Addresses of the pictures of samples, by trial.
        environment: Of the templates.
    """

    evidence: Evidence
    rows: Mapping[str, Row]
    cells: Mapping[str, Cell]
    shown: Mapping[str, str]
    environment: Environment

    def cell(self, cell: Cell, drawn: Drawn) -> str:
        """Return the page of a cell."""
        charts = drawn.panels
        return self._render(
            "cell",
            cell=cell,
            count=cell.row.count,
            links={"setting": setting_href(cell.group), "normalizer": normalizer_href(cell.normalizer)},
            main=charts.main,
            pins=_pins([f"s{result.seed}" for result in cell.trials]),
            protocol=cell.group.protocol,
            samples=[self._example(role, result) for role, result in cell.examples],
            sigmas=charts.sigmas,
            specification=specification(cell.spec),
            trials="\n".join(map(_row, cell.trials)),
            variances=charts.variances,
        )

    def setting(self, group: Group, drawn: Mapping[str, Drawn]) -> str:
        """Return the page of a group of cells.

        Args:
            group: The group.
            drawn: What is drawn of its cells, by identity.
        """
        cells = [self.cells[group.cells[name]] for name in self.rows if name in group.cells]
        charts = panels.medians(group, cells, drawn)
        spec = cells[0].spec if cells else {}
        return self._render(
            "setting",
            group=group,
            main=charts.main,
            pins=_pins([f"n{cell.place}" for cell in cells]),
            protocol=group.protocol,
            rows=[
                {
                    "normalizer": cell.normalizer,
                    "place": cell.place,
                    "cell": cell_href(cell.identity),
                    "method": normalizer_href(cell.normalizer),
                    "count": cell.row.count,
                    "quality": cell.row.quality,
                }
                for cell in cells
            ],
            samples=[
                {**self._example("", cell.typical), "normalizer": cell.normalizer, "cell": cell_href(cell.identity)}
                for cell in cells
                if cell.typical is not None
            ],
            sigmas=charts.sigmas,
            specification=specification(spec, without=("normalizer",)),
            variances=charts.variances,
        )

    def stylesheet(self) -> str:
        """Return the style sheet that all pages have in common."""
        return f"{self.environment.globals['style']}\n"

    def normalizer(self, name: str, sparks: Mapping[str, str], where: Standing) -> str:
        """Return the page of a normalizer: the settings that its row speaks of, and the others below and apart.

        Args:
            name: Its label.
            sparks: Small charts of all cells, by identity.
            where: Which normalizers are in the order, and over which settings.
        """
        cells = [self.cells[group.cells[name]] for group in self.evidence.groups if name in group.cells]
        titles = {group.title for group in where.settings_of(name, self.evidence)}
        within = [cell for cell in cells if cell.group.title in titles]
        others = [cell for cell in cells if cell.group.title not in titles]
        row = self.rows[name]
        return self._render(
            "normalizer",
            about={"summary": "", "paper": ""} | self.evidence.plan.get("normalizers", {}).get(name, {}),
            baseline=name == self.evidence.plan.get("baseline"),
            parts_of_it=[self._part("", within, sparks)]
            + ([self._part("in settings that the order leaves out", others, sparks)] if others else []),
            mean_over=_mean_over(row, " of the order" if others else ""),
            place=self.evidence.normalizers.index(name),
            ranks=sum(row.rank is not None for row in self.rows.values()),
            row=row,
            specification=self._method(name, cells),
        )

    def _part(self, where: str, cells: Sequence[Cell], sparks: Mapping[str, str]) -> dict[str, Any]:
        """Return what a normalizer's page lists of some of its cells.

        Args:
            where: What their headings say of them.
            cells: The cells.
            sparks: Small charts of all cells, by identity.
        """
        trials = [(cell, result) for cell in cells for result in cell.trials]
        failed = [item for item in trials if item[1].verdict.failed]
        neither = [item for item in trials if marks(item[1])]
        return {
            "where": where,
            "protocols": self._by_protocol(cells, sparks),
            "failed": [
                {**_told(cell, result), "since": first_failure(result.verdict.failed_at)}
                for cell, result in failed[:FAILURES]
            ],
            "more": max(0, len(failed) - FAILURES),
            "neither": [{**_told(cell, result), "outcome": outcome(result)} for cell, result in neither[:FAILURES]],
            "more_neither": max(0, len(neither) - FAILURES),
            "trials": len(trials),
        }

    def _by_protocol(self, cells: Sequence[Cell], sparks: Mapping[str, str]) -> dict[str, list[dict[str, Any]]]:
        """Return the rows of a normalizer's cells, by the title of what measures their quality."""
        found: dict[str, list[dict[str, Any]]] = {}
        for cell in cells:
            protocol = cell.group.protocol
            row = {
                "title": cell.group.title,
                "href": cell_href(cell.identity),
                "count": cell.row.count,
                "quality": cell.row.quality,
                "svg": sparks[cell.identity],
            }
            found.setdefault(quality_title(protocol.title, protocol.better), []).append(row)
        return found

    def _render(self, template: str, **values: Any) -> str:
        return self.environment.get_template(f"pages/{template}.html.j2").render(values)

    def _example(self, role: str, result: Result) -> dict[str, Any]:
        shown = self.shown.get(result.trial_id)
        return {
            "role": role,
            "seed": result.seed,
            "failed": result.verdict.failed,
            "quality": number(result.quality),
            "what": outcome(result),
            "shown": shown,
            "points": shown is not None and shown.endswith(".svg"),
        }

    def _method(self, name: str, cells: Sequence[Cell]) -> list[Item]:
        """Return what is known of a normalizer: its parameters, and the source that its trials were made with."""
        spec: Mapping[str, Any] = next((cell.spec["normalizer"] for cell in cells if "normalizer" in cell.spec), {})
        items = [Item("name", str(spec.get("name", name)))]
        items += [Item(item.term, item.value) for item in specification({key: value for key, value in spec.items()
                                                                         if key != "name"})]  # fmt: skip
        wanted = "normalizer", str(spec.get("name")), str(spec.get("version", ""))
        known = [source for *plugin, source in self.evidence.plugins if tuple(plugin) == wanted]
        return items + [Item("source, hashed", source) for source in known]


def renderer(evidence: Evidence, rows: Sequence[Row], cells: Mapping[str, Cell], shown: Mapping[str, str]) -> Renderer:
    """Return what renders the pages of a leaderboard.

    Args:
        evidence: What the ledger holds.
        rows: The leaderboard's.
        cells: Of :func:`ganbench.reports.pages.view.cells_of`.
        shown: Addresses of the pictures of samples, by trial.
    """
    engine = environment("page.css")
    engine.globals |= {
        "decides_all": evidence.decides_all,
        "definition": evidence.definition.version,
        "shade": panels.shade,
        "stylesheet": STYLESHEET,
        "suite": {"suite": evidence.plan["suite"], "version": evidence.plan["version"]},
    }
    return Renderer(evidence, {row.normalizer: row for row in rows}, cells, shown, engine)


def _mean_over(row: Row, which: str) -> str:
    """Return over how many settings a rate is the mean; empty without a decided trial.

    Args:
        row: The normalizer's row.
        which: Which settings these are.
    """
    if not row.rated:
        return ""
    of_these = f"{row.rated} of " if row.rated < row.settings else ""
    without = ", as the others have no decided trial" if of_these else ""
    return f"The mean over {of_these}{count(row.settings, 'setting')}{which}{without}."


def _told(cell: Cell, result: Result) -> dict[str, Any]:
    """Return what a list of trials says of one."""
    href = seed_href(cell.identity, result.seed)
    return {"setting": cell.group.title, "seed": result.seed, "href": href, "how": how(result)}


def _pins(names: Sequence[str]) -> str:
    """Return the style that lets a seed, or a normalizer, stand out everywhere while it is pointed at in one place."""
    names = names[:PINNED]
    if not names:
        return ""
    lines = ", ".join(f"body:has(.{name}:hover, #{name}:target) .{name} path" for name in names)
    rows = ", ".join(f"body:has(.{name}:hover) tr.{name}" for name in names)
    return f"{lines} {{ --width: 2.75; --seen: 1; --still: var(--link); }}\n{rows} {{ background: var(--tint); }}\n"


def _row(result: Result) -> str:
    """Return a trial's row of the table; written here because there are a hundred thousand of them."""
    failed, seed = result.verdict.failed, result.seed
    told = "; ".join(filter(None, (how(result), warned(result))))
    words = ", ".join(mode(name) for name in result.verdict.modes) if failed else mode(result.verdict.outcome)
    since = first_failure(result.verdict.failed_at) if failed else ""
    classes = " ".join(filter(None, (f"s{seed}", "f" * failed, marks(result))))
    return (
        f'<tr id="s{seed}" class="{classes}"><td><a href="#s{seed}">{seed}</a></td>'
        f'<td class="outcome">{escape(words)}</td><td class="number">{since}</td>'
        f'<td class="words">{escape(told)}</td><td class="number">{number(result.quality)}</td>'
        f"<td><code>{escape(result.trial_id)}</code></td></tr>"
    )
