"""The REST side of contract 002."""

from __future__ import annotations

import logging
from typing import Any
from urllib.parse import urlencode

from greenroom.api.anam.models import KillSession, SessionTokenRequest, StartSession
from greenroom.api.anam.nodes import address_of
from greenroom.api.auth import bearer_token
from greenroom.api.avatars.access import Access
from greenroom.api.avatars.bodies import read
from greenroom.api.avatars.errors import Code, Refused
from greenroom.api.avatars.parts import TWO_STEP, AvatarParts
from greenroom.api.endpoint import Call
from greenroom.errors import InvalidInput

log = logging.getLogger(__name__)

TWO_STEP_WEBSOCKET_PATH = "/ws"


class TwoStepRoutes:
    """The handlers; each returns the body of a 200. Credentials are looked at before the body."""

    def __init__(self, parts: AvatarParts, access: Access) -> None:
        self._parts = parts
        self._access = access

    async def session_token(self, call: Call) -> dict[str, str]:
        """`POST /auth/session-token`: makes the session, which waits; the token names it.

        What was ordered, the channel's token too, stays on the server.
        """
        principal = await self._access.by_key(_bearer(call, "API key"))
        asked = await read(call, SessionTokenRequest)
        try:
            session = await self._parts.avatars.create(
                asked.order(), api=TWO_STEP, tenant=principal.tenant
            )
        except InvalidInput as error:
            # The stage names the field as it knows it.
            raise InvalidInput("personaConfig.avatarId", error.problem, error.allowed) from None
        log.info("session %s: made for %s", session.id, asked.persona_config.avatar_id)
        token, _ = self._parts.tokens.sign(session.id, principal.tenant)
        return {"sessionToken": token}

    async def start(self, call: Call) -> dict[str, str]:
        """`POST /engine/session`: where to connect. The same again when repeated."""
        token = _bearer(call, "session token")
        session = await self._access.session_of(token)
        await read(call, StartSession)
        extra = session.settings.get("extra", {})
        base = self._parts.public_url
        if extra.get("cluster") or extra.get("pod"):
            places = await self._parts.sessions.places()
            base = address_of(places, extra["cluster"], extra["pod"]) or base
        query = urlencode({"sessionId": session.id, "token": token})
        address = f"{base}{TWO_STEP_WEBSOCKET_PATH}?{query}"
        # Some clients read the one spelling, some the other.
        return {
            "sessionId": session.id,
            "websocketAddress": address,
            "websocket_address": address,
        }

    async def kill(self, call: Call) -> dict[str, Any]:
        """`POST /engine/session/{id}/kill`, by API key or by the session's own token."""
        session_id = call.request.parameter("session_id")
        tenant = await self._may_kill(call, session_id)
        asked = await read(call, KillSession)
        if asked.session_id not in (None, session_id):
            raise InvalidInput("sessionId", "is not the id of the path")
        session = await self._access.live_session(session_id, tenant)
        await self._parts.avatars.stop(session.id)
        log.info("session %s: stopped by its client", session.id)
        return {
            "sessionId": session.id,
            "status": "success",
            "message": "Session terminated successfully",
        }

    async def _may_kill(self, call: Call, session_id: str) -> str:
        """The tenant for whom the caller speaks. Raises Refused."""
        shown = _bearer(call, "API key")
        try:
            return (await self._access.by_key(shown)).tenant
        except Refused:
            if shown.count(".") != 2:  # as a JWT has
                raise
        self._access.require_token_of(session_id, shown)
        return self._access.by_token(shown)[1]


def _bearer(call: Call, what: str) -> str:
    """What the Authorization header shows. Raises Refused (MISSING_CREDENTIALS)."""
    shown = bearer_token(call.request)
    if shown is None:
        message = f"{what[0].upper()}{what[1:]} missing: send `Authorization: Bearer <{what}>`"
        raise Refused(Code.MISSING_CREDENTIALS, message)
    return shown
