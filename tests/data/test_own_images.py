"""Anybody's images: folders and Parquet files; and CIFAR-10 as JPEG, which is one."""

from __future__ import annotations

import numpy as np
import published
import pytest
from file_datasets import TILES, same, tiles, told
from PIL import Image
from published import encoded, pictures, write

from ganbench.harness.data.cifar10_jpeg import CIFAR10JPEG
from ganbench.harness.data.dataset import hashed_order
from ganbench.harness.data.image_folder import ImageFolder
from ganbench.harness.data.image_forms import centre_crop, resize, to_mode
from ganbench.harness.data.parquet_images import ParquetImageDataset
from ganbench.harness.data.store import Store
from ganbench.harness.errors import InputError
from ganbench.harness.plugins.registry import Catalog


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


# Folders of images


@pytest.mark.parametrize("flat", [True, False])
def test_a_folder_is_read_in_the_order_of_its_paths(store, tmp_path, flat):
    files = {name.replace("/", "_") if flat else name: content for name, content in TILES.items()}
    write(tmp_path / "mine", {**dict(reversed(files.items())), "notes.txt": b"not an image"})
    data = ImageFolder(path=str(tmp_path / "mine"), side=16).load(store)
    assert same(data.examples, tiles(sorted(TILES)))
    assert data.held_out is None


def test_images_that_are_held_out_are_the_first_by_hash_and_never_trained_on(store):
    write(store.root / "mine", TILES)
    data = ImageFolder(path="mine", side=16, held_out=4).load(store)
    apart = sorted(hashed_order(12)[:4].tolist())
    names = sorted(TILES)
    assert same(data.held_out, tiles([names[index] for index in apart]))
    assert same(data.examples, tiles([names[index] for index in range(12) if index not in apart]))


def test_more_held_out_than_there_are_and_an_empty_folder_are_told(store):
    write(store.root / "mine", TILES)
    message = told(ImageFolder(path="mine", side=16, held_out=12), store)
    assert message == "dataset 'image_folder': held_out is 12, but there are 12 images in all"
    (store.root / "empty").mkdir()
    assert f"is not in {store.root / 'empty'}; put images there" in told(ImageFolder(path="empty"), store)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"text", "cannot be decoded as an image (4 bytes in no format that Pillow knows)"),
        (TILES["a/00.png"][:300], "cannot be decoded as an image"),
        (encoded(np.zeros((16, 16), np.uint16)), "has mode I;16, expected 8 bits per channel"),
    ],
)
def test_an_image_that_cannot_be_used_is_named_with_its_file(store, content, expected):
    write(store.root / "mine", {**TILES, "b/55.png": content})
    assert f"{store.root}/mine/b/55.png: {expected}" in told(ImageFolder(path="mine", side=16), store)


def test_grey_palette_and_transparent_images_become_colour():
    colour = Image.fromarray(pictures(1, 8, 8, 3)[0])
    for mode in ("L", "P", "RGBA", "CMYK", "1"):
        assert to_mode(colour.convert(mode), "RGB").mode == "RGB"


def test_a_crop_is_centred_and_a_resize_is_antialiased():
    """Stripes of one pixel shrink to grey; a filter that looks at single pixels would keep black or white."""
    stripes = Image.fromarray(np.tile(np.array([0, 255], np.uint8), (32, 16)))
    shrunk = np.asarray(resize(stripes, 8), dtype=int)[:, 1:-1]
    assert abs(shrunk - 127).max() <= 1
    assert np.array_equal(
        np.asarray(centre_crop(Image.fromarray(np.arange(48, dtype=np.uint8).reshape(6, 8)), 2)), [[19, 20], [27, 28]]
    )


# Parquet


def png(pixels):
    return encoded(pixels.transpose(1, 2, 0))


SMALL = pictures(10, 3, 16, 16)
PNGS = [png(picture) for picture in SMALL]


def test_a_folder_of_parquet_files_is_read_in_the_order_of_names(store):
    published.parquet(store.root / "mine" / "train-00001-of-00002.parquet", PNGS[6:])
    published.parquet(store.root / "mine" / "train-00000-of-00002.parquet", PNGS[:6], row_group_size=2)
    assert same(ParquetImageDataset(path="mine", side=16).load(store).examples, SMALL)


@pytest.mark.parametrize("by_address", [True, False])
def test_splits_in_one_folder_are_told_apart_by_a_pattern(store, by_address):
    folder = store.root / "mine"
    for name, images in {"test-0": PNGS[8:], "train-1": PNGS[5:8], "train-0": PNGS[:5]}.items():
        published.parquet(folder / f"{name}.parquet", images)
    root = folder.as_uri() if by_address else "mine"
    data = ParquetImageDataset(path=f"{root}/train-*.parquet", test_path=f"{root}/test-*.parquet", side=16).load(store)
    assert same(data.examples, SMALL[:8])
    assert same(data.held_out, SMALL[8:])


def test_parquet_files_are_found_by_address_and_by_another_columns_name(store, tmp_path):
    train, test = (published.parquet(tmp_path / f"{name}.parquet", PNGS, "img") for name in ("train", "test"))
    dataset = ParquetImageDataset(path=train.as_uri(), test_path=str(test), column="img", side=16)
    data = dataset.load(store)
    assert same(data.examples, SMALL)
    assert same(data.held_out, SMALL)


def test_parquet_images_are_held_out_by_hash(store):
    published.parquet(store.root / "mine.parquet", PNGS)
    data = ParquetImageDataset(path="mine.parquet", side=16, held_out=3).load(store)
    assert same(data.held_out, SMALL[sorted(hashed_order(10)[:3].tolist())])
    assert len(data.examples) == 7


def test_both_ways_of_holding_out_at_once_are_refused():
    with pytest.raises(InputError, match="either test_path or held_out, not both"):
        Catalog().create("dataset", {"name": "parquet_images", "test_path": "x", "held_out": 3})


def test_a_truncated_parquet_file_is_named(store):
    path = published.parquet(store.root / "mine.parquet", PNGS)
    path.write_bytes(path.read_bytes()[:-50])
    message = told(ParquetImageDataset(path="mine.parquet", side=16), store)
    assert message.startswith(f"{path}: cannot be read as a Parquet file")


def test_a_damaged_page_of_a_parquet_file_is_named_with_its_row(store):
    path = published.parquet(
        store.root / "mine.parquet", PNGS, row_group_size=5, compression="zstd", use_dictionary=False
    )
    import pyarrow.parquet as pq

    start = pq.ParquetFile(path).metadata.row_group(1).column(0).data_page_offset
    content = bytearray(path.read_bytes())
    content[start : start + 200] = b"\xff" * 200
    path.write_bytes(content)
    message = told(ParquetImageDataset(path="mine.parquet", side=16), store)
    assert message.startswith(f"{path}, row 5 or a later one: cannot be read")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({4: None}, "row 4: holds no image: image.bytes is null"),
        ({4: b"text"}, "row 4: cannot be decoded as an image (4 bytes in no format"),
        ({7: PNGS[7][:-60]}, "row 7: cannot be decoded as an image"),
        ({9: encoded(np.zeros((16, 16), np.uint16))}, "row 9: has mode I;16"),
    ],
)
def test_a_row_of_a_parquet_file_that_cannot_be_used_is_named(store, change, expected):
    images = [change.get(row, content) for row, content in enumerate(PNGS)]
    path = published.parquet(store.root / "mine.parquet", images)
    assert f"{path}, {expected}" in told(ParquetImageDataset(path="mine.parquet", side=16), store)


def test_a_parquet_file_of_another_layout_is_named_with_its_columns(store):
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = published.parquet(store.root / "mine.parquet", PNGS)
    message = told(ParquetImageDataset(path="mine.parquet", column="img"), store)
    assert message == f"{path}: has no column 'img'; it has image, label"
    pq.write_table(pa.table({"image": [1, 2]}), path)
    message = told(ParquetImageDataset(path="mine.parquet"), store)
    assert "column 'image' is of type int64, expected struct<bytes: binary, path: string>" in message


def test_no_parquet_file_and_an_address_of_no_known_kind_are_told(store):
    assert f"there is no Parquet file at {store.root / 'none'}" in told(ParquetImageDataset(path="none"), store)
    assert "nowhere://x: cannot be reached" in told(ParquetImageDataset(path="nowhere://x"), store)


def test_cifar10_jpeg_takes_no_image_of_another_size(store):
    folder = store.files("cifar10_jpeg")
    right = [encoded(picture, "JPEG") for picture in pictures(3, 32, 32, 3)]
    published.parquet(folder / "test.parquet", right)
    assert "lacks train.parquet; put train.parquet and test.parquet there" in CIFAR10JPEG().missing(store)
    published.parquet(folder / "train.parquet", [*right, encoded(pictures(1, 32, 31, 3)[0], "JPEG")])
    assert "train.parquet, row 3: has 31x32 pixels, expected 32x32" in told(CIFAR10JPEG(), store)
