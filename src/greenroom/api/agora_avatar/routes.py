"""The REST side of contract 000."""

from __future__ import annotations

import contextlib
import logging
from typing import Any

from greenroom.api.agora_avatar.models import StartSession, StopSession
from greenroom.api.auth import Principal, bearer_token
from greenroom.api.avatars.access import Access
from greenroom.api.avatars.bodies import read
from greenroom.api.avatars.errors import Code, MissingFields, Refused
from greenroom.api.avatars.parts import ONE_STEP, AvatarParts
from greenroom.api.endpoint import Call
from greenroom.errors import ClientError, SessionNotFound

log = logging.getLogger(__name__)

WEBSOCKET_PATH = "/v1/websocket"

STOPPED = {"status": "success", "message": "Session terminated successfully"}

_KEY = b"x-api-key"


class OneStepRoutes:
    """The handlers; each returns the body of a 200. Credentials are looked at before the body."""

    def __init__(self, parts: AvatarParts, access: Access) -> None:
        self._parts = parts
        self._access = access

    async def start(self, call: Call) -> dict[str, Any]:
        """`POST /session/start`."""
        principal = await self._principal(call)
        asked = await read(call, StartSession)
        session = await self._parts.avatars.create(
            asked.order(), api=ONE_STEP, tenant=principal.tenant
        )
        log.info("session %s: made for %s", session.id, asked.avatar_id)
        token, _ = self._parts.tokens.sign(session.id, principal.tenant)
        return {
            "session_id": session.id,
            "websocket_address": self._parts.public_url + WEBSOCKET_PATH,
            "session_token": token,
        }

    async def stop(self, call: Call) -> dict[str, str]:
        """`DELETE /session/stop`: by API key and session token, or by the token alone."""
        bearer = bearer_token(call.request)
        if call.request.header(_KEY) or bearer is None:
            tenant = (await self._principal(call)).tenant
        else:
            tenant = self._access.by_token(bearer)[1]
        asked = await read(call, StopSession)
        token = asked.session_token or bearer
        if asked.session_id is None or token is None:
            raise await self._missing(asked.session_id, token, tenant)
        session = await self._access.live_session(asked.session_id, tenant)
        self._access.require_token_of(session.id, token)
        await self._parts.avatars.stop(session.id)
        log.info("session %s: stopped by its client", session.id)
        return STOPPED

    async def _missing(self, session_id: str | None, token: str | None, tenant: str) -> ClientError:
        """Some clients show the API key alone for a session that is over: that is not found."""
        if session_id is not None:
            with contextlib.suppress(SessionNotFound):
                if (await self._access.session(session_id, tenant)).ended:
                    return SessionNotFound(session_id)
        given = {"session_id": session_id, "session_token": token}
        return MissingFields([name for name, value in given.items() if value is None])

    async def _principal(self, call: Call) -> Principal:
        key = call.request.header(_KEY)
        if not key:
            raise Refused(Code.MISSING_API_KEY, "API key header missing")
        return await self._access.by_key(key)
