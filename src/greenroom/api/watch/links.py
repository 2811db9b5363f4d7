"""Links to the watch page, which carry a token that lets its bearer watch one session."""

from __future__ import annotations

import time
from collections.abc import Callable

from greenroom.api.auth import SessionTokens
from greenroom.errors import Forbidden, Unauthorized
from greenroom.settings import Settings

_AUDIENCE = "greenroom-watch"
_MAX_TOKEN = 2_048


class WatchLinks:
    """Makes links and says whom they let in.

    `secret` signs the tokens, which are good for `ttl` seconds; `url` is what browsers reach this
    server by, such as `http://127.0.0.1:8764`. With `tokenless` a session's id alone is enough:
    for a server that only its own machine reaches. `now` gives seconds since 1970.
    """

    def __init__(
        self,
        secret: str,
        ttl: float,
        url: str,
        *,
        tokenless: bool = False,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._tokens = SessionTokens(secret, ttl, audience=_AUDIENCE, now=now)
        self._url = url.rstrip("/")
        self._tokenless = tokenless

    @classmethod
    def of(cls, settings: Settings, secret: str, address: str) -> WatchLinks:
        """The links of a server whose avatar port clients reach by `address` (`ws://`, `wss://`).

        They are good for as long as a session that was just made can last. Where others reach the
        server by `avatar.public_url`, a loopback bind says nothing about who asks.
        """
        avatar = settings.avatar
        return cls(
            secret,
            avatar.init_timeout + avatar.max_duration,
            page_url(avatar.public_url or address),
            tokenless=settings.server.is_loopback and not avatar.public_url,
        )

    def watch_url(self, session_id: str) -> str:
        """The link to a session's page. It is a secret: whoever has it can watch."""
        token, _ = self._tokens.sign(session_id, "")
        return f"{self._url}/watch/{session_id}?token={token}"

    def check(self, session_id: str, token: str | None) -> None:
        """Return where the token lets its bearer watch.

        Raises Unauthorized (none, or not valid), Forbidden (of another session).
        """
        if not token:
            if self._tokenless:
                return
            raise Unauthorized("the link's token is missing")
        if len(token) > _MAX_TOKEN:
            raise Unauthorized("the token is not valid")
        if self._tokens.verify(token).session_id != session_id:
            raise Forbidden("the token belongs to another session")


def page_url(websocket_url: str) -> str:
    """The URL of pages on a server that WebSockets reach by `websocket_url`."""
    scheme, separator, rest = websocket_url.partition("://")
    return {"ws": "http", "wss": "https"}.get(scheme, scheme) + separator + rest
