"""Optimizers against torch's own, over many steps."""

from __future__ import annotations

import pytest
import torch
from cells import CATALOG

PAIRS = [
    ({"name": "adam", "beta1": 0.5, "beta2": 0.9}, lambda p: torch.optim.Adam(p, 0.01, betas=(0.5, 0.9))),
    ({"name": "adam", "beta1": 0.0, "beta2": 0.99}, lambda p: torch.optim.Adam(p, 0.01, betas=(0.0, 0.99))),
    ({"name": "rmsprop", "alpha": 0.9, "eps": 1e-6}, lambda p: torch.optim.RMSprop(p, 0.01, alpha=0.9, eps=1e-6)),
    ("sgd", lambda p: torch.optim.SGD(p, 0.01)),
    ({"name": "sgd", "momentum": 0.9}, lambda p: torch.optim.SGD(p, 0.01, momentum=0.9)),
]


def test_every_optimizer_is_compared():
    assert {spec if isinstance(spec, str) else spec["name"] for spec, _ in PAIRS} == set(CATALOG.names("optimizer"))


@pytest.mark.parametrize(("spec", "theirs"), PAIRS)
def test_fifty_steps_equal_torchs(spec, theirs):
    draws = torch.Generator().manual_seed(0)
    optimizer = CATALOG.create("optimizer", spec)
    params = [torch.randn(shape, generator=draws, dtype=torch.float64) for shape in ((3, 4), (5,))]
    modules = [torch.nn.Parameter(param.clone()) for param in params]
    reference = theirs(modules)
    slots, count = optimizer.init(params), torch.zeros((), dtype=torch.float64)
    for _ in range(50):
        grads = [torch.randn(param.shape, generator=draws, dtype=torch.float64) for param in params]
        kept = [param.clone() for param in params]
        count = count + 1
        before = params
        params, slots = optimizer.update(params, grads, slots, count, 0.01)
        assert all(torch.equal(a, b) for a, b in zip(before, kept, strict=True))  # nothing in place
        for module, grad in zip(modules, grads, strict=True):
            module.grad = grad.clone()
        reference.step()
    for ours, module in zip(params, modules, strict=True):
        torch.testing.assert_close(ours, module.detach())
