"""Twirp (version 7 of its wire protocol): calls of protobuf services by HTTP POST.

`POST /twirp/<service>/<method>` with the request message as protobuf or JSON; the answer is in the
same form, an error always a JSON object with `code` and `msg`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from google.protobuf import json_format
from google.protobuf.message import DecodeError, Message
from starlette.types import Receive, Scope, Send

from greenroom.api.http import ClientGone, Headers, HttpRequest
from greenroom.api.livekit_rooms.validate import ANY_ORIGIN
from greenroom.errors import (
    CapacityExceeded,
    ClientError,
    Forbidden,
    InvalidInput,
    Unauthorized,
)
from greenroom.rooms.embedded.errors import NotInRoom
from greenroom.rooms.embedded.grants import Grants

log = logging.getLogger(__name__)

MAX_BODY = 1_048_576
"""Bytes of a request."""

BODY_TIME_LIMIT = 10.0
"""Seconds for a request's body to arrive."""

_STATUS = {
    "bad_route": 404,
    "failed_precondition": 412,
    "internal": 500,
    "invalid_argument": 400,
    "malformed": 400,
    "not_found": 404,
    "permission_denied": 403,
    "resource_exhausted": 429,
    "unauthenticated": 401,
    "unimplemented": 501,
}
"""HTTP statuses of those of Twirp's error codes that are used here."""

_CODES: dict[type[ClientError], str] = {
    Unauthorized: "unauthenticated",
    Forbidden: "permission_denied",
    NotInRoom: "not_found",
    CapacityExceeded: "resource_exhausted",
}
"""What the room server's errors are called."""

_PROTOBUF = "application/protobuf"
_JSON = "application/json"
_PREFLIGHT: Headers = (
    ANY_ORIGIN,
    (b"access-control-allow-methods", b"POST"),
    (b"access-control-allow-headers", b"authorization, content-type, *"),
    (b"access-control-max-age", b"86400"),
)


class TwirpError(ClientError):
    """A call is refused; `code` is one of Twirp's, `meta` says more."""

    def __init__(self, code: str, message: str, **meta: str) -> None:
        self.code, self.message, self.meta = code, message, meta
        super().__init__(f"{code}: {message}")


@dataclass(frozen=True, slots=True)
class Method:
    """What a call takes, and who answers it: with a message, or by raising a ClientError."""

    request: type[Message]
    handler: Callable[[Grants, Any], Message]


class TwirpService:
    """An ASGI application that answers the calls of one service.

    `authorize` tells what a request's bearer may do; it raises Unauthorized. Calls of methods in
    `unimplemented` are told so.
    """

    def __init__(
        self,
        methods: Mapping[str, Method],
        authorize: Callable[[HttpRequest], Grants],
        *,
        unimplemented: frozenset[str] = frozenset(),
    ) -> None:
        self._methods = methods
        self._authorize = authorize
        self._unimplemented = unimplemented

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request = HttpRequest(scope, receive)
        if request.method == "OPTIONS":
            await _send(send, 204, b"", _PREFLIGHT)
            return
        try:
            content_type, body = await self._answer(request)
        except ClientGone:
            return
        except Exception as error:  # noqa: BLE001 - the edge: whatever happens is answered here
            await self._refuse(request, send, error)
            return
        await _send(send, 200, body, (ANY_ORIGIN, (b"content-type", content_type.encode())))

    async def _answer(self, request: HttpRequest) -> tuple[str, bytes]:
        if request.method != "POST":
            raise TwirpError("bad_route", f"unsupported method {request.method} (only POST)")
        name = request.parameter("method")
        content_type = (request.header(b"content-type") or "").partition(";")[0].strip().lower()
        if content_type not in {_PROTOBUF, _JSON}:
            raise TwirpError("bad_route", f"unexpected Content-Type: {content_type!r}")
        method = self._methods.get(name)
        if method is None and name not in self._unimplemented:
            raise TwirpError("bad_route", f"no handler for path {request.path!r}")
        grants = self._authorize(request)
        if method is None:
            raise TwirpError("unimplemented", f"{name} is not served here")
        body = await request.body(MAX_BODY, BODY_TIME_LIMIT)
        message = _parsed(method.request(), content_type, body)
        return content_type, _written(method.handler(grants, message), content_type)

    async def _refuse(self, request: HttpRequest, send: Send, error: Exception) -> None:
        told = _told(error)
        if told.code == "internal":
            log.error("a call of %s failed", request.path, exc_info=error)
        payload: dict[str, Any] = {"code": told.code, "msg": told.message}
        if told.meta:
            payload["meta"] = told.meta
        headers = [ANY_ORIGIN, (b"content-type", b"application/json")]
        if request.closes:
            headers.append((b"connection", b"close"))
        await _send(send, _STATUS[told.code], orjson.dumps(payload), headers)


def _told(error: Exception) -> TwirpError:
    if isinstance(error, TwirpError):
        return error
    if isinstance(error, InvalidInput):
        return TwirpError("invalid_argument", str(error), argument=error.field)
    for kind, code in _CODES.items():
        if isinstance(error, kind):
            return TwirpError(code, str(error))
    return TwirpError("internal", "internal error")


def _parsed(message: Message, content_type: str, body: bytes) -> Message:
    try:
        if content_type == _PROTOBUF:
            message.ParseFromString(body)
            return message
        return json_format.Parse(body.decode(), message, ignore_unknown_fields=True)
    except (DecodeError, UnicodeDecodeError, json_format.ParseError):
        raise TwirpError("malformed", "the request can't be decoded") from None


def _written(message: Message, content_type: str) -> bytes:
    """JSON with proto names and all fields, as Twirp's servers in Go write it."""
    if content_type == _PROTOBUF:
        return message.SerializeToString()
    return json_format.MessageToJson(
        message,
        preserving_proto_field_name=True,
        always_print_fields_with_no_presence=True,
        indent=None,
    ).encode()


async def _send(send: Send, status: int, body: bytes, headers: Headers) -> None:
    length = (b"content-length", b"%d" % len(body))
    await send({"type": "http.response.start", "status": status, "headers": [*headers, length]})
    await send({"type": "http.response.body", "body": body})
