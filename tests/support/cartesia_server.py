"""Cartesia's WebSockets: `/tts/websocket` (Sonic) and `/stt/turns/websocket` (Ink).

https://docs.cartesia.ai/api-reference/tts/websocket and
https://docs.cartesia.ai/api-reference/stt/turns/websocket
"""

from __future__ import annotations

import base64
import json
from typing import Any

from aiohttp import WSMsgType, web

from support.vendor_server import KEY, MS_PER_CHARACTER, Connection, VendorServer, sound_of

_PIECE = 4_800


class CartesiaServer(VendorServer):
    """Speaks with word times; hears `script` as one turn, told in full when the client closes.

    The middle of a connection is 500 ms of audio for hearing, the first sound for speaking.
    """

    def __init__(self, script: str = "") -> None:
        super().__init__()
        self.script = script

    def routes(self, router: web.UrlDispatcher) -> None:
        router.add_get("/tts/websocket", self._speak)
        router.add_get("/stt/turns/websocket", self._hear)

    def authorised(self, request: web.Request) -> bool:
        return request.headers.get("X-API-Key") == KEY

    async def _speak(self, request: web.Request) -> web.WebSocketResponse:
        connection, socket = await self.accept(request)
        assert connection.query["cartesia_version"]
        spoken: dict[str, int] = {}
        """Milliseconds by context."""
        async for message in socket:
            if message.type != WSMsgType.TEXT:
                break
            asked = json.loads(message.data)
            connection.messages.append(asked)
            context, text = asked["context_id"], asked["transcript"]
            form = asked["output_format"]
            assert (form["container"], form["encoding"]) == ("raw", "pcm_s16le")
            assert asked["voice"]["mode"] == "id"
            if text.strip():
                before = spoken.get(context, 0)
                if asked["add_timestamps"]:
                    await socket.send_json(_timestamps(context, text, before))
                spoken[context] = before + len(text) * MS_PER_CHARACTER
                sound = sound_of(text, asked["voice"]["id"], form["sample_rate"]).tobytes()
                going = await self._send(sound, context, connection, request, socket)
                if not going:
                    if connection.fault == "hold":
                        continue
                    break
            if not asked["continue"]:
                await socket.send_json(
                    {"type": "done", "done": True, "status_code": 200, "context_id": context}
                )
        if connection.fault == "mute":
            await self._stop.wait()
        self.end(connection, socket)
        return socket

    async def _send(
        self,
        sound: bytes,
        context: str,
        connection: Connection,
        request: web.Request,
        socket: web.WebSocketResponse,
    ) -> bool:
        for at in range(0, len(sound), _PIECE):
            await socket.send_json(
                {
                    "type": "chunk",
                    "data": base64.b64encode(sound[at : at + _PIECE]).decode(),
                    "done": False,
                    "status_code": 206,
                    "step_time": 10.0,
                    "context_id": context,
                }
            )
            if at == 0 and await self.befall(connection, request, socket):
                return False
        return True

    async def _hear(self, request: web.Request) -> web.WebSocketResponse:
        connection, socket = await self.accept(request)
        assert connection.query["encoding"] == ["pcm_s16le"]
        rate = int(connection.query["sample_rate"][0])
        await socket.send_json({"type": "connected", "request_id": "r"})
        words, told = self.script.split(), 0
        async for message in socket:
            if message.type == WSMsgType.BINARY:
                connection.audio += message.data
                if len(connection.audio) >= rate and await self.befall(connection, request, socket):
                    break
                count = min(len(words), len(connection.audio) // 2 * 4 // rate)  # four a second
                if count and not told:
                    await socket.send_json({"type": "turn.start", "request_id": "r"})
                if count > told:
                    told = count
                    text = " ".join(words[:told])
                    await socket.send_json(
                        {"type": "turn.update", "transcript": text, "request_id": "r"}
                    )
            elif message.type == WSMsgType.TEXT:
                connection.messages.append(json.loads(message.data))
                if connection.messages[-1]["type"] == "close":
                    if told:
                        await socket.send_json(
                            {"type": "turn.end", "transcript": self.script, "request_id": "r"}
                        )
                    await socket.close()
        if connection.fault == "mute":
            await self._stop.wait()
        self.end(connection, socket)
        return socket


def _timestamps(context: str, text: str, before_ms: int) -> dict[str, Any]:
    """A word begins where its first character is spoken."""
    words, starts, ends, at = [], [], [], 0
    for word in text.split():
        at = text.index(word, at)
        words.append(word)
        starts.append((before_ms + at * MS_PER_CHARACTER) / 1000)
        at += len(word)
        ends.append((before_ms + at * MS_PER_CHARACTER) / 1000)
    return {
        "type": "timestamps",
        "done": False,
        "status_code": 206,
        "context_id": context,
        "word_timestamps": {"words": words, "start": starts, "end": ends},
    }
