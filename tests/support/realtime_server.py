"""A server of OpenAI's Realtime API on a real socket: a test says what it tells, faults by plan."""

from __future__ import annotations

import asyncio
import base64
import json
from collections import deque
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Self

import numpy as np
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from greenroom.audio.pcm import EMPTY, Pcm
from greenroom.duplex.ports import DUPLEX_RATE

KEY = "sk-a-key-that-must-not-be-logged"


@dataclass(eq=False)
class Caller:
    """A connection, as the server saw it."""

    path: str
    fault: str
    events: list[dict[str, Any]] = field(default_factory=list)
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    socket: ServerConnection | None = None

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["type"] == kind]

    async def until(self, kind: str, count: int = 1) -> dict[str, Any]:
        """The latest event of a kind once there are `count` of it."""
        async with asyncio.timeout(5), self.changed:
            await self.changed.wait_for(lambda: len(self.of(kind)) >= count)
        return self.of(kind)[-1]

    @property
    def pcm(self) -> Pcm:
        sound = [base64.b64decode(e["audio"]) for e in self.of("input_audio_buffer.append")]
        return np.concatenate((EMPTY, *(np.frombuffer(data, "<i2") for data in sound)))

    async def tell(self, kind: str, **fields: Any) -> None:
        assert self.socket is not None
        await self.socket.send(json.dumps({"type": kind, "event_id": "e", **fields}))

    async def begin(self, response: str) -> None:
        await self.tell("response.created", response={"id": response})

    async def say(self, response: str, text: str, ms: int, item: str = "i1") -> None:
        """Words, then their sound: the answer's order is that of the API."""
        about = {"response_id": response, "item_id": item, "content_index": 0}
        await self.tell("response.output_audio_transcript.delta", delta=text, **about)
        tone = np.full(ms * DUPLEX_RATE // 1000, 5_000, "<i2")
        delta = base64.b64encode(tone.tobytes()).decode()
        await self.tell("response.output_audio.delta", delta=delta, **about)

    async def end(self, response: str, status: str = "completed", **details: Any) -> None:
        if status == "completed":
            await self.tell("response.output_audio.done", response_id=response, item_id="i1")
        done = {"id": response, "status": status, "status_details": details}
        await self.tell("response.done", response=done)

    async def hears(self, item: str, start: int, end: int, text: str | None = None) -> None:
        """The user's turn; its words where they are known."""
        await self.tell("input_audio_buffer.speech_started", item_id=item, audio_start_ms=start)
        await self.tell("input_audio_buffer.speech_stopped", item_id=item, audio_end_ms=end)
        await self.tell("input_audio_buffer.committed", item_id=item)
        if text is not None:
            await self.writes(item, text)

    async def writes(self, item: str, text: str) -> None:
        kind = "conversation.item.input_audio_transcription.completed"
        await self.tell(kind, item_id=item, transcript=text, content_index=0)

    async def close(self, code: int, reason: str) -> None:
        assert self.socket is not None
        await self.socket.close(code, reason)

    def cut(self) -> None:
        assert self.socket is not None
        self.socket.transport.abort()


class RealtimeServer:
    """A context manager. It takes a session's settings; all else is for the test to tell.

    `plan` holds what befalls the next connections: an HTTP status, `hang` (no answer to the
    upgrade), `mute` (no event), `garbage`, `error:<code>` (to the settings), `cut` (upon the
    settings).
    """

    def __init__(self) -> None:
        self.plan: deque[str] = deque()
        self.callers: list[Caller] = []
        self.changed = asyncio.Condition()
        self._stop = asyncio.Event()
        self._server: Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await serve(
            self._talk,
            "127.0.0.1",
            0,
            process_request=self._request,
            compression=None,
            close_timeout=0.2,
            ping_interval=None,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._stop.set()
        self._server.close()
        await self._server.wait_closed()

    @property
    def url(self) -> str:
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/v1"

    async def caller(self, number: int = 1) -> Caller:
        """The one with this number, from 1, once it has come."""
        async with asyncio.timeout(5), self.changed:
            await self.changed.wait_for(lambda: len(self.callers) >= number)
        return self.callers[number - 1]

    async def _request(self, socket: ServerConnection, request: Request) -> Response | None:
        caller = Caller(request.path, self.plan.popleft() if self.plan else "")
        self.callers.append(caller)
        socket.caller = caller  # type: ignore[attr-defined]
        async with self.changed:
            self.changed.notify_all()
        if request.headers.get("Authorization") != f"Bearer {KEY}":
            caller.fault = "401"
        if caller.fault.isdecimal():
            return socket.respond(HTTPStatus(int(caller.fault)), "no")
        if caller.fault == "hang":
            await self._stop.wait()
        return None

    async def _talk(self, socket: ServerConnection) -> None:
        caller: Caller = socket.caller  # type: ignore[attr-defined]
        caller.socket = socket
        try:
            if caller.fault == "mute":
                await socket.wait_closed()
            await caller.tell("session.created", session={})
            async for message in socket:
                event = json.loads(message)
                caller.events.append(event)
                if event["type"] == "session.update":
                    await self._begin(caller, socket)
                async with caller.changed:
                    caller.changed.notify_all()
        except ConnectionClosed:
            pass

    async def _begin(self, caller: Caller, socket: ServerConnection) -> None:
        fault, _, code = caller.fault.partition(":")
        if fault == "garbage":
            await socket.send("no JSON")
        elif fault == "error":
            await caller.tell("error", error={"code": code, "message": "secret", "type": "t"})
        elif fault == "cut":
            caller.cut()
        else:
            await caller.tell("session.updated", session={})
