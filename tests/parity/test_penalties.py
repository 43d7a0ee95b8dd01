"""The gradient penalties of the large study's code are ours, in its units."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import parity
import pytest
import torch
from cells import CATALOG
from torch import Tensor

from ganbench.harness.planning.suite import load_suite

RECORD: dict[str, Any] = json.loads(Path(__file__).with_name("penalties.json").read_text())
SLOPE = 5e-4
"""The code adds 1e-4 to a squared gradient under the root, ours 1e-12."""


def images(name: str) -> Tensor:
    return torch.from_numpy(np.tanh(parity.drawn(name, tuple(RECORD["shape"]))))


def penalty(spec: dict[str, Any], noise_shape: tuple[int, ...]) -> float:
    weights = torch.from_numpy(parity.drawn("W", (RECORD["hidden"], images("real")[0].numel())))
    out = torch.from_numpy(parity.drawn("v", (RECORD["hidden"],)))
    noise = torch.from_numpy(parity.uniform("noise", noise_shape))
    normalizer = CATALOG.create("normalizer", spec)

    def discriminator(x: Tensor) -> Tensor:
        return torch.tanh(x.flatten(1) @ weights.T) @ out

    return float(normalizer.penalty(discriminator, images("real"), images("fake"), noise))


@pytest.mark.parametrize(("name", "theirs"), [("gradient_penalty", "wgangp"), ("dragan", "dragan")])
def test_the_penalty_of_the_large_study_is_that_of_its_code(name, theirs):
    specs = [cell["spec"]["normalizer"] for cell in load_suite("large-study").plan()["cells"]]
    (spec,) = {json.dumps(spec): spec for spec in specs if spec["name"] == name}.values()
    shape = tuple(RECORD["shape"])
    noise = shape[:1] if name == "gradient_penalty" else shape
    assert penalty(spec, noise) == pytest.approx(RECORD["penalties"][theirs], rel=SLOPE)
    assert penalty({"name": name}, noise) != pytest.approx(RECORD["penalties"][theirs], rel=0.05), (
        "of images in [-1, 1]"
    )
