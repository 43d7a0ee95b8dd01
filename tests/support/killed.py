"""What a killed process leaves of a folder, before every single step in which it writes there.

A step is a file opened for writing, a link, a rename, a removal or a new folder, anywhere below the folder; none is listed
by hand. The work is done once, in the tests' own process. A copy of the folder before a step is what a process killed there
would leave: what it had not handed to the system is lost. A flush changes nothing that others see, and is not a step.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

STEPS = {"open", "os.link", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate"}

_watched: list[tuple[str, Callable[[], None]]] = []
_hooked: list[bool] = []


def _hook(event: str, arguments: tuple) -> None:
    if not _watched or event not in STEPS or not any(str(item).startswith(_watched[0][0]) for item in arguments[:2]):
        return
    if event == "open" and not (isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)):
        return
    root, call = _watched.pop()  # its own writing is not a step
    call()
    _watched.append((root, call))


@contextmanager
def _before_each_step(root: Path, call: Callable[[], None]) -> Iterator[None]:
    if not _hooked:
        sys.addaudithook(_hook)  # permanent: an audit hook cannot be removed
        _hooked.append(True)
    _watched.append((f"{root}{os.sep}", call))
    try:
        yield
    finally:
        _watched.clear()


def copies_before_each_step(root: Path, work: Callable[[], object]) -> list[Path]:
    """Do the work, and return copies of the folder as it was before each step; they are its siblings."""
    copies: list[Path] = []

    def copy() -> None:
        copies.append(root.with_name(f"killed-{len(copies)}"))
        shutil.copytree(root, copies[-1])

    with _before_each_step(root, copy):
        work()
    return copies


def kill_before(point: int, root: Path, work: Callable[[], object]) -> None:
    """Work in a forked process that kills itself before a step."""
    child = os.fork()
    if child:
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
        return
    left = [point]

    def step() -> None:
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left[0] -= 1

    try:
        with _before_each_step(root, step):
            work()
    except BaseException:
        traceback.print_exc()
    os._exit(1)
