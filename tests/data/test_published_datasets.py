"""The published data sets: small ones in their formats, with verification on."""

from __future__ import annotations

import gzip
import os
import pickle
from io import BytesIO
from pathlib import Path

import numpy as np
import published
import pytest
import torch
from file_datasets import placed, same, told
from file_server import serving
from PIL import Image
from published import encoded, pictures, tar, write

from ganbench.harness.data.checksum import Checksum
from ganbench.harness.data.cifar10 import CIFAR10
from ganbench.harness.data.image_files import Remote
from ganbench.harness.data.imagenet import ImageNet
from ganbench.harness.data.lsun_bedroom import LSUNBedroom
from ganbench.harness.data.mnist import MNIST, FashionMNIST
from ganbench.harness.data.store import Store


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


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
    monkeypatch.setattr("ganbench.harness.data.lsun_bedroom.find_spec", lambda name: None)
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
