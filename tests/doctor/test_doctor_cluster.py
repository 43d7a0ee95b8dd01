"""``ganbench doctor --cluster``: what it says of a real cluster: a head that is fit, and a node unfit in many ways."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from ray_nodes import RayNodes
from warm import run_python

import ganbench
from ganbench.harness.doctor.fitness import CHECKS, of_a_node, of_the_cluster
from ganbench.harness.doctor.machine import PACKAGES
from ganbench.harness.doctor.nodes import Answer, Clock, Node
from ganbench.harness.doctor.probe import FACTS, Question, gather

ROOT = Path(ganbench.__file__).parents[2]
UNFIT = "127.0.0.3"

LATE_CLOCK = """
import sys, time
if any("default_worker" in part for part in sys.orig_argv):
    real = time.time
    time.time = lambda: real() - 60
"""

PLUGIN = """
from ganbench.harness.normalizer import Normalizer
class Halve(Normalizer):
    name = "halve"
    summary = "Half of every weight."
    def reparameterize(self, weight, params, state, layer):
        return 0.5 * weight, state
"""


class Cluster:
    """A head and an unfit node; and the command as a user runs it on the head's machine."""

    def __init__(self, folder: Path) -> None:
        self.nodes = RayNodes()
        self.folder = folder
        self._environment = os.environ | self.nodes.environment | {"PYTHONPATH": f"{folder}/site-packages:{ROOT}"}
        metadata = folder / "site-packages" / "halving-1.0.dist-info"
        metadata.mkdir(parents=True)
        (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: halving\nVersion: 1.0\n")
        (metadata / "entry_points.txt").write_text("[ganbench.normalizers]\nhalf = halving:Half\n")
        (folder / "site-packages" / "halving.py").write_text(PLUGIN)
        same = {"PYTHONPATH": self._environment["PYTHONPATH"]}
        self.nodes.start("--num-cpus=0", "--num-gpus=0", "--labels=market=spot", environment=same, cwd=folder)
        options = (f"--node-ip-address={UNFIT}", "--num-cpus=1", "--num-gpus=1")
        self.nodes.start(*options, environment=self._unfit(folder / "elsewhere"), cwd=folder / "elsewhere")
        self.nodes.wait(2)

    def _unfit(self, folder: Path) -> dict[str, str]:
        (folder / "results").mkdir(parents=True)  # it has a results folder, but another one
        shutil.copytree(ROOT / "src" / "ganbench", folder / "ganbench")
        weights = folder / "ganbench" / "harness" / "metrics" / "weights" / "cifar10-small.pt"
        weights.write_bytes(weights.read_bytes()[:-1])
        # Its ganbench is so old that it does not know the question; it must answer nevertheless.
        (folder / "ganbench" / "harness" / "doctor" / "probe.py").write_text("raise ImportError\n")
        old = folder / "torch_fidelity-0.3.0.dist-info"
        old.mkdir()
        (old / "METADATA").write_text("Metadata-Version: 2.1\nName: torch-fidelity\nVersion: 0.3.0\n")
        (folder / "sitecustomize.py").write_text(LATE_CLOCK)
        token = folder / "token"
        token.write_text(self.nodes.token.read_text())
        token.chmod(0o644)
        return {
            "PYTHONPATH": f"{folder}:{ROOT}",
            "RAY_AUTH_TOKEN_PATH": str(token),
            "RAY_health_check_period_ms": "60000",
            "GANBENCH_DATA": str(folder),
        }

    def python(self, code: str, *arguments: str) -> str:
        done = run_python("-c", code, *arguments, env=self._environment)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def doctor(self, *options: str | Path) -> subprocess.CompletedProcess[str]:
        command = ("-m", "ganbench.harness.cli", "doctor", "--cluster", self.nodes.address, *options)
        return run_python(*command, env=self._environment, cwd=self.folder)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    made = Cluster(tmp_path_factory.mktemp("cluster"))
    yield made
    made.nodes.close()


@pytest.fixture(scope="module")
def report(cluster: Cluster) -> tuple[int, dict[str, str]]:
    """The exit code, and the block of every node by its address."""
    (cluster.folder / "my_norm.py").write_text(PLUGIN.replace("halve", "halve_too"))
    (cluster.folder / "my_norms").mkdir()
    (cluster.folder / "my_norms" / "shared.py").write_text("HALF = 0.5\n")
    (cluster.folder / "my_norms" / "norm.py").write_text(
        f"from .shared import HALF\n{PLUGIN.replace('halve', 'halve_again')}"
    )
    # A path that leads every process to a folder of its own: as if it were on a file system that not all nodes share.
    done = cluster.doctor(
        *("--results", "/proc/self/cwd/results", "--suite", "cifar10_jpeg"),
        *("--plugin", "halving", "--plugin", "my_norm.py", "--plugin", "my_norms.norm"),
    )
    assert not done.stderr, done.stderr
    blocks = re.split(r"^(?=node |cluster )", done.stdout, flags=re.MULTILINE)
    return done.returncode, {block.split()[1]: block for block in blocks if block}


def bad(block: str) -> list[str]:
    return [line.removeprefix("BAD ") for line in block.splitlines() if line.startswith("BAD")]


def test_every_node_has_a_block_and_something_bad_is_exit_code_2(cluster, report):
    code, blocks = report
    assert code == 2
    assert {cluster.nodes.address, UNFIT} < set(blocks)
    assert len(blocks) == 3
    assert "(1 CPU, 1 GPU)" in blocks[UNFIT]


def head_of(blocks: dict[str, str]) -> str:
    (head,) = (block for block in blocks.values() if "(head, 0 CPU, 0 GPU, spot)" in block)
    return head


def test_of_a_fit_node_only_the_data_that_nobody_has_are_bad(report):
    """It is a head without slots, which answers too."""
    head = head_of(report[1])
    assert [line.partition(":")[0] for line in bad(head)] == ["dataset cifar10_jpeg"]
    for line in (
        "ok  results: /proc/self/cwd/results is the one that the driver sees, and can be written",
        "ok  plugin halving: can be imported",
        "ok  plugin my_norm.py: can be imported",
        "ok  metric reconstruction(validation=32, test=64): here",
        "ok  token: asked for; only its owner can read",
    ):
        assert line in head


@pytest.mark.parametrize(
    ("subject", "state"),
    [
        ("torch-fidelity", r"0\.3\.0, the driver has 0\.4"),
        ("ganbench's code", r"[0-9a-f]{12}, the driver has [0-9a-f]{12}: install the same one"),
        ("devices", r"Ray was told of 1 GPUs, torch sees 0"),
        ("results", "/proc/self/cwd/results is another folder than the driver's; mount the shared file system"),
        ("halving", r"not installed, the driver has 1\.0"),
        ("plugin halving", "No module named 'halving'"),
        ("dataset cifar10_jpeg", "cifar10_jpeg' is not in .*/elsewhere/cifar10_jpeg; put train.parquet"),
        (
            "metric fidelity(extractor=cifar10-small",
            r"/cifar10-small\.pt: is damaged or another file: expected sha256 b14fa",
        ),
        ("settings", r"RAY_health_check_period_ms is '60000' instead of 2000\. before `ray start`: eval"),
        ("token", r"others can read \S+/elsewhere/token \(0644\); chmod 600"),
        ("clock", r"\d+\.\d+ s behind the driver's, within \d\.\d+ s; let it be set by NTP"),
    ],
)
def test_what_is_unfit_is_named_with_its_remedy(report, subject, state):
    told = [line for line in bad(report[1][UNFIT]) if line.startswith(subject)]
    assert told, report[1][UNFIT]
    assert re.search(state, told[0]), told[0]


def test_a_plugin_in_a_file_or_in_a_package_of_ones_own_travels_to_the_node(report):
    assert "ok  plugin my_norm.py: can be imported" in report[1][UNFIT]
    assert "ok  plugin my_norms.norm: can be imported" in report[1][UNFIT]


def test_the_clock_is_known_to_a_fraction_of_a_second(report):
    (line,) = (line for line in bad(report[1][UNFIT]) if line.startswith("clock"))
    behind, within = map(float, re.findall(r"(\d+\.\d+) s", line))
    assert abs(behind - 60) <= within + 0.1
    assert within < 1


def test_how_many_nodes_there_are_is_told(cluster, report):
    assert "ok  nodes: 2 alive, with 1 CPU, 1 GPU" in report[1][cluster.nodes.address]


def test_a_node_without_a_market_among_nodes_with_one_is_told():
    nodes = [Node("1", "10.0.0.1", "h", {"CPU": 1}, {"market": "spot"}), Node("2", "10.0.0.2", "h", {"CPU": 1})]
    (told,) = (finding for finding in of_the_cluster([Answer(node) for node in nodes]) if finding.subject == "market")
    assert (told.state, told.good) == ("spot on 1, no label on 1", False)


def test_the_doctor_leaves_no_trace_and_no_token(cluster, report):
    assert not (cluster.folder / "results").exists(), "it was not there before"
    assert list((cluster.folder / "elsewhere" / "results").iterdir()) == []
    assert cluster.nodes.token.read_text() not in str(report[1])


def test_an_address_that_holds_a_secret_is_refused_and_not_repeated(cluster):
    done = cluster.doctor("--results", "s3://someone:VerySecret@bucket/prefix")
    assert (done.returncode, done.stdout) == (2, "")
    assert "s3://" in done.stderr
    assert "VerySecret" not in done.stderr


@pytest.mark.long
def test_a_node_that_hangs_is_a_finding_and_not_a_hang(cluster, report):
    code = (
        "import sys\nfrom ganbench.harness.doctor.cluster import examine_cluster\n"
        "for block in examine_cluster(sys.argv[1], seconds=12): print(block.title, block.findings)"
    )
    raylet = cluster.nodes.raylet(1)
    os.kill(raylet, signal.SIGSTOP)
    try:
        told = cluster.python(code, cluster.nodes.address)
    finally:
        os.kill(raylet, signal.SIGCONT)
    blocks = {line.split()[1]: line for line in told.splitlines()}
    assert "2 alive, with 1 CPU, 1 GPU; 1 did not answer', good=False" in blocks[cluster.nodes.address]
    assert "(Examined(subject='answer', state='no answer within 12 seconds', good=False),)" in blocks[UNFIT]
    (head,) = (line for line in blocks.values() if "(head, " in line)
    assert "good=False" not in head


DRIVER = gather(Question(PACKAGES, ("A",)))["facts"] | {"asked": Question(PACKAGES, ("A",))}
NODE = Node("1", "10.0.0.1", "h", {"CPU": 4})


def judged(node: Node = NODE, clock: Clock | None = None, **facts: object) -> dict[str, str]:
    """What is said of a node that is like this machine but for some facts."""
    named = {name.replace("_", " "): fact for name, fact in facts.items()}
    token = {"mode": "token", "path": "", "permissions": None}
    answer = Answer(node, {**DRIVER, "token": token, "open files": 65536, **named}, clock=clock or Clock(0, 0))
    return {finding.subject: finding.state for finding in of_a_node(answer, DRIVER) if not finding.good}


def test_every_fact_is_judged_and_a_node_like_the_driver_is_fit():
    assert list(CHECKS) and set(CHECKS) == set(FACTS)
    assert judged() == {}


def test_a_clock_is_bad_only_when_it_is_surely_apart():
    assert judged(clock=Clock.read(100, 103, 100.2)).keys() == {"clock"}
    assert judged(clock=Clock.read(100, 97, 100.2)).keys() == {"clock"}
    assert judged(clock=Clock.read(100, 106, 106)) == {}, "the answer took so long that it says nothing"


@pytest.mark.parametrize(
    ("facts", "subject", "state"),
    [
        ({"token": {"mode": "", "path": "x", "permissions": None}}, "token", "whoever reaches the node's ports"),
        ({"token": {"mode": "token", "path": "x", "permissions": 0o640}}, "token", r"x \(0640\); chmod 600 x"),
        ({"open_files": 1024}, "open files", "at most 1024; before `ray start`: ulimit -n 65536"),
        ({"disk": {"/dev/shm": (64 * 2**20, 64 * 2**20)}}, "/dev/shm", "0.1 GB; give the container more"),
        ({"disk": {"/data": (10**9, 10**12)}}, "free in /data", "1 GB"),
        ({"devices": {"cores": 8, "seen": [], "listed": ["H200"]}}, "devices", "H200; torch sees no GPU"),
    ],
)
def test_what_a_container_often_lacks_is_told(facts, subject, state):
    told = judged(**facts)
    assert told.keys() == {subject}
    assert re.search(state, told[subject])


def test_a_node_without_the_weights_of_a_suites_metric_is_told(tmp_path, monkeypatch):
    question = Question((), (), needed=(("metric", {"name": "fidelity"}), ("metric", {"name": "mode_coverage"})))
    monkeypatch.setenv("GANBENCH_INCEPTION", str(tmp_path / "absent.pth"))
    found = gather(question)["facts"]["data"]
    assert judged(data=found) == {"metric fidelity": found["metric fidelity"]}
    assert "absent.pth, where there is no file" in found["metric fidelity"]


def test_what_cannot_be_found_out_is_told_and_hides_nothing_else():
    facts = {name: fact for name, fact in DRIVER.items() if name != "devices"}
    answer = Answer(NODE, facts, {"devices": "ImportError: libcudart"}, Clock(0, 0))
    told = {finding.subject: finding for finding in of_a_node(answer, DRIVER)}
    assert told["devices"].state == "cannot be found out: ImportError: libcudart"
    assert not told["devices"].good
    assert told["versions"].good


def test_a_head_that_trains_and_a_cluster_without_slots_are_told():
    head = Node("1", "10.0.0.1", "h", {"CPU": 2, "node:__internal_head__": 1})
    told = {finding.subject: finding.state for finding in of_the_cluster([Answer(head), Answer(NODE)])}
    assert "start it with --num-cpus=0" in told["head"]
    idle = Node("1", "10.0.0.1", "h", {"node:__internal_head__": 1})
    assert "slots" in {finding.subject for finding in of_the_cluster([Answer(idle)])}


def test_questions_for_nodes_without_a_cluster_are_refused(ganbench):
    done = ganbench("doctor", "--results", "x")
    assert (done.returncode, done.stdout) == (2, "")
    assert "add --cluster ADDRESS" in done.stderr
    done = ganbench("doctor", "--cluster", "127.0.0.1:9")
    assert done.returncode == 2
    assert "no Ray cluster answers there" in done.stderr
