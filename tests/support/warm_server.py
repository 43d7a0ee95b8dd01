"""The process that commands of tests are forks of; see ``warm.py``. It has no threads, so that a fork of it is whole."""

from __future__ import annotations

import array
import gc
import importlib
import json
import os
import runpy
import signal
import socket
import struct
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

IMPORTED = (
    "torch",
    "pandas",
    "pyarrow.parquet",
    "scipy.stats",
    "scipy.linalg",
    "sklearn.metrics",
    "mlflow",
    "mlflow.tracking",
    "mlflow.store.tracking.sqlalchemy_store",
    "matplotlib.figure",
    "matplotlib.backends.backend_svg",
)
"""Not Ray, which reads how its clusters are guarded when it is imported; and nothing of ours but the command itself."""

HARMLESS = "jemalloc_bg_thd"
"""A thread of pyarrow's allocator, which goes on without it and begins another."""

CLI = "ganbench.harness.cli"
NUMBER = struct.Struct("i")
"""A process, and later how it ended, as they are answered."""


def ask(connection: socket.socket, asked: dict[str, Any], files: Sequence[int]) -> None:
    """Send what is asked for in one line, with open files."""
    data = json.dumps(asked).encode() + b"\n"
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", files))]
    connection.sendall(data[connection.sendmsg([data], rights) :])


def _asked(connection: socket.socket) -> tuple[dict[str, Any], list[int]]:
    data, files = b"", array.array("i")
    while not data.endswith(b"\n"):
        piece, rights, *_ = connection.recvmsg(65536, socket.CMSG_SPACE(2 * files.itemsize))
        data += piece
        for _, _, raw in rights:
            files.frombytes(raw)
    return json.loads(data), list(files)


def serve(folder: Path) -> NoReturn:
    """Import, and answer with forks until the folder is gone."""
    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "MLFLOW_DISABLE_TELEMETRY": "true"}
    for name in (*IMPORTED, CLI):
        importlib.import_module(name)
    threads = {path.read_text().strip() for path in Path("/proc/self/task").glob("*/comm")} - {HARMLESS, "python"}
    if threads:
        raise RuntimeError(f"an import has begun {threads}, of which a fork would have nothing")
    gc.collect()
    gc.freeze()
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(folder / "socket.new"))
    listening.listen(64)
    (folder / "socket.new").rename(folder / "socket")
    listening.settimeout(1)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those that wait for commands
    while folder.exists():
        try:
            connection, _ = listening.accept()
        except TimeoutError:
            continue
        if os.fork() == 0:
            listening.close()
            _keep(connection)
        connection.close()
    sys.exit()


def _keep(connection: socket.socket) -> NoReturn:
    """Fork once more, and report the process, and how it ended."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    connection.settimeout(None)
    asked, files = _asked(connection)
    child = os.fork()
    if child == 0:
        connection.close()
        _become(asked["arguments"], Path(asked["cwd"]), asked["env"], files)
    for file in files:
        os.close(file)
    try:
        connection.sendall(NUMBER.pack(child))
        _, status = os.waitpid(child, 0)
        connection.sendall(NUMBER.pack(os.waitstatus_to_exitcode(status)))
    except BrokenPipeError:
        pass
    os._exit(0)


def _become(arguments: list[str], cwd: Path, env: dict[str, str], files: list[int]) -> NoReturn:
    """Be what ``python`` with these arguments would be."""
    os.setsid()
    for number, file in enumerate(files, start=1):
        os.dup2(file, number)
        os.close(file)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(cwd)
    own = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    installed = [entry for entry in sys.path[1:] if entry not in own]
    os.environ.clear()
    os.environ.update(env)
    given = [entry for entry in env.get("PYTHONPATH", "").split(os.pathsep) if entry]
    kind, what, *rest = arguments
    sys.path[:] = [str(cwd) if kind == "-m" else "", *given, *installed]
    importlib.invalidate_caches()
    main = sys.modules["__main__"] = ModuleType("__main__")
    code = 0
    try:
        sys.argv = [kind, *rest]
        if kind == "-c":
            exec(compile(what, "<string>", "exec"), main.__dict__)
        elif what == CLI:
            module = sys.modules[CLI]
            main.__spec__ = module.__spec__
            sys.argv[0] = str(module.__file__)
            module.main()
        else:
            runpy.run_module(what, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
        if code and not isinstance(end.code, int):
            print(end.code, file=sys.stderr)
    except KeyboardInterrupt:
        traceback.print_exc()
        code = -signal.SIGINT
    except BaseException:
        traceback.print_exc()
        code = 1
    _end(code)


def _end(code: int) -> NoReturn:
    """End as Python does: threads, what is registered, what is not written yet; then by the signal, or with the code."""
    import atexit
    import threading

    try:
        threading._shutdown()
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        if code < 0:
            signal.signal(-code, signal.SIG_DFL)
            os.kill(os.getpid(), -code)
        os._exit(code)


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
