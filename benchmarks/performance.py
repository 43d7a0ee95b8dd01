"""How fast everything is against plain PyTorch and against its targets, side by side in one run, as docs/performance.md.

    python benchmarks/performance.py [--quick-suite SEEDS] [--repeats 7] [--out docs/performance.md]

On two slow cores thirteen minutes, six of them for the quick suite's eight seeds; on a machine with a GPU every section of
its rows takes some minutes more. Without one they say so. What was measured is kept as JSON with --keep FILE, and a page is
made from such files with --from FILE..., so that a GPU's sections can be measured elsewhere: --only gpu-steps --keep FILE.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

HERE = Path(__file__).parent
SECTIONS = ("cpu", "gpu-steps", "gpu-full", "gpu-ceiling")


def main() -> None:
    """Measure what was asked for, or one thing in this process."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=7, help="counted rounds; large networks have fewer")
    parser.add_argument("--quick-suite", type=int, default=8, metavar="SEEDS", help="of suites/quick.yaml; 0 for none")
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=SECTIONS, help="what is measured")
    parser.add_argument("--out", type=Path, default=HERE.parent / "docs" / "performance.md")
    parser.add_argument("--keep", type=Path, metavar="FILE")
    parser.add_argument("--from", type=Path, nargs="+", metavar="FILE", dest="sources", help="instead of measuring")
    parser.add_argument("--measure", nargs=2, metavar=("WHAT", "JSON"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    # The package beside this script, which has its name.
    if options.measure:
        from performance.measured import measure

        print(json.dumps(measure(options.measure[0], json.loads(options.measure[1]))))
        return
    from performance.page import page
    from performance.running import everything, joined

    if options.sources:
        measured = joined([json.loads(source.read_text(encoding="utf-8")) for source in options.sources])
    else:
        measured = everything(options.only, options.repeats, options.quick_suite)
    if options.keep:
        options.keep.write_text(json.dumps(measured, indent=1), encoding="utf-8")
    if "cells" not in measured:
        print("no page: it needs what is measured on the CPU as well")
        return
    options.out.write_text(page(measured), encoding="utf-8")
    print(f"{options.out} is written")


if __name__ == "__main__":
    main()
