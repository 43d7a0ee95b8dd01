"""The targets, and what was reached of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from performance.page import causes
from performance.page.numbers import Spread, faster, medians

NO_GPU = "no GPU here: not measured"
FAILED = "failed here: not measured"

LONG = {"steps": 100_000, "logged": 201, "evaluations": 26}
"""A trial of the papers' length at a suite's default cadence; the untrained networks count as well."""

CHECKPOINT_EVERY = 300.0
"""Seconds between two checkpoints, unless a sweep asks for others."""

LABELS = {"ring8": "`ring8` MLP", "digits": "`digits` DCGAN", "sngan_cnn": "`sngan_cnn` 32x32"}
COMPILED = {"ring8": 2.2, "digits": 2.0, "sngan_cnn": None}
"""Of a replayed step."""

IN_JAX = {"ring8": 0.9, "digits": 1.0}
"""Of JAX's fastest way, per seed."""
ON_GPU = {"ring8": 4.0, "digits": 4.0, "sngan_cnn": 2.5, "sngan_resnet": 2.0}
FULL_GPU = {"ring8": 20.0, "digits": 20.0, "sngan_cnn": 6.0}


@dataclass(frozen=True)
class Row:
    """A target and what was reached.

    Attributes:
        what: In words.
        target: The number; None for what is only told.
        reached: Measured; None where it was not.
        form: How numbers are written.
        least: Whether the target is a least value; else it is a most.
        why: Why it was not measured; or, where it was, how.
        missed: Where the time goes, and what was tried, said when it is missed.
    """

    what: str
    target: float | None
    reached: Spread | None
    form: str = "{:.2f}x"
    least: bool = True
    why: str = ""
    missed: Sequence[str] = ()

    @property
    def share(self) -> float | None:
        """How much of the target is reached; at least 1 where it is."""
        if self.reached is None or self.target is None:
            return None
        return self.reached.median / self.target if self.least else self.target / self.reached.median

    @property
    def verdict(self) -> str:
        """In a word."""
        if self.reached is None:
            return "not measured"
        if self.share is None:
            return "for information"
        return "reached" if self.share >= 1 else "**missed**"


def rows(measured: dict[str, Any]) -> list[Row]:
    """Return all rows."""
    return [*cpu_rows(measured), *gpu_rows(measured["gpu"]), *other_rows(measured)]


def cpu_rows(measured: dict[str, Any]) -> list[Row]:
    """Return the rows of steps on the CPU, and of the quick suite."""
    cells = measured["cells"]
    compiled = [
        Row(
            f"{LABELS[name]}, one CPU core, compiled, against replayed",
            target,
            Spread.ratio(cells[name]["times"]["replayed"], cells[name]["times"]["compiled"]),
            why=_fallen_back(cells[name], "compiled"),
            missed=causes.of_step(cells[name]),
        )
        for name, target in COMPILED.items()
    ]
    loop = [
        Row(
            f"{LABELS[name]}, one CPU core, {way}, against the usual eager loop",
            None,
            faster(cells[name], way),
            why=_fallen_back(cells[name], way),
        )
        for way in ("compiled", "replayed")
        for name in COMPILED
    ]
    return [*compiled, *_in_jax(measured.get("jax", {})), *loop, *_suite(measured)]


def _in_jax(cells: dict[str, Any]) -> list[Row]:
    rows = []
    for name, target in IN_JAX.items():
        what = f"{LABELS[name]}, one CPU core, compiled, against JAX: jit, 20 steps a call, 8 seeds a step; per seed"
        found = cells.get(name)
        ratio = found and Spread.ratio(found["times"]["jax_seeds"], found["times"]["compiled"])
        why = "" if found else "JAX is not installed here: `pip install 'ganbench[jax]'`"
        rows.append(Row(what, target, ratio, why=why, missed=(causes.of_jax(found),) if found else ()))
    return rows


def _suite(measured: dict[str, Any]) -> list[Row]:
    suite = measured.get("suite")
    kinds = {"cold": ("no programs at hand", 240.0), "warm": ("all programs compiled before", 150.0)}
    return [
        Row(
            f"`ganbench run quick` on two cores, {said}",
            target,
            Spread.of([suite["seconds"][kind]]) if suite else None,
            form="{:.0f} s",
            least=False,
            why=f"{suite['seeds']} of its seeds" if suite else "left out of this run: --quick-suite SEEDS",
            missed=causes.of_suite(measured) if suite else (),
        )
        for kind, (said, target) in kinds.items()
    ]


def gpu_rows(gpu: dict[str, Any]) -> list[Row]:
    """Return the rows that need a GPU."""
    return [*_gpu_steps(gpu.get("cells")), *_gpu_full(gpu.get("full")), _gpu_ceiling(gpu)]


def _gpu_steps(cells: dict[str, Any] | None) -> list[Row]:
    rows = []
    for name, target in ON_GPU.items():
        what = f"`{name}` on a GPU, one trial, against eager PyTorch"
        found = cells and cells.get(name)
        if not found:
            rows.append(Row(what, target, None, why=_absent(cells)))
            continue
        speeds = {side: faster(found, side) for side in found["times"] if side in OURS}
        side = max(speeds, key=lambda key: speeds[key].median)
        why = "; ".join(filter(None, (causes.SIDES[side], _fallen_back(found, side))))
        rows.append(Row(what, target, speeds[side], why=why, missed=(causes.tried(found),)))
    return rows


def _gpu_full(cells: dict[str, Any] | None) -> list[Row]:
    rows = []
    for name, target in FULL_GPU.items():
        found = cells and cells.get(name)
        best = best_share(found) if found else None
        ratio = best["rate"] / found["eager"] if found and best and found["eager"] else None
        what = f"`{name}`, seeds x steps/s of a full GPU, against one eager process"
        said = {"why": _share(best) if best else _absent(cells), "missed": (causes.of_shares(found),) if found else ()}
        rows.append(Row(what, target, Spread.of([ratio]) if ratio else None, **said))
        if name == "sngan_cnn":
            what, rate = "`sngan_cnn` 32x32, batch 64, one GPU, seeds x steps/s", best and Spread.of([best["rate"]])
            rows.append(Row(what, 900.0, rate, form="{:.0f}", **said))
    return rows


def _gpu_ceiling(gpu: dict[str, Any]) -> Row:
    what = "`sngan_resnet` 64, share of the TF32 matrix-product ceiling"
    work = {side: found for side, found in gpu.get("work", {}).items() if found}
    if not work or not gpu.get("ceiling"):
        return Row(what, 0.40, None, form="{:.0%}", why=_absent(gpu.get("work")))
    side = max(work, key=lambda key: work[key]["tflops"])
    rates = [f"{causes.SIDES[key]} {found['tflops']:.0f} TFLOP/s" for key, found in work.items()]
    return Row(
        what,
        0.40,
        Spread.of([work[side]["tflops"] / gpu["ceiling"]]),
        form="{:.0%}",
        why=f"of {gpu['ceiling']:.0f} TFLOP/s; {causes.SIDES[side]}",
        missed=(f"A step of {work[side]['gflop']:.0f} GFLOP: {', '.join(rates)}.",),
    )


def best_share(full: dict[str, Any]) -> dict[str, Any] | None:
    """Return the fastest way for seeds to share a GPU; None where all have failed."""
    ways = [one for one in full["ways"] if one["rate"] is not None]
    return max(ways, key=lambda one: one["rate"], default=None)


def other_rows(measured: dict[str, Any]) -> list[Row]:
    """Return the rows of whole trials and of starting."""
    trials = [(name, way, found) for name, ways in measured["trials"].items() for way, found in ways.items()]
    rows = []
    for name, way, found in trials:
        parts = found["parts"]
        pairs = zip(parts["whole"], parts["evaluation"], strict=True)
        without = Spread.ratio([whole - evaluation for whole, evaluation in pairs], parts["bare"])
        what = f"`{name}`, {way}, {found['steps']} steps through the whole harness, less evaluation"
        where = (causes.of_trial(found),)
        rows.append(Row(f"{what}, against the bare step", 1.05, without, least=False, missed=where))
    for name, way, found in trials:
        shares = long_shares(found)
        for part, target in (("evaluation", 0.10), ("telemetry", 0.02)):
            what = f"`{name}`, {way}: {part}'s share, reckoned for {LONG['steps']:,} steps"
            share, where = Spread.of([shares[part]]), (causes.of_trial(found),)
            rows.append(Row(what, target, share, form="{:.2%}", least=False, missed=where))
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


def long_shares(found: dict[str, Any]) -> dict[str, float]:
    """Return shares of a trial of the papers' length, reckoned from what a step, a logged step and an evaluation cost."""
    parts = medians(found["parts"])
    bare = parts["bare"] / found["steps"] * LONG["steps"]
    telemetry = parts["telemetry"] / found["logged"] * LONG["logged"]
    evaluation = parts["evaluation"] / found["evaluations"] * LONG["evaluations"]
    whole = bare + telemetry + evaluation
    saved = 1e-3 * medians({"checkpoint": found["checkpoint"]})["checkpoint"] / CHECKPOINT_EVERY
    return {"telemetry": telemetry / whole, "evaluation": evaluation / whole, "checkpoints": saved}


OURS = frozenset({"plain", "replayed", "compiled", "replayed_tf32", "compiled_tf32"})
"""Sides of a step that count on a GPU; ``--deterministic`` is measured for its cost."""


def _share(one: dict[str, Any]) -> str:
    return f"{one['seeds']} seeds, {one['kind']}, {one['way']}"


def _absent(section: Any) -> str:
    return NO_GPU if section is None else FAILED


def _fallen_back(found: dict[str, Any], side: str) -> str:
    wanted = side.partition("_")[0]
    return "" if found["modes"][side] == wanted else f"ran {found['modes'][side]}: {'; '.join(found['notes'][side])}"
