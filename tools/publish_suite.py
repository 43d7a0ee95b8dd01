"""Put a suite's ledger and its leaderboard into docs/, so that every number can be made again from the repository.

    ganbench run bssn-small
    python tools/publish_suite.py results/bssn-small

writes docs/leaderboards/bssn-small: the ledger, compacted, and the pages that it makes. Then `make findings`.
"""

import shutil
import sys
from pathlib import Path

from ganbench import read_ledger
from ganbench.harness.ledger.names import PLAN
from ganbench.reports import leaderboard

FOLDER = Path("docs/leaderboards")

README = """# The leaderboard of {suite}

Made by

    ganbench run {suite}
    python tools/publish_suite.py results/{suite}

{description}

[leaderboard.md](leaderboard.md) reads well here; `leaderboard.html` is the page itself, to be opened from a copy of this
folder. [ledger](ledger) holds every trial: `ganbench report docs/leaderboards/{suite}/ledger` makes the page again, and
`ganbench run {suite} --results docs/leaderboards/{suite}/ledger` goes on from it.

[findings.md](../../findings.md) says what follows for the papers' claims; [leaderboard.md](../../leaderboard.md), how to
read such a page.
"""


def main(results: Path) -> None:
    """Publish a ledger."""
    ledger = read_ledger(results)
    ledger.compact()
    plan = ledger.plan()
    target = FOLDER / plan["suite"]
    if target.exists():
        shutil.rmtree(target)
    (target / "ledger" / "parts").mkdir(parents=True)
    for file in (results / PLAN, *sorted((results / "parts").glob("*.parquet"))):
        shutil.copy(file, target / "ledger" / file.relative_to(results))
    leaderboard(target / "ledger").write(target)
    description = " ".join(plan["description"].split())
    (target / "README.md").write_text(README.format(suite=plan["suite"], description=description), encoding="utf-8")
    size = sum(file.stat().st_size for file in target.rglob("*") if file.is_file())
    print(f"{target}: {len(ledger.committed())} trials, {size / 1e6:.1f} MB")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
