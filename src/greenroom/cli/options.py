"""Options that several commands share, and how they become settings."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from greenroom.errors import ConfigurationError

if TYPE_CHECKING:
    from rich.console import Console

    from greenroom.settings import Settings

UNCUT = 200
"""Columns of a table that a program reads instead of a person."""

DataDir = Annotated[
    Path | None, typer.Option(help="Folder of database, secrets and models.", show_default=False)
]


def load_settings(*, data_dir: Path | None = None, **server: Any) -> Settings:
    """Settings from environment and file, with the command line on top.

    `server` are fields of `server.*`; None means not given. Raises ConfigurationError that names
    the first setting that doesn't fit.
    """
    from pydantic import ValidationError

    from greenroom.settings import Settings

    given: dict[str, Any] = {}
    if data_dir is not None:
        given["data_dir"] = data_dir
    if chosen := {name: value for name, value in server.items() if value is not None}:
        given["server"] = chosen
    try:
        return Settings(**given)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise ConfigurationError(".".join(map(str, first["loc"])), first["msg"]) from None


def new_console() -> Console:
    """Standard output: as wide as the terminal, or wide enough where there is none."""
    from rich.console import Console

    console = Console(highlight=False, soft_wrap=True)
    if not console.is_terminal and console.width < UNCUT:
        console.width = UNCUT
    return console


def print_json(value: object) -> None:
    """One JSON document, indented, to standard output."""
    import orjson

    text = orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE, default=str)
    sys.stdout.write(text.decode())
