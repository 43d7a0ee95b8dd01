"""What a compiled step is before the compiler has it: small operations written otherwise, and its numbers as an input."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from cells import IMAGES, a_cell, a_training
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.fx.experimental.proxy_tensor import make_fx

from ganbench.harness.steps.compiled import identity
from ganbench.harness.steps.form import batch_tensors, channels_last, state_tensors
from ganbench.harness.steps.graph import StepGraph, graph_of
from ganbench.harness.steps.numbers import as_tensor, with_numbers
from ganbench.harness.steps.products import MOST_TERMS, as_products

aten = torch.ops.aten
CONVOLUTIONS = {aten.convolution.default, aten.convolution_backward.default}


def followed(function, *example) -> StepGraph:
    return StepGraph(make_fx(function, tracing_mode="fake")(*example), ())


def called(graph: StepGraph) -> set:
    return {node.target for node in graph.module.graph.nodes if node.op == "call_function"}


def convolved(transposed: bool, stride: int, padding: int):
    """A convolution, and the gradients of half its square."""
    convolve = F.conv_transpose2d if transposed else F.conv2d

    def run(x, w, b):
        x, w, b = (tensor.detach().requires_grad_() for tensor in (x, w, b))
        made = convolve(x, w, b, stride=stride, padding=padding)
        return [made.detach(), *torch.autograd.grad((made * made).sum() / 2, [x, w, b])]

    return run


FORMS = st.tuples(
    st.sampled_from(
        [(3, 1, 1), (1, 1, 0), (5, 1, 2), (4, 2, 1), (2, 2, 0), (6, 2, 2), (6, 3, 0), (3, 2, 1), (4, 1, 0)]
    ),
    st.booleans(),
    st.integers(1, 3),
    st.integers(1, 4),
    st.integers(1, 4),
    st.tuples(st.integers(2, 4), st.integers(2, 4)),
)


@given(FORMS)
@settings(max_examples=20, deadline=None)
def test_whatever_is_written_as_products_has_the_values_and_the_gradients_of_the_convolution(form):
    (size, stride, padding), transposed, batch, inputs, outputs, (height, width) = form
    draw = torch.Generator().manual_seed(1)
    sides = (height, width) if transposed else (stride * height + size, stride * width + size)
    x = torch.randn(batch, inputs, *sides, generator=draw, dtype=torch.float64)
    shape = (inputs, outputs) if transposed else (outputs, inputs)
    w = torch.randn(*shape, size, size, generator=draw, dtype=torch.float64)
    b = torch.randn(outputs, generator=draw, dtype=torch.float64)
    example = channels_last([x, w, b])
    graph = followed(convolved(transposed, stride, padding), *example)
    written = as_products(graph, example)
    for made, expected in zip(written.module(*example), graph.module(*example), strict=True):
        torch.testing.assert_close(made, expected, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize(
    ("size", "stride", "padding", "transposed", "side"),
    [(3, 1, 1, False, 8), (3, 1, 1, True, 8), (4, 2, 1, False, 8), (4, 2, 1, True, 4), (1, 1, 0, False, 4)],
)
def test_the_convolutions_of_the_networks_are_written_as_products_where_they_are_small(
    size, stride, padding, transposed, side
):
    def graph(batch):
        x, w = torch.randn(batch, 4, side, side), torch.randn(4, 4, size, size)
        example = channels_last([x, w, torch.randn(4)])
        return as_products(followed(convolved(transposed, stride, padding), *example), example)

    assert not called(graph(2)) & CONVOLUTIONS
    many = MOST_TERMS // (16 * size**2 * (side if transposed else side // stride) ** 2) + 1
    assert called(graph(many)) >= CONVOLUTIONS


def test_an_unusual_convolution_stays_one():
    x, w = torch.randn(2, 4, 8, 8), torch.randn(4, 2, 3, 3)
    grouped = followed(lambda x, w: [F.conv2d(x, w, padding=1, groups=2)], x, w)
    spread = followed(lambda x, w: [F.conv2d(x, w, padding=2, dilation=2)], x, torch.randn(4, 4, 3, 3))
    for graph, weight in ((grouped, w), (spread, torch.randn(4, 4, 3, 3))):
        assert called(as_products(graph, [x, weight])) & CONVOLUTIONS


@pytest.mark.parametrize(
    ("rows", "terms", "columns"), [(7, 1, 5), (7, 3, 5), (7, 6, 1), (7, 6, 4), (2, 6, 5), (7, 6, 5)]
)
def test_a_thin_product_is_sums_and_another_stays_a_product(rows, terms, columns):
    draw = torch.Generator().manual_seed(1)
    a, b = (torch.randn(*s, generator=draw, dtype=torch.float64) for s in ((rows, terms), (terms, columns)))
    c = torch.randn(columns, generator=draw, dtype=torch.float64)
    graph = followed(lambda a, b, c: [a @ b, torch.addmm(c, a, b), torch.addmm(c, a, b, alpha=2)], a, b, c)
    written = as_products(graph, [a, b, c])
    thin = min(rows, terms, columns) <= 4
    assert (aten.mm.default in called(written)) != thin
    for made, expected in zip(written.module(a, b, c), graph.module(a, b, c), strict=True):
        torch.testing.assert_close(made, expected, rtol=1e-12, atol=1e-12)


def taken(**changes) -> tuple[str, list[float], StepGraph, list[torch.Tensor]]:
    """The identity of a cell's graph whose numbers are an input, these, the graph itself, and what it is given."""
    training = a_training(a_cell(**changes))
    batch = training.draw(1)
    given = state_tensors(training.state) + batch_tensors(batch)
    graph = graph_of(training.step, training.state, batch)
    program, numbers = with_numbers(graph)
    return identity(program, [*given, as_tensor(numbers)]), numbers, graph, given


@pytest.mark.parametrize(
    "changes",
    [{"lr_g": 0.3}, {"lr_d": 0.3}, {"optimizer": {"name": "adam", "beta1": 0.9, "beta2": 0.9, "eps": 1e-3}}],
    ids=str,
)
def test_cells_that_differ_in_a_rate_or_a_momentum_share_what_is_compiled(changes):
    one, numbers, *_ = taken()
    other, others, *_ = taken(**changes)
    assert one == other
    assert numbers != others and len(numbers) == len(others)


@pytest.mark.parametrize(
    "changes",
    [
        {"loss": "hinge"},
        {"n_dis": 2},
        {"optimizer": {"name": "adam", "beta1": 0.0}},  # no momentum at all
        {"architecture": {"name": "mlp", "width": 17}},
        {"normalizer": "weight_clipping"},
    ],
    ids=str,
)
def test_cells_that_differ_in_anything_else_do_not(changes):
    assert taken()[0] != taken(**changes)[0]


@pytest.mark.parametrize(
    "rules",
    [
        {},
        {**IMAGES, "normalizer": "bssn", "loss": "hinge"},
        {"optimizer": "rmsprop", "normalizer": "r1", "clip_norm": 1.0},
        {"optimizer": {"name": "sgd", "momentum": 0.9}, "normalizer": "weight_clipping"},
        {"lr_decay_from": 0.5, "ema": 0.9},
    ],
    ids=str,
)
def test_a_graph_with_its_numbers_as_an_input_makes_the_same_values(rules):
    _, numbers, graph, given = taken(**rules)
    program, _ = with_numbers(graph)
    assert numbers
    for made, expected in zip(program.module(*given, as_tensor(numbers)), graph.module(*given), strict=True):
        torch.testing.assert_close(made, expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("number", [-0.5, 0.0])
def test_a_power_of_a_number_that_has_no_logarithm_stays_in_the_graph(number):
    count = torch.tensor(3.0, dtype=torch.float64)
    graph = followed(lambda count: [number**count], count)
    program, numbers = with_numbers(graph)
    assert not numbers
    assert float(program.module(count, as_tensor(numbers))[0]) == number**3
