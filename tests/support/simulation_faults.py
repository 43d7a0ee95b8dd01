"""What can go wrong while a sweep runs.

A schedule of faults is plain data: ``simulate(Plan(...), folder)`` repeats it exactly.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

from simulation_cluster import Job, Machine
from simulation_scene import HORIZON, QUIET, Fault, Plan, Scene, Seen

from ganbench.harness.errors import GanbenchError
from ganbench.harness.scheduling.endings import MEMORY, WORKER
from ganbench.harness.worker.interruption import ask_to_stop

__all__ = ["FAULTS", "HORIZON", "Fault", "Plan", "Seen", "simulate"]


def node_dies(scene: Scene, fault: Fault) -> None:
    take_away(scene, scene.a_machine(fault))


def take_away(scene: Scene, machine: Machine) -> None:
    if machine.alive:
        scene.cluster.die(machine)
        scene.replace(machine)


def process_dies(scene: Scene, fault: Fault) -> None:
    job = scene.a_job(fault)
    if job is not None:
        scene.cluster.kill(job, WORKER)


def process_out_of_memory(scene: Scene, fault: Fault) -> None:
    job = scene.a_job(fault)
    if job is not None:
        scene.cluster.kill(job, MEMORY)


def notice(scene: Scene, fault: Fault) -> None:
    """The machine is taken away, ``extent`` seconds after it said so."""
    machine = scene.a_machine(fault)
    for job in machine.jobs:
        if job.process is not None:
            job.process.facts["noticed"] = True
    scene.world.at(scene.world.now + fault.extent, lambda: take_away(scene, machine))


def partition(scene: Scene, fault: Fault) -> None:
    """The machine is cut off, and taken for dead after ``extent`` seconds; its processes go on, and commit."""
    machine = scene.a_machine(fault)
    scene.cluster.cut(machine)

    def give_up() -> None:
        if machine.cut and machine.seen:
            scene.cluster.give_up(machine)
            scene.seen.happened.add("zombies" if machine.jobs else "nobody left")
            scene.replace(machine)

    scene.world.at(scene.world.now + fault.extent, give_up)


def hiccup(scene: Scene, fault: Fault) -> None:
    """The machine is cut off for ``extent`` seconds, and nobody takes it for dead."""
    machine = scene.a_machine(fault)
    scene.cluster.cut(machine)
    scene.world.at(scene.world.now + fault.extent, lambda: machine.seen and scene.cluster.heal(machine))


def disk_full(scene: Scene, fault: Fault) -> None:
    scene.a_machine(fault).disk.full_until = scene.world.now + 5 * fault.extent


def disk_slow(scene: Scene, fault: Fault) -> None:
    disk = scene.a_machine(fault).disk
    disk.slow_until, disk.slow = scene.world.now + 5 * fault.extent, 1.0 + fault.extent / 4


def not_fit(scene: Scene, fault: Fault) -> None:
    scene.a_machine(fault).unfit_until = scene.world.now + 5 * fault.extent


def sick_device(scene: Scene, fault: Fault) -> None:
    """A device fails whatever runs on it, and faster than others do. Hooks meet it on one machine only: two would agree."""
    machine = scene.a_machine(fault)
    machine.sick_until = scene.world.now + 5 * fault.extent
    machine.sick_in_hooks = machine is scene.cluster.machines[0] and fault.extent % 2 == 0


def device_hangs(scene: Scene, fault: Fault) -> None:
    """What a machine's device is asked for does not come back. One machine, once: two that agree make it the trial's."""
    if "a device hangs" not in scene.seen.happened:
        scene.seen.happened.add("a device hangs")
        scene.a_machine(fault).hangs_until = scene.world.now + 5 * fault.extent


def other_version(scene: Scene, fault: Fault) -> None:
    """A machine has another version of ganbench, or of a plugin."""
    machine = scene.a_machine(fault)
    machine.other_until, machine.other_plugin = scene.world.now + 5 * fault.extent, fault.extent % 2 == 0


def clock_jumps(scene: Scene, fault: Fault) -> None:
    """A machine's clock is put forward or back."""
    scene.a_machine(fault).skew += (-1) ** fault.extent * 100.0 * fault.extent


def head_hangs(scene: Scene, fault: Fault) -> None:
    """The head answers nobody for ``extent`` seconds; a driver that gave it up is started again afterwards."""
    for client in scene.cluster.clients:
        if client.driver.alive and not client.hangs():
            client.hung = scene.world.now, scene.world.now + fault.extent
    scene.world.at(scene.world.now + fault.extent + 60, lambda: scene.a_driver(fault) or scene.begin_driver())


def signalled(scene: Scene, fault: Fault) -> None:
    """The driver is sent SIGTERM, and started again later; a second one ends it at once."""
    driver = scene.a_driver(fault)
    if driver is not None and "told" in driver.facts:
        scene.seen.happened.add("signalled")
        try:
            driver.facts["told"](signal.SIGTERM, None)
        except KeyboardInterrupt:
            driver.kill("a second signal")
        scene.world.at(scene.world.now + 2 * fault.extent, lambda: scene.begin_driver() and None)


def delivered_twice(scene: Scene, fault: Fault) -> None:
    """A second process makes the same attempts, on the same machine; what it says is lost."""
    job = scene.a_job(fault)
    if job is not None and job.machine is not None and job.machine.alive:
        again = Job(job.submission, job.tasks, None, job.serial)
        if job.machine.fits(job.submission.need):
            scene.cluster.start(again, job.machine)


def dies_writing(scene: Scene, fault: Fault) -> None:
    """A process dies in the middle of a flush, ``extent`` flushes from now: half a file is what it leaves."""
    job = scene.a_job(fault)
    if job is not None and job.process is not None:
        job.process.flushes_left = fault.extent % 4


def driver_dies_writing(scene: Scene, fault: Fault) -> None:
    """The driver, or its compaction, dies in the middle of a flush; it is started again when that has happened."""
    there = [process for process in (*scene.drivers, *scene.helpers) if process.alive]
    if there:
        there[fault.which % len(there)].flushes_left = fault.extent % 4
        scene.world.at(QUIET / 2, lambda: None if scene.a_driver(fault) else scene.begin_driver() and None)


def checkpoint_spoilt(scene: Scene, fault: Fault) -> None:
    """The newest checkpoint of a trial is cut short where it lies."""
    folders = sorted((scene.ledger.root / "checkpoints").glob("*"))
    files = sorted(folders[fault.which % len(folders)].glob("[0-9]*.ckpt")) if folders else []
    if files:
        content = files[-1].read_bytes()
        files[-1].write_bytes(content[: len(content) * (fault.extent % 100) // 100])
        scene.trainings.kept_of(files[-1].parent.name).spoilt(int(files[-1].stem), scene.world.now)
        scene.seen.happened.add("checkpoint spoilt")


def record_spoilt(scene: Scene, fault: Fault) -> None:
    """A record in a file of its own is cut short where it lies."""
    files = [path for path in sorted((scene.ledger.root / "trials").glob("??/[!.]*.json")) if path.stat().st_size]
    if files:
        path = files[fault.which % len(files)]
        text = path.read_text(encoding="utf-8")
        path.write_text(text[: 1 + (len(text) - 2) * (fault.extent % 100) // 100], encoding="utf-8")
        scene.checks.spoilt.add(path.stem)
        scene.seen.happened.add("record spoilt")


def driver_dies(scene: Scene, fault: Fault) -> None:
    """The driver is killed, and started again after ``extent`` seconds."""
    driver = scene.a_driver(fault)
    if driver is not None:
        driver.kill("killed")
        scene.world.at(scene.world.now + fault.extent, lambda: scene.begin_driver() and None)


def second_driver(scene: Scene, fault: Fault) -> None:
    if sum(driver.alive for driver in scene.drivers) < 3:
        scene.begin_driver()


def head_gone(scene: Scene, fault: Fault) -> None:
    """The cluster's head goes: every driver is told, and one starts again when there is another head."""
    for client in scene.cluster.clients:
        client.head_gone = True
    scene.world.at(scene.world.now + fault.extent, lambda: scene.begin_driver() and None)


def stop(scene: Scene, fault: Fault) -> None:
    """Somebody asks the sweep to stop, and starts it again."""
    if not scene.ledger.root.exists():
        return
    ask_to_stop(scene.ledger.root)
    scene.world.at(scene.world.now + fault.extent, lambda: scene.begin_driver() and None)


def thirsty(scene: Scene, fault: Fault) -> None:
    scene.trait(fault, thirst=float(fault.extent % 40))


def deadly(scene: Scene, fault: Fault) -> None:
    scene.trait(fault, deadly=True)


def greedy(scene: Scene, fault: Fault) -> None:
    scene.trait(fault, greedy=True)


def broken(scene: Scene, fault: Fault) -> None:
    scene.trait(fault, broken=True)


def hangs(scene: Scene, fault: Fault) -> None:
    """A hook of a trial does not return, wherever it runs."""
    scene.trait(fault, hangs=1 + fault.extent % 2)
    scene.trainings.never.update(trial for trial, trait in scene.trainings.traits.items() if trait.hangs)


def sync(scene: Scene, fault: Fault) -> None:
    """The mirror is brought up to date; an answer of the server is lost, or the process dies."""

    def work() -> None:
        try:
            scene.tracker.sync(scene.ledger, fault.extent)
        except GanbenchError as error:
            scene.seen.happened.add(f"sync: {type(error).__name__}")

    scene.world.spawn(work)


FAULTS: dict[str, Callable[[Scene, Fault], None]] = {
    made.__name__: made
    for made in (
        node_dies,
        process_dies,
        process_out_of_memory,
        notice,
        partition,
        hiccup,
        disk_full,
        disk_slow,
        not_fit,
        sick_device,
        device_hangs,
        other_version,
        clock_jumps,
        head_hangs,
        signalled,
        delivered_twice,
        dies_writing,
        driver_dies,
        driver_dies_writing,
        second_driver,
        head_gone,
        stop,
        checkpoint_spoilt,
        record_spoilt,
        thirsty,
        deadly,
        greedy,
        broken,
        hangs,
        sync,
    )
}


def simulate(plan: Plan, folder: Path) -> Seen:
    """Play a schedule in a folder that is empty, check everything, and say what happened.

    Raises:
        AssertionError: Something does not hold.
    """
    return Scene(plan, folder, FAULTS).play()
