"""Small operations of a graph written otherwise, for a compiler that fuses them with what is around them.

A library's convolution costs tens of microseconds before it computes anything, which is most of it on a map of a few
pixels. As a matrix product, its windows are gathered by a loop that the compiler fuses with what comes before. Likewise a
matrix product of two columns is two sums. The numbers are the same up to rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import product as pairs
from types import MappingProxyType
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ganbench.harness.steps.graph import StepGraph

MOST_TERMS = 2_000_000
"""Multiplications of a convolution, above which a library's own is as fast or faster (``benchmarks/convolutions.py``)."""

THIN = 4
"""Rows, terms or columns of a product, up to which it is written as sums."""

aten = torch.ops.aten


def as_products(graph: StepGraph, example: list[Tensor]) -> StepGraph:
    """Return a graph in which convolutions of small maps are products, their gradients too, and thin products are sums.

    Args:
        graph: The step.
        example: Its inputs; tensors of four axes have their channels last.
    """
    from torch.fx.experimental.proxy_tensor import make_fx

    follow = make_fx(graph.module, decomposition_table=dict(WRITTEN), tracing_mode="fake", _allow_non_fake_inputs=True)
    module = follow(*example)
    module.graph.eliminate_dead_code()
    module.recompile()
    return StepGraph(module, graph.observed)


def _product(a: Tensor, b: Tensor) -> Tensor:
    """[M, K] times [K, N], where one of the three is so small that a library's call takes longer than the sums."""
    rows, terms, columns = *a.shape, b.shape[1]
    if terms <= THIN:
        made = a[:, :1] * b[:1]
        for index in range(1, terms):
            made = made + a[:, index : index + 1] * b[index : index + 1]
        return made
    if columns <= THIN:
        return torch.stack([(a * b[:, index]).sum(1) for index in range(columns)], dim=1)
    if rows <= THIN:
        return torch.stack([(a[index].unsqueeze(1) * b).sum(0) for index in range(rows)])
    return NotImplemented


def _sum_and_product(c: Tensor, a: Tensor, b: Tensor, beta: float = 1, alpha: float = 1) -> Tensor:
    made = _product(a, b) if beta == alpha == 1 else NotImplemented
    return made if made is NotImplemented else c + made


def _can(
    x: Sequence[int],
    w: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    transposed: bool,
    output_padding: Sequence[int],
    groups: int,
) -> bool:
    """Say whether a convolution is of a form that is written as products here, and small."""
    if len(x) != 4 or len(w) != 4 or groups != 1 or set(dilation) != {1} or any(output_padding):
        return False
    if len({*stride}) != 1 or len({*padding}) != 1 or w[2] != w[3]:
        return False
    s, p, k = stride[0], padding[0], w[2]
    # Either map of a convolution; a transposed one, and the gradient of one that is not, goes from the small to the large.
    small = [side if transposed else (side + 2 * p - k) // s + 1 for side in x[2:]]
    large = [s * (side - 1) - 2 * p + k if transposed else side for side in x[2:]]
    if k % s or any(b != s * a for a, b in zip(small, large, strict=True)):
        return False
    return x[0] * small[0] * small[1] * k * k * w[0] * w[1] <= MOST_TERMS


def _convolution(x: Tensor, w: Tensor, bias: Tensor | None, *how: Any) -> Tensor:
    if not _can(x.shape, w.shape, *how):
        return NotImplemented
    (stride, *_), (padding, *_), _, transposed, *_ = how
    made = _spread(x, w, stride, padding) if transposed else _gathered(x, w, stride, padding)
    return made if bias is None else made + bias.view(1, -1, 1, 1)


def _gradients(
    grad: Tensor, x: Tensor, w: Tensor, bias_sizes: Sequence[int] | None, *given: Any
) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
    *how, wanted = given
    if not _can(x.shape, w.shape, *how):
        return NotImplemented
    (s, *_), (p, *_), _, transposed, *_ = how
    of_x = of_w = None
    if wanted[0]:
        of_x = _gathered(grad, w, s, p) if transposed else _spread(grad, w, s, p)
    if wanted[1]:
        small, large = (x, grad) if transposed else (grad, x)
        of_w = _pixels(small).t() @ _rows(_windows(_padded(large, p, p), w.shape[2], s))
        of_w = of_w.view(w.shape[0], w.shape[2], w.shape[3], w.shape[1]).permute(0, 3, 1, 2)
    return of_x, of_w, grad.sum((0, 2, 3)) if wanted[2] else None


def _gathered(x: Tensor, w: Tensor, stride: int, padding: int) -> Tensor:
    """A convolution of x, [B, C, ...], with w, [O, C, k, k]."""
    windows = _windows(_padded(x, padding, padding), w.shape[2], stride)
    made = _rows(windows) @ _flat(w).t()
    return _channels_last(made.view(x.shape[0], windows.shape[2], windows.shape[3], w.shape[0]).permute(0, 3, 1, 2))


def _spread(x: Tensor, w: Tensor, stride: int, padding: int) -> Tensor:
    """A transposed convolution of x, [B, C, h, w], with w, [C, O, k, k], where stride divides k."""
    if stride == 1:
        return _gathered(x, w.flip(2, 3).transpose(0, 1), 1, w.shape[2] - 1 - padding)
    batch, _, height, width = x.shape
    many = w.shape[2] // stride
    # What every place sends to each of its k x k places, by channel. One of these is stride x j + c further: c says which
    # of the places between two of x's it is, and j of how many of x's a place has parts.
    sent = (_pixels(x) @ w.permute(0, 2, 3, 1).reshape(w.shape[0], -1)).view(
        batch, height, width, many, stride, many, stride, w.shape[1]
    )
    parts = [
        F.pad(sent[:, :, :, down, :, right], (0, 0) * 3 + (right, many - 1 - right, down, many - 1 - down))
        for down, right in pairs(range(many), repeat=2)
    ]
    made = sum(parts[1:], parts[0]).transpose(2, 3)
    made = made.reshape(batch, stride * (height + many - 1), stride * (width + many - 1), -1)
    made = made[:, padding : padding + stride * height, padding : padding + stride * width]
    return _channels_last(made.permute(0, 3, 1, 2))


def _padded(x: Tensor, before: int, after: int) -> Tensor:
    return F.pad(x, (before, after, before, after))


def _windows(x: Tensor, size: int, stride: int) -> Tensor:
    """Return what each place of a convolution of x, [B, C, ...], sees: [B, C, h, w, k, k]."""
    return x.unfold(2, size, stride).unfold(3, size, stride)


def _rows(windows: Tensor) -> Tensor:
    """[B, C, h, w, k, k] as [B h w, k k C]: channels, which lie next to each other, stay so."""
    batch, _, height, width, *_ = windows.shape
    return windows.permute(0, 2, 3, 4, 5, 1).reshape(batch * height * width, -1)


def _flat(w: Tensor) -> Tensor:
    """[O, C, k, k] as [O, k k C]."""
    return w.permute(0, 2, 3, 1).reshape(w.shape[0], -1)


def _pixels(x: Tensor) -> Tensor:
    """[B, C, h, w] as [B h w, C]."""
    return x.permute(0, 2, 3, 1).reshape(-1, x.shape[1])


def _channels_last(x: Tensor) -> Tensor:
    return x.contiguous(memory_format=torch.channels_last)


WRITTEN: Mapping[Any, Callable[..., Any]] = MappingProxyType(
    {
        aten.convolution.default: _convolution,
        aten.convolution_backward.default: _gradients,
        aten.mm.default: _product,
        aten.addmm.default: _sum_and_product,
    }
)
"""Operations that are written otherwise, where they are small."""
