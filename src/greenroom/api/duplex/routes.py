"""The REST side of contract 003."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, TypeAlias

from starlette.responses import FileResponse, Response

from greenroom.api.duplex.errors import AlreadyEnded, NotThere
from greenroom.api.duplex.exports import export
from greenroom.api.duplex.models import (
    ExportFormat,
    Page,
    TypedMessage,
    known_voice,
    read,
    read_query,
    read_start,
)
from greenroom.api.duplex.parts import DuplexParts
from greenroom.api.duplex.samples import VoiceSamples
from greenroom.api.duplex.views import session_body
from greenroom.api.endpoint import Call
from greenroom.duplex.ports import TrackedSession
from greenroom.errors import InvalidInput, SessionEnded, SessionNotFound

INLINE_ENTRIES = 200
"""Of transcripts that are shown on the event loop, in less than 1 ms; more are in a thread."""


# Named, since within a class that has a method `list` no annotation can say list[...].
Bodies: TypeAlias = list[dict[str, Any]]


class Routes:
    """The handlers; each returns the body of a 200, or a file."""

    def __init__(self, parts: DuplexParts) -> None:
        self._sessions = parts.sessions
        self._access = parts.access
        self._max_prompt = parts.settings.duplex.max_prompt
        self._find_recording = parts.find_recording
        self._samples = None if parts.speak is None else VoiceSamples(parts.speak)

    async def start(self, call: Call) -> dict[str, Any]:
        """`POST /api/sessions/start`."""
        call.principal.require_api_key()
        voices = self._sessions.voices
        asked = await read_start(call, voices)
        order = asked.order(voices, self._max_prompt)
        tracked = await self._sessions.create(order, tenant=call.principal.tenant)
        return self._body(tracked)

    async def get(self, call: Call) -> dict[str, Any]:
        """`GET /api/sessions/{id}`."""
        return (await self._bodies([await self._session(call)]))[0]

    async def stop(self, call: Call) -> dict[str, Any]:
        """`POST /api/sessions/{id}/stop`."""
        session_id = self._session_id(call)
        try:
            tracked = await self._sessions.stop(session_id, tenant=call.principal.tenant)
        except SessionEnded:
            raise AlreadyEnded((await self._session(call)).status) from None
        return (await self._bodies([tracked]))[0]

    async def list(self, call: Call) -> Bodies:
        """`GET /api/sessions`."""
        call.principal.require_api_key()
        page = read_query(call.request, Page)
        try:
            tracked = await self._sessions.list(
                tenant=call.principal.tenant,
                limit=page.limit,
                before=page.before,
                status=page.status,
            )
        except SessionNotFound:
            raise InvalidInput("before", "is no session", "the last session_id seen") from None
        return await self._bodies(tracked)

    async def transcript(self, call: Call) -> Response:
        """`GET /api/sessions/{id}/transcript`."""
        kind = read_query(call.request, ExportFormat).format
        tracked = await self._session(call)
        if len(tracked.transcript) <= INLINE_ENTRIES:
            file = export(tracked, kind)
        else:
            file = await asyncio.to_thread(export, tracked, kind)
        return Response(file.content, media_type=file.media_type)

    async def write(self, call: Call) -> dict[str, Any]:
        """`POST /api/sessions/{id}/messages`."""
        session_id = self._session_id(call)
        message = await read(call, TypedMessage)
        try:
            await self._sessions.type(session_id, message.text, tenant=call.principal.tenant)
        except SessionEnded:
            raise AlreadyEnded((await self._session(call)).status) from None
        return await self.get(call)

    async def recording(self, call: Call) -> Response:
        """`GET /api/sessions/{id}/recording`; parts of it by Range."""
        tracked = await self._session(call)
        path = None if self._find_recording is None else await self._find_recording(tracked)
        if path is None:
            raise NotThere("Session has no recording")
        return FileResponse(path)

    async def voices(self, call: Call) -> dict[str, Any]:  # noqa: ARG002 - the signature
        """`GET /api/voices`."""
        return {
            "voices": [
                {"name": name, "sample_url": f"/api/voices/{name}/sample"}
                for name in self._sessions.voices
            ]
        }

    async def sample(self, call: Call) -> Response:
        """`GET /api/voices/{name}/sample`."""
        name = call.request.parameter("name")
        try:
            known_voice(name, self._sessions.voices)
        except InvalidInput:
            raise NotThere("Voice not found") from None
        if self._samples is None:
            raise NotThere("The model has no samples of its voices")
        return Response(await self._samples.sample(name), media_type="audio/wav")

    def _session_id(self, call: Call) -> str:
        session_id = call.request.parameter("session_id")
        call.principal.require_session(session_id)
        return session_id

    async def _session(self, call: Call) -> TrackedSession:
        return await self._sessions.get(self._session_id(call), tenant=call.principal.tenant)

    async def _bodies(self, shown: Sequence[TrackedSession]) -> Bodies:
        if sum(len(tracked.transcript) for tracked in shown) <= INLINE_ENTRIES:
            return [self._body(tracked) for tracked in shown]
        return await asyncio.to_thread(lambda: [self._body(tracked) for tracked in shown])

    def _body(self, tracked: TrackedSession) -> dict[str, Any]:
        return session_body(tracked, self._access.link_token(tracked.session))
