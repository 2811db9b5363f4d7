"""Who may ask APIs that know no credentials: on this machine everybody, beyond it by a credential.

Contracts 001 and 003 know none, which is right where only this machine can connect. There the
danger is a page in a browser of this machine: it may send what it likes to any address, so that
requests which come from other sites' pages are refused.
"""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from greenroom.api.auth import (
    DEFAULT_TENANT,
    Authenticator,
    Principal,
    api_key_or_token,
    handshake_token,
)
from greenroom.api.http import HttpRequest
from greenroom.errors import Forbidden
from greenroom.sessions.model import Session
from greenroom.settings import Settings


class Access:
    """Tells who asks, for REST, WebSockets and MCP alike.

    `authenticator` knows API keys and signs tokens that speak for one session. `local`: only this
    machine can connect. `allow_anonymous`: nobody is asked beyond it either. `remedy` names the
    settings that let other sites' pages in, for those who are refused.
    """

    def __init__(
        self, authenticator: Authenticator, *, local: bool, allow_anonymous: bool, remedy: str
    ) -> None:
        self._authenticator = authenticator
        self._local = local
        self._remedy = remedy
        self.anonymous = local or allow_anonymous
        """Whether no credential is asked for. One that is shown must be valid all the same."""

    @classmethod
    def to_duplex(cls, authenticator: Authenticator, settings: Settings) -> Access:
        """As the settings have it for the duplex API."""
        duplex = settings.duplex
        return cls(
            authenticator,
            # Behind a proxy, which is what a public address means, a loopback bind says nothing.
            local=settings.server.is_loopback and not duplex.public_url,
            allow_anonymous=duplex.allow_anonymous,
            remedy="set duplex.public_url or duplex.allow_anonymous",
        )

    @classmethod
    def to_orchestrator(cls, authenticator: Authenticator, settings: Settings) -> Access:
        """As the settings have it for the orchestrator."""
        server = settings.server
        # Of a proxy that stands in front either setting tells, as above.
        proxied = server.trusted_proxies or settings.rooms.public_url
        return cls(
            authenticator,
            local=server.is_loopback and not proxied,
            allow_anonymous=settings.orchestrator.allow_anonymous,
            remedy="set rooms.public_url, server.trusted_proxies or orchestrator.allow_anonymous",
        )

    async def principal(self, request: HttpRequest) -> Principal:
        """Who asks by HTTP. Raises Unauthorized, Forbidden, StorageUnavailable."""
        return await self._of(request, api_key_or_token(request))

    async def chat_principal(self, request: HttpRequest) -> Principal:
        """Who opens a WebSocket: the header counts, else `token` in the query. Raises as above."""
        return await self._of(request, handshake_token(request))

    async def tenant_principal(self, request: HttpRequest) -> Principal:
        """Who asks for all sessions of a tenant. Raises as above."""
        principal = await self.principal(request)
        principal.require_api_key()
        return principal

    def link_token(self, session: Session) -> str | None:
        """What lets a person into this session alone, where something is needed for that."""
        if self.anonymous:
            return None
        return self._authenticator.tokens.sign(session.id, session.tenant)[0]

    async def _of(self, request: HttpRequest, token: str | None) -> Principal:
        if token is not None or not self.anonymous:
            return await self._authenticator.authenticate(token)
        if self._local:
            self._require_own_page(request)
        return Principal(DEFAULT_TENANT, f"address:{request.address}")

    def _require_own_page(self, request: HttpRequest) -> None:
        """Raise Forbidden for what a browser sends for a page of another site.

        `Origin` names the page's site. A name that was pointed at this machine to make the page's
        own site of it (DNS rebinding) stands in `Host`.
        """
        origin, host = request.header(b"origin"), request.header(b"host")
        for named, value in (("Origin", origin), ("Host", host and f"//{host}")):
            if value is not None and not _is_this_machine(value):
                raise Forbidden(
                    f"{named} names another site than this machine: show an API key, or "
                    f"{self._remedy}"
                )


def _is_this_machine(url: str) -> bool:
    try:
        name = urlsplit(url).hostname or ""
        return name == "localhost" or ipaddress.ip_address(name).is_loopback
    except ValueError:  # a name, or no URL at all
        return False
