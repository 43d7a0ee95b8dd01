"""The networks of a cell, as the training loop builds them."""

from __future__ import annotations

from harness.cell import Cell
from harness.models.build import build_networks
from harness.models.network import Network
from harness.training.loop import Material


def networks_of(cell: Cell, material: Material) -> tuple[Network, Network]:
    shape = material.data.sample_shape
    return build_networks(cell.architecture, cell.normalizer, material.generator_default, shape)
