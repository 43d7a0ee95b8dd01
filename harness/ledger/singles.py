"""Records in files of their own: how a trial is committed.

In a folder there is one name for a trial, ``trials/ab/<trial>.json``, and the file system decides who gets it: a link
either makes the whole file appear or fails because the name is taken.

An object store, as pyarrow speaks to it, has no such write. There, every commit is a *candidate* under a name of its own,
``trials/ab/<trial>.<random>.json``, and the winner is elected: the candidate that the server says is the oldest, then the
one whose name sorts first. This is safe because

* a candidate is written once, whole, and never changed, so neither its time nor its name ever changes;
* the order is total and needs nothing but the listing, so all readers that see the same candidates elect the same one;
* the store is strongly consistent: who writes its own candidate and then lists sees every candidate whose write had ended
  before. Of two writers at least one sees both;
* a writer that finds another's candidate in front of its own withdraws its own, and one that finds any before it writes
  does not write. The first in order never withdraws, so a trial that was committed stays committed;
* once a record is in a part, the part decides, and parts are never changed.

What a reader may see in between: two candidates that were written within the resolution of the server's clock (a second on
S3) while neither writer saw the other. A reader that looks between the two writes can then see the one, and later readers
the other. Both are results of the same trial, equal bit for bit if training is deterministic, and the second is compared
and noted as a duplicate. No protocol of writes and listings alone can do better: to let both writers know at once who has
won takes a conditional write.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator, Mapping, Sequence

from ganbench.harness.ledger.names import TRIALS, identity
from ganbench.harness.storage import Storage

_PLAIN = re.compile(r"trials/(?P<at>[0-9a-f]{2})/(?P<trial>(?P=at)[0-9a-f]{18})\.json")
_CANDIDATE = re.compile(r"trials/(?P<at>[0-9a-f]{2})/(?P<trial>(?P=at)[0-9a-f]{18})(?:\.[0-9a-f]{32})?\.json")

Candidates = Mapping[str, Sequence[str]]
"""The files of every trial that has any, by trial; the one that counts first."""


class Singles:
    """The single records of a ledger.

    Args:
        storage: The ledger's.
    """

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def all(self) -> Candidates:
        """Return all files, with one look at the storage."""
        if self._storage.exclusive:
            names = self._storage.names(TRIALS, 2)
            return {found["trial"]: [name] for name in names if (found := _PLAIN.fullmatch(name))}
        return self._elected(TRIALS, 2)

    def of(self, trial_id: str) -> Sequence[str]:
        """Return one trial's files, the one that counts first."""
        if self._storage.exclusive:
            name = self.plain(trial_id)
            return [name] if self._storage.exists(name) else []
        return self._elected(f"{TRIALS}/{identity(trial_id)[:2]}", 1).get(trial_id, [])

    def strangers(self) -> list[str]:
        """Return files that stand among the records and are none by their names."""
        form = _PLAIN if self._storage.exclusive else _CANDIDATE
        return [name for name in self._storage.names(TRIALS, 2) if not form.fullmatch(name)]

    def text(self, trial_id: str) -> str | None:
        """Return a record's text, or None where the trial has no file.

        Raises:
            UnicodeDecodeError: It is no text.
        """
        for _ in range(3):  # a candidate can be withdrawn, or moved into a part, between the listing and the reading
            names = [self.plain(trial_id)] if self._storage.exclusive else self.of(trial_id)
            if not names:
                return None
            try:
                return self._storage.read(names[0]).decode()
            except FileNotFoundError:
                continue
        return None

    def texts(self, names: Sequence[str]) -> Iterator[bytes | None]:
        """Yield the contents of files, None for one that is gone."""
        return self._storage.read_all(names)

    def put(self, trial_id: str, text: str) -> tuple[str | None, bool]:
        """Write a record, unless the trial has one.

        Returns:
            The file's name if one was written and stands, and whether it is the one that counts.
        """
        if self._storage.exclusive:
            name = self.plain(trial_id)
            created = self._storage.create(name, text.encode())
            return (name if created else None), created
        if self.of(trial_id):
            return None, False
        name = self.plain(trial_id).removesuffix("json") + f"{uuid.uuid4().hex}.json"
        self._storage.create(name, text.encode())
        # None at all: a compaction took it up already, and its part will say who has won.
        return name, self.of(trial_id)[:1] in ([], [name])

    def plain(self, trial_id: str) -> str:
        """Return the name of a trial's file in a folder."""
        return f"{TRIALS}/{identity(trial_id)[:2]}/{trial_id}.json"

    def _elected(self, folder: str, depth: int) -> dict[str, list[str]]:
        order: dict[str, list[tuple[float, str]]] = {}
        for entry in self._storage.entries(folder, depth):
            if found := _CANDIDATE.fullmatch(entry.name):
                order.setdefault(found["trial"], []).append((entry.changed, entry.name))
        return {trial: [name for _, name in sorted(some)] for trial, some in order.items()}
