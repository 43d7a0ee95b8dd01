"""Statistics of real examples: computed once, shared, bounded in memory, and never those of other data."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from warm import python

from ganbench.harness.data.dataset import Data, hashed_order
from ganbench.harness.data.store import Store
from ganbench.harness.data.streamed import Streamed
from ganbench.harness.metrics.extractors.points import Points
from ganbench.harness.metrics.real_statistics import RealStatistics, Wanted, read, real_statistics

CPU = torch.device("cpu")


def data(count: int = 400, seed: int = 0) -> Data:
    generator = torch.Generator().manual_seed(seed)
    return Data(torch.randn(count, 3, generator=generator), held_out=torch.randn(50, 3, generator=generator))


def wanted(**changes) -> Wanted:
    return replace(Wanted("train", None, "points", "1", batch=64), **changes)


class Counting(nn.Module):
    """The points extractor, counting what goes through it."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[int] = []

    def forward(self, points: torch.Tensor) -> tuple[torch.Tensor]:
        self.seen.append(len(points))
        return (points.flatten(1),)


def same(first: RealStatistics, second: RealStatistics) -> bool:
    return all(torch.equal(a, b) for a, b in zip(first.arrays().values(), second.arrays().values(), strict=True))


def test_they_are_computed_once_and_read_the_same_bit_for_bit(tmp_path):
    extractor, store = Counting(), Store(tmp_path)
    first, second = (real_statistics(data(), wanted(), extractor, store) for _ in range(2))
    assert sum(extractor.seen) == 400
    assert same(first, second)
    assert {field.name for field in fields(RealStatistics)} == set(first.arrays())
    assert [path.name for path in store.statistics.iterdir() if not path.name.startswith(".")] == [
        path.name for path in store.statistics.glob("points-train-400-*.npz")
    ]


def test_they_are_those_of_the_examples(tmp_path):
    points = data().examples
    found = real_statistics(data(), wanted(), Points(), Store(tmp_path))
    np.testing.assert_allclose(found.covariance.numpy(), np.cov(points.double().numpy(), rowvar=False), rtol=1e-12)
    assert torch.equal(found.features, points)
    assert found.radii.shape == (2, 400) and found.features.dtype == torch.float32


@pytest.mark.parametrize(
    "changes",
    [{"split": "test"}, {"count": 399}, {"identity": "2"}, {"extractor": "other"}, {"compared": 300}],
)
def test_whatever_they_depend_on_is_in_their_key(changes):
    assert wanted(**changes).key(data()) != wanted().key(data())


def test_other_data_have_another_key():
    assert wanted().key(data(seed=1)) != wanted().key(data())
    reshaped = Data(torch.zeros(4, 1, 2, 8, dtype=torch.uint8)), Data(torch.zeros(4, 1, 4, 4, dtype=torch.uint8))
    assert wanted().key(reshaped[0]) != wanted().key(reshaped[1])
    assert wanted(count=400).key(data()) == wanted().key(data())  # all, counted


def test_a_subset_is_the_first_of_the_hashed_order(tmp_path):
    found = real_statistics(data(), wanted(count=100), Points(), Store(tmp_path))
    chosen = data().examples[hashed_order(400)[:100]].double()
    torch.testing.assert_close(found.mean, chosen.mean(dim=0))
    torch.testing.assert_close(found.covariance, torch.cov(chosen.T))


def test_at_most_so_many_are_compared_and_all_enter_the_moments(tmp_path):
    found = real_statistics(data(), wanted(compared=70), Points(), Store(tmp_path))
    rows = hashed_order(400)[:70].sort().values
    assert torch.equal(found.features, data().examples[rows])
    torch.testing.assert_close(found.mean, data().examples.double().mean(dim=0))


def test_the_held_out_examples_are_the_test_split(tmp_path):
    found = real_statistics(data(), wanted(split="test"), Points(), Store(tmp_path))
    assert torch.equal(found.features, data().held_out)


@pytest.mark.parametrize("damage", [b"", b"PK", b"not an archive", None])
def test_a_damaged_file_is_computed_again(tmp_path, damage):
    store = Store(tmp_path)
    first = real_statistics(data(), wanted(), Points(), store)
    (path,) = store.statistics.glob("*.npz")
    whole = path.read_bytes()
    middle = len(whole) // 2
    path.write_bytes(whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :] if damage is None else damage)
    assert read(path, wanted().key(data())) is None
    extractor = Counting()
    assert same(real_statistics(data(), wanted(), extractor, store), first)
    assert sum(extractor.seen) == 400 and path.read_bytes() == whole


def test_statistics_under_another_key_are_not_believed(tmp_path):
    store = Store(tmp_path)
    real_statistics(data(), wanted(), Points(), store)
    (path,) = store.statistics.glob("*.npz")
    assert read(path, "another") is None


def test_examples_on_disk_give_the_same_in_bounded_slices(tmp_path):
    images = torch.randint(0, 256, (500, 1, 2, 2), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    np.save(tmp_path / "images.npy", images.numpy())
    extractor = Counting()
    found = [
        real_statistics(Data(examples, content="c"), wanted(count=450), extractor, Store(tmp_path / name))
        for name, examples in (("memory", images), ("disk", Streamed(tmp_path / "images.npy")))
    ]
    assert same(*found)
    assert max(extractor.seen) == 64 and sum(extractor.seen) == 900


def test_where_nothing_can_be_stored_they_are_computed(tmp_path):
    (tmp_path / "statistics").write_text("a file where the folder should be")
    assert len(real_statistics(data(), wanted(), Points(), Store(tmp_path)).features) == 400


def test_they_are_computed_on_one_thread(tmp_path):
    class Threads(Points):
        def forward(self, points):
            assert torch.get_num_threads() == 1
            return (points,)

    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        real_statistics(data(), wanted(), Threads(), Store(tmp_path))
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


PROCESS = """
import sys, time
from pathlib import Path
import torch
from torch import nn
from ganbench.harness.data.dataset import Data
from ganbench.harness.data.store import Store
from ganbench.harness.metrics.real_statistics import Wanted, real_statistics

folder = Path(sys.argv[1])

class Slow(nn.Module):
    def forward(self, points):
        with (folder / "passes").open("a") as file:
            file.write("x")
        time.sleep(1.5)
        return (points,)

(folder / f"ready{sys.argv[2]}").touch()
while len(list(folder.glob("ready*"))) < 2:
    time.sleep(0.01)
data = Data(torch.randn(100, 3, generator=torch.Generator().manual_seed(0)))
print(float(real_statistics(data, Wanted("train", None, "slow", "1", batch=100), Slow(), Store(folder)).mean[0]))
"""


def test_of_two_processes_at_once_one_computes_and_both_have_them(tmp_path):
    processes = [python("-c", PROCESS, tmp_path, str(index), cwd=Path(__file__).parents[2]) for index in range(2)]
    first, second = (process.communicate(timeout=120)[0] for process in processes)
    assert first == second != ""
    assert (tmp_path / "passes").read_text() == "x"
