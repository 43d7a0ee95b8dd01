"""Where a convolution written as a matrix product is faster than a library's, both compiled: by its multiplications.

    python benchmarks/convolutions.py [--repeats 5]

Of each shape a convolution, a transposed one back, and their gradients, on one thread, both sides in turns in one process.
The last column is how many times as fast the products are; ``MOST_TERMS`` in ``harness/steps/products.py`` comes from it.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
import torch.nn.functional as F
from performance.clocks import in_turns
from torch import Tensor
from torch.fx.experimental.proxy_tensor import make_fx

from ganbench.harness.steps import products
from ganbench.harness.steps.compiled import compiled, loaded
from ganbench.harness.steps.form import channels_last
from ganbench.harness.steps.graph import StepGraph
from ganbench.harness.steps.replayed import Run

SHAPES = (
    (32, 1, 16, 4, 4, 2),
    (32, 16, 32, 2, 4, 2),
    (32, 16, 16, 4, 3, 1),
    (32, 16, 32, 4, 4, 2),
    (64, 16, 32, 8, 3, 1),
    (64, 64, 64, 8, 3, 1),
)
"""Batch, channels, channels made, side of what is made, kernel, stride."""


def both(stride: int) -> Callable[[Tensor, Tensor, Tensor, Tensor], list[Tensor]]:
    """Return a convolution and a transposed one back, with the gradients of both."""

    def run(x: Tensor, w: Tensor, b: Tensor, back: Tensor) -> list[Tensor]:
        leaves = [tensor.detach().requires_grad_() for tensor in (x, w, b, back)]
        x, w, b, back = leaves
        made = F.leaky_relu(F.conv2d(x, w, b, stride=stride, padding=1), 0.2)
        again = F.conv_transpose2d(made, back, stride=stride, padding=1)
        return list(torch.autograd.grad((again * again).sum(), leaves))

    return run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(
        f"{'shape':32}{'terms':>14}{'library':>12}{'products':>12}{'ratio':>8}   products up to {products.MOST_TERMS:,}"
    )
    for batch, inputs, outputs, side, size, stride in SHAPES:
        x, w = torch.randn(batch, inputs, side * stride, side * stride), torch.randn(outputs, inputs, size, size)
        example = channels_last([x, w, torch.randn(outputs), w.clone()])
        graph = StepGraph(make_fx(both(stride), tracing_mode="fake")(*example), ())
        works: dict[str, Callable[[], object]] = {}
        with tempfile.TemporaryDirectory() as folder:
            for name, allowed in (("library", 0), ("products", 1 << 60)):
                products.MOST_TERMS = allowed
                content = compiled(graph, example, Path(folder))
                assert content is not None
                run = loaded(content, example, Path(folder))
                works[name] = partial(_block, run, example)
            times = in_turns(works, options.repeats, BLOCK, "cpu")
        ratio = statistics.median(a / b for a, b in zip(times["library"], times["products"], strict=True))
        shape = f"{batch}x{inputs}x{side * stride}² to {outputs}, k{size} s{stride}"
        library, ours = (statistics.median(times[name]) for name in ("library", "products"))
        terms = batch * inputs * outputs * (side * size) ** 2
        print(f"{shape:32}{terms:>14,}{library:>9.3f} ms{ours:>9.3f} ms{ratio:>7.2f}x", flush=True)


BLOCK = 20


def _block(run: Run, example: list[Tensor]) -> None:
    for _ in range(BLOCK):
        run(list(example))


if __name__ == "__main__":
    main()
