"""The Dirac-GAN (Mescheder et al. 2018): one parameter a side, where every step of the engine can be worked out by hand.

Data are a point at 0, the generator makes a point at theta, and D(x) = psi x. With the non-saturating loss, f(t) =
softplus, alternating steps of size h give

    psi   <- psi - h (theta s(psi theta) + gamma psi)        s the logistic function, gamma that of R1
    theta <- theta + h psi s(-psi theta)

whose linearization at (0, 0) without a penalty has determinant 1: it neither converges nor diverges, it cycles.
"""

from __future__ import annotations

import math

import pytest
import torch
from cells import CATALOG

from ganbench.baselines.r1 import R1
from ganbench.harness.models.network import Network
from ganbench.harness.normalizer import Normalizer
from ganbench.harness.steps.protocol import TrainingProtocol
from ganbench.harness.steps.step import Batch, NetworkState, State, make_step

NO_LATENT = torch.zeros(2, 1, 1)
DATA = torch.zeros(1, 1, 1)


class NoBias(Normalizer):
    def has_bias(self, layer):
        return False


class NoBiasR1(R1):
    def has_bias(self, layer):
        return False


def logistic(t: float) -> float:
    return 1 / (1 + math.exp(-t))


def dirac(loss: str, step_size: float, normalizer: Normalizer, **rules):
    """The engine's own step on networks of one parameter; the generator's weight sees a latent of 0 only."""
    generator = Network.build("generator", lambda net, z: net.linear("theta", z, 1, last=True), (1,), Normalizer())
    discriminator = Network.build(
        "discriminator", lambda net, x: net.linear("psi", x, 1, last=True).squeeze(1), (1,), normalizer
    )
    sgd = CATALOG.create("optimizer", "sgd")
    protocol = TrainingProtocol(CATALOG.create("loss", loss), sgd, step_size, step_size, **rules)
    step = make_step(generator, discriminator, protocol)

    def at(theta: float, psi: float) -> State:
        g = {"theta": {"weight": torch.zeros(1, 1), "bias": torch.tensor([theta])}}
        d = {"psi": {"weight": torch.tensor([[psi]])}}
        return State(NetworkState.start(g, {"theta": {}}, sgd), NetworkState.start(d, {"psi": {}}, sgd))

    def run(state: State, steps: int) -> list[tuple[float, float]]:
        path = []
        for now in range(steps):
            penalized = (now % protocol.penalty_every == 0,)
            state, _ = step(state, Batch(DATA, NO_LATENT, penalized=penalized), False)
            psi = float(state.discriminator.params["psi"]["weight"])
            path.append((float(state.generator.params["theta"]["bias"]), psi))
        return path

    return lambda theta, psi, steps: run(at(theta, psi), steps)


@pytest.mark.parametrize("gamma", [0.0, 0.3, 1.0, 2.0])
def test_every_step_is_the_one_worked_out_by_hand(gamma):
    h = 0.2
    normalizer = NoBiasR1(gamma=gamma) if gamma else NoBias()
    theta, psi = 0.7, -0.4
    path = dirac("non_saturating", h, normalizer)(theta, psi, 30)
    for found in path:
        psi = psi - h * (theta * logistic(psi * theta) + gamma * psi)
        theta = theta + h * psi * logistic(-psi * theta)
        assert found == pytest.approx((theta, psi), rel=1e-4, abs=1e-6)


def _linear_map(loss: str, h: float, normalizer: Normalizer, **rules) -> torch.Tensor:
    """The step's linearization at the equilibrium, by its action on two small vectors."""
    run, small = dirac(loss, h, normalizer, **rules), 1e-3
    columns = [[value / small for value in run(*start, 1)[0]] for start in ((small, 0.0), (0.0, small))]
    return torch.tensor(columns, dtype=torch.float64).T


@pytest.mark.parametrize("h", [0.1, 0.5, 1.0])
def test_alternating_steps_without_a_penalty_cycle_for_ever(h):
    """Determinant 1 and trace 2 - h^2/4: both eigenvalues lie on the unit circle for h < 4."""
    matrix = _linear_map("non_saturating", h, NoBias())
    assert float(torch.linalg.det(matrix)) == pytest.approx(1, abs=1e-4)
    assert float(torch.trace(matrix)) == pytest.approx(2 - h * h / 4, abs=1e-4)
    assert torch.linalg.eigvals(matrix).abs().max() == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("h", [0.1, 0.5])
def test_alternating_wgan_cycles_as_well(h):
    matrix = _linear_map("wgan", h, NoBias())
    assert float(torch.linalg.det(matrix)) == pytest.approx(1, abs=1e-4)
    assert float(torch.trace(matrix)) == pytest.approx(2 - h * h, abs=1e-4)


@pytest.mark.parametrize("h", [0.1, 0.5, 1.0])
@pytest.mark.parametrize(("loss", "slope"), [("non_saturating", 0.5), ("wgan", 1.0)])
def test_simultaneous_steps_spiral_out_with_the_exact_modulus(loss, slope, h):
    """Both eigenvalues are 1 +- i h f'(0): sqrt(1 + h^2/4) per step, and sqrt(1 + h^2) for WGAN."""
    matrix = _linear_map(loss, h, NoBias(), simultaneous=True)
    expected = math.sqrt(1 + (slope * h) ** 2)
    for value in torch.linalg.eigvals(matrix).abs():
        assert float(value) == pytest.approx(expected, abs=1e-4)
    path = dirac(loss, h, NoBias(), simultaneous=True)(1e-3, 1e-3, 20)
    assert math.hypot(*path[-1]) == pytest.approx(1e-3 * math.sqrt(2) * expected**20, rel=1e-3)


def test_a_penalty_every_third_update_enters_three_times_as_strongly_and_not_in_between():
    h, gamma = 0.2, 0.3
    theta, psi = 0.7, -0.4
    path = dirac("non_saturating", h, NoBiasR1(gamma=gamma), penalty_every=3)(theta, psi, 10)
    for now, found in enumerate(path):
        lazy = 3 * gamma * psi if now % 3 == 0 else 0.0
        psi = psi - h * (theta * logistic(psi * theta) + lazy)
        theta = theta + h * psi * logistic(-psi * theta)
        assert found == pytest.approx((theta, psi), rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("gamma", [0.3, 1.0, 2.0])
def test_r1_makes_it_converge_with_the_published_eigenvalues(gamma):
    """In the limit of small steps the eigenvalues are 1 + h (-gamma +- sqrt(gamma^2 - 1)) / 2."""
    h = 0.01
    found = torch.linalg.eigvals(_linear_map("non_saturating", h, NoBiasR1(gamma=gamma)))
    root = torch.sqrt(torch.tensor(gamma**2 - 1, dtype=torch.complex128))
    expected = torch.stack([1 + h * (-gamma + sign * root) / 2 for sign in (-1, 1)])
    for value in expected:
        assert float((found - value).abs().min()) < 2e-3  # h^2, and float32
    assert found.abs().max() < 1
    path = dirac("non_saturating", 0.2, NoBiasR1(gamma=gamma))(0.7, -0.4, 300)
    assert math.hypot(*path[-1]) < 0.05 * math.hypot(*path[0])
