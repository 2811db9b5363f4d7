"""An ASGI application on a real socket of this machine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from starlette.applications import Starlette


@asynccontextmanager
async def serving(app: Starlette, **options: Any) -> AsyncIterator[str]:
    """The application on a free port; gives its URL. `options` are uvicorn's."""
    config = uvicorn.Config(
        app, port=0, lifespan="off", log_config=None, access_log=False, **options
    )
    # Without the main loop, whose tick of a tenth of a second every test would wait for twice.
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    await server.startup()
    port = server.servers[0].sockets[0].getsockname()[1]
    state = server.server_state
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        for listener in server.servers:
            listener.close()
        for connection in list(state.connections):
            connection.shutdown()
        async with asyncio.timeout(10):
            await asyncio.gather(*state.tasks, return_exceptions=True)
            # uvicorn tells nobody when its connections are gone.
            while state.connections:  # noqa: ASYNC110
                await asyncio.sleep(0)
