"""Agents of LiveKit Agents in rooms; written against livekit-agents 1.8.9. In `bench`, run

    .../python -m peers.livekit_rooms

Reads one line of JSON, `[{"url": ..., "token": ...}, ...]`, joins each of those rooms with an
`AgentSession` of its own, all in this process and on one event loop, and says `{"joined": N}`; it
leaves when standard input ends. LiveKit's own worker would give each session a process of its own:
that costs more, so it is left out.

The providers are those of `livekit_bench`: a transcript as soon as LiveKit's voice activity (the
native Silero that it brings along) has decided that the user has finished, 20 tokens, and 2 s of
sound, all at once. Rooms are as LiveKit sets them (24 kHz in frames of 50 ms, captions in step with
the sound), but for the automatic gain control of what is heard, which is off unless `--gain` is
given: Greenroom has none.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import sys

from livekit import rtc
from livekit.agents import Agent, AgentSession, inference, room_io, stt

import harness as h
from peers.livekit_bench import MIN_SILENCE_S, MIN_SPEECH_S, InstantLLM, InstantSTT, InstantTTS


class RoomAgent:
    """One session in its room."""

    def __init__(self, detector: inference.VAD) -> None:
        self.room = rtc.Room()
        self.ears = InstantSTT(h.SessionLog())
        self.session: AgentSession[None] = AgentSession(
            stt=self.ears,
            vad=detector,
            llm=InstantLLM(),
            tts=InstantTTS(h.REPLY_S),
            turn_handling={
                "turn_detection": "vad",
                "endpointing": {"min_delay": 0.0, "max_delay": 0.01},
                "interruption": {"mode": "vad"},
            },
        )
        self.session.on("user_state_changed", self.on_user_state)

    def on_user_state(self, event: object) -> None:
        old, new = getattr(event, "old_state", ""), getattr(event, "new_state", "")
        if (old, new) == ("speaking", "listening"):
            self.ears.send(stt.SpeechEventType.FINAL_TRANSCRIPT)

    async def join(self, url: str, token: str, *, gain: bool) -> None:
        await self.room.connect(url, token)
        await self.session.start(
            Agent(instructions="You are a helpful assistant."),
            room=self.room,
            room_options=room_io.RoomOptions(
                audio_input=room_io.AudioInputOptions(auto_gain_control=gain)
            ),
            record=False,
        )

    async def leave(self) -> None:
        await self.session.aclose()
        await self.room.disconnect()


async def main(gain: bool) -> None:
    stdin = asyncio.StreamReader(limit=1_000_000)
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(stdin), sys.stdin
    )
    rooms = json.loads(await stdin.readline())
    detector = inference.VAD(
        model="silero", min_speech_duration=MIN_SPEECH_S, min_silence_duration=MIN_SILENCE_S
    )
    agents = [RoomAgent(detector) for _ in rooms]
    for agent, room in zip(agents, rooms, strict=True):
        await agent.join(room["url"], room["token"], gain=gain)
    print(json.dumps({"joined": len(agents)}), flush=True)
    while await stdin.readline():
        pass
    await asyncio.gather(*[agent.leave() for agent in agents])


if __name__ == "__main__":
    logging.basicConfig(level=logging.ERROR)
    for noisy in ("livekit", "livekit.agents"):
        logging.getLogger(noisy).setLevel(logging.ERROR)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--gain", action="store_true", help="automatic gain control, as LiveKit does"
    )
    asyncio.run(main(parser.parse_args().gain))
