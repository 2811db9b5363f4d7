"""Deepgram's WebSockets: `/v1/listen` (Nova) and `/v1/speak` (Aura).

https://developers.deepgram.com/reference/speech-to-text/listen-streaming and
https://developers.deepgram.com/reference/text-to-speech/speak-streaming
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

from aiohttp import WSMsgType, web

from support.vendor_server import KEY, Connection, VendorServer, sound_of

_DATA_ERROR = 1008
_PIECE = 4_800
"""Bytes of one binary message of speech."""


class DeepgramServer(VendorServer):
    """Hears one of `script` in each `segment_ms` of audio; the confidence is `confidence`.

    The middle of a connection is 500 ms of audio for hearing, the first sound for speaking.
    """

    def __init__(self, *script: str, segment_ms: int = 1_000) -> None:
        super().__init__()
        self.script, self.segment_ms, self.confidence = script, segment_ms, 0.9

    def routes(self, router: web.UrlDispatcher) -> None:
        router.add_get("/v1/listen", self._listen)
        router.add_get("/v1/speak", self._speak)

    def authorised(self, request: web.Request) -> bool:
        return request.headers.get("Authorization") == f"Token {KEY}"

    async def _listen(self, request: web.Request) -> web.WebSocketResponse:
        connection, socket = await self.accept(request)
        query = connection.query
        assert query["encoding"] == ["linear16"]
        assert query["channels"] == ["1"]
        rate = int(query["sample_rate"][0])
        ear = _Ear(self, rate)
        async for message in socket:
            if message.type == WSMsgType.BINARY:
                connection.audio += message.data
                if len(connection.audio) >= rate and await self.befall(connection, request, socket):
                    break
                for result in ear.hear(len(message.data) // 2):
                    await socket.send_json(result)
            elif message.type == WSMsgType.TEXT:
                connection.messages.append(json.loads(message.data))
                await self._obey(connection.messages[-1]["type"], ear, socket)
        if connection.fault == "mute":
            await self._stop.wait()
        self.end(connection, socket)
        return socket

    async def _obey(self, command: str, ear: _Ear, socket: web.WebSocketResponse) -> None:
        match command:
            case "KeepAlive":
                pass
            case "Finalize":
                await socket.send_json(ear.finalize())
            case "CloseStream":
                await socket.send_json({"type": "Metadata", "request_id": "r", "channels": 1})
                await socket.close()
            case _:
                await socket.close(code=_DATA_ERROR, message=f"DATA-0000 {command}".encode())

    async def _speak(self, request: web.Request) -> web.WebSocketResponse:
        connection, socket = await self.accept(request)
        query = connection.query
        assert query["encoding"] == ["linear16"]
        rate, model = int(query["sample_rate"][0]), query["model"][0]
        await socket.send_json({"type": "Metadata", "request_id": "r", "model_name": model})
        text = ""
        async for message in socket:
            if message.type != WSMsgType.TEXT:
                break
            command = json.loads(message.data)
            connection.messages.append(command)
            match command["type"]:
                case "Speak":
                    text += command["text"]
                case "Flush":
                    going = await self._say(text, model, rate, connection, request, socket)
                    if not going and connection.fault != "hold":
                        break
                    text = ""
                case "Close":
                    await socket.close()
                case kind:
                    await socket.close(code=_DATA_ERROR, message=f"DATA-0000 {kind}".encode())
        if connection.fault == "mute":
            await self._stop.wait()
        self.end(connection, socket)
        return socket

    async def _say(
        self,
        text: str,
        model: str,
        rate: int,
        connection: Connection,
        request: web.Request,
        socket: web.WebSocketResponse,
    ) -> bool:
        sound = sound_of(text.strip(), model, rate).tobytes()
        for at in range(0, len(sound), _PIECE):
            await socket.send_bytes(sound[at : at + _PIECE])
            if at == 0 and await self.befall(connection, request, socket):
                return False
            await asyncio.sleep(0)
        await socket.send_json({"type": "Flushed", "sequence_id": 0})
        return True


class _Ear:
    """Tells the words of the script as the audio goes on."""

    def __init__(self, server: DeepgramServer, rate: int) -> None:
        self._server, self._rate = server, rate
        self._heard = 0
        self._said = 0
        """Segments that are final."""

    @property
    def _segment(self) -> int:
        return self._server.segment_ms * self._rate // 1000

    def hear(self, samples: int) -> list[dict[str, Any]]:
        results = []
        before, self._heard = self._heard, self._heard + samples
        while self._said < len(self._server.script):
            begun = self._heard - self._said * self._segment
            words = self._server.script[self._said].split()
            if begun >= self._segment:
                results.append(self._result(words, is_final=True, speech_final=True))
                self._said += 1
                continue
            count, told = (
                max(0, n) * len(words) // self._segment
                for n in (begun, before - self._said * self._segment)
            )
            if count > told:
                results.append(self._result(words[:count], is_final=False))
            break
        return results

    def finalize(self) -> dict[str, Any]:
        """What is heard of the segment that goes on, as final: possibly nothing."""
        words: list[str] = []
        if self._said < len(self._server.script) and self._heard > self._said * self._segment:
            words = self._server.script[self._said].split()
            self._said += 1
        return self._result(words, is_final=True, from_finalize=True)

    def _result(self, words: list[str], **flags: bool) -> dict[str, Any]:
        start = min(self._said, len(self._server.script)) * self._server.segment_ms / 1000
        return {
            "type": "Results",
            "channel_index": [0, 1],
            "start": start,
            "duration": self._heard / self._rate - start,
            "is_final": False,
            "speech_final": False,
            "from_finalize": False,
            "metadata": {"request_id": "r"},
            "channel": {
                "alternatives": [
                    {
                        "transcript": " ".join(words),
                        "confidence": self._server.confidence if words else 0.0,
                        "words": [
                            {
                                "word": word,
                                "start": start + 0.1 * n,
                                "end": start + 0.1 * n + 0.1,
                                "confidence": self._server.confidence,
                            }
                            for n, word in enumerate(words)
                        ],
                    }
                ]
            },
            **flags,
        }
