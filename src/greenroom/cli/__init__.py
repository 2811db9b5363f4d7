"""The `greenroom` command. Each command imports what it needs when it runs."""

from __future__ import annotations

import sys

import typer

from greenroom import __version__
from greenroom.cli import avatar, avatars, call, doctor, keys, models, serve, sessions, worker
from greenroom.errors import GreenroomError

app = typer.Typer(
    name="greenroom",
    help="A self-hosted server for real-time voice and avatar AI sessions.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
)
app.command("serve")(serve.serve)
app.command("worker")(worker.worker)
app.command("call")(call.call)
app.command("avatar")(avatar.avatar)
app.command("doctor")(doctor.doctor)
app.add_typer(avatars.app, name="avatars")
app.add_typer(sessions.app, name="sessions")
app.add_typer(keys.app, name="keys")
app.add_typer(models.app, name="models")


@app.callback()
def _root() -> None:
    """A self-hosted server for real-time voice and avatar AI sessions."""


@app.command()
def version() -> None:
    """Print the version."""
    print(__version__)


def main() -> None:
    """Entry point: errors of ours become one line and exit code 2."""
    try:
        app()
    except GreenroomError as error:
        print(f"greenroom: {error}", file=sys.stderr)
        sys.exit(2)
