"""What the rooms' server tells of sessions by webhook, in case nobody else noticed.

An agent sees for itself who comes and goes, and that its room is gone. A session whose agent waits
for a worker, or was lost, has only this.
"""

from __future__ import annotations

import hashlib
import logging

from livekit.protocol.models import ParticipantInfo
from livekit.protocol.webhook import WebhookEvent

from greenroom.errors import SessionNotFound
from greenroom.sessions.model import (
    EndReason,
    LifecycleEntry,
    PresenceEntry,
    Record,
    Session,
    Status,
)
from greenroom.sessions.service import SessionService
from greenroom.workers.order import API
from greenroom.workers.ports import Placement

_MAX_TEXT = 200
"""Characters of an event's name and of an identity that are written down."""
_AGENT = frozenset({"agent_joined", "agent_left", "agent_lost"})

_log = logging.getLogger(__name__)


class RoomEvents:
    """Takes events of all rooms; those that are no session's of this API are ignored."""

    def __init__(self, sessions: SessionService, placement: Placement) -> None:
        self._sessions = sessions
        self._placement = placement

    async def take(self, event: WebhookEvent) -> None:
        """Write an event down, once for its `id`, and act on it. Raises StorageUnavailable.

        What is done is right to do again, so that an event may come any number of times.
        """
        try:
            session = await self._sessions.get(event.room.name)
        except SessionNotFound:
            return
        if session.api != API:
            return
        key = _key(event)
        name, who = event.event[:_MAX_TEXT], event.participant.identity[:_MAX_TEXT]
        entry = LifecycleEntry(None, f"livekit: {name}", who)
        await self._sessions.append_once(session.id, entry, key)
        if session.ended:
            return
        match event.event:
            case "room_finished":
                await self._on_finished(session, event)
            case "participant_left" if _is_human(event.participant):
                await self._on_left(session, event, key)
            case _:
                pass

    async def _on_finished(self, session: Session, event: WebhookEvent) -> None:
        """Nobody is in the room any more: the session is over."""
        records = await self._presence(session)
        if (since := _agent_since(records)) is not None and since > event.created_at + 1:
            return  # of an earlier room of this name: an agent has come after it
        if await self._sessions.request_stop(session.id, EndReason.DISCONNECTED):
            return
        withdrawn = await self._placement.withdraw(session.id, running=False)
        for error in withdrawn.errors:
            _log.warning("session %s: its room is gone, but %s", session.id, error)
        detail = "the room is gone"
        await self._sessions.end(session.id, Status.COMPLETED, EndReason.DISCONNECTED, detail)

    async def _on_left(self, session: Session, event: WebhookEvent, key: str) -> None:
        """Somebody has left a room without an agent, which would have seen that better."""
        if _agent_since(await self._presence(session)) is None:
            at = event.created_at * 1_000_000
            entry = PresenceEntry(None, "human_left", at, event.participant.identity)
            await self._sessions.append_once(session.id, entry, f"{key}:left")

    async def _presence(self, session: Session) -> list[Record]:
        return list(await self._sessions.records(session.id, kinds=("presence",)))


def _key(event: WebhookEvent) -> str:
    told = event.id.encode() or event.SerializeToString(deterministic=True)
    return f"livekit:{hashlib.sha256(told).hexdigest()[:32]}"


def _is_human(participant: ParticipantInfo) -> bool:
    kinds = ParticipantInfo.Kind
    return participant.kind in {kinds.STANDARD, kinds.SIP, kinds.INGRESS}


def _agent_since(records: list[Record]) -> float | None:
    """When the agent that is in the room came, in seconds since 1970; None where there is none."""
    entries = [r.entry for r in records if isinstance(r.entry, PresenceEntry)]
    of_agents = [entry for entry in entries if entry.event in _AGENT]
    last = max(of_agents, key=lambda entry: entry.happened, default=None)
    if last is None or last.event != "agent_joined":
        return None
    return last.happened / 1_000_000
