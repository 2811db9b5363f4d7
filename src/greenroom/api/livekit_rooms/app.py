"""The room server's HTTP surface as routes, for a listener of its own or beside other APIs."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.applications import Starlette
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import Receive, Scope, Send

from greenroom.api.http import HttpRequest
from greenroom.api.livekit_rooms import room_service
from greenroom.api.livekit_rooms.signal_socket import SignalSocket
from greenroom.api.livekit_rooms.twirp import TwirpService
from greenroom.api.livekit_rooms.validate import Admission, Validate, refusal, send_text
from greenroom.errors import ClientError
from greenroom.rooms.embedded import wire_info
from greenroom.rooms.embedded.server import RoomServer
from greenroom.rooms.tokens import TokenVerifier
from greenroom.settings import RoomSettings

PING_TIMEOUT = 2.0 * wire_info.PING_TIMEOUT
"""Seconds without a ping after which a client that has sent some is taken to be lost.

Twice what clients are told: a browser's timers run late in a page that is not on the screen.
"""


class SignalEndpoint:
    """An ASGI application that lets clients join by WebSocket."""

    def __init__(
        self,
        admission: Admission,
        rooms: RoomServer,
        settings: RoomSettings,
        *,
        single_pc: bool,
        ping_timeout: float,
    ) -> None:
        self._admission = admission
        self._rooms = rooms
        self._settings = settings
        self._single_pc = single_pc
        self._ping_timeout = ping_timeout

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse the handshake with a status and words, or serve the connection to its end."""
        await receive()  # websocket.connect
        settings = self._settings
        socket = SignalSocket(
            receive,
            send,
            max_message=settings.max_message_bytes,
            max_description=settings.max_description_bytes,
            max_unsent=settings.max_unsent_bytes,
            ping_timeout=self._ping_timeout,
        )
        try:
            request = HttpRequest(scope, receive)
            grants, parameters = self._admission.join(request, single_pc=self._single_pc)
            session = self._rooms.join(grants, parameters, socket)
        except ClientError as error:
            await send_text(scope, send, *refusal(error))
            return
        try:
            await send({"type": "websocket.accept"})
        except BaseException:
            session.lost()
            raise
        await socket.run(session)


def create_rooms_routes(
    rooms: RoomServer,
    settings: RoomSettings,
    key_pairs: Mapping[str, str],
    *,
    single_pc: bool = True,
    ping_timeout: float = PING_TIMEOUT,
) -> list[BaseRoute]:
    """All paths of the surface. `key_pairs` gives the secret of each API key that counts.

    Without `single_pc` the newer signalling isn't there, and clients fall back to the older.
    """
    admission = Admission(TokenVerifier(key_pairs), settings.max_description_bytes)
    service = room_service.RoomService(rooms)
    twirp = TwirpService(
        service.methods, admission.grants, unimplemented=room_service.UNIMPLEMENTED
    )
    routes: list[BaseRoute] = [Route(f"{room_service.PATH}/{{method}}", twirp)]
    for path, single in [("/rtc", False), *([("/rtc/v1", True)] if single_pc else [])]:
        signal = SignalEndpoint(
            admission, rooms, settings, single_pc=single, ping_timeout=ping_timeout
        )
        validate = Validate(admission, rooms, single_pc=single)
        for slash in ("", "/"):
            routes.append(WebSocketRoute(path + slash, signal))
            routes.append(Route(f"{path}/validate{slash}", validate))
    if not single_pc:
        # Starlette would refuse the handshake with 403 and let no page of another origin read why:
        # neither is a sign to fall back.
        routes.append(WebSocketRoute("/rtc/v1", _NotHere()))
        routes.append(Route("/rtc/v1{rest:path}", _NotHere()))
    return routes


def create_rooms_app(
    rooms: RoomServer,
    settings: RoomSettings,
    key_pairs: Mapping[str, str],
    *,
    single_pc: bool = True,
    ping_timeout: float = PING_TIMEOUT,
) -> Starlette:
    """The surface alone, as LiveKit's own server has it; `GET /` says OK."""
    routes = create_rooms_routes(
        rooms, settings, key_pairs, single_pc=single_pc, ping_timeout=ping_timeout
    )
    return Starlette(routes=[Route("/", _Ok()), *routes])


class _NotHere:
    """Says 404 to pages of any origin, and to WebSockets."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send_text(scope, send, 404, "not served here")


class _Ok:
    """What LiveKit answers to load balancers."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI
        await send_text(scope, send, 200, "OK")
