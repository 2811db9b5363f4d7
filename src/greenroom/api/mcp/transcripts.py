"""Transcripts as resources, `greenroom://sessions/{id}/transcript`: plain text that grows."""

from __future__ import annotations

import re

from mcp_types import (
    ListResourcesResult,
    ListResourceTemplatesResult,
    PaginatedRequestParams,
    ReadResourceRequestParams,
    ReadResourceResult,
    Resource,
    ResourceTemplate,
    TextResourceContents,
)

from greenroom.api.duplex.models import MAX_SHOWN
from greenroom.api.duplex.views import full_transcript, utc
from greenroom.api.mcp.callers import Context, tenant_of
from greenroom.api.mcp.errors import protocol_errors
from greenroom.duplex.ports import DuplexSessions, TrackedSession
from greenroom.errors import InvalidInput, SessionNotFound

MEDIA_TYPE = "text/plain"
TEMPLATE = "greenroom://sessions/{id}/transcript"

_URI = re.compile(r"greenroom://sessions/([^/?#]{1,128})/transcript")


def uri_of(session_id: str) -> str:
    """The resource of a session's transcript."""
    return TEMPLATE.replace("{id}", session_id)


def session_of(uri: str) -> str:
    """The session whose transcript is meant. Raises InvalidInput."""
    found = _URI.fullmatch(uri)
    if found is None:
        raise InvalidInput("uri", "is no resource", TEMPLATE)
    return found[1]


class Transcripts:
    """Lists them, and reads them."""

    def __init__(self, sessions: DuplexSessions) -> None:
        self._sessions = sessions

    async def list(
        self, context: Context, params: PaginatedRequestParams | None
    ) -> ListResourcesResult:
        """`resources/list`, newest first; the cursor is the last session's id."""
        cursor = None if params is None else params.cursor
        with protocol_errors():
            try:
                shown = await self._sessions.list(
                    tenant=tenant_of(context), limit=MAX_SHOWN, before=cursor
                )
            except SessionNotFound:
                raise InvalidInput("cursor", "is none that was given out") from None
        more = shown[-1].session.id if len(shown) == MAX_SHOWN else None
        return ListResourcesResult(resources=[*map(_resource, shown)], next_cursor=more)

    async def list_templates(
        self,
        context: Context,  # noqa: ARG002 - a handler
        params: PaginatedRequestParams | None,  # noqa: ARG002 - it is one
    ) -> ListResourceTemplatesResult:
        """`resources/templates/list`."""
        template = ResourceTemplate(
            uri_template=TEMPLATE,
            name="transcript",
            title="Transcript of a voice session",
            description="What was said so far, one line an entry; it can be subscribed to",
            mime_type=MEDIA_TYPE,
        )
        return ListResourceTemplatesResult(resource_templates=[template])

    async def read(self, context: Context, params: ReadResourceRequestParams) -> ReadResourceResult:
        """`resources/read`."""
        tracked = await self.find(params.uri, tenant=tenant_of(context))
        text = TextResourceContents(
            uri=params.uri, mime_type=MEDIA_TYPE, text=full_transcript(tracked.transcript)
        )
        return ReadResourceResult(contents=[text])

    async def find(self, uri: str, *, tenant: str) -> TrackedSession:
        """The session of a resource. Raises MCPError."""
        with protocol_errors():
            return await self._sessions.get(session_of(uri), tenant=tenant)


def _resource(tracked: TrackedSession) -> Resource:
    session = tracked.session
    return Resource(
        uri=uri_of(session.id),
        name=f"transcript-{session.id}",
        title=f"Transcript of {utc(session.created_at)}",
        description=f"A voice session that is {tracked.status}",
        mime_type=MEDIA_TYPE,
    )
