"""Examples that stay on disk: for data sets that do not fit into memory."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True)
class Streamed:
    """Images in an ``.npy`` file of uint8, read row by row as they are asked for.

    Reads go through ``pread``, so memory is bounded by what is asked for at once, and any number of threads and processes
    can share the file. Indexing gives the same bytes as indexing the whole array in memory would.

    Attributes:
        path: The file.
    """

    path: Path
    dtype: torch.dtype = torch.uint8

    @cached_property
    def shape(self) -> torch.Size:
        """[N, C, H, W]."""
        return torch.Size(self._header[0])

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, chosen: Tensor | slice) -> Tensor:
        """Read rows: a slice, or indices of any shape, which become the leading axes of the result."""
        if isinstance(chosen, slice):
            chosen = torch.arange(*chosen.indices(len(self)))
        rows = np.empty((chosen.numel(), *self.shape[1:]), dtype=np.uint8)
        size = rows[0].nbytes if len(rows) else 0
        flat = chosen.flatten().tolist()
        # In the order of the file: neighbours are read together, by the disk and by its cache.
        for place in sorted(range(len(flat)), key=flat.__getitem__):
            index = flat[place] + (len(self) if flat[place] < 0 else 0)
            if not 0 <= index < len(self):
                raise IndexError(f"index {flat[place]} is out of range for {len(self)} images")
            read = os.preadv(self._descriptor, [memoryview(rows[place]).cast("B")], self._header[1] + index * size)
            if read != size:
                raise OSError(f"{self.path}: ends within image {index}")
        return torch.from_numpy(rows).view(*chosen.shape, *self.shape[1:])

    @cached_property
    def _header(self) -> tuple[tuple[int, ...], int]:
        with self.path.open("rb") as file:
            version = np.lib.format.read_magic(file)
            read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            shape, fortran, dtype = read(file)
            assert dtype == np.uint8 and not fortran
            return shape, file.tell()

    @cached_property
    def _descriptor(self) -> int:
        return os.open(self.path, os.O_RDONLY)

    def __reduce__(self) -> tuple[type, tuple[Path]]:
        return type(self), (self.path,)
