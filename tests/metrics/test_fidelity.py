"""The metric ``fidelity``: torch-fidelity's own numbers, its traps, names, protocols and degenerate samples."""

from __future__ import annotations

import math

import pytest
import torch
from as_torch_fidelity import register_with_torch_fidelity
from cells import CATALOG, FIDELITY, STORE

from ganbench.harness.data.dataset import Data
from ganbench.harness.data.digits import Digits
from ganbench.harness.data.ring8 import Ring8
from ganbench.harness.data.store import Store
from ganbench.harness.errors import InputError
from ganbench.harness.metrics.comparison import KINDS
from ganbench.harness.metrics.extractors.digits_cnn import DIGITS_CNN
from ganbench.harness.metrics.fidelity import Fidelity
from ganbench.harness.metrics.metric import Generated
from ganbench.harness.metrics.protocols import PROTOCOLS

SMALL = {"extractor": DIGITS_CNN, "samples": 500}


def by_name(metric: Fidelity, data: Data, store: Store = STORE):
    """From samples to numbers by plain names."""
    evaluate = metric.prepare(data, store)
    return lambda samples: {key.split("[")[0]: value for key, value in evaluate(Generated(samples)).items()}


@pytest.fixture(scope="module")
def digits() -> Data:
    return Digits().load(STORE)


@pytest.fixture(scope="module")
def evaluate(digits):
    return by_name(Fidelity(**SMALL), digits)


def noisy(images: torch.Tensor, strength: int = 40) -> torch.Tensor:
    noise = torch.randint(-strength, strength, images.shape, generator=torch.Generator().manual_seed(0))
    return (images.int() + noise).clamp(0, 255).to(torch.uint8)


class _Images(torch.utils.data.Dataset):
    def __init__(self, images: torch.Tensor) -> None:
        self.images = images

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> torch.Tensor:
        return self.images[index]


THEIRS = {
    "fid": "frechet_inception_distance",
    "inception_score": "inception_score_mean",
    "kid": "kernel_inception_distance_mean",
    "precision": "precision",
    "recall": "recall",
    "f1": "f_score",
}


def theirs(fake: torch.Tensor, real: torch.Tensor) -> dict[str, float]:
    import torch_fidelity

    register_with_torch_fidelity()
    values = torch_fidelity.calculate_metrics(
        input1=_Images(fake),
        input2=_Images(real),
        isc=True,
        fid=True,
        kid=True,
        prc=True,
        kid_subsets=1,
        kid_subset_size=len(fake),
        feature_extractor=DIGITS_CNN,
        cuda=False,
        verbose=False,
        save_cpu_ram=True,
        batch_size=100,
        cache=False,
    )
    return {name: values[key] for name, key in THEIRS.items()}


def test_every_number_equals_torch_fidelitys_own_calculation(digits):
    fake, real = noisy(digits.examples[1000:1600]), digits.examples[:600]
    ours = by_name(Fidelity(**SMALL), Data(real))(fake)
    expected = theirs(fake, real)
    assert {name: ours[name] for name in expected} == pytest.approx(expected, rel=1e-4)


def test_the_data_have_distance_zero_to_themselves_and_everything_in_common(digits, evaluate):
    values = evaluate(digits.examples)
    assert values["fid"] == pytest.approx(0, abs=1e-5)
    assert abs(values["kid"]) < 0.2  # below 0 by the share of pairs of a sample with itself
    assert values["inception_score"] > 6  # ten clear classes
    assert {values[name] for name in ("precision", "recall", "f1", "coverage")} == {1}
    assert values["diversity"] == pytest.approx(1)


def test_a_constant_generator_has_finite_numbers_and_no_diversity(evaluate):
    values = evaluate(torch.full((500, 1, 8, 8), 128, dtype=torch.uint8))
    assert all(math.isfinite(value) for value in values.values())
    assert values["diversity"] == pytest.approx(0, abs=1e-6)
    assert values["inception_score"] == pytest.approx(1)
    assert values["fid"] > 50
    assert (values["recall"], values["coverage"]) == (0, 0)


def test_one_class_alone_is_precise_and_covers_little(evaluate, digits):
    from sklearn.datasets import load_digits

    values = evaluate(digits.examples[torch.from_numpy(load_digits().target == 0)])
    assert values["precision"] == 1
    assert max(values["recall"], values["coverage"]) < 0.2
    assert values["diversity"] < 0.5


def test_enlarged_digits_are_to_the_extractor_the_digits_that_they_are(evaluate, digits):
    assert Digits(side=32).load(STORE).examples.shape == (1797, 1, 32, 32)
    small = noisy(digits.examples[:500])
    large = small.repeat_interleave(4, dim=2).repeat_interleave(4, dim=3)
    assert evaluate(large) == pytest.approx(evaluate(small), rel=1e-4, abs=1e-4)


def test_noise_makes_every_number_worse(evaluate, digits):
    little, much = (evaluate(noisy(digits.examples[:500], strength)) for strength in (30, 120))
    for name in ("fid", "inception_score", "kid", "precision", "f1", "density", "coverage"):
        better = little[name] < much[name] if KINDS[name].better == "lower" else little[name] > much[name]
        assert better, name


def test_points_have_distances_too():
    data = Ring8(size=3000).load(STORE)
    metric = Fidelity(extractor="points", samples=1000)
    assert [measure.key.split("[")[0] for measure in metric.measures()] == [
        "fid", "kid", "precision", "recall", "f1", "density", "coverage", "diversity",
    ]  # fmt: skip
    evaluate = by_name(metric, data)
    good = evaluate(data.examples[:1000])
    one_mode = data.examples[torch.cdist(data.examples, data.modes.centres[:1])[:, 0] < 0.5]
    bad = evaluate(one_mode)
    assert good["fid"] < 0.05 < bad["fid"]
    assert good["coverage"] > 0.7 and bad["coverage"] < 0.2 and bad["precision"] > 0.9


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_samples_that_are_not_finite_have_no_numbers_and_raise_nothing(value):
    data = Ring8(size=1000).load(STORE)
    samples = data.examples[:200].clone()
    samples[7, 1] = value
    assert all(map(math.isnan, by_name(Fidelity(extractor="points"), data)(samples).values()))


def test_samples_far_away_have_numbers():
    data = Ring8(size=1000).load(STORE)
    values = by_name(Fidelity(extractor="points"), data)(data.examples[:200] * 1e30)
    assert values["fid"] > 1e50 and values["precision"] == 0


def test_only_what_is_asked_for_is_reported_in_that_order(digits):
    metric = Fidelity(**SMALL, measures=["recall", "fid"])
    keys = ["recall[digits-cnn:500_full]", "fid[digits-cnn:500_full]"]
    assert [measure.key for measure in metric.measures()] == keys
    assert list(metric.prepare(digits, STORE)(Generated(digits.examples[:500]))) == keys
    assert [measure.better for measure in metric.measures()] == ["higher", "lower"]


@pytest.mark.parametrize(
    ("parameters", "key"),
    [
        ({}, "fid"),
        ({"protocol": "fid50k_full"}, "fid"),
        ({"samples": 10_000, "real": 5_000}, "fid[10k_5k]"),
        ({"protocol": "bssn"}, "fid[10k_5k]"),
        ({"protocol": "mimicry"}, "fid[50k_50k]"),
        ({"protocol": "compare_gan"}, "fid[10k_10k:test]"),
        ({"split": "test"}, "fid[50k_full:test]"),
        ({"extractor": "cifar10-small"}, "fid[cifar10-small]"),
        ({"extractor": "cifar10-small", "protocol": "sngan"}, "fid[cifar10-small:5k_10k]"),
        ({"extractor": "digits-cnn", "samples": 1000}, "fid[digits-cnn:1k_full]"),
        ({"extractor": "digits-cnn", "samples": 1250, "real": 1797}, "fid[digits-cnn:1250_1797]"),
    ],
)
def test_a_name_says_what_differs_from_the_usual_protocol(parameters, key):
    assert Fidelity(**parameters).measures()[0].key == key


def test_different_protocols_never_share_a_name():
    choices = [
        {"extractor": extractor, "samples": samples, "real": real, "split": split}
        for extractor in ("inception-v3-compat", "cifar10-small")
        for samples in (1000, 5000, 50_000)
        for real in (None, 1000, 50_000)
        for split in ("train", "test")
    ]
    assert len({Fidelity(**choice).measures()[0].key for choice in choices}) == len(choices)


@pytest.mark.parametrize("name", PROTOCOLS)
def test_a_protocol_by_name_is_the_cell_that_its_fields_are(name):
    named = CATALOG.create("metric", {"name": "fidelity", "protocol": name})
    written = CATALOG.create("metric", {"name": "fidelity", **PROTOCOLS[name].fields()})
    assert named.spec() == written.spec() and "protocol" not in named.spec()
    assert CATALOG.create("metric", named.spec()).spec() == named.spec()
    assert PROTOCOLS[name].source


def test_default_measures_written_out_are_the_same_cell():
    assert Fidelity(measures=list(KINDS)).spec() == Fidelity().spec()
    assert Fidelity().spec()["measures"] == list(KINDS)
    assert Fidelity().label() == "fidelity"
    assert Fidelity(measures=["fid"]).label() == "fidelity(measures=['fid'])"


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        ({"protocol": "bsn"}, "unknown protocol 'bsn'; did you mean 'bssn'?"),
        ({"protocol": "bssn", "samples": 10_000}, "'protocol' 'bssn' fixes 'samples': give one or the other"),
        ({"protocol": "bssn", "split": "test", "real": 5}, "'bssn' fixes 'real' and 'split'"),
        (
            {"measures": ["fid", "recal"]},
            "measures: expected measures, of which 'recal' is none; did you mean 'recall'?",
        ),
        ({"measures": ["fid", "fid"]}, "measures: expected 'fid' once"),
        ({"measures": []}, "measures: is empty"),
        ({"measure": ["fid"]}, "measure: unknown key; did you mean 'measures'?"),
        ({"fidd": True}, "fidd: unknown key"),
        ({"extractor": "digits_cnn"}, "extractor: expected a registered feature extractor; did you mean 'digits-cnn'?"),
        ({"extractor": "points", "measures": ["inception_score"]}, "'inception_score'"),
        ({"split": "val"}, "split: expected 'train' or 'test', found 'val'"),
        ({"real": 0}, "real: expected greater than or equal to 100"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_a_sentence(parameters, sentence):
    with pytest.raises(InputError) as refused:
        CATALOG.create("metric", {"name": "fidelity", **parameters})
    assert sentence in str(refused.value)
    assert str(refused.value).startswith("metric 'fidelity': ") and ": : " not in str(refused.value)


def test_data_that_the_protocol_does_not_fit_are_refused(digits):
    assert Fidelity(**FIDELITY_FIELDS).check(Digits()) is None
    assert "of 8x8 or a multiple" in Fidelity(extractor=DIGITS_CNN).check(Ring8())
    assert "three channels" in Fidelity().check(Digits())
    assert "holds no examples out" in Fidelity(extractor=DIGITS_CNN, split="test").check(Digits())
    assert Fidelity(extractor=DIGITS_CNN, real=1797).fits(digits) is None
    assert Fidelity(extractor=DIGITS_CNN, real=2000).fits(digits) == (
        "compares with 2000 real examples of split 'train', and there are 1797"
    )


FIDELITY_FIELDS = {key: value for key, value in FIDELITY.items() if key != "name"}


def test_other_data_under_the_same_name_never_give_the_old_distance(digits, tmp_path):
    """torch-fidelity's cache is looked up by a name of ours; our own by content."""
    fake, store = digits.examples[:300], Store(tmp_path)
    metric = Fidelity(extractor=DIGITS_CNN, samples=300, measures=["fid"])
    of_light, of_dark = (by_name(metric, Data(real), store)(fake) for real in (digits.examples, 255 - digits.examples))
    assert of_light["fid"] < 2 < of_dark["fid"]
    changed = digits.examples.clone()
    changed[0, 0, 0, 0] ^= 255
    assert by_name(metric, Data(changed), store)(fake) != of_light
    assert len(list(store.statistics.glob("*.npz"))) == 3


def test_the_test_split_is_compared_with_the_test_images(digits):
    data = Data(digits.examples[:900], held_out=255 - digits.examples[900:])
    fake = digits.examples[:500]
    train, test = (by_name(Fidelity(**SMALL, split=split, measures=["fid"]), data)(fake) for split in ("train", "test"))
    assert train["fid"] < 1 < test["fid"]


def test_large_features_are_compared_in_double_precision():
    """In single precision, a spread of 1 around 10,000 leaves nothing of a covariance."""
    generator = torch.Generator().manual_seed(0)
    real, fake = (torch.randn(4000, 4, generator=generator) for _ in range(2))
    near = by_name(Fidelity(extractor="points", measures=["fid", "precision", "coverage"]), Data(real))
    far = by_name(Fidelity(extractor="points", measures=["fid", "precision", "coverage"]), Data(real + 1e4))
    assert far(fake + 1e4) == pytest.approx(near(fake), abs=3e-3)  # 1e4 + x is itself rounded to a thousandth


def test_images_survive_decoding_and_encoding(digits):
    assert torch.equal(digits.encode(digits.decode(digits.examples)), digits.examples)


def test_the_data_sets_are_the_same_at_every_load():
    assert Ring8().load(STORE).content_hash() == Ring8().load(STORE).content_hash()
    assert Digits().load(STORE).examples.shape == (1797, 1, 8, 8)
