"""Both networks of a cell, from its architecture and its normalizer."""

from __future__ import annotations

from ganbench.harness.models.architecture import Architecture
from ganbench.harness.models.network import Network
from ganbench.harness.models.phase import Phase
from ganbench.harness.normalizer import Normalizer


def build_networks(
    architecture: Architecture,
    normalizer: Normalizer,
    generator_default: Normalizer,
    sample_shape: tuple[int, ...],
    phase: Phase | None = None,
) -> tuple[Network, Network]:
    """Return the generator and the discriminator.

    Args:
        architecture: Their layer tables.
        normalizer: The cell's, applied to the networks that it is for.
        generator_default: The generator's own, where the cell's is for the discriminator alone.
        sample_shape: Shape of one sample.
        phase: How far they have grown; by default to their end.
    """
    if phase is None:
        phase = architecture.phases(sample_shape, steps=1)[-1]
    generator = Network.build(
        "generator",
        lambda net, z: architecture.generator(net, z, sample_shape),
        (architecture.latent,),
        normalizer.on("generator") or generator_default,
        phase,
    )
    discriminator = Network.build(
        "discriminator",
        architecture.discriminator,
        sample_shape,
        normalizer.on("discriminator") or Normalizer(),
        phase,
    )
    return generator, discriminator


def refusal(architecture: Architecture, normalizer: Normalizer, sample_shape: tuple[int, ...]) -> str | None:
    """Say why a normalizer makes no sense on an architecture's networks, or return None when it does."""
    networks = build_networks(architecture, normalizer, Normalizer(), sample_shape)
    reasons = (network.normalizer.refuse(network.layers) for network in networks)
    return next((reason for reason in reasons if reason), None)
