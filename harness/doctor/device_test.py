"""Does a device compute what this project says of it? Checks of minutes, each a line with figures.

They need PyTorch and what importing the harness needs, and no data, no Ray and no MLflow. Examples are random; what is
compared are steps, captures, lanes, checkpoints, memory and metrics on the device with themselves and with the processor.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

import torch

from ganbench.harness.doctor.device_bench import (
    Bench,
    DeviceTestError,
    FailingTape,
    advance,
    equal,
    numbers,
    of_type,
    seconds,
    turns,
)
from ganbench.harness.doctor.machine import Examined
from ganbench.harness.steps.agreement import relative_difference
from ganbench.harness.steps.execution_mode import ExecutionMode
from ganbench.harness.steps.form import batch_like, batch_tensors, state_like, state_tensors
from ganbench.harness.steps.program import Programs
from ganbench.harness.training.lanes import places, take_turns
from ganbench.harness.training.numerics import ProcessSettings

LIMIT_SECONDS = 600.0
"""After which no further check begins."""

DOUBLE, SINGLE = 1e-10, 1e-4
"""How far a step on the device may be from the processor's, of a tensor's largest value: in float64 and in float32."""

FRECHET = 1e-6
GROWTH = 1.05
"""What reserved memory may grow by between the tenth and the last of many trials in one process."""


def device_test(bench: Bench, limit: float = LIMIT_SECONDS) -> Iterator[Examined]:
    """Make the checks, one after the other, and yield a line of each.

    Args:
        bench: What is tested.
        limit: Seconds after which no further check begins.
    """
    begun = time.monotonic()
    for name, check in CHECKS.items():
        if time.monotonic() - begun > limit:
            yield Examined(name, f"not made: {limit:.0f} s are over", good=False)
            continue
        started = time.monotonic()
        try:
            said, good = check(bench), True
        except DeviceTestError as error:
            said, good = str(error), False
        except Exception as error:  # whatever it is, it is what the device does
            said, good = f"{type(error).__name__}: {next(iter(str(error).splitlines()), 'no message')}", False
        yield Examined(name, f"{said} ({time.monotonic() - started:.0f} s)", good)


def facts(bench: Bench) -> str:
    """Name the device and the libraries."""
    if bench.device == "cpu":
        return f"cpu, torch {torch.__version__}"
    free, total = torch.cuda.mem_get_info()
    return (
        f"{torch.cuda.get_device_name()}, {free / 2**30:.0f} of {total / 2**30:.0f} GiB free, torch {torch.__version__},"
        f" CUDA {torch.version.cuda}, cuDNN {torch.backends.cudnn.version()}"
    )


def plain_steps(bench: Bench) -> str:
    """Compare one plain step with the processor's, in float64 and float32, and what is drawn for it bit for bit."""
    worst = {torch.float64: 0.0, torch.float32: 0.0}
    for number in range(len(bench.architectures)):
        cell = bench.cell(number)
        here, there = bench.training(cell), bench.training(cell, device="cpu")
        batches = here.draw(1), there.draw(1)
        drawn, expected = (batch_tensors(batch) for batch in batches)
        if not all(torch.equal(one.cpu(), other) for one, other in zip(drawn, expected, strict=True)):
            raise DeviceTestError(f"{cell.architecture.name}: what is drawn is not what the processor draws")
        for dtype, allowed in ((torch.float64, DOUBLE), (torch.float32, SINGLE)):
            made = []
            for training, batch in zip((here, there), batches, strict=True):
                state = state_like(training.state, of_type(state_tensors(training.state), dtype))
                _, seen = training.step(state, batch_like(batch, of_type(batch_tensors(batch), dtype)), True)
                # Losses and gradients: Adam's first step is a sign, which rounding turns.
                made.append([seen[name].cpu() for name in sorted(seen) if not name.endswith("_update")])
            worst[dtype] = max(worst[dtype], relative_difference(*made))
            if not worst[dtype] <= allowed:
                words = f"{cell.architecture.name}: {worst[dtype]:.0e} from the processor's in {dtype}"
                raise DeviceTestError(f"{words}, at most {allowed:.0e} allowed")
    return f"within {worst[torch.float64]:.0e} of the processor's in float64, {worst[torch.float32]:.0e} in float32"


def programs_deterministic(bench: Bench) -> str:
    """Compare captured programs with plain steps under every normalizer, bit for bit, with deterministic kernels."""
    plainly = []
    with ProcessSettings(ExecutionMode(deterministic=True)) as settings:
        names = bench.normalizers or tuple(bench.catalog.names("normalizer"))
        for name in names:
            cell = bench.cell(1, name)
            plain, ours = bench.training(cell), bench.training(cell, bench.programs())
            for training in (plain, ours):
                advance(training, bench.steps)
            if ours.mode == "plain":
                plainly.append(f"{name} ({ours.notes[0] if ours.notes else 'no reason'})")
            if not equal(plain, ours):
                raise DeviceTestError(f"{name}: after {bench.steps} steps not the plain step's numbers")
        said = (
            f"{len(names) - len(plainly)} of {len(names)} normalizers captured, {bench.steps} steps equal bit for bit"
        )
        said += f"; plainly: {', '.join(plainly)}" if plainly else ""
        return said + "".join(f"; {note}" for note in settings.notes())


def programs_as_usual(bench: Bench) -> str:
    """Capture programs with the kernels that are used without ``--deterministic``, and compare them within the spread."""
    spread, exact = 0.0, 0
    with ProcessSettings(ExecutionMode()):
        for number in range(len(bench.architectures)):
            training = bench.training(bench.cell(number), bench.programs())
            advance(training, 9)
            if training.agreement is None:
                raise DeviceTestError(f"{training.trial.cell.architecture.name}: {'; '.join(training.notes)}")
            spread, exact = max(spread, training.agreement.spread), exact + training.agreement.exact
    many = len(bench.architectures)
    return f"{many} networks captured; {exact} repeat themselves bit for bit, the others within {spread:.0e}"


def failed_capture(bench: Bench) -> str:
    """Let a capture fail, and see that the stream is as before and that plain steps follow, equal to those without it."""
    cell = bench.cell(0)
    with ProcessSettings(ExecutionMode(deterministic=True)):
        plain, ours = bench.training(cell), bench.training(cell, Programs("replayed", FailingTape))
        stream = torch.cuda.current_stream() if bench.device == "cuda" else None
        for training in (plain, ours):
            for _ in range(5):
                training.advance(True)
        if ours.mode != "plain" or not ours.notes:
            raise DeviceTestError("a capture that failed was not noticed")
        if stream is not None and (torch.cuda.current_stream() != stream or torch.cuda.is_current_stream_capturing()):
            raise DeviceTestError("the stream is not as it was before")
        if not equal(plain, ours):
            raise DeviceTestError("plain steps after it make other numbers")
    return "noticed; the stream is as before, and plain steps follow"


def side_by_side(bench: Bench) -> str:
    """Train side by side, one lane with numbers that are not finite, and compare each with the same training alone."""
    cell, steps = bench.cell(0), 2 * bench.steps
    with ProcessSettings(ExecutionMode(deterministic=True)):
        alone = bench.training(cell, bench.programs())
        for _ in range(steps):
            alone.advance(False)
        alone.wait()
        for lanes in bench.lanes:
            programs = bench.programs(beside=True)
            trained = [bench.training(cell, programs) for _ in range(lanes)]
            bench.synchronize()
            works = (turns(training, steps, spoilt=lane == 1) for lane, training in enumerate(trained))
            for _ in take_turns(works, places(lanes, bench.device)):
                pass
            bench.synchronize()
            other = [lane for lane, training in enumerate(trained) if lane != 1 and not equal(alone, training)]
            if other:
                raise DeviceTestError(f"of {lanes} lanes, {len(other)} made other numbers than alone: {other}")
    return f"{', '.join(map(str, bench.lanes))} lanes equal a single training bit for bit, alongside one that is not finite"


def checkpoints(bench: Bench) -> str:
    """Go on from a snapshot in the middle, with new programs, and compare with a training that was not interrupted."""
    for cell in (bench.cell(0), bench.cell(0, ema=0.9, n_dis=2)):
        with ProcessSettings(ExecutionMode(deterministic=True)):
            whole, first = bench.training(cell, bench.programs()), bench.training(cell, bench.programs())
            advance(whole, bench.steps)
            advance(first, bench.steps // 2)
            first.wait()
            second = bench.training(cell, bench.programs())
            second.restore(first.snapshot())
            advance(second, bench.steps - bench.steps // 2)
            if not equal(whole, second):
                raise DeviceTestError("a training continued from a snapshot makes other numbers")
    return "trainings continued from a snapshot equal uninterrupted ones bit for bit"


def memory(bench: Bench) -> str:
    """Train one trial after the other in this process, and see whether memory grows."""
    if bench.device == "cpu":
        return "not asked of a processor"
    cell, held = bench.cell(0), []
    programs = bench.programs()
    for seed in range(bench.trials):
        training = bench.training(cell, programs, seed=seed)
        advance(training, 6)
        training.wait()
        del training
        held.append(torch.cuda.memory_reserved())
    before, after = held[len(held) // 5], held[-1]
    if after > GROWTH * before:
        raise DeviceTestError(f"{bench.trials} trials: from {before / 2**20:.0f} to {after / 2**20:.0f} MiB reserved")
    return f"{bench.trials} trials in one process, {after / 2**20:.0f} MiB reserved at the end, {before / 2**20:.0f} before"


def compiled(bench: Bench) -> str:
    """Compare compiled steps with plain ones in float64."""
    cell = bench.cell(0)
    plain, ours = bench.training(cell), bench.training(cell, bench.programs("compiled"))
    for training in (plain, ours):
        training.state = state_like(training.state, of_type(state_tensors(training.state), torch.float64))
    for now in range(1, 6):
        for training in (plain, ours):
            batch = training.draw(now)
            batch = batch_like(batch, of_type(batch_tensors(batch), torch.float64))
            training.state, _ = training.step(training.state, batch, False)
    if ours.mode != "compiled":
        raise DeviceTestError("; ".join(ours.notes) or "steps ran plainly")
    apart = relative_difference(numbers(ours), numbers(plain))
    if not apart <= 1e-8:
        raise DeviceTestError(f"after 5 steps {apart:.0e} from the plain step in float64")
    return f"after 5 steps within {apart:.0e} of the plain step in float64"


def precision(bench: Bench) -> str:
    """Multiply matrices with and without ``--tf32``, and compare both with float64."""
    generator = torch.Generator().manual_seed(0)
    one, other = (torch.randn(512, 512, generator=generator).to(bench.device) for _ in range(2))
    exact, found = one.double() @ other.double(), {}
    for tf32 in (False, True):
        with ProcessSettings(ExecutionMode(tf32=tf32)):
            found[tf32] = relative_difference([one @ other], [exact])
    if not found[False] <= 1e-5:
        raise DeviceTestError(f"products are {found[False]:.0e} from float64 although TF32 is off")
    return f"products within {found[False]:.0e} of float64, with --tf32 {found[True]:.0e}"


def metrics(bench: Bench) -> str:
    """Compute the Frechet distance of random features on the device and on the processor."""
    from ganbench.harness.metrics.frechet import Gaussian, Moments, factor, frechet_distance

    generator = torch.Generator().manual_seed(0)
    real, fake = (torch.randn(1000, 64, generator=generator) for _ in range(2))
    values = []
    for device in (bench.device, "cpu"):
        moments = Moments.of(real.to(device))
        covariance = moments.covariance()
        gaussian = Gaussian(moments.mean, covariance, factor(covariance))
        values.append(frechet_distance(fake.to(device), gaussian))
    apart = abs(values[0] - values[1]) / values[1]
    if not apart <= FRECHET:
        raise DeviceTestError(f"a Frechet distance is {apart:.0e} from the processor's, at most {FRECHET:.0e} allowed")
    return f"a Frechet distance within {apart:.0e} of the processor's"


def times(bench: Bench) -> str:
    """Time plain and captured steps, in turns."""
    parts = []
    with ProcessSettings(ExecutionMode()):
        for number in range(len(bench.architectures)):
            cell = bench.cell(number)
            sides = {"plain": bench.training(cell), "captured": bench.training(cell, bench.programs())}
            for training in sides.values():
                for _ in range(5):
                    training.advance(False)
            best = dict.fromkeys(sides, float("inf"))
            for _ in range(3):
                for name, training in sides.items():
                    best[name] = min(best[name], seconds(training, bench.steps // 3))
            ratio = best["plain"] / best["captured"]
            parts.append(
                f"{cell.architecture.name} {1000 * best['captured']:.2f} ms a step, {ratio:.1f}x the plain one"
            )
    return "; ".join(parts)


CHECKS: Mapping[str, Callable[[Bench], str]] = MappingProxyType(
    {
        "device": facts,
        "plain steps": plain_steps,
        "captured programs, deterministic": programs_deterministic,
        "captured programs": programs_as_usual,
        "a capture that fails": failed_capture,
        "side by side": side_by_side,
        "checkpoints": checkpoints,
        "memory": memory,
        "precision": precision,
        "metrics": metrics,
        "compiled steps": compiled,
        "times": times,
    }
)
"""The checks by their names, in their order; what is slow and says least comes last."""
