"""What a ledger costs: commits a second, and how long a sweep's start and `ganbench status` take with many trials in it.

    python benchmarks/ledger.py [--trials 100000] [--folder FOLDER] [--commits 500]

The records are those of one real training of `quick`'s kind (about 23 kB each), under the identities of a suite of as
many trials, in parts of 5,000. `start` is `harness.run` on that suite with nothing left to do: the plan, what is committed,
what is damaged, what is missing. `status` is the command as a user types it, with its interpreter's start. The ledger is
made once in FOLDER and found there again. Its records differ in little, so its parts are smaller than real ones; neither
figure reads the records' text.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from ganbench import load_suite, run
from ganbench.harness.cells.cell import Trial
from ganbench.harness.ledger import Ledger, Record
from ganbench.harness.ledger.row import to_text
from ganbench.harness.planning.suite import Suite

SUITE = """
suite: many
version: 1
seed: 1
seeds: {seeds}
baseline: spectral_norm
normalizers: [none, spectral_norm, layer_norm, weight_norm, gradient_penalty]
grid:
  - dataset: ring8
    architecture: mlp
    metric: {{name: mode_coverage, samples: 1000}}
    common: {{steps: 300}}
    settings:
      calm: {{lr_g: 1e-3, lr_d: 1e-3}}
      five: {{lr_g: 1e-3, lr_d: 1e-3, n_dis: 5}}
      eager: {{lr_g: 1e-2, lr_d: 1e-2}}
      slow: {{lr_g: 1e-4, lr_d: 1e-4}}
"""
CELLS = 20
PART = 5000


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=100_000)
    parser.add_argument("--commits", type=int, default=500)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "ganbench-many")
    options = parser.parse_args()
    folder = options.folder / str(options.trials)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "many.yaml"
    path.write_text(SUITE.format(seeds=max(1, options.trials // CELLS)))
    suite, out = load_suite(path), folder / "out"
    example = real_record(suite, folder / "example")
    size = len(to_text(example).encode())
    if not out.exists():
        fill(suite, example, out)
    rate = commits(suite, example, folder / "commits", options.commits)
    start = seconds(lambda: run(path, out, address="inline"))
    status = seconds(lambda: command("status", out))
    parts = Ledger(out).parts.names()
    print(f"{options.trials} trials of {size / 1000:.0f} kB in {len(parts)} parts, {disk(out) / 1e9:.2f} GB")
    print(f"commits a second           {rate:8.0f}")
    print(f"start of a sweep, seconds  {start:8.2f}")
    print(f"ganbench status, seconds   {status:8.2f}")


def real_record(suite: Suite, folder: Path) -> Record:
    """Return the record of a real training."""
    if not Ledger(folder).committed():
        run(suite, folder, address="inline", seeds=1, limit=1)
    return next(Ledger(folder).records())


def under(trial: Trial, example: Record, number: int) -> Record:
    """Return a record as another trial's, of whose cell and seed its trace is not."""
    about = {**example.provenance, "started": 1.7e9 + 10 * number, "seconds": 3.0, "host": f"node{number % 16}"}
    return replace(example, spec=trial.spec(), provenance=about)


def fill(suite: Suite, example: Record, out: Path) -> None:
    """Make a ledger that holds a suite's every trial, in parts."""
    ledger = Ledger(out)
    ledger.write_plan(suite.plan())
    trials = suite.trials()
    for first in range(0, len(trials), PART):
        some = [under(trial, example, first + number) for number, trial in enumerate(trials[first : first + PART])]
        ledger.parts.write(sorted(some, key=lambda record: record.trial_id))
        print(f"\r{first + len(some)} records written", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)


def commits(suite: Suite, example: Record, folder: Path, count: int) -> float:
    """Return commits a second into an empty ledger, from one process."""
    shutil.rmtree(folder, ignore_errors=True)
    ledger = Ledger(folder)
    records = [under(trial, example, number) for number, trial in enumerate(suite.trials()[:count])]
    return len(records) / seconds(lambda: [ledger.commit(record) for record in records])


def seconds(work: Callable[[], object]) -> float:
    """Return how long something takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def command(*arguments: str | Path) -> None:
    """Run the command as a user does."""
    subprocess.run(
        [sys.executable, "-m", "ganbench.harness.cli", *map(str, arguments)], check=True, stdout=subprocess.DEVNULL
    )


def disk(folder: Path) -> int:
    """Return the size of a folder's files, in bytes."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


if __name__ == "__main__":
    main()
