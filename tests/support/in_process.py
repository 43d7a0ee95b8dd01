"""The command in the tests' own process, which saves the seconds that a new one needs for its imports."""

from __future__ import annotations

from pathlib import Path

from click.testing import Result
from typer.testing import CliRunner

from ganbench.harness.cli import app
from ganbench.harness.errors import GanbenchError


def ganbench_here(*arguments: str | Path) -> Result:
    """Run the command; what it raises on purpose is in ``exception``, and anything else is raised here too."""
    result = any_ending(*arguments)
    if result.exception is not None and not isinstance(result.exception, GanbenchError | SystemExit):
        raise result.exception
    return result


def any_ending(*arguments: str | Path) -> Result:
    """Run the command, and return what it raised, whatever that was; but a module that is absent is no ending."""
    result = CliRunner(env={"COLUMNS": "200"}).invoke(app, [str(argument) for argument in arguments])
    if isinstance(result.exception, ImportError):
        raise result.exception
    return result


def printed(result: Result) -> str:
    """Return all that a user would have read."""
    told = str(result.exception) if isinstance(result.exception, GanbenchError) else ""
    return f"{result.output}\n{told}"
