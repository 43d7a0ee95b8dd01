"""A sweep of 100,000 trials on 64 simulated nodes of 4 GPUs, through the real scheduler and the real ledger.

    python benchmarks/scale.py [--trials 100000] [--mixed] [--folder DIR]

Trials train nothing and take no time but virtual time: 1 minute to 10 hours, lognormal. What is real: the schedule, the
loop that drives it, what a trial becomes when its turn comes, each record's commit, and the compaction beside the sweep.
The driver's own time counts: the virtual clock waits for it. A process with a GPU takes ten virtual seconds to start.

The table says, at the start and as a quarter, half, three quarters and all of the trials are done: the memory of this
process, which is the driver, the simulated cluster and all its workers in one. Below: the share of the GPUs that was
training until the tail, which begins when no more trials wait than there are slots; and the makespan over the least that
any order could reach. ``--mixed`` adds trials on a quarter of a GPU and on the CPU.
"""

import argparse
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "support"))

from cells import a_cell
from simulation import World
from simulation_cluster import Client, Machine, SimulatedCluster

from ganbench.harness.cells.cell import Trial
from ganbench.harness.cells.resources import Resources
from ganbench.harness.ledger import Ledger, Record
from ganbench.harness.scheduling.drive import Round, drive
from ganbench.harness.scheduling.endings import Done, Ending
from ganbench.harness.scheduling.schedule import Node, Submission
from ganbench.harness.scheduling.task import Task
from ganbench.harness.stability import METHOD_ERROR
from ganbench.harness.sweeps import sweep

NODES, GPUS, CPUS, MEMORY = 64, 4, 32, 256.0
SHORTEST, LONGEST = 60.0, 36_000.0
WHOLE, QUARTER, CPU = Resources(1.0, 1.0), Resources(1.0, 0.25), Resources(1.0)
NORMALIZERS = ("none", "batch_norm", "layer_norm", "spectral_norm", "bssn", "ssn", "bsn", "weight_norm")


def trials_of(count: int, shapes: Sequence[Resources]) -> list[Trial]:
    """Return trials of cells whose budgets spread as their durations are to spread: over two orders of magnitude."""
    budgets = (50, 100, 200, 400, 800, 1600, 3200)
    cells = [
        a_cell(normalizer=name, steps=steps, log_points=1, resources=shapes[index % len(shapes)])
        for name in NORMALIZERS
        for index, steps in enumerate(budgets)
    ]
    return [Trial(cells[index % len(cells)], 3, index // len(cells)) for index in range(count)]


def seconds_of(trial: Trial) -> float:
    """Return how long a trial takes: lognormal about what its budget suggests, half as much to twice as much."""
    uniform = (int(trial.id[:12], 16) + 0.5) / 16**12
    spread = statistics.NormalDist(0.0, 0.5).inv_cdf(uniform)
    return float(min(max(3.0 * trial.cell.steps * 2.0**spread, SHORTEST), LONGEST))


@dataclass
class Scale:
    """What a simulated sweep showed.

    Attributes:
        trials: How many.
        wall: Seconds that it really took.
        makespan: Virtual seconds.
        bound: Virtual seconds that no order could stay under.
        busy: Share of the GPUs that was training until the tail.
        memory: MiB of this process, at the start and after each quarter.
        most_given: Most tasks that the cluster had at once.
        committed: Trials in the ledger.
    """

    trials: int
    wall: float = 0.0
    makespan: float = 0.0
    bound: float = 0.0
    busy: float = 0.0
    memory: list[float] = field(default_factory=list)
    most_given: int = 0
    committed: int = 0


class Meter:
    """How much of the GPUs trains, over virtual time."""

    def __init__(self, world: World) -> None:
        self._world, self._level, self._area, self._since = world, 0.0, 0.0, 0.0

    def add(self, share: float) -> None:
        """So much more trains from now on."""
        self._area += self._level * (self._world.now - self._since)
        self._since = self._world.now
        self._level += share

    def so_far(self) -> float:
        """Return GPUs times seconds."""
        self.add(0.0)
        return self._area


class Watched(Client):
    """A driver's connection that counts its tasks, and makes the virtual clock wait for the driver."""

    def __init__(self, cluster: SimulatedCluster, task_of: Callable[[Trial], Task], real_time: bool) -> None:
        super().__init__(cluster, task_of)
        self.given, self.most_given, self._real_time, self._since = 0, 0, real_time, time.perf_counter()

    def submit(self, submission: Submission) -> None:
        """Count it, and hand it on."""
        self.given += 1
        super().submit(submission)

    def wait(self, seconds: float) -> Sequence[tuple[Submission, Sequence[Ending]]]:
        """Let the time pass that the driver has taken, and wait."""
        self.most_given = max(self.most_given, self.given)
        if self._real_time:
            self.cluster.world.sleep(time.perf_counter() - self._since)
        landed = super().wait(seconds)
        self.given -= len(landed)
        self._since = time.perf_counter()
        return landed


def measure(folder: Path, trials: Sequence[Trial], nodes: int = NODES, real_time: bool = True) -> Scale:
    """Run trials on simulated nodes.

    Args:
        folder: For the ledger.
        trials: Which.
        nodes: How many, of 4 GPUs each.
        real_time: Whether the driver's own time counts; without it the figures are the same on every machine.
    """
    scale, world, ledger = Scale(len(trials)), World(), Ledger(folder)
    by_id, meter, slots = {trial.id: trial for trial in trials}, Meter(world), nodes * GPUS
    scale.memory.append(memory_mib())

    def execute(tasks: Sequence[Task]) -> list[Ending]:
        endings: list[Ending] = []
        for task in tasks:
            trial = by_id[task.trial_id]
            meter.add(task.resources.gpus)
            world.sleep(seconds_of(trial))
            meter.add(-task.resources.gpus)
            first = ledger.commit(no_op(trial, seconds_of(trial), task.attempt))
            endings.append(Done(trial.id, METHOD_ERROR, (METHOD_ERROR,), seconds_of(trial), first))
        return endings

    def task_of(trial: Trial) -> Task:
        return Task(trial.id, trial.spec(), trial.cell.setting, (), 2, str(folder))

    def driver() -> None:
        client = Watched(cluster, task_of, real_time)
        marks = [len(trials) * quarter // 4 for quarter in (4, 3, 2, 1)]
        with sweep._compacting(ledger) as compacting:
            for done, event in enumerate(drive(Round(trials, task_of), client, world.clock), start=1):
                assert isinstance(event, Done), event
                compacting(done)
                if marks and done >= marks[-1]:
                    scale.memory.append(memory_mib())
                    marks.pop()
                # All slots are at work, so from here on no more trials wait than there are slots.
                if len(trials) - done == min(2 * slots, len(trials) // 2):
                    scale.busy = meter.so_far() / (world.now * slots)
        scale.most_given = client.most_given

    machines = [Machine(Node(f"node{number:02d}", Resources(CPUS, GPUS, MEMORY))) for number in range(nodes)]
    cluster = SimulatedCluster(world, machines, execute)
    started = time.perf_counter()
    process = world.spawn(driver)
    world.run(lambda: not process.alive)
    scale.wall, scale.makespan = time.perf_counter() - started, world.now
    work = sum(seconds_of(trial) * trial.cell.resources.gpus for trial in trials)
    scale.bound = max([work / slots, *map(seconds_of, trials)])
    scale.committed = len(Ledger(folder).committed())
    return scale


def no_op(trial: Trial, seconds: float, attempt: int) -> Record:
    """Return the record of a training that did nothing: without a trace there is only one way for a trial to end."""
    execution = {"definition": 2, "host": "simulated", "device": "simulated", "started": 0.0, "seconds": seconds,
                 "attempt": attempt}  # fmt: skip
    return Record.of(trial.spec(), None, execution, "no-op")


def memory_mib() -> float:
    """Return what this process holds in memory."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=100_000)
    parser.add_argument("--nodes", type=int, default=NODES)
    parser.add_argument("--mixed", action="store_true")
    parser.add_argument("--folder", type=Path, help="where the ledger is made; a temporary folder when absent")
    options = parser.parse_args()
    shapes = (WHOLE, QUARTER, WHOLE, CPU) if options.mixed else (WHOLE,)
    folder = Path(tempfile.mkdtemp(prefix="ganbench-scale-", dir=options.folder))
    try:
        scale = measure(folder / "ledger", trials_of(options.trials, shapes), options.nodes)
    finally:
        shutil.rmtree(folder)
    print(f"{scale.trials} trials, {options.nodes} nodes of {GPUS} GPUs{', mixed shapes' * options.mixed}")
    print(f"wall time           {scale.wall:10.0f} s, {scale.trials / scale.wall:.0f} trials a second")
    print(
        "memory              " + "".join(f"{value:10.0f}" for value in scale.memory) + "   MiB, at 0, 25, 50, 75, 100 %"
    )
    print(f"GPUs busy           {scale.busy:10.2%}   until the tail")
    print(f"makespan            {scale.makespan / 3600:10.1f} h, {scale.makespan / scale.bound:.3f} of the least")
    print(f"most tasks given    {scale.most_given:10d}")
    print(f"committed           {scale.committed:10d}")


if __name__ == "__main__":
    main()
