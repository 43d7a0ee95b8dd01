"""Validate the verdict on trainings with a failure planted in them, and on healthy ones from every family of methods.

    python tools/plant_failures.py [--only KIND]

Failures are planted as they happen in practice, by their cause, not by their symptom: a rate a few times too high, few
examples, a discriminator a little too strong, a long training; and a few whose answer is known in advance. Whether one of
the former fails is not known before it was trained, so somebody who had not seen the verdicts labelled their curves by
eye. The settings of the healthy ones were chosen on other seeds, by the quality that they reach and keep.

Traces are kept in results/planted/, and what is there is not trained again: a run that was stopped goes on. What
definition 3 says of them goes, as a confusion matrix, into docs/stability.md, and trial by trial into
docs/data/planted-failures.csv. The column `by_eye` of that file is written by hand, and kept as long as the training is
the same.
"""

from __future__ import annotations

import argparse
import csv
import pickle
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import torch
from sections import write_section

from ganbench.harness.canonical import digest
from ganbench.harness.cells.cell import PLUGIN_KINDS, Cell, Trial
from ganbench.harness.data.dataset import Data
from ganbench.harness.data.modes import Gaussians
from ganbench.harness.data.store import Store
from ganbench.harness.metrics.metric import references_of
from ganbench.harness.plugins.registry import Catalog
from ganbench.harness.stability import judge, load_definition
from ganbench.harness.stability.verdict import UNSTABLE, Verdict
from ganbench.harness.statistics.intervals import rate_interval
from ganbench.harness.steps.program import Programs
from ganbench.harness.steps.step import Batch
from ganbench.harness.storage.atomic import whole
from ganbench.harness.traces.cutting import cut
from ganbench.harness.traces.trace import Trace
from ganbench.harness.training.loop import train
from ganbench.harness.training.training import Material, Training

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "stability.md"
TRIALS = ROOT / "docs" / "data" / "planted-failures.csv"
TRACES = ROOT / "results" / "planted"
SUITE_SEED = 20_261
CATALOG = Catalog()
PROGRAMS = {late: Programs() for late in (False, True)}
"""Of steps whose rates are raised, and of others: what is kept of a cell fits one form of batches only."""

ENDS = ("stable", "broke", "lost", "not learnt", "undecided")
"""What definition 3 can say, with the two ways to be unstable apart."""

BROKE = {"diverged", "exploding_gradient", "vanishing_gradient"}
LATE = 0.6
"""Share of the budget from which a rate is raised late."""


@dataclass(frozen=True)
class Setting:
    """A data set, and what is trained on it.

    Attributes:
        cell: What all cells have in common.
        methods: The healthy ones, by family: a normalizer, and what else is changed.
        carriers: The families in whose methods failures are planted.
        few: How many examples are few.
    """

    cell: dict[str, Any]
    methods: dict[str, dict[str, Any]]
    carriers: tuple[str, ...]
    few: int


SETTINGS = {
    "ring8": Setting(
        {
            "dataset": {"name": "ring8", "std": 0.05},
            "architecture": "mlp",
            "metric": {"name": "mode_coverage", "samples": 1000},
            "loss": "non_saturating",
            "optimizer": "adam",
            "lr_g": 1e-3,
            "lr_d": 1e-3,
            "n_dis": 1,
            "batch_size": 128,
            "steps": 3000,
            "evaluations": 50,
            "log_points": 200,
        },
        {
            "none": {"normalizer": "none"},
            "batch statistics": {"normalizer": "batch_norm"},
            "statistics of an example": {"normalizer": "layer_norm", "lr_g": 5e-4, "lr_d": 5e-4},
            "statistics of a group": {"normalizer": "group_norm"},
            "spectral norm": {"normalizer": "spectral_norm"},
            "scaled spectral norms": {"normalizer": {"name": "bssn", "scale": 2.0}},
            "weight norm": {"normalizer": "weight_norm"},
            "penalty between samples": {"normalizer": {"name": "gradient_penalty", "weight": 0.1}},
            "penalty at real samples": {"normalizer": {"name": "r1", "gamma": 0.1}},
            "orthogonality": {"normalizer": "orthogonal_regularization"},
            "initialization": {"normalizer": "kaiming"},
            "features of the batch": {"normalizer": "minibatch_stddev"},
        },
        ("batch statistics", "spectral norm", "penalty at real samples"),
        128,
    ),
    "digits": Setting(
        {
            "dataset": "digits",
            "architecture": {"name": "dcgan", "width": 8, "latent": 32},
            "metric": {
                "name": "fidelity",
                "extractor": "digits-cnn",
                "samples": 500,
                "measures": ["fid", "inception_score", "diversity"],
            },
            "loss": "hinge",
            "optimizer": "adam",
            "lr_g": 1e-3,
            "lr_d": 1e-3,
            "n_dis": 1,
            "batch_size": 32,
            "steps": 2500,
            "evaluations": 50,
            "log_points": 200,
        },
        {
            "batch statistics": {"normalizer": "batch_norm"},
            "statistics of an example": {"normalizer": "layer_norm"},
            "statistics of a channel": {"normalizer": "instance_norm"},
            "spectral norm": {"normalizer": "spectral_norm"},
            "scaled spectral norms": {"normalizer": {"name": "bssn", "scale": 2.0}},
            "weight norm": {"normalizer": "weight_norm_affine", "lr_g": 5e-4, "lr_d": 5e-4},
            "penalty between samples": {
                "normalizer": {"name": "gradient_penalty", "weight": 1.0},
                "lr_g": 2e-3,
                "lr_d": 2e-3,
            },
            "penalty at real samples": {"normalizer": "r1"},
            "orthogonality": {"normalizer": "orthogonal_regularization", "lr_g": 2e-3, "lr_d": 2e-3},
            "initialization": {"normalizer": "kaiming", "lr_g": 2e-3, "lr_d": 2e-3},
        },
        ("batch statistics", "spectral norm"),
        96,
    ),
}


@dataclass(frozen=True)
class Kind:
    """Something that is planted in healthy settings.

    Attributes:
        words: What was done.
        right: The end that is right; "" where it is not known before the training.
        seeds: Trainings of each method, on each data set.
        changes: Of the cell.
        rates: Factors of the generator's and the discriminator's learning rate, from the beginning on.
        late: Factor of both from some time on.
        since: Share of the budget from which on.
        budget: By which factor it is longer.
        data: What the training sees of the data set; evaluations see all of it.
        own: Whether the changes leave nothing of a method, so that one is enough.
        on: In which settings.
    """

    words: str
    right: str = ""
    seeds: int = 2
    changes: dict[str, Any] = field(default_factory=dict)
    rates: tuple[float, float] = (1.0, 1.0)
    late: float = 1.0
    since: float = LATE
    budget: int = 1
    data: Callable[[Data, Setting], Data] | None = None
    own: bool = False
    on: tuple[str, ...] = ("ring8", "digits")


def few(data: Data, setting: Setting) -> Data:
    """Return the first examples only."""
    return replace(data, examples=data.examples[: setting.few])


def duplicates(data: Data, setting: Setting) -> Data:
    """Return what a broken loader gives: two of eight modes, or one image, over and over."""
    examples = data.examples[:]
    if not isinstance(data.modes, Gaussians):
        return replace(data, examples=examples[:1].repeat(64, 1, 1, 1))
    near = torch.cdist(examples, data.modes.centres).argmin(dim=1) < 2
    return replace(data, examples=examples[near])


EARLY: dict[str, Any] = {"seeds": 4, "since": 0.3, "budget": 2, "changes": {"evaluations": 100}, "on": ("ring8",)}
"""Of trainings that are disturbed early enough for the loss to be seen at half of the budget."""

KINDS = {
    "healthy": Kind("nothing", "stable", 3),
    "rates x3": Kind("both learning rates 3 times as high", rates=(3, 3)),
    "rates x10": Kind("both learning rates 10 times as high", rates=(10, 10)),
    "late rates x3": Kind("both learning rates 3 times as high from three fifths of the training on", late=3),
    "late rates x10": Kind("both learning rates 10 times as high from three fifths of the training on", late=10),
    "early rates x3": Kind(
        "both learning rates 3 times as high from three tenths of the training on, twice the budget", late=3, **EARLY
    ),
    "early rates x10": Kind(
        "both learning rates 10 times as high from three tenths of the training on, twice the budget",
        late=10,
        **EARLY | {"seeds": 24},
    ),
    "fast discriminator": Kind("the discriminator's learning rate 4 times as high", rates=(1, 4)),
    "more updates": Kind("five discriminator updates for one", changes={"n_dis": 5}),
    "few examples": Kind("128 points of the ring, 96 digits, evaluated against all", data=few),
    "long": Kind("four times the budget", seeds=1, budget=4),
    "duplicates": Kind("training on duplicates, two of eight modes or one image", "not learnt", 2, data=duplicates),
    "frozen discriminator": Kind("the discriminator's learning rate is zero", "not learnt", 2, rates=(1, 0)),
    "huge steps": Kind(
        "gradient descent with a rate of 1000 on unbounded logits", "broke", 4,
        {"optimizer": "sgd", "loss": "wgan", "normalizer": "none", "lr_g": 1e3, "lr_d": 1e3}, own=True,
    ),
    "unbounded critic": Kind(
        "WGAN without any constraint, Adam with a rate of 0.02", "broke", 2,
        {"loss": "wgan", "normalizer": "none", "lr_d": 2e-2, "lr_g": 1e-4}, own=True,
    ),
    "perfect discriminator": Kind(
        "saturating loss, five fast discriminator updates for a slow generator's one", "broke", 2,
        {"loss": "minimax", "normalizer": "none", "lr_d": 1e-2, "lr_g": 1e-6, "n_dis": 5}, own=True,
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Job:
    """One training.

    Attributes:
        kind: What is planted.
        data: In which setting.
        family: In the method of which family.
        seed: The seed.
    """

    kind: str
    data: str
    family: str
    seed: int

    def cell(self) -> Cell:
        """Return the cell."""
        kind, setting = KINDS[self.kind], SETTINGS[self.data]
        values = setting.cell | setting.methods[self.family]
        values |= {name: values[name] * factor for name, factor in zip(("lr_g", "lr_d"), kind.rates, strict=True)}
        values |= {"steps": values["steps"] * kind.budget} | kind.changes
        return Cell(**values | {name: CATALOG.create(name, values[name]) for name in PLUGIN_KINDS})

    def training(self) -> Training:
        """Return the training, with what is planted in it."""
        kind, setting, trial = KINDS[self.kind], SETTINGS[self.data], Trial(self.cell(), SUITE_SEED, self.seed)
        material = loaded(self.data)
        seen = material.data if kind.data is None else kind.data(material.data, setting)
        training = Training(trial, replace(material, data=seen), PROGRAMS[kind.late != 1])
        if kind.late != 1:
            raise_rates(training, kind.late, kind.since)
        return training

    def id(self) -> str:
        """Return what tells this training from others, 20 hexadecimal digits: another has other traces."""
        kind, setting = KINDS[self.kind], SETTINGS[self.data]
        seen = "" if kind.data is None else f"{kind.data.__name__} {setting.few}"
        about = {"trial": Trial(self.cell(), SUITE_SEED, self.seed).id, "late": kind.late, "data": seen}
        return digest(about if kind.since == LATE else about | {"since": kind.since})


def jobs(kind: str) -> Iterator[Job]:
    """Yield the trainings of a kind."""
    for data in KINDS[kind].on:
        setting = SETTINGS[data]
        families = setting.methods if kind == "healthy" else setting.carriers
        for family in list(families)[: 1 if KINDS[kind].own else None]:
            yield from (Job(kind, data, family, seed) for seed in range(KINDS[kind].seeds))


@cache
def loaded(data: str) -> Material:
    """Return a setting's data, whole, and its metric."""
    cell, store = Job("healthy", data, next(iter(SETTINGS[data].methods)), 0).cell(), Store.find()
    examples = cell.dataset.load(store)
    evaluate = cell.metric.prepare(examples, store)
    normalizer = CATALOG.create("normalizer", cell.architecture.generator_normalizer)
    return Material(examples, "", evaluate, normalizer, references=references_of(evaluate))  # type: ignore[arg-type]


def raise_rates(training: Training, factor: float, since: float) -> None:
    """Make both learning rates higher from a share of the training on."""
    draw, steps = training.draw, training.trial.cell.steps

    def disturbed(now: int) -> Batch:
        share = factor if now > since * steps else 1.0
        return replace(draw(now), lr_share=torch.tensor(share, dtype=torch.float64))

    training.draw = disturbed  # type: ignore[method-assign]


PARTS = {"at_half": 0.5, "at_four_fifths": 0.8}
"""Columns of what is said at a part of the budget."""


def trace_of(job: Job) -> Trace:
    """Return what a training logged: from its file, or of the training, which then leaves the file."""
    path = TRACES / f"{job.kind}-{job.data}-{job.family}-{job.seed}-{job.id()}.pickle".replace(" ", "_")
    if path.exists():
        kept: Trace = pickle.loads(path.read_bytes())
        return kept
    begun = time.time()
    trace = train(job.training())
    TRACES.mkdir(parents=True, exist_ok=True)
    with whole(path) as hidden:
        hidden.write_bytes(pickle.dumps(trace))
    print(f"{path.name}: {time.time() - begun:.0f} s", flush=True)
    return trace


def end_of(verdict: Verdict) -> str:
    """Return which of ``ENDS`` a verdict says."""
    if verdict.outcome == UNSTABLE:
        return "broke" if BROKE & set(verdict.modes) else "lost"
    return verdict.outcome.replace("_", " ")


def judged(job: Job, labels: Mapping[str, str]) -> dict[str, Any]:
    """Return the row of a training.

    Args:
        job: The training.
        labels: What was seen by eye, by training.
    """
    trace, references = trace_of(job), loaded(job.data).references
    new, old = (judge(trace, load_definition(version), references=references) for version in (3, 2))
    row: dict[str, Any] = {
        "planted": job.kind,
        "data": job.data,
        "family": job.family,
        "method": job.cell().normalizer.label(),
        "seed": job.seed,
        "training": job.id(),
        "evaluations": len(trace.evaluation_steps) - 1,
        "outcome": end_of(new),
        "modes": " ".join(new.modes),
        "step": new.failed_at,
        "least_loss": "" if new.least_loss is None else f"{new.least_loss:.3g}",
        "definition_2": " ".join(old.modes) or old.outcome,
    }
    for part, of_budget in PARTS.items():
        row[part] = end_of(judge(cut(trace, of_budget), load_definition(3), references=references))
    return row | {"by_eye": labels.get(job.id(), "")}


def known_labels() -> dict[str, str]:
    """Return what the file says was seen by eye, by training."""
    if not TRIALS.exists():
        return {}
    with TRIALS.open(newline="", encoding="utf-8") as file:
        return {row["training"]: row["by_eye"] for row in csv.DictReader(file) if row.get("by_eye")}


def share(of: Iterable[bool]) -> str:
    """Return how many are true, of how many, with the interval of the share."""
    found = list(of)
    low, high = rate_interval(sum(found), len(found))
    return f"{sum(found)} of {len(found)} ({low:.0%} to {high:.0%})"


def says(rows: Iterable[Mapping[str, Any]], *ends: str) -> str:
    """Return of how many trainings definition 3 says one of some ends."""
    return share(row["outcome"] in ends for row in rows)


def said_before(rows: Iterable[Mapping[str, Any]]) -> str:
    """Return how many trainings definition 2 calls unstable."""
    return share(row["definition_2"] != "stable" for row in rows)


def matrix(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return, kind by kind, how often definition 3 said what, as markdown; what is right in bold."""
    lines = [
        "| planted | by | trainings | " + " | ".join(ENDS) + " |",
        "|---|---|---|" + "---|" * len(ENDS),
    ]
    for name, kind in KINDS.items():
        own = [row["outcome"] for row in rows if row["planted"] == name]
        cells = []
        for end in ENDS:
            low, high = rate_interval(own.count(end), len(own))
            text = f"{own.count(end)} ({low:.0%} to {high:.0%})"
            cells.append(f"**{text}**" if end == kind.right else text)
        lines.append(f"| {name} | {kind.words} | {len(own)} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def by_method(rows: Iterable[Mapping[str, Any]]) -> str:
    """Return how often healthy controls were called stable, method by method, as markdown."""
    lines = ["| family | data | method | stable | unstable | not learnt | undecided |", "|---|---|---|---|---|---|---|"]
    ends: dict[tuple[str, ...], Counter[str]] = {}
    for row in rows:
        ends.setdefault((row["family"], row["data"], f"`{row['method']}`"), Counter()).update([row["outcome"]])
    for method, found in sorted(ends.items()):
        counts = (found["stable"], found["broke"] + found["lost"], found["not learnt"], found["undecided"])
        lines.append("| " + " | ".join([*method, *map(str, counts)]) + " |")
    return "\n".join(lines)


def by_eye(rows: Iterable[Mapping[str, Any]]) -> str:
    """Return what was seen by eye against what definition 3 says, as markdown."""
    seen = Counter((row["by_eye"], row["outcome"]) for row in rows if row["by_eye"])
    lines = ["| by eye | " + " | ".join(ENDS) + " |", "|---|" + "---|" * len(ENDS)]
    for label in sorted({label for label, _ in seen}):
        lines.append(f"| {label} | " + " | ".join(str(seen[label, end]) for end in ENDS) + " |")
    return "\n".join(lines)


def earlier(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return what was said at parts of the budget against what is said at its end, as markdown."""
    lines = ["| at | said then | " + " | ".join(ENDS) + " |", "|---|---|" + "---|" * len(ENDS)]
    for part in PARTS:
        for then in ENDS:
            found = Counter(row["outcome"] for row in rows if row[part] == then)
            if found:
                words = part.replace("_", " ").removeprefix("at ")
                lines.append(
                    f"| {words} of the budget | {then} | " + " | ".join(str(found[end]) for end in ENDS) + " |"
                )
    return "\n".join(lines)


def section(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the page's section."""
    healthy = [row for row in rows if row["planted"] == "healthy"]
    known = [row for row in rows if KINDS[row["planted"]].right not in ("", "stable")]
    looked = [row for row in rows if row["by_eye"]]
    fine = [row for row in looked if row["by_eye"] == "stable"]
    sound = [row for row in fine if row in healthy]
    failing = [row for row in looked if row["by_eye"] in ("lost", "not learnt")]
    right = share(row["outcome"] == KINDS[row["planted"]].right for row in known)
    return "\n\n".join(
        [
            matrix(rows),
            f"Of the healthy controls definition 3 calls stable {says(healthy, 'stable')}; it accuses"
            f" {says(healthy, 'broke', 'lost')}, calls not learnt {says(healthy, 'not learnt')} and leaves undecided"
            f" {says(healthy, 'undecided')}. Of the failures whose end is known it says the right one of {right}, and"
            f" stable of {says(known, 'stable')}. Definition 2 calls unstable {said_before(healthy)} of the former and"
            f" {said_before(known)} of the latter.",
            by_method(healthy),
            f"{len(looked)} curves, the healthy ones and those of the kinds whose end is not known, were labelled by eye,"
            f" but for {len(rows) - len(known) - len(looked)} that were trained later, in mixed order but for the twelve of"
            " late rates on the ring, without what was planted and without the verdict:",
            by_eye(looked),
            f"Of the healthy controls that look stable definition 3 calls stable {says(sound, 'stable')}, and accuses"
            f" {says(sound, 'broke', 'lost')}. Of all that look stable it calls stable {says(fine, 'stable')}, accuses"
            f" {says(fine, 'broke', 'lost')} and leaves undecided {says(fine, 'undecided')}. Of those that look lost or not"
            f" learnt it calls stable {says(failing, 'stable')} and leaves undecided {says(failing, 'undecided')}."
            f" Definition 2 calls unstable {said_before(fine)} of the former and {said_before(failing)} of the latter.",
            "What was said at a part of the budget, and at its end:",
            earlier(rows),
        ]
    )


def main() -> None:
    """Train what is not there yet, and write the page's section."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=KINDS, help="one kind; prints, and writes nothing but its traces")
    options = parser.parse_args()
    torch.set_num_threads(1)
    labels = known_labels()
    rows = [judged(job, labels) for kind in ([options.only] if options.only else KINDS) for job in jobs(kind)]
    if options.only:
        for row in rows:
            print(*row.values(), sep=",")
        return
    with TRIALS.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    write_section(PAGE, "planted", section(rows))


if __name__ == "__main__":
    main()
