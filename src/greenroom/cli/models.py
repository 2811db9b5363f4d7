"""`greenroom models`: which models can be fetched, which are here, and fetching them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from greenroom.cli.options import DataDir, load_settings, new_console, print_json

if TYPE_CHECKING:
    from pathlib import Path

    from greenroom.speech.model_files import Model

app = typer.Typer(help="Models of the providers that run here.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("list")
def list_models(
    here: Annotated[bool, typer.Option("--here", help="Only those that are here.")] = False,
    json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """List the models that are known by name, and which of them are here."""
    from rich.markup import escape
    from rich.table import Column, Table

    from greenroom.speech.model_catalogue import known_models

    folder = load_settings(data_dir=data_dir).data_dir
    rows = [_row(model, folder) for model in known_models()]
    rows = [row for row in rows if row["present"] or not here]
    if json:
        print_json(rows)
        return
    table = Table(
        Column("model", no_wrap=True), Column("MB", justify="right"), "here", "folder", box=None
    )
    for row in rows:
        where = escape(row["folder"]) if row["present"] else ""
        table.add_row(row["model"], f"{row['megabytes']:,}", "yes" if row["present"] else "", where)
    new_console().print(table)


@app.command()
def fetch(
    model: Annotated[
        str, typer.Argument(help="As a setting names it: faster-whisper:base.en, piper:")
    ],
    json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Fetch a model, or complete it; one that is here and whole is left as it is."""
    import asyncio

    from greenroom.cli.progress import ProgressBars
    from greenroom.speech.model_catalogue import model_of
    from greenroom.speech.model_files import fetch as fetch_files
    from greenroom.speech.ports import ProviderContext

    settings = load_settings(data_dir=data_dir)
    wanted = model_of(model)
    with ProgressBars(lines=_print_progress) as bars:
        context = ProviderContext(
            settings.data_dir, models_url=settings.providers.models_url, progress=bars
        )
        folder = asyncio.run(fetch_files(wanted, context))
    if json:
        print_json(_row(wanted, settings.data_dir))
    else:
        print(f"{wanted.uri} is in {folder}")


def _row(model: Model, data_dir: Path) -> dict[str, Any]:
    from greenroom.speech.model_files import is_present

    folder = model.folder(data_dir)
    return {
        "model": model.uri,
        "megabytes": model.megabytes,
        "present": is_present(folder, model),
        "folder": str(folder),
    }


def _print_progress(what: str, done: int, total: int | None) -> None:
    """For who keeps the output: the beginning and the end of a file."""
    if done in {0, total}:
        typer.echo(f"{what}: {done / 1e6:.1f} of {(total or done) / 1e6:.1f} MB", err=True)
