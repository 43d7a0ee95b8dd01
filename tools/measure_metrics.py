"""Measure how far one generator's numbers move between protocols, and how noisy each number is.

    python tools/measure_metrics.py FOLDER

trains one generator on `cifar10_jpeg` (sngan_cnn under spectral normalization; 1,000 steps, a quarter of an hour on two
cores), draws 100,000 samples, which FOLDER keeps, and writes the two tables of `docs/metrics.md`, their numbers in
`docs/data/`. The data set must be
in the data directory (`ganbench data where cifar10_jpeg`).
"""

import argparse
import csv
from pathlib import Path

import numpy as np
import torch
from sections import write_section
from torch import Tensor

from ganbench.harness.cells.cell import Cell, Trial
from ganbench.harness.data.dataset import Data
from ganbench.harness.data.store import Store
from ganbench.harness.metrics.comparison import KINDS, SampleComparison
from ganbench.harness.metrics.extractors.cifar10_small import CIFAR10_SMALL
from ganbench.harness.metrics.extractors.registry import EXTRACTORS, Extracted, extract, gather
from ganbench.harness.metrics.fidelity import Fidelity
from ganbench.harness.metrics.metric import Generated
from ganbench.harness.metrics.protocols import PROTOCOLS
from ganbench.harness.metrics.real_statistics import COMPARED, Wanted, real_statistics
from ganbench.harness.plugins.registry import Catalog
from ganbench.harness.training.sampling import generate
from ganbench.harness.training.streams import Stream, open_stream
from ganbench.harness.training.training import Material, Training

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "metrics.md"
STEPS = 1000
POOL = 100_000
REPEATS = 20
COUNTS = (1_000, 2_000, 5_000, 10_000, 50_000)
SHOWN = ("fid", "inception_score", "kid", "precision", "recall", "density", "coverage", "diversity")
MOST = dict.fromkeys(("kid", "precision", "recall", "density", "coverage"), COMPARED) | {"diversity": 500}
MORE_PROTOCOLS = {"1k against all": (1_000, None, "train"), "50k against all test images": (50_000, None, "test")}


def a_cell(steps: int) -> Cell:
    catalog = Catalog()
    asked = {
        "dataset": "cifar10_jpeg",
        "architecture": "sngan_cnn",
        "normalizer": "spectral_norm",
        "loss": "hinge",
        "optimizer": {"name": "adam", "beta1": 0.5, "beta2": 0.999},
        "metric": {"name": "fidelity", "extractor": CIFAR10_SMALL, "samples": 1000},
    }
    plugins = {kind: catalog.create(kind, spec) for kind, spec in asked.items()}
    numbers = {"lr_g": 2e-4, "lr_d": 2e-4, "n_dis": 1, "batch_size": 64, "steps": steps, "evaluations": 1}
    return Cell(**plugins, **numbers, log_points=1)  # type: ignore[arg-type]


def trained_samples(data: Data, steps: int) -> Tensor:
    """Train a generator and return POOL samples, uint8 [POOL, 3, 32, 32]."""
    cell = a_cell(steps)
    default = Catalog().create("normalizer", cell.architecture.generator_normalizer)
    training = Training(Trial(cell, 2021, 0), Material(data, "", lambda generated: {}, default))  # type: ignore[arg-type]
    for step in range(1, steps + 1):
        training.advance(observe=False)
        if step % 100 == 0:
            print(f"step {step} of {steps}", flush=True)
    stream = open_stream(2021, 0, cell.group, Stream.EVALUATION)
    generated = generate(training, torch.randn((POOL, cell.architecture.latent), generator=stream))
    assert generated is not None, "the training diverged"
    return generated.samples


def protocol_rows(data: Data, store: Store, samples: Tensor) -> list[dict[str, object]]:
    """Return FID, KID, precision and recall of the same generator under each protocol."""
    asked = {f"`{name}`": (item.samples, item.real, item.split) for name, item in PROTOCOLS.items()} | MORE_PROTOCOLS
    rows = []
    for name, (count, real, split) in asked.items():
        metric = Fidelity.model_validate(
            {"extractor": CIFAR10_SMALL, "samples": count, "real": real, "split": split,
             "measures": ["fid", "kid", "precision", "recall"]}
        )  # fmt: skip
        values = metric.prepare(data, store)(Generated(samples[:count]))
        numbers = {measure.key.split("[")[0]: values[measure.key] for measure in metric.measures()}
        rows.append({"protocol": name, "name": metric.measures()[0].key, "generated": count,
                     "real": real or "all", "split": split, **numbers})  # fmt: skip
        print(rows[-1], flush=True)
    return rows


def noise_rows(data: Data, store: Store, samples: Tensor) -> list[dict[str, object]]:
    """Return, for each count, the mean and the standard deviation of each measure over resampled generated samples.

    Subsets of a finite pool are more alike than fresh samples would be; their variance is divided by 1 - n / POOL, the
    finite population correction, where n is how many of the samples a measure looks at.
    """
    entry = EXTRACTORS[CIFAR10_SMALL]
    extractor = entry.make(store)
    wanted = Wanted("train", None, CIFAR10_SMALL, entry.identity(store), entry.batch)
    real = real_statistics(data, wanted, extractor, store, torch.device("cpu"))
    made = gather(extract(extractor, samples, entry.batch))
    generator = torch.Generator().manual_seed(2017)
    rows = []
    for count in COUNTS:
        drawn: dict[str, list[float]] = {name: [] for name in SHOWN}
        for _ in range(REPEATS):
            chosen = torch.randperm(POOL, generator=generator)[:count]
            comparison = SampleComparison(Extracted(made.features[chosen], made.logits[chosen]), real)
            for name in SHOWN:
                drawn[name].append(KINDS[name].value(comparison))
        rows.append({"generated": count} | {
            f"{name}_{what}": value
            for name, values in drawn.items()
            for what, value in (("mean", np.mean(values)), ("std", np.std(values, ddof=1) * fresh(name, count)))
        })  # fmt: skip
        print(rows[-1], flush=True)
    return rows


def fresh(name: str, count: int) -> float:
    """Return what turns the standard deviation over subsets of the pool into that over fresh samples."""
    looked_at = min(count, MOST.get(name, count))
    return float(1 / np.sqrt(1 - looked_at / POOL))


def write_csv(path: Path, rows: list[dict[str, object]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0].keys(), lineterminator="\n")
        writer.writeheader()
        writer.writerows({key: f"{value:.6g}" if isinstance(value, float) else value for key, value in row.items()}
                         for row in rows)  # fmt: skip


def table(head: list[str], rows: list[list[str]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in [head, ["---"] * len(head), *rows])


def protocols_section(rows: list[dict[str, object]], steps: int) -> str:
    distances = [float(row["fid"]) for row in rows]
    lines = [
        [str(row["protocol"]), f"{row['generated']:,}", f"{row['real']}", str(row["split"]), f"{row['fid']:.2f}",
         f"{row['kid']:.4f}", f"{row['precision']:.3f}", f"{row['recall']:.3f}"]
        for row in rows
    ]  # fmt: skip
    head = ["protocol", "samples", "real", "split", "FID", "KID", "precision", "recall"]
    return (
        f"One generator (sngan_cnn under spectral normalization, {steps:,} steps on `cifar10_jpeg`), the same samples,\n"
        f"the same features (`{CIFAR10_SMALL}`): its Frechet distance is anything from {min(distances):.2f} to"
        f" {max(distances):.2f}.\n\n{table(head, lines)}"
    )


def noise_section(rows: list[dict[str, object]]) -> str:
    def cell(row: dict[str, object], name: str) -> str:
        mean, std = float(row[f"{name}_mean"]), float(row[f"{name}_std"])
        digits = max(0, 1 - int(np.floor(np.log10(std))))
        return f"{mean:.{digits}f} ± {std:.{digits}f}"

    head = ["samples", *(f"`{name}`" for name in SHOWN)]
    lines = [[f"{row['generated']:,}", *(cell(row, name) for name in SHOWN)] for row in rows]
    return (
        f"The same generator against all training images: mean and standard deviation over {REPEATS} draws of its\n"
        "samples. Two generators whose numbers differ by less than two or three of these have not been told apart by one\n"
        f"evaluation; what another seed does comes on top.\n\n{table(head, lines)}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="where samples are kept, 300 MB; a second run takes them from there")
    parser.add_argument("--steps", type=int, default=STEPS)
    arguments = parser.parse_args()
    store = Store.find()
    data = Catalog().create("dataset", "cifar10_jpeg").load(store)  # type: ignore[attr-defined]
    kept = arguments.folder / f"samples-{arguments.steps}.npy"
    if not kept.exists():
        arguments.folder.mkdir(parents=True, exist_ok=True)
        np.save(kept, trained_samples(data, arguments.steps).numpy())
    samples = torch.from_numpy(np.load(kept))
    protocols, noise = protocol_rows(data, store, samples), noise_rows(data, store, samples)
    write_csv(ROOT / "docs" / "data" / "metric-protocols.csv", protocols)
    write_csv(ROOT / "docs" / "data" / "metric-noise.csv", noise)
    write_section(PAGE, "protocols", protocols_section(protocols, arguments.steps))
    write_section(PAGE, "noise", noise_section(noise))


if __name__ == "__main__":
    main()
