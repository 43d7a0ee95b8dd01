"""Hold verdicts on published training logs against what people saw in the curves, for docs/stability.md.

    python tools/label_published.py

The labels are in docs/data/public-training-labels.csv: ``lost``, ``kept``, ``borderline`` (one could say either),
``too few``.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pandas as pd
from sections import write_section

from ganbench.harness.stability import UNDECIDED, UNSTABLE, Verdict
from ganbench.harness.stability.external_logs import label_file
from ganbench.harness.statistics.intervals import wilson

ROOT = Path(__file__).parent.parent
DATA = ROOT / "docs" / "data"
FILES = {
    "PyTorch-StudioGAN": "public-training-traces.parquet",
    "13 other repositories": "public-training-traces-more.parquet",
}
PAGE = ROOT / "docs" / "stability.md"
LABELS = ("lost", "borderline", "kept", "too few")
OUTCOMES = ("stable", "unstable", "not_learnt", "undecided")


def table() -> str:
    """Return the confusion matrix, and the runs on which the two disagree, as markdown."""
    labels = dict(pd.read_csv(DATA / "public-training-labels.csv").itertuples(index=False))
    lines = [
        f"| logs of | by eye | {' | '.join(name.replace('_', ' ') for name in OUTCOMES)} |",
        "|---|---|" + "---|" * 4,
    ]
    every: dict[str, tuple[str, Verdict]] = {}
    for source, name in FILES.items():
        verdicts = {run: item.verdict for run, item in label_file(DATA / name).runs.items()}
        every |= {run: (labels[run], verdict) for run, verdict in verdicts.items()}
        for label in LABELS:
            found = Counter(verdict.outcome for run, verdict in verdicts.items() if labels[run] == label)
            if found:
                lines.append(f"| {source} | {label} | {' | '.join(str(found[name]) for name in OUTCOMES)} |")
    lost = [verdict for label, verdict in every.values() if label == "lost"]
    kept = [verdict for label, verdict in every.values() if label == "kept"]
    found, accused = (sum(verdict.outcome == UNSTABLE for verdict in some) for some in (lost, kept))
    missed = sum(verdict.decided and not verdict.failed for verdict in lost)
    left = [run for run, (label, verdict) in every.items() if label == "lost" and verdict.outcome == UNDECIDED]
    lines += [
        "",
        f"Of {len(lost)} that lost what they had {_share(found, len(lost))} are unstable, {missed} stable, and the others"
        f" undecided ({', '.join(left)}). Of {len(kept)} that kept it {_share(accused, len(kept))} are accused.",
    ]
    return "\n".join(lines)


def _share(count: int, of: int) -> str:
    low, high = wilson(count, of)
    return f"{count} ({low:.0%} to {high:.0%})"


def main() -> None:
    """Print the table, and write it into the page."""
    found = table()
    print(found)
    write_section(PAGE, "published", found)


if __name__ == "__main__":
    main()
