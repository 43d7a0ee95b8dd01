"""What all data sets have in common that are read from files."""

from __future__ import annotations

import os
from functools import partial

import numpy as np
import published
import pytest
import torch
from file_datasets import TILES, placed, told
from published import pictures, write

from ganbench.harness.data.cifar10 import CIFAR10
from ganbench.harness.data.image_files import TRAIN
from ganbench.harness.data.image_folder import ImageFolder
from ganbench.harness.data.store import Store
from ganbench.harness.data.streamed import Streamed
from ganbench.harness.errors import InputError
from ganbench.harness.plugins.registry import Catalog


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


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

    from ganbench.harness.data.rows import THREADS, Row, decoded

    begun = 0

    def rows():
        nonlocal begun
        for begun in range(1, 301):
            yield Row(str(begun), partial(time.sleep, 0.001 * (begun % 7)))

    images = decoded(rows(), lambda row: row.read() or np.array(int(row.place)))
    assert [int(next(images)) for _ in range(10)] == list(range(1, 11))
    assert begun <= 10 + 8 * THREADS
    assert [int(image) for image in images] == list(range(11, 301))
