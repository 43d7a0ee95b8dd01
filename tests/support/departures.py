"""How our cells train, as the facts that ``tests/parity/configurations.yaml`` has of the papers' code."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

FILE = Path(__file__).parents[1] / "parity" / "configurations.yaml"

ENGINE = {
    "generated batch of the generator": "its own",
    "sampling": "with replacement",
    "biases at the start": "zero",
    "batch normalization at rest": "one batch",
    "samples for Inception": "rounded to 8 bits",
    "Inception": "torch-fidelity's",
    "resizing": "Pillow with antialiasing",
}
"""What is the same in every cell of ours."""

SPECTRAL = ("spectral_norm", "ssn", "bsn", "bssn")
PLAIN = re.compile(r"\(.*\)$")


def configurations() -> dict[str, Any]:
    """Return what the papers' code does, by suite."""
    return yaml.safe_load(FILE.read_text())


def facts(block: Sequence[Mapping[str, Any]], seeds: int) -> dict[str, str]:
    """Return how the cells of a block train.

    Args:
        block: A plan's cells of one data set and network, in their order.
        seeds: Trials of each.
    """
    spec = block[0]["spec"]
    names = sorted({" + ".join(PLAIN.sub("", part) for part in cell["normalizer"].split(" + ")) for cell in block})
    settings = {
        f"{one['lr_g']:.0e} {one['lr_d']:.0e}, {one['n_dis']} x {_optimizer(one['optimizer'])}, {one['steps']}"
        for one in (cell["spec"] for cell in block)
    }
    network = spec["architecture"]
    return {
        **ENGINE,
        "dataset": block[0]["dataset"],
        "network": _without(block[0]["architecture"], ("latent", "generator_normalizer", "initialization")),
        "normalizers": str(names),
        "settings": str(sorted(settings)),
        "loss": ", ".join(sorted({cell["spec"]["loss"]["name"] for cell in block})),
        "decay": "never" if spec["lr_decay_from"] == 1 else f"from {spec['lr_decay_from']:g} of the steps",
        "moving average": "none" if spec["ema"] == 0 else f"{spec['ema']:g}",
        "latents": f"{network['latent']}, normal",
        "order": "simultaneous" if spec["simultaneous"] else "discriminator first",
        "mirrored": "yes" if spec["dataset"].get("flips") else "no",
        "range": "0 to 1" if network["name"] == "xiang_li_dcgan" else "-1 to 1",  # which maps it at its input
        "batch": f"{spec['batch_size']}/{spec['batch_size']}",
        "epsilon": "after the correction" if spec["optimizer"]["name"] == "adam" else "as the code",
        "power iteration": "constants, a warm-up of 15 steps" if set(names) & set(SPECTRAL) else "none",
        "weights at the start": network.get("initialization", "as the code"),
        "evaluation": _evaluation(spec),
        "logged": f"{spec['log_points']} steps",
        "seeds": str(seeds),
    }


def differing(suite: str, plan: Mapping[str, Any]) -> set[str]:
    """Return the facts in which any block of a plan differs from the paper's code.

    Raises:
        AssertionError: A fact is neither stated nor said to be unknown, or one is stated that ours has not.
    """
    known = configurations()[suite]
    blocks = _blocks(plan)
    assert len(blocks) == len(known["blocks"]), f"{len(blocks)} blocks, {len(known['blocks'])} in {FILE.name}"
    found = set()
    for ours, theirs in zip(blocks, known["blocks"], strict=True):
        stated = {key: str(value) for key, value in {**known["everywhere"], **theirs}.items()}
        here = facts(ours, plan["seeds"])
        unknown = set(known.get("unknown", []))
        assert here.keys() == stated.keys() | unknown, here.keys() ^ (stated.keys() | unknown)
        found |= {key for key, value in stated.items() if _sorted(value) != _sorted(here[key])}
    return found


def declared(text: str) -> set[str]:
    """Return the facts that a suite's notes on departures name in parentheses."""
    return {fact.strip() for facts in re.findall(r"# departure \(([^)]*)\):", text) for fact in facts.split(",")}


def _blocks(plan: Mapping[str, Any]) -> list[list[Mapping[str, Any]]]:
    """Return a plan's cells by the blocks of its suite, in whose order they are."""
    found: list[list[Mapping[str, Any]]] = []
    rest = list(plan["cells"])
    for block in yaml.safe_load(plan["text"])["grid"]:
        of = (rest[0]["dataset"], rest[0]["architecture"])
        mine = [
            cell
            for cell in rest
            if cell["setting"] in block["settings"] and (cell["dataset"], cell["architecture"]) == of
        ]
        found.append(mine)
        rest = [cell for cell in rest if cell not in mine]
    assert not rest
    return found


def _without(label: str, keys: Sequence[str]) -> str:
    """Return a label without some of its parameters, which are facts of their own."""
    name, _, given = label.rstrip(")").partition("(")
    kept = [item for item in given.split(", ") if item and item.split("=")[0] not in keys]
    return f"{name}({', '.join(kept)})" if kept else name


def _optimizer(spec: Mapping[str, Any]) -> str:
    moments = [f"{value:g}" for key, value in spec.items() if key not in ("name", "version", "eps")]
    return " ".join([spec["name"], *moments])


def _evaluation(spec: Mapping[str, Any]) -> str:
    parts = []
    for part in spec["metric"].get("parts", [spec["metric"]]):
        if part["name"] == "reconstruction":
            parts.append(f"{part['validation']} and {part['test']} images")
        elif part["name"] == "fidelity":
            real = f" / {part['real'] or 'all'} of {part['split']}" if "fid" in part["measures"] else ""
            parts.append(f"{part['samples']}{real}")
    return f"{'; '.join(parts)}; every {spec['steps'] // spec['evaluations']} steps"


def _sorted(value: str) -> str:
    return str(sorted(yaml.safe_load(value))) if value.startswith("[") else value
