"""A generator at rest: batch statistics that stand still, samples made in passes, and images that are mirrored."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from cells import CATALOG, IMAGES, TOY, a_cell, a_training

from ganbench.harness.training import sampling
from ganbench.harness.training.sampling import at_once, generate


def trained(normalizer: str = "batch_norm", **changes):
    """A training after some steps, whose generator has the named normalizer."""
    architecture = {"name": "dcgan", "width": 4, "latent": 8, "generator_normalizer": normalizer}
    training = a_training(a_cell({**IMAGES, "architecture": architecture}, **changes))
    for _ in range(5):
        training.advance(observe=False)
    return training


def latents(count: int) -> torch.Tensor:
    return torch.randn((count, 8), generator=torch.Generator().manual_seed(3))


@pytest.mark.parametrize("normalizer", CATALOG.names("normalizer"))
def test_a_settled_generators_sample_does_not_depend_on_its_neighbours(normalizer):
    """Whatever the generator's normalizer takes from a batch is kept, for every normalizer that a generator can have."""
    architecture = {"name": "dcgan", "width": 4, "latent": 8, "generator_normalizer": normalizer}
    training = a_training(a_cell({**IMAGES, "architecture": architecture}))
    generated = generate(training, latents(64))
    z = latents(6)
    together = generated.generate(z)
    alone = torch.cat([generated.generate(one[None]) for one in z])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)


def test_the_batch_that_settles_a_generator_is_itself_unchanged():
    training = trained()
    network, state = training.generator, training.state
    weights, _ = network.effective(state.shown, state.generator.norm)
    with torch.no_grad():
        expected = network(weights, latents(64))
        settled, made = network.settle(weights, latents(64))
        torch.testing.assert_close(made, expected, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(network(settled, latents(64)), expected, rtol=1e-4, atol=1e-5)
        # and without them a smaller batch has other statistics
        assert not torch.allclose(network(weights, latents(2)), expected[:2], atol=1e-3)


def test_samples_made_in_passes_are_those_of_the_settled_generator(monkeypatch):
    training = trained()
    monkeypatch.setattr(sampling, "at_once", lambda shape: 32)
    generated = generate(training, latents(100))
    assert generated.samples.shape == (100, 1, 8, 8)
    assert generated.samples.dtype == torch.uint8
    with torch.no_grad():
        again = training.material.data.encode(generated.generate(latents(100)))
    assert (again.int() - generated.samples.int()).abs().max() <= 1  # rounding may fall to either side


def test_a_pass_is_bounded_by_the_size_of_a_sample():
    assert [at_once(shape) for shape in ((2,), (3, 32, 32), (3, 64, 64), (3, 128, 128), (3, 1024, 1024))] == [
        1024,
        1024,
        341,
        85,
        64,
    ]


def test_only_the_last_step_is_final():
    training = trained(steps=6)
    assert not generate(training, latents(4)).final
    training.advance(observe=False)
    assert generate(training, latents(4)).final


def test_samples_that_are_not_finite_are_no_samples_in_whichever_pass_they_come(monkeypatch):
    training = trained("none")
    monkeypatch.setattr(sampling, "at_once", lambda shape: 2)
    bad = latents(5)
    assert generate(training, bad) is not None
    bad[4, 0] = float("nan")
    assert generate(training, bad) is None


def test_mirrored_batches_come_from_a_stream_of_their_own():
    """The same examples in the same order, about half of them mirrored; latents and everything else as without."""
    plain, mirrored = a_training(a_cell(IMAGES)), a_training(a_cell(IMAGES))
    mirrored.material = replace(mirrored.material, data=replace(mirrored.material.data, flips=True))
    turned = 0
    for step in range(1, 6):
        one, other = plain.draw(step), mirrored.draw(step)
        assert torch.equal(one.latents, other.latents)
        for x, y in zip(one.real.flatten(0, 1), other.real.flatten(0, 1), strict=True):
            assert torch.equal(y, x) or torch.equal(y, x.flip(-1))
            turned += not torch.equal(y, x)
    assert 20 <= turned <= 60  # of 80


def test_a_snapshot_continues_mirroring_where_it_was():
    def mirroring():
        training = a_training(a_cell(IMAGES))
        training.material = replace(training.material, data=replace(training.material.data, flips=True))
        return training

    whole, first, second = mirroring(), mirroring(), mirroring()
    for _ in range(6):
        whole.advance(observe=False)
    for _ in range(3):
        first.advance(observe=False)
    second.restore(first.snapshot())
    for _ in range(3):
        second.advance(observe=False)
    assert torch.equal(whole.draw(7).real, second.draw(7).real)


def test_points_are_generated_as_they_are():
    training = a_training(a_cell(TOY))
    generated = generate(training, torch.randn((10, training.trial.cell.architecture.latent)))
    assert generated.samples.shape == (10, 2)
    assert generated.samples.dtype == torch.float32
