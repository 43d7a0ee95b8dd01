"""What detectors saw in stored traces that were added after the trials had run: a file for each, beside the records.

Records stay as they are. A file holds everything that a reader needs, so that nobody needs the plugin; whoever deletes it
takes the detector back.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from ganbench.harness.canonical import canonical_json
from ganbench.harness.errors import LedgerError
from ganbench.harness.ledger.names import LOOKS, file_name
from ganbench.harness.stability import Added, Finding, Looked

if TYPE_CHECKING:
    from ganbench.harness.ledger.ledger import Ledger

Looks = dict[str, tuple[Looked, ...]]
"""What added detectors saw, by trial."""


def write_looks(ledger: Ledger, spec: Mapping[str, Any], looks: Mapping[str, Looked]) -> None:
    """Keep what one detector saw, in place of what the same one saw before.

    Args:
        ledger: The ledger.
        spec: The detector's canonical specification, for people.
        looks: By trial, at least one.

    Raises:
        LedgerError: It cannot be written.
    """
    by = next(iter(looks.values())).by
    content = {
        "detector": {key: value for key, value in asdict(by).items() if key != "seen"} | {"spec": dict(spec)},
        "clear": sorted(trial for trial, look in looks.items() if look.by.seen and look.finding is None),
        "blind": sorted(trial for trial, look in looks.items() if not look.by.seen and look.finding is None),
        "found": {trial: {"seen": look.by.seen, **look.finding.to_json()}
                  for trial, look in sorted(looks.items()) if look.finding is not None},
    }  # fmt: skip
    try:
        ledger.storage.write(_name(by), (canonical_json(content) + "\n").encode())
    except OSError as error:
        raise LedgerError(f"{ledger.storage.where}: cannot be written ({error})") from error


def read_looks(ledger: Ledger) -> Looks:
    """Return what detectors saw that were added later, by trial, in the order of the detectors' labels.

    Raises:
        LedgerError: It cannot be read.
    """
    try:
        names = [name for name in ledger.storage.names(LOOKS) if name.endswith(".json")]
        contents = [(name, ledger.storage.read(name)) for name in names]
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise LedgerError(f"{ledger.storage.where}: cannot be read ({error})") from error
    some = sorted((_parsed(ledger.storage.at(name), content) for name, content in contents), key=lambda item: item[0])
    found: Looks = {}
    for _, looks in some:
        for trial, look in looks.items():
            found[trial] = (*found.get(trial, ()), look)
    return found


def _parsed(where: str, content: bytes) -> tuple[str, dict[str, Looked]]:
    try:
        value = json.loads(content)
        by = Added(**{key: item for key, item in value["detector"].items() if key != "spec"}, seen=True)
        blind = replace(by, seen=False)
        looks = {str(trial): Looked(by) for trial in value["clear"]}
        looks |= {str(trial): Looked(blind) for trial in value["blind"]}
        for trial, finding in value["found"].items():
            seen = finding.pop("seen")
            looks[trial] = Looked(by if seen else blind, Finding.from_json(finding))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise LedgerError(
            f"{where}: cannot be read ({error}); `ganbench relabel --detector` writes it anew, and deleting it takes the"
            " detector back"
        ) from error
    return by.label, looks


def _name(by: Added) -> str:
    return f"{LOOKS}/{file_name(by.name)}-{hashlib.sha256(by.label.encode()).hexdigest()[:8]}.json"
