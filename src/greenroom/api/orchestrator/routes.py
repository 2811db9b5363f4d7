"""The handlers of contract 001."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any

from greenroom.api.endpoint import Call
from greenroom.api.orchestrator.errors import EndFailed
from greenroom.api.orchestrator.models import EndSession, StartSession, read
from greenroom.api.orchestrator.parts import OrchestratorParts
from greenroom.api.orchestrator.room_events import read_event
from greenroom.rooms.errors import RoomsFailed
from greenroom.workers.ports import PlacementFailed

MAX_EVENT = 262_144
"""Bytes of a webhook. A participant's metadata and attributes travel in it, at most 64 KiB each."""

INLINE_EVENT = 4_096
"""Bytes of a webhook that is read on the event loop, in some 0.2 ms; more are in a thread."""

ROOT = {
    "service": "Voice Assistant Orchestrator",
    "status": "running",
    "version": "2.0.0",
    "type": "Python FastAPI",
    "features": ["session_tracking", "cleanup", "livekit_webhooks"],
}
"""Of `GET /`, to the letter: the version is the contract's."""

log = logging.getLogger(__name__)


class Routes:
    """The handlers; each returns the body of a 200."""

    def __init__(self, parts: OrchestratorParts) -> None:
        self._parts = parts

    async def start(self, call: Call) -> dict[str, Any]:
        """`POST /api/session/start`."""
        asked = await read(call, StartSession)
        order = asked.order(self._parts.settings)
        started = await self._parts.sessions.start(order, call.principal.tenant)
        session_id = started.session.id
        log.info("session %s: started", session_id)
        return {
            "success": True,
            "sessionId": session_id,
            "token": started.token,
            "serverUrl": started.url,
            "roomName": session_id,
            "message": "Session created. Voice agent is being spawned.",
        }

    async def end(self, call: Call) -> dict[str, Any]:
        """`POST /api/session/end`."""
        session_id = (await read(call, EndSession)).sessionId
        try:
            report = await self._parts.sessions.end(session_id, call.principal.tenant)
        except (PlacementFailed, RoomsFailed) as error:
            raise EndFailed(error.why) from error
        return {
            "success": True,
            "message": f"Session {session_id} ended and cleaned up",
            "details": {
                "session_id": session_id,
                "celery_task_revoked": report.celery_task_revoked,
                "process_killed": report.process_killed,
                "redis_cleaned": report.redis_cleaned,
                "errors": [*report.errors],
                "durationSeconds": report.duration_seconds,
                "durationMinutes": report.duration_minutes,
            },
        }

    async def room_event(self, call: Call) -> dict[str, str]:
        """`POST /webhook/livekit`. Who sent it is known before anything of it is looked at."""
        body = await call.body(limit=MAX_EVENT)
        self._parts.signatures.check(call.request, body)
        if len(body) <= INLINE_EVENT:
            event = read_event(body, time.time())
        else:
            event = await asyncio.to_thread(read_event, body, time.time())
        await self._parts.sessions.on_room_event(event)
        return {"status": "ok", "event": event.event}

    async def root(self, call: Call) -> dict[str, Any]:  # noqa: ARG002 - the signature
        """`GET /`."""
        return ROOT
