"""What ``ganbench check`` found of normalizers, as the page's badge."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ganbench.harness.errors import InputError


@dataclass(frozen=True)
class Conformance:
    """What came of a normalizer's checks.

    Attributes:
        version: The normalizer's.
        source: Hash of its source.
        passed: The claims that hold.
        failed: Those that do not.
    """

    version: str
    source: str
    passed: tuple[str, ...]
    failed: tuple[str, ...]

    def badge(self, sources: frozenset[tuple[str, str]]) -> str:
        """Say in a few words what the checks say of trials.

        Args:
            sources: Version and source hash that the trials were run with. Checks of any other source say nothing.
        """
        total = len(self.passed) + len(self.failed)
        if sources and sources != {(self.version, self.source)}:
            return "checked with another source"
        if self.failed:
            return f"fails {len(self.failed)} of {total} checks"
        return f"passes all {total} checks"


def load_conformance(path: Path) -> dict[str, Conformance]:
    """Read what ``ganbench check --json`` printed.

    Returns:
        By the normalizer's label.

    Raises:
        InputError: The file cannot be read, or is not that.
    """
    try:
        listed = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read ({error})") from error
    try:
        return {str(item["normalizer"]): _conformance(item) for item in listed}
    except (TypeError, KeyError, AttributeError) as error:
        raise InputError(
            f"{path}: is not what `ganbench check --json` prints: expected a list of objects with normalizer, version,"
            f" source, passed and failed ({type(error).__name__}: {error})"
        ) from error


def _conformance(item: Mapping[str, Any]) -> Conformance:
    passed, failed = tuple(map(str, item["passed"])), tuple(map(str, item["failed"].keys()))
    return Conformance(str(item["version"]), str(item["source"]), passed, failed)
