"""Identities: golden, independent of labels and defaults, and different where results would differ."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ganbench.harness.canonical import digest
from ganbench.harness.cells.cell import Trial
from ganbench.harness.cells.points import even_points
from ganbench.harness.cells.resources import Resources
from ganbench.harness.planning.suite import load_suite
from ganbench.harness.plugins.registry import Catalog

GOLDEN_HASH = "d30bec44efd8d5be31cb"
GOLDEN_FIRST_TRIAL = "c0d2773fddcba3356572"


@pytest.fixture(scope="module")
def cells():
    return load_suite("quick").cells


def test_identities_are_golden():
    """A change here makes every committed trial run again; raise IDENTITY_VERSION if that is meant."""
    suite = load_suite("quick")
    assert suite.hash() == GOLDEN_HASH
    assert suite.trials()[0].id == GOLDEN_FIRST_TRIAL


def test_the_settings_name_is_not_part_of_the_identity(cells):
    assert replace(cells[0], setting="another name").id == cells[0].id


def test_what_a_trial_runs_on_is_not_part_of_the_identity(cells):
    assert replace(cells[0], resources=Resources(4, 0.5, 16)).id == cells[0].id


def test_a_trials_identity_is_the_hash_of_its_specification(cells):
    for cell in cells:
        assert Trial(cell, 3, 5).id == digest(Trial(cell, 3, 5).spec())


def test_writing_a_default_out_does_not_change_the_identity(cells):
    catalog = Catalog()
    short = replace(cells[0], normalizer=catalog.create("normalizer", "bssn"))
    long = replace(cells[0], normalizer=catalog.create("normalizer", {"name": "bssn", "scale": 1}))
    assert short.id == long.id


@pytest.mark.parametrize(
    "change",
    [
        {"lr_g": 2e-3},
        {"steps": 7},
        {"n_dis": 3},
        {"batch_size": 9},
        {"evaluations": 3},
        {"simultaneous": True},
        {"lr_decay_from": 0.0},
        {"clip_norm": 1.0},
        {"penalty_every": 16},
        {"ema": 0.999},
    ],
)
def test_every_hyperparameter_is_part_of_the_identity(cells, change):
    assert replace(cells[0], **change).id != cells[0].id


def test_another_version_of_a_plugin_is_another_cell(cells):
    class Newer(type(cells[0].normalizer)):
        version = "2"

    assert replace(cells[0], normalizer=Newer()).id != cells[0].id


def test_seed_and_suite_seed_are_part_of_a_trials_identity(cells):
    trial = Trial(cells[0], 0, 0)
    assert len({trial.id, Trial(cells[0], 0, 1).id, Trial(cells[0], 1, 0).id}) == 3


def test_a_cell_rebuilt_from_its_specification_is_the_same(cells):
    catalog = Catalog()
    for cell in cells:
        assert type(cell).from_spec(cell.spec(), catalog, cell.setting).id == cell.id


@pytest.mark.parametrize(("steps", "count"), [(10, 3), (7, 7), (5, 20), (1, 1), (1200, 200)])
def test_even_points_end_at_the_budget_and_do_not_repeat(steps, count):
    points = even_points(steps, count)
    assert points == sorted(set(points))
    assert len(points) == min(steps, count)
    assert points[-1] == steps
    assert points[0] >= 1
