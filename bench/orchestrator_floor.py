"""What LiveKit's native client costs by itself: an agent's part in a room without an agent.

Takes the place of `peers/livekit_rooms.py`: reads `[{"url": ..., "token": ...}, ...]`, joins those
rooms, says `{"joined": N}`, and leaves when standard input ends. In each room a tone is played for
2 s of every 7, from frames of 100 ms, and whoever is there is heard, in frames of 50 ms that are
dropped: no voice activity, no turns, no words.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Coroutine
from typing import Any

from livekit import rtc

import harness as h

CYCLE_S = 7.0
CHUNK = 5
"""Frames of 20 ms."""


class Voice:
    """Somebody in a room who plays a tone and doesn't mind what is said."""

    def __init__(self) -> None:
        self._room = rtc.Room()
        self._source = rtc.AudioSource(h.OUT_RATE, 1, queue_size_ms=400)
        self._tasks: set[asyncio.Task[None]] = set()

    async def join(self, url: str, token: str) -> None:
        self._room.on("track_subscribed", lambda track, *_: self._begin(self._hear(track)))
        await self._room.connect(url, token)
        track = rtc.LocalAudioTrack.create_audio_track("voice", self._source)
        options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
        await self._room.local_participant.publish_track(track, options)
        self._begin(self._speak())

    async def leave(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._room.disconnect()

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        self._tasks.add(asyncio.create_task(work))

    async def _speak(self) -> None:
        frames = h.reply_frames(h.REPLY_S)
        while True:
            for k in range(0, len(frames), CHUNK):
                sound = b"".join(frames[k : k + CHUNK])
                n = len(sound) // 2
                await self._source.capture_frame(rtc.AudioFrame(sound, h.OUT_RATE, 1, n))
            await asyncio.sleep(CYCLE_S - h.REPLY_S)

    async def _hear(self, track: rtc.Track) -> None:
        stream = rtc.AudioStream(track, sample_rate=h.OUT_RATE, num_channels=1, frame_size_ms=50)
        async for _ in stream:
            pass


async def main() -> None:
    stdin = asyncio.StreamReader(limit=1_000_000)
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(stdin), sys.stdin
    )
    rooms = json.loads(await stdin.readline())
    voices = [Voice() for _ in rooms]
    for voice, room in zip(voices, rooms, strict=True):
        await voice.join(room["url"], room["token"])
    print(json.dumps({"joined": len(voices)}), flush=True)
    while await stdin.readline():
        pass
    await asyncio.gather(*[voice.leave() for voice in voices])


if __name__ == "__main__":
    asyncio.run(main())
