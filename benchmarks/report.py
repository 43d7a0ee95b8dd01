"""What a report costs with many trials: seconds, memory, and the sizes of its files.

    python benchmarks/report.py [--trials 100000] [--normalizers 30] [--folder FOLDER]

The ledger is a synthetic one (``tools/synthetic_ledger.py``), made once in FOLDER and found there again. The report is
made in an interpreter of its own, as ``ganbench report`` makes it: the ledger is read, the numbers are computed, and the
main page and the pages beside it are written. `peak` is the most memory that it and the processes that it starts hold at
one time, in which what they share is counted once for each; `processor` is the time of all of them. The limits are 30 s
and 2 GB on two cores for 100,000 trials.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

TOOL = Path(__file__).parents[1] / "tools" / "synthetic_ledger.py"

REPORT = """
import json, resource, sys, time
times = [time.perf_counter()]
from ganbench.reports.board import build
from ganbench.reports.evidence.gathering import gather
from ganbench.reports.publish import Leaderboard
from ganbench.harness.ledger import read_ledger
ledger = read_ledger(sys.argv[1])
times.append(time.perf_counter())
evidence = gather(ledger)
times.append(time.perf_counter())
board = build(evidence)
times.append(time.perf_counter())
page = Leaderboard((ledger,), evidence, board)
page.write(sys.argv[2], pages=False)
times.append(time.perf_counter())
page.write(sys.argv[2])
times.append(time.perf_counter())
spent = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
print(json.dumps({"times": times, "trials": evidence.committed, "own": spent[0].ru_maxrss * 1024,
                  "processor": sum(use.ru_utime + use.ru_stime for use in spent)}))
"""


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=100_000)
    parser.add_argument("--normalizers", type=int, default=30)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "ganbench-report")
    options = parser.parse_args()
    folder = options.folder / f"{options.trials}-{options.normalizers}"
    ledger, out = folder / "ledger", folder / "out"
    if not (ledger / "suite.json").exists():
        started = time.perf_counter()
        amounts = ["--trials", str(options.trials), "--normalizers", str(options.normalizers)]
        subprocess.run([sys.executable, str(TOOL), str(ledger), *amounts], check=True)
        print(f"ledger made in {time.perf_counter() - started:.1f} s")
    shutil.rmtree(out, ignore_errors=True)
    found, peak = measured(ledger, out)
    begun, opened, read, computed, main_page, done = found["times"]
    whole = done - begun - (main_page - computed)  # the second writing has all of it
    print(f"{found['trials']} trials, ledger {size(ledger) / 1e6:.0f} MB")
    print(f"start and opening  {opened - begun:8.2f} s")
    print(f"reading            {read - opened:8.2f} s")
    print(f"computing          {computed - read:8.2f} s")
    print(f"main page alone    {main_page - computed:8.2f} s")
    print(f"all pages          {done - main_page:8.2f} s")
    print(f"whole report       {whole:8.2f} s")
    print(f"processor          {found['processor']:8.2f} s, with the main page a second time")
    print(f"peak               {peak / 1e6:8.0f} MB, of which {found['own'] / 1e6:.0f} MB its own")
    for path in sorted(out.iterdir()):
        files = [item for item in path.rglob("*") if item.is_file()] or [path]
        print(f"{path.name:<18} {size(path) / 1e6:8.2f} MB in {len(files)} {'files' if len(files) > 1 else 'file'}")


def measured(ledger: Path, out: Path) -> tuple[dict[str, Any], int]:
    """Make a report and return what it says of itself, and the peak of the memory of all its processes, in bytes."""
    process = subprocess.Popen([sys.executable, "-c", REPORT, str(ledger), str(out)], stdout=subprocess.PIPE, text=True)
    peak = 0

    def watch() -> None:
        nonlocal peak
        while process.poll() is None:
            peak = max(peak, memory(process.pid))
            time.sleep(0.05)

    watcher = threading.Thread(target=watch)
    watcher.start()
    said, _ = process.communicate()
    watcher.join()
    if process.returncode:
        sys.exit("the report failed")
    return json.loads(said), peak


def memory(pid: int) -> int:
    """Return the resident memory of a process and of those that it started, in bytes; 0 where it cannot be told."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    except OSError:
        return 0
    own = next((int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmRSS:")), 0)
    return own + sum(memory(int(child)) for child in children)


def size(path: Path) -> int:
    """Return the size of a file, or of all files of a folder, in bytes."""
    return (
        path.stat().st_size
        if path.is_file()
        else sum(item.stat().st_size for item in path.rglob("*") if item.is_file())
    )


if __name__ == "__main__":
    main()
