"""The page, as a pure function of what was measured: no number in it is written by hand but the targets."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

NO_GPU = "no GPU here: not measured"
COMMAND = "python benchmarks/performance.py"
CHECKPOINT_EVERY = 300.0
"""Seconds between two checkpoints, unless a sweep asks for others."""

LONG = {"steps": 100_000, "logged": 201, "evaluations": 26}
"""A trial of the papers' length at a suite's default cadence; the untrained networks count as well."""


@dataclass(frozen=True)
class Spread:
    """Repeated measurements.

    Attributes:
        median: The middle one.
        low: The first quartile.
        high: The third quartile.
        count: How many.
    """

    median: float
    low: float
    high: float
    count: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Summarize."""
        if len(values) < 2:
            return cls(values[0], values[0], values[0], 1)
        low, median, high = statistics.quantiles(values, n=4, method="inclusive")
        return cls(median, low, high, len(values))

    @classmethod
    def ratio(cls, above: Sequence[float], below: Sequence[float]) -> Spread:
        """Summarize the ratios of each round: what slows a round down slows both sides."""
        return cls.of([a / b for a, b in zip(above, below, strict=True)])

    def text(self, form: str = "{:.2f}") -> str:
        """Return the median, with the quartiles where there are some."""
        middle = form.format(self.median)
        return middle if self.count == 1 else f"{middle} ({form.format(self.low)} to {form.format(self.high)})"


@dataclass(frozen=True)
class Row:
    """A target and what was reached.

    Attributes:
        what: In words.
        target: The number.
        reached: Measured; None where it was not.
        form: How numbers are written.
        least: Whether the target is a least value; else it is a most.
        why: Why it was not measured; or, where it was, how.
        missed: Where the time goes, and what was tried, said when it is missed.
    """

    what: str
    target: float
    reached: Spread | None
    form: str = "{:.2f}x"
    least: bool = True
    why: str = ""
    missed: Sequence[str] = ()

    @property
    def share(self) -> float | None:
        """How much of the target is reached; at least 1 where it is."""
        if self.reached is None:
            return None
        return self.reached.median / self.target if self.least else self.target / self.reached.median

    @property
    def verdict(self) -> str:
        """In a word."""
        if self.share is None:
            return "not measured"
        return "reached" if self.share >= 1 else "**missed**"


def page(measured: dict[str, Any]) -> str:
    """Write the page."""
    rows = [*cpu_rows(measured), *gpu_rows(measured), *other_rows(measured)]
    parts = [
        HEAD.format(**about(measured)),
        table(("what", "target", "reached", "of the target", ""), [_line(row) for row in rows]),
        READING,
        _misses(rows),
        STEPS,
        table(STEP_HEAD, _step_lines(measured["cells"])),
        _gpu_text(measured["gpu"]),
        PARTS,
        table(("cell", "draw", "normalizer", "Adam", "networks", "a logged step adds", "program"), _parts(measured)),
        COMPILING,
        table(("cell", "empty cache", "filled cache", "how it ran"), _compile_lines(measured)),
        TRIALS,
        table(
            ("cell", "step", "bare steps", "telemetry", "evaluation", "commit", "rest", "whole", "usual loop / whole"),
            _trial_lines(measured),
        ),
        _long_text(measured),
        SAME,
        table(("cell", "normalizer", "parameters", "the peer's", "first loss", "three steps"), _same_lines(measured)),
        _suite_text(measured),
    ]  # fmt: skip
    return "\n\n".join(part.strip() for part in parts if part.strip()) + "\n"


def about(measured: dict[str, Any]) -> dict[str, Any]:
    """Return the run and its machine in words."""
    machine = measured["machine"]
    said = {"gpu": machine["gpu"] or "no GPU", "compiler": "with" if machine["compiler"] else "without"}
    run = {"command": _command(measured), "counted": _counted(measured), "minutes": measured["minutes"]}
    return {**machine, **said, **run}


HEAD = """
# Performance

Written by

    {command}

which measured everything here in one run of {minutes:.0f} minutes; no number is written by hand but the targets. The
machine: {processor}, {cores} cores, {system}, {gpu}, {compiler} a C++ compiler; load {load} when the run began.
Python {python}, torch {torch}, ganbench {ganbench}.

Numbers are medians, with quartiles in brackets. Ratios are those of rounds in which both sides ran in turns in one process,
on one thread.

{counted}
"""

READING = """
A step is one discriminator and one generator update of `harness.training.training.Training.advance`, which draws its batch;
it is not logged. The usual loop is the same training in plain eager PyTorch: modules with torch's own parametrizations,
`torch.optim.Adam`, a `DataLoader`, both losses read each step. All cells are under spectral normalization. Neither side's
start and no compilation is in a ratio.
"""

STEPS = """
## A step, in milliseconds

The careful loop is what an experienced hand makes of the usual one: batches gathered by index, generated samples without a
graph, the discriminator frozen while the generator learns, nothing read back. `channels-last` is the plain step with
weights in that layout: an experiment, no option of ours.
"""

GPU = """
On the GPU likewise; then seeds x steps a second of processes that share it, a seed each, their steps compiled.
"""

PARTS = """
## Where a step's time goes

Of the plain step: drawing the batch; the normalizer, as the step less that of the same cell without one; Adam for both
networks; the networks' passes, which are the rest. Then what logging adds to a step that is logged, and of the compiled
step the program, which is all but the draw.
"""

COMPILING = """
## Compiling

Seconds of the first compiled step of a process, not in any ratio. A trial has two programs, with and without logging, and
trials of a cell share the cache on disk.
"""

TRIALS = """
## A whole trial

`harness.worker.execute` into a ledger on disk, as a worker runs it. Bare steps are the trial's own steps as long as those
that are not logged take; what comes on top is given as a share of them. The first step of each program is left out. The
last column is the time of a usual loop's steps, without any telemetry, evaluation or record, over that of the whole trial:
the ratio of the steps, measured in turns above, times that of bare steps to the whole.
"""

SAME = """
## Both sides train the same networks

From the same weights on the same batches in float64: relative differences of losses. Under spectral normalization torch
makes an iteration in every pass and ours one in every update, so that losses differ a little after the first update.
"""


def cpu_rows(measured: dict[str, Any]) -> list[Row]:
    """Return the rows of steps on the CPU, and of the quick suite."""
    targets = (
        ("ring8", "`ring8` MLP", 3.0),
        ("digits", "`digits` DCGAN", 1.5),
        ("sngan_cnn", "`sngan_cnn` 32x32", 1.15),
    )
    rows = [
        Row(
            f"{label}, one CPU core, compiled, against the usual eager loop",
            target,
            _faster(measured, name, "compiled"),
            why=_not_compiled(measured["cells"][name]),
            missed=_step_causes(measured, name),
        )
        for name, label, target in targets
    ]
    suite = measured.get("suite")
    rows.append(
        Row(
            "`suites/quick.yaml` on two cores, against the usual loop one by one",
            3.0,
            Spread.of([_loop_seconds(suite) / suite["seconds"]]) if suite else None,
            why=f"{suite['seeds']} of its seeds" if suite else "left out of this run: --quick-suite SEEDS",
            missed=_suite_causes(measured) if suite else (),
        )
    )
    return rows


def gpu_rows(measured: dict[str, Any]) -> list[Row]:
    """Return the rows that need a GPU."""
    gpu = measured["gpu"]
    rows = []
    for name, target in (("ring8", 4.0), ("digits", 4.0), ("sngan_cnn", 2.5), ("sngan_resnet", 2.0)):
        found = gpu and gpu["cells"][name]
        reached = Spread.ratio(found["times"]["usual"], found["times"]["compiled"]) if gpu else None
        rows.append(
            Row(
                f"`{name}` on a GPU, one trial, against eager PyTorch",
                target,
                reached,
                why="" if gpu else NO_GPU,
                missed=(_tried(found),) if found else (),
            )
        )
    for name, target in (("ring8", 20.0), ("digits", 20.0), ("sngan_cnn", 6.0)):
        width, rate = _best(gpu["full"][name]) if gpu else (0, 0.0)
        reached = Spread.of([rate / gpu["full"][name]["eager"]]) if gpu else None
        why = f"{width} processes" if gpu else NO_GPU
        rows.append(
            Row(f"`{name}`, seeds x steps/s of a full GPU, against one eager process", target, reached, why=why)
        )
    width, rate = _best(gpu["full"]["sngan_cnn"]) if gpu else (0, 0.0)
    rows.append(
        Row(
            "`sngan_cnn` 32x32, batch 64, one GPU, seeds x steps/s",
            900.0,
            Spread.of([rate]) if gpu else None,
            form="{:.0f}",
            why=f"{width} processes" if gpu else NO_GPU,
        )
    )
    rows.append(
        Row(
            "`sngan_resnet` 64, share of the TF32 matrix-product ceiling",
            0.40,
            Spread.of([gpu["work"]["tflops"] / gpu["ceiling"]]) if gpu else None,
            form="{:.0%}",
            why=f"of {gpu['ceiling']:.0f} TFLOP/s" if gpu else NO_GPU,
        )
    )
    return rows


def other_rows(measured: dict[str, Any]) -> list[Row]:
    """Return the rows of whole trials and of starting."""
    rows = []
    for name, modes in measured["trials"].items():
        for mode, found in modes.items():
            parts = found["parts"]
            pairs = zip(parts["whole"], parts["evaluation"], strict=True)
            without = Spread.ratio([whole - evaluation for whole, evaluation in pairs], parts["bare"])
            what = f"`{name}`, {mode}, {found['steps']} steps through the whole harness, less evaluation"
            rows.append(
                Row(f"{what}, against the bare step", 1.05, without, least=False, missed=(_trial_causes(found),))
            )
    for name, modes in measured["trials"].items():
        for mode, found in modes.items():
            shares = _long(found)
            for part, target in (("evaluation", 0.10), ("telemetry", 0.02)):
                what = f"`{name}`, {mode}: {part}'s share, reckoned for {LONG['steps']:,} steps"
                share = Spread.of([shares[part]])
                rows.append(Row(what, target, share, form="{:.2%}", least=False, missed=(_trial_causes(found),)))
    torch = Spread.of(measured["import_torch"]).text("{:.1f} s")
    start = Row(
        "from a worker's start to its first step (Ray's own start apart)",
        5.0,
        Spread.of(measured["start"]),
        form="{:.1f} s",
        least=False,
        missed=(f"An interpreter that imports torch and ends takes {torch}.",),
    )
    helped = Row("`ganbench --help`", 0.5, Spread.of(measured["help"]), form="{:.2f} s", least=False)
    return [*rows, start, helped]


def _long(found: dict[str, Any]) -> dict[str, float]:
    """Return shares of a trial of the papers' length, reckoned from what a step, a logged step and an evaluation cost."""
    parts = {key: statistics.median(values) for key, values in found["parts"].items()}
    bare = parts["bare"] / found["steps"] * LONG["steps"]
    telemetry = parts["telemetry"] / found["logged"] * LONG["logged"]
    evaluation = parts["evaluation"] / found["evaluations"] * LONG["evaluations"]
    whole = bare + telemetry + evaluation
    saved = 1e-3 * statistics.median(found["checkpoint"]) / CHECKPOINT_EVERY
    return {"telemetry": telemetry / whole, "evaluation": evaluation / whole, "checkpoints": saved}


def table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """Return a markdown table; empty where it has no lines."""
    if not lines:
        return ""
    escaped = [[cell.replace("|", "\\|") for cell in line] for line in (head, *lines)]
    return "\n".join(f"| {' | '.join(line)} |" for line in (escaped[0], ["---"] * len(head), *escaped[1:]))


def _command(measured: dict[str, Any]) -> str:
    """Return what repeats the run."""
    suite = measured.get("suite")
    return f"{COMMAND} --repeats {len(measured['start'])} --quick-suite {suite['seeds'] if suite else 0}"


def _counted(measured: dict[str, Any]) -> str:
    rounds = [
        f"`{name}` {len(found['times']['plain'])} rounds of {found['block']} steps"
        for name, found in measured["cells"].items()
    ]
    trials = {len(found["parts"]["whole"]) for modes in measured["trials"].values() for found in modes.values()}
    return (
        f"Counted are, after one of each to warm up: {', '.join(rounds)}; {' or '.join(map(str, sorted(trials)))} whole"
        f" trials. Starts are {len(measured['start'])}, all counted."
    )


def _line(row: Row) -> tuple[str, ...]:
    target = f"at {'least' if row.least else 'most'} {row.form.format(row.target)}"
    if row.reached is None:
        return row.what, target, row.why, "", row.verdict
    note = f"; {row.why}" if row.why else ""
    return row.what, target, row.reached.text(row.form) + note, f"{row.share:.2f}", row.verdict


def _misses(rows: Sequence[Row]) -> str:
    missed = [row for row in rows if row.verdict == "**missed**"]
    if not missed:
        return ""
    lines = ["## What was missed, and where the time goes"]
    # Rows of one trial have the same causes.
    for causes in dict.fromkeys(tuple(row.missed) for row in missed):
        said = [_miss(row) for row in missed if tuple(row.missed) == causes]
        lines.append(f"{'; '.join(said)}. {' '.join(causes)}".strip())
    return "\n\n".join(lines)


def _miss(row: Row) -> str:
    assert row.reached is not None
    return f"**{row.what}**: {row.reached.text(row.form)}, and {row.form.format(row.target)} was wanted"


def _faster(measured: dict[str, Any], name: str, side: str) -> Spread:
    times = measured["cells"][name]["times"]
    return Spread.ratio(times["usual"], times[side])


def _not_compiled(found: dict[str, Any]) -> str:
    return "" if found["mode"] == "compiled" else f"ran plain: {'; '.join(found['notes'])}"


def _medians(found: dict[str, Any]) -> dict[str, float]:
    return {side: statistics.median(times) for side, times in found["times"].items()}


def _split(found: dict[str, Any]) -> dict[str, float]:
    """Return the parts of a plain step, in ms."""
    step = _medians(found)
    normalizer = step["plain"] - step["without_normalizer"]
    rest = step["plain"] - step["draw"] - step["adam"] - normalizer
    return {"draw": step["draw"], "normalizer": normalizer, "Adam": step["adam"], "networks": rest}


def _step_causes(measured: dict[str, Any], name: str) -> list[str]:
    found = measured["cells"][name]
    step = _medians(found)
    parts = [f"{part} {value / step['plain']:.0%}" for part, value in _split(found).items()]
    program = step["compiled"] - step["draw"]
    return [
        f"Of the plain step's {_ms(step['plain'])}: {', '.join(parts)}.",
        f"Of the compiled step's {_ms(step['compiled'])} the program takes {_ms(program)}, the draw {_ms(step['draw'])}.",
        _tried(found),
    ]


TRIED = {
    "careful": "the careful loop",
    "plain": "plain",
    "channels_last": "plain with channels last",
    "compiled": "compiled",
}


def _tried(found: dict[str, Any]) -> str:
    tried = [
        f"{side} {Spread.ratio(found['times']['usual'], found['times'][key]).text('{:.2f}x')}"
        for key, side in TRIED.items()
        if key in found["times"]
    ]
    return f"Tried, against the usual loop: {', '.join(tried)}."


def _trial_causes(found: dict[str, Any]) -> str:
    parts = {key: statistics.median(values) for key, values in found["parts"].items()}
    said = [f"{key} {parts[key] / parts['whole']:.1%}" for key in ("bare", "telemetry", "evaluation", "commit", "rest")]
    telemetry, evaluation = (
        1000 * parts["telemetry"] / found["logged"],
        1000 * parts["evaluation"] / found["evaluations"],
    )
    return (
        f"Of the trial's {parts['whole']:.2f} s: {', '.join(said)}. A logged step adds {_ms(telemetry)} with its share of"
        f" probes, an evaluation takes {_ms(evaluation)}, and the budget is {found['steps']} steps of"
        f" {_ms(1000 * parts['bare'] / found['steps'])}."
    )


def _loop_seconds(suite: dict[str, Any]) -> float:
    """Return the seconds of one usual loop for as many seeds of the suite, reckoned from measured steps."""
    return suite["seeds"] * sum(
        1e-3 * cell["ms"] * cell["steps"] + cell["evaluation"] * cell["evaluations"] for cell in suite["cells"]
    )


def _suite_causes(measured: dict[str, Any]) -> list[str]:
    suite = measured["suite"]
    trials = len(suite["cells"]) * suite["seeds"]
    plain = statistics.median(measured["trials"]["ring8"]["plain"]["parts"]["whole"])
    took, loop = suite["seconds"], _loop_seconds(suite)
    said = [
        f"{trials} trials took {took:.0f} s, the start of Ray and of its workers among them: {took / trials:.2f} s each,"
        f" where the loop takes {loop / trials:.2f} s."
    ]
    said.append(
        f"They run plain: a whole one on `ring8` takes {plain:.1f} s, the first compiled step with a filled cache alone"
        f" {measured['first']['ring8'][1]['seconds']:.1f} s."
    )
    return said


def _suite_text(measured: dict[str, Any]) -> str:
    suite = measured.get("suite")
    if not suite:
        return ""
    made = min(cell["measured_steps"] / cell["steps"] for cell in suite["cells"])
    lines = [
        (
            cell["cell"],
            _ms(cell["ms"]),
            str(cell["steps"]),
            f"{1000 * cell['evaluation']:.0f} ms",
            str(cell["evaluations"]),
        )
        for cell in suite["cells"]
    ]
    text = f"""
## The quick suite

`ganbench run quick --seeds {suite["seeds"]}` on two cores took {suite["seconds"]:.0f} s from the command to its end,
Ray's start, telemetry, verdicts and the ledger among them. The loop's side is reckoned, not run: for each cell its
milliseconds per step, measured over {made:.0%} of the budget, times the budget, plus as many evaluations of ours as a
trial has, without telemetry or records: {_loop_seconds(suite):.0f} s for as many seeds.
"""
    return text + "\n" + table(("cell", "a step", "steps", "an evaluation", "evaluations"), lines)


def _long_text(measured: dict[str, Any]) -> str:
    lines = [
        (f"`{name}`", mode, *(f"{share:.3%}" for share in _long(found).values()))
        for name, modes in measured["trials"].items()
        for mode, found in modes.items()
    ]
    text = f"""
At the papers' lengths telemetry and evaluation are rarer. Reckoned from the same measurements for {LONG["steps"]:,}
steps at a suite's default cadence ({LONG["logged"]} logged steps, {LONG["evaluations"]} evaluations), and a checkpoint
every {CHECKPOINT_EVERY:.0f} s:
"""
    return text + "\n" + table(("cell", "step", "telemetry", "evaluation", "checkpoints"), lines)


SIDES = ("usual", "careful", "plain", "channels_last", "compiled")
STEP_HEAD = ("cell", "usual loop", "careful loop", "plain", "channels-last", "compiled")


def _step_lines(cells: dict[str, Any]) -> list[tuple[str, ...]]:
    return [(f"`{name}`: {found['cell']}", *(_side(found, side) for side in SIDES)) for name, found in cells.items()]


def _side(found: dict[str, Any], side: str) -> str:
    times = found["times"].get(side)
    return Spread.of(times).text(_form(times)) if times else ""


def _gpu_text(gpu: dict[str, Any] | None) -> str:
    if not gpu:
        return ""
    crowds = [
        (f"`{name}`", f"{full['eager']:.1f}", width, f"{found['rate']:.1f}", f"{found['late']:.1f} s")
        for name, full in gpu["full"].items()
        for width, found in full["processes"].items()
    ]
    head = ("cell", "one usual loop", "processes of ours", "together", "late for the common start")
    return "\n\n".join([GPU.strip(), table(STEP_HEAD, _step_lines(gpu["cells"])), table(head, crowds)])


def _parts(measured: dict[str, Any]) -> list[tuple[str, ...]]:
    lines = []
    for name, found in measured["cells"].items():
        step = _medians(found)
        split = (f"{_ms(value)} ({value / step['plain']:.0%})" for value in _split(found).values())
        program = step["compiled"] - step["draw"]
        lines.append(
            (f"`{name}`", *split, _ms(step["observed"] - step["plain"]), f"{_ms(program)} of {_ms(step['compiled'])}")
        )
    return lines


def _compile_lines(measured: dict[str, Any]) -> list[tuple[str, ...]]:
    return [
        (
            f"`{name}`",
            *(f"{one['seconds']:.1f} s" for one in found),
            "; ".join([found[-1]["mode"], *found[-1]["notes"]]),
        )
        for name, found in measured["first"].items()
    ]


def _trial_lines(measured: dict[str, Any]) -> list[tuple[str, ...]]:
    lines = []
    for name, modes in measured["trials"].items():
        for mode, found in modes.items():
            parts = found["parts"]
            shares = (
                Spread.ratio(parts[key], parts["bare"]).text("{:.1%}")
                for key in ("telemetry", "evaluation", "commit", "rest")
            )
            whole = Spread.ratio(parts["whole"], parts["bare"]).text("{:.2f}x")
            seconds = statistics.median(parts["bare"])
            ratio = _faster(measured, name, mode).median / Spread.ratio(parts["whole"], parts["bare"]).median
            lines.append((f"`{name}`", mode, f"{seconds:.2f} s", *shares, whole, f"{ratio:.2f}x"))
    return lines


def _same_lines(measured: dict[str, Any]) -> list[tuple[str, ...]]:
    return [
        (f"`{name}`", normalizer, *(f"{count:,}" for count in found["parameters"]),
         f"{found['first_loss']:.0e}", f"{found['losses']:.0e}")
        for name, both in measured["same"].items()
        for normalizer, found in both.items()
    ]  # fmt: skip


def _best(full: dict[str, Any]) -> tuple[int, float]:
    width = max(full["processes"], key=lambda key: full["processes"][key]["rate"])
    return int(width), full["processes"][width]["rate"]


def _form(values: Sequence[float]) -> str:
    return "{:.0f}" if statistics.median(values) >= 100 else "{:.2f}"


def _ms(value: float) -> str:
    return f"{_form([value]).format(value)} ms"
