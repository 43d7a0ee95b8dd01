"""The page's sections below its targets."""

from __future__ import annotations

import statistics
from typing import Any

from performance.page.causes import JAX as JAX_SIDES
from performance.page.causes import SIDES, loop_seconds, split
from performance.page.numbers import Spread, faster, form_of, medians, ms, table
from performance.page.targets import CHECKPOINT_EVERY, LONG, long_shares

KINDS = {
    "processes": "a process each",
    "turns": "turns in one process",
}
"""How seeds share a GPU."""

STEPS = """
## A step, in milliseconds

The careful loop is what an experienced hand makes of the usual one: batches gathered by index, generated samples without a
graph, the discriminator frozen while the generator learns, nothing read back. Plain is `ganbench run --exact`, replayed
what `ganbench run` does by itself, with the same numbers bit for bit, and compiled `--compile`, where tensors of four axes
have their channels last.
"""

GPU = """
## On a GPU

On {gpu}, {cores} cores of {processor}, torch {torch}, in {minutes:.0f} minutes; one step in milliseconds. The peer's loops
have PyTorch's own settings, which let convolutions round to TF32; ours are in full float32 where nothing else is said, and
try out cuDNN's algorithms.
"""

SETTINGS = """
What settings cost the replayed step, as a ratio of milliseconds:
"""

FULL = """
Then seeds x steps a second of seeds that share the GPU: a process each; or in one process by turns, each on a stream
of its own with programs captured for it. One usual loop with the GPU to itself is the measure.
"""

PARTS = """
## Where a step's time goes

Of the plain step: drawing the batch; the normalizer, as the step less that of the same cell without one; Adam for both
networks; the networks' passes, which are the rest. Then what logging adds to a step that is logged, and of the compiled
step the program, which is all but the draw.
"""

COMPILING = """
## The first step

Seconds of the first step of a process, not in any ratio: a cell's step is followed once, then written out for the
interpreter or compiled into a library. Either is kept on disk: again is another process, which finds it. A replayed step's
first one is made plainly too, and compared.
"""

JAX = """
## JAX

The same cells in JAX {version}, in turns with ours in one process on one core; milliseconds per step and seed. The logits
of one batch differ from ours by at most {difference:.0e}. Compilation is in no number.
"""

TRIALS = """
## A whole trial

`ganbench.harness.worker.attempt` into a ledger on disk, as a worker runs it. Bare steps are the trial's own steps as
long as those that are not logged take; what comes on top is given as a share of them. What the first steps of each
program take beyond others is left out. The last column is the time of a usual loop's steps, without any telemetry,
evaluation or record, over that of the whole trial: the ratio of the steps, measured in turns above, times that of bare
steps to the whole.
"""

SAME = """
## Both sides train the same networks

From the same weights on the same batches in float64: relative differences of losses. Under spectral normalization torch
makes an iteration in every pass and ours one in every update, so that losses differ a little after the first update.
"""


def steps(measured: dict[str, Any]) -> str:
    """Return the table of steps on the CPU."""
    return f"{STEPS.strip()}\n\n{_step_table(measured['cells'])}"


def gpu(measured: dict[str, Any]) -> str:
    """Return what was measured on a GPU; empty where nothing was."""
    found = measured["gpu"]
    if not found:
        return ""
    cells = {name: cell for name, cell in found.get("cells", {}).items() if cell}
    parts = [GPU.format(**found["machine"] | {"minutes": found["minutes"]}), _step_table(cells), _settings(cells)]
    if "full" in found:
        head = ("cell", "one usual loop", "seeds of ours", "how", "steps", "together", "late for the common start")
        parts += [FULL, table(head, [line for name, full in found["full"].items() for line in _full_lines(name, full)])]
    return "\n\n".join(part.strip() for part in parts if part)


def parts(measured: dict[str, Any]) -> str:
    """Return the parts of a step on the CPU."""
    lines = []
    for name, found in measured["cells"].items():
        step = medians(found["times"])
        shares = (f"{ms(value)} ({value / step['plain']:.0%})" for value in split(found).values())
        program = step["compiled"] - step["draw"]
        lines.append(
            (f"`{name}`", *shares, ms(step["observed"] - step["plain"]), f"{ms(program)} of {ms(step['compiled'])}")
        )
    head = ("cell", "draw", "normalizer", "Adam", "networks", "a logged step adds", "program")
    return f"{PARTS.strip()}\n\n{table(head, lines)}"


def first_steps(measured: dict[str, Any]) -> str:
    """Return how long the first step takes."""
    kinds = ("replayed", "kept", "empty", "filled")
    lines = [
        (
            f"`{name}`",
            *(f"{found[kind]['seconds']:.1f} s" for kind in kinds),
            "; ".join([found["replayed"]["mode"], found["filled"]["mode"], *found["filled"]["notes"]]),
        )
        for name, found in measured["first"].items()
    ]
    head = ("cell", "replayed", "again", "compiled", "again", "how they ran")
    return f"{COMPILING.strip()}\n\n{table(head, lines)}"


def trials(measured: dict[str, Any]) -> str:
    """Return where whole trials' time goes, and what that makes at the papers' lengths."""
    lines, long = [], []
    for name, ways in measured["trials"].items():
        for way, found in ways.items():
            part = found["parts"]
            shares = (
                Spread.ratio(part[key], part["bare"]).text("{:.1%}")
                for key in ("telemetry", "evaluation", "commit", "rest")
            )
            whole = Spread.ratio(part["whole"], part["bare"])
            ratio = faster(measured["cells"][name], way).median / whole.median
            seconds = f"{statistics.median(part['bare']):.2f} s"
            lines.append((f"`{name}`", way, seconds, *shares, whole.text("{:.2f}x"), f"{ratio:.2f}x"))
            long.append((f"`{name}`", way, *(f"{share:.3%}" for share in long_shares(found).values())))
    head = ("cell", "step", "bare steps", "telemetry", "evaluation", "commit", "rest", "whole", "usual loop / whole")
    text = f"""
At the papers' lengths telemetry and evaluation are rarer. Reckoned from the same measurements for {LONG["steps"]:,}
steps at a suite's default cadence ({LONG["logged"]} logged steps, {LONG["evaluations"]} evaluations), and a checkpoint
every {CHECKPOINT_EVERY:.0f} s:
"""
    later = table(("cell", "step", "telemetry", "evaluation", "checkpoints"), long)
    return "\n\n".join((TRIALS.strip(), table(head, lines), text.strip(), later))


def same(measured: dict[str, Any]) -> str:
    """Return how far the peer's networks are from ours."""
    lines = [
        (f"`{name}`", normalizer, *(f"{count:,}" for count in found["parameters"]),
         f"{found['first_loss']:.0e}", f"{found['losses']:.0e}")
        for name, both in measured["same"].items()
        for normalizer, found in both.items()
    ]  # fmt: skip
    head = ("cell", "normalizer", "parameters", "the peer's", "first loss", "three steps")
    return f"{SAME.strip()}\n\n{table(head, lines)}"


def jax(measured: dict[str, Any]) -> str:
    """Return what JAX took; empty where it is not installed."""
    found = measured.get("jax")
    if not found:
        return ""
    difference = max(cell["difference"] for cell in found.values())
    sides = JAX_SIDES | {"replayed": "ours, replayed", "compiled": "ours, compiled"}
    lines = [(f"`{name}`", *(_side(cell["times"][side]) for side in sides)) for name, cell in found.items()]
    text = JAX.format(version=next(iter(found.values()))["version"], difference=difference)
    return f"{text.strip()}\n\n{table(('cell', *sides.values()), lines)}"


def suite(measured: dict[str, Any]) -> str:
    """Return what the quick suite took; empty where it was left out."""
    found = measured.get("suite")
    if not found:
        return ""
    made = min(cell["measured_steps"] / cell["steps"] for cell in found["cells"])
    lines = [
        (
            cell["cell"],
            ms(cell["ms"]),
            str(cell["steps"]),
            f"{1000 * cell['evaluation']:.0f} ms",
            str(cell["evaluations"]),
        )
        for cell in found["cells"]
    ]
    text = f"""
## The quick suite

`ganbench run quick --seeds {found["seeds"]}` on two cores took {found["seconds"]["cold"]:.0f} s with no programs at hand,
its steps replayed, and {found["seconds"]["warm"]:.0f} s with all compiled before, from the command to its end, Ray's start,
telemetry, verdicts and the ledger among them. A first sweep of one seed with `--compile`, which leaves these programs, took
{found["seconds"]["compiling"]:.0f} s. The loop's side is reckoned, not run: for
each cell its milliseconds per step, measured over {made:.0%} of the budget, times the budget, plus as many evaluations of
ours as a trial has, without telemetry or records: {loop_seconds(found):.0f} s for as many seeds.
"""
    return f"{text.strip()}\n\n{table(('cell', 'a step', 'steps', 'an evaluation', 'evaluations'), lines)}"


def _step_table(cells: dict[str, Any]) -> str:
    sides = [side for side in SIDES if any(side in found["times"] for found in cells.values())]
    lines = [
        (f"`{name}`: {found['cell']}", *(_side(found["times"].get(side)) for side in sides))
        for name, found in cells.items()
    ]
    return table(("cell", *(SIDES[side] for side in sides)), lines)


def _side(times: list[float] | None) -> str:
    return Spread.of(times).text(form_of(times)) if times else ""


def _settings(cells: dict[str, Any]) -> str:
    settings = {"deterministic": "`--deterministic`", "replayed_tf32": "`--tf32`"}
    lines = [
        (
            f"`{name}`",
            *(
                Spread.ratio(found["times"][side], found["times"]["replayed"]).text("{:.2f}x")
                if side in found["times"]
                else ""
                for side in settings
            ),
        )
        for name, found in cells.items()
    ]
    return f"{SETTINGS.strip()}\n\n{table(('cell', *settings.values()), lines)}" if lines else ""


def _full_lines(name: str, full: dict[str, Any]) -> list[tuple[str, ...]]:
    eager = "failed" if full["eager"] is None else f"{full['eager']:.1f}"
    return [
        (
            f"`{name}`",
            eager,
            str(one["seeds"]),
            KINDS[one["kind"]],
            one["way"],
            "failed" if one["rate"] is None else f"{one['rate']:.1f}",
            f"{one['late']:.1f} s" if "late" in one else "",
        )
        for one in full["ways"]
    ]
