"""`greenroom serve`: the server."""

from __future__ import annotations

from typing import Annotated

import typer

from greenroom.cli.options import DataDir, load_settings


def serve(
    host: Annotated[
        str | None, typer.Option(help="Address to listen on.", show_default=False)
    ] = None,
    port: Annotated[
        int | None, typer.Option(help="Port of the commerce API.", show_default=False)
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Serve until SIGTERM or Ctrl-C; then drain and end."""
    settings = load_settings(data_dir=data_dir, host=host, port=port)
    from greenroom.app.run import run
    from greenroom.cli.progress import ProgressBars

    with ProgressBars() as bars:
        run(settings, bars)
