"""`/mcp` of the duplex port: the protocol's streamable HTTP, by its official package."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from mcp.server import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.server.transport_security import TransportSecuritySettings
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from greenroom import __version__
from greenroom.api.duplex.edge import OPEN
from greenroom.api.duplex.parts import DuplexParts
from greenroom.api.endpoint import Call
from greenroom.api.http import AsgiMethod, ClientGone, HttpRequest
from greenroom.api.mcp.callers import set_tenant
from greenroom.api.mcp.interview import Prompts
from greenroom.api.mcp.limits import McpLimits
from greenroom.api.mcp.rendering import Renderer
from greenroom.api.mcp.subscriptions import Subscriptions
from greenroom.api.mcp.tools import Tools
from greenroom.api.mcp.transcripts import Transcripts
from greenroom.api.mcp.waits import Waits
from greenroom.errors import CapacityExceeded, GreenroomError

MCP_PATH = "/mcp"

END_TIME = 2.0
"""Seconds in which requests that are being answered may be, when the API ends."""

_LOOPBACK = ("localhost", "127.0.0.1", "[::1]")

_INSTRUCTIONS = """\
Let an AI of your making talk with a person by voice, and read what was said: \
start_voice_session, give the person the link, wait_for_session, read the transcript."""


class McpApi:
    """The tools, resources and prompt; `address` is the http URL by which clients reach the port
    where `duplex.public_url` is not set."""

    def __init__(self, parts: DuplexParts, address: str, limits: McpLimits | None = None) -> None:
        limits = limits or McpLimits()
        duplex = parts.settings.duplex
        self._parts = parts
        self._limits = limits
        self._waits = Waits(limits.waits)
        self._transcripts = Transcripts(parts.sessions)
        self._subscriptions = Subscriptions(parts.sessions, self._transcripts, limits)
        renderer = Renderer(parts.access, duplex.public_url or address)
        self._tools = Tools(parts, renderer, self._waits, limits)
        self._prompts = Prompts(duplex.default_voice)
        self._posts: set[asyncio.Task[Any]] = set()
        self._closing = asyncio.Event()
        self._holder: asyncio.Task[None] | None = None
        self._manager: StreamableHTTPSessionManager | None = None

    def route(self) -> Route:
        """`/mcp`, for the port's application. It serves while the API is open."""
        return Route(MCP_PATH, AsgiMethod(self._serve))

    async def open(self) -> None:
        """Serve from now on."""
        manager = StreamableHTTPSessionManager(
            self._server(),
            security_settings=_allowed_names(self._parts.settings.duplex.public_url),
            session_idle_timeout=self._limits.idle,
            max_request_body_size=self._parts.settings.server.max_body_bytes,
            max_sessions=self._limits.clients,
        )
        opened = asyncio.Event()

        # A task of its own, since what the manager opens must be closed by the same task.
        async def hold() -> None:
            async with manager.run():
                opened.set()
                await self._closing.wait()

        self._holder = asyncio.get_running_loop().create_task(hold())
        await opened.wait()
        self._manager = manager

    async def close(self) -> None:
        """Take nothing more, let who waits be answered, and end everything. Harmless twice.

        To be closed before the listeners are: clients keep streams open for as long as they may.
        """
        self._manager = None
        self._waits.end()
        await self._subscriptions.close()
        if self._posts:
            await asyncio.wait(self._posts, timeout=END_TIME)
        self._closing.set()
        if self._holder is not None:
            await self._holder

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = HttpRequest(scope, receive)
        call = Call(request, self._parts.settings.server)
        try:
            principal = await self._parts.access.tenant_principal(request)
            manager = self._manager
            if manager is None:
                raise CapacityExceeded("requests", 0)
            if request.method == "POST":
                receive = _replayed(await call.body(), receive)
        except ClientGone:
            return
        except GreenroomError as error:
            await OPEN.refuse(scope, send, error, call)
            return
        set_tenant(scope, principal.tenant)
        with self._subscriptions.stream(request, principal.tenant), self._answering(request):
            await manager.handle_request(scope, receive, send)

    @contextmanager
    def _answering(self, request: HttpRequest) -> Iterator[None]:
        """While a request is answered that is no stream, which only ends when we end it."""
        task = asyncio.current_task()
        if task is None or request.method != "POST":
            yield
            return
        self._posts.add(task)
        try:
            yield
        finally:
            self._posts.discard(task)

    def _server(self) -> Server[Any]:
        tools, transcripts, subscriptions = self._tools, self._transcripts, self._subscriptions
        return Server(
            "greenroom",
            version=__version__,
            title="Greenroom voice sessions",
            instructions=_INSTRUCTIONS,
            on_list_tools=tools.list,
            on_call_tool=tools.call,
            on_list_resources=transcripts.list,
            on_list_resource_templates=transcripts.list_templates,
            on_read_resource=transcripts.read,
            on_subscribe_resource=subscriptions.subscribe,
            on_unsubscribe_resource=subscriptions.unsubscribe,
            on_subscriptions_listen=subscriptions.listen,
            on_list_prompts=self._prompts.list,
            on_get_prompt=self._prompts.get,
        )


def _allowed_names(public_url: str) -> TransportSecuritySettings:
    """Which `Host` and `Origin` are answered: those of this machine, and of the public address.

    Where there is no public address, names are left to `Access`: it refuses those of other sites
    unless a key is shown, and beyond this machine a key is always asked for.
    """
    if not public_url:
        return TransportSecuritySettings(enable_dns_rebinding_protection=False)
    public = urlsplit(public_url)
    hosts = [public.netloc]
    origins = [f"{public.scheme}://{public.netloc}"]
    for name in _LOOPBACK:
        hosts += [name, f"{name}:*"]
        origins += [
            f"{scheme}://{name}{port}" for scheme in ("http", "https") for port in ("", ":*")
        ]
    return TransportSecuritySettings(allowed_hosts=hosts, allowed_origins=origins)


def _replayed(body: bytes, receive: Receive) -> Receive:
    """A request whose body was read already: within our limits of size and time."""
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return waiting.pop() if waiting else await receive()

    return replay
