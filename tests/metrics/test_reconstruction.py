"""The reconstruction error: a known optimum, images that do not mix, and splits that do not leak."""

from __future__ import annotations

import math

import pytest
import torch
from cells import STORE

from ganbench.harness.data.dataset import Data, hashed_order
from ganbench.harness.data.digits import Digits
from ganbench.harness.data.ring8 import Ring8
from ganbench.harness.metrics.metric import Generated
from ganbench.harness.metrics.reconstruction import FINAL, RUNNING, Reconstruction, reconstruction_errors

SHAPE = (3, 4, 4)


def linear_generator(latent: int = 6) -> torch.Tensor:
    """Columns of a linear map from latents to images."""
    return 0.1 * torch.randn((math.prod(SHAPE), latent), generator=torch.Generator().manual_seed(0))


def generate_with(matrix: torch.Tensor):
    return lambda z: (z @ matrix.T).view(-1, *SHAPE)


def images(count: int, seed: int = 1) -> torch.Tensor:
    return torch.rand((count, *SHAPE), generator=torch.Generator().manual_seed(seed)) * 2 - 1


def test_the_error_of_a_linear_generator_is_that_of_its_least_squares_projection():
    """G(z) = Mz: the nearest sample is the projection onto M's columns, at a distance that linear algebra knows."""
    matrix, x = linear_generator(), images(5)
    solution = torch.linalg.lstsq(matrix, x.flatten(1).T).solution
    expected = ((matrix @ solution - x.flatten(1).T) / 2).square().mean(dim=0)
    found = reconstruction_errors(generate_with(matrix), x, 6, steps=3000)
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-6)


def test_an_image_that_the_generator_makes_is_reconstructed_and_one_that_it_cannot_make_is_not():
    matrix = linear_generator()
    made = generate_with(matrix)(torch.full((1, 6), 0.3))
    assert float(reconstruction_errors(generate_with(matrix), made, 6, steps=500)) < 1e-4
    assert float(reconstruction_errors(generate_with(matrix), images(1), 6, steps=500)) > 1e-2


def test_an_images_error_does_not_depend_on_the_images_beside_it():
    matrix, x = linear_generator(), images(40)
    together = reconstruction_errors(generate_with(matrix), x, 6, steps=50)
    alone = torch.cat([reconstruction_errors(generate_with(matrix), one[None], 6, steps=50) for one in x])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-7)


def test_the_first_step_is_the_papers_rmsprop_by_hand():
    """One latent, one weight: z1 = 0 - lr * g / (sqrt(0.1 g^2) + eps), which is lr / sqrt(0.1) against g's sign."""
    matrix, x = torch.ones((math.prod(SHAPE), 1)), torch.ones((1, *SHAPE))
    z = 0.01 / math.sqrt(0.1)
    found = reconstruction_errors(generate_with(matrix), x, 1, steps=1)
    assert float(found) == pytest.approx(((1 - z) / 2) ** 2, rel=1e-5)


def test_validation_and_test_images_are_disjoint_and_never_trained_on():
    data = Digits(held_out=300).load(STORE)
    seen: list[torch.Tensor] = []

    class Watched(Data):
        def decode(self, examples):
            seen.append(examples)
            return super().decode(examples)

    watched = Watched(data.examples, held_out=data.held_out)
    metric = Reconstruction(validation=100, test=200, steps=1)
    assert metric.check(Digits(held_out=300)) is None
    assert metric.fits(watched) is None

    def black(z: torch.Tensor) -> torch.Tensor:
        return z.sum() * 0 - torch.ones((len(z), 1, 8, 8))

    evaluate = metric.prepare(watched, STORE)
    running = evaluate(Generated(torch.empty(0), black, 4))
    validation = torch.cat(seen)
    assert math.isnan(running[FINAL])
    seen.clear()
    evaluate(Generated(torch.empty(0), black, 4, final=True))
    everything = torch.cat(seen)
    assert (len(validation), len(everything)) == (100, 300)
    assert torch.equal(everything[:100], validation)
    # The hashed order is a permutation, so 300 different held-out rows were used, each once.
    assert torch.equal(everything, data.held_out[hashed_order(300)])
    # And the images in them are not among the training images, but for digits that the data set holds twice.
    train = {image.numpy().tobytes() for image in data.examples}
    assert sum(image.numpy().tobytes() in train for image in everything) == 0


def test_without_held_out_images_or_with_too_few_it_is_refused_with_the_reason():
    assert "never trained on" in Reconstruction().check(Digits())
    assert "reconstructs images" in Reconstruction().check(Ring8())
    too_few = Reconstruction().fits(Digits(held_out=300).load(STORE))
    assert too_few == "needs 200 + 2000 images that are never trained on, and 300 are held out"


def test_a_generator_that_is_not_finite_gives_nan_and_no_exception():
    data = Digits(held_out=10).load(STORE)
    evaluate = Reconstruction(validation=5, test=5, steps=2).prepare(data, STORE)
    values = evaluate(Generated(torch.empty(0), lambda z: z.sum() * math.nan + torch.ones((len(z), 1, 8, 8)), 4))
    assert math.isnan(values[RUNNING])


def test_the_hashed_order_is_golden():
    """A change here changes which images are held out everywhere."""
    assert hashed_order(8).tolist() == GOLDEN
    assert sorted(hashed_order(1000).tolist()) == list(range(1000))


GOLDEN = [6, 3, 1, 7, 0, 2, 4, 5]
