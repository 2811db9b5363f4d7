"""What all HTTP APIs share: requests read within bounds, and answers written at once.

Plain ASGI: a framework's request and response objects would cost more than the work itself.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, TypeAlias
from urllib.parse import parse_qs

import orjson
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from greenroom.errors import ClientError, InvalidInput

Headers: TypeAlias = Sequence[tuple[bytes, bytes]]

_V6_PREFIX = 64
"""Bits of an IPv6 address that name a customer; the rest they choose themselves."""

MAX_DISCARDED = 16_777_216
"""Bytes of a body that are read beyond its limit, and dropped."""


class UnknownPath(ClientError):
    """Nothing is served at this path."""

    def __init__(self, path: str) -> None:
        self.path = path
        super().__init__(f"nothing is served at {path}")


class MethodNotAllowed(ClientError):
    """The path is served, but not by this method."""

    def __init__(self, method: str, allowed: Sequence[str]) -> None:
        self.method, self.allowed = method, tuple(allowed)
        super().__init__(f"{method} is not one of {', '.join(allowed)}")


class BodyTooLong(InvalidInput):
    """The request's body has more bytes than are taken."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        super().__init__("body", "is too long", f"at most {limit} bytes")


class ClientGone(ClientError):
    """The client hung up before its request was complete; there is nobody to answer."""


class HttpRequest:
    """One request, or a WebSocket's opening handshake, of which only the head is read.

    `closes` says that the connection can't be used again, since the body was left unread.
    """

    __slots__ = ("__dict__", "_receive", "closes", "scope")

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self.scope = scope
        self._receive = receive
        self.closes = False

    @property
    def path(self) -> str:
        """The path, decoded."""
        path: str = self.scope["path"]
        return path

    @property
    def method(self) -> str:
        """The method; GET for a WebSocket's handshake."""
        method: str = self.scope.get("method", "GET")
        return method

    def parameter(self, name: str) -> str:
        """A part of the path, by the name that the route gives it."""
        value: str = self.scope["path_params"][name]
        return value

    def header(self, name: bytes) -> str | None:
        """The first header of this name (in lower case)."""
        for key, value in self.scope["headers"]:
            if key == name:
                found: bytes = value
                return found.decode("latin-1")
        return None

    def query(self, name: str) -> str | None:
        """The first value of this name in the query; None also where it holds too much."""
        try:
            query = parse_qs(self.scope["query_string"].decode("latin-1"), max_num_fields=32)
        except ValueError:  # more fields than that
            return None
        values = query.get(name)
        return values[0] if values else None

    @cached_property
    def address(self) -> str:
        """Who asks, as limits by address count them: one IPv4 address, or one IPv6 /64 network.

        Forwarded addresses count where uvicorn trusts the proxy that names them.
        """
        client = self.scope.get("client")
        return network_of(client[0]) if client else "local"

    async def body(self, limit: int, time_limit: float) -> bytes:
        """The whole body. Raises InvalidInput where it is too long or too slow, ClientGone.

        `limit` is in bytes, `time_limit` in seconds.
        """
        message = await self._receive()
        if not message.get("more_body") and message["type"] == "http.request":
            whole: bytes = message["body"]
            if len(whole) <= limit:
                return whole
        try:
            async with asyncio.timeout(time_limit):
                return await self._rest(message, limit)
        except TimeoutError:
            self.closes = True
            allowed = f"all of it within {time_limit:g} s"
            raise InvalidInput("body", "did not arrive", allowed) from None

    async def _rest(self, message: Message, limit: int) -> bytes:
        parts: list[bytes] = []
        length = 0
        while True:
            if message["type"] != "http.request":
                raise ClientGone
            length += len(message["body"])
            if length <= limit:
                parts.append(message["body"])
            elif length > limit + MAX_DISCARDED:
                self.closes = True
                break
            if not message.get("more_body"):
                break
            message = await self._receive()
        if length > limit:
            # Read to its end where that is near: a client that still sends can't read an answer.
            raise BodyTooLong(limit)
        return b"".join(parts)


class ExactPaths:
    """ASGI middleware that serves HTTP paths without parameters before any other layer.

    A framework's layers and routing take a quarter of the time of a request that does little.
    """

    def __init__(self, app: ASGIApp, endpoints: Mapping[str, ASGIApp]) -> None:
        self._app = app
        self._endpoints = endpoints

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand over to the path's endpoint, else to what lies behind."""
        app = self._endpoints.get(scope["path"]) if scope["type"] == "http" else None
        await (app or self._app)(scope, receive, send)


class AsgiMethod:
    """An ASGI application made of a bound method, which a router would take for a handler."""

    def __init__(self, serve: ASGIApp) -> None:
        self._serve = serve

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand over."""
        await self._serve(scope, receive, send)


def network_of(address: str) -> str:
    """`address`, or its /64 network where it is an IPv6 one."""
    if ":" not in address:
        return address
    try:
        parsed = ipaddress.IPv6Address(address.partition("%")[0])
    except ValueError:
        return address
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.IPv6Network((parsed, _V6_PREFIX), strict=False))


async def send_json(
    scope: Scope, send: Send, status: int, payload: Any, headers: Headers = ()
) -> None:
    """Answer a request, or refuse a WebSocket's handshake, with a JSON body."""
    body = orjson.dumps(payload)
    kind = "http.response" if scope["type"] == "http" else "websocket.http.response"
    await send(
        {
            "type": f"{kind}.start",
            "status": status,
            "headers": [
                (b"content-type", b"application/json"),
                (b"content-length", b"%d" % len(body)),
                *headers,
            ],
        }
    )
    await send({"type": f"{kind}.body", "body": body})
