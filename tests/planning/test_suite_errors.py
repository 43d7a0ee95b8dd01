"""Bad suites: one message each, with file, line, key, what was found and the nearest valid name; nothing is written."""

from __future__ import annotations

import pytest
from in_process import ganbench_inside

from ganbench.harness.errors import SuiteError
from ganbench.harness.planning.suite import load_suite

ganbench = ganbench_inside


GOOD = """\
suite: good
version: 1
seeds: 2
normalizers:
  - none
  - bssn
grid:
  - dataset: ring8
    architecture: mlp
    metric: mode_coverage
    common: {steps: 10}
    settings:
      a: {lr_g: 1e-3, lr_d: 1e-3}
"""

BAD = {
    "unknown key": (GOOD.replace("seeds: 2", "seed_count: 2"), ["bad.yaml:3: seed_count: unknown key", "seeds"]),
    "unknown key in a block": (
        GOOD.replace("    metric:", "    metrics:"),
        ["bad.yaml:10: grid.0.metrics: unknown key; did you mean 'metric'?"],
    ),
    "unknown hyperparameter": (
        GOOD.replace("lr_d:", "lr_e:"),
        ["bad.yaml:13: grid.0.settings.a.lr_e: unknown key; did you mean 'lr_d'?"],
    ),
    "unknown normalizer": (
        GOOD.replace("- bssn", "- spectral_nrom"),
        ["bad.yaml:6: normalizers.1: unknown normalizer 'spectral_nrom'; did you mean 'spectral_norm'?"],
    ),
    "unknown parameter of a normalizer": (
        GOOD.replace("- bssn", "- {name: bssn, scael: 2}"),
        ["bad.yaml:6: normalizers.1: normalizer 'bssn': scael: unknown key; did you mean 'scale'?"],
    ),
    "parameter out of range": (
        GOOD.replace("- bssn", "- {name: bssn, scale: -1}"),
        ["bad.yaml:6: normalizers.1: normalizer 'bssn': scale: expected greater than 0, found -1"],
    ),
    "negative learning rate": (
        GOOD.replace("lr_g: 1e-3", "lr_g: -1e-3"),
        ["bad.yaml:13: grid.0.settings.a.lr_g: expected greater than 0, found -0.001"],
    ),
    "a bad value that stands in common": (
        GOOD.replace("{steps: 10}", "{steps: 0}"),
        ["bad.yaml:11: grid.0.common.steps: expected greater than or equal to 1, found 0"],
    ),
    "a missing value": (GOOD.replace("{steps: 10}", "{}"), ["grid.0.settings.a.steps: the key is missing"]),
    "unknown resource": (
        GOOD.replace("{steps: 10}", "{steps: 10, resources: {gpu: 0.25}}"),
        ["bad.yaml:11: grid.0.common.resources.gpu: unknown key; did you mean 'gpus'?"],
    ),
    "more than one GPU for a trial": (
        GOOD.replace("lr_d: 1e-3}", "lr_d: 1e-3, resources: {gpus: 2}}"),
        ["bad.yaml:13: grid.0.settings.a.resources.gpus: expected less than or equal to 1, found 2"],
    ),
    "infinite learning rate": (GOOD.replace("lr_g: 1e-3", "lr_g: .inf"), ["lr_g: expected", "found inf"]),
    "empty grid": (
        GOOD[: GOOD.index("grid:")] + "grid: []\n",
        ["bad.yaml:7: grid: is empty, expected at least one entry"],
    ),
    "no settings": (
        GOOD[: GOOD.index("    settings:")] + "    settings: {}\n",
        ["bad.yaml:12: grid.0.settings: is empty, expected at least one entry"],
    ),
    "the same cell twice": (
        GOOD + "      b: {lr_g: 0.001, lr_d: 0.001}\n",
        ["two cells are the same", "ring8 · mlp · none · a", "ring8 · mlp · none · b"],
    ),
    "a list": ("- a\n- b\n", ["bad.yaml:1: expected a mapping of keys to values, found a sequence"]),
    "nothing": ("", ["bad.yaml:1: expected a mapping of keys to values, found nothing"]),
    "no YAML": ("a: [1\nb: 2\n", ["bad.yaml:2: not valid YAML"]),
    "a key twice": (
        GOOD.replace("version: 1", "version: 1\nversion: 2"),
        ["bad.yaml:3: version: the key appears twice, first in line 2"],
    ),
    "an architecture that cannot make the data": (
        GOOD.replace("architecture: mlp", "architecture: dcgan"),
        ["bad.yaml:9: grid.0.architecture: architecture 'dcgan' makes square images"],
    ),
    "a metric that cannot judge the data": (
        GOOD.replace("metric: mode_coverage", "metric: fidelity"),
        [
            "bad.yaml:10: grid.0.metric: metric 'fidelity' extractor 'inception-v3-compat' takes images of three channels"
        ],
    ),
    "a normalizer that would do nothing": (
        GOOD.replace("- bssn", "- instance_norm"),
        ["bad.yaml:6: normalizers.1: normalizer 'instance_norm' needs feature maps", "(architecture mlp)"],
    ),
    "a normalizer twice": (
        GOOD.replace("- bssn", "- {name: none}"),
        ["bad.yaml:6: normalizers.1: 'none' is the same as normalizers.0"],
    ),
    "leaving out what is not there": (
        GOOD.replace("    common:", "    without: [bsn]\n    common:"),
        ["bad.yaml:11: grid.0.without: 'bsn' is not among the normalizers; did you mean 'bssn'?"],
    ),
    "a generator's normalizer that does not exist": (
        GOOD.replace("architecture: mlp", "architecture: {name: mlp, generator_normalizer: batch_nrom}"),
        ["bad.yaml:9: grid.0.architecture", "unknown normalizer 'batch_nrom'; did you mean 'batch_norm'?"],
    ),
    "a decay that begins after the end": (
        GOOD.replace("{steps: 10}", "{steps: 10, lr_decay_from: 2}"),
        ["bad.yaml:11: grid.0.common.lr_decay_from: expected less than or equal to 1, found 2"],
    ),
    "a baseline that is not run": (
        GOOD.replace("seeds: 2", "seeds: 2\nbaseline: bsn"),
        ["bad.yaml:4: baseline: 'bsn' is not among the normalizers; did you mean 'bssn'?"],
    ),
    "a name that leaves its folder": (GOOD.replace("suite: good", "suite: ../../etc"), ["bad.yaml:1: suite: expected"]),
}


@pytest.fixture
def bad(tmp_path):
    def write(text: str):
        path = tmp_path / "bad.yaml"
        path.write_text(text)
        return path

    return write


def test_the_good_suite_is_good(bad):
    assert len(load_suite(bad(GOOD)).cells) == 2


def test_a_block_can_leave_normalizers_out(bad):
    text = GOOD.replace("- bssn", "- instance_norm").replace("    common:", "    without: [instance_norm]\n    common:")
    assert [cell.normalizer.name for cell in load_suite(bad(text)).cells] == ["none"]


@pytest.mark.parametrize("case", BAD)
def test_a_bad_suite_gets_one_message_that_says_where_and_what(bad, case):
    text, expected = BAD[case]
    with pytest.raises(SuiteError) as caught:
        load_suite(bad(text))
    for part in expected:
        assert part in str(caught.value)
    assert len(caught.value.problems) == (2 if case == "the same cell twice" else 1)  # one for each normalizer


def test_all_problems_of_a_file_are_told_at_once(bad):
    text = (
        GOOD.replace("- bssn", "- bssm")
        .replace("lr_g: 1e-3", "lr_g: x")
        .replace("architecture: mlp", "architecture: mpl")
    )
    with pytest.raises(SuiteError) as caught:
        load_suite(bad(text))
    assert len(caught.value.problems) == 3


@pytest.mark.parametrize("case", ["unknown normalizer", "negative learning rate", "empty grid", "a list"])
def test_the_command_ends_with_2_and_writes_nothing(bad, ganbench, tmp_path, case):
    text, expected = BAD[case]
    done = ganbench("run", bad(text), "--results", tmp_path / "out", "--address", "inline")
    assert done.returncode == 2
    assert expected[0].removeprefix("bad.yaml") in done.stderr
    assert "Traceback" not in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.yaml"]


def test_an_unknown_suite_names_the_nearest_shipped_one(ganbench):
    done = ganbench("plan", "quikc")
    assert done.returncode == 2
    assert "did you mean 'quick'?" in done.stderr
