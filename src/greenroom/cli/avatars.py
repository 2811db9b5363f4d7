"""`greenroom avatars`: which avatars there are, what is wrong with one, and how they look."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from greenroom.cli.options import DataDir, load_settings, new_console, print_json
from greenroom.cli.watch import watch

if TYPE_CHECKING:
    from greenroom.avatar.packs.library import AvatarLibrary
    from greenroom.avatar.packs.pack import AvatarPack

app = typer.Typer(help="Avatars: the faces that there are, and your own.", no_args_is_help=True)
app.command()(watch)

_MOST_PIXELS = 640

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Out = Annotated[Path, typer.Option(help="The picture, a PNG file.", dir_okay=False)]


@app.command("list")
def list_avatars(json: AsJson = False, data_dir: DataDir = None) -> None:
    """List the avatars that there are."""
    from rich.markup import escape
    from rich.table import Column, Table

    library = _library(data_dir)
    rows = []
    for avatar_id in library.ids():
        manifest = library.manifest(avatar_id)
        rows.append(
            {
                "id": avatar_id,
                "name": manifest.name,
                "aliases": list(manifest.aliases),
                "about": manifest.about,
                "folder": str(library.find(avatar_id)),
            }
        )
    if json:
        print_json(rows)
        return
    table = Table(Column("id", no_wrap=True), "aliases", "name", "folder", box=None)
    for row in rows:
        cells = row["id"], ", ".join(row["aliases"]), row["name"], row["folder"]
        table.add_row(*(escape(str(cell)) for cell in cells))
    new_console().print(table)


@app.command()
def check(
    folder: Annotated[Path, typer.Argument(help="A pack: a folder with an avatar.toml.")],
) -> None:
    """Say everything that is wrong with an avatar pack; exit code 1 if there is anything."""
    from greenroom.avatar.packs.pack import check_pack

    found = check_pack(folder)
    for problem in found:
        print(problem)
    if found:
        raise typer.Exit(1)
    print(f"{folder}: nothing is wrong")


@app.command()
def preview(
    avatar: Annotated[str, typer.Argument(help="An id, an alias, or a pack's folder.")],
    out: Out,
    size: Annotated[
        int, typer.Option(min=64, max=_MOST_PIXELS, help="Pixels of one picture, each way.")
    ] = 256,
    data_dir: DataDir = None,
) -> None:
    """Draw one avatar in every state, gesture and viseme."""
    from greenroom.avatar.packs.pack import load_pack

    folder = Path(avatar)
    if not folder.is_dir():
        folder = _library(data_dir).find(avatar)
    _draw([load_pack(folder)], out, size, 6)


@app.command()
def sheet(
    out: Out,
    size: Annotated[
        int, typer.Option(min=64, max=_MOST_PIXELS, help="Pixels of one picture, each way.")
    ] = 150,
    data_dir: DataDir = None,
) -> None:
    """Draw every avatar in every state, gesture and viseme."""
    from greenroom.avatar.packs.pack import load_pack

    library = _library(data_dir)
    _draw([load_pack(library.find(avatar_id)) for avatar_id in library.ids()], out, size, 13)


def _draw(packs: list[AvatarPack], out: Path, size: int, columns: int) -> None:
    from greenroom.avatar.puppet.sheet import draw_sheet, save_png
    from greenroom.errors import InvalidInput

    picture = draw_sheet(packs, size, columns)
    try:
        save_png(picture, out)
    except OSError as error:
        raise InvalidInput("out", f"can't write {out}: {error.strerror}") from error
    print(f"{out}: {picture.shape[1]} x {picture.shape[0]}")


def _library(data_dir: Path | None) -> AvatarLibrary:
    from greenroom.avatar.packs.library import AvatarLibrary

    return AvatarLibrary.of(load_settings(data_dir=data_dir))
