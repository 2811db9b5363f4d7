"""WHEP, the WebRTC-HTTP egress protocol (draft-ietf-wish-whep).

`POST` with an SDP offer makes a viewer: 201, the answer, and its resource in `Location`; `DELETE`
there ends it. Candidates are not taken (`PATCH`): the server is ICE-lite. Errors are problem
documents (RFC 9457).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Protocol

import orjson
from starlette.types import Receive, Scope, Send

from greenroom.api.auth import bearer_token
from greenroom.api.http import ClientGone, Headers, HttpRequest, MethodNotAllowed
from greenroom.api.watch.links import WatchLinks
from greenroom.errors import (
    CapacityExceeded,
    ClientError,
    Forbidden,
    InvalidInput,
    SessionEnded,
    SessionNotFound,
    Unauthorized,
)
from greenroom.rooms.errors import InvalidDescription
from greenroom.rooms.rtc.ice_servers import IceServer
from greenroom.rooms.whep.errors import CodecNotOffered
from greenroom.rooms.whep.screenings import Screenings
from greenroom.rooms.whep.venue import WhepVenue
from greenroom.sessions.model import Session

_log = logging.getLogger(__name__)

BODY_TIME_LIMIT = 10.0
"""Seconds for an offer to arrive."""
RETRY_AFTER = 1
"""Seconds after which to ask again for a session that has not begun."""

_SDP = "application/sdp"
_CROSS_ORIGIN: Headers = (
    # Players of other origins may be used: it is the token that counts, and no cookie.
    (b"access-control-allow-origin", b"*"),
    (b"access-control-expose-headers", b"location, link, retry-after"),
)
_PREFLIGHT: Headers = (
    (b"access-control-allow-methods", b"POST, DELETE, OPTIONS"),
    (b"access-control-allow-headers", b"authorization, content-type"),
    (b"access-control-max-age", b"86400"),
    (b"accept-post", _SDP.encode()),
)


class NotBegun(ClientError):
    """The session waits for its beginning; there is nothing to see yet."""

    def __init__(self, session_id: str) -> None:
        self.session_id = session_id
        super().__init__(f"session {session_id} has not begun")


class NoSuchViewer(ClientError):
    """Nobody of this id watches any more."""

    def __init__(self) -> None:
        super().__init__("this viewer is gone")


class WrongType(ClientError):
    """The body is not an SDP offer."""

    def __init__(self) -> None:
        super().__init__(f"send an offer as {_SDP}")


class SessionLookup(Protocol):
    """Of `sessions.service.SessionService`, what is needed here."""

    async def get(self, session_id: str) -> Session:
        """Raises SessionNotFound."""
        ...


_STATUS: dict[type[ClientError], int] = {
    Unauthorized: 401,
    Forbidden: 403,
    SessionNotFound: 404,
    NoSuchViewer: 404,
    MethodNotAllowed: 405,
    CodecNotOffered: 406,
    NotBegun: 409,
    SessionEnded: 410,
    WrongType: 415,
    InvalidInput: 400,
    InvalidDescription: 400,
    CapacityExceeded: 503,
}


class WhepEndpoint:
    """An ASGI application for `/watch/{session_id}/whep` and the viewers below it.

    `ice_servers` tells which STUN and TURN servers a viewer of a session may use; offers have at
    most `max_offer` bytes.
    """

    def __init__(
        self,
        screenings: Screenings,
        sessions: SessionLookup,
        links: WatchLinks,
        *,
        ice_servers: Callable[[str], Sequence[IceServer]],
        max_offer: int,
    ) -> None:
        self._screenings, self._sessions, self._links = screenings, sessions, links
        self._ice_servers, self._max_offer = ice_servers, max_offer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request = HttpRequest(scope, receive)
        try:
            status, headers, body = await self._answer(request)
        except ClientGone:
            return
        except ClientError as error:
            status, headers, body = _problem(error)
            if request.closes:
                headers = (*headers, (b"connection", b"close"))
        length = (b"content-length", b"%d" % len(body))
        everything = [*headers, length, *_CROSS_ORIGIN]
        await send({"type": "http.response.start", "status": status, "headers": everything})
        await send({"type": "http.response.body", "body": body})

    async def _answer(self, request: HttpRequest) -> tuple[int, Headers, bytes]:
        session_id = request.parameter("session_id")
        viewer_id: str | None = request.scope["path_params"].get("viewer_id")
        if request.method == "OPTIONS":
            return 204, (*_PREFLIGHT, *self._ice_links(request, session_id)), b""
        wanted = "POST" if viewer_id is None else "DELETE"
        if request.method != wanted:
            raise MethodNotAllowed(request.method, (wanted, "OPTIONS"))
        self._links.check(session_id, bearer_token(request))
        if viewer_id is not None:
            return self._leave(session_id, viewer_id)
        return await self._watch(request, session_id)

    async def _watch(self, request: HttpRequest, session_id: str) -> tuple[int, Headers, bytes]:
        content_type = (request.header(b"content-type") or "").partition(";")[0].strip().lower()
        if content_type != _SDP:
            raise WrongType
        offer = await request.body(self._max_offer, BODY_TIME_LIMIT)
        venue = await self._venue(session_id)
        try:
            viewer = venue.watch(offer.decode())
        except UnicodeDecodeError:
            raise InvalidDescription("the offer is not UTF-8") from None
        _log.info("session %s: %d watch", session_id, venue.viewers)
        headers = (
            (b"content-type", _SDP.encode()),
            (b"location", f"{request.path}/{viewer.id}".encode()),
            *self._ice_links(request, session_id),
        )
        return 201, headers, viewer.answer.encode()

    def _leave(self, session_id: str, viewer_id: str) -> tuple[int, Headers, bytes]:
        venue = self._screenings.find(session_id)
        if venue is None or not venue.leave(viewer_id):
            raise NoSuchViewer
        return 200, (), b""

    async def _venue(self, session_id: str) -> WhepVenue:
        venue = self._screenings.find(session_id)
        if venue is None:
            session = await self._sessions.get(session_id)
            if session.ended:
                raise SessionEnded(session_id, session.end_reason or session.status)
            venue = self._screenings.find(session_id)  # it may have begun meanwhile
        if venue is None:
            raise NotBegun(session_id)
        return venue

    def _ice_links(self, request: HttpRequest, session_id: str) -> Headers:
        """`Link` headers (draft-ietf-wish-whep, section 4.6), for who may watch."""
        try:
            self._links.check(session_id, bearer_token(request))
        except ClientError:
            return ()  # a browser's preflight has no credentials
        return [
            (b"link", _ice_link(url, server))
            for server in self._ice_servers(session_id)
            for url in server.urls
        ]


def _ice_link(url: str, server: IceServer) -> bytes:
    link = f'<{url}>; rel="ice-server"'
    if server.username:
        link += (
            f'; username="{server.username}"; credential="{server.credential}"'
            '; credential-type="password"'
        )
    return link.encode()


def _problem(error: ClientError) -> tuple[int, Headers, bytes]:
    status = next(code for kind, code in _STATUS.items() if isinstance(error, kind))
    document = {"type": "about:blank", "status": status, "detail": str(error)}
    headers: list[tuple[bytes, bytes]] = [(b"content-type", b"application/problem+json")]
    match error:
        case NotBegun():
            headers.append((b"retry-after", b"%d" % RETRY_AFTER))
        case Unauthorized():
            headers.append((b"www-authenticate", b"Bearer"))
        case MethodNotAllowed():
            headers.append((b"allow", ", ".join(error.allowed).encode()))
        case _:
            pass
    return status, headers, orjson.dumps(document)
