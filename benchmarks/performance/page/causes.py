"""Where the time goes, said in sentences where a target is missed."""

from __future__ import annotations

import statistics
from typing import Any

from performance.page.numbers import faster, medians, ms

SIDES = {
    "usual": "usual loop",
    "careful": "careful loop",
    "plain": "plain",
    "replayed": "replayed",
    "compiled": "compiled",
    "deterministic": "replayed, deterministic",
    "replayed_tf32": "replayed, TF32",
    "compiled_tf32": "compiled, TF32",
}
"""Who makes a step, in words."""


def split(found: dict[str, Any]) -> dict[str, float]:
    """Return the parts of a plain step, in ms."""
    step = medians(found["times"])
    normalizer = step["plain"] - step["without_normalizer"]
    rest = step["plain"] - step["draw"] - step["adam"] - normalizer
    return {"draw": step["draw"], "normalizer": normalizer, "Adam": step["adam"], "networks": rest}


def of_step(found: dict[str, Any]) -> tuple[str, ...]:
    """Say where a step's time goes on the CPU."""
    step = medians(found["times"])
    parts = [f"{part} {value / step['plain']:.0%}" for part, value in split(found).items()]
    program = step["compiled"] - step["draw"]
    return (
        f"Of the plain step's {ms(step['plain'])}: {', '.join(parts)}.",
        f"Of the compiled step's {ms(step['compiled'])} the program takes {ms(program)}, the draw {ms(step['draw'])}.",
        tried(found),
    )


JAX = {"jax": "a step a call", "jax_scan": "20 steps a call", "jax_seeds": "20 steps a call, 8 seeds a step"}
"""How a step is made in JAX, in words."""


def of_jax(found: dict[str, Any]) -> str:
    """Say how long a step takes in JAX and here."""
    step = medians(found["times"])
    theirs = [f"{words} {ms(step[key])}" for key, words in JAX.items()]
    ours = [f"{way} {ms(step[way])}" for way in ("compiled", "replayed")]
    return f"A step and seed in JAX: {', '.join(theirs)}; ours: {', '.join(ours)}."


def tried(found: dict[str, Any]) -> str:
    """Say how fast every side is."""
    said = [f"{words} {faster(found, key).text('{:.2f}x')}" for key, words in SIDES.items() if key in found["times"]]
    return f"Against the usual loop: {', '.join(said[1:])}."


def of_shares(full: dict[str, Any]) -> str:
    """Say how fast seeds are that share a GPU, by how they do."""
    said = [
        f"{one['seeds']} seeds, {one['kind']}, {one['way']}: "
        + ("failed" if one["rate"] is None else f"{one['rate']:.1f}")
        for one in full["ways"]
    ]
    return f"Seeds x steps/s: {'; '.join(said)}."


def of_trial(found: dict[str, Any]) -> str:
    """Say where a whole trial's time goes."""
    parts = medians(found["parts"])
    said = [f"{key} {parts[key] / parts['whole']:.1%}" for key in ("bare", "telemetry", "evaluation", "commit", "rest")]
    telemetry = 1000 * parts["telemetry"] / found["logged"]
    evaluation = 1000 * parts["evaluation"] / found["evaluations"]
    return (
        f"Of the trial's {parts['whole']:.2f} s: {', '.join(said)}. A logged step adds {ms(telemetry)} with its share of"
        f" probes, an evaluation takes {ms(evaluation)}, and the budget is {found['steps']} steps of"
        f" {ms(1000 * parts['bare'] / found['steps'])}."
    )


def loop_seconds(suite: dict[str, Any]) -> float:
    """Return the seconds of one usual loop for as many seeds of the suite, reckoned from measured steps."""
    return suite["seeds"] * sum(
        1e-3 * cell["ms"] * cell["steps"] + cell["evaluation"] * cell["evaluations"] for cell in suite["cells"]
    )


def of_suite(measured: dict[str, Any]) -> tuple[str, ...]:
    """Say where the quick suite's time goes."""
    suite = measured["suite"]
    trials = len(suite["cells"]) * suite["seeds"]
    whole = statistics.median(measured["trials"]["ring8"]["replayed"]["parts"]["whole"])
    first = measured["first"]["ring8"]["replayed"]["seconds"]
    took, loop = suite["seconds"], loop_seconds(suite)
    each = ", ".join(f"{kind} {took[kind] / trials:.2f} s" for kind in ("cold", "warm"))
    return (
        f"A trial of {trials} takes {each}, the start of Ray and of its workers among them, where the loop takes"
        f" {loop / trials:.2f} s. Compiling, with one seed of each cell, took {took['compiling']:.0f} s.",
        f"A whole trial on `ring8` alone takes {whole:.1f} s, and the first step of a cell in a process {first:.1f} s.",
    )
