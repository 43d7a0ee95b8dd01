"""How fast everything is against plain PyTorch and against its targets, side by side in one run, as docs/performance.md.

    python benchmarks/performance.py [--quick-suite SEEDS] [--repeats 7] [--out docs/performance.md]

Under ten minutes on a machine with nothing else to do. Without a GPU its rows say so. What was measured is kept as JSON
with --keep FILE, and a page is made from such a file alone with --from FILE.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

HERE = Path(__file__).parent


def main() -> None:
    """Measure what was asked for, or one thing in this process."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=7, help="counted rounds; large networks have fewer")
    parser.add_argument("--quick-suite", type=int, default=1, metavar="SEEDS", help="of suites/quick.yaml; 0 for none")
    parser.add_argument("--out", type=Path, default=HERE.parent / "docs" / "performance.md")
    parser.add_argument("--keep", type=Path, metavar="FILE")
    parser.add_argument("--from", type=Path, metavar="FILE", dest="source")
    parser.add_argument("--measure", nargs=2, metavar=("WHAT", "JSON"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        one_thing(options.measure[0], json.loads(options.measure[1]))
        return
    # The package beside this script, which has its name.
    from performance.page import page
    from performance.running import everything

    if options.source:
        measured = json.loads(options.source.read_text(encoding="utf-8"))
    else:
        measured = everything(options.repeats, options.quick_suite)
    if options.keep:
        options.keep.write_text(json.dumps(measured, indent=1), encoding="utf-8")
    options.out.write_text(page(measured), encoding="utf-8")
    print(f"{options.out} is written")


def one_thing(what: str, arguments: dict[str, object]) -> None:
    """Measure one thing on one thread, and print it as JSON."""
    import torch
    from performance.measuring import MEASURED

    torch.set_num_threads(1)
    print(json.dumps(MEASURED[what](**arguments)))


if __name__ == "__main__":
    main()
