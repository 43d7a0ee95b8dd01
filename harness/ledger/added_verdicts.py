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
from ganbench.harness.ledger.names import ADDED, file_name
from ganbench.harness.ledger.record import well_typed
from ganbench.harness.stability import AddedDetector, AddedVerdict, Finding

if TYPE_CHECKING:
    from ganbench.harness.ledger.files import LedgerFiles

AddedVerdicts = dict[str, tuple[AddedVerdict, ...]]
"""What added detectors saw, by trial."""


def write_added_verdicts(
    ledger: LedgerFiles, spec: Mapping[str, Any], added_verdicts: Mapping[str, AddedVerdict]
) -> None:
    """Keep what one detector saw, in place of what the same one saw before.

    Args:
        ledger: The ledger.
        spec: The detector's canonical specification, for people.
        added_verdicts: By trial, at least one.

    Raises:
        LedgerError: It cannot be written.
    """
    by = next(iter(added_verdicts.values())).by
    content = {
        "detector": {key: value for key, value in asdict(by).items() if key != "seen"} | {"spec": dict(spec)},
        "clear": sorted(trial for trial, look in added_verdicts.items() if look.by.seen and look.finding is None),
        "blind": sorted(trial for trial, look in added_verdicts.items() if not look.by.seen and look.finding is None),
        "found": {trial: {"seen": look.by.seen, **look.finding.to_json()}
                  for trial, look in sorted(added_verdicts.items()) if look.finding is not None},
    }  # fmt: skip
    try:
        ledger.storage.write(_name(by), (canonical_json(content) + "\n").encode())
    except OSError as error:
        raise LedgerError(f"{ledger.storage.where}: cannot be written ({error})") from error


def read_added_verdicts(ledger: LedgerFiles) -> AddedVerdicts:
    """Return what detectors saw that were added later, by trial, in the order of the detectors' labels.

    Raises:
        LedgerError: It cannot be read.
    """
    try:
        names = [name for name in ledger.storage.names(ADDED) if name.endswith(".json")]
        contents = [(name, ledger.storage.read(name)) for name in names]
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise LedgerError(f"{ledger.storage.where}: cannot be read ({error})") from error
    some = sorted((_parsed(ledger.storage.at(name), content) for name, content in contents), key=lambda item: item[0])
    found: AddedVerdicts = {}
    for _, added_verdicts in some:
        for trial, look in added_verdicts.items():
            found[trial] = (*found.get(trial, ()), look)
    return found


def _parsed(where: str, content: bytes) -> tuple[str, dict[str, AddedVerdict]]:
    try:
        value = json.loads(content)
        by = AddedDetector(**{key: item for key, item in value["detector"].items() if key != "spec"}, seen=True)
        blind = replace(by, seen=False)
        added_verdicts = {trial: AddedVerdict(by) for trial in _trials(value["clear"])}
        added_verdicts |= {trial: AddedVerdict(blind) for trial in _trials(value["blind"])}
        well_typed(AddedVerdict(by))
        for trial, finding in value["found"].items():
            seen = finding.pop("seen")
            added_verdicts[trial] = well_typed(AddedVerdict(by if seen else blind, Finding.from_json(finding)))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise LedgerError(
            f"{where}: cannot be read ({error}); `ganbench relabel --detector` writes it anew, and deleting it takes the"
            " detector back"
        ) from error
    return by.label, added_verdicts


def _trials(value: Any) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(trial, str) for trial in value):
        raise TypeError(f"found {value!r}, expected trials")
    return value


def _name(by: AddedDetector) -> str:
    return f"{ADDED}/{file_name(by.name)}-{hashlib.sha256(by.label.encode()).hexdigest()[:8]}.json"
