"""Which device a trial computes on, and how much of it may be used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ganbench.harness.errors import InputError, MethodError

if TYPE_CHECKING:
    from ganbench.harness.cells.resources import Resources

CPU = "cpu"
CUDA = "cuda"


def device_of(resources: Resources, lanes: int = 1) -> str:
    """Return the device for a trial, and keep this process to its share of it.

    Ray counts shares of a GPU but keeps nobody to theirs: without a limit a neighbour's trial would be the one that finds
    no memory, and would be judged for it. Trials side by side have their shares together.

    Args:
        resources: What the trial has.
        lanes: Trials that this process trains side by side, the trial itself included.

    Raises:
        InputError: A GPU is asked for, and there is none.
    """
    if resources.gpus == 0:
        return CPU
    import torch

    if not torch.cuda.is_available():
        raise InputError(f"a trial asks for {resources.words()}, and PyTorch finds no GPU here; --gpus 0 uses the CPU")
    torch.cuda.set_per_process_memory_fraction(resources.together(lanes).gpus)
    return CUDA


def device_name(device: str) -> str:
    """Return a device for people: ``cpu``, or the GPU's model."""
    if device == CPU:
        return CPU
    import torch

    return str(torch.cuda.get_device_name(device))


class GPUMemoryError(MemoryError):
    """A GPU had no memory left, for the trial's own fault or not: no result."""


def out_of_memory(error: RuntimeError, share: float, lanes: int = 1) -> str:
    """Return the message of a method error, if that is what an exception of PyTorch amounts to.

    A GPU that is too small at the declared size is a result; a machine without memory is not. Nor is a trial that finds
    none beside others in its process: whose memory it was cannot be told apart.

    Args:
        error: What was raised.
        share: Of a GPU that the trial has.
        lanes: Trials that this process trains side by side.

    Raises:
        GPUMemoryError: Others on the GPU are to blame, or may be.
        MemoryError: The machine's memory is.
        RuntimeError: It is about something else.
    """
    import torch

    if not is_about_memory(error):
        raise error
    if isinstance(error, torch.OutOfMemoryError):
        if lanes > 1:
            raise GPUMemoryError(f"beside others in its process: {_first_line(error)}") from error
        free, total = torch.cuda.mem_get_info()
        if not is_own_fault(share, total, free, torch.cuda.memory_reserved()):
            raise GPUMemoryError(f"others use more of the GPU than is left to them: {_first_line(error)}") from error
        return f"out of memory on {share:g} of {device_name(CUDA)}: {_first_line(error)}"
    raise MemoryError(_first_line(error)) from error


def method_error_message(error: MethodError, share: float, lanes: int = 1) -> str:
    """Return the message of a method error that a hook of a plugin raised.

    Args:
        error: What was raised.
        share: Of a GPU that the trial has.
        lanes: Trials that this process trains side by side.

    Raises:
        MemoryError: It found no memory, and the machine or others on the GPU are to blame, or may be.
    """
    cause = error.__cause__
    if isinstance(cause, MemoryError):
        raise cause
    if isinstance(cause, RuntimeError) and is_about_memory(cause):
        return f"{out_of_memory(cause, share, lanes)}; {error}"
    return str(error)


def is_about_memory(error: RuntimeError) -> bool:
    """Say whether PyTorch found no memory, on a GPU or on the machine."""
    import torch

    return isinstance(error, torch.OutOfMemoryError) or "DefaultCPUAllocator" in str(error)


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)


def is_own_fault(share: float, total: int, free: int, held: int) -> bool:
    """Say whether a trial that found no memory on its GPU has itself to blame.

    Args:
        share: Of the GPU's memory that the trial may use, from 0 to 1.
        total: Bytes that the GPU has.
        free: Bytes that nobody uses.
        held: Bytes that this process uses.

    Returns:
        False where others use more than what is left to them: that is no verdict on the method.
    """
    others = total - free - held
    return others <= total * (1 - share) * 1.02
