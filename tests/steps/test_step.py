"""The step function: pure, resumable, and the same as the loop that anyone would write with torch's own pieces."""

from __future__ import annotations

import copy

import pytest
import torch
from cells import CATALOG, IMAGES, RESIDUAL, TOY, a_cell, a_training
from torch import nn
from torch.nn import functional as F

from ganbench.harness.models.network import leaves, with_leaves
from ganbench.harness.steps.step import State, gradients_of

NORMALIZERS = CATALOG.names("normalizer")


def make(normalizer: str, dataset: str = "ring8", n_dis: int = 1, loss: str = "non_saturating"):
    adam = {"name": "adam", "beta1": 0.5, "beta2": 0.9}
    base = TOY if dataset == "ring8" else IMAGES
    training = a_training(a_cell(base, normalizer=normalizer, n_dis=n_dis, loss=loss, optimizer=adam))
    return training.step, training.state, lambda: training.draw(1)


def tensors(state: State) -> list[torch.Tensor]:
    return [
        tensor
        for network in (state.generator, state.discriminator)
        for tensor in (
            *leaves(network.params),
            *leaves(network.norm),
            *(value for slot in network.slots.values() for value in slot),
            network.count,
        )
    ]


def equal(a: State, b: State) -> bool:
    return all(torch.equal(x, y) for x, y in zip(tensors(a), tensors(b), strict=True))


@pytest.mark.parametrize("dataset", ["ring8", "digits"])
@pytest.mark.parametrize("normalizer", NORMALIZERS)
def test_a_step_changes_neither_its_state_nor_its_batch(normalizer, dataset):
    step, state, draw = make(normalizer, dataset, n_dis=2)
    batch = draw()
    kept = copy.deepcopy((state, batch))
    after, _ = step(state, batch, True)
    assert equal(state, kept[0])
    assert torch.equal(batch.real, kept[1].real)
    assert torch.equal(batch.latents, kept[1].latents)
    assert not equal(state, after)


@pytest.mark.parametrize("normalizer", NORMALIZERS)
def test_training_from_a_saved_state_equals_uninterrupted_training_bitwise(normalizer, tmp_path):
    step, state, draw = make(normalizer, "digits")
    drawn = [draw() for _ in range(8)]
    straight = state
    for batch in drawn:
        straight, _ = step(straight, batch, False)
    for batch in drawn[:4]:
        state, _ = step(state, batch, False)
    torch.save(state, tmp_path / "state.pt")
    resumed = torch.load(tmp_path / "state.pt", weights_only=False)
    for batch in drawn[4:]:
        resumed, _ = step(resumed, batch, False)
    assert equal(straight, resumed)


@pytest.mark.parametrize("normalizer", NORMALIZERS)
def test_observing_does_not_change_training(normalizer):
    step, state, draw = make(normalizer)
    batch = draw()
    assert equal(step(state, batch, True)[0], step(state, batch, False)[0])
    assert step(state, batch, False)[1] == {}


def test_the_normalizers_state_advances_once_per_discriminator_update_and_not_with_the_generators():
    step, state, draw = make("spectral_norm", n_dis=1)
    batch = draw()
    after, _ = step(state, batch, False)
    spectral = CATALOG.create("normalizer", "spectral_norm")
    for name, layer in state.discriminator.params.items():
        _, once = spectral.reparameterize(layer["weight"], {}, state.discriminator.norm[name], _layer("ring8", name))
        assert torch.equal(once["u"], after.discriminator.norm[name]["u"])


def _layer(dataset: str, name: str):
    cell_networks = {"ring8": ("mlp", (2,)), "digits": ("dcgan", (1, 8, 8))}
    architecture, shape = cell_networks[dataset]
    from ganbench.harness.models.network import Network

    plugin = CATALOG.create("architecture", {"name": architecture, "width": 16})
    return Network.build("discriminator", plugin.discriminator, shape, CATALOG.create("normalizer", "none")).layers[
        name
    ]


@pytest.mark.parametrize("loss", ["non_saturating", "hinge"])
def test_ten_steps_equal_a_hand_written_loop_with_torchs_modules_and_adam(loss):
    """The engine in float32 against nn.Linear, autograd and torch.optim.Adam on the same numbers."""
    step, state, draw = make("none", n_dis=2, loss=loss)
    generator = _module(state.generator.params, nn.ReLU())
    discriminator = _module(state.discriminator.params, nn.LeakyReLU(0.2))
    adam_g = torch.optim.Adam(generator.parameters(), lr=1e-3, betas=(0.5, 0.9))
    adam_d = torch.optim.Adam(discriminator.parameters(), lr=2e-3, betas=(0.5, 0.9))
    for _ in range(10):
        batch = draw()
        state, seen = step(state, batch, True)
        for index in range(2):
            real, fake = discriminator(batch.real[index]), discriminator(generator(batch.latents[index]).detach())
            if loss == "hinge":
                d_loss = (1 - real).clamp(min=0).mean() + (1 + fake).clamp(min=0).mean()
            else:
                d_loss = F.binary_cross_entropy_with_logits(real, torch.ones_like(real))
                d_loss = d_loss + F.binary_cross_entropy_with_logits(fake, torch.zeros_like(fake))
            adam_d.zero_grad()
            d_loss.backward()
            d_norm = nn.utils.get_total_norm([p.grad for p in discriminator.parameters()])
            adam_d.step()
        fake = discriminator(generator(batch.latents[2]))
        g_loss = -fake.mean() if loss == "hinge" else F.binary_cross_entropy_with_logits(fake, torch.ones_like(fake))
        adam_g.zero_grad()
        g_loss.backward()
        adam_g.step()
        torch.testing.assert_close(seen["d_loss"], d_loss.detach(), rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(seen["g_loss"], g_loss.detach(), rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(seen["d_grad_norm"], d_norm, rtol=1e-3, atol=1e-5)
    for ours, theirs in ((state.generator, generator), (state.discriminator, discriminator)):
        for a, b in zip(leaves(ours.params), theirs.parameters(), strict=True):
            torch.testing.assert_close(a, b.detach(), rtol=1e-3, atol=1e-4)


def _module(params, activation: nn.Module) -> nn.Sequential:
    parts: list[nn.Module] = []
    for layer in params.values():
        linear = nn.Linear(layer["weight"].shape[1], layer["weight"].shape[0])
        linear.load_state_dict({"weight": layer["weight"].clone(), "bias": layer["bias"].clone()})
        parts += [linear, activation]
    return nn.Sequential(*parts[:-1])


def test_adam_is_right_for_gradients_that_are_not_contiguous():
    """Torch's fused Adam on the CPU misreads them; ours must not."""
    adam = CATALOG.create("optimizer", "adam")
    param, grad = torch.zeros(4, 6), torch.arange(24.0).reshape(6, 4).mT
    slots = adam.init([param])
    (plain,), _ = adam.update([param], [grad.contiguous()], slots, torch.ones(()), 1.0)
    (strided,), _ = adam.update([param], [grad], slots, torch.ones(()), 1.0)
    assert torch.equal(plain, strided)


@pytest.mark.parametrize("base", [IMAGES, RESIDUAL], ids=["plain", "residual"])
@pytest.mark.parametrize("name", NORMALIZERS)
def test_the_gradient_of_the_discriminators_whole_loss_equals_the_finite_difference(name, base):
    """Through reparameterization, activations, joins, features of the batch and penalties, along a random direction.

    In float64, and at a fixed point of the power iterations, where holding their vectors constant is exact.
    """
    training = a_training(a_cell(base, normalizer=name, batch_size=4))
    network, loss = training.discriminator, training.trial.cell.loss
    params, norm = (_double(tree) for tree in (training.state.discriminator.params, training.state.discriminator.norm))
    for _ in range(300):
        _, norm = network.effective(params, norm)
    batch = training.draw(1)
    draws = torch.Generator().manual_seed(0)
    real = batch.real[0].double()
    fake = torch.randn(real.shape, generator=draws, dtype=torch.float64)
    noise = None if batch.noise is None else batch.noise[0].double()

    def total(at):
        weights, _ = network.effective(at, norm)
        value = loss.discriminator(network(weights, real), network(weights, fake))
        penalty = network.penalty(weights, real, fake, noise)
        return value if penalty is None else value + penalty, ()

    grads, _ = gradients_of(total, params)
    direction = [torch.randn(grad.shape, generator=draws, dtype=torch.float64) for grad in grads]
    slope = sum(float((grad * along).sum()) for grad, along in zip(grads, direction, strict=True))
    size = 1e-6

    def moved(by: float) -> float:
        pairs = zip(leaves(params), direction, strict=True)
        return float(total(with_leaves(params, [param + by * along for param, along in pairs]))[0])

    assert slope == pytest.approx((moved(size) - moved(-size)) / (2 * size), rel=1e-3, abs=1e-6)


def _double(tree):
    return {name: {key: value.double() for key, value in layer.items()} for name, layer in tree.items()}
