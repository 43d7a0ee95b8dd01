"""Data sets that are one published archive, which torchvision describes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ganbench.harness.data.archives import unpack
from ganbench.harness.data.checksum import Checksum
from ganbench.harness.data.image_files import FileDataset, Remote

if TYPE_CHECKING:
    from ganbench.harness.data.store import Store


class TorchvisionArchive(FileDataset):
    """Base of data sets whose archive, files and checksums are attributes of a class in ``torchvision.datasets``."""

    def published(self) -> Any:
        """Return torchvision's class: url, filename, tgz_md5, base_folder, train_list and test_list."""
        raise NotImplementedError

    def contents(self) -> Sequence[tuple[str, str]]:
        """Return name and MD5 of the archive's files."""
        return [*self.published().train_list, *self.published().test_list]

    def remotes(self) -> Sequence[Remote]:
        """Return the official archive."""
        known = self.published()
        return [Remote(known.url, known.filename, Checksum("md5", known.tgz_md5))]

    def absent(self, store: Store) -> list[str]:
        """Return the absent files; an archive that is not unpacked yet stands for all of them."""
        archive = self.folder(store) / self.published().filename
        return [] if archive.exists() and not self.unpacked(store).exists() else super().absent(store)

    def unpack(self, store: Store) -> None:
        """Unpack the archive."""
        remote = self.remotes()[0]
        unpack(self.folder(store) / remote.name, self.published().base_folder, remote.checksum)

    def files(self, store: Store, split: str) -> Sequence[Path]:
        """Return the files of the archive; they come together."""
        return [self.unpacked(store) / name for name, _ in self.contents()]

    def checksums(self, store: Store, split: str) -> Mapping[Path, Checksum]:
        """Return the checksums of these files."""
        return {self.unpacked(store) / name: Checksum("md5", md5) for name, md5 in self.contents()}

    def unpacked(self, store: Store) -> Path:
        """Return the folder that comes out of the archive."""
        return self.folder(store) / str(self.published().base_folder)
