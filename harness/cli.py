"""The command ``ganbench``: its verbs, and what becomes of an error. Imports neither torch nor ray nor mlflow."""

from __future__ import annotations

import sys

import typer

from ganbench.harness.commands import doctor, plugins, results, sweeps
from ganbench.harness.commands.common import BAD_INPUT
from ganbench.harness.commands.data import data
from ganbench.harness.commands.findings import findings
from ganbench.harness.commands.ledger import ledger
from ganbench.harness.commands.new import new
from ganbench.harness.commands.profiling import profile
from ganbench.harness.commands.sensitivity import sensitivity
from ganbench.harness.commands.tryout import try_

app = typer.Typer(
    name="ganbench",
    help="How often does GAN training fail, under which normalizer, and how sure is that?",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for sweeping in (sweeps.plan, sweeps.run, sweeps.status, sweeps.stop, sweeps.sync):
    app.command()(sweeping)
for reading in (results.report, results.diff, results.badge, results.relabel, results.label, results.power):
    app.command()(reading)
app.command(name="list")(plugins.list_)
app.command()(plugins.check)
app.command()(findings)
app.command()(sensitivity)
app.command()(new)
app.command(name="try")(try_)
app.command()(profile)
app.command()(doctor.doctor)
app.add_typer(data)
app.add_typer(ledger)


def main() -> None:
    """Run the command, turning our own errors into one message and an exit code."""
    from ganbench.harness.errors import GanbenchError

    try:
        app()
    except GanbenchError as error:
        for line in str(error).splitlines():
            print(f"error: {line}", file=sys.stderr)
        sys.exit(BAD_INPUT)


if __name__ == "__main__":
    main()
