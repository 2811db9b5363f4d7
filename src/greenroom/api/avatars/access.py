"""Who may do what: API keys speak for a tenant, session tokens for one session."""

from __future__ import annotations

from greenroom.api.auth import Principal
from greenroom.api.avatars.errors import Code, Refused
from greenroom.api.avatars.parts import ONE_STEP, TWO_STEP, AvatarParts
from greenroom.errors import SessionNotFound, Unauthorized
from greenroom.sessions.model import Session


class Access:
    """Looks credentials and sessions up. Every method that waits may raise StorageUnavailable."""

    def __init__(self, parts: AvatarParts) -> None:
        self._parts = parts

    async def by_key(self, key: str) -> Principal:
        """Whom an API key speaks for. Raises Refused (INVALID_API_KEY)."""
        try:
            principal = await self._parts.authenticator.authenticate(key)
        except Unauthorized:
            principal = None
        if principal is None or principal.session_id is not None:
            raise Refused(Code.INVALID_API_KEY, "Invalid API key")
        return principal

    def by_token(self, token: str) -> tuple[str, str]:
        """The session that a token speaks for, and its tenant.

        Raises Refused (INVALID_SESSION_TOKEN).
        """
        try:
            principal = self._parts.tokens.verify(token)
        except Unauthorized as error:
            message = f"Invalid session token: {error.why}"
            raise Refused(Code.INVALID_SESSION_TOKEN, message) from None
        # What verifies names a session.
        return principal.session_id or "", principal.tenant

    async def session(self, session_id: str, tenant: str) -> Session:
        """An avatar session of a tenant, live or ended. Raises SessionNotFound."""
        session = await self._parts.sessions.get(session_id, tenant=tenant)
        if session.api not in (ONE_STEP, TWO_STEP):
            raise SessionNotFound(session_id)
        return session

    async def live_session(self, session_id: str, tenant: str) -> Session:
        """One that has not ended. Raises SessionNotFound."""
        session = await self.session(session_id, tenant)
        if session.ended:
            raise SessionNotFound(session_id)
        return session

    async def session_of(self, token: str) -> Session:
        """The live session that a token speaks for. Raises Refused (INVALID_SESSION_TOKEN)."""
        session_id, tenant = self.by_token(token)
        try:
            return await self.live_session(session_id, tenant)
        except SessionNotFound:
            raise Refused(Code.INVALID_SESSION_TOKEN, "The session has ended") from None

    def require_token_of(self, session_id: str, token: str) -> None:
        """Raise Refused (INVALID_SESSION_TOKEN) where the token is not that session's."""
        if self.by_token(token)[0] != session_id:
            message = "The session token belongs to another session"
            raise Refused(Code.INVALID_SESSION_TOKEN, message)
