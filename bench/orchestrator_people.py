"""People who talk with agents in rooms, by LiveKit's own client, in a process of their own.

`python orchestrator_people.py` reads one line of JSON, `[{"url": ..., "token": ...}, ...]`, joins
all those rooms, and says `{"joined": N}`. Each person then says 3 s of speech and is silent for
4 s, again and again, spread evenly over the cycle, from frames of 100 ms. Each further line on
standard input is answered with what was heard since the last one.

A reply is sound with no more than 200 ms of silence in it; a gap is a window of 20 ms in a reply
that is silent.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Sequence

import numpy as np
from livekit import rtc

import harness as h
from room_client import RATE, Person, Samples

SILENCE_S = 4.0
CHUNK = 5
"""Frames of 20 ms."""
WINDOW = RATE // 50
QUIET = 300.0
"""RMS; all that answers here speaks a tone of about 2,100."""
LONGEST_GAP = 10
"""Windows of silence; more are the end of a reply."""


def replies_in(sound: Samples) -> tuple[int, float, int]:
    """How many replies there are, the seconds of sound in them, and their gaps."""
    windows = sound[: len(sound) // WINDOW * WINDOW].reshape(-1, WINDOW).astype(float)
    loud = np.flatnonzero(np.sqrt((windows**2).mean(axis=1)) > QUIET)
    if not len(loud):
        return 0, 0.0, 0
    silent = np.diff(loud) - 1
    within = silent[silent <= LONGEST_GAP]
    return 1 + len(silent) - len(within), len(loud) * WINDOW / RATE, int(within.sum())


async def speak(person: Person, user: h.User) -> None:
    """Say what the user says, in real time; the source's queue keeps the pace."""
    source = rtc.AudioSource(h.IN_RATE, 1, queue_size_ms=400)
    track = rtc.LocalAudioTrack.create_audio_track("microphone", source)
    options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
    await person.room.local_participant.publish_track(track, options)
    at = 0
    while True:
        sound = b"".join(user.frame(at + k) for k in range(CHUNK))
        await source.capture_frame(rtc.AudioFrame(sound, h.IN_RATE, 1, CHUNK * h.IN_SAMPLES))
        at += CHUNK


def heard(people: Sequence[Person]) -> dict[str, object]:
    """By all since the last time."""
    each = [replies_in(person.take()) for person in people]
    return {
        "replies": sum(n for n, _, _ in each),
        "heard_s": round(sum(s for _, s, _ in each), 1),
        "gaps": sum(g for _, _, g in each),
        "fewest_replies": min(n for n, _, _ in each),
        "cpu_s": round(h.cpu_seconds(), 2),
    }


async def main() -> None:
    stdin = asyncio.StreamReader(limit=1_000_000)
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(stdin), sys.stdin
    )
    rooms = json.loads(await stdin.readline())
    people = [Person() for _ in rooms]
    for person, room in zip(people, rooms, strict=True):
        await person.enter(room["url"], room["token"])
    users = [h.TalkingUser.staggered(SILENCE_S, k, len(people)) for k in range(len(people))]
    talking = [
        asyncio.create_task(speak(person, user)) for person, user in zip(people, users, strict=True)
    ]
    await asyncio.gather(*[person.listen(frame_ms=100) for person in people])
    say({"joined": len(people)})
    while await stdin.readline():
        say(heard(people))
    for task in talking:
        task.cancel()
    await asyncio.gather(*talking, return_exceptions=True)
    await asyncio.gather(*[person.leave() for person in people])


def say(what: dict[str, object]) -> None:
    print(json.dumps(what), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
