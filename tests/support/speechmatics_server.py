"""Speechmatics' speech by a request: raw samples as the body's pieces.

https://docs.speechmatics.com/text-to-speech/quickstart
"""

from __future__ import annotations

from aiohttp import web

from support.vendor_server import KEY, VendorServer, sound_of

_PIECE = 3_001
"""Bytes: pieces of a body keep no samples together."""


class SpeechmaticsServer(VendorServer):
    """The middle of a connection is the first sound."""

    def routes(self, router: web.UrlDispatcher) -> None:
        router.add_post("/generate/{voice}", self._speak)

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
