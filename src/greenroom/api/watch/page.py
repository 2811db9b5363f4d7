"""The watch page and what it is made of: a few files of this package, kept in memory."""

from __future__ import annotations

from importlib import resources

from starlette.types import Receive, Scope, Send

from greenroom.api.http import Headers

_TYPES = {
    "html": b"text/html; charset=utf-8",
    "css": b"text/css; charset=utf-8",
    "js": b"text/javascript; charset=utf-8",
    "svg": b"image/svg+xml",
}
_POLICY = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    b"media-src 'self' blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    b"frame-ancestors 'self'"
)
_HEADERS: Headers = (
    (b"content-security-policy", _POLICY),
    # The link's token is in the address.
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-cache"),
)


class PageFile:
    """An ASGI application that answers with one file of the page."""

    def __init__(self, name: str) -> None:
        self._body = resources.files("greenroom.api.watch").joinpath("page", name).read_bytes()
        self._headers = (
            (b"content-type", _TYPES[name.rpartition(".")[2]]),
            (b"content-length", b"%d" % len(self._body)),
            *_HEADERS,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI
        """Answer GET and HEAD; the route lets nothing else through."""
        await send({"type": "http.response.start", "status": 200, "headers": self._headers})
        body = b"" if scope["method"] == "HEAD" else self._body
        await send({"type": "http.response.body", "body": body})
