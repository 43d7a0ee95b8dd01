"""From a kind and a name to a package of one's own: the templates of a kind, filled in, in a new folder or not at all."""

from __future__ import annotations

import keyword
import re
import shutil
from collections.abc import Collection
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from ganbench.harness.errors import InputError
from ganbench.harness.storage.atomic import hidden_beside

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = Path(__file__).parent / "templates"
SUFFIX = ".j2"
"""Ends the name of every template, so that nobody takes a template of a module for one of our modules."""

PLACEHOLDER = "NAME"
"""Stands for the name in the names of templates."""

LONGEST = 24
"""Characters of a name; the lines of the templates have room for so many."""

_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")


@dataclass(frozen=True)
class Written:
    """What was written.

    Attributes:
        folder: The package's folder.
        files: The files in it, relative to it, sorted.
        advice: What to type next.
    """

    folder: Path
    files: tuple[str, ...]
    advice: str


def kinds() -> list[str]:
    """Return the kinds of package that there are templates for."""
    return sorted(folder.name for folder in TEMPLATES.iterdir() if (folder / "package").is_dir())


def write_package(kind: str, name: str, into: Path, taken: Collection[str]) -> Written:
    """Write a package into a folder of its own.

    Args:
        kind: One of :func:`kinds`.
        name: What suites are to call it.
        into: The folder in which the package's folder is made.
        taken: Names of that kind that exist already.

    Raises:
        InputError: The kind is unknown, the name cannot be used, the folder exists or cannot be written. Nothing was
            left behind.
    """
    check_kind(kind)
    check_name(kind, name, taken)
    folder = into / f"ganbench-{name.replace('_', '-')}"
    if not into.is_dir():
        raise InputError(f"--into {into}: expected a folder that exists")
    if folder.exists() or folder.is_symlink():
        raise InputError(f"{folder}: exists already, and is left as it is; choose another name, or another --into")
    rendered = _rendered(kind, name, folder)
    # Written aside and renamed: the folder is there as a whole, or not at all.
    aside = hidden_beside(folder)
    try:
        for file, text in rendered.items():
            (aside / file).parent.mkdir(parents=True, exist_ok=True)
            (aside / file).write_text(text, encoding="utf-8")
        aside.rename(folder)
    except OSError as error:
        raise InputError(f"{folder}: cannot be written ({error})") from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    advice = _environment(kind).get_template(f"next.txt{SUFFIX}").render(_values(name, kind, folder))
    return Written(folder, tuple(sorted(rendered)), advice)


def check_kind(kind: str) -> None:
    """Refuse a kind that there are no templates for.

    Raises:
        InputError: The message names those that there are.
    """
    if kind not in kinds():
        raise InputError(f"unknown kind {kind!r}, expected one of: {', '.join(kinds())}")


def check_name(kind: str, name: str, taken: Collection[str]) -> None:
    """Refuse a name that a suite, a module or a package could not have.

    Raises:
        InputError: The message says what is expected.
    """
    expected = f"expected a name for the {kind} as 'my_norm': lower-case letters, digits and single '_' between them"
    if not _NAME.fullmatch(name) or len(name) > LONGEST:
        raise InputError(f"{name!r}: {expected}, beginning with a letter, of at most {LONGEST} characters")
    if keyword.iskeyword(name):
        raise InputError(f"{name!r}: is a word of Python itself, so no module can have it; {expected}")
    if name in taken:
        raise InputError(f"{name!r}: a {kind} of that name exists already (ganbench list {kind}s); choose another")
    found = find_spec(name)
    if found is not None and found.origin is not None:  # a folder of that name is no module yet
        raise InputError(
            f"{name!r}: is the name of a module that is installed here, which it would hide; choose another"
        )


def class_name(kind: str, name: str) -> str:
    """Return what the class is called: ``my_norm`` becomes ``MyNormNormalizer``.

    The kind at its end keeps it apart from everything that a template imports.
    """
    return "".join(part.capitalize() for part in (*name.split("_"), kind))


def _rendered(kind: str, name: str, folder: Path) -> dict[str, str]:
    """Return the texts of a package by their place in it."""
    environment, values = _environment(kind), _values(name, kind, folder)
    root = TEMPLATES / kind / "package"
    found = {}
    for path in sorted(root.rglob(f"*{SUFFIX}")):
        place = path.relative_to(root).as_posix()
        text = environment.get_template(f"package/{place}").render(values)
        found[place.removesuffix(SUFFIX).replace(PLACEHOLDER, name)] = text
    return found


def _values(name: str, kind: str, folder: Path) -> dict[str, str]:
    return {
        "name": name,
        "kind": kind,
        "folder": str(folder),
        "package": folder.name,
        "class_name": class_name(kind, name),
    }


def _environment(kind: str) -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    # Nothing is escaped: what is written is Python, TOML and YAML, and the only text from outside is a checked name.
    return Environment(
        loader=FileSystemLoader(TEMPLATES / kind),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701
    )
