"""Data sets that are read from files: small ones in the published formats, with verification on."""

from __future__ import annotations

import gzip
import os
import pickle
from functools import partial
from io import BytesIO
from pathlib import Path

import numpy as np
import published
import pytest
import torch
from file_server import serving
from PIL import Image
from published import encoded, pictures, tar, write

from harness.data.checksum import Checksum
from harness.data.cifar10 import CIFAR10
from harness.data.cifar10_jpeg import CIFAR10JPEG
from harness.data.dataset import hashed_order
from harness.data.image_files import TRAIN, Remote
from harness.data.image_folder import ImageFolder
from harness.data.image_forms import centre_crop, resize, to_mode
from harness.data.imagenet import ImageNet
from harness.data.lsun_bedroom import LSUNBedroom
from harness.data.mnist import MNIST, FashionMNIST
from harness.data.parquet_images import ParquetImageDataset
from harness.data.store import Store
from harness.data.streamed import Streamed
from harness.errors import InputError
from harness.registry import Catalog

HERE = Path(__file__).resolve().parents[1]
REAL = Path(os.environ.get("GANBENCH_CIFAR10_JPEG") or HERE.parent / "shared" / "data" / "cifar10-jpeg")


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


def placed(store, dataset, files):
    write(store.files(dataset.name), files)
    return dataset


def same(tensor, array):
    return np.array_equal(tensor[:].numpy(), array)


def told(dataset, store):
    """The one message of a load that fails; nothing half-prepared may remain."""
    with pytest.raises(InputError) as error:
        dataset.load(store)
    if store.prepared.is_dir():
        assert all(path.name.endswith(".lock") for path in store.prepared.glob(".*"))
    assert len(error.value.problems) == 1
    return str(error.value)


# CIFAR-10


def test_cifar10_is_read_from_its_batches_in_their_order(store):
    images, test = pictures(20, 3, 32, 32), pictures(6, 3, 32, 32, seed=1)
    dataset, files = published.cifar10(images, test)
    data = placed(store, dataset, {name: files[name] for name in files if "/" in name}).load(store)
    assert same(data.examples, images)
    assert same(data.held_out, test)
    assert data.sample_shape == dataset.sample_shape() == (3, 32, 32)


@pytest.mark.parametrize("make", ["cifar10", "stl10"])
def test_an_archive_put_there_by_hand_is_unpacked_when_it_is_needed(store, make):
    if make == "cifar10":
        dataset, files = published.cifar10(pictures(4, 3, 32, 32), pictures(2, 3, 32, 32))
    else:
        dataset, files = published.stl10({name: pictures(2, 3, 96, 96) for name in ("train", "unlabeled", "test")})
    placed(store, dataset, {name: files[name] for name in files if "/" not in name})
    assert dataset.missing(store) is None
    assert len(dataset.load(store).held_out) == 2


class Harmful:
    """What a forged pickle could do."""

    def __reduce__(self):
        return (Path.touch, (Path(os.environ["HARMED"]),))


def test_a_pickle_with_another_checksum_is_never_opened(store, tmp_path, monkeypatch):
    monkeypatch.setenv("HARMED", str(tmp_path / "harmed"))
    dataset, files = published.cifar10(pictures(4, 3, 32, 32), pictures(2, 3, 32, 32))
    placed(store, dataset, files)
    forged = store.files("cifar10") / "cifar-10-batches-py" / "data_batch_1"
    forged.write_bytes(pickle.dumps(Harmful()))
    assert f"{forged}: is damaged or another file" in told(dataset, store)
    assert not (tmp_path / "harmed").exists()


def test_an_archive_that_is_cut_is_named_and_leaves_nothing(store):
    dataset, files = published.cifar10(pictures(4, 3, 32, 32), pictures(2, 3, 32, 32))
    name = "cifar-10-python.tar.gz"
    placed(store, dataset, {name: files[name][:-100]})
    assert f"{store.files('cifar10') / name}: is damaged" in told(dataset, store)
    # The same with the checksum that it has: what unpacking says is named too.
    dataset.published().tgz_md5 = published.md5(files[name][:-100])
    assert f"{store.files('cifar10') / name}: cannot be unpacked" in told(dataset, store)
    assert sorted(path.name for path in store.files("cifar10").iterdir()) == [".cifar-10-batches-py.lock", name]


def test_cifar10_is_fetched_unpacked_and_loaded(store, monkeypatch):
    images = pictures(4, 3, 32, 32)
    dataset, files = published.cifar10(images, pictures(2, 3, 32, 32))
    with serving(files["cifar-10-python.tar.gz"], cut_after=20_000) as served:
        dataset.published().url = served.url
        assert dataset.fetch(store) == store.files("cifar10")
        requests = len(served.asked)
        dataset.fetch(store)
        assert len(served.asked) == requests
    assert same(dataset.load(store).examples, images)


def test_the_official_checksums_are_torchvisions():
    from torchvision import datasets

    remotes = CIFAR10().remotes()
    assert remotes == [
        Remote(datasets.CIFAR10.url, "cifar-10-python.tar.gz", Checksum("md5", "c58f30108f718f92721af3b95e74349a"))
    ]
    assert [remote.checksum.expected for remote in MNIST().remotes()] == [md5 for _, md5 in datasets.MNIST.resources]


# STL-10

STL = {"train": pictures(3, 3, 96, 96), "unlabeled": pictures(5, 3, 96, 96, seed=1), "test": pictures(2, 3, 96, 96)}


def test_stl10_trains_on_the_unlabelled_images_or_on_the_labelled_ones_first(store):
    dataset, files = published.stl10(STL, side=96)
    data = placed(store, dataset, files).load(store)
    assert same(data.examples, STL["unlabeled"])
    assert same(data.held_out, STL["test"])
    both, _ = published.stl10(STL, side=96, train="train+unlabeled")
    assert same(both.load(store).examples, np.concatenate([STL["train"], STL["unlabeled"]]))


def test_stl10_is_shrunk_as_torchvision_does(store):
    from torchvision.transforms import Resize

    dataset, files = published.stl10(STL)
    data = placed(store, dataset, files).load(store)
    assert data.sample_shape == (3, 48, 48)
    theirs = Resize(48)(Image.fromarray(STL["unlabeled"][2].transpose(1, 2, 0)))
    assert np.array_equal(data.examples[2].permute(1, 2, 0).numpy(), np.asarray(theirs))


def test_stl10s_labels_that_do_not_match_are_named(store):
    dataset, files = published.stl10(STL, {"test": 1})
    message = told(placed(store, dataset, files), store)
    assert "test_y.bin: has 1 labels, expected 2, one for each image of test_X.bin: row 1" in message


# MNIST


@pytest.mark.parametrize("base", [MNIST, FashionMNIST])
def test_mnist_is_padded_with_black_or_left_as_it_is(store, base):
    images, test = pictures(5, 28, 28), pictures(3, 28, 28, seed=1)
    dataset, files = published.mnist(images, test, base=base)
    data = placed(store, dataset, files).load(store)
    assert same(data.examples[:, 0, 2:30, 2:30], images)
    assert data.examples.sum() == images.sum(dtype=np.int64)
    small, _ = published.mnist(images, test, base=base, side=28)
    assert same(small.load(store).held_out[:, 0], test)
    assert small.sample_shape() == (1, 28, 28)


def test_mnists_labels_that_do_not_match_are_named(store):
    dataset, files = published.mnist(pictures(5, 28, 28), pictures(3, 28, 28), labels=4)
    message = told(placed(store, dataset, files), store)
    assert "train-labels-idx1-ubyte.gz: has 4 labels, expected 5" in message
    assert "row 4" in message


@pytest.mark.parametrize(
    ("harm", "expected"),
    [
        (lambda content: content[:-9], "cannot be unpacked"),
        (lambda content: gzip.compress(gzip.decompress(content)[:-9]), "holds 4 whole rows, expected 5: row 4 is cut"),
        (lambda content: gzip.compress(b"\0\0\x09\x03" + gzip.decompress(content)[4:]), "is no IDX file"),
        (lambda content: gzip.compress(b""), "is no IDX file"),
    ],
)
def test_a_damaged_idx_file_is_named_even_when_its_checksum_is_expected(store, harm, expected):
    from torchvision import datasets

    _, files = published.mnist(pictures(5, 28, 28), pictures(3, 28, 28))
    first = next(iter(files))
    files[first] = harm(files[first])
    dataset = published.expecting(MNIST, files, datasets.MNIST)()
    assert f"{first}: {expected}" in told(placed(store, dataset, files), store)


# CelebA

FACES = {f"{index:06}.jpg": encoded(picture) for index, picture in enumerate(pictures(6, 218, 178, 3), 1)}
PARTITION = "".join(f"{name} {code}\n" for name, code in zip(FACES, "001220", strict=True))


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize(("side", "crop"), [(64, 128), (128, 178)])
def test_celeba_is_cut_shrunk_and_split_as_published(store, zipped, side, crop):
    from torchvision.transforms import CenterCrop, Compose, Resize

    dataset, files = published.celeba(FACES, PARTITION, zipped=zipped, side=side)
    data = placed(store, dataset, files).load(store)
    assert (len(data.examples), len(data.held_out)) == (3, 2)
    form = Compose([CenterCrop(crop), Resize(side)])
    third = form(Image.open(BytesIO(FACES["000006.jpg"])))
    assert np.array_equal(data.examples[2].permute(1, 2, 0).numpy(), np.asarray(third))


def test_celeba_as_a_whole_holds_nothing_out(store):
    dataset, files = published.celeba(FACES, PARTITION, split="all", crop=100)
    data = placed(store, dataset, files).load(store)
    assert (len(data.examples), data.held_out, dataset.holds_out()) == (6, None, False)


def test_an_image_that_celebas_partition_lacks_is_named_and_the_other_way_round(store):
    dataset, files = published.celeba(FACES, PARTITION.replace("000005.jpg 2\n", ""))
    assert "list_eval_partition.txt: lacks image '000005.jpg'" in told(placed(store, dataset, files), store)
    dataset, files = published.celeba({k: FACES[k] for k in FACES if k != "000002.jpg"}, PARTITION)
    message = told(placed(store, dataset, files), store)
    assert "img_align_celeba.zip: lacks image '000002.jpg' of list_eval_partition.txt, line 2" in message


def test_a_line_of_celebas_partition_that_makes_no_sense_is_named(store):
    dataset, files = published.celeba(FACES, PARTITION.replace("000003.jpg 1", "000003.jpg 7"))
    message = told(placed(store, dataset, files), store)
    assert "list_eval_partition.txt, line 3: expected an image's name and 0, 1 or 2" in message


def test_an_image_smaller_than_its_crop_is_named(store):
    small = {**FACES, "000002.jpg": encoded(pictures(1, 100, 178, 3)[0])}
    dataset, files = published.celeba(small, PARTITION)
    message = told(placed(store, dataset, files), store)
    assert "image 000002.jpg: has 178x100 pixels, expected at least 128x128" in message


# LSUN

BEDROOMS = {f"{index:040x}": encoded(picture, "WEBP") for index, picture in enumerate(pictures(5, 256, 300, 3))}


def test_lsun_is_read_in_the_order_of_its_keys(store):
    pytest.importorskip("lmdb")
    published.lsun(store.files("lsun_bedroom") / "bedroom_train_lmdb", dict(reversed(BEDROOMS.items())))
    assert "lacks bedroom_val_lmdb; put the folders bedroom_train_lmdb" in LSUNBedroom().missing(store)
    published.lsun(store.files("lsun_bedroom") / "bedroom_val_lmdb", {"a": BEDROOMS[f"{0:040x}"]})
    data = LSUNBedroom().load(store)
    assert data.examples.shape == (5, 3, 64, 64)
    assert torch.equal(data.examples[0], data.held_out[0])


def test_a_damaged_database_and_a_damaged_image_in_it_are_named(store):
    pytest.importorskip("lmdb")
    folder = store.files("lsun_bedroom")
    published.lsun(folder / "bedroom_train_lmdb", {**BEDROOMS, "b": b"no image"})
    published.lsun(folder / "bedroom_val_lmdb", BEDROOMS)
    assert "bedroom_train_lmdb, key b: cannot be decoded as an image" in told(LSUNBedroom(), store)
    (folder / "bedroom_train_lmdb" / "data.mdb").write_bytes(b"x" * 10_000)
    assert "bedroom_train_lmdb: cannot be read as an LMDB database" in told(LSUNBedroom(), store)


def test_lsun_without_its_package_says_how_to_install_it(store, monkeypatch):
    for part in ("train", "val"):
        write(store.files("lsun_bedroom"), {f"bedroom_{part}_lmdb/data.mdb": b""})
    monkeypatch.setattr("harness.data.lsun_bedroom.find_spec", lambda name: None)
    assert "pip install 'ganbench[lsun]'" in told(LSUNBedroom(), store)


# ImageNet

CLASSES = {
    f"n{wnid}": {
        f"n{wnid}_{index}.JPEG": encoded(pictures(1, 40, 90, 3, seed=wnid * 10 + index)[0]) for index in (9, 10)
    }
    for wnid in (3, 1, 2)
}
VALIDATION = {
    f"ILSVRC2012_val_{index:08}.JPEG": encoded(picture) for index, picture in enumerate(pictures(4, 70, 50, 3))
}


def test_imagenets_archives_and_its_unpacked_folders_give_the_same_images(store, tmp_path):
    dataset, files = published.imagenet(CLASSES, VALIDATION, side=32)
    packed = placed(store, dataset, files).load(store)
    assert (len(packed.examples), len(packed.held_out)) == (6, 4)
    other = Store(tmp_path / "other")
    for wnid, images in CLASSES.items():
        write(other.files("imagenet") / "train" / wnid, images)
    for index, (name, content) in enumerate(VALIDATION.items()):
        write(other.files("imagenet") / "val" / f"n{-index % 3}", {name: content})
    unpacked = ImageNet(side=32).load(other)
    assert torch.equal(packed.examples, unpacked.examples)
    assert torch.equal(packed.held_out, unpacked.held_out)
    assert packed.content == unpacked.content


def test_imagenet_is_cut_to_its_shorter_side_and_resized(store):
    dataset, files = published.imagenet(CLASSES, VALIDATION, side=32)
    data = placed(store, dataset, files).load(store)
    first = Image.open(BytesIO(VALIDATION["ILSVRC2012_val_00000000.JPEG"])).crop((0, 10, 50, 60))
    assert np.array_equal(
        data.held_out[0].permute(1, 2, 0).numpy(), np.asarray(first.resize((32, 32), Image.Resampling.BILINEAR))
    )


def test_an_image_that_cannot_be_decoded_is_named_within_its_archives(store):
    harmed = {**CLASSES, "n2": {"n2_9.JPEG": CLASSES["n2"]["n2_9.JPEG"][:-500]}}
    dataset, files = published.imagenet(harmed, VALIDATION)
    message = told(placed(store, dataset, files), store)
    assert "ILSVRC2012_img_train.tar/n2.tar, image n2_9.JPEG: cannot be decoded as an image" in message


def test_an_archive_of_a_class_that_is_cut_is_named(store):
    dataset, files = published.imagenet(CLASSES, VALIDATION)
    cut = tar({"n1.tar": tar(CLASSES["n1"])[:6000]})
    dataset.published()["train"] = ("ILSVRC2012_img_train.tar", published.md5(cut))
    message = told(placed(store, dataset, {**files, "ILSVRC2012_img_train.tar": cut}), store)
    assert "ILSVRC2012_img_train.tar" in message
    assert "cannot be read as a tar archive" in message


# Folders of images

TILES = {f"{'ab'[index % 2]}/{index:02}.png": encoded(picture) for index, picture in enumerate(pictures(12, 16, 16, 3))}


def tiles(names):
    return np.stack([np.asarray(Image.open(BytesIO(TILES[name]))).transpose(2, 0, 1) for name in names])


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
    assert message.startswith(f"{path}, row 0 or a later one: cannot be read")


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


@pytest.mark.skipif(not REAL.is_dir(), reason=f"CIFAR-10 as JPEG is not in {REAL} (GANBENCH_CIFAR10_JPEG)")
def test_cifar10_as_jpeg_as_a_whole(store):
    store.files("cifar10_jpeg").mkdir(parents=True)
    for name in ("train.parquet", "test.parquet"):
        (store.files("cifar10_jpeg") / name).symlink_to(REAL / name)
    data = CIFAR10JPEG().load(store)
    assert data.examples.shape == (50_000, 3, 32, 32)
    assert data.held_out.shape == (10_000, 3, 32, 32)
    means = data.examples.float().mean(dim=(0, 2, 3)) / 255
    torch.testing.assert_close(means, torch.tensor([0.4914, 0.4822, 0.4465]), atol=2e-3, rtol=0)  # CIFAR-10's own
    streamed = CIFAR10JPEG().load(store, limit=1).examples
    assert isinstance(streamed, Streamed)
    chosen = torch.tensor([49_999, 0, 12_345])
    assert torch.equal(streamed[chosen], data.examples[chosen])


# What all have in common


def test_what_is_absent_is_told_in_one_sentence_with_the_command(store):
    assert CIFAR10().missing(store) == (
        f"dataset 'cifar10' is not in {store.root}/cifar10; get it with: ganbench data fetch cifar10"
    )
    assert told(CIFAR10(), store) == CIFAR10().missing(store)


def test_every_data_set_says_its_shape_and_what_is_absent_without_any_file(store):
    catalog = Catalog()
    for name in catalog.names("dataset"):
        dataset = catalog.create("dataset", name)
        assert all(size > 0 for size in dataset.sample_shape())
        missing = dataset.missing(store)
        assert missing is None or name in missing
        assert dataset.holds_out() in (True, False)
    assert not store.root.exists()


def test_streamed_examples_equal_resident_ones(store):
    write(store.root / "mine", TILES)
    dataset = ImageFolder(path="mine", side=16, held_out=4)
    resident, streamed = dataset.load(store), dataset.load(store, limit=1)
    assert isinstance(streamed.examples, Streamed)
    assert torch.equal(streamed.examples[:], resident.examples)
    assert torch.equal(streamed.held_out[:], resident.held_out)
    assert streamed.content_hash() == resident.content_hash()


def test_the_content_hash_follows_the_images_and_not_how_they_are_used(store):
    write(store.root / "mine", TILES)
    plain = ImageFolder(path="mine", side=16).load(store)
    mirrored = ImageFolder(path="mine", side=16, flips=True).load(store)
    assert (plain.flips, mirrored.flips) == (False, True)
    assert plain.content_hash() == mirrored.content_hash()
    assert len(list(store.prepared.glob("image_folder-*"))) == 1
    assert ImageFolder(path="mine", side=16, held_out=2).load(store).content_hash() != plain.content_hash()


def test_a_changed_file_is_prepared_anew(store):
    write(store.root / "mine", TILES)
    before = ImageFolder(path="mine", side=16).load(store)
    write(store.root / "mine", {"a/00.png": TILES["b/01.png"]})
    after = ImageFolder(path="mine", side=16).load(store)
    assert torch.equal(after.examples[0], before.examples[6])


def test_verify_names_every_damaged_file_and_array(store):
    dataset, files = published.mnist(pictures(5, 28, 28), pictures(3, 28, 28))
    placed(store, dataset, files).load(store)
    assert len(dataset.verify(store)) == 6
    labels = store.files("mnist") / "t10k-labels-idx1-ubyte.gz"
    labels.write_bytes(b"damaged")
    array = dataset.prepared(store, TRAIN).array
    with array.open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"x")
    with pytest.raises(InputError) as error:
        dataset.verify(store)
    assert [problem.split(": is damaged")[0] for problem in error.value.problems] == [str(labels), str(array)]


def test_threads_keep_the_order_of_the_rows_and_read_ahead_little():
    import time

    from harness.data.rows import THREADS, Row, decoded

    begun = 0

    def rows():
        nonlocal begun
        for begun in range(1, 301):
            yield Row(str(begun), partial(time.sleep, 0.001 * (begun % 7)))

    images = decoded(rows(), lambda row: row.read() or np.array(int(row.place)))
    assert [int(next(images)) for _ in range(10)] == list(range(1, 11))
    assert begun <= 10 + 8 * THREADS
    assert [int(image) for image in images] == list(range(11, 301))
