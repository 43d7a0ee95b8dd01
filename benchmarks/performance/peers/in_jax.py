"""Cells of the quick suite in JAX: a step compiled by XLA, twenty in one call, and eight seeds at once; on one core.

Needs `pip install 'ganbench[jax]'`. Networks, losses, optimizer and first values are those of our cell; how far logits of
one batch are apart is measured with the times. Layouts are those that XLA likes best: channels last, and rows of maps in
that order.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import torch

from ganbench.harness.cells.cell import Cell, Trial
from ganbench.harness.training.training import Training
from performance.cells import endless, material_of
from performance.clocks import in_turns
from performance.peers.loop import decoded
from performance.stepping import HOWS, begun

SCANNED, SEEDS = 20, 8
"""Steps in one call, and seeds in one step."""

Params = dict[str, dict[str, Any]]


def jax_steps(name: str, block: int, repeats: int) -> dict[str, Any]:
    """Measure a cell's step in JAX and ours in turns, in milliseconds per step and seed.

    Args:
        name: ``"ring8"`` or ``"digits"``.
        block: Steps of each side in a round; a multiple of :data:`SCANNED`.
        repeats: Counted rounds.
    """
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    os.environ |= {"JAX_PLATFORMS": "cpu", "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false"}
    import jax

    cell, material = endless(name), material_of(endless(name))
    peer = Peer(cell, decoded(material))
    first = Training(Trial(cell, 0, 0), material)
    difference = peer.difference(first)
    seeds = [peer.state(Training(Trial(cell, 0, seed), material), seed) for seed in range(SEEDS)]
    step = jax.jit(peer.step, donate_argnums=0)
    scan = jax.jit(lambda state: jax.lax.scan(lambda s, _: (peer.step(s), None), state, None, length=SCANNED)[0])
    many = jax.vmap(peer.step)
    both = jax.jit(lambda state: jax.lax.scan(lambda s, _: (many(s), None), state, None, length=SCANNED)[0])

    def advance(training: Training) -> Callable[[], object]:
        return lambda: [training.advance(observe=False) for _ in range(block)]

    stacked = jax.tree.map(lambda *parts: jax.numpy.stack(parts), *seeds)
    works = {
        "jax": _repeated(step, peer.state(first, 0), block),
        "jax_scan": _repeated(scan, peer.state(first, 0), block // SCANNED),
        "jax_seeds": _repeated(both, stacked, block // SCANNED),
        **{way: advance(begun(name, HOWS[way], material)) for way in ("replayed", "compiled")},
    }
    times = in_turns(works, repeats, block, "cpu")
    times["jax_seeds"] = [time / SEEDS for time in times["jax_seeds"]]
    return {"times": times, "block": block, "difference": difference, "version": jax.__version__}


def _repeated(step: Callable[[Any], Any], state: Any, times: int) -> Callable[[], None]:
    import jax

    held = [jax.tree.map(lambda part: part.copy(), state)]

    def run() -> None:
        for _ in range(times):
            held[0] = step(held[0])
        jax.block_until_ready(held[0])

    return run


class Peer:
    """A cell under spectral normalization and Adam, as functions of JAX.

    Args:
        cell: ``ring8`` with the MLP, or ``digits`` with the DCGAN.
        data: Its examples, decoded, [N, ...].
    """

    def __init__(self, cell: Cell, data: torch.Tensor) -> None:
        import jax.numpy as jnp

        self.cell, self.points = cell, data.dim() == 2
        self.data = jnp.asarray((data if self.points else data.permute(0, 2, 3, 1)).contiguous().numpy())

    def state(self, training: Training, seed: int) -> dict[str, Any]:
        """Return a training's first state."""
        import jax
        import jax.numpy as jnp

        g, d = self.params(training.state.generator.params), self.params(training.state.discriminator.params)
        u = [jnp.asarray(layer["u"].numpy()) for layer in training.state.discriminator.norm.values()]
        zero = [jax.tree.map(jnp.zeros_like, part) for part in (g, g, d, d)]
        return {"g": g, "d": d, "u": u, "slots": zero, "count": jnp.zeros(()), "key": jax.random.key(seed)}

    def params(self, ours: Any) -> Params:
        """Return parameters of ours: weights as [in, out], of convolutions as [k, k, in, out]."""
        import jax.numpy as jnp

        made: Params = {}
        for name, layer in ours.items():
            values = {key: value.detach() for key, value in layer.items()}
            weight = values.pop("weight")
            if weight.dim() == 4:
                weight = weight.flip(2, 3).permute(2, 3, 0, 1) if name.startswith("up") else weight.permute(2, 3, 1, 0)
            elif not self.points and name == "dense":
                rows = torch.arange(len(weight)).view(-1, 4).t().flatten()  # from channels, rows, columns
                weight = weight[rows].t()
                values = {key: value[rows] for key, value in values.items()}
            elif not self.points and name == "output":
                weight = weight[:, torch.arange(weight.shape[1]).view(-1, 4).t().flatten()].t()
            else:
                weight = weight.t()
            made[name] = {key: jnp.asarray(value.numpy()) for key, value in ({"weight": weight} | values).items()}
        return made

    def generate(self, g: Params, z: Any) -> Any:
        """Return samples, [B, ...]."""
        import jax
        import jax.numpy as jnp

        if self.points:
            x = jax.nn.relu(z @ g["hidden0"]["weight"] + g["hidden0"]["bias"])
            x = jax.nn.relu(x @ g["hidden1"]["weight"] + g["hidden1"]["bias"])
            return x @ g["output"]["weight"] + g["output"]["bias"]

        def normalized(x: Any, layer: dict[str, Any]) -> Any:
            axes = tuple(range(x.ndim - 1))
            scale = jax.lax.rsqrt(x.var(axes) + 1e-5)
            return jax.nn.relu((x - x.mean(axes)) * scale * layer["gamma"] + layer["beta"])

        def doubled(x: Any, w: Any) -> Any:
            form = ("NHWC", "HWIO", "NHWC")
            return jax.lax.conv_general_dilated(x, w, (1, 1), ((2, 2),) * 2, (2, 2), dimension_numbers=form)

        x = normalized(z @ g["dense"]["weight"], g["dense"]).reshape(len(z), 2, 2, -1)
        x = normalized(doubled(x, g["up1"]["weight"]), g["up1"])
        return jnp.tanh(doubled(x, g["up2"]["weight"]) + g["up2"]["bias"])

    def judge(self, d: Params, x: Any) -> Any:
        """Return logits, [B]."""
        import jax

        def leaky(x: Any) -> Any:
            return jax.nn.leaky_relu(x, 0.2)

        if self.points:
            x = leaky(x @ d["hidden0"]["weight"] + d["hidden0"]["bias"])
            x = leaky(x @ d["hidden1"]["weight"] + d["hidden1"]["bias"])
        else:
            form = ("NHWC", "HWIO", "NHWC")
            for name in ("down1", "down2"):
                x = jax.lax.conv_general_dilated(x, d[name]["weight"], (2, 2), ((1, 1),) * 2, dimension_numbers=form)
                x = leaky(x + d[name]["bias"])
            x = x.reshape(len(x), -1)
        return (x @ d["output"]["weight"] + d["output"]["bias"])[:, 0]

    def normalized(self, d: Params, u: list[Any]) -> tuple[Params, list[Any]]:
        """Divide weights by their largest singular values, by one step of power iteration."""
        import jax
        import jax.numpy as jnp

        made, after = {}, []
        for (name, layer), before in zip(d.items(), u, strict=True):
            matrix = layer["weight"].reshape(-1, layer["weight"].shape[-1])
            fixed = jax.lax.stop_gradient(matrix)
            right = fixed @ before
            right = right / jnp.linalg.norm(right)
            left = right @ fixed
            left = left / jnp.linalg.norm(left)
            made[name] = layer | {"weight": layer["weight"] / ((right @ matrix) @ left)}
            after.append(left)
        return made, after

    def losses(self) -> tuple[Callable[[Any, Any], Any], Callable[[Any], Any]]:
        """Return the discriminator's of logits, and the generator's."""
        from jax.nn import relu, softplus

        if self.cell.loss.name == "hinge":
            return lambda real, fake: relu(1 - real).mean() + relu(1 + fake).mean(), lambda fake: -fake.mean()
        return lambda real, fake: softplus(-real).mean() + softplus(fake).mean(), lambda fake: softplus(-fake).mean()

    def step(self, state: dict[str, Any]) -> dict[str, Any]:
        """Make one discriminator and one generator update."""
        import jax

        size, latent = self.cell.batch_size, self.cell.architecture.latent
        key, to_choose, to_draw = jax.random.split(state["key"], 3)
        real = self.data[jax.random.randint(to_choose, (size,), 0, len(self.data))]
        z = jax.random.normal(to_draw, (2, size, latent))
        d_loss, g_loss = self.losses()
        fake = self.generate(state["g"], z[0])

        def of_d(d: Params) -> tuple[Any, list[Any]]:
            weights, u = self.normalized(d, state["u"])
            return d_loss(self.judge(weights, real), self.judge(weights, fake)), u

        count = state["count"] + 1
        first_g, second_g, first_d, second_d = state["slots"]
        grads, u = jax.grad(of_d, has_aux=True)(state["d"])
        d, first_d, second_d = self.adam(state["d"], grads, first_d, second_d, count, self.cell.lr_d)
        weights, _ = self.normalized(d, u)
        grads = jax.grad(lambda g: g_loss(self.judge(weights, self.generate(g, z[1]))))(state["g"])
        g, first_g, second_g = self.adam(state["g"], grads, first_g, second_g, count, self.cell.lr_g)
        slots = [first_g, second_g, first_d, second_d]
        return {"g": g, "d": d, "u": u, "slots": slots, "count": count, "key": key}

    def adam(self, params: Any, grads: Any, first: Any, second: Any, count: Any, lr: float) -> tuple[Any, Any, Any]:
        """Kingma & Ba 2015, algorithm 1."""
        import jax
        import jax.numpy as jnp

        of: Any = self.cell.optimizer
        first = jax.tree.map(lambda m, g: of.beta1 * m + (1 - of.beta1) * g, first, grads)
        second = jax.tree.map(lambda v, g: of.beta2 * v + (1 - of.beta2) * g * g, second, grads)
        rate, root = lr / (1 - of.beta1**count), jnp.sqrt(1 - of.beta2**count)
        made = jax.tree.map(lambda p, m, v: p - rate * m / (jnp.sqrt(v) / root + of.eps), params, first, second)
        return made, first, second

    def difference(self, training: Training) -> float:
        """Return how far its logits of real and of generated samples are from ours, at the start, at most."""
        import numpy as np

        state, batch = self.state(training, 0), training.draw(1)
        weights, _ = training.discriminator.effective(
            training.state.discriminator.params, training.state.discriminator.norm
        )
        own, _ = training.generator.effective(training.state.generator.params, training.state.generator.norm)
        with torch.no_grad():
            fake = training.generator(own, batch.latents[0], batch.fade)
            ours = [training.discriminator(weights, x, batch.fade).numpy() for x in (batch.real[0], fake)]
        real = batch.real[0] if self.points else batch.real[0].permute(0, 2, 3, 1)
        d, _ = self.normalized(state["d"], state["u"])
        theirs = [self.judge(d, x) for x in (real.numpy(), self.generate(state["g"], batch.latents[0].numpy()))]
        return max(float(np.abs(np.asarray(a) - b).max()) for a, b in zip(theirs, ours, strict=True))
