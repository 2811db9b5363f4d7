"""`greenroom keys`: the API keys of the database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from greenroom.cli.options import DataDir, load_settings, new_console
from greenroom.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

    from greenroom.sessions.keys import ApiKey, ApiKeys

app = typer.Typer(help="API keys for clients.", no_args_is_help=True)


@app.command()
def create(
    tenant: Annotated[str, typer.Argument(help="Whose key it is; tenants see their own sessions.")],
    note: Annotated[str, typer.Option(help="What it is for.")] = "",
    data_dir: DataDir = None,
) -> None:
    """Make a key and show it, once."""

    async def work() -> tuple[str, str]:
        async with _keys(data_dir) as keys:
            return await keys.create(tenant, note)

    key_id, key = asyncio.run(work())
    print(key)
    typer.echo(f"This is key {key_id} of {tenant}. It is not shown again.", err=True)


@app.command("list")
def list_keys(data_dir: DataDir = None) -> None:
    """List the keys; their secrets are not kept."""
    from rich.table import Column, Table

    async def work() -> list[ApiKey]:
        async with _keys(data_dir) as keys:
            return await keys.list()

    table = Table(
        Column("id", no_wrap=True, min_width=16), "tenant", "for", "created", "revoked", box=None
    )
    for key in asyncio.run(work()):
        revoked = f"{key.revoked_at:%Y-%m-%d %H:%M}" if key.revoked_at else ""
        table.add_row(key.id, key.tenant, key.name, f"{key.created_at:%Y-%m-%d %H:%M}", revoked)
    new_console().print(table)


@app.command()
def revoke(
    key_id: Annotated[str, typer.Argument(help="The id, as `greenroom keys list` shows it.")],
    data_dir: DataDir = None,
) -> None:
    """Make a key invalid; a running server follows within seconds."""

    async def work() -> bool:
        async with _keys(data_dir) as keys:
            return await keys.revoke(key_id)

    if not asyncio.run(work()):
        raise ConfigurationError("key", f"{key_id} is not the id of a valid key")
    print(f"{key_id} is revoked")


@asynccontextmanager
async def _keys(data_dir: Path | None) -> AsyncIterator[ApiKeys]:
    from greenroom.sessions.keys import ApiKeys
    from greenroom.sessions.store import Store

    store = Store.of(load_settings(data_dir=data_dir))
    try:
        await store.migrate()
        yield ApiKeys(store)
    finally:
        await store.close()
