"""Feature extractors: what goes in, what comes out, whose weights they are, and what is said when these are absent."""

from __future__ import annotations

import hashlib
import time

import numpy as np
import pytest
import torch
from cells import STORE
from file_server import serving

from ganbench.harness.data.dataset import Data
from ganbench.harness.data.digits import Digits
from ganbench.harness.data.store import Store
from ganbench.harness.data.streamed import Streamed
from ganbench.harness.errors import InputError
from ganbench.harness.metrics.extractors.inception import INCEPTION, InceptionWeights, official
from ganbench.harness.metrics.extractors.registry import (
    EXTRACTORS,
    SHIPPED,
    extract,
    gather,
)
from ganbench.harness.metrics.fidelity import Fidelity
from ganbench.harness.metrics.metric import Generated


def images(count: int, *shape: int) -> torch.Tensor:
    return torch.randint(0, 256, (count, *shape), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    ("name", "shape", "features", "classes"),
    [("digits-cnn", (1, 8, 8), 32, 10), ("cifar10-small", (3, 32, 32), 192, 10)],
)
def test_a_shipped_classifier_makes_features_and_logits_in_single_precision(name, shape, features, classes):
    entry = EXTRACTORS[name]
    samples = images(9, *shape)
    made = gather(extract(entry.make(STORE), samples, batch=4))
    assert (made.features.shape, made.logits.shape) == ((9, features), (9, classes))
    assert made.features.dtype == made.logits.dtype == torch.float32
    assert SHIPPED[name].weights.stat().st_size < 1_000_000
    enlarged = samples.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
    torch.testing.assert_close(gather(extract(entry.make(STORE), enlarged, batch=4)).features, made.features)


@pytest.mark.parametrize(
    ("name", "taken", "refused"),
    [
        ("digits-cnn", [(1, 8, 8), (1, 32, 32)], [(3, 8, 8), (1, 12, 12), (1, 8, 16), (2,)]),
        ("cifar10-small", [(3, 32, 32), (3, 64, 64)], [(1, 32, 32), (3, 48, 48), (3, 32, 64), (2,)]),
        ("inception-v3-compat", [(3, 32, 32), (3, 48, 48)], [(1, 32, 32), (2,)]),
        ("points", [(2,), (64,)], [(1, 8, 8)]),
    ],
)
def test_each_takes_what_it_says(name, taken, refused):
    assert all(EXTRACTORS[name].takes(shape) for shape in taken)
    assert not any(EXTRACTORS[name].takes(shape) for shape in refused)


@pytest.mark.parametrize("name", SHIPPED)
def test_the_identity_of_a_shipped_classifier_is_the_hash_of_its_weights(name):
    expected = hashlib.sha256(SHIPPED[name].weights.read_bytes()).hexdigest()
    assert expected.startswith(EXTRACTORS[name].identity(STORE))


def test_batches_and_disk_do_not_change_features(tmp_path):
    digits = Digits().load(STORE).examples[:300]
    np.save(tmp_path / "digits.npy", digits.numpy())
    extractor = EXTRACTORS["digits-cnn"].make(STORE)
    one, many, read = (
        gather(extract(extractor, samples, batch)).features
        for samples, batch in ((digits, 300), (digits, 7), (Streamed(tmp_path / "digits.npy"), 50))
    )
    torch.testing.assert_close(one, many)
    torch.testing.assert_close(one, read)


def test_rows_come_in_the_order_asked_for():
    rows = torch.tensor([5, 0, 9])
    points = torch.randn(10, 2)
    assert torch.equal(gather(extract(EXTRACTORS["points"].make(STORE), points, 2, rows)).features, points[rows])


def test_the_callers_code_is_not_in_inference_mode_between_slices():
    for _ in extract(EXTRACTORS["points"].make(STORE), torch.randn(4, 2), batch=2):
        assert not torch.is_inference_mode_enabled()


def test_points_are_their_own_features():
    made = gather(extract(EXTRACTORS["points"].make(STORE), torch.eye(3), batch=2))
    assert torch.equal(made.features, torch.eye(3)) and made.logits is None


def test_the_shipped_extractor_recognises_digits():
    """Its accuracy on digits it never saw is in docs/metrics.md; here only that the shipped weights are those."""
    from sklearn.datasets import load_digits

    made = gather(extract(EXTRACTORS["digits-cnn"].make(STORE), Digits().load(STORE).examples, batch=500))
    assert (made.logits.argmax(1) == torch.from_numpy(load_digits().target)).float().mean() > 0.98


# Inception v3: its network is torch-fidelity's; the tests' weights are random


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A file of random weights whose name carries its hash, as the official one's does."""
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    folder = tmp_path_factory.mktemp("inception")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("torch_fidelity.feature_extractor_inceptionv3.load_state_dict_from_url", lambda *_, **__: {})
        patch.setattr(FeatureExtractorInceptionV3, "load_state_dict", lambda self, state: None)
        torch.manual_seed(0)
        network = FeatureExtractorInceptionV3("random", ["2048"])
    torch.save(network.state_dict(), folder / "weights.pth")
    digits = hashlib.sha256((folder / "weights.pth").read_bytes()).hexdigest()[:8]
    return (folder / "weights.pth").rename(folder / f"weights-random-{digits}.pth")


@pytest.fixture
def nowhere(monkeypatch, tmp_path):
    """No weights in the usual places, and no network."""
    monkeypatch.delenv("GANBENCH_INCEPTION", raising=False)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    return Store(tmp_path / "store")


def unreachable(name: str) -> InceptionWeights:
    return InceptionWeights(f"http://127.0.0.1:9/{name}")


@pytest.mark.parametrize("place", ["variable", "store", "hub"])
def test_weights_are_found_in_each_place(weights, nowhere, monkeypatch, tmp_path, place):
    published = unreachable(weights.name)
    if place == "variable":
        monkeypatch.setenv("GANBENCH_INCEPTION", str(weights))
        assert published.find(nowhere) == weights
        return
    folder = nowhere.extractors if place == "store" else tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    (folder / weights.name).hardlink_to(weights)
    assert published.find(nowhere) == folder / weights.name


def test_inceptions_features_are_torch_fidelitys(weights, nowhere, monkeypatch):
    import torch_fidelity

    monkeypatch.setenv("GANBENCH_INCEPTION", str(weights))
    monkeypatch.setattr("ganbench.harness.metrics.extractors.inception.official", lambda: unreachable(weights.name))
    samples, real = images(4, 3, 32, 32), images(6, 3, 32, 32).flip(0)
    metric = Fidelity(measures=["fid", "inception_score"])
    values = metric.prepare(Data(real), nowhere)(Generated(samples))

    class Images(torch.utils.data.Dataset):
        def __init__(self, held):
            self.held = held

        def __len__(self):
            return len(self.held)

        def __getitem__(self, index):
            return self.held[index]

    theirs = torch_fidelity.calculate_metrics(
        input1=Images(samples), input2=Images(real), fid=True, isc=False, cuda=False, verbose=False, save_cpu_ram=True,
        feature_extractor=INCEPTION, feature_extractor_weights_path=str(weights), cache=False,
    )  # fmt: skip
    assert values["fid"] == pytest.approx(theirs["frechet_inception_distance"], rel=1e-4)


def test_other_content_is_refused_before_it_is_read(weights, nowhere, monkeypatch, tmp_path):
    other = tmp_path / weights.name
    other.write_bytes(weights.read_bytes()[:-1] + b"?")
    monkeypatch.setenv("GANBENCH_INCEPTION", str(other))
    with pytest.raises(InputError) as refused:
        unreachable(weights.name).make(nowhere)
    assert str(other) in str(refused.value) and weights.stem[-8:] in str(refused.value)
    assert "\n" not in str(refused.value)


def test_absent_weights_are_one_sentence_soon(nowhere):
    started = time.monotonic()
    with pytest.raises(InputError) as absent:
        unreachable(official().file).make(nowhere)
    assert time.monotonic() - started < 2
    for part in (official().file, str(nowhere.extractors), "GANBENCH_INCEPTION", "Connection refused"):
        assert part in str(absent.value)
    assert "\n" not in str(absent.value)
    assert [path.name for path in nowhere.extractors.iterdir() if path.suffix != ".lock"] == []


def test_a_variable_that_names_no_file_is_said(nowhere, monkeypatch, tmp_path):
    monkeypatch.setenv("GANBENCH_INCEPTION", str(tmp_path / "absent.pth"))
    with pytest.raises(InputError, match=r"GANBENCH_INCEPTION names .*absent\.pth, where there is no file"):
        official().make(nowhere)


def test_a_download_is_verified_and_kept(nowhere):
    content = b"weights"
    with serving(content) as served:
        right, wrong = (
            InceptionWeights(served.url.replace("file.bin", f"weights-{digits}.pth"))
            for digits in (hashlib.sha256(content).hexdigest()[:8], "00000000")
        )
        assert right.find(nowhere) == nowhere.extractors / right.file
        assert right.find(nowhere).read_bytes() == content
        assert len(served.asked) == 1
        with pytest.raises(InputError, match="sha256 00000000"):
            wrong.find(nowhere)
        assert not (nowhere.extractors / wrong.file).exists()


def test_the_official_file_is_known_by_its_hash():
    assert official().digits == "6726825d"
    assert EXTRACTORS[INCEPTION].identity(STORE) == "6726825d"
