"""Where a ledger stands: a local folder, a shared file system, or an object store.

base.py      what a ledger asks of a place: what a backend offers, and what follows
folder.py    a folder: hidden files, flushes, and links that the first one wins
objects.py   an object store, through pyarrow
opening.py   from what the user typed to one of them
"""

from ganbench.harness.storage.base import Storage, StoredFile
from ganbench.harness.storage.opening import is_address, open_storage

__all__ = ["Storage", "StoredFile", "is_address", "open_storage"]
