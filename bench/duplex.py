"""Duplex talks of the `cascade:` model with providers of zero delay. In `bench`, run

    ../.venv/bin/python duplex.py load --n 50
    ../.venv/bin/python duplex.py words

`load`   many talks at once, and beside them as many conversations of the same engine without what
         is duplex about them (24 kHz both ways, a voice that is paced, words told as they are
         heard): CPU, talks per core, sound that is late
`words`  from the first sample of a word to its piece of the transcript: in short turns, and in a
         speech of 9 s, for the cascade and for models that only hear the user (`UserWords`)

The recogniser knows the words that have been spoken so far, one for each 400 ms, and has partial
results every 250 ms. Voice activity is the product's own. One JSON line for each result.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import numpy as np

import harness as h
import measures
import talk
from greenroom.app.garbage import tune_garbage_collector
from greenroom.audio.pcm import HEARING_RATE, Pcm, samples_of
from greenroom.audio.resample import resample
from greenroom.audio.voice_activity import VoiceActivity
from greenroom.conversation.conversation import Conversation, Providers
from greenroom.conversation.ports import AudioOutput, Listener
from greenroom.duplex.cascade.model import CascadeModel
from greenroom.duplex.ports import DUPLEX_RATE, DuplexTalk, Persona
from greenroom.duplex.user_words import UserWords
from greenroom.sessions.model import Record, Session, Status
from greenroom.settings import ReplySettings, TurnSettings
from greenroom.speech.ports import PartialListener, Transcript
from greenroom.testing import ScriptedSynthesizer

FRAME = samples_of(h.FRAME_S * 1000, DUPLEX_RATE)
WORD_S = 0.4
PARTIAL = samples_of(250)
BEFORE, AFTER = 50, 60
"""Frames of silence around a speech."""
SPEECH_AT = 0.4
"""Seconds of sound before the speech that a turn's recogniser is given (the pre-roll)."""


def at_duplex_rate(frames: Sequence[bytes]) -> list[bytes]:
    """The user's frames of 20 ms, from 16 kHz to 24."""
    pcm = np.frombuffer(b"".join(frames), np.int16)
    sound = resample(pcm, HEARING_RATE, DUPLEX_RATE)
    return [sound[i : i + FRAME].tobytes() for i in range(0, len(sound) - FRAME + 1, FRAME)]


class User24k:
    """A user of the harness who repeats themselves every `cycle` frames, at 24 kHz."""

    def __init__(self, user: h.User, cycle: int) -> None:
        self._frames = at_duplex_rate([user.frame(i) for i in range(cycle)])

    def frame(self, i: int) -> bytes:
        return self._frames[i % len(self._frames)]


class CountingTranscriber:
    """Hears a word for each WORD_S of a turn's speech."""

    uri = "bench:"

    def __init__(self) -> None:
        self.spoken = 0

    def open(self, on_partial: PartialListener | None = None) -> CountingStream:
        return CountingStream(on_partial)

    async def warm_up(self) -> None:
        pass

    async def close(self) -> None:
        pass


class CountingStream:
    def __init__(self, on_partial: PartialListener | None) -> None:
        self._on_partial = on_partial
        self._fed = self._told = 0
        self._voiced = 0

    def feed(self, pcm: Pcm) -> None:
        self._fed += len(pcm)
        if len(pcm) and np.abs(pcm).max() > 1_000:
            self._voiced = self._fed
        if self._on_partial is not None and self._fed - self._told >= PARTIAL:
            self._told = self._fed
            self._on_partial(self._transcript(final=False))

    async def finish(self) -> Transcript:
        return self._transcript(final=True)

    def cancel(self) -> None:
        self._on_partial = None

    def _transcript(self, *, final: bool) -> Transcript:
        spoken = self._voiced / HEARING_RATE - (SPEECH_AT if self._fed == self._voiced else 0)
        count = max(1 if final else 0, round(spoken / WORD_S))
        return Transcript(" ".join(f"word{n}" for n in range(count)), 0.9, final=final)


class Conversations:
    """Opens conversations of providers without delay."""

    voice_rate = DUPLEX_RATE

    def __init__(self, detector: VoiceActivity, transcriber: Any, reply_s: float) -> None:
        self._detector = detector
        self._transcriber = transcriber
        self._synthesizer = ScriptedSynthesizer(
            rate=DUPLEX_RATE, length_ms=reply_s * 1000, chunk_ms=20
        )

    def open(
        self,
        session: Session,
        *,
        output: AudioOutput,
        listener: Listener,
        records: Sequence[Record],
    ) -> Conversation:
        del session, records
        return Conversation(
            Providers(
                self._detector, self._transcriber, self._synthesizer, talk.InstantAgent(), "Ashley"
            ),
            output=output,
            listener=listener,
            journal=lambda _: None,
            turns=TurnSettings(),
            replies=ReplySettings(),
            clock=asyncio.get_running_loop(),
            asides=True,
        )


class Told(NamedTuple):
    """A word of the user: which of its stream it is, where in the user's sound it would begin if
    its piece began where it is said to, and when it was told."""

    number: int
    began: float
    at: float


class Ear:
    """A `TalkListener` that hears without delay, and notes how late the sound was."""

    def __init__(self, log: h.SessionLog) -> None:
        self._log = log
        self._until = 0.0
        self.told: list[Told] = []

    def on_queued(self, position: int) -> None:
        pass

    def on_ready(self) -> None:
        pass

    def on_voice(self, pcm: Pcm) -> None:
        now, seconds = time.monotonic(), len(pcm) / DUPLEX_RATE
        if now > self._until + 0.5:
            self._log.first_audio()
            self._until = now
        self._log.output_late.add(now - self._until)
        self._until = max(now, self._until) + seconds
        self._log.audio_out_s += seconds

    def on_flush(self) -> None:
        self._until = 0.0

    def on_words(self, text: str) -> None:
        pass

    def on_user_words(self, text: str, began: float) -> None:
        now = time.monotonic()
        for n, word in enumerate(text.split()):
            self.told.append(Told(int(word.removeprefix("word")), began + n * WORD_S, now))

    def on_failure(self, why: str) -> None:
        raise AssertionError(why)

    def on_ended(self) -> None:
        pass


class Talk:
    """One duplex talk of the load."""

    def __init__(self, user: User24k, phase: float) -> None:
        self.log = h.SessionLog()
        self.feeder = h.Feeder(user, self.deliver, phase)
        self._talk: DuplexTalk | None = None

    async def start(self, model: CascadeModel) -> None:
        now = datetime.now(UTC)
        session = Session("bench", "duplex", "bench", Status.ACTIVE, now, started_at=now)
        self._talk = await model.open(session, Persona("NATF2.pt"), Ear(self.log), ())

    async def deliver(self, _i: int, pcm: bytes, _due: float) -> None:
        assert self._talk is not None
        self._talk.hear(np.frombuffer(pcm, np.int16))
        self.log.frames_heard += 1


class Cascade:
    """The system under test."""

    name, version = "cascade", talk.Greenroom.version

    def __init__(self, a: argparse.Namespace) -> None:
        self._cycle = len(h.speech_frames()) + round(a.silence / h.FRAME_S)
        self._detector = VoiceActivity()
        self._model: CascadeModel | None = None

    def create(self, user: h.User, *, phase: float, reply_s: float) -> Talk:
        if self._model is None:
            conversations = Conversations(self._detector, CountingTranscriber(), reply_s)
            self._model = CascadeModel(
                conversations, records=_no_records, clock=asyncio.get_running_loop()
            )
        return Talk(User24k(user, self._cycle), phase)

    async def start(self, talks: Sequence[Talk]) -> None:
        assert self._model is not None
        tune_garbage_collector()
        for each in talks:
            await each.start(self._model)

    async def stop(self, talks: Sequence[Talk]) -> None:
        del talks
        if self._model is not None:
            await self._model.close()
        await self._detector.close()


async def _no_records(session_id: str) -> Sequence[Record]:
    del session_id
    return ()


def bench_load(a: argparse.Namespace) -> None:
    cores: list[float] = []
    for make in (Cascade, talk.Greenroom):

        async def run(make: Callable[[argparse.Namespace], Any] = make) -> dict[str, Any]:
            return await measures.load(make(a), a)

        result = measures.run_loop(run, a.loop)
        gc.unfreeze()
        gc.collect()
        cores.append(result["cores_used"])
        result["talks_per_core"] = round(a.n / result["cores_used"])
        measures.emit(make.name, make.version, a, result)
    print(json.dumps({"measure": "duplex.load", "cpu_ratio": round(cores[0] / cores[1], 2)}))


async def _speak(hear: Callable[[Pcm], None], seconds: float) -> float:
    """The user speaks, with silence before and after; when the first sample of all was due."""
    speech = h.speech_frames() * 3
    count = round(seconds / h.FRAME_S)
    frames = at_duplex_rate(h.silence_frames(BEFORE) + speech[:count] + h.silence_frames(AFTER))
    began = time.monotonic()
    for i, frame in enumerate(frames):
        await asyncio.sleep(max(0.0, began + (i + 1) * h.FRAME_S - time.monotonic()))
        hear(np.frombuffer(frame, np.int16))
    return began


async def _words(seconds: float, times: int, *, cascade: bool) -> dict[str, Any]:
    detector, ear = VoiceActivity(), Ear(h.SessionLog())
    loop = asyncio.get_running_loop()
    if cascade:
        conversations = Conversations(detector, CountingTranscriber(), 0.2)
        model = CascadeModel(conversations, records=_no_records, clock=loop)
        session = Session("bench", "duplex", "bench", Status.ACTIVE, datetime.now(UTC))
        source = await model.open(session, Persona("NATF2.pt"), ear, ())
    else:
        source = UserWords(CountingTranscriber(), detector, loop, ear.on_user_words)
    delays: list[float] = []
    heard = 0.0
    for _ in range(times):
        ear.told.clear()
        began = await _speak(source.hear, seconds)
        for word in ear.told:
            # The cascade's recogniser hears a whole turn: its numbers are better than estimates.
            spoken = BEFORE * h.FRAME_S + word.number * WORD_S if cascade else word.began - heard
            delays.append(word.at - began - spoken)
        heard += seconds + (BEFORE + AFTER) * h.FRAME_S
    await source.close()
    await detector.close()
    return {"speech_s": seconds, "first_sample_to_entry": h.stats_ms(delays)}


async def bench_words(a: argparse.Namespace) -> None:
    for cascade in (True, False):
        for seconds, times in ((0.4, a.turns), (1.2, a.turns), (9.0, max(1, a.turns // 5))):
            result = await _words(seconds, times, cascade=cascade)
            name = "cascade" if cascade else "UserWords"
            print(json.dumps({"measure": "duplex.words", "by": name, **result}), flush=True)


def main() -> None:
    p = measures.arguments(__doc__, ["silero"], "words")
    p.set_defaults(n=50, turns=10, journal=False)
    a = p.parse_args()
    if a.bench == "load":
        bench_load(a)
    elif a.bench == "words":
        asyncio.run(bench_words(a))
    else:
        p.error("load or words")


if __name__ == "__main__":
    main()
