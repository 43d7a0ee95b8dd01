"""Kill everything that a sweep stands on, at random, and see what it costs.

    python tools/chaos.py [--seeds 39] [--seed 0]

runs 312 small real trainings on a real Ray cluster of a head and two hosts (network namespaces; root is needed), once
undisturbed and once under a seeded plan of blows: worker processes, raylets, whole hosts, the driver, the tracking server
and the process that feeds it are killed with SIGKILL, one host's network is cut for a while, another's disk is full for a
while. Then it compares the two ledgers record by record, looks for exactly one run per trial in MLflow, and writes the
table of `docs/reliability.md`, with its numbers in `docs/data/chaos.csv`. A quarter of an hour on two cores.
"""

from __future__ import annotations

import argparse
import csv
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests" / "support"))

from chaos import SUITE, Blow, Chaos, runs_by_trial  # noqa: E402
from hosts import cluster_of_hosts, why_not  # noqa: E402
from sections import write_section  # noqa: E402
from tracking_servers import mlflow_server  # noqa: E402

from ganbench import read_ledger  # noqa: E402

PLAN = {
    "worker killed": 13,
    "raylet killed": 5,
    "host killed": 5,
    "driver killed": 6,
    "tracking server killed": 3,
    "sync killed": 3,
    "network cut": 1,
    "disk full": 1,
}
CALM = (1.0, 6.0)
"""Seconds between two blows, beside the time that some commits take: a sweep that stands still cannot be hurt more."""

BETWEEN = 5
LONGEST = 60.0
"""Commits between two blows, and how long is waited for them at most."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=39, help="trials per cell; there are eight cells")
    parser.add_argument("--steps", type=int, default=300, help="of each training")
    parser.add_argument("--seed", type=int, default=0, help="of the blows")
    asked = parser.parse_args()
    reason = why_not()
    if reason is not None:
        sys.exit(f"hosts cannot be made here: {reason}")
    with tempfile.TemporaryDirectory(prefix="gbchaos") as name:
        folder = Path(name)
        suite = folder / "chaos.yaml"
        suite.write_text(SUITE.format(seeds=asked.seeds, steps=asked.steps))
        with cluster_of_hosts(71, "market=spot", "market=on-demand") as hosts:
            environment = {**os.environ, **hosts.environment}
            began = time.monotonic()
            options = ["--results", folder / "calm", "--address", hosts.address, "--tracking-uri", "off"]
            subprocess.run(_ganbench("run", suite, *options), env=environment, check=True, stdout=subprocess.DEVNULL)
            calm = time.monotonic() - began
            print(f"undisturbed: {calm:.0f} s", flush=True)
            with mlflow_server(f"sqlite:///{folder}/mlflow.db", folder) as server:
                chaos = Chaos(hosts, suite, folder / "out", server, asked.seed)
                chaos.start()
                try:
                    run_plan(chaos, asked.seed)
                    chaos.finish(1200)
                    disturbed = chaos.now
                finally:
                    chaos.end()
                    Path("chaos.log").write_text("\n".join(f"{at:8.1f} {line}" for at, line in chaos.told))
                if not server.running:
                    server.start()
                subprocess.run(_ganbench("sync", folder / "out", "--tracking-uri", server.url), check=True)
                runs = runs_by_trial(server.url, "chaos v1")
        found = compare(folder / "calm", folder / "out", runs)
        trials = 8 * asked.seeds
        head = f"{trials} trials: {calm:.0f} s undisturbed, {disturbed:.0f} s under {len(chaos.blows)} blows. {found}"
        table = cost(chaos.blows)
        print(head, table, sep="\n\n")
        write_numbers(ROOT / "docs" / "data" / "chaos.csv", chaos.blows)
        write_section(ROOT / "docs" / "reliability.md", "chaos", f"{head}\n\n{table}")


def run_plan(chaos: Chaos, seed: int) -> None:
    """Strike as planned; the sweep must not be over before the last blow."""
    draw = random.Random(seed)
    kinds = [kind for kind, count in PLAN.items() for _ in range(count)]
    draw.shuffle(kinds)
    chaos.live_through_commits(BETWEEN)
    for kind in kinds:
        assert chaos.running, "the sweep was over before the last blow; give it more --seeds or --steps"
        chaos.strike(kind)
        print(f"{chaos.now:6.0f} s  {kind:24} {chaos.committed()} committed", flush=True)
        chaos.live_through_commits(BETWEEN, LONGEST, must=False)
        chaos.live_through(draw.uniform(*CALM))


def compare(calm: Path, out: Path, runs: Counter[str]) -> str:
    """Compare a ledger with the undisturbed one, and MLflow with it; say what was found, or fail."""
    expected = {record.trial_id: record.sha256 for record in read_ledger(calm).records()}
    ledger = read_ledger(out)
    records = list(ledger.records())
    assert {record.trial_id: record.sha256 for record in records} == expected, "the ledgers differ"
    assert set(runs) == set(expected) and set(runs.values()) == {1}, "MLflow has not one run per trial"
    verified = ledger.verify()
    assert not verified.problems and not verified.unequal, verified
    attempts = Counter(record.provenance["attempt"] for record in records)
    resumed = sum(record.provenance["resumed_from"] is not None for record in records)
    again = sum(count for number, count in attempts.items() if number > 1)
    duplicates = verified.duplicates
    twice = (
        f"{duplicates} were committed twice, with equal results." if duplicates else "None was committed a second time."
    )
    return (
        f"The ledgers are equal bit for bit, and MLflow has one run for each of {len(runs)} trials. {again} trials were"
        f" committed by a second or later attempt of one driver, {resumed} went on from a checkpoint. {twice}"
    )


def cost(blows: list[Blow]) -> str:
    """Return the table of what was done, how often, and what it cost."""
    lines = ["| what | times | attempts lost | until the next commit: median | longest |", "|---|---|---|---|---|"]
    for kind in PLAN:
        of_kind = [blow for blow in blows if blow.kind == kind]
        stalls = [blow.stalled for blow in of_kind if blow.stalled is not None]
        lost = sum(blow.lost for blow in of_kind)
        lines.append(f"| {kind} | {len(of_kind)} | {lost} | {statistics.median(stalls):.1f} s | {max(stalls):.1f} s |")
    return "\n".join(lines)


def write_numbers(path: Path, blows: list[Blow]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["kind", "at_seconds", "committed", "attempts_lost", "seconds_until_next_commit"])
        for blow in blows:
            stalled = "" if blow.stalled is None else f"{blow.stalled:.1f}"
            writer.writerow([blow.kind, f"{blow.at:.1f}", blow.committed, blow.lost, stalled])


def _ganbench(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "ganbench.harness.cli", *map(str, arguments)]


if __name__ == "__main__":
    main()
