"""The suites of the papers: they plan without their data, start on files of official formats, and the small are small."""

from __future__ import annotations

import functools
import re
from dataclasses import replace
from pathlib import Path

import published
import pytest
import torch
from published import encoded, pictures, write
from rotating import of_today, rotating
from typer.testing import CliRunner

from ganbench.harness.cells.cell import Cell, Trial
from ganbench.harness.cells.resources import Resources
from ganbench.harness.cli import app
from ganbench.harness.data.image_files import FileDataset
from ganbench.harness.data.lsun_bedroom import LSUNBedroom
from ganbench.harness.data.store import Store
from ganbench.harness.metrics.composite import combine
from ganbench.harness.metrics.extractors.inception import INCEPTION
from ganbench.harness.metrics.extractors.registry import EXTRACTORS
from ganbench.harness.metrics.mode_coverage import ModeCoverage
from ganbench.harness.metrics.reconstruction import Reconstruction
from ganbench.harness.planning.suite import Suite, load_suite, shipped_suites
from ganbench.harness.plugins.registry import Catalog
from ganbench.harness.stability import METHOD_ERROR, load_definition
from ganbench.harness.training.workshop import Workshop
from ganbench.harness.worker.trial import run_trial

FULL = ("bssn", "weight-norm", "sngan-settings", "large-study", "stability-techniques", "standard")
SMALL = tuple(f"{name}-small" for name in FULL)
CATALOG = Catalog()


@functools.cache
def shipped(name: str) -> Suite:
    return load_suite(name, catalog=CATALOG)


@pytest.fixture(scope="module")
def suites() -> dict[str, Suite]:
    return {name: shipped(name) for name in shipped_suites()}


@pytest.fixture
def nothing_here(tmp_path, monkeypatch) -> Path:
    """A machine without any data or weights."""
    monkeypatch.delenv("GANBENCH_INCEPTION", raising=False)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setenv("GANBENCH_DATA", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "data"


@pytest.mark.parametrize("name", rotating(sorted(shipped_suites()), FULL, 3))
def test_every_shipped_suite_plans_without_its_data_and_names_what_to_fetch(name, suites, nothing_here, monkeypatch):
    # how long steps take is not asked here
    monkeypatch.setattr("ganbench.harness.planning.timing._timed", lambda cell, catalog: 1.0)
    done = CliRunner(env={"COLUMNS": "250"}).invoke(app, ["plan", name])
    assert done.exit_code == 0, done.output
    suite = suites[name]
    assert f"{len(suite.cells)} cells x {suite.seeds} seeds = {len(suite.cells) * suite.seeds} trials" in done.output
    assert f"to train: {len(suite.cells) * suite.seeds:,} trials" in done.output
    absent = {cell.dataset.name for cell in suite.cells if isinstance(cell.dataset, FileDataset)}
    assert set(re.findall(r"to fetch first: dataset '(\w+)'", done.output)) == absent
    unknown = [cell for cell in suite.cells if cell.resources.gpus]
    assert (f"nothing was measured yet of {len(unknown)} of these" in done.output) == bool(unknown)
    assert not nothing_here.exists()


@pytest.mark.parametrize("name", FULL + SMALL)
def test_a_papers_suite_cites_its_paper_declares_a_baseline_and_marks_its_departures(name, suites):
    assert suites[name].name == name
    assert suites[name].baseline is not None
    assert re.search(r"arXiv:\d{4}\.\d{5}", suites[name].text) or name == "stability-techniques-small"
    marked = re.findall(r"# departure(?: \([\w, ]+\))?: ", suites[name].text)
    assert marked and len(re.findall(r"departure\b", suites[name].text)) == len(marked)


def test_the_standard_suite_has_every_normalizer_at_least_twenty_settings_and_sixteen_seeds(suites):
    standard = suites["standard"]
    assert {cell.normalizer.name for cell in standard.cells} == set(CATALOG.names("normalizer"))
    assert {cell.normalizer.name for cell in suites["standard-small"].cells} == set(CATALOG.names("normalizer"))
    assert len({cell.group for cell in standard.cells}) >= 20
    assert standard.seeds == 16


def test_the_bssn_suite_has_the_released_grid(suites):
    cells = suites["bssn"].cells
    for dataset, count in (("cifar10", 19), ("stl10", 7), ("celeba", 7), ("imagenet", 4)):
        of_dataset = [cell for cell in cells if cell.dataset.name == dataset]
        for scaled, plain in (("ssn", "spectral_norm"), ("bssn", "bsn")):
            sweep = {cell.normalizer.label() for cell in of_dataset if cell.normalizer.name in (scaled, plain)}
            assert len(sweep) == count
        pairs = {(cell.lr_g, cell.lr_d) for cell in of_dataset if cell.n_dis == 1}
        rates = {1e-4, 2e-4}
        assert pairs == (set() if dataset == "imagenet" else {(g, d) for g in rates for d in rates})
        assert any(cell.n_dis == 5 for cell in of_dataset)


def test_the_page_of_costs_counts_what_the_suites_hold(suites):
    page = (Path(__file__).parents[2] / "docs" / "costs.md").read_text(encoding="utf-8")
    for name in FULL:
        suite = suites[name]
        steps = suite.seeds * sum(cell.steps for cell in suite.cells)
        updates = suite.seeds * sum(cell.steps * cell.n_dis for cell in suite.cells)
        assert f"| `{name}` | {suite.seeds * len(suite.cells):,} | {steps:,} | {updates:,} |" in page


# What reports/paper_claims/rules-2.md reads from them

READ = [
    ("bssn", None, ("spectral_norm", "none", "spectral_norm_conv")),
    ("bssn", "g1_d1", ("bsn", "bssn(scale=1.2)", "bssn(scale=1.6)")),
    ("weight-norm", "r200", ("none", "batch_norm", "weight_norm_strict")),
    ("stability-techniques", "saturating", ("none", "gradient_penalty")),
    ("stability-techniques", "non_saturating", ("none", "spectral_norm")),
]


@pytest.mark.parametrize(("name", "setting", "normalizers"), READ)
def test_the_cells_that_findings_are_read_from_are_there(name, setting, normalizers, suites):
    for form in (name, f"{name}-small"):
        groups: dict[str, set[str]] = {}
        for cell in suites[form].cells:
            if setting in (None, cell.setting):
                groups.setdefault(cell.group, set()).add(cell.normalizer.label())
        together = set().union(*groups.values())
        assert set(normalizers) <= together, form
        if setting is None:
            assert all(set(normalizers) <= found for found in groups.values())


def test_growing_and_not_growing_networks_have_the_same_recipe(suites):
    for form in ("stability-techniques", "stability-techniques-small"):
        recipes: dict[tuple[str, bool], set[tuple]] = {}
        for cell in suites[form].cells:
            if cell.setting == "published":
                said = (
                    cell.loss,
                    cell.optimizer,
                    cell.lr_g,
                    cell.n_dis,
                    cell.batch_size,
                    cell.steps,
                    cell.ema,
                    cell.normalizer.label(),
                    cell.architecture.model_copy(update={"grows": True}),
                )
                recipes.setdefault((cell.dataset.label(), cell.architecture.grows), set()).add(said)
        assert {grows for _, grows in recipes} == {True, False}
        for dataset, _ in recipes:
            assert recipes[dataset, True] == recipes[dataset, False]


# How small the small forms are: milliseconds of a plain step with one discriminator update, and of an evaluation, measured
# by the timer of `ganbench plan` on one core of two (AMD EPYC, busy), mean over normalizers without a gradient penalty.

MEASURED = {
    ("ring8", "mlp"): (2.7, 3),
    ("grid25", "mlp"): (3.0, 3),
    ("digits", "dcgan(latent=32, width=16)"): (7.8, 43),
    ("digits", "dcgan(latent=32, width=8)"): (6.0, 25),
    ("stacked_digits", "dcgan(latent=32, width=16)"): (10, 900),
    ("digits(side=32)", "dcgan(latent=32, width=4)"): (18, 57),
    ("digits(side=16)", "progressive(latent=32, base=128, widest=16)"): (15, 90),  # the mean of its phases
    ("digits(side=16)", "progressive(latent=32, base=128, widest=16, grows=False)"): (23, 90),
    ("digits(side=16, held_out=250)", "xiang_li_dcgan(latent=32, width=16)"): (11, 235),
    ("digits(side=16, held_out=250)", "xiang_li_resnet(latent=32, blocks=5, width=0.1)"): (65, 790),
}
PENALTIES = ("gradient_penalty", "dragan", "r1", "r2")
PENALIZED, DISCRIMINATING = 1.8, 3.3
"""What a penalty on gradients, and minibatch discrimination on the ring, multiply a step by, likewise."""


START = 0.5
"""Seconds until a trial's steps are ready to be replayed."""


def expected_seconds(cell: Cell) -> float:
    architecture = cell.architecture.model_copy(
        update={"generator_normalizer": type(cell.architecture)().generator_normalizer}
    )
    dataset = cell.dataset.name if cell.dataset.name == "ring8" else cell.dataset.label()
    step, evaluation = MEASURED[dataset, architecture.label()]
    if any(part in PENALTIES for part in cell.normalizer.label().split(" + ")):
        step *= PENALIZED
    if cell.normalizer.name == "minibatch_discrimination" and architecture.name == "mlp":
        step *= DISCRIMINATING
    return START + (step * (1 + 2 * cell.n_dis) / 3 * cell.steps + evaluation * (cell.evaluations + 1)) / 1000


@pytest.mark.parametrize("name", SMALL)
def test_a_small_form_keeps_to_the_minutes_on_two_cores_that_it_declares(name, suites):
    suite = suites[name]
    said = re.search(r"two cores and (\d+) minutes", suite.text.replace("\n#", ""))
    assert said is not None
    assert int(said[1]) <= 45
    minutes = suite.seeds * sum(map(expected_seconds, suite.cells)) / 2 / 60
    assert 15 < minutes < int(said[1])
    assert suite.seeds >= 8
    assert all(max(cell.dataset.sample_shape()[-1], 2) <= 32 for cell in suite.cells)
    assert all(cell.resources == Resources() for cell in suite.cells)


# Starting on the official formats


def _cifar10(dataset, store):
    return published.cifar10(pictures(8, 3, 32, 32), pictures(4, 3, 32, 32, seed=1))


def _stl10(dataset, store):
    return published.stl10({name: pictures(8, 3, 96, 96) for name in ("train", "unlabeled", "test")}, side=dataset.side)


def _celeba(dataset, store):
    faces = {f"{index:06}.jpg": encoded(picture) for index, picture in enumerate(pictures(12, 218, 178, 3), 1)}
    partition = "".join(f"{name} {code}\n" for name, code in zip(faces, "000000001222", strict=True))
    return published.celeba(faces, partition, side=dataset.side, split=dataset.split, flips=dataset.flips)


def _lsun(dataset, store):
    pytest.importorskip("lmdb")
    rooms = {f"{index:040x}": encoded(picture, "WEBP") for index, picture in enumerate(pictures(8, 140, 150, 3))}
    for part in ("train", "val"):
        published.lsun(store.files("lsun_bedroom") / f"bedroom_{part}_lmdb", rooms)
    return LSUNBedroom(side=dataset.side), {}


def _imagenet(dataset, store):
    classes = {
        f"n{index}": {f"n{index}_1.JPEG": encoded(pictures(1, 140, 150, 3, seed=index)[0])} for index in range(8)
    }
    validation = {
        f"ILSVRC2012_val_{index:08}.JPEG": encoded(picture) for index, picture in enumerate(pictures(4, 130, 130, 3))
    }
    return published.imagenet(classes, validation, side=dataset.side)


MADE_UP = {"cifar10": _cifar10, "stl10": _stl10, "celeba": _celeba, "lsun_bedroom": _lsun, "imagenet": _imagenet}


def first_cells() -> list:
    """The first cell of every data set and network that the full suites combine.

    Those that bring neither a new data set nor a new architecture take turns; those at 128 pixels take long.
    """
    first: dict[tuple[str, str], tuple[str, int]] = {}
    named: dict[tuple[str, str], tuple[str, str]] = {}
    for name in FULL:
        for number, cell in enumerate(shipped(name).cells):
            key = cell.dataset.label(), cell.architecture.label()
            first.setdefault(key, (name, number))
            named.setdefault(key, (cell.dataset.name, cell.architecture.name))
    short = [key for key in first if not _slow(key)]
    new = [key for place, key in enumerate(short) if set(named[key]) - {one for k in short[:place] for one in named[k]}]
    always = {*new, *of_today([key for key in short if key not in new], 2)}
    slow = [pytest.mark.long, pytest.mark.timeout(1800)]
    return [
        pytest.param(*where, id=f"{where[0]}-{where[1]}-{key[0]}-{key[1]}", marks=[] if key in always else slow)
        for key, where in first.items()
    ]


def _slow(key: tuple[str, str]) -> bool:
    large = key[1] == "sngan_cnn" and key[0].startswith("celeba")
    return large or "side=128" in key[0] or key[1].startswith(("progressive", "sngan_resnet"))


def reduced(metric):
    """The same metric on a few images."""
    if isinstance(metric, Reconstruction):
        return Reconstruction(validation=2, test=2, steps=2)
    if isinstance(metric, ModeCoverage):
        return ModeCoverage(samples=100)
    return metric.model_copy(update={"samples": 100 + len(metric.chosen)})  # apart, so that no two keys are one


class Thumbnails(torch.nn.Module):
    """An extractor without weights: small images are the features, their means the logits."""

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, ...]:
        small = torch.nn.functional.adaptive_avg_pool2d(images.float(), 4)
        return small.flatten(1), small.mean((2, 3))


@pytest.mark.parametrize(("name", "number"), first_cells())
def test_the_first_cells_of_a_full_suite_start_on_files_of_the_official_format(
    name, number, suites, tmp_path, monkeypatch
):
    stand_in = replace(EXTRACTORS[INCEPTION], make=lambda store: Thumbnails())  # the weights are not shipped
    monkeypatch.setitem(EXTRACTORS, INCEPTION, stand_in)
    store = Store(tmp_path / "data")
    cell = suites[name].cells[number]
    dataset = cell.dataset
    if dataset.name in MADE_UP:
        dataset, files = MADE_UP[dataset.name](dataset, store)
        write(store.files(dataset.name), files)
        assert dataset.spec() == cell.dataset.spec()
    few = {"batch_size": 4, "steps": 2, "evaluations": 1, "log_points": 2, "resources": Resources()}
    metric = combine([reduced(part) for part in cell.metric.parts()])
    cell = replace(cell, dataset=dataset, metric=metric, **few)
    record = run_trial(Workshop(CATALOG, store), Trial(cell, 0, 0), load_definition(2))
    assert record.verdict.outcome != METHOD_ERROR, record.verdict.message
    assert record.trace is not None
    assert list(record.trace.steps) == [1, 2]
    assert "diverged" not in record.verdict.modes
