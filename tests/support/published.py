"""Small data sets in the formats of the published ones, and their classes with the checksums of these small files.

Verification stays on: what is replaced is what the files are expected to hash to.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import pickle
import struct
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from ganbench.harness.data.celeba import CelebA
from ganbench.harness.data.checksum import Checksum
from ganbench.harness.data.cifar10 import CIFAR10
from ganbench.harness.data.imagenet import ImageNet
from ganbench.harness.data.mnist import MNIST, FashionMNIST
from ganbench.harness.data.stl10 import STL10


def md5(content: bytes) -> str:
    return hashlib.md5(content).hexdigest()


def pictures(count: int, *shape: int, seed: int = 0) -> np.ndarray:
    """Random uint8 arrays, all different."""
    return np.random.default_rng(seed).integers(0, 256, (count, *shape), dtype=np.uint8)


def encoded(pixels: np.ndarray, kind: str = "PNG") -> bytes:
    """An image file of [H, W, 3] or [H, W]."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind)
    return file.getvalue()


def tar(files: dict[str, bytes], mode: str = "w") -> bytes:
    """A tar archive in memory."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return out.getvalue()


def write(folder: Path, files: dict[str, bytes]) -> None:
    """Write files, making folders as needed."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def in_archive(base: type, folder: str, name: str, **lists: list[tuple[str, bytes]]) -> tuple[type, dict[str, bytes]]:
    """A copy of a torchvision class that expects these files, and the files: folder, and archive."""
    files = {f"{folder}/{file}": content for part in lists.values() for file, content in part}
    archive = tar(files, "w:gz")
    expected = {key: [(file, md5(content)) for file, content in part] for key, part in lists.items()}
    return type(base.__name__, (base,), {**expected, "tgz_md5": md5(archive)}), {**files, name: archive}


def cifar10(images: np.ndarray, held_out: np.ndarray) -> tuple[CIFAR10, dict[str, bytes]]:
    """CIFAR-10 of [N, 3, 32, 32] in two training batches, its files and its archive."""
    from torchvision import datasets

    def batch(pixels: np.ndarray) -> bytes:
        return pickle.dumps({"data": pixels.reshape(len(pixels), -1), "labels": [0] * len(pixels)})

    half = len(images) // 2
    names = ("batches.meta", pickle.dumps({"label_names": ["airplane"]}))
    torchs, files = in_archive(
        datasets.CIFAR10,
        "cifar-10-batches-py",
        "cifar-10-python.tar.gz",
        train_list=[("data_batch_1", batch(images[:half])), ("data_batch_2", batch(images[half:]))],
        test_list=[("test_batch", batch(held_out)), names],
    )
    torchs.test_list = torchs.test_list[:1]
    torchs.meta = {"filename": names[0], "key": "label_names", "md5": md5(names[1])}

    class Small(CIFAR10):
        def published(self):
            return torchs

    return Small(), files


def stl10(parts: dict[str, np.ndarray], labels: dict[str, int] | None = None, **parameters) -> tuple:
    """STL-10 of [N, 3, 96, 96] per split, its files and its archive; numbers of labels may be wrong."""
    from torchvision import datasets

    counts = {name: len(parts[name]) for name in ("train", "test")} | (labels or {})
    # The format stores columns before rows.
    pixels = {name: (f"{name}_X.bin", images.transpose(0, 1, 3, 2).tobytes()) for name, images in parts.items()}
    classes = {name: (f"{name}_y.bin", bytes([1] * count)) for name, count in counts.items()}
    torchs, files = in_archive(
        datasets.STL10,
        "stl10_binary",
        "stl10_binary.tar.gz",
        train_list=[pixels["train"], classes["train"], pixels["unlabeled"]],
        test_list=[pixels["test"], classes["test"]],
    )

    class Small(STL10):
        def published(self):
            return torchs

    return Small(**parameters), files


def idx(array: np.ndarray) -> bytes:
    """An IDX file, compressed."""
    head = bytes([0, 0, 8, array.ndim]) + b"".join(struct.pack(">I", length) for length in array.shape)
    return gzip.compress(head + array.tobytes(), mtime=0)  # without it, a second later is another content


def mnist(
    images: np.ndarray, held_out: np.ndarray, labels: int | None = None, base: type = MNIST, **parameters
) -> tuple[MNIST, dict[str, bytes]]:
    """MNIST or Fashion-MNIST of [N, 28, 28], and its files."""
    from torchvision import datasets

    files = {
        "train-images-idx3-ubyte.gz": idx(images),
        "train-labels-idx1-ubyte.gz": idx(np.zeros(len(images) if labels is None else labels, np.uint8)),
        "t10k-images-idx3-ubyte.gz": idx(held_out),
        "t10k-labels-idx1-ubyte.gz": idx(np.zeros(len(held_out), np.uint8)),
    }
    return expecting(base, files, getattr(datasets, base.__name__))(**parameters), files


def expecting(base: type, files: dict[str, bytes], torchs: type) -> type:
    """A copy of MNIST's or Fashion-MNIST's class that expects these files."""
    own = type(torchs.__name__, (torchs,), {"resources": [(name, md5(content)) for name, content in files.items()]})

    class Small(base):
        def published(self):
            return own

    return Small


assert issubclass(FashionMNIST, MNIST)


def celeba(
    images: dict[str, bytes], partition: str, *, zipped: bool = True, **parameters
) -> tuple[CelebA, dict[str, bytes]]:
    """CelebA of these image files, as an archive or as a folder."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in images.items():
            archive.writestr(f"img_align_celeba/{name}", content)
    files = {"list_eval_partition.txt": partition.encode()}
    files |= (
        {"img_align_celeba.zip": file.getvalue()}
        if zipped
        else {f"img_align_celeba/{name}": content for name, content in images.items()}
    )

    class Small(CelebA):
        def published(self):
            return {name: Checksum("md5", md5(content)) for name, content in files.items()}

    return Small(**parameters), files


def imagenet(
    classes: dict[str, dict[str, bytes]], validation: dict[str, bytes], **parameters
) -> tuple[ImageNet, dict[str, bytes]]:
    """ImageNet of these classes' images: an archive of archives, and one of the validation images."""
    files = {
        "ILSVRC2012_img_train.tar": tar({f"{name}.tar": tar(images) for name, images in classes.items()}),
        "ILSVRC2012_img_val.tar": tar(validation),
    }
    known = {part: (name, md5(content)) for part, (name, content) in zip(("train", "val"), files.items(), strict=True)}

    class Small(ImageNet):
        def published(self):
            return known

    return Small(**parameters), files


def parquet(path: Path, images: list[bytes | None], column: str = "image", **options) -> Path:
    """A Parquet file of the Hugging Face layout."""
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    rows = pa.array([{"bytes": content, "path": f"{row}.png"} for row, content in enumerate(images)], kind)
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({column: rows, "label": [0] * len(images)}), path, **options)
    return path


def lsun(folder: Path, images: dict[str, bytes]) -> None:
    """An LMDB database as LSUN's: a key and an encoded image."""
    import lmdb

    folder.mkdir(parents=True)
    with lmdb.open(str(folder), map_size=1 << 24) as database, database.begin(write=True) as transaction:
        for key, content in images.items():
            transaction.put(key.encode(), content)
