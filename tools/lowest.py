"""Install the lowest versions that pyproject.toml allows, and run tests of each room on them.

    python tools/lowest.py [--folder .venv-lowest] [TESTS ...]

The floors in pyproject.toml are what passed. The folder, a virtual environment, is kept: a second run installs what is new.
Takes about 10 minutes, and 6 GB of disk.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tomllib
import venv
from pathlib import Path

ROOT = Path(__file__).parent.parent
REQUIREMENT = re.compile(r"([\w.-]+)(?:\[[^]]*\])?>=([\d.]+)")
TESTS = (
    "tests/commands/test_cli.py",
    "tests/ledger/test_ledger.py",
    "tests/ledger/test_tables.py",
    "tests/metrics",
    "tests/planning",
    "tests/reports/test_agreement.py",
    "tests/reports/test_pages.py",
    "tests/statistics",
    "tests/steps/test_step.py",
    "tests/tracking/test_mirror.py",
    "tests/training",
)


def floors(project: str) -> list[str]:
    """Return the lowest version of each direct dependency as ``name==version``.

    Args:
        project: The text of a pyproject.toml.
    """
    found = map(REQUIREMENT.match, tomllib.loads(project)["project"]["dependencies"])
    return [f"{match[1]}=={match[2]}" for match in found if match]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=ROOT / ".venv-lowest")
    parser.add_argument("tests", nargs="*", default=TESTS)
    options = parser.parse_args()
    python = options.folder / "bin" / "python"
    if not python.exists():
        venv.create(options.folder, with_pip=True)
    constraints = options.folder / "lowest.txt"
    constraints.write_text("\n".join(floors((ROOT / "pyproject.toml").read_text(encoding="utf-8"))) + "\n")
    install = [python, "-m", "pip", "install", "--quiet", "--constraint", constraints, "--editable", f"{ROOT}[dev]"]
    subprocess.run(install, check=True)
    return subprocess.run([python, "-m", "pytest", "-q", "-n", "2", *options.tests], cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
