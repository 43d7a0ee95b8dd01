"""Records of version 1 against records of version 2: what it takes to read, report and verify many trials.

    git worktree add OLD bbc0bde
    python benchmarks/formats.py OLD [--trials 100000] [--rounds 2] [--folder FOLDER]

OLD is a checkout of the last revision that wrote version 1. Each side makes a synthetic ledger with its own tool, once, in
FOLDER; then both are measured in turns, each in an interpreter of its own. A verdict was stored in version 1 and
believed; in version 2 it is derived in each of the three. What version 2 makes of parts is kept on the reader's machine, so
reporting and verifying again, with nothing changed, is measured apart.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]

READ = """
seen = 0
for part in ledger.parts.names():
    for _, record in ledger.parts.records(part, 64):
        seen += record.verdict.failed + (0 if record.trace is None else len(record.trace.steps))
"""
REPORT = """
evidence = gather(ledger)
build(evidence)
"""
VERIFY = """
assert not ledger.verify().problems
"""
WORK = {"read": READ, "report": REPORT, "verify": VERIFY}

AGAIN = "version 2, again"

HEAD = {
    "version 1": """
from harness.ledger import read_ledger
from reports.board import build
from reports.evidence.gathering import gather
""",
    "version 2": """
from ganbench.harness.ledger import read_ledger
from ganbench.reports.board import build
from ganbench.reports.evidence.gathering import gather
""",
}
"""What a side imports."""

TIMED = """
import json, resource, sys, time
{head}
ledger = read_ledger(sys.argv[1])
begun = time.perf_counter()
{work}
spent = time.perf_counter() - begun
uses = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
print(json.dumps([spent, sum(use.ru_utime + use.ru_stime for use in uses), uses[0].ru_maxrss / 1024]))
"""


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("old", type=Path)
    parser.add_argument("--trials", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "ganbench-formats")
    options = parser.parse_args()
    places = {"version 1": options.old.resolve(), "version 2": ROOT, AGAIN: ROOT}
    ledgers = {side: options.folder / side.split(",")[0].replace(" ", "-") for side in places}
    for side, place in places.items():
        if not (ledgers[side] / "suite.json").exists():
            tool = [sys.executable, "tools/synthetic_ledger.py", str(ledgers[side]), "--trials", str(options.trials)]
            begun = time.perf_counter()
            subprocess.run(tool, cwd=place, env=_environment(place), check=True, stdout=subprocess.DEVNULL)
            print(f"{side}: ledger made in {time.perf_counter() - begun:.0f} s", flush=True)
    found: dict[tuple[str, str], list[list[float]]] = {}
    for _ in range(options.rounds):
        for what in WORK:
            with tempfile.TemporaryDirectory() as memory:
                for side, place in places.items():
                    found.setdefault((what, side), []).append(_timed(side, what, place, ledgers[side], memory))
    print(f"| {options.trials:,} trials | {' | '.join(places)} |")
    print("| --- | --- | --- |")
    sizes = [sum(file.stat().st_size for file in ledgers[side].rglob("*.parquet")) / 1e6 for side in places]
    print(f"| parts | {' | '.join(f'{size:.0f} MB' for size in sizes)} |")
    for what in WORK:
        cells = []
        for side in places:
            runs = found[what, side]
            seconds = ", ".join(f"{run[0]:.1f}" for run in runs)
            cells.append(f"{seconds} s ({min(run[1] for run in runs):.0f} s of processors, {runs[0][2]:.0f} MiB)")
        print(f"| {what} | {' | '.join(cells)} |")


def _timed(side: str, what: str, place: Path, ledger: Path, memory: str) -> list[float]:
    """Return seconds, seconds of all processors, and the peak memory of the process itself in MiB."""
    program = TIMED.format(head=HEAD[side.split(",")[0]], work=WORK[what])
    command = [sys.executable, "-c", program, str(ledger)]
    environment = _environment(place) | {"GANBENCH_DATA": memory}
    done = subprocess.run(command, cwd=place, env=environment, check=True, capture_output=True, text=True)
    return [float(number) for number in json.loads(done.stdout)]


def _environment(place: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(place / "src"), str(place)]), "OMP_NUM_THREADS": "1"}


if __name__ == "__main__":
    main()
