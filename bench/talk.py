"""Greenroom under the measurements. In `bench`, run

    ../.venv/bin/python talk.py load --n 25

The conversation, its voice activity and its journal (SQLite, in a temporary folder) are the
product's own, and the garbage collector is set as the server sets it; hearing, thinking and
speaking take no time. The output is the harness's paced sink.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.metadata
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import harness as h
import measures
from greenroom.agents.ports import AgentEvent, AnswerDone, Message, TextDelta
from greenroom.app.garbage import tune_garbage_collector
from greenroom.audio.pcm import Pcm
from greenroom.audio.voice_activity import VoiceActivity
from greenroom.conversation.conversation import Conversation, Providers, VoiceActivityStream
from greenroom.conversation.ports import ConversationEvent, Journal, ReplyFinished
from greenroom.sessions.model import EndReason, Entry
from greenroom.sessions.service import SessionService, open_sessions
from greenroom.settings import Settings
from greenroom.speech.ports import PartialListener, Transcript
from greenroom.testing import EnergyVoiceActivity, ScriptedSynthesizer

Detector = VoiceActivity | EnergyVoiceActivity


class InstantStream:
    """One turn's hearing: the final transcript at once."""

    def __init__(self, log: h.SessionLog) -> None:
        self._log = log

    def feed(self, _pcm: Pcm) -> None:
        self._log.frames_heard += 1

    async def finish(self) -> Transcript:
        # The verdict before this step is the one that ended the turn.
        self._log.mark("vad_stop", self._log.events["verdict"])
        self._log.mark("transcript")
        return Transcript(h.TRANSCRIPT, 0.9, final=True)

    def cancel(self) -> None:
        pass


class InstantTranscriber:
    uri = "bench:"

    def __init__(self, log: h.SessionLog) -> None:
        self._log = log

    def open(self, on_partial: PartialListener | None = None) -> InstantStream:
        del on_partial
        return InstantStream(self._log)

    async def warm_up(self) -> None:
        pass

    async def close(self) -> None:
        pass


class InstantAgent:
    """The reply of 20 tokens, at once."""

    async def answer(self, text: str, history: Sequence[Message]) -> AsyncIterator[AgentEvent]:
        del text, history
        for token in h.REPLY_TOKENS:
            yield TextDelta(token)
        yield AnswerDone("bench")

    def check(self, sentence: str) -> str:
        return sentence

    def snapshot(self) -> dict[str, Any]:
        return {}


class TimedDetector:
    """Passes verdicts on, and notes how late each window's was when all had acted on it."""

    def __init__(self, detector: Detector, session: Session) -> None:
        self._detector, self._session = detector, session

    def open(self, on_probability: Callable[[float, int], None]) -> VoiceActivityStream:
        log, due = self._session.log, self._session.due

        def timed(probability: float, end: int) -> None:
            log.events["verdict"] = time.monotonic()
            log.events["verdict_due"] = at = due(end)
            on_probability(probability, end)
            log.input_late.add(time.monotonic() - at)

        return self._detector.open(timed)


class PacedOutput:
    """An `AudioOutput` that plays by the paced sink."""

    def __init__(self, log: h.SessionLog) -> None:
        self._log = log
        self._sink = h.PacedSink(log)
        self._reply = ""
        self._rate = h.OUT_RATE
        self._first: float | None = None

    def begin(self, reply_id: str, turn_id: str, rate: int) -> None:
        del turn_id
        self._reply, self._rate, self._first = reply_id, rate, None
        self._sink.begin()
        self._sink.resume()

    def write(self, reply_id: str, sentence: int, pcm: Pcm, *, last: bool) -> None:
        del sentence, last
        if reply_id != self._reply or not len(pcm):
            return
        if self._first is None:
            self._log.first_audio()
            self._first = self._log.events["first_audio"]
        self._sink.push(len(pcm) / self._rate)

    def end(self, reply_id: str) -> None:
        pass

    def pause(self) -> None:
        self._sink.pause()
        if "output_stopped" not in self._log.events:
            self._log.mark("vad_start", self._log.events["verdict"])
            self._log.mark("deciding_frame", self._log.events["verdict_due"])
            self._log.mark("output_stopped")

    def resume(self) -> None:
        self._sink.resume()

    def flush(self) -> float:
        self._reply = ""
        self._sink.stop()
        self._log.mark_once("output_stopped")
        self._log.mark("output_cleared")
        return self.played_ms()

    def played_ms(self) -> float:
        return self._sink.played * 1000

    def first_times(self) -> tuple[float | None, float | None]:
        return self._first, self._first

    async def wait_until_ahead(self, ms: float) -> None:
        low = asyncio.Event()
        self._sink.when_below(ms / 1000, low.set)
        await low.wait()


class Session:
    """One talk."""

    def __init__(
        self,
        detector: Detector,
        settings: Settings,
        user: h.User,
        phase: float,
        reply_s: float,
    ) -> None:
        self.log = h.SessionLog()
        self.feeder = h.Feeder(user, self.deliver, phase)
        self._settings = settings
        self._providers = Providers(
            TimedDetector(detector, self),
            InstantTranscriber(self.log),
            ScriptedSynthesizer(rate=h.OUT_RATE, length_ms=reply_s * 1000, chunk_ms=20),
            InstantAgent(),
            "Ashley",
        )
        self._conversation: Conversation | None = None

    def due(self, end: int) -> float:
        """When the frame was due that ends with, or has in it, the sample before `end`."""
        return self.feeder.due((end - 1) // h.IN_SAMPLES)

    async def start(self, journal: Journal) -> None:
        self._conversation = Conversation(
            self._providers,
            output=PacedOutput(self.log),
            listener=self._on_event,
            journal=journal,
            turns=self._settings.turns,
            replies=self._settings.replies,
            clock=asyncio.get_running_loop(),
        )
        await self._conversation.start()

    async def deliver(self, _i: int, pcm: bytes, _due: float) -> None:
        assert self._conversation is not None
        self._conversation.hear(np.frombuffer(pcm, np.int16))

    async def close(self) -> None:
        if self._conversation is not None:
            await self._conversation.close()

    def _on_event(self, event: ConversationEvent) -> None:
        if isinstance(event, ReplyFinished):
            self.log.mark("reply_end")


class Greenroom:
    """The system under test."""

    name = "greenroom"
    version = importlib.metadata.version("greenroom")

    def __init__(self, a: argparse.Namespace) -> None:
        self._journal = a.journal
        self._folder = tempfile.TemporaryDirectory()
        self._settings = Settings(data_dir=Path(self._folder.name))
        self._detector: Detector = EnergyVoiceActivity() if a.vad == "energy" else VoiceActivity()
        self._sessions: SessionService | None = None

    def create(self, user: h.User, *, phase: float, reply_s: float) -> Session:
        return Session(self._detector, self._settings, user, phase, reply_s)

    async def start(self, sessions: Sequence[Session]) -> None:
        if self._journal:
            self._sessions = await open_sessions(self._settings)
        tune_garbage_collector()
        for session in sessions:
            await session.start(await self._open_journal())

    async def stop(self, sessions: Sequence[Session]) -> None:
        await asyncio.gather(*[session.close() for session in sessions])
        await self._detector.close()
        if self._sessions is not None:
            await self._sessions.close()
        self._folder.cleanup()

    async def _open_journal(self) -> Journal:
        if self._sessions is None:
            return _ignore
        session = await self._sessions.create(api="bench", tenant="bench", settings={})
        await self._sessions.start(session.id)
        self._sessions.hold(session.id, _ignore)
        return partial(self._sessions.append, session.id)


def _ignore(_: Entry | EndReason) -> None:
    pass


if __name__ == "__main__":
    parser = measures.arguments(__doc__, ["silero", "energy"])
    parser.add_argument("--journal", action=argparse.BooleanOptionalAction, default=True)
    args = parser.parse_args()
    measures.run(args, lambda: Greenroom(args))
