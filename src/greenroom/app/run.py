"""The life of a server process: start, say what is served, serve, drain, end."""

from __future__ import annotations

import asyncio
import logging
import socket
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack

import uvloop

from greenroom import __version__
from greenroom.app.compose import Greenroom, compose
from greenroom.app.garbage import tune_garbage_collector
from greenroom.app.rooms import rooms_provider
from greenroom.app.server import HttpServer, bind, http_server, shutdown_signals
from greenroom.settings import Settings
from greenroom.speech.ports import Progress, log_progress

log = logging.getLogger(__name__)

ENVELOPE_BYTES = 4_096
"""Of a signalling message, around the description that it carries."""


def run(settings: Settings, progress: Progress = log_progress) -> None:
    """Serve until SIGTERM or SIGINT; `progress` is told of downloads at the start.

    Raises ConfigurationError before anything is served.
    """
    logging.basicConfig(
        level=settings.log_level.upper(),
        format="%(asctime)s %(levelname)-7s %(name)s: %(message)s",
        stream=sys.stderr,
    )
    # Those of HTTP clients would hold what users say, and some of them keys.
    for noisy in ("uvicorn.error", "httpx", "httpcore", "openai", "alembic", "livekit"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(settings, print, progress))


async def serve(
    settings: Settings, say: Callable[[str], None], progress: Progress = log_progress
) -> None:
    """Serve; `say` prints what is served where. Returns when drained."""
    began = time.monotonic()
    with ExitStack() as stack:
        listener = bind(settings.server.host, settings.server.port)
        stack.callback(listener.close)
        signalling: socket.socket | None = None
        if rooms_provider(settings) == "embedded":
            signalling = bind(settings.server.host, settings.rooms.port, "rooms.port")
            stack.callback(signalling.close)
        port = signalling.getsockname()[1] if signalling is not None else 0
        async with compose(settings, progress, rooms_port=port) as greenroom:
            servers = [(http_server(greenroom.app, settings.server), listener)]
            if greenroom.rooms.app is not None and signalling is not None:
                longest = settings.rooms.max_description_bytes + ENVELOPE_BYTES
                rooms = http_server(greenroom.rooms.app, settings.server, max_frame=longest)
                servers.append((rooms, signalling))
            with shutdown_signals(asyncio.get_running_loop()) as asked:
                serving = asyncio.create_task(_serve_all(servers))
                for server, _ in servers:
                    await _until(server.listening, serving)
                # After start-up: what is alive now lives as long as the process.
                tune_garbage_collector()
                say(banner(greenroom, listener, time.monotonic() - began))
                sys.stdout.flush()
                await _until(asked, serving)
                for server, _ in servers:
                    server.stop_listening()
                await greenroom.drain(settings.server.drain_timeout)
                for server, _ in servers:
                    server.should_exit = True
                await serving


async def _serve_all(servers: Sequence[tuple[HttpServer, socket.socket]]) -> None:
    async with asyncio.TaskGroup() as group:
        for server, listener in servers:
            group.create_task(server.serve([listener]))


def banner(greenroom: Greenroom, listener: socket.socket, seconds: float) -> str:
    """What is served where, by what."""
    host, port = listener.getsockname()[:2]
    host = f"[{host}]" if ":" in host else host
    rows = [
        ("voice commerce API", f"http://{host}:{port}"),
        ("voice", f"ws://{host}:{port}/ws/voice/session"),
        *_rooms(greenroom),
        *greenroom.chosen,
    ]
    if greenroom.credentials.development:
        rows.append(("development key", "accepted, since only this machine can connect"))
    width = max(len(name) for name, _ in rows)
    lines = [f"  {name:<{width}}  {value}" for name, value in rows]
    return "\n".join(
        [f"Greenroom {__version__}", *lines, f"Ready in {seconds:.1f} s. Ctrl-C ends it."]
    )


def _rooms(greenroom: Greenroom) -> list[tuple[str, str]]:
    rooms = greenroom.rooms.rooms
    return [("LiveKit rooms", rooms.url)] if rooms is not None else []


async def _until(event: asyncio.Event, serving: asyncio.Task[None]) -> None:
    """Wait for `event`, or for the server's own end (then with its error, if it had one)."""
    waiting = asyncio.create_task(event.wait())
    try:
        await asyncio.wait({waiting, serving}, return_when=asyncio.FIRST_COMPLETED)
        if serving.done():
            serving.result()
    finally:
        waiting.cancel()
