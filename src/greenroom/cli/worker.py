"""`greenroom worker`: agents on a Celery worker."""

from __future__ import annotations

from typing import Annotated

import typer

from greenroom.cli.options import DataDir, load_settings


def worker(
    name: Annotated[
        str | None,
        typer.Option(help="Name in Celery, such as agents@host1.", show_default=False),
    ] = None,
    capacity: Annotated[
        int | None, typer.Option(help="Agents at once.", min=1, max=1_000, show_default=False)
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Host the orchestrator's agents until SIGTERM or Ctrl-C; then drain and end."""
    settings = load_settings(data_dir=data_dir)
    given = {"name": name, "capacity": capacity}
    changed = {field: value for field, value in given.items() if value is not None}
    workers = settings.workers.model_copy(update=changed)
    from greenroom.app.worker import run_worker
    from greenroom.cli.progress import ProgressBars

    with ProgressBars() as bars:
        raise typer.Exit(run_worker(settings.model_copy(update={"workers": workers}), bars))
