"""The files that start a cluster: valid, equal in their settings, and as their comments say."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from tiny import end_session, write_tiny

from ganbench import read_ledger
from ganbench.harness.cli import app
from ganbench.harness.cluster.environment import exports

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "cluster"
AWS = yaml.safe_load((ROOT / "ray_cluster.yaml").read_text())
KUBERAY = {found["kind"]: found for found in yaml.safe_load_all((FOLDER / "kuberay.yaml").read_text())}
SLURM = FOLDER / "slurm.sh"
LEAVE = FOLDER / "leave_node.sh"
FILES = [ROOT / "ray_cluster.yaml", *sorted(FOLDER.iterdir())]

TYPES: dict[str, dict[str, Any]] = AWS["available_node_types"]
WORKERS = {name: kind for name, kind in TYPES.items() if name != AWS["head_node_type"]}
GROUPS: dict[str, dict[str, Any]] = {
    group["groupName"]: group for group in KUBERAY["RayJob"]["spec"]["rayClusterSpec"]["workerGroupSpecs"]
}
HEAD = KUBERAY["RayJob"]["spec"]["rayClusterSpec"]["headGroupSpec"]


def commands(name: str) -> list[str]:
    return [command for key, found in AWS.items() if key.endswith(name) for command in found]


def shim(folder: Path, name: str, text: str) -> None:
    """Put a command of that name ahead of the real one."""
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/bash\n{text}\n")
    (folder / name).chmod(0o755)


def shimmed(folder: Path, **more: str) -> dict[str, str]:
    """The environment of a shell that finds these commands, ours, and nothing of Ray's that this process has set."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith("RAY_")}
    path = f"{folder}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    return {**clean, "PATH": path, "PYTHONPATH": str(ROOT), "HOME": str(folder), **more}


def recorded(path: Path) -> dict[str, str]:
    """What `env -0` has written, of Ray."""
    pairs = (entry.partition("=") for entry in path.read_text().split("\0") if entry)
    return {key: value for key, _, value in pairs if key.startswith("RAY_")}


def test_the_cluster_file_is_valid_by_rays_own_schema():
    import jsonschema
    import ray.autoscaler

    schema = json.loads((Path(ray.autoscaler.__file__).parent / "ray-schema.json").read_text())
    jsonschema.validate(AWS, schema)


def test_the_head_trains_nothing():
    head = TYPES[AWS["head_node_type"]]
    assert head["resources"] == {"CPU": 0, "GPU": 0}
    assert head["labels"]["market"] == "on-demand"
    assert "InstanceMarketOptions" not in head["node_config"]
    (start,) = (command for command in AWS["head_start_ray_commands"] if "--head" in command)
    assert {"--num-cpus=0", "--num-gpus=0"} <= set(start.split())
    assert (HEAD["rayStartParams"]["num-cpus"], HEAD["rayStartParams"]["num-gpus"]) == ("0", "0")
    assert HEAD["labels"]["market"] == "on-demand"


@pytest.mark.parametrize("name", WORKERS)
def test_a_nodes_label_says_whether_it_can_be_taken_away(name):
    kind = WORKERS[name]
    market = kind["node_config"].get("InstanceMarketOptions", {}).get("MarketType", "on-demand")
    assert kind["labels"]["market"] == market
    assert kind["max_workers"] <= AWS["max_workers"]


@pytest.mark.parametrize("name", [name for name, kind in WORKERS.items() if kind["labels"]["market"] == "spot"])
def test_every_spot_type_has_a_sibling_that_stays(name):
    wanted = {key: value for key, value in WORKERS[name]["node_config"].items() if key != "InstanceMarketOptions"}
    siblings = [kind for kind in WORKERS.values() if kind["labels"]["market"] == "on-demand"]
    assert wanted in [kind["node_config"] for kind in siblings]
    assert all(WORKERS[name]["priority"] > kind.get("priority", 0) for kind in siblings)


def test_there_are_gpus_on_spot_and_cores_for_those_who_need_none():
    assert {"gpu_spot", "gpu_on_demand", "cpu"} == set(WORKERS)
    assert {"gpu-spot", "gpu-on-demand", "cpu"} == set(GROUPS)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_nothing_that_the_files_start_listens_to_the_world(path):
    text = path.read_text()
    assert "0.0.0.0" not in text
    assert "::/0" not in text
    hosts = re.findall(r"--dashboard-host[= ](\S+)", text)
    assert set(hosts) <= {"127.0.0.1"}
    assert len(hosts) + text.count("--include-dashboard=false") == text.count("ray start --head")


def test_only_the_reader_can_open_a_connection():
    (rule,) = AWS["provider"]["security_group"]["IpPermissions"]
    assert rule["ToPort"] == rule["FromPort"] == 22
    assert rule["IpRanges"] == [{"CidrIp": "CHANGE/32"}]


def images() -> Iterator[str]:
    yield AWS["docker"]["image"]
    pods = [HEAD["template"], KUBERAY["RayJob"]["spec"]["submitterPodTemplate"]]
    for pod in [*pods, *(group["template"] for group in GROUPS.values())]:
        yield from (container["image"] for container in pod["spec"]["containers"])


def test_every_image_is_pinned_by_its_digest_and_is_the_same():
    found = list(images())
    assert len(found) == 6
    assert len(set(found)) == 1
    assert re.fullmatch(r"CHANGE/ganbench@sha256:[0-9a-f]{64}", found[0])


def start_commands() -> list[tuple[str, str]]:
    return [
        (f"{kind}-{index}", command)
        for kind in ("head", "worker")
        for index, command in enumerate(AWS[f"{kind}_start_ray_commands"])
        if "ray start" in command
    ]


@pytest.mark.parametrize("command", [command for _, command in start_commands()], ids=dict(start_commands()))
def test_a_start_command_gives_ray_exactly_the_settings_that_drivers_have(command, tmp_path):
    shim(tmp_path / "bin", "ray", f'env -0 > {tmp_path}/environment; echo "$@" > {tmp_path}/arguments')
    # Ray's launcher sets the head's address for the command.
    command = f"RAY_HEAD_IP=10.0.0.1; {command}"
    subprocess.run(["bash", "-c", command], env=shimmed(tmp_path / "bin"), check=True, cwd=tmp_path)
    assert recorded(tmp_path / "environment") == exports()
    assert (tmp_path / "arguments").read_text().startswith("start ")


def test_the_heads_autoscaler_never_gives_up(tmp_path):
    (start,) = (command for command in AWS["head_start_ray_commands"] if "--head" in command)
    assert "AUTOSCALER_MAX_NUM_FAILURES=inf" in start
    options = KUBERAY["RayJob"]["spec"]["rayClusterSpec"]["autoscalerOptions"]
    assert {"name": "AUTOSCALER_MAX_NUM_FAILURES", "value": "inf"} in options["env"]
    assert options["version"] == "v2", "the first autoscaler does not know labels"


def test_every_process_in_the_container_asks_for_a_token_that_one_user_can_read():
    options = AWS["docker"]["run_options"]
    (path,) = (option.partition("RAY_AUTH_TOKEN_PATH=")[2] for option in options if "TOKEN_PATH" in option)
    assert "--env RAY_AUTH_MODE=token" in options
    (folder,) = AWS["file_mounts"]  # a folder: Ray cannot mount single files into containers
    assert Path(path).parent == Path(folder)
    assert any(f"chmod 600 {path}" in command for command in AWS["setup_commands"])
    assert {"--shm-size=2g", "--ulimit nofile=65536:65536"} <= {option.split("  ")[0] for option in options}


@pytest.mark.parametrize("command", commands("_commands"))
def test_every_command_is_a_whole_command_of_the_shell(command):
    # Ray puts it into parentheses.
    subprocess.run(["bash", "-n", "-c", f"true && ({command})"], check=True)


@pytest.mark.parametrize("path", [SLURM, LEAVE], ids=lambda path: path.name)
def test_scripts_parse_and_can_be_executed(path):
    subprocess.run(["bash", "-n", path], check=True)
    assert path.stat().st_mode & stat.S_IXUSR


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_what_the_reader_fills_in_is_marked(path):
    lines = path.read_text().splitlines()
    for number, line in enumerate(lines):
        value, _, comment = line.partition("#")
        if path.suffix == ".sh" and line.startswith("#SBATCH"):
            value, _, comment = line[1:].partition("#")
        if re.search(r"CHANGE|sha256:0{64}", value):
            above = "".join(lines[max(0, number - 3) : number])
            assert "CHANGE" in comment or re.search(r"#.*CHANGE", above), line
        assert not re.search(r"TODO|FIXME|<[a-z-]+>|example\.com|\byour-", value), line


def of_pod(template: dict[str, Any]) -> dict[str, Any]:
    (container,) = template["spec"]["containers"]
    return container


@pytest.mark.parametrize("template", [HEAD["template"], *(group["template"] for group in GROUPS.values())])
def test_every_pod_has_rays_settings_its_volumes_and_a_large_shared_memory(template):
    assert KUBERAY["ConfigMap"]["data"] == exports()
    container, volumes = of_pod(template), {volume["name"]: volume for volume in template["spec"]["volumes"]}
    settings = [{"configMapRef": {"name": KUBERAY["ConfigMap"]["metadata"]["name"]}}]
    assert container["envFrom"] == settings
    assert {mount["name"] for mount in container["volumeMounts"]} == set(volumes)
    claim = KUBERAY["PersistentVolumeClaim"]
    assert volumes["results"]["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"]
    assert claim["spec"]["accessModes"] == ["ReadWriteMany"]
    assert volumes["shm"]["emptyDir"]["medium"] == "Memory"
    assert {"name": "shm", "mountPath": "/dev/shm"} in container["volumeMounts"]
    assert container["resources"]["requests"] == container["resources"]["limits"]
    assert template["metadata"]["labels"] == KUBERAY["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"]


def test_kuberays_driver_autoscaler_and_token():
    spec = KUBERAY["RayJob"]["spec"]
    cluster = spec["rayClusterSpec"]
    settings = [{"configMapRef": {"name": "ganbench-ray"}}]
    assert of_pod(spec["submitterPodTemplate"])["envFrom"] == settings
    assert cluster["autoscalerOptions"]["envFrom"] == settings
    assert cluster["authOptions"] == {"mode": "token", "secretName": "ray-token"}
    assert "Secret" not in KUBERAY, "a token in a file is a token in a repository"
    assert "create secret generic ray-token" in (FOLDER / "kuberay.yaml").read_text()
    results = re.search(r"--results (\S+)", spec["entrypoint"])[1]
    assert any(results.startswith(f"{mount['mountPath']}/") for mount in of_pod(HEAD["template"])["volumeMounts"])
    assert spec["backoffLimit"] > 0, "a lost head costs an attempt, not the sweep"


@pytest.mark.parametrize("name", GROUPS)
def test_a_pod_that_is_taken_away_has_time_for_its_trials_checkpoints(name):
    group = GROUPS[name]
    container, spec = of_pod(group["template"]), group["template"]["spec"]
    script, execution, seconds = container["lifecycle"]["preStop"]["exec"]["command"]
    assert (script, execution) == ("leave-node", "now")
    assert spec["terminationGracePeriodSeconds"] >= int(seconds) + 20
    assert group["labels"]["market"] == spec["nodeSelector"]["market"] == ("spot" if "spot" in name else "on-demand")
    assert ("nvidia.com/gpu" in container["resources"]["limits"]) == name.startswith("gpu")
    assert group["minReplicas"] <= group["replicas"] <= group["maxReplicas"]


def test_the_manifest_has_the_structure_that_kuberay_wants():
    # Names and types as in the definition of RayJob of KubeRay 1.6 and 1.7, of what we use; nothing else is allowed.
    import jsonschema

    def thing(required: Sequence[str] = (), **properties: Any) -> dict[str, Any]:
        return {
            "type": "object",
            "required": list(required),
            "properties": properties,
            "additionalProperties": False,
        }

    text, whole, truth = {"type": "string"}, {"type": "integer"}, {"type": "boolean"}
    texts = {"type": "object", "additionalProperties": text}
    pod = {"type": "object", "required": ["metadata", "spec"]}
    group = {"rayStartParams": texts, "labels": texts, "template": pod}
    counts = {"groupName": text, "minReplicas": whole, "maxReplicas": whole, "replicas": whole}
    scaler = thing(version={"enum": ["v1", "v2"]}, idleTimeoutSeconds=whole, env={}, envFrom={})
    cluster = thing(
        ["headGroupSpec"],
        rayVersion=text,
        authOptions=thing(mode={"enum": ["disabled", "token"]}, secretName=text),
        enableInTreeAutoscaling=truth,
        autoscalerOptions=scaler,
        headGroupSpec=thing(["template"], **group),
        workerGroupSpecs={"type": "array", "items": thing(["groupName", "template", "maxReplicas"], **counts, **group)},
    )
    job = thing(
        entrypoint=text,
        backoffLimit=whole,
        shutdownAfterJobFinishes=truth,
        ttlSecondsAfterFinished=whole,
        submitterPodTemplate=pod,
        rayClusterSpec=cluster,
    )
    top = thing(
        ["apiVersion", "kind", "metadata", "spec"], apiVersion={"const": "ray.io/v1"}, kind={}, metadata={}, spec=job
    )
    jsonschema.validate(KUBERAY["RayJob"], top)


def test_the_image_holds_what_is_copied_and_the_version_that_the_manifest_names(tmp_path):
    text = (FOLDER / "Dockerfile").read_text()
    copied = [word for line in re.findall(r"^COPY (.*)$", text, re.M) for word in line.split()[:-1] if word[0] != "-"]
    assert [path for path in copied if not (ROOT / path).exists()] == []
    assert "docs/cluster/leave_node.sh" in copied
    for path in map(ROOT.joinpath, copied):  # all that the image's pip installs from
        copy = shutil.copytree if path.is_dir() else shutil.copyfile
        copy(path, tmp_path / path.name, **({"symlinks": True} if path.is_dir() else {}))
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "wheel"], cwd=tmp_path, check=True)
    (wheel,) = (tmp_path / "dist").iterdir()
    held = zipfile.ZipFile(wheel).namelist()
    assert {f"ganbench/{room}/__init__.py" for room in ("harness", "baselines", "reports", "suites")} <= set(held)
    assert f"ARG RAY={KUBERAY['RayJob']['spec']['rayClusterSpec']['rayVersion']}" in text
    assert "/usr/local/bin/leave-node" in text


DOCUMENT = ROOT / "docs" / "cluster.md"


def ganbench_commands() -> list[str]:
    joined = "\n".join(path.read_text().replace("\\\n", " ") for path in [*FILES, DOCUMENT])
    return sorted(set(re.findall(r"\bganbench ((?:run|plan|status|stop|sync|report|doctor) [^`'\n|;&#)]*)", joined)))


@pytest.mark.parametrize("command", ganbench_commands())
def test_every_option_that_the_files_and_the_document_give_exists(command):
    import typer

    verb, *words = command.split()
    known = {option for option in typer.main.get_command(app).commands[verb].params for option in option.opts}
    assert {word.partition("=")[0] for word in words if word.startswith("--")} <= known


def test_a_node_leaves_after_its_trials_have_their_checkpoints(tmp_path):
    log = tmp_path / "log"
    shim(tmp_path / "bin", "ray", f'echo "ray $1" >> {log}')
    shim(tmp_path / "bin", "curl", f'[ -e {tmp_path}/notice ] && echo "curl" >> {log} && echo token')
    name = f"ray::execute-{os.getpid()}"  # of this test alone: other trials may be running on the machine
    # Ray names a process by its task; this one takes a second to write its checkpoint.
    trial = f"trap 'sleep 1; echo checkpoint >> {log}; exit' TERM; echo ready >> {log}; while :; do sleep 0.1; done"
    worker = subprocess.Popen(["bash", "-c", f"exec -a {name} bash -c {json.dumps(trial)}"])
    watch = subprocess.Popen(
        ["bash", LEAVE, "watch", "20"], env=shimmed(tmp_path / "bin", POLL="0.1", TRIALS=f"^{name}")
    )
    try:
        while not log.exists():
            time.sleep(0.05)
        time.sleep(0.5)
        assert log.read_text().split("\n") == ["ready", ""], "without a notice it waits"
        (tmp_path / "notice").touch()
        assert watch.wait(timeout=30) == 0
    finally:
        worker.kill()
        watch.kill()
    assert log.read_text().splitlines() == ["ready", "curl", "curl", "ray drain-node", "checkpoint", "ray stop"]


class Slurm:
    """SLURM's commands as far as the script uses them, on one machine."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.bin = folder, folder / "bin"
        shim(
            self.bin, "scontrol", f'echo "$@" >> {folder}/scontrol; [ "$1" = show ] && printf "node1\\nnode2\\n"; true'
        )
        # Drops srun's own options and runs the rest here; a killed step takes its command with it.
        run = 'while [[ "$1" == -* ]]; do [ "$1" = -w ] && shift; shift; done\nexec "$@"'
        shim(self.bin, "srun", run)
        job = {"SLURM_JOB_ID": str(os.getpid()), "SLURM_JOB_NODELIST": "node[1-2]", "SLURM_CPUS_PER_TASK": "1"}
        self.environment = shimmed(self.bin, **job)

    def start(self, *arguments: str | Path) -> subprocess.Popen[str]:
        return subprocess.Popen(
            ["bash", SLURM, *map(str, arguments)],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    @property
    def requeued(self) -> bool:
        return f"requeue {os.getpid()}" in (self.folder / "scontrol").read_text()


@pytest.fixture
def slurm(tmp_path: Path) -> Slurm:
    return Slurm(tmp_path)


@pytest.fixture
def without_ray(slurm: Slurm) -> Slurm:
    """The same, with a Ray and a ganbench that only note how they were called."""
    note = (
        '[ "$1" = start ] && echo "$@" > {folder}/ray-$$ && env -0 > {folder}/environment-$$\n'
        '[ "$1" = start ] && exec sleep 60\n'
        "true"
    )
    shim(slurm.bin, "ray", note.replace("{folder}", str(slurm.folder)))
    return slurm


def test_slurms_script_starts_head_and_nodes_with_the_settings_and_a_private_token(without_ray):
    folder = without_ray.folder
    ganbench = f'echo "$@" > {folder}/ganbench; cat "$RAY_AUTH_TOKEN_PATH" > {folder}/token'
    shim(without_ray.bin, "ganbench", f"sleep 1; stat -c %a $RAY_AUTH_TOKEN_PATH > {folder}/mode; {ganbench}")
    script = without_ray.start("quick", "/shared/results", "--seeds", "1")
    out, _ = script.communicate(timeout=30)
    assert script.returncode == 0, out
    started = [path.read_text() for path in folder.glob("ray-*")]
    (head,) = (command for command in started if "--head" in command)
    assert {"--num-cpus=0", "--num-gpus=0", "--include-dashboard=false"} <= set(head.split())
    assert len(started) == 3
    assert sum("--num-cpus=1 --num-gpus=0 --labels=market=spot" in command for command in started) == 2
    for path in folder.glob("environment-*"):
        found = recorded(path)
        token = Path(found.pop("RAY_AUTH_TOKEN_PATH"))
        assert found == exports()
        assert not token.exists(), "the token goes with the job"
    assert (folder / "mode").read_text() == "600\n"
    assert len((folder / "token").read_text()) == 64
    assert (folder / "token").read_text() not in out
    address = re.search(r"--address (\S+)", (folder / "ganbench").read_text())[1]
    assert (folder / "ganbench").read_text() == f"run quick --address {address} --results /shared/results --seeds 1\n"
    assert f"--address={address} " in "".join(started)
    assert not without_ray.requeued


@pytest.mark.parametrize(("code", "requeued"), [(3, True), (0, False)])
def test_slurms_script_is_told_of_its_end_and_queues_itself_again_only_if_trials_are_missing(
    without_ray, code, requeued
):
    folder = without_ray.folder
    # The sweep ends some time after it was asked to.
    run = f"touch {folder}/running; while [ ! -e {folder}/stop ]; do sleep 0.1; done; sleep 0.5; exit {code}"
    shim(without_ray.bin, "ganbench", f'[ "$1" = stop ] && touch "$2/stop" && exit 0\n{run}')
    script = without_ray.start("quick", folder)
    while not (folder / "running").exists():
        assert script.poll() is None
        time.sleep(0.05)
    os.kill(script.pid, signal.SIGTERM)  # B: the script alone
    out, _ = script.communicate(timeout=30)
    assert script.returncode == code, out
    assert without_ray.requeued is requeued


@pytest.mark.parametrize(
    ("lost", "seconds", "code", "requeued"),
    [(True, 700, 3, True), (True, 0, 3, False), (False, 700, 3, False), (True, 700, 2, False)],
    ids=["its head was lost", "lost at once", "somebody stopped the sweep", "it cannot run"],
)
def test_slurms_script_queues_itself_again_if_its_head_was_lost_but_not_for_ever(slurm, lost, seconds, code, requeued):
    folder = slurm.folder
    shim(slurm.bin, "ray", f'[ "$1" = start ] && exec sleep 60\n[ ! -e {folder}/lost ]')
    shim(slurm.bin, "ganbench", (f"touch {folder}/lost; " if lost else "") + f"exit {code}")
    slurm.environment["SECONDS"] = str(seconds)  # the job's age: bash counts on from it
    script = slurm.start("quick", folder)
    out, _ = script.communicate(timeout=30)
    assert script.returncode == code, out
    assert slurm.requeued is requeued
    assert ("the head was lost" in out) is requeued


def test_slurms_steps_ask_for_the_jobs_cores_and_the_job_for_memory(without_ray):
    folder = without_ray.folder
    steps = f"""until [ "$(grep -c ' ray start ' {folder}/steps)" = 3 ]; do sleep 0.1; done"""
    shim(without_ray.bin, "ganbench", steps)
    run = (without_ray.bin / "srun").read_text().removeprefix("#!/bin/bash\n")
    shim(without_ray.bin, "srun", f'echo "$@" >> {folder}/steps\n{run}')
    out, _ = without_ray.start("quick", folder).communicate(timeout=30)
    steps = [line for line in (folder / "steps").read_text().splitlines() if " ray start " in line]
    assert len(steps) == 3, out
    assert all("--cpus-per-task=1 " in line for line in steps)
    assert "#SBATCH --mem=" in SLURM.read_text()


def test_slurms_script_ends_when_its_head_does_not_start(slurm):
    shim(slurm.bin, "ray", "exit 1")
    script = slurm.start("quick", "results")
    out, _ = script.communicate(timeout=30)
    assert script.returncode == 1
    assert "the head did not start" in out


@pytest.mark.long
def test_slurms_script_runs_a_sweep_and_goes_on_after_its_time_was_up(slurm, tmp_path):
    suite = write_tiny(tmp_path / "tiny.yaml", seeds=6, steps=200)
    shim(slurm.bin, "ganbench", f'exec {sys.executable} -W ignore -m ganbench.harness.cli "$@"')
    results = tmp_path / "results"
    first = slurm.start(suite, results, "--tracking-uri", "off")
    try:
        wait_for(lambda: (results / "suite.json").exists() and len(read_ledger(results).committed()) >= 3, first)
        os.kill(first.pid, signal.SIGTERM)
        out, _ = first.communicate(timeout=120)
        assert first.returncode == 3, out
        assert slurm.requeued
        done = len(read_ledger(results).committed())
        assert 3 <= done < 36
    finally:
        end_session(first.pid)
    second = slurm.start(suite, results, "--tracking-uri", "off")
    try:
        out, _ = second.communicate(timeout=240)
        assert second.returncode == 0, out
    finally:
        end_session(second.pid)
    assert len(read_ledger(results).committed()) == 36


def wait_for(condition: Callable[[], bool], process: subprocess.Popen[str], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.2)
