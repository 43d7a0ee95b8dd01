"""Write what was said at half of the budget, over all published leaderboards, into docs/stability.md.

    python tools/half_budget.py

The whole page, with each threshold changed alone, is docs/sensitivity.md.
"""

from __future__ import annotations

from pathlib import Path

from sections import write_section

from ganbench.reports.sensitivity import write_sensitivity

ROOT = Path(__file__).parent.parent
WHOLE = ROOT / "docs" / "sensitivity.md"


def main() -> None:
    """Judge everything again."""
    ledgers = sorted(str(path) for path in (ROOT / "docs" / "leaderboards").glob("*/ledger"))
    found = "\n".join(write_sensitivity(ledgers, WHOLE, 3))
    print(found)
    write_section(ROOT / "docs" / "stability.md", "sensitivity", found)


if __name__ == "__main__":
    main()
