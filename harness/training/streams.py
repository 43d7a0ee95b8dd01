"""The named random streams of a trial.

Every random number of a trial comes from one of these streams, and each stream depends on nothing but the suite's seed,
the trial's seed, the trial's group (its cell without the normalizer) and the stream's name. So the same seed under two
normalizers sees the same data order, the same latents and the same initial raw weights, and outcomes can be compared in
pairs. Trials of different groups share nothing, also where their seeds have the same number: were a seed the same start
everywhere, a seed that is unlucky in one cell could be unlucky in all of them, and twenty cells with eight seeds would be
eight observations, not 160. There is no global random state.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING
from zlib import crc32

import numpy as np

if TYPE_CHECKING:
    import torch


class Stream(StrEnum):
    """What a stream's numbers are used for."""

    DATA = "data"
    """Which examples enter which batch."""
    LATENT = "latent"
    """The generator's input during training."""
    GENERATOR_INIT = "generator_init"
    DISCRIMINATOR_INIT = "discriminator_init"
    EVALUATION = "evaluation"
    """The latents that evaluations and sample grids use, fixed within a trial."""
    NORMALIZER = "normalizer"
    """The only stream that a plugin draws from, so that it cannot disturb the pairing of the others."""
    PENALTY = "penalty"
    """The noise that penalties are given in each step."""
    FLIP = "flip"
    """Which images of which batch are mirrored."""


def stream_seed(suite_seed: int, seed: int, group: str, stream: Stream) -> int:
    """Derive the 63-bit seed of one stream.

    ``numpy.random.SeedSequence`` mixes the numbers; it is specified to give the same values on every platform
    and in every version. The name enters through CRC-32, because Python's ``hash`` differs between processes.

    Args:
        suite_seed: The suite's seed, at least 0.
        seed: The trial's seed index, at least 0.
        group: Identity of the trial's group, hexadecimal digits.
        stream: The stream.

    Returns:
        A number in [0, 2**63).
    """
    sequence = np.random.SeedSequence(entropy=(suite_seed, seed, int(group, 16)), spawn_key=(crc32(stream.encode()),))
    return int(sequence.generate_state(1, np.uint64)[0] >> np.uint64(1))


def open_stream(suite_seed: int, seed: int, group: str, stream: Stream) -> torch.Generator:
    """Return the stream as a CPU generator at its start.

    Draws are made on the CPU and moved to the device, so that a trial sees the same numbers on every device.
    """
    import torch

    return torch.Generator(device="cpu").manual_seed(stream_seed(suite_seed, seed, group, stream))


def open_streams(suite_seed: int, seed: int, group: str) -> dict[Stream, torch.Generator]:
    """Return all streams of a trial, each at its start."""
    return {stream: open_stream(suite_seed, seed, group, stream) for stream in Stream}
