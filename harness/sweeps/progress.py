"""What a person sees of a sweep while it runs: a live line on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager
from types import TracebackType

from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from ganbench.harness.durations import duration
from ganbench.harness.scheduling.endings import Done, Event, Lost, Note, Retried
from ganbench.harness.sweeps.outcomes import outcomes_in_words
from ganbench.harness.sweeps.sweep import SweepReport

PLAIN_EVERY_SECONDS = 10.0


class SweepDisplay(AbstractContextManager["SweepDisplay"]):
    """Shows a sweep's progress; call it with every event.

    Args:
        console: Where to show it.

    Attributes:
        began: Whether the sweep has begun: what was wrong before that is bad input.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(console=console, refresh_per_second=4, transient=True) if console.is_terminal else None
        self._told = time.monotonic()
        self._noted: set[str] = set()
        self.began = False

    def __enter__(self) -> SweepDisplay:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def __call__(self, report: SweepReport, event: Event | None) -> None:
        """Take account of an event, None at the start."""
        self.began = True
        if event is None:
            for path in report.set_aside:
                self._console.print(f"damaged record set aside, its trial runs again: {path}", style="yellow")
            held = f", {report.before} already committed" if report.before else ""
            self._console.print(f"{report.planned} trials{held}, {report.missing} to run")
        if isinstance(event, Retried):
            self._console.print(
                f"trial {event.trial_id} lost, queued again: {event.reason}", style="yellow", markup=False
            )
        if isinstance(event, Done):
            errors = {f"the method could not run: {event.message}"} if event.message else set()
            for note in sorted((errors | set(event.notes)) - self._noted):
                self._noted.add(note)
                self._console.print(f"from trial {event.trial_id} on: {note}", style="yellow", markup=False)
        if isinstance(event, Note):
            self._console.print(event.text, style="yellow", markup=False)
        if isinstance(event, Lost):
            self._console.print(f"trial {event.trial_id} not committed: {event.reason}", style="red", markup=False)
        if self._live is not None:
            self._live.update(_bar(report))
        elif event is not None and time.monotonic() - self._told >= PLAIN_EVERY_SECONDS:
            self._told = time.monotonic()
            self._console.print(status_line(report), highlight=False, soft_wrap=True)


def status_line(report: SweepReport) -> str:
    """Return a sweep's state in one line: done, what became of those trials, rate, time left."""
    done = report.before + report.committed
    parts = [f"{done}/{report.planned} trials"]
    if report.committed:
        parts.append(f"of {report.committed} new: {outcomes_in_words(report.outcomes, report.failures)}")
    if report.committed and report.seconds > 0:
        rate = report.committed / report.seconds
        parts.append(f"{60 * rate:.0f} a minute")
        if report.missing:
            parts.append(f"{duration(report.missing / rate)} left")
    return " · ".join(parts)


def _bar(report: SweepReport) -> Table:
    grid = Table.grid(padding=(0, 1))
    done = report.before + report.committed
    grid.add_row(ProgressBar(total=max(1, report.planned), completed=done, width=30), Text(status_line(report)))
    return grid
