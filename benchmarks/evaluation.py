"""What an evaluation costs: ours against torch-fidelity's, on the same samples, with real statistics cached on both sides.

    python benchmarks/evaluation.py [--samples 10000] [--parquet cifar10/test.parquet] [--repeats 3]

Generated and real images go through `cifar10-small`: either noise of many shapes and colours, or photographs and disturbed
ones from a parquet file of encoded images. torch-fidelity runs at its best settings on a processor: no worker processes,
its own cache for the real side, nothing printed; "default" is without a name for that cache, where it extracts the real
side's features every time. Its KID is set to one subset of all samples, the same estimate as ours. Then the Frechet
distance alone, on 2,048 random features. Both sides run in this process on one thread, in turns; medians.
"""

from __future__ import annotations

import argparse
import io
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import torch_fidelity
from torch import Tensor
from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric

from ganbench.harness.data.dataset import Data
from ganbench.harness.data.store import Store
from ganbench.harness.metrics.extractors.cifar10_small import CIFAR10_SMALL
from ganbench.harness.metrics.fidelity import Fidelity
from ganbench.harness.metrics.frechet import Gaussian, Moments, factor, frechet_distance
from ganbench.harness.metrics.metric import Generated
from ganbench.harness.process import one_thread

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "support"))

from as_torch_fidelity import register_with_torch_fidelity

THEIRS = {
    "fid": "frechet_inception_distance",
    "inception_score": "inception_score_mean",
    "kid": "kernel_inception_distance_mean",
    "precision": "precision",
    "recall": "recall",
    "f1": "f_score",
}
SETTINGS = {
    "cuda": False,
    "save_cpu_ram": True,
    "verbose": False,
    "batch_size": 32,
    "feature_extractor": CIFAR10_SMALL,
}


class Images(torch.utils.data.Dataset):
    """Images in the form that torch-fidelity reads."""

    def __init__(self, images: Tensor) -> None:
        self.images = images

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> Tensor:
        return self.images[index]


def synthetic(count: int, seed: int) -> Tensor:
    """Return coarse noise in colours, uint8 [N, 3, 32, 32]."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(count, 3, 4, 4, generator=generator) * torch.rand(count, 3, 1, 1, generator=generator)
    fine = torch.nn.functional.interpolate(coarse, size=32, mode="bilinear")
    return fine.add_(0.1 * torch.rand(fine.shape, generator=generator)).mul_(230).to(torch.uint8)


def photographs(path: Path) -> Tensor:
    """Decode the images of a parquet file, uint8 [N, 3, 32, 32]."""
    import pyarrow.parquet as pq
    from PIL import Image

    rows = pq.read_table(path, columns=["image"]).column("image").to_pylist()
    decoded = np.stack([np.asarray(Image.open(io.BytesIO(row["bytes"])).convert("RGB")) for row in rows])
    return torch.from_numpy(decoded).permute(0, 3, 1, 2).contiguous()


def disturbed(images: Tensor) -> Tensor:
    """Return images as a mediocre generator might make them: blurred, noisy, and less varied in colour."""
    generator = torch.Generator().manual_seed(1)
    blurred = torch.nn.functional.avg_pool2d(images.float(), 3, stride=1, padding=1)
    noise = 20 * torch.randn(images.shape, generator=generator)
    return (0.8 * blurred + 25 + noise).clamp(0, 255).to(torch.uint8)


def timed(work: Callable[[], object]) -> tuple[float, object]:
    started = time.perf_counter()
    value = work()
    return time.perf_counter() - started, value


def in_turns(repeats: int, *sides: Callable[[], object]) -> list[tuple[float, object]]:
    """Return each side's median seconds and value."""
    runs = [[timed(side) for side in sides] for _ in range(repeats)]
    return [(statistics.median(run[index][0] for run in runs), runs[-1][index][1]) for index in range(len(sides))]


def row(name: str, ours: tuple[float, float], theirs: tuple[float, float]) -> None:
    """Print seconds and values of both sides."""
    (our_time, our_value), (their_time, their_value) = ours, theirs
    apart = abs(our_value - their_value) / max(abs(their_value), 1e-12)
    times = f"{our_time:>9.2f}{their_time:>9.2f}{their_time / our_time:>7.1f}" if our_time else ""
    print(f"{name:<22}{our_value:>13.7g}{their_value:>13.7g}{apart:>10.1e}{times}")


def whole_evaluations(fake: Tensor, real: Tensor, repeats: int) -> None:
    """Compare evaluations of images, each measure alone and all together."""
    size = min(len(fake), len(real))
    with tempfile.TemporaryDirectory() as folder:
        data, store = Data(real), Store(Path(folder))

        def ours(measures: list[str]) -> Callable[[], dict[str, float]]:
            metric = Fidelity(extractor=CIFAR10_SMALL, samples=len(fake), measures=measures)
            evaluate = metric.prepare(data, store)
            return lambda: dict(zip(measures, evaluate(Generated(fake)).values(), strict=True))

        def theirs(measures: list[str], *, cached: bool) -> Callable[[], dict[str, float]]:
            named = {"input2_cache_name": "real"} if cached else {}
            wanted = {
                "fid": "fid" in measures,
                "isc": "inception_score" in measures,
                "kid": "kid" in measures,
                "prc": "precision" in measures,
            }

            def calculate() -> dict[str, float]:
                # Its cache would hand out the old features of these samples, too: only the real side has a name there.
                values = torch_fidelity.calculate_metrics(
                    input1=Images(fake), input2=Images(real), cache_root=folder, cache=True,
                    kid_subsets=1, kid_subset_size=size, **named, **wanted, **SETTINGS,
                )  # fmt: skip
                return {name: values[key] for name, key in THEIRS.items() if key in values}

            return calculate

        for title, measures in (
            ("fid alone", ["fid"]),
            ("fid, inception_score", ["fid", "inception_score"]),
            ("all of theirs", list(THEIRS)),
        ):
            mine, other, default = ours(measures), theirs(measures, cached=True), theirs(measures, cached=False)
            other()  # fills its cache; ours is filled when the metric is made ready
            (our_time, our_values), (their_time, their_values), (default_time, _) = in_turns(
                repeats, mine, other, default
            )
            print(f"{title:<48}{'':>10}{our_time:>9.2f}{their_time:>9.2f}{their_time / our_time:>7.1f}", end="")
            print(f"{default_time:>9.2f}{default_time / our_time:>7.1f}")
            for name in measures:
                row(f"  {name}", (0, our_values[name]), (0, their_values[name]))  # type: ignore[index]


def distance_alone(samples: int, features: int, repeats: int) -> None:
    """Compare Frechet distances of features, with the real side's statistics at hand."""
    generator = torch.Generator().manual_seed(0)
    mix = torch.randn(features, features, generator=generator) / features**0.5
    real, fake = ((torch.randn(samples, features, generator=generator) @ mix).relu() for _ in range(2))
    fake = fake * 1.1 + 0.05
    their_real = fid_features_to_statistics(real)
    moments = Moments.of(real)
    covariance = moments.covariance()
    our_real = Gaussian(moments.mean, covariance, factor(covariance))

    def theirs() -> float:
        found = fid_statistics_to_metric(fid_features_to_statistics(fake), their_real, verbose=False)
        return found["frechet_inception_distance"]

    ours, other = in_turns(repeats, lambda: frechet_distance(fake, our_real), theirs)
    row(f"{samples} x {features}", ours, other)  # type: ignore[arg-type]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=10_000)
    parser.add_argument("--parquet", type=Path, help="real images, in a column image: struct<bytes, path>")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    register_with_torch_fidelity()
    if options.parquet:
        real = photographs(options.parquet)
        fake = disturbed(real.flip(0)[: options.samples])
    else:
        real, fake = synthetic(options.samples, 0), disturbed(synthetic(options.samples, 1))
    with one_thread():
        head = f"{'':<22}{'ours':>13}{'theirs':>13}{'apart':>10}{'s ours':>9}{'s theirs':>9}{'ratio':>7}"
        print(f"{head}{'default':>9}{'ratio':>7}")
        whole_evaluations(fake, real, options.repeats)
        print("the Frechet distance alone, from features")
        distance_alone(options.samples, 2048, options.repeats)
        distance_alone(1000, 2048, options.repeats)


if __name__ == "__main__":
    main()
