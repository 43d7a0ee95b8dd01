"""The papers' numbers: what is shipped, and beside which of ours they may stand."""

from __future__ import annotations

import math
import subprocess
import tomllib
from decimal import Decimal
from pathlib import Path

import pytest
import yaml

from ganbench.harness.errors import InputError
from ganbench.harness.ledger import Ledger
from ganbench.harness.planning.suite import load_suite
from ganbench.harness.plugins.registry import Catalog
from ganbench.reports.evidence import Evidence
from ganbench.reports.evidence.gathering import gather
from ganbench.reports.formatting import as_published
from ganbench.reports.published.matching import MEASURED_BY, SPLITS, differences, published
from ganbench.reports.published.rows import PublishedRow, load_published

SHIPPED = Path("baselines/published.csv")
INCEPTION = "inception-v3-compat"
MIMICRY = {"name": "fidelity", "extractor": INCEPTION, "samples": 50_000, "real": 50_000, "split": "train",
           "measures": ["fid", "inception_score"]}  # fmt: skip
CIFAR = ("cifar10", "sngan_resnet", MIMICRY, [("fid[50k_50k]", "lower"), ("inception_score[50k_50k]", "higher")])

ROW = {
    "method": "SNGAN", "their_dataset": "cifar10", "their_architecture": "resnet", "their_normalizer": "sn",
    "their_metric": "fid", "dataset": "cifar10", "resolution": "32", "architecture": "sngan_resnet",
    "normalizer": "spectral_norm", "loss": "hinge", "metric": "fid", "value": "16.70", "std": "", "std_of": "", "runs": "",
    "real_split": "train", "n_real": "50000", "n_fake": "50000", "extractor": INCEPTION, "selection": "last",
    "steps": "100", "source": "a paper", "provenance": "found_text", "note": "", "optimizer": "adam(beta1=0.5)",
    "lr_g": "2e-4", "lr_d": "1e-4", "n_dis": "5", "lr_decay_from": "0", "batch_d": "64", "batch_g": "64",
    "conditional": "no", "pooling": "sum", "value_range": "-1..1",
}  # fmt: skip
TRAINED = {
    "loss": {"name": "hinge"}, "optimizer": {"name": "adam", "version": "1", "beta1": 0.5, "eps": 1e-8}, "lr_g": 2e-4,
    "lr_d": 1e-4, "n_dis": 5, "lr_decay_from": 0.0, "batch_size": 64,
}  # fmt: skip
"""How the cells of these tests are trained, as their row says."""


def row(**changes: str) -> PublishedRow:
    return PublishedRow.model_validate({**ROW, **changes})


def gathered(ledger: Ledger, **training: object) -> Evidence:
    """A ledger's evidence, with cells that say how they are trained."""
    evidence = gather(ledger)
    for cell in evidence.plan["cells"]:
        cell["spec"] |= {**TRAINED, **training}
    return evidence


def written(folder: Path, *rows: dict[str, str], columns: list[str] | None = None) -> Path:
    path = folder / "mine.csv"
    lines = [",".join(columns or list(ROW)), *(",".join(values.values()) for values in rows)]
    path.write_text("\n".join(lines) + "\n")
    return path


def test_every_shipped_row_has_a_number_a_provenance_and_a_source():
    rows = load_published()
    assert len(rows) > 30
    for item in rows:
        assert math.isfinite(item.value)
        assert item.value > 0
        assert item.provenance in ("found_text", "found_image")
        assert item.source
    assert "memory" not in (Path(__file__).parents[2] / SHIPPED).read_text()


def test_every_shipped_row_has_its_protocol():
    for item in load_published():
        if item.metric == "fid":
            assert item.real_split
            assert item.n_real
        if item.metric in ("fid", "inception_score"):
            assert item.n_fake
            assert item.resolution
        assert item.field
        assert item.conditional
        assert item.commit or item.source.startswith(("Xiang & Li", "StudioGAN", "PacGAN"))  # tables and pictures


def test_no_number_is_there_twice():
    keys = [item.model_dump_json(exclude={"value", "std", "std_of", "note"}) for item in load_published()]
    assert len(set(keys)) == len(keys)


def test_numbers_keep_the_digits_that_were_printed():
    values = {as_published(item.value, item.std) for item in load_published() if item.metric == "fid"}
    assert {"23.90 ± 0.20", "16.77 ± 0.04", "34.3"} <= values


@pytest.mark.parametrize("kind", ["dataset", "architecture", "normalizer"])
def test_what_is_called_ours_is_ours(kind):
    catalog = Catalog()
    for label in {getattr(item, kind) for item in load_published()} - {""}:
        parts = []
        for part in label.split(" + "):
            name, _, given = part.rstrip(")").partition("(")
            values = dict(pair.split("=") for pair in given.split(", ")) if given else {}
            typed = {key: yaml.safe_load(text) for key, text in values.items()}
            parts.append(catalog.create(kind, {"name": name, **typed}).label())
        assert " + ".join(parts) == label


def test_every_split_and_loss_of_the_shipped_rows_is_known():
    rows = load_published()
    assert {item.real_split for item in rows} - {""} <= SPLITS.keys()
    assert {item.loss for item in rows} - {""} <= set(Catalog().names("loss"))
    assert {item.metric for item in rows} <= MEASURED_BY.keys()


def test_the_wheel_ships_the_file():
    root = Path(__file__).parents[2]
    wheel = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert wheel == {"packages": ["src/ganbench"]}  # hatch takes every file of a package that git does not ignore
    assert (root / "src" / "ganbench" / SHIPPED).samefile(root / SHIPPED)
    ignored = subprocess.run(["git", "check-ignore", "-q", SHIPPED], cwd=root, check=False)
    assert ignored.returncode != 0
    assert (root / SHIPPED).is_file()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"value": "many"}, r":2: value: expected a valid decimal.*found 'many'"),
        ({"value": "nan"}, ":2: value: expected a finite number"),
        ({"value": ""}, ":2: value: expected"),
        ({"resolution": "160?"}, ":2: resolution: expected a valid integer.*found '160\\?'"),
        ({"provenance": "memory"}, ":2: provenance: expected 'found_text' or 'found_image', found 'memory'"),
        ({"selection": "latest"}, ":2: selection: expected 'last'.*found 'latest'"),
        ({"metric": "fidd"}, ":2: metric: expected 'fid'.*found 'fidd'"),
        ({"source": ""}, ":2: source: expected"),
        ({"std": "0.1"}, ":2: std and std_of are given together"),
        ({"std": "-1", "std_of": "3 runs"}, ":2: std: expected"),
    ],
)
def test_a_value_that_is_not_known_is_refused_with_its_place(tmp_path, change, said):
    path = written(tmp_path, {**ROW, **change})
    with pytest.raises(InputError, match=said) as caught:
        load_published(path)
    assert str(caught.value).startswith(str(path))


def test_a_column_that_is_not_known_is_refused_with_the_nearest_name(tmp_path):
    columns = ["normaliser" if name == "normalizer" else name for name in ROW]
    with pytest.raises(InputError, match="mine.csv:1: normaliser: unknown column; did you mean 'normalizer'") as caught:
        load_published(written(tmp_path, ROW, columns=columns))
    assert len(caught.value.problems) == 1
    with pytest.raises(InputError, match=":1: note: the column is missing"):
        load_published(written(tmp_path, columns=[name for name in ROW if name != "note"]))
    with pytest.raises(InputError, match=":1: note: the column is there twice"):
        load_published(written(tmp_path, columns=[*ROW, "note"]))


def test_a_line_of_the_wrong_length_and_an_absent_file_are_refused(tmp_path):
    path = written(tmp_path, ROW)
    path.write_text(path.read_text() + "a,b\n")
    with pytest.raises(InputError, match=f":3: expected {len(ROW)} values, found 2"):
        load_published(path)
    with pytest.raises(InputError, match="cannot be read"):
        load_published(tmp_path / "absent.csv")


SUITE = """
suite: published
version: 1
seed: 1
seeds: 1
normalizers: [spectral_norm]
grid:
  - dataset: cifar10
    architecture: sngan_resnet
    metric: {name: fidelity, protocol: mimicry}
    common: {steps: 100000, loss: hinge, lr_g: 2e-4, lr_d: 2e-4, n_dis: 5, lr_decay_from: 0, batch_size: 64}
    settings:
      theirs: {optimizer: {name: adam, beta1: 0, beta2: 0.9}}
      ours: {loss: minimax, optimizer: sgd, lr_g: 0.1, lr_d: 0.1, n_dis: 1, batch_size: 8, lr_decay_from: 1, steps: 3000}
"""


def test_of_two_trainings_of_one_network_only_the_one_that_a_source_describes_matches(tmp_path):
    path = tmp_path / "suite.yaml"
    path.write_text(SUITE)
    theirs, ours = load_suite(path).plan()["cells"]
    (of_mimicry,) = [item for item in load_published() if str(item.value) == "16.77"]
    same = of_mimicry.model_copy(update={"architecture": "sngan_resnet"})  # were its network ours
    assert differences(same, theirs) == ()
    assert differences(same, ours) == (
        "loss hinge, here minimax",
        "optimizer adam(beta1=0, beta2=0.9), here sgd(momentum=0)",
        "learning rate of the generator 0.0002, here 0.1",
        "learning rate of the discriminator 0.0002, here 0.1",
        "number of discriminator updates 5, here 1",
        "decay of the learning rates 0, here 1",
        "discriminator's batch 64, here 8",
        "generator's batch 64, here 8",
        "number of steps 100,000, here 3,000",
    )


@pytest.mark.parametrize("suite", sorted(path.stem for path in Path("suites").glob("*.yaml")))
def test_no_shipped_suite_has_a_cell_that_a_source_s_number_may_be_put_beside(suite):
    """None of the sources' networks is ours, or not all of its training is said; a row that changes this is looked at."""
    cells = load_suite(suite).plan()["cells"]
    assert not [item.value for item in load_published() for cell in cells if not differences(item, cell)]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"dataset": "cifar10(side=64)"}, "data set cifar10(side=64), here cifar10"),
        ({"dataset": "", "their_dataset": "celebahq"}, "data set celebahq, not known to be one of ours, here cifar10"),
        ({"resolution": ""}, "resolution not confirmed"),
        ({"architecture": "dcgan"}, "network dcgan, here sngan_resnet"),
        ({"normalizer": "none"}, "normalizer none, here spectral_norm"),
        ({"loss": "wgan"}, "loss wgan, here hinge"),
        ({"loss": ""}, "not said: loss"),
        ({"optimizer": ""}, "not said: optimizer"),
        ({"optimizer": "adam(beta1=0)"}, "optimizer adam(beta1=0), here adam(beta1=0.5)"),
        ({"lr_g": ""}, "not said: learning rate of the generator"),
        ({"lr_d": "2e-4"}, "learning rate of the discriminator 0.0002, here 0.0001"),
        ({"n_dis": "1"}, "number of discriminator updates 1, here 5"),
        ({"lr_decay_from": "1"}, "decay of the learning rates 1, here 0"),
        ({"lr_decay_from": ""}, "not said: decay of the learning rates"),
        ({"batch_d": "32"}, "discriminator's batch 32, here 64"),
        ({"batch_g": "128"}, "generator's batch 128, here 64"),
        ({"steps": "300"}, "number of steps 300, here 100"),
        ({"steps": ""}, "not said: number of steps"),
        ({"conditional": "yes"}, "conditioning on classes yes, here no"),
        ({"pooling": "mean"}, "pooling mean, here sum"),
        ({"value_range": "0..1"}, "range of the images 0..1, here -1..1"),
        ({"value_range": ""}, "not said: range of the images"),
        ({"metric": "modes"}, "measures modes, which is not measured here"),
        ({"n_fake": "5000"}, "5,000 generated samples, here 50,000"),
        ({"n_fake": ""}, "its number of generated samples is not said"),
        ({"n_real": "10000"}, "10,000 real examples, here 50,000"),
        ({"real_split": "test"}, "real examples of test, here of train"),
        ({"real_split": ""}, "the split of its real examples is not said"),
        ({"extractor": ""}, "its feature extractor is not said"),
        ({"extractor": "cifar10-small"}, f"features of cifar10-small, here of {INCEPTION}"),
        ({"selection": "best"}, "is of the best evaluation of the training, here of the last evaluation"),
    ],
)
def test_each_thing_that_differs_is_said_and_keeps_a_number_apart(ledgers, change, words):
    evidence = gathered(ledgers({"spectral_norm": ("....",)}, settings=(("slow", CIFAR),)))
    assert published(evidence, [row()]).apart == ()
    found = published(evidence, [row(**change)])
    assert found.matched == ()
    if "data set celebahq" not in words:
        assert found.apart[0].differs == (words,)
    assert differences(row(**change), evidence.plan["cells"][0]) == (words,)


def test_our_number_is_the_median_over_all_trials_with_failures_worst(ledgers):
    values = {0: 10.0, 1: 20.0, 2: 30.0, 3: 40.0, 4: 1.0}
    ledger = ledgers(
        {"spectral_norm": ("....c",)}, settings=(("slow", CIFAR),), quality=lambda label, place, seed: values[seed]
    )
    match = published(gathered(ledger), [row()]).matched[0]
    assert (match.ours, match.failed, match.trials, match.planned) == (30.0, 1, 5, 5)
    assert match.measure == "fid[50k_50k]"
    failing = ledgers({"spectral_norm": (".cc",)}, settings=(("slow", CIFAR),))
    assert math.isinf(published(gathered(failing), [row()]).matched[0].ours)


def test_a_number_that_could_not_be_computed_is_said_to_be_missing(ledgers):
    ledger = ledgers({"spectral_norm": ("..",)}, settings=(("slow", CIFAR),), definition=2, quality=lambda *_: math.nan)
    match = published(gathered(ledger), [row()]).matched[0]
    assert math.isnan(match.ours)
    assert match.unmeasured == 2


def test_numbers_of_other_data_sets_stay_apart_without_a_setting_of_ours(ledgers):
    found = published(gather(ledgers({"spectral_norm": ("..", "..")})), [row(), row(normalizer="bssn")])
    assert found.matched == found.near == ()
    assert [item.differs for item in found.far] == [("on cifar10, which is not measured here",)]
    assert "No published number is on ring and digits" in found.sentence


def test_numbers_on_our_data_sets_come_before_those_elsewhere(ledgers):
    evidence = gathered(ledgers({"spectral_norm": ("....",)}, settings=(("slow", CIFAR),)))
    found = published(evidence, [row(dataset="stl10"), row(n_fake="5000"), row()])
    assert [item.same_dataset for item in found.apart] == [True, False]
    assert [item.row.dataset for item in (*found.near, *found.far)] == ["cifar10", "stl10"]
    assert found.sentence == (
        "1 published number was measured by a protocol of ours; 1 other is on the same data sets, apart, with what differs."
        " They are not ranked together."
    )
    assert "1 is on the same data sets" in published(evidence, [row(n_fake="5000")]).sentence


def test_the_sentence_is_short_where_nothing_can_match(ledgers):
    nothing = published(gather(ledgers({"mine": ("..", "..")})))
    assert nothing.matched == nothing.apart == ()
    assert nothing.sentence == "No published number is on ring and digits, or of these normalizers."


def test_two_metrics_of_one_cell_are_told_apart(ledgers):
    small = {**MIMICRY, "extractor": "cifar10-small", "measures": ["fid"]}
    both = {"name": "composite", "parts": [small, {**MIMICRY, "measures": ["fid"]}]}
    kind = ("cifar10", "sngan_resnet", both, [("fid[cifar10-small:50k_50k]", "lower"), ("fid[50k_50k]", "lower")])
    found = published(gathered(ledgers({"spectral_norm": ("..",)}, settings=(("slow", kind),))), [row()])
    assert [match.measure for match in found.matched] == ["fid[50k_50k]"]


def test_values_are_decimals_so_that_no_digit_is_lost():
    assert row(value="23.90").value == Decimal("23.9")
    assert str(row(value="23.90").value) == "23.90"
