"""Who may join which room: asked by a plain request, and before each signalling connection."""

from __future__ import annotations

from dataclasses import dataclass, replace

from starlette.types import Receive, Scope, Send

from greenroom.api.http import HttpRequest
from greenroom.api.livekit_rooms.join_request import (
    query_parameters,
    single_pc_join,
    two_pc_join,
)
from greenroom.errors import (
    CapacityExceeded,
    ClientError,
    Forbidden,
    InvalidInput,
    Unauthorized,
)
from greenroom.rooms.embedded.grants import Grants
from greenroom.rooms.embedded.joining import JoinParameters
from greenroom.rooms.embedded.server import RoomServer
from greenroom.rooms.tokens import TokenVerifier

ANY_ORIGIN = (b"access-control-allow-origin", b"*")
"""Pages of other origins may read the answer: it is the token that counts, and no cookie."""

_BEARER = "Bearer "


@dataclass(frozen=True, slots=True)
class Admission:
    """Reads who asks, and for what, from the head of a request."""

    verifier: TokenVerifier
    max_join_request: int
    """Bytes of an unpacked join request, which holds an offer."""

    def grants(self, request: HttpRequest, access_token: str = "") -> Grants:
        """What the token of the Authorization header, else `access_token`, allows.

        Raises Unauthorized.
        """
        header = request.header(b"authorization")
        if header is None:
            token = access_token
        elif header.startswith(_BEARER):
            token = header.removeprefix(_BEARER).strip()
        else:
            raise Unauthorized("invalid authorization header. Must start with Bearer ")
        if not token:
            raise Unauthorized("permissions denied")
        return self.verifier.verify(token)

    def join(self, request: HttpRequest, *, single_pc: bool) -> tuple[Grants, JoinParameters]:
        """Who asks to join, and how. Raises Unauthorized, InvalidInput."""
        parameters = query_parameters(request.scope["query_string"])
        grants = self.grants(request, parameters.get("access_token", ""))
        if not grants.room:
            grants = replace(grants, room=parameters.get("room", ""))
        if single_pc and "join_request" in parameters:
            return grants, single_pc_join(parameters, self.max_join_request)
        return grants, replace(two_pc_join(parameters), single_pc=single_pc)


class Validate:
    """`GET /rtc/validate`: what would be answered to a signalling connection with this query."""

    def __init__(self, admission: Admission, rooms: RoomServer, *, single_pc: bool) -> None:
        self._admission = admission
        self._rooms = rooms
        self._single_pc = single_pc

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer in plain text, as LiveKit does: clients show it to their users."""
        try:
            request = HttpRequest(scope, receive)
            self._rooms.check_join(*self._admission.join(request, single_pc=self._single_pc))
        except ClientError as error:
            await send_text(scope, send, *refusal(error))
        else:
            await send_text(scope, send, 200, "success")


def refusal(error: ClientError) -> tuple[int, str]:
    """The HTTP status and words for who may not join. LiveKit's own have no 403."""
    match error:
        case Unauthorized() | Forbidden():
            return 401, error.why
        case InvalidInput():
            return 400, str(error)
        case CapacityExceeded():
            return 503, str(error)
        case _:
            return 404, str(error)


async def send_text(scope: Scope, send: Send, status: int, text: str) -> None:
    """Answer a request, or refuse a WebSocket's handshake, in plain text."""
    body = text.encode()
    kind = "http.response" if scope["type"] == "http" else "websocket.http.response"
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", b"%d" % len(body)),
        ANY_ORIGIN,
    ]
    await send({"type": f"{kind}.start", "status": status, "headers": headers})
    await send({"type": f"{kind}.body", "body": body})
