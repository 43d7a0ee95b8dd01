"""Run trials that do nothing on a cluster, and print where each ran: `python where_tasks_run.py ADDRESS`."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

from cells import a_cell

from ganbench.harness.cells.cell import Trial
from ganbench.harness.cells.resources import Resources
from ganbench.harness.cluster.connection import HeadWatch, connected
from ganbench.harness.cluster.executor import RayCluster
from ganbench.harness.scheduling.endings import Done, Ending
from ganbench.harness.scheduling.schedule import Attempt, Submission
from ganbench.harness.scheduling.task import Task

CASES = {
    "shares": {"need": Resources(0.5, 0.4), "count": 8, "seconds": 1.0},
    "memory": {"need": Resources(0.1, 0, 1.0), "count": 2, "seconds": 0.0},
    "anywhere": {"need": Resources(1), "count": 8, "seconds": 0.3},
    "steady": {"need": Resources(1), "count": 6, "seconds": 0.0, "steady": True},
    "avoiding": {"need": Resources(1), "count": 6, "seconds": 0.0, "avoid": "spot"},
}


def idle_for(seconds: float) -> Callable[[list[Task]], list[Done]]:
    """Return a worker's function that says where it is."""

    def idle(tasks: list[Task]) -> list[Done]:
        import ray

        begun = time.time()
        time.sleep(seconds)
        seen = {
            "node": ray.get_runtime_context().get_node_id(),
            "pid": os.getpid(),
            "gpus": os.environ.get("CUDA_VISIBLE_DEVICES"),
            "resources": asdict(tasks[0].resources),
            "begun": begun,
            "ended": time.time(),
        }
        return [Done(task.trial_id, "stable", (), 0.0, True, (json.dumps(seen),)) for task in tasks]

    return idle


def run_case(ray: Any, case: dict[str, Any], watch: HeadWatch) -> list[dict[str, Any]]:
    cluster = RayCluster(ray, task_of, watch, time.monotonic, idle_for(case["seconds"]))
    markets = {node.id: node.market for node in cluster.nodes()}
    avoid = frozenset(node for node, market in markets.items() if market == case.get("avoid", "none of them"))
    cell = replace(a_cell(), resources=case["need"])
    for seed in range(case["count"]):
        attempts = (Attempt(Trial(cell, 0, seed), 1, case["need"]),)
        cluster.submit(Submission(attempts, case["need"], case.get("steady", False), avoid))
    ended: list[Ending] = []
    for _ in range(120):
        ended += [ending for _, endings in cluster.wait(0.5) for ending in endings]
        if len(ended) == case["count"]:
            break
    seen = [json.loads(ending.notes[0]) for ending in ended if isinstance(ending, Done)]
    return [{**item, "market": markets[item["node"]]} for item in seen]


def task_of(trial: Trial) -> Task:
    return Task(trial.id, {}, "", (), 1, "nowhere")


def main(address: str) -> None:
    with connected(address) as ray:
        watch = HeadWatch(address)
        print(json.dumps({name: run_case(ray, case, watch) for name, case in CASES.items()}))


if __name__ == "__main__":
    main(sys.argv[1])
