"""Speechmatics: hearing by a WebSocket, speech by a request with raw samples in the answer.

https://docs.speechmatics.com/api-ref/realtime-transcription-websocket and
https://docs.speechmatics.com/text-to-speech/quickstart
"""

from __future__ import annotations

import json
from typing import Any

from aiohttp import WSMsgType, web

from support.vendor_server import KEY, VendorServer, sound_of

_PIECE = 3_001
"""Bytes: pieces of a body keep no samples together."""


class SpeechmaticsServer(VendorServer):
    """Hears `script` word by word, four a second; the rest when the stream ends.

    The middle of a connection is 500 ms of audio for hearing, the first sound for speaking.
    """

    def __init__(self, script: str = "") -> None:
        super().__init__()
        self.script = script

    def routes(self, router: web.UrlDispatcher) -> None:
        router.add_post("/generate/{voice}", self._speak)
        router.add_get("/v2/agent", self._hear)

    def authorised(self, request: web.Request) -> bool:
        return request.headers.get("Authorization") == f"Bearer {KEY}"

    async def _speak(self, request: web.Request) -> web.StreamResponse:
        connection = await self.begin(request)
        assert connection.query["output_format"] == ["pcm_16000"]
        asked = await request.json()
        connection.messages.append(asked)
        response = web.StreamResponse()
        await response.prepare(request)
        sound = sound_of(asked["text"], request.match_info["voice"], 16_000).tobytes()
        for at in range(0, len(sound), _PIECE):
            await response.write(sound[at : at + _PIECE])
            if connection.fault == "cut" and request.transport is not None:
                request.transport.abort()
                break
            if connection.fault == "mute":
                await self._stop.wait()
        connection.ended.set()
        return response

    async def _hear(self, request: web.Request) -> web.WebSocketResponse:
        connection, socket = await self.accept(request)
        words, told, frames = self.script.split(), 0, 0
        async for message in socket:
            if message.type == WSMsgType.BINARY:
                connection.audio += message.data
                frames += 1
                await socket.send_json({"message": "AudioAdded", "seq_no": frames})
                if len(connection.audio) >= 16_000 and await self.befall(
                    connection, request, socket
                ):
                    if connection.fault == "hold":  # reads, and says nothing more
                        continue
                    break
                count = min(len(words), len(connection.audio) // 8_000)
                if count > told:
                    told = count
                    await socket.send_json(_segment("AddPartialSegment", words[:told]))
            elif message.type == WSMsgType.TEXT:
                asked = json.loads(message.data)
                connection.messages.append(asked)
                assert asked.get("last_seq_no", frames) == frames
                if connection.fault != "hold":
                    for answer in _answers(asked, words if told else []):
                        await socket.send_json(answer)
        if connection.fault == "mute":
            await self._stop.wait()
        self.end(connection, socket)
        return socket


def _answers(asked: dict[str, Any], words: list[str]) -> list[dict[str, Any]]:
    if asked["message"] == "StartRecognition":
        assert asked["audio_format"]["sample_rate"] == 16_000
        return [{"message": "RecognitionStarted", "id": "s"}]
    assert asked["message"] == "EndOfStream"
    return [*([_segment("AddSegment", words)] if words else []), {"message": "EndOfTranscript"}]


def _segment(kind: str, words: list[str]) -> dict[str, Any]:
    return {
        "message": kind,
        "segment": {"transcript": " ".join(words)},
        "metadata": {"start_time": 0.0, "end_time": 1.0},
    }
