"""The exceptions of ganbench.

GanbenchError
├── InputError            what the user gave cannot be used; the command ends with exit code 2
│   ├── UnknownNameError  a name that no plugin carries
│   ├── SuiteError        a suite file that cannot be read as a suite
│   └── PluginError       a plugin that cannot be loaded
├── LedgerError           a ledger that cannot be read or written
├── ClusterError          a cluster that was lost while a sweep ran on it
├── MethodError           a normalizer broke its contract inside a trial: a result, not a fault of the harness
└── Interrupted           a training was asked to stop; it goes on from its checkpoint
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from typing import Any


class GanbenchError(Exception):
    """Base of every error that ganbench raises on purpose."""


class InputError(GanbenchError):
    """What the user gave cannot be used; nothing was started and nothing was written.

    Attributes:
        problems: One line for each thing that is wrong.
    """

    def __init__(self, problems: str | Iterable[str]) -> None:
        self.problems = [problems] if isinstance(problems, str) else list(problems)
        super().__init__("\n".join(self.problems))


class UnknownNameError(InputError):
    """A name that no plugin of that kind carries.

    Attributes:
        kind: What was looked for, for instance ``"normalizer"``.
        name: The name that was asked for.
        known: The names that exist.
    """

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        self.kind, self.name, self.known = kind, name, sorted(known)
        super().__init__(f"unknown {kind} {name!r}{did_you_mean(name, self.known)}")


class SuiteError(InputError):
    """A suite file that cannot be read as a suite; each problem names its place in the file."""


class PluginError(InputError):
    """A plugin that cannot be loaded: its file is absent, raises on import, or does not keep the contract."""


class LedgerError(GanbenchError):
    """A ledger that cannot be read or written."""


class ClusterError(GanbenchError):
    """A cluster that was lost while a sweep ran on it. Committed trials are kept; the same command continues."""


class MethodError(GanbenchError):
    """A normalizer raised, or returned something that its contract forbids.

    This is a result of the trial (the method does not run here), recorded with its message and never retried.
    """


class Interrupted(GanbenchError):  # noqa: N818  nothing is wrong
    """A training was asked to stop and has left a checkpoint. Infrastructure, not a result."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return a clause that names the nearest valid name, or all of them when none is near.

    Args:
        name: What was written.
        known: The valid names.

    Returns:
        ``"; did you mean 'x'?"``, ``"; known: a, b, c"`` or, without any known name, ``""``.
    """
    names = sorted(known)
    near = nearest(name, names)
    if near is not None:
        return f"; did you mean {near!r}?"
    return f"; known: {', '.join(names)}" if names else ""


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the valid name that is most like the one written, or None when none is."""
    return next(iter(get_close_matches(name, sorted(known), n=1, cutoff=0.5)), None)


def describe(
    problems: Iterable[Mapping[str, Any]], known: Callable[[tuple[Any, ...]], Iterable[str]]
) -> list[tuple[tuple[Any, ...], str]]:
    """Say in words what pydantic found wrong: what was expected, what was found, and the nearest valid key.

    A mistyped key that must be there is one problem, not two (an unknown key and a missing one).

    Args:
        problems: ``ValidationError.errors()``.
        known: From the location of a problem, the keys that are valid there.

    Returns:
        Location and sentence of every problem.
    """
    found = list(problems)
    absent = {tuple(problem["loc"]) for problem in found if problem["type"] == "missing"}
    told = []
    for problem in found:
        key = tuple(problem["loc"])
        if problem["type"] != "extra_forbidden":
            continue
        siblings = {other[-1] for other in absent if other[:-1] == key[:-1]}
        meant = nearest(str(key[-1]), siblings)
        absent.discard((*key[:-1], meant))
        told.append((key, f"unknown key{did_you_mean(str(key[-1]), [meant] if meant else known(key))}"))
    told += [(key, "the key is missing") for key in sorted(absent, key=str)]
    for problem in found:
        if problem["type"] == "too_short":
            told.append((tuple(problem["loc"]), "is empty, expected at least one entry"))
        elif problem["type"] == "value_error" and not problem["loc"]:  # about the whole, which need not be repeated
            told.append(((), problem["msg"].removeprefix("Value error, ")))
        elif problem["type"] not in ("extra_forbidden", "missing"):
            expected = problem["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
            told.append((tuple(problem["loc"]), f"expected {expected}, found {problem['input']!r}"))
    return told
