"""Pipecat under the measurements; written against pipecat-ai 1.14.0. In `bench`, run

    .../venv-pipecat/bin/python -m peers.pipecat_bench load --n 25

The providers are built on its own STTService, LLMService and TTSService, the transport on its
BaseInputTransport and BaseOutputTransport, which paces the output itself (40 ms at a time, its
default). End of turn: SpeechTimeoutUserTurnStopStrategy(0), so that only the wait of the voice
activity detector is left. RTVI and turn tracking are on, as they are by default.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.metadata
import time
from collections.abc import AsyncGenerator, Sequence

import numpy as np
from loguru import logger
from pipecat.audio.vad.silero import SileroVADAnalyzer
from pipecat.audio.vad.vad_analyzer import VADAnalyzer, VADParams
from pipecat.frames.frames import (
    Frame,
    InputAudioRawFrame,
    InterruptionFrame,
    LLMContextFrame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    OutputAudioRawFrame,
    TranscriptionFrame,
    TTSAudioRawFrame,
    TTSStoppedFrame,
    VADUserStartedSpeakingFrame,
    VADUserStoppedSpeakingFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import (
    LLMContextAggregatorPair,
    LLMUserAggregatorParams,
)
from pipecat.processors.frame_processor import FrameDirection
from pipecat.services.llm_service import LLMService
from pipecat.services.stt_service import STTService
from pipecat.services.tts_service import TTSService
from pipecat.transports.base_input import BaseInputTransport
from pipecat.transports.base_output import BaseOutputTransport
from pipecat.transports.base_transport import BaseTransport, TransportParams
from pipecat.turns.user_stop import SpeechTimeoutUserTurnStopStrategy
from pipecat.turns.user_turn_strategies import UserTurnStrategies
from pipecat.utils.time import time_now_iso8601
from pipecat.workers.runner import WorkerRunner

import harness as h
import measures


def from_wall(stamp: float) -> float:
    """A time.time() stamp made inside the framework, as monotonic time."""
    return time.monotonic() - (time.time() - stamp)


class EnergyVAD(VADAnalyzer):
    """The model taken out; the base class's thread hop, buffering and loudness measure stay."""

    def num_frames_required(self) -> int:
        return 512

    def voice_confidence(self, buffer: bytes) -> float:
        x = np.frombuffer(buffer, np.int16).astype(np.float32)
        return 1.0 if float(np.dot(x, x)) / len(x) > 200.0**2 else 0.0


class InstantSTT(STTService):
    """A final transcript the moment the detector says that the user stopped."""

    def __init__(self, log: h.SessionLog) -> None:
        super().__init__(sample_rate=h.IN_RATE, ttfs_p99_latency=0.35)
        self.log = log

    async def run_stt(self, audio: bytes) -> AsyncGenerator[Frame | None, None]:
        del audio
        yield None

    async def process_audio_frame(
        self, frame: InputAudioRawFrame, direction: FrameDirection
    ) -> None:
        self.log.input_late.add(time.monotonic() - frame.metadata["due"])
        self.log.frames_heard += 1
        await super().process_audio_frame(frame, direction)

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        if isinstance(frame, VADUserStartedSpeakingFrame):
            self.log.mark("vad_start", from_wall(frame.timestamp))
        elif isinstance(frame, VADUserStoppedSpeakingFrame):
            self.log.mark("vad_stop", from_wall(frame.timestamp))
        await super().process_frame(frame, direction)
        if isinstance(frame, VADUserStoppedSpeakingFrame):
            self.log.mark("transcript")
            await self.push_frame(
                TranscriptionFrame(h.TRANSCRIPT, "", time_now_iso8601(), finalized=True)
            )


class InstantLLM(LLMService):
    """The reply of 20 tokens, at once."""

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, LLMContextFrame):
            await self.push_frame(LLMFullResponseStartFrame())
            for token in h.REPLY_TOKENS:
                await self._push_llm_text(token)
            await self.push_frame(LLMFullResponseEndFrame())
        else:
            await self.push_frame(frame, direction)


class InstantTTS(TTSService):
    """The reply's sound in frames of 20 ms, at once."""

    def __init__(self, reply_s: float) -> None:
        super().__init__(sample_rate=h.OUT_RATE, push_start_frame=True, push_stop_frames=True)
        self.frames = h.reply_frames(reply_s)

    async def run_tts(self, text: str, context_id: str) -> AsyncGenerator[Frame | None, None]:
        del text
        for pcm in self.frames:
            yield TTSAudioRawFrame(pcm, h.OUT_RATE, 1, context_id=context_id)


class MemoryInput(BaseInputTransport):
    async def start(self, frame: Frame) -> None:
        await super().start(frame)
        await self.set_transport_ready(frame)


class MemoryOutput(BaseOutputTransport):
    """Like a sound device: a write returns when the chunk has been played."""

    def __init__(self, params: TransportParams, log: h.SessionLog) -> None:
        super().__init__(params)
        self.log = log
        self.next_at = 0.0
        self.fresh = True

    async def start(self, frame: Frame) -> None:
        await super().start(frame)
        await self.set_transport_ready(frame)

    async def write_audio_frame(self, frame: OutputAudioRawFrame) -> bool:
        now = time.monotonic()
        length = len(frame.audio) / 2 / frame.sample_rate
        if self.fresh:
            self.fresh = False
            self.next_at = now
            self.log.first_audio()
        self.log.output_late.add(now - self.next_at)
        self.log.audio_out_s += length
        self.next_at += length
        await asyncio.sleep(max(self.next_at - time.monotonic(), 0))
        return True

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, InterruptionFrame):
            self.fresh = True
            self.log.mark_once("output_stopped")
            self.log.mark("output_cleared")

    async def push_frame(
        self, frame: Frame, direction: FrameDirection = FrameDirection.DOWNSTREAM
    ) -> None:
        if isinstance(frame, TTSStoppedFrame):  # the reply has been played
            self.fresh = True
            self.log.mark("reply_end")
        await super().push_frame(frame, direction)


class MemoryTransport(BaseTransport):
    def __init__(self, params: TransportParams, log: h.SessionLog) -> None:
        super().__init__()
        self._in, self._out = MemoryInput(params), MemoryOutput(params, log)

    def input(self) -> MemoryInput:
        return self._in

    def output(self) -> MemoryOutput:
        return self._out


class Session:
    def __init__(self, vad: str, user: h.User, phase: float, reply_s: float) -> None:
        self.log = h.SessionLog()
        self.user, self.signalled = user, vad == "external"
        self.speaking = False
        self.transport = MemoryTransport(
            TransportParams(
                audio_in_enabled=True, audio_out_enabled=True, audio_out_end_silence_secs=0
            ),
            self.log,
        )
        analyzer = {"silero": SileroVADAnalyzer, "energy": EnergyVAD}.get(vad)
        pair = LLMContextAggregatorPair(
            LLMContext([{"role": "system", "content": "You are a helpful assistant."}]),
            user_params=LLMUserAggregatorParams(
                vad_analyzer=analyzer(params=VADParams()) if analyzer else None,
                user_turn_strategies=UserTurnStrategies(
                    stop=[SpeechTimeoutUserTurnStopStrategy(user_speech_timeout=0.0)]
                ),
            ),
        )
        pipeline = Pipeline(
            [
                self.transport.input(),
                InstantSTT(self.log),
                pair.user(),
                InstantLLM(),
                InstantTTS(reply_s),
                self.transport.output(),
                pair.assistant(),
            ]
        )
        self.worker = PipelineWorker(
            pipeline,
            params=PipelineParams(audio_in_sample_rate=h.IN_RATE, audio_out_sample_rate=h.OUT_RATE),
        )
        self.started = asyncio.Event()
        self.worker.event_handler("on_pipeline_started")(self.on_started)
        self.feeder = h.Feeder(user, self.deliver, phase)

    async def on_started(self, _worker: PipelineWorker, _frame: Frame) -> None:
        self.started.set()

    async def deliver(self, i: int, pcm: bytes, due: float) -> None:
        transport = self.transport.input()
        if self.signalled and self.user.speaking(i) != self.speaking:
            self.speaking = not self.speaking
            await transport.push_frame(
                VADUserStartedSpeakingFrame() if self.speaking else VADUserStoppedSpeakingFrame()
            )
        frame = InputAudioRawFrame(pcm, h.IN_RATE, 1)
        frame.metadata["due"] = due
        await transport.push_audio_frame(frame)


class Pipecat:
    """The system under test."""

    name = "pipecat"
    version = importlib.metadata.version("pipecat-ai")

    def __init__(self, a: argparse.Namespace) -> None:
        self._vad = a.vad
        self._runner = WorkerRunner(handle_sigint=False)
        self._running: asyncio.Task[None] | None = None

    def create(self, user: h.User, *, phase: float, reply_s: float) -> Session:
        return Session(self._vad, user, phase, reply_s)

    async def start(self, sessions: Sequence[Session]) -> None:
        await self._runner.add_workers(*[s.worker for s in sessions])
        self._running = asyncio.create_task(self._runner.run(auto_end=False))
        await asyncio.gather(*[s.started.wait() for s in sessions])

    async def stop(self, _sessions: Sequence[Session]) -> None:
        await self._runner.cancel()
        if self._running is not None:
            await asyncio.wait([self._running], timeout=20)


if __name__ == "__main__":
    logger.remove()  # its log is at debug level by default: dozens of lines a turn
    args = measures.arguments(__doc__, ["silero", "energy", "external"]).parse_args()
    measures.run(args, lambda: Pipecat(args))
