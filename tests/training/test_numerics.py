"""What PyTorch is set to while a trial trains; a GPU is only said to be there, its settings are real."""

from __future__ import annotations

import warnings

import pytest
import torch

from ganbench.harness.steps.execution_mode import ExecutionMode
from ganbench.harness.training.numerics import ProcessSettings

PRODUCTS, CONVOLUTIONS = torch.backends.cuda.matmul, torch.backends.cudnn.conv


@pytest.fixture(autouse=True)
def as_found(monkeypatch):
    """A GPU that is said to be there, and settings that are put back."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    before = PRODUCTS.fp32_precision, CONVOLUTIONS.fp32_precision
    yield
    PRODUCTS.fp32_precision, CONVOLUTIONS.fp32_precision = before


def settings() -> tuple[object, ...]:
    return (
        PRODUCTS.fp32_precision,
        CONVOLUTIONS.fp32_precision,
        torch.backends.cudnn.benchmark,
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
    )


@pytest.mark.parametrize("products", ["none", "ieee", "tf32"])
@pytest.mark.parametrize(
    ("execution", "expected"),
    [
        (ExecutionMode(), ("ieee", "ieee", True, False)),
        (ExecutionMode(tf32=True), ("tf32", "tf32", True, False)),
        (ExecutionMode(deterministic=True), ("ieee", "ieee", False, True)),
    ],
)
def test_settings_are_as_asked_and_afterwards_as_before_also_where_a_precision_had_been_set(
    products, execution, expected
):
    PRODUCTS.fp32_precision = products
    before = settings()
    with ProcessSettings(execution) as process:
        assert settings()[:4] == expected
        with process.paused():
            assert settings() == before
        assert settings()[:4] == expected
    assert settings() == before


def test_an_operation_without_a_deterministic_kernel_is_named_in_the_notes_and_other_warnings_are_shown():
    with (
        pytest.warns(UserWarning, match="something else") as shown,
        ProcessSettings(ExecutionMode(deterministic=True)) as process,
    ):
        for _ in range(2):
            warnings.warn("cumsum_cuda_kernel does not have a deterministic implementation, but you set", stacklevel=1)
        warnings.warn("something else", stacklevel=1)
    assert len(shown) == 1
    assert process.notes() == ["not deterministic: cumsum_cuda_kernel has no kernel that is"]


def test_without_determinism_nothing_is_noted():
    with pytest.warns(UserWarning), ProcessSettings(ExecutionMode()) as process:
        warnings.warn("cumsum_cuda_kernel does not have a deterministic implementation, but you set", stacklevel=1)
    assert process.notes() == []
