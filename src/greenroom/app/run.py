"""The life of a server process: start, say what is served, serve, drain, end."""

from __future__ import annotations

import asyncio
import logging
import socket
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

import uvloop
from starlette.applications import Starlette

from greenroom import __version__
from greenroom.app.compose import Greenroom, compose
from greenroom.app.garbage import tune_garbage_collector
from greenroom.app.logs import set_up_logging
from greenroom.app.rooms import rooms_provider
from greenroom.app.server import (
    MAX_FRAME_BYTES,
    HttpServer,
    bind,
    http_server,
    shutdown_signals,
)
from greenroom.settings import Settings
from greenroom.speech.ports import Progress, log_progress

log = logging.getLogger(__name__)

ENVELOPE_BYTES = 4_096
"""Of a signalling message, around the description that it carries."""


def run(settings: Settings, progress: Progress = log_progress) -> None:
    """Serve until SIGTERM or SIGINT; `progress` is told of downloads at the start.

    Raises ConfigurationError before anything is served.
    """
    set_up_logging(settings)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(settings, print, progress))


async def serve(
    settings: Settings, say: Callable[[str], None], progress: Progress = log_progress
) -> None:
    """Serve; `say` prints what is served where. Returns when drained."""
    began = time.monotonic()
    with ExitStack() as stack:
        ports = Ports.bind(settings, stack)
        async with compose(
            settings,
            progress,
            rooms_port=port_of(ports.rooms),
            avatar_port=port_of(ports.avatars),
            duplex_port=port_of(ports.duplex),
        ) as greenroom:
            servers = _servers(greenroom, settings, ports)
            with shutdown_signals(asyncio.get_running_loop()) as asked:
                serving = asyncio.create_task(_serve_all(servers))
                for server, _ in servers:
                    await _until(server.listening, serving)
                # After start-up: what is alive now lives as long as the process.
                tune_garbage_collector()
                say(banner(greenroom, ports, time.monotonic() - began))
                sys.stdout.flush()
                await _until(asked, serving)
                for server, _ in servers:
                    server.stop_listening()
                await greenroom.drain(settings.server.drain_timeout)
                for server, _ in servers:
                    server.should_exit = True
                await serving


@dataclass(frozen=True, slots=True)
class Ports:
    """The sockets that are listened on; None: nothing is served there."""

    main: socket.socket | None
    rooms: socket.socket | None
    avatars: socket.socket | None
    duplex: socket.socket | None

    @classmethod
    def bind(cls, settings: Settings, stack: ExitStack) -> Ports:
        """Bind those that the settings ask for. Raises ConfigurationError."""

        def one(wanted: bool, port: int, setting: str) -> socket.socket | None:
            if not wanted:
                return None
            listener = bind(settings.server.host, port, setting)
            stack.callback(listener.close)
            return listener

        apis = settings.server.apis
        embedded = rooms_provider(settings) == "embedded"
        return cls(
            one(
                bool({"commerce", "orchestrator"} & set(apis)), settings.server.port, "server.port"
            ),
            one(embedded, settings.rooms.port, "rooms.port"),
            one("avatar" in apis, settings.avatar.port, "avatar.port"),
            one("duplex" in apis, settings.duplex.port, "duplex.port"),
        )


def port_of(listener: socket.socket | None) -> int:
    """Where it listens; 0 for none."""
    return int(listener.getsockname()[1]) if listener is not None else 0


def _servers(
    greenroom: Greenroom, settings: Settings, ports: Ports
) -> list[tuple[HttpServer, socket.socket]]:
    """The servers that are needed, the main one first."""
    longest = settings.rooms.max_description_bytes + ENVELOPE_BYTES
    avatars, duplex = greenroom.avatars, greenroom.duplex
    wanted: list[tuple[Starlette | None, socket.socket | None, int]] = [
        (greenroom.main, ports.main, MAX_FRAME_BYTES),
        (greenroom.base.rooms.app, ports.rooms, longest),
        (avatars.app if avatars else None, ports.avatars, MAX_FRAME_BYTES),
        (duplex.app if duplex else None, ports.duplex, MAX_FRAME_BYTES),
    ]
    for app, listener, _ in wanted:
        if app is None and listener is not None:
            listener.close()  # nobody would answer there
    return [
        (http_server(app, settings.server, max_frame=max_frame), listener)
        for app, listener, max_frame in wanted
        if app is not None and listener is not None
    ]


async def _serve_all(servers: Sequence[tuple[HttpServer, socket.socket]]) -> None:
    async with asyncio.TaskGroup() as group:
        for server, listener in servers:
            group.create_task(server.serve([listener]))


def banner(greenroom: Greenroom, ports: Ports, seconds: float) -> str:
    """What is served where, by what."""
    rows: list[tuple[str, str]] = []
    if ports.main is not None and greenroom.main is not None:
        where = _address(ports.main)
        if greenroom.orchestrator is not None:
            rows.append(("voice assistants", f"http://{where}/docs"))
        if greenroom.commerce is not None:
            rows += [
                ("voice commerce API", f"http://{where}"),
                ("voice", f"ws://{where}/ws/voice/session"),
            ]
    if ports.avatars is not None and greenroom.avatars is not None:
        rows.append(("avatar APIs", f"http://{_address(ports.avatars)}"))
    if ports.duplex is not None:
        rows.append(("duplex sessions", f"http://{_address(ports.duplex)}"))
    if (rooms := greenroom.base.rooms.rooms) is not None:
        rows.append(("LiveKit rooms", rooms.url))
    rows += greenroom.chosen
    if greenroom.base.credentials.development:
        rows.append(("development key", "accepted, since only this machine can connect"))
    width = max(len(name) for name, _ in rows)
    lines = [f"  {name:<{width}}  {value}" for name, value in rows]
    return "\n".join(
        [f"Greenroom {__version__}", *lines, f"Ready in {seconds:.1f} s. Ctrl-C ends it."]
    )


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


async def _until(event: asyncio.Event, serving: asyncio.Task[None]) -> None:
    """Wait for `event`, or for the server's own end (then with its error, if it had one)."""
    waiting = asyncio.create_task(event.wait())
    try:
        await asyncio.wait({waiting, serving}, return_when=asyncio.FIRST_COMPLETED)
        if serving.done():
            serving.result()
    finally:
        waiting.cancel()
