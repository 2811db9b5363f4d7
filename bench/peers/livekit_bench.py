"""LiveKit Agents under the measurements; written against livekit-agents 1.8.9. In `bench`, run

    .../venv-livekit/bin/python -m peers.livekit_bench load --n 25

The providers are built on its own stt.STT, llm.LLM and tts.TTS; sound goes through AgentSession
by io.AudioInput and io.AudioOutput: no room, no worker, no WebRTC, no network. Turn detection is
that of the voice activity detector with no endpointing delay on top; the time that an interruption
must last is LiveKit's default of 0.5 s. `aec_warmup_duration` is off, else nobody could interrupt
the first 3 s of a reply.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.metadata
import logging
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from livekit import rtc
from livekit.agents import Agent, AgentSession, llm, stt, tts, vad
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS, NOT_GIVEN
from livekit.agents.voice import io

import harness as h
import measures

MIN_SPEECH_S = 0.05
MIN_SILENCE_S = 0.55
"""The defaults of livekit-plugins-silero."""
WINDOW = 512


class EnergyVAD(vad.VAD):
    """An energy threshold with the windows and events of the Silero plugin, computed inline."""

    def __init__(self) -> None:
        super().__init__(capabilities=vad.VADCapabilities(update_interval=WINDOW / h.IN_RATE))

    @property
    def min_silence_duration(self) -> float:
        return MIN_SILENCE_S

    def stream(self) -> vad.VADStream:
        return EnergyVADStream(self)


class EnergyVADStream(vad.VADStream):
    async def _main_task(self) -> None:
        rest = b""
        self.index = 0
        self.speaking = False
        self.speech = self.silence = self.said = self.quiet = 0.0
        async for item in self._input_ch:
            if isinstance(item, self._FlushSentinel):
                rest, self.speaking = b"", False
                self.speech = self.silence = self.said = self.quiet = 0.0
                continue
            rest += bytes(item.data.cast("B"))
            while len(rest) >= 2 * WINDOW:
                self.window(rest[: 2 * WINDOW])
                rest = rest[2 * WINDOW :]

    def window(self, pcm: bytes) -> None:
        self.index += WINDOW
        step = WINDOW / h.IN_RATE
        x = np.frombuffer(pcm, np.int16).astype(np.float32)
        loud = float(np.dot(x, x)) / len(x) > 200.0**2
        frame = rtc.AudioFrame(pcm, h.IN_RATE, 1, WINDOW)
        if self.speaking:
            self.said += step
        else:
            self.quiet += step
        self.send(vad.VADEventType.INFERENCE_DONE, frame)
        if loud:
            self.speech, self.silence = self.speech + step, 0.0
            if not self.speaking and self.speech >= MIN_SPEECH_S:
                self.speaking, self.quiet, self.said = True, 0.0, self.speech
                self.send(vad.VADEventType.START_OF_SPEECH, frame)
        else:
            self.silence, self.speech = self.silence + step, 0.0
            if self.speaking and self.silence >= MIN_SILENCE_S:
                self.speaking, self.quiet = False, self.silence
                self.send(vad.VADEventType.END_OF_SPEECH, frame)
                self.said = 0.0

    def send(self, kind: vad.VADEventType, frame: rtc.AudioFrame) -> None:
        self._event_ch.send_nowait(
            vad.VADEvent(
                type=kind,
                samples_index=self.index,
                timestamp=self.index / h.IN_RATE,
                speech_duration=self.said,
                silence_duration=self.quiet,
                frames=[frame],
                speaking=self.speaking,
                raw_accumulated_silence=self.silence,
                raw_accumulated_speech=self.speech,
            )
        )


class InstantSTT(stt.STT):
    """A streaming STT; `Session` releases its final transcript when the user stops."""

    def __init__(self, log: h.SessionLog) -> None:
        super().__init__(capabilities=stt.STTCapabilities(streaming=True, interim_results=True))
        self.log = log
        self.current: InstantSTTStream | None = None

    async def _recognize_impl(self, *_args: Any, **_kwargs: Any) -> stt.SpeechEvent:
        raise NotImplementedError

    def stream(
        self, *, language: Any = NOT_GIVEN, conn_options: Any = DEFAULT_API_CONNECT_OPTIONS
    ) -> InstantSTTStream:
        del language
        self.current = InstantSTTStream(stt=self, conn_options=conn_options)
        return self.current

    def send(self, *kinds: stt.SpeechEventType) -> None:
        assert self.current is not None
        for kind in kinds:
            self.current.send(kind)


class InstantSTTStream(stt.RecognizeStream):
    async def _run(self) -> None:
        log = self._stt.log
        async for item in self._input_ch:
            if isinstance(item, rtc.AudioFrame):
                due = item.userdata.get("due")
                if due is not None:
                    log.input_late.add(time.monotonic() - due)
                log.frames_heard += 1

    def send(self, kind: stt.SpeechEventType) -> None:
        self._event_ch.send_nowait(
            stt.SpeechEvent(
                type=kind, alternatives=[stt.SpeechData(language="en", text=h.TRANSCRIPT)]
            )
        )


class InstantLLM(llm.LLM):
    def chat(
        self,
        *,
        chat_ctx: llm.ChatContext,
        tools: Any = None,
        conn_options: Any = DEFAULT_API_CONNECT_OPTIONS,
        **_kwargs: Any,
    ) -> InstantLLMStream:
        return InstantLLMStream(
            self, chat_ctx=chat_ctx, tools=tools or [], conn_options=conn_options
        )


class InstantLLMStream(llm.LLMStream):
    """The reply of 20 tokens, at once."""

    async def _run(self) -> None:
        for token in h.REPLY_TOKENS:
            self._event_ch.send_nowait(
                llm.ChatChunk(id="r", delta=llm.ChoiceDelta(role="assistant", content=token))
            )


class InstantTTS(tts.TTS):
    """A streaming TTS: once the text is complete, the reply's sound in frames of 20 ms, at once."""

    def __init__(self, reply_s: float) -> None:
        super().__init__(
            capabilities=tts.TTSCapabilities(streaming=True),
            sample_rate=h.OUT_RATE,
            num_channels=1,
        )
        self.frames = h.reply_frames(reply_s)

    def synthesize(self, text: str, *, conn_options: Any = DEFAULT_API_CONNECT_OPTIONS) -> Any:
        raise NotImplementedError

    def stream(self, *, conn_options: Any = DEFAULT_API_CONNECT_OPTIONS) -> InstantTTSStream:
        return InstantTTSStream(tts=self, conn_options=conn_options)


class InstantTTSStream(tts.SynthesizeStream):
    async def _run(self, output_emitter: tts.AudioEmitter) -> None:
        output_emitter.initialize(
            request_id="r",
            sample_rate=h.OUT_RATE,
            num_channels=1,
            mime_type="audio/pcm",
            stream=True,
        )
        segments, text = 0, ""
        async for item in self._input_ch:
            if isinstance(item, str):
                text += item
            elif text.strip():  # a flush: the end of the utterance
                segments += 1
                text = ""
                self._mark_started()
                output_emitter.start_segment(segment_id=f"s{segments}")
                for pcm in self._tts.frames:
                    output_emitter.push(pcm)
                output_emitter.end_segment()


class MemoryInput(io.AudioInput):
    def __init__(self) -> None:
        super().__init__(label="memory")
        self.frames: asyncio.Queue[rtc.AudioFrame] = asyncio.Queue()

    async def __anext__(self) -> rtc.AudioFrame:
        return await self.frames.get()


class MemoryOutput(io.AudioOutput):
    """Plays by the paced sink, with the contract of LiveKit's own room output."""

    def __init__(self, log: h.SessionLog) -> None:
        super().__init__(
            label="memory",
            sample_rate=h.OUT_RATE,
            capabilities=io.AudioOutputCapabilities(pause=True),
        )
        self.log = log
        self.sink = h.PacedSink(log)
        self.active = False

    async def capture_frame(self, frame: rtc.AudioFrame) -> None:
        await super().capture_frame(frame)
        if not self.active:
            self.active = True
            self.sink.begin()
            self.log.first_audio()
            self.on_playback_started(created_at=time.time())
        self.sink.push(frame.duration)

    def flush(self) -> None:
        super().flush()
        if self.active:
            self.sink.when_below(0, self.on_played)

    def on_played(self) -> None:
        self.active = False
        self.log.mark("reply_end")
        self.on_playback_finished(playback_position=self.sink.played, interrupted=False)

    def clear_buffer(self) -> None:
        self.sink.stop()
        if self.active:
            self.active = False
            self.log.mark_once("output_stopped")
            self.log.mark("output_cleared")
            self.on_playback_finished(playback_position=self.sink.played, interrupted=True)

    def pause(self) -> None:
        super().pause()
        self.sink.pause()
        if self.active:
            self.log.mark_once("output_stopped")

    def resume(self) -> None:
        super().resume()
        self.sink.resume()


class Session:
    def __init__(
        self, detector: vad.VAD | None, user: h.User, phase: float, reply_s: float
    ) -> None:
        self.log = h.SessionLog()
        self.user, self.signalled = user, detector is None
        self.speaking = False
        self.stt = InstantSTT(self.log)
        self.session = AgentSession(
            stt=self.stt,
            vad=detector,
            llm=InstantLLM(),
            tts=InstantTTS(reply_s),
            turn_handling={
                "turn_detection": "stt" if self.signalled else "vad",
                "endpointing": {"min_delay": 0.0, "max_delay": 0.01},
                "interruption": {"mode": "vad"},
            },
            aec_warmup_duration=None,
        )
        self.input, self.output = MemoryInput(), MemoryOutput(self.log)
        self.session.input.audio, self.session.output.audio = self.input, self.output
        self.session.on("user_state_changed", self.on_user_state)
        self.feeder = h.Feeder(user, self.deliver, phase)

    def on_user_state(self, event: Any) -> None:
        if event.new_state == "speaking":
            self.log.mark("vad_start")
        elif event.old_state == "speaking" and event.new_state == "listening":
            self.log.mark("vad_stop")
            if not self.signalled:
                self.log.mark("transcript")
                self.stt.send(stt.SpeechEventType.FINAL_TRANSCRIPT)

    async def deliver(self, i: int, pcm: bytes, due: float) -> None:
        if self.signalled and self.user.speaking(i) != self.speaking:
            self.speaking = not self.speaking
            kind = stt.SpeechEventType
            if self.speaking:
                self.stt.send(kind.START_OF_SPEECH, kind.INTERIM_TRANSCRIPT)
            else:
                self.log.mark("transcript")
                self.stt.send(kind.FINAL_TRANSCRIPT, kind.END_OF_SPEECH)
        self.input.frames.put_nowait(
            rtc.AudioFrame(pcm, h.IN_RATE, 1, h.IN_SAMPLES, userdata={"due": due})
        )


class LiveKitAgents:
    """The system under test."""

    name = "livekit"
    version = importlib.metadata.version("livekit-agents")

    def __init__(self, a: argparse.Namespace) -> None:
        self._detector = _detector(a.vad)  # one for the process, with a stream for each session

    def create(self, user: h.User, *, phase: float, reply_s: float) -> Session:
        return Session(self._detector, user, phase, reply_s)

    async def start(self, sessions: Sequence[Session]) -> None:
        agent = "You are a helpful assistant."
        await asyncio.gather(
            *[s.session.start(Agent(instructions=agent), record=False) for s in sessions]
        )

    async def stop(self, sessions: Sequence[Session]) -> None:
        closing = [asyncio.ensure_future(s.session.aclose()) for s in sessions]
        await asyncio.wait(closing, timeout=30)


def _detector(name: str) -> vad.VAD | None:
    if name == "silero":
        from livekit.plugins import silero

        return silero.VAD.load(min_speech_duration=MIN_SPEECH_S, min_silence_duration=MIN_SILENCE_S)
    if name == "bundled":
        from livekit.agents import inference

        return inference.VAD(
            model="silero", min_speech_duration=MIN_SPEECH_S, min_silence_duration=MIN_SILENCE_S
        )
    return EnergyVAD() if name == "energy" else None


if __name__ == "__main__":
    logging.basicConfig(level=logging.ERROR)
    for noisy in ("livekit", "livekit.agents"):
        logging.getLogger(noisy).setLevel(logging.ERROR)
    args = measures.arguments(__doc__, ["silero", "bundled", "energy", "external"]).parse_args()
    measures.run(args, lambda: LiveKitAgents(args))
