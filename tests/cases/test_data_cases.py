"""Images as people have them, and weights that are absent: what is trained on or measured today is not what it seems.

Each test says what is right, and is expected to fail until the issue in its reason is done.
"""

from __future__ import annotations

import io
import re
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import published
import pytest
import torch
from in_process import ganbench_here, printed
from PIL import Image
from published import encoded, pictures, write
from warm import run_python

from ganbench import read_ledger, run
from ganbench.harness.data.dataset import Data
from ganbench.harness.data.image_folder import ImageFolder
from ganbench.harness.data.lsun_bedroom import LSUNBedroom
from ganbench.harness.data.parquet_images import ParquetImageDataset
from ganbench.harness.data.store import Store
from ganbench.harness.errors import InputError
from ganbench.harness.stability import STABLE
from ganbench.reports import leaderboard

DATA = 25
"""The issue on data and slips."""

SIDE = 8
PIXELS = pictures(24, SIDE, SIDE, 3)
FILES = {f"{number:02}.png": encoded(picture) for number, picture in enumerate(PIXELS)}


def wrong_today(what: str, issue: int = DATA) -> pytest.MarkDecorator:
    return pytest.mark.xfail(strict=True, raises=AssertionError, reason=f"{what}; issue {issue}")


@pytest.fixture
def store(tmp_path) -> Store:
    return Store(tmp_path / "store")


def loaded(dataset: ImageFolder | ParquetImageDataset, store: Store) -> Data | None:
    """Return the data, or None where they are refused."""
    try:
        return dataset.load(store)
    except InputError:
        return None


def distinct(images: torch.Tensor) -> set[bytes]:
    return {image.numpy().tobytes() for image in images[:]}


# --- what is held out -------------------------------------------------------------------------------------------------


def a_folder_with_its_test_files(folder: Path) -> ParquetImageDataset:
    published.parquet(folder / "train-0.parquet", list(FILES.values())[:16])
    published.parquet(folder / "test-0.parquet", list(FILES.values())[16:])
    return ParquetImageDataset(path=str(folder), test_path=str(folder / "test-*.parquet"), side=SIDE)


def the_same_folder_twice(folder: Path) -> ParquetImageDataset:
    published.parquet(folder / "train-0.parquet", list(FILES.values()))
    return ParquetImageDataset(path=str(folder), test_path=str(folder), side=SIDE)


def the_same_images_in_both(folder: Path) -> ParquetImageDataset:
    published.parquet(folder / "train" / "0.parquet", list(FILES.values())[:16])
    published.parquet(folder / "test" / "0.parquet", list(FILES.values())[12:])
    return ParquetImageDataset(path=str(folder / "train"), test_path=str(folder / "test"), side=SIDE)


def images_that_appear_twice(folder: Path) -> ImageFolder:
    write(folder, FILES | {f"copy-of-{name}": content for name, content in FILES.items()})
    return ImageFolder(path=str(folder), side=SIDE, held_out=12)


@pytest.mark.parametrize(
    "make",
    [a_folder_with_its_test_files, the_same_folder_twice, the_same_images_in_both, images_that_appear_twice],
    ids=lambda make: make.__name__,
)
@wrong_today("images that are held out are trained on")
def test_no_image_that_is_held_out_is_trained_on(make: Callable, store, tmp_path):
    """Such splits are refused, or made disjoint by content."""
    data = loaded(make(tmp_path / "images"), store)
    assert data is None or not distinct(data.examples) & distinct(data.held_out)


# --- what is an image -------------------------------------------------------------------------------------------------


def trained_on(folder: Path, store: Store) -> int:
    data = loaded(ImageFolder(path=str(folder), side=SIDE), store)
    assert data is not None, "the whole folder is refused"
    return len(data.examples)


@pytest.mark.parametrize("target", [".", ".."], ids=["itself", "the folder above"])
@wrong_today("files are counted once for every way that leads to them")
def test_a_link_to_a_folder_around_it_adds_no_image(target, store, tmp_path):
    write(tmp_path / "around" / "images", FILES)
    (tmp_path / "around" / "images" / "again").symlink_to(target, target_is_directory=True)
    assert trained_on(tmp_path / "around" / "images", store) == len(FILES)


@wrong_today("files are counted once for every way that leads to them")
def test_a_link_to_a_file_that_is_there_adds_no_image(store, tmp_path):
    write(tmp_path / "images", FILES)
    (tmp_path / "images" / "favourite.png").symlink_to("00.png")
    assert trained_on(tmp_path / "images", store) == len(FILES)


@pytest.mark.parametrize(
    "name",
    [
        *(".ipynb_checkpoints/00-checkpoint.png", ".Trash-1000/files/00.png", "@eaDir/00.png/thumbnail.png"),
        *(".thumbnails/normal/00.png", "__MACOSX/00.png", ".hidden.png", "$RECYCLE.BIN/00.png"),
    ],
)
@wrong_today("what a system or a program left in a folder is trained on")
def test_hidden_and_system_files_are_no_images(name, store, tmp_path):
    write(tmp_path / "images", FILES | {name: FILES["00.png"]})
    assert trained_on(tmp_path / "images", store) == len(FILES)


@pytest.mark.parametrize("name", ["._00.png", "__MACOSX/._00.png", ".~lock.00.png"])
@wrong_today("one file that a system left refuses the whole folder")
def test_a_file_that_a_system_left_does_not_refuse_a_folder(name, store, tmp_path):
    write(tmp_path / "images", FILES | {name: b"\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X"})
    assert trained_on(tmp_path / "images", store) == len(FILES)


SUITE = """\
suite: own
version: 1
seeds: {seeds}
normalizers: [{normalizers}]
grid:
  - dataset: {{name: image_folder, path: "{folder}", side: 32}}
    architecture: {{name: dcgan, width: 4, latent: 4}}
    metric: {{name: fidelity, {metric}, samples: 100, measures: [fid]}}
    common: {{steps: 2, evaluations: 2, log_points: 2, batch_size: 4}}
    settings: {{a: {{lr_g: 1e-4, lr_d: 1e-4}}}}
"""
SHIPPED = "extractor: cifar10-small"


def suite(tmp_path: Path, metric: str = SHIPPED, seeds: int = 1, normalizers: str = "spectral_norm") -> Path:
    path = tmp_path / "own.yaml"
    path.write_text(SUITE.format(folder=tmp_path / "images", metric=metric, seeds=seeds, normalizers=normalizers))
    return path


def planned(tmp_path: Path) -> str:
    """What is said before training."""
    return printed(
        ganbench_here("plan", suite(tmp_path), "--results", tmp_path / "out", "--data-dir", tmp_path / "store")
    )


def picture(kind: str) -> bytes:
    file = io.BytesIO()
    Image.fromarray(PIXELS[0]).save(file, kind)
    return file.getvalue()


@pytest.mark.parametrize(("suffix", "kind"), [(".gif", "GIF"), (".jfif", "JPEG"), (".avif", "PNG"), ("", "PNG")])
@wrong_today("images of other kinds are left out without a word")
def test_files_that_are_left_out_are_told_before_training(suffix, kind, tmp_path):
    write(tmp_path / "images", FILES | {f"more{number}{suffix}": picture(kind) for number in range(5)})
    told = planned(tmp_path)
    assert re.search(r"\b5\b[^\n]*" + re.escape(suffix or "suffix"), told)


@pytest.mark.parametrize("count", [1, 2, 3, 5])
@wrong_today("a handful of images is taken without a word")
def test_too_few_images_are_told_before_training(count, tmp_path):
    write(tmp_path / "images", {f"{number}.png": encoded(PIXELS[number]) for number in range(count)})
    assert f"{count} image" in planned(tmp_path)


def png16(channels: int) -> bytes:
    """A PNG of 16 bits per channel, grey or colour."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        check = zlib.crc32(kind + content)
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)

    head = struct.pack(">IIBBBBB", SIDE, SIDE, 16, 2 if channels == 3 else 0, 0, 0, 0)
    rows = b"".join(b"\x00" + bytes(range(SIDE * channels * 2)) for _ in range(SIDE))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


@wrong_today("colour of 16 bits is cut to 8 where grey of 16 bits is refused")
def test_grey_and_colour_of_16_bits_are_treated_alike(store, tmp_path):
    taken = []
    for channels in (1, 3):
        write(tmp_path / f"of {channels}", FILES | {"deep.png": png16(channels)})
        taken.append(loaded(ImageFolder(path=str(tmp_path / f"of {channels}"), side=SIDE), store) is not None)
    assert taken[0] == taken[1]


@wrong_today("an image of a CelebA folder that is replaced in place is not read again")
def test_what_was_prepared_follows_a_file_that_is_replaced_in_place(store):
    faces = {f"{number:06}.jpg": encoded(image, "JPEG") for number, image in enumerate(pictures(6, 218, 178, 3), 1)}
    partition = "".join(f"{name} {0 if number < 4 else 2}\n" for number, name in enumerate(faces))
    dataset, files = published.celeba(faces, partition, zipped=False)
    write(store.files("celeba"), files)
    before = dataset.load(store).examples[:].clone()
    other = encoded(255 - pictures(1, 218, 178, 3)[0], "JPEG")
    write(store.files("celeba"), {"img_align_celeba/000001.jpg": other})
    assert not torch.equal(dataset.load(store).examples[0], before[0])


# --- a process that dies ----------------------------------------------------------------------------------------------

LOAD = """\
import sys
from pathlib import Path

from ganbench.harness.data.lsun_bedroom import LSUNBedroom
from ganbench.harness.data.store import Store
from ganbench.harness.errors import InputError

try:
    LSUNBedroom().load(Store(Path(sys.argv[1])))
except InputError as error:
    sys.exit(f"refused: {error}")
"""


@wrong_today("a database that is cut short ends the process without a word")
def test_a_database_that_is_cut_short_is_refused(store):
    pytest.importorskip("lmdb")
    rooms = {f"{number:040x}": encoded(image, "WEBP") for number, image in enumerate(pictures(5, 256, 300, 3))}
    for part in ("train", "val"):
        published.lsun(store.files("lsun_bedroom") / f"bedroom_{part}_lmdb", rooms)
    assert LSUNBedroom().missing(store) is None
    path = store.files("lsun_bedroom") / "bedroom_train_lmdb" / "data.mdb"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2 // 4096 * 4096])
    done = run_python("-c", LOAD, store.root)
    assert (done.returncode, done.stderr.partition(":")[0]) == (1, "refused")


# --- nothing to measure with ------------------------------------------------------------------------------------------


def test_trials_that_could_not_be_measured_are_not_called_stable(tmp_path, monkeypatch):
    """The sweep refuses to begin, or nothing is decided."""
    monkeypatch.setenv("GANBENCH_INCEPTION", str(tmp_path / "absent.pth"))
    write(tmp_path / "images", {f"{n:03}.png": encoded(image) for n, image in enumerate(pictures(40, 32, 32, 3))})
    path = suite(tmp_path, "extractor: inception-v3-compat", seeds=2, normalizers="none, spectral_norm")
    try:
        run(path, tmp_path / "out", address="inline", data_dir=tmp_path / "store")
    except InputError:
        return
    assert STABLE not in {record.verdict.outcome for record in read_ledger(tmp_path / "out").records()}
    assert "too easy" not in leaderboard(tmp_path / "out").headline()
