"""The tools: the contract's three, and what agents need beside them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

import orjson
from mcp.shared.exceptions import MCPError
from mcp_types import (
    INVALID_PARAMS,
    CallToolRequestParams,
    CallToolResult,
    ListToolsResult,
    PaginatedRequestParams,
    TextContent,
    Tool,
    ToolAnnotations,
)
from pydantic import BaseModel

from greenroom.api.duplex.errors import AlreadyEnded
from greenroom.api.duplex.models import Page, StartSession, naming_voices
from greenroom.api.duplex.parts import DuplexParts
from greenroom.api.duplex.views import name_of, word_count
from greenroom.api.mcp.callers import Context, tenant_of
from greenroom.api.mcp.errors import tool_error
from greenroom.api.mcp.limits import McpLimits
from greenroom.api.mcp.models import (
    NoArguments,
    OneSession,
    SessionList,
    SessionView,
    VoiceList,
    WaitForSession,
    input_schema,
    read_arguments,
    summary_of,
)
from greenroom.api.mcp.rendering import Renderer
from greenroom.api.mcp.waits import Waits
from greenroom.duplex.ports import TrackedSession
from greenroom.errors import GreenroomError, InvalidInput, SessionEnded, SessionNotFound

_SHOWN_LINE = 200
"""Characters of a progress message."""

_LOOKS = ToolAnnotations(read_only_hint=True, open_world_hint=False)
_STARTS = ToolAnnotations(read_only_hint=False, destructive_hint=False, open_world_hint=True)
_STOPS = ToolAnnotations(read_only_hint=False, destructive_hint=True, open_world_hint=True)

_START = """\
Start a voice session: an AI of your making will talk with a person. Write its instructions into \
`text_prompt`: who it is, what to find out, the questions as a numbered list, and when to finish. \
The session waits until the person connects to `websocket_url`; then follow it with \
wait_for_session, and read `full_transcript` when it has ended."""
_WAIT = """\
Wait until a voice session has ended, and get it with its whole transcript; after \
`timeout_seconds` get what there is. While `status` is waiting or active, call it again. Progress \
notifications tell of what is said meanwhile."""

_START_ARGUMENTS = {
    "voice_prompt": "the AI's voice: NAT natural, VAR varied; F a woman's, M a man's",
    "text_prompt": "instructions of the AI that talks with the person",
    "text_temperature": "how freely the AI chooses its words, if its model can be told",
    "audio_temperature": "how freely the AI varies its voice, if its model can be told",
    "text_topk": "from how many likely words the AI chooses, if its model can be told",
    "audio_topk": "from how many likely sounds the AI chooses, if its model can be told",
    "seed": "makes the choices repeatable; -1: none",
    "webhook_url": "is told of the session's end, with its transcript",
    "recording": "whether the sound is recorded; default: as the server is set up",
    "metadata": "notes of your own, kept with the session",
}
_LIST_ARGUMENTS = {
    "limit": "at most so many",
    "before": "a session_id: only sessions that are older, to turn the page",
    "status": "only sessions with this status",
}
_WAIT_ARGUMENTS = {
    "timeout_seconds": "answer after so long at the latest; 0: at once. Stay below the time "
    "after which your client gives up"
}


@dataclass(frozen=True, slots=True)
class _Kind:
    """One tool: what it says of itself, and what it does."""

    name: str
    title: str
    description: str
    arguments: type[BaseModel]
    result: type[BaseModel]
    annotations: ToolAnnotations
    run: Callable[[Context, Any], Awaitable[dict[str, Any]]]
    descriptions: dict[str, str] = field(default_factory=dict)


class Tools:
    """Lists them, and calls them."""

    def __init__(
        self, parts: DuplexParts, renderer: Renderer, waits: Waits, limits: McpLimits
    ) -> None:
        self._sessions = parts.sessions
        self._max_prompt = parts.settings.duplex.max_prompt
        self._renderer = renderer
        self._waits = waits
        self._look_interval = limits.look_interval
        self._kinds = {kind.name: kind for kind in self._all()}

    async def list(
        self,
        context: Context,  # noqa: ARG002 - a handler
        params: PaginatedRequestParams | None,  # noqa: ARG002 - they fit on one page
    ) -> ListToolsResult:
        """`tools/list`."""
        return ListToolsResult(tools=[self._described(kind) for kind in self._kinds.values()])

    async def call(self, context: Context, params: CallToolRequestParams) -> CallToolResult:
        """`tools/call`. What goes wrong with a tool is its answer, in words."""
        kind = self._kinds.get(params.name)
        if kind is None:
            known = ", ".join(self._kinds)
            raise MCPError(INVALID_PARAMS, f"There is no such tool; there are: {known}")
        try:
            result = await kind.run(context, self._read(kind, params.arguments or {}))
        except GreenroomError as error:
            return tool_error(error)
        # Clients that know no structured content read it as text.
        text = TextContent(text=orjson.dumps(result).decode())
        return CallToolResult(content=[text], structured_content=result)

    def _read(self, kind: _Kind, given: Mapping[str, Any]) -> BaseModel:
        try:
            return read_arguments(kind.arguments, given)
        except InvalidInput as error:
            raise naming_voices(error, self._sessions.voices) from None

    async def _start(self, context: Context, asked: StartSession) -> dict[str, Any]:
        order = asked.order(self._sessions.voices, self._max_prompt)
        return await self._view(await self._sessions.create(order, tenant=tenant_of(context)))

    async def _get(self, context: Context, asked: OneSession) -> dict[str, Any]:
        return await self._view(await self._find(context, asked))

    async def _stop(self, context: Context, asked: OneSession) -> dict[str, Any]:
        try:
            tracked = await self._sessions.stop(asked.session_id, tenant=tenant_of(context))
        except SessionEnded:
            raise AlreadyEnded((await self._find(context, asked)).status) from None
        return await self._view(tracked)

    async def _list(self, context: Context, asked: Page) -> dict[str, Any]:
        try:
            found = await self._sessions.list(
                tenant=tenant_of(context),
                limit=asked.limit,
                before=asked.before,
                status=asked.status,
            )
        except SessionNotFound:
            raise InvalidInput("before", "is no session", "the last session_id seen") from None
        return {"sessions": [summary_of(body) for body in await self._renderer.bodies(found)]}

    async def _list_voices(
        self,
        context: Context,  # noqa: ARG002 - a tool
        asked: NoArguments,  # noqa: ARG002 - a tool
    ) -> dict[str, Any]:
        return {"voices": [*self._sessions.voices]}

    async def _wait(self, context: Context, asked: WaitForSession) -> dict[str, Any]:
        tracked = await self._find(context, asked)
        if not tracked.session.ended:
            async with self._waits.at_most(asked.timeout_seconds):
                await self._watch(context, asked)
            tracked = await self._find(context, asked)
        return await self._view(tracked)

    async def _watch(self, context: Context, asked: OneSession) -> None:
        """Tell the client of what is said, until the session ends."""
        told = 0
        async with aclosing(self._sessions.follow(asked.session_id)) as changes:
            async for _ in changes:
                tracked = await self._find(context, asked)
                words = word_count(tracked.transcript)
                if words > told:  # progress has to increase
                    told = words
                    said = tracked.transcript[-1]
                    line = f"{name_of(said)}: {said.text}"
                    await context.session.report_progress(words, message=line[:_SHOWN_LINE])
                if not tracked.session.ended:
                    await asyncio.sleep(self._look_interval)

    async def _find(self, context: Context, asked: OneSession) -> TrackedSession:
        return await self._sessions.get(asked.session_id, tenant=tenant_of(context))

    async def _view(self, tracked: TrackedSession) -> dict[str, Any]:
        return (await self._renderer.bodies([tracked]))[0]

    def _described(self, kind: _Kind) -> Tool:
        voices = self._sessions.voices if "voice_prompt" in kind.descriptions else ()
        return Tool(
            name=kind.name,
            title=kind.title,
            description=kind.description,
            input_schema=input_schema(kind.arguments, kind.descriptions, voices),
            output_schema=kind.result.model_json_schema(),
            annotations=kind.annotations,
        )

    def _all(self) -> tuple[_Kind, ...]:
        return (
            _Kind(
                "start_voice_session",
                "Start a voice session",
                _START,
                StartSession,
                SessionView,
                _STARTS,
                self._start,
                _START_ARGUMENTS,
            ),
            _Kind(
                "get_session",
                "Look at a voice session",
                "Get a voice session with its transcript so far, also while they talk.",
                OneSession,
                SessionView,
                _LOOKS,
                self._get,
            ),
            _Kind(
                "stop_session",
                "Stop a voice session",
                "End a voice session after the word that is being said, and get it.",
                OneSession,
                SessionView,
                _STOPS,
                self._stop,
            ),
            _Kind(
                "list_sessions",
                "List voice sessions",
                "List voice sessions, newest first, without their transcripts.",
                Page,
                SessionList,
                _LOOKS,
                self._list,
                _LIST_ARGUMENTS,
            ),
            _Kind(
                "list_voices",
                "List voices",
                "List the names that `voice_prompt` may have.",
                NoArguments,
                VoiceList,
                _LOOKS,
                self._list_voices,
            ),
            _Kind(
                "wait_for_session",
                "Wait for a voice session",
                _WAIT,
                WaitForSession,
                SessionView,
                _LOOKS,
                self._wait,
                _WAIT_ARGUMENTS,
            ),
        )
