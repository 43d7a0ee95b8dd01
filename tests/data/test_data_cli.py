"""``ganbench data`` as a user meets it."""

from __future__ import annotations

import published
import pytest
from file_server import serving
from typer.testing import CliRunner

from ganbench.harness.cli import app
from ganbench.harness.commands import data as data_commands
from ganbench.harness.data.image_files import TRAIN
from ganbench.harness.data.store import Store
from ganbench.harness.errors import InputError, UnknownNameError


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


@pytest.fixture
def data(store):
    """Run ``ganbench data`` on an empty data directory."""

    def command(*arguments):
        runner = CliRunner(env={"COLUMNS": "200"})
        return runner.invoke(app, ["data", *arguments, "--data-dir", str(store.root)])

    return command


@pytest.fixture
def cifar10(monkeypatch):
    """A small CIFAR-10 in place of the published one; with it, what its archive holds."""
    dataset, files = published.cifar10(published.pictures(4, 3, 32, 32), published.pictures(2, 3, 32, 32))
    real = data_commands._dataset
    monkeypatch.setattr(data_commands, "_dataset", lambda name: dataset if name == "cifar10" else real(name))
    return dataset, files["cifar-10-python.tar.gz"]


def row(output, name):
    return next(line.split() for line in output.splitlines() if line.split()[:1] == [name])


def test_list_tells_state_and_size_of_every_data_set(data):
    output = data("list").output
    assert row(output, "digits")[1:3] == ["shipped", "1x8x8"]
    assert row(output, "ring8")[1:3] == ["shipped", "2"]
    assert row(output, "celeba")[1:3] == ["absent", "3x64x64"]
    assert row(output, "mnist")[1:3] == ["absent", "1x32x32"]
    assert "not comparable" in " ".join(row(output, "cifar10_jpeg"))


def test_a_data_set_is_absent_then_here_then_prepared(data, store, cifar10):
    dataset, archive = cifar10
    assert row(data("list").output, "cifar10")[1] == "absent"
    with serving(archive) as served:
        dataset.published().url = served.url
        done = data("fetch", "cifar10")
    assert done.exit_code == 0
    assert f"cifar10 is in {store.root}/cifar10" in done.output
    assert row(data("list").output, "cifar10")[1] == "here"
    dataset.load(store)
    assert row(data("list").output, "cifar10")[1] == "prepared"


def test_verify_names_what_was_checked_and_a_damaged_array(data, store, cifar10):
    dataset, archive = cifar10
    published.write(store.files("cifar10"), {"cifar-10-python.tar.gz": archive})
    dataset.load(store)
    done = data("verify", "cifar10")
    assert done.exit_code == 0
    assert "data_batch_1" in done.output
    assert done.output.count("images.npy") == 2
    array = dataset.prepared(store, TRAIN).array
    array.write_bytes(array.read_bytes()[:-1] + b"x")
    error = data("verify", "cifar10").exception
    assert isinstance(error, InputError)
    assert f"{array}: is damaged" in str(error)


def test_what_cannot_be_downloaded_says_what_to_put_where(data, store):
    error = data("fetch", "celeba").exception
    assert isinstance(error, InputError)
    assert f"is not in {store.root}/celeba; put img_align_celeba.zip" in str(error)


def test_a_mistyped_name_gets_the_nearest_one(data):
    error = data("fetch", "cifr10").exception
    assert isinstance(error, UnknownNameError)
    assert "did you mean 'cifar10'?" in str(error)
    assert isinstance(data("verify", "mnist").exception, InputError)


def test_where_prints_the_data_directory_and_folders_in_it(data, store, tmp_path, monkeypatch):
    assert data("where").output == f"{store.root}\n"
    assert data("where", "mnist").output == f"{store.root}/mnist\n"
    monkeypatch.setenv("GANBENCH_DATA", str(tmp_path / "elsewhere"))
    assert CliRunner().invoke(app, ["data", "where"]).output == f"{tmp_path}/elsewhere\n"


def test_what_is_shipped_needs_no_files(data, store):
    assert data("fetch", "digits").output == "digits needs no files\n"
    assert not store.root.exists()


def test_bad_input_is_one_line_and_exit_code_2(ganbench, tmp_path):
    done = ganbench("data", "fetch", "imagenet", "--data-dir", tmp_path / "store")
    assert done.returncode == 2
    assert (
        "register at https://image-net.org and put ILSVRC2012_img_train.tar and ILSVRC2012_img_val.tar" in done.stderr
    )
    assert len(done.stderr.splitlines()) == 1
