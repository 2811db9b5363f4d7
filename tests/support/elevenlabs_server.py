"""ElevenLabs: speech by a WebSocket of many contexts, hearing by a request and by a WebSocket.

https://elevenlabs.io/docs/api-reference/text-to-speech/v-1-text-to-speech-voice-id-multi-stream-input,
https://elevenlabs.io/docs/api-reference/speech-to-text/convert and
https://elevenlabs.io/docs/api-reference/speech-to-text/v-1-speech-to-text-realtime
"""

from __future__ import annotations

import base64
import io
import json
import math
import wave
from typing import Any

from aiohttp import WSMsgType, web

from support.vendor_server import KEY, MS_PER_CHARACTER, Connection, VendorServer, sound_of

_PIECE = 4_800


class ElevenLabsServer(VendorServer):
    """Hears `script` in any audio that is loud; in silence nothing.

    The middle of a connection is 500 ms of audio for hearing, the first sound for speaking.
    """

    def __init__(self, script: str = "") -> None:
        super().__init__()
        self.script, self.confidence = script, 0.8

    def routes(self, router: web.UrlDispatcher) -> None:
        router.add_get("/v1/text-to-speech/{voice}/multi-stream-input", self._speak)
        router.add_post("/v1/speech-to-text", self._recognise)
        router.add_get("/v1/speech-to-text/realtime", self._hear)

    def authorised(self, request: web.Request) -> bool:
        return request.headers.get("xi-api-key") == KEY

    async def _speak(self, request: web.Request) -> web.WebSocketResponse:
        connection, socket = await self.accept(request)
        encoding, rate = connection.query["output_format"][0].split("_")
        assert encoding == "pcm"
        voice = request.match_info["voice"]
        pending: dict[str, str] = {}
        spoken: dict[str, int] = {}
        async for message in socket:
            if message.type != WSMsgType.TEXT:
                break
            asked = json.loads(message.data)
            connection.messages.append(asked)
            context = asked["context_id"]
            if asked.get("close_context"):
                await socket.send_json({"isFinal": True, "contextId": context})
                continue
            if context not in pending:
                assert asked["text"] == " "  # the first message of a context is its registration
                assert "voice_settings" in asked
                pending[context] = ""
                continue
            assert asked["text"] == "" or asked["text"].endswith(" ")
            pending[context] += asked["text"]
            if asked.get("flush") and (text := pending[context]):
                pending[context] = ""
                sound = sound_of(text, voice, int(rate))
                aligned = _alignment(text, spoken.get(context, 0))
                spoken[context] = spoken.get(context, 0) + len(text) * MS_PER_CHARACTER
                if not await self._send(
                    sound.tobytes(), aligned, context, connection, request, socket
                ):
                    break
        if connection.fault == "mute":
            await self._stop.wait()
        self.end(connection, socket)
        return socket

    async def _send(
        self,
        sound: bytes,
        aligned: dict[str, Any],
        context: str,
        connection: Connection,
        request: web.Request,
        socket: web.WebSocketResponse,
    ) -> bool:
        for at in range(0, len(sound), _PIECE):
            await socket.send_json(
                {
                    "audio": base64.b64encode(sound[at : at + _PIECE]).decode(),
                    "contextId": context,
                    "alignment": aligned if at == 0 else None,
                    "normalizedAlignment": None,
                }
            )
            if at == 0 and await self.befall(connection, request, socket):
                return False
        return True

    async def _recognise(self, request: web.Request) -> web.Response:
        connection = await self.begin(request)
        form = await request.post()
        connection.messages.append({name: str(form[name]) for name in form if name != "file"})
        file: Any = form["file"]
        with wave.open(io.BytesIO(file.file.read())) as sound:
            assert (sound.getframerate(), sound.getnchannels()) == (16_000, 1)
            connection.audio += sound.readframes(sound.getnframes())
        if connection.fault == "garbage":
            return web.Response(text="{this is not JSON", content_type="application/json")
        if connection.fault == "mute":
            await self._stop.wait()
        text = self._words(connection)
        return web.json_response({"text": text, "language_code": "en", "words": self._timed(text)})

    async def _hear(self, request: web.Request) -> web.WebSocketResponse:
        connection, socket = await self.accept(request)
        assert connection.query["audio_format"] == ["pcm_16000"]
        assert connection.query["commit_strategy"] == ["manual"]
        await socket.send_json({"message_type": "session_started", "session_id": "s", "config": {}})
        heard = ""
        async for message in socket:
            if message.type != WSMsgType.TEXT:
                break
            asked = json.loads(message.data)
            assert asked["message_type"] == "input_audio_chunk"
            connection.audio += base64.b64decode(asked.pop("audio_base_64"))
            connection.messages.append(asked)
            if len(connection.audio) >= 16_000 and await self.befall(connection, request, socket):
                break
            text = self._words(connection)
            if asked["commit"]:
                # Every commit is told twice; words and language are in the second only.
                for kind in ("committed_transcript", "committed_transcript_with_timestamps"):
                    told = {"words": self._timed(text)} if kind.endswith("timestamps") else {}
                    await socket.send_json({"message_type": kind, "text": text, **told})
            elif text and text != heard:
                heard = text
                await socket.send_json({"message_type": "partial_transcript", "text": text})
        if connection.fault == "mute":
            await self._stop.wait()
        self.end(connection, socket)
        return socket

    def _words(self, connection: Connection) -> str:
        return self.script if (abs(connection.pcm.astype(int)) > 500).any() else ""

    def _timed(self, text: str) -> list[dict[str, Any]]:
        logprob = math.log(self.confidence)
        return [
            {"text": word, "start": n / 10, "end": (n + 1) / 10, "type": "word", "logprob": logprob}
            for n, word in enumerate(text.split())
        ]


def _alignment(text: str, before_ms: int) -> dict[str, Any]:
    return {
        "chars": list(text),
        "charStartTimesMs": [before_ms + n * MS_PER_CHARACTER for n in range(len(text))],
        "charDurationsMs": [MS_PER_CHARACTER] * len(text),
    }
