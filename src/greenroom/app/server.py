"""Runs the server: binds, serves, and on SIGTERM or Ctrl-C drains and ends."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import signal
import socket
from collections.abc import Callable, Iterator
from typing import Any

import uvicorn

from greenroom.api.server_protocol import BoundedHttpProtocol, BoundedWebSocketProtocol
from greenroom.errors import ConfigurationError
from greenroom.settings import ServerSettings

log = logging.getLogger(__name__)

MAX_FRAME_BYTES = 16 * 1024 * 1024
"""A WebSocket frame beyond this ends the connection with 1009; smaller ones the API answers."""

BACKLOG = 2_048


def bind(host: str, port: int, setting: str = "server.port") -> socket.socket:
    """A listening socket. `setting` is what the port comes from.

    Raises ConfigurationError that says what to do when the port is taken or the address isn't ours.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            variable = f"GREENROOM_{setting.upper().replace('.', '__')}"
            option = "--port or " if setting == "server.port" else ""
            raise ConfigurationError(
                setting,
                f"{port} on {host} is in use; stop the other program or choose another port with "
                f"{option}{variable}",
            ) from error
        if error.errno == errno.EACCES:
            raise ConfigurationError(
                setting, f"this user may not listen on {port}; try one above 1023"
            ) from error
        raise ConfigurationError("server.host", f"{host}: {error.strerror}") from error
    listener.setblocking(False)
    return listener


class HttpServer(uvicorn.Server):
    """uvicorn, with its signals left to us and an event for 'listening'."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """No handlers: several servers run in one process, and draining comes before closing."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn does it, then tell who waits."""
        await super().startup(sockets)
        self.listening.set()

    def stop_listening(self) -> None:
        """Refuse new connections; those that are open go on."""
        for server in self.servers:
            server.close()


def http_server(
    app: Callable[..., Any], settings: ServerSettings, *, max_frame: int = MAX_FRAME_BYTES
) -> HttpServer:
    """A server for `app`, whose connections are bounded in time and size.

    `max_frame` is the bytes of the longest WebSocket message; a longer one ends its connection.
    """
    return HttpServer(
        uvicorn.Config(
            app,
            http=BoundedHttpProtocol.with_head_timeout(settings.handshake_timeout),
            ws=BoundedWebSocketProtocol,
            ws_max_size=max_frame,
            # Base64 audio does not shrink; compressing it would only cost CPU and memory.
            ws_per_message_deflate=False,
            lifespan="off",
            access_log=False,
            log_config=None,
            server_header=False,
            proxy_headers=bool(settings.trusted_proxies),
            forwarded_allow_ips=settings.trusted_proxies or None,
            timeout_graceful_shutdown=5,
        )
    )


@contextlib.contextmanager
def shutdown_signals(loop: asyncio.AbstractEventLoop) -> Iterator[asyncio.Event]:
    """An event that SIGTERM or SIGINT sets; a second signal ends the process as if unhandled."""
    asked = asyncio.Event()

    def on_signal(number: signal.Signals) -> None:
        log.info("%s: draining", number.name)
        loop.remove_signal_handler(number)
        asked.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal, number)
    try:
        yield asked
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
