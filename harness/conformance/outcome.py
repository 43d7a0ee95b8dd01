"""What comes of a check, and where in a plugin's own file its cause is."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ganbench.harness.normalizer.composition import authors_of, parts_of
from ganbench.harness.plugins.blame import own_line

if TYPE_CHECKING:
    from ganbench.harness.normalizer import Normalizer


@dataclass(frozen=True)
class Check:
    """The outcome of one check.

    Attributes:
        claim: What was checked, as a sentence.
        passed: Whether it was tried and holds.
        detail: Where it does not hold, what was found, where and what to do; why it was skipped; or what was measured.
        skipped: Whether it was not tried, because the claim cannot apply or an earlier failure would show again.
        waiting: Whether it was not tried for that second reason.
        endless: Whether it did not return in time.
    """

    claim: str
    passed: bool
    detail: str = ""
    skipped: bool = False
    waiting: bool = False
    endless: bool = False

    @property
    def failed(self) -> bool:
        """Whether it was tried and does not hold."""
        return not (self.passed or self.skipped)


class Failed(Exception):  # noqa: N818  it is a finding
    """Raised inside a check to say why it fails.

    Args:
        found: What was found, and what to do.
        hook: The normalizer's method that is to blame; its line is added.
    """

    def __init__(self, found: str, hook: str = "reparameterize") -> None:
        self.hook = hook
        super().__init__(found)


class Skipped(Exception):  # noqa: N818  nothing is wrong
    """Raised inside a check to say why the claim cannot apply."""


def conformance(normalizer: Normalizer, outcomes: Sequence[Check]) -> dict[str, Any]:
    """Return what ``ganbench check --json`` says of a normalizer: which one it was, and what came of each check."""
    return {
        "normalizer": normalizer.label(),
        "version": normalizer.version,
        "source": normalizer.source(),
        "passed": [outcome.claim for outcome in outcomes if outcome.passed],
        "failed": {outcome.claim: outcome.detail for outcome in outcomes if outcome.failed},
        "skipped": {outcome.claim: outcome.detail for outcome in outcomes if outcome.skipped},
        "measured": {outcome.claim: outcome.detail for outcome in outcomes if outcome.passed and outcome.detail},
    }


def place_of_hook(normalizer: Normalizer, hook: str) -> str:
    """Return file and line where a normalizer defines a hook, or ``""`` where it does not define it itself."""
    from ganbench.harness.normalizer import Normalizer as Base

    for part in parts_of(normalizer):
        function = getattr(type(part), hook, None)
        code = getattr(inspect.unwrap(function), "__code__", None) if function else None
        if code is not None and function is not getattr(Base, hook, None):
            return f"{code.co_filename}:{code.co_firstlineno}"
    return ""


def place_of_error(normalizer: Normalizer, error: BaseException) -> str:
    """Return the innermost line of the plugin's own file that an error passed through.

    Where it passed through none, because the harness refused what a hook had returned, that of the hook; else ``""``.
    """
    owners = authors_of(normalizer)
    for cause in reversed(list(_causes(error))):
        if place := own_line(cause, owners):
            return f"{place[0]}:{place[1]}"
    named = re.match(r"\w+\.(\w+) ", str(error))
    return place_of_hook(normalizer, named[1]) if named else ""


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__ or seen.__context__
