"""`greenroom avatars watch`: the link by which a session is watched in a browser."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from greenroom.cli.options import DataDir, load_settings

if TYPE_CHECKING:
    from greenroom.sessions.model import Session
    from greenroom.settings import Settings


def watch(
    session_id: Annotated[str, typer.Argument(help="The session's id.")],
    data_dir: DataDir = None,
) -> None:
    """Print the link by which a session is watched in a browser. Whoever has it can watch."""
    from greenroom.api.watch.links import WatchLinks
    from greenroom.app.credentials import resolve_credentials
    from greenroom.app.rooms import own_address
    from greenroom.errors import SessionEnded

    settings = load_settings(data_dir=data_dir)
    session = asyncio.run(_session(settings, session_id))
    if session.ended:
        raise SessionEnded(session.id, session.end_reason or session.status)
    # Keys are of no matter here: the secret that signs is the same with and without them.
    credentials = resolve_credentials(settings, has_stored_keys=True)
    address = own_address(settings, settings.avatar.port)
    print(WatchLinks.of(settings, credentials.jwt_secret, address).watch_url(session.id))


async def _session(settings: Settings, session_id: str) -> Session:
    from greenroom.sessions.reader import SessionReader
    from greenroom.sessions.store import Store

    store = Store.of(settings)
    try:
        await store.migrate()
        return await SessionReader(store).get(session_id)
    finally:
        await store.close()
