"""A metric's weights are here before the first trial, or the sweep refuses, as it does for absent data."""

from __future__ import annotations

from pathlib import Path

import pytest
from published import encoded, pictures, write

SUITE = """\
suite: photographs
version: 1
seeds: 2
baseline: none
normalizers: [none, spectral_norm]
grid:
  - dataset: {{name: image_folder, path: "{folder}", side: 32}}
    architecture: {{name: dcgan, width: 4, latent: 4}}
    metric: {{name: fidelity, samples: 100, measures: [fid]}}
    common: {{steps: 2, evaluations: 1, log_points: 2, batch_size: 4}}
    settings: {{a: {{lr_g: 1e-4, lr_d: 1e-4}}}}
"""

COMMANDS = {
    "run": ("run", "photographs.yaml", "--address", "inline", "--tracking-uri", "off"),
    "run on ray": ("run", "photographs.yaml", "--tracking-uri", "off"),
    "try": ("try", "spectral_norm", "--suite", "photographs.yaml", "--address", "inline"),
}


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    write(tmp_path / "images", {f"{n}.png": encoded(image) for n, image in enumerate(pictures(8, 32, 32, 3))})
    (tmp_path / "photographs.yaml").write_text(SUITE.format(folder=tmp_path / "images"))
    return tmp_path / "photographs.yaml"


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_weights_that_are_neither_here_nor_to_be_had_are_refused_like_absent_data(
    command, suite, tmp_path, ganbench, monkeypatch
):
    monkeypatch.setenv("GANBENCH_INCEPTION", str(tmp_path / "absent.pth"))
    done = ganbench(*command)
    assert done.stderr == f"error: GANBENCH_INCEPTION names {tmp_path / 'absent.pth'}, where there is no file\n"
    assert not (tmp_path / "results").exists()
    suite.write_text(
        SUITE.format(folder=tmp_path / "no images").replace("fidelity,", "fidelity, extractor: cifar10-small,")
    )
    assert done.returncode == ganbench(*command).returncode == 2
