"""The command in the tests' own process, which saves the seconds that a new one needs for its imports."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from contextlib import chdir
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from ganbench.harness.cli import app, main
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


@pytest.fixture
def ganbench_inside(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., subprocess.CompletedProcess[str]]:
    """The fixture ``ganbench`` without a process: for modules that set it in that one's place."""
    monkeypatch.setenv("COLUMNS", "200")

    def command(*arguments: str | Path, cwd: Path = tmp_path) -> subprocess.CompletedProcess[str]:
        told = ["ganbench", *map(str, arguments)]
        monkeypatch.setattr(sys, "argv", told)
        capfd.readouterr()
        code = 0
        with chdir(cwd):
            try:
                main()
            except SystemExit as end:
                code = int(end.code or 0)
        return subprocess.CompletedProcess(told, code, *capfd.readouterr())

    return command
