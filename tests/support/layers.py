"""Layers made by hand, as a normalizer sees them."""

from __future__ import annotations

from typing import Any

from ganbench.harness.normalizer.layers import Layer, identity


def a_layer(kind: str, shape: tuple[int, ...], **changes: Any) -> Layer:
    """A hidden layer of the discriminator, on feature maps of 3x3."""
    size = () if kind == "linear" else (3, 3)
    values = {
        "name": "l",
        "network": "discriminator",
        "kind": kind,
        "shape": shape,
        "stride": 1,
        "padding": 0,
        "input_size": size,
        "output_size": size,
        "activation": identity,
        "normalized": True,
        "last": False,
    }
    return Layer(**{**values, **changes})
