"""Where in its author's own code an error came about: the line that the author of a plugin must look at.

The innermost line of a traceback is often torch's, pydantic's or ours; the one that helps is the innermost of the plugin.
"""

from __future__ import annotations

import traceback
from collections.abc import Collection
from pathlib import PurePath

OURS = "ganbench"
"""Our own package, which is wherever a trial runs."""


def own_line(error: BaseException, owners: Collection[str]) -> tuple[str, int] | None:
    """Return file and line of the innermost frame that belongs to some packages; None where none does.

    Args:
        error: As it was caught.
        owners: Whose code, as :func:`owner` names it.
    """
    if isinstance(error, SyntaxError) and error.filename and error.lineno:
        return error.filename, error.lineno
    found = None
    for frame, line in traceback.walk_tb(error.__traceback__):
        if owner(str(frame.f_globals.get("__name__"))) in owners:
            found = frame.f_code.co_filename, line
    return found


def told(error: BaseException, owners: Collection[str]) -> str:
    """Describe an error in one line, with its author's file and line: ``ValueError: no luck (my_norm.py:7)``."""
    place = own_line(error, owners)
    return f"{in_a_line(error)}{f' ({place[0]}:{place[1]})' if place else ''}"


def told_anywhere(error: BaseException, owners: Collection[str]) -> str:
    """Describe an error as :func:`told`, but equally on every machine: the file is named without its folder.

    A result is compared between machines and ledgers, and where a plugin's file stands is no part of it.
    """
    place = own_line(error, owners)
    return f"{in_a_line(error)}{f' ({_inside(place[0], owners)}:{place[1]})' if place else ''}"


def in_a_line(error: BaseException) -> str:
    """Return kind and first line of an error; some go on about where to read more."""
    first = next(iter(str(error).splitlines()), "")
    return f"{type(error).__name__}{f': {first}' if first else ''}"


def top_level(module: str) -> str:
    """Return the package that a module belongs to, or the module itself."""
    return module.partition(".")[0]


def owner(module: str) -> str:
    """Return whose code a module is: its top-level package, or a room of ganbench, whose plugins are not its harness."""
    return ".".join(module.split(".")[:2]) if top_level(module) == OURS else top_level(module)


def _inside(filename: str, owners: Collection[str]) -> str:
    """Return a file's path from its package on; its name where it belongs to none."""
    parts = PurePath(filename).parts
    folders = {name.rpartition(".")[2] for name in owners}
    start = max((place for place, part in enumerate(parts) if part in folders), default=len(parts) - 1)
    return "/".join(parts[start:])
