"""Random streams: stable over processes and versions, apart from each other, and untouched by the normalizer."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from cells import IMAGES, TOY, a_cell, a_training

from ganbench.harness.normalizer import Normalizer
from ganbench.harness.plugins.registry import Catalog
from ganbench.harness.training.streams import Stream, open_stream, stream_seed
from ganbench.harness.training.training import Training

CODE = (
    "from ganbench.harness.training.streams import Stream, stream_seed; "
    "print([stream_seed(2021, 3, 'ab', s) for s in Stream])"
)


def test_stream_seeds_are_golden():
    """A change here changes every result ever recorded; raise IDENTITY_VERSION with it."""
    assert [stream_seed(0, 0, "0", stream) for stream in Stream] == [GOLDEN[stream] for stream in Stream]


GOLDEN = {
    Stream.DATA: 3509910692935324612,
    Stream.LATENT: 6881501844302292880,
    Stream.GENERATOR_INIT: 5216300609241832626,
    Stream.DISCRIMINATOR_INIT: 8657825737539546143,
    Stream.EVALUATION: 2726762921338631876,
    Stream.NORMALIZER: 6414812781065343477,
    Stream.PENALTY: 9146396659988150164,
    Stream.FLIP: 3586601044005581973,
}


@pytest.mark.parametrize("hash_seed", ["0", "1", "random"])
def test_stream_seeds_do_not_depend_on_the_process(hash_seed):
    printed = subprocess.run(
        [sys.executable, "-c", CODE], env={"PYTHONHASHSEED": hash_seed}, capture_output=True, text=True, check=True
    ).stdout
    assert printed.strip() == str([stream_seed(2021, 3, "ab", stream) for stream in Stream])


def test_streams_of_one_trial_and_of_neighbouring_seeds_differ():
    seeds = {
        stream_seed(suite, seed, group, stream)
        for suite in (0, 1)
        for seed in range(50)
        for group in ("0", "1", "ab")
        for stream in Stream
    }
    assert len(seeds) == 2 * 50 * 3 * len(Stream)


def test_seed_zero_is_legal_and_not_special():
    first = torch.randn(4, generator=open_stream(0, 0, "0", Stream.LATENT))
    again = torch.randn(4, generator=open_stream(0, 0, "0", Stream.LATENT))
    assert torch.equal(first, again)
    assert not torch.equal(first, torch.randn(4, generator=open_stream(0, 1, "0", Stream.LATENT)))


def _training(normalizer: str, base: dict) -> Training:
    return a_training(a_cell(base, normalizer=normalizer, loss="hinge", n_dis=2, batch_size=8, steps=5), own_start=True)


@pytest.mark.parametrize("base", [TOY, IMAGES], ids=["toy", "images"])
def test_the_same_seed_under_two_normalizers_sees_the_same_weights_data_and_latents(base):
    seen = []
    for normalizer in ("none", *Catalog().names("normalizer")):
        training = _training(normalizer, base)
        if type(training.trial.cell.normalizer).initialize is not Normalizer.initialize:
            continue  # it is there to draw other weights; the next test is for it
        state = training.state
        raw = [
            layer["weight"] for network in (state.generator, state.discriminator) for layer in network.params.values()
        ]
        drawn = [training.draw(now) for now in (1, 2, 3)]
        seen.append([*raw, *(batch.real for batch in drawn), *(batch.latents for batch in drawn)])
    for other in seen[1:]:
        for a, b in zip(seen[0], other, strict=True):
            # The weights of features that a normalizer adds to a layer's input stand behind the others.
            assert torch.equal(a, b[:, : a.shape[1]] if a.dim() == 2 else b)


def test_a_normalizer_with_an_initialisation_of_its_own_sees_the_same_data_and_latents():
    seen = []
    for normalizer in ("none", "lecun", "orthogonal", "gradient_penalty"):
        batch = _training(normalizer, TOY).draw(1)
        assert (batch.noise is not None) == (normalizer == "gradient_penalty")
        seen.append((batch.real, batch.latents))
    assert all(torch.equal(a, b) for other in seen[1:] for a, b in zip(seen[0], other, strict=True))


@pytest.mark.parametrize("change", [{"lr_g": 2e-3}, {"loss": "wgan"}, {"architecture": {"name": "mlp", "width": 17}}])
def test_the_same_seed_in_another_group_is_another_start(change):
    """Cells are independent of each other, so that pairs of all of them can be counted together."""
    one, other = (
        a_training(a_cell(TOY, **{"loss": "hinge", "batch_size": 8, **item}), own_start=True) for item in ({}, change)
    )
    a, b = one.draw(1), other.draw(1)
    assert not torch.equal(a.latents, b.latents)
    assert not torch.equal(a.real, b.real)
    mine, theirs = (training.state.generator.params["output"]["weight"] for training in (one, other))
    assert not torch.equal(mine, theirs[:, : mine.shape[1]])
