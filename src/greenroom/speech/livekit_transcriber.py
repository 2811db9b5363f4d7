"""The transcriber `livekit:<plugin>`: the speech-to-text of any plugin of LiveKit Agents.

A turn is one stream of the plugin. It is opened when the turn begins, which is the onset of speech,
so that connecting overlaps with speaking; what is fed meanwhile waits in the stream. A plugin that
can't stream gets the whole turn at its end.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

import numpy as np

from greenroom.audio.pcm import EMPTY, HEARING_RATE, Pcm
from greenroom.audio.resample import Resampler, resample
from greenroom.errors import ProviderFailed
from greenroom.speech.livekit_plugins import TIMEOUT, LiveKitPlugin
from greenroom.speech.ports import (
    PartialListener,
    ProviderContext,
    Transcript,
    TranscriptionStream,
)

if TYPE_CHECKING:
    from livekit import rtc
    from livekit.agents.stt import STT, SpeechData, SpeechEvent

_SETTING = "providers.transcriber"
_MAX_TURN = 75 * HEARING_RATE
"""Samples of one turn; what comes after is not heard."""
_FINAL_TIMEOUT = 8.0
"""Seconds from the end of a turn to its transcript."""
_SETTLE = 1.0
"""Seconds that a stream has to end after a final transcript: a turn may be split in several."""
_HOPS = 10
"""Turns of the event loop after which all that a plugin has handled has come through its stream."""
_SILENT = 1.5
"""Seconds for the answer to a commit, where nothing was heard before it: some give none then."""


class LiveKitTranscriber:
    """Hears with a plugin. See `Transcriber`. `context.vocabulary` is not used."""

    def __init__(self, uri: str, context: ProviderContext) -> None:
        self.uri = uri
        self._plugin = LiveKitPlugin(_SETTING, uri, "STT", context)
        self._stt: STT[Any] | None = None
        self._rate = HEARING_RATE
        self._turns: WeakSet[StreamedTurn] = WeakSet()

    async def warm_up(self) -> None:
        """Load the plugin and make its object. Raises ProviderUnavailable."""
        await self._plugin.load()
        if self._stt is None:
            self._stt = self._plugin.make(self._plugin.arguments)
            rate = self._plugin.arguments.get(
                "sample_rate", self._plugin.constructor.default("sample_rate")
            )
            self._rate = rate if isinstance(rate, int) else HEARING_RATE

    def open(self, on_partial: PartialListener | None = None) -> TranscriptionStream:
        """See `Transcriber.open`. Raises ProviderFailed before `warm_up` has ended."""
        if self._stt is None:
            raise ProviderFailed(self._plugin.place, "is not warm yet")
        if self._stt.capabilities.streaming:
            turn = StreamedTurn(self._plugin, self._stt, self._rate, on_partial)
            self._turns.add(turn)
            return turn
        return BufferedTurn(self._plugin, self._stt, self._rate)

    async def close(self) -> None:
        """End every stream and connection."""
        for turn in list(self._turns):
            turn.cancel()
        if self._stt is not None:
            self._plugin.leaving.retire(self._stt.aclose())
        await self._plugin.close()


class StreamedTurn:
    """One turn, by one stream of the plugin. See `TranscriptionStream`."""

    def __init__(
        self,
        plugin: LiveKitPlugin,
        stt: STT[Any],
        rate: int,
        on_partial: PartialListener | None,
    ) -> None:
        self._plugin, self._rate, self._on_partial = plugin, rate, on_partial
        self._commits = stt.capabilities.manual_flush
        """Whether a flush is answered by one final transcript, and the stream then stays open."""
        self._resampler = Resampler(HEARING_RATE, rate)
        self._fed = 0
        self._finals: list[SpeechData] = []
        self._interim: SpeechData | None = None
        self._ended = False
        """Whether no more audio comes."""
        self._answered = asyncio.Event()
        """Something final has come after the end."""
        self._closed = asyncio.Event()
        """The server has closed the connection: nothing more comes."""
        self.failure: ProviderFailed | None = None
        """Why the stream is lost, as soon as that is known."""
        self._reader: asyncio.Task[None] | None = None
        try:
            self._stream = plugin.call(partial(stt.stream, conn_options=_options()), self._closed)
        except Exception as error:  # noqa: BLE001 - a plugin's; `open` doesn't raise, `finish` does
            self.failure = plugin.failure(error)
        else:
            self._reader = asyncio.create_task(self._read())

    def feed(self, pcm: Pcm) -> None:
        """Take 16 kHz samples."""
        pcm = pcm[: _MAX_TURN - self._fed]
        self._fed += len(pcm)
        self._push(self._resampler.process(pcm))

    async def finish(self) -> Transcript:
        """See `TranscriptionStream.finish`."""
        self._on_partial = None
        try:
            async with asyncio.timeout(_FINAL_TIMEOUT):
                await self._end()
        except TimeoutError:
            raise ProviderFailed(self._plugin.place, "gave no final transcript in time") from None
        finally:
            self.cancel()
        if self.failure is not None:
            raise self.failure
        # Words that were heard and never made final are better than none.
        pending = [] if self._interim is None else [self._interim]
        return _transcript([*self._finals, *pending], final=True)

    def cancel(self) -> None:
        """Close the stream; its server's goodbye is awaited elsewhere."""
        self._on_partial = None
        if self._reader is not None:
            self._plugin.leaving.retire(self._close(self._reader))
            self._reader = None

    async def _close(self, reader: asyncio.Task[None]) -> None:
        # A stream that was told the end and has not come to it is not disturbed: the one of
        # Speechmatics would leave its connection open.
        ending = self._ended and not self._commits and not self._closed.is_set()
        await self._plugin.leaving.end_stream(self._stream, reader if ending else None)
        await _until_done(reader)  # takes the stream's last error, so that nobody misses it
        reader.cancel()  # of a stream that was closed before it began there is no end
        await asyncio.gather(reader, return_exceptions=True)

    async def _end(self) -> None:
        """Tell that no more audio comes, and wait until all is said."""
        reader = self._reader
        if reader is None:
            return
        if self._closed.is_set():
            await _until_done(reader)
        if reader.done() or self._closed.is_set():
            self.failure = self.failure or ProviderFailed(
                self._plugin.place, "ended in the middle of a turn"
            )
            return
        self._push(self._resampler.flush())
        self._ended = True
        if not reader.done():
            with suppress(RuntimeError):  # it ends at this moment, and the reader learns why
                self._stream.end_input()
        silent = self._commits and not self._finals and self._interim is None
        closed = asyncio.create_task(self._closed.wait())
        answered = asyncio.create_task(self._answered.wait())
        try:
            await _first({reader, closed, answered}, _SILENT if silent else None)
            if not self._commits:
                await _first({reader, closed}, _SETTLE)
        finally:
            closed.cancel()
            answered.cancel()
        await _until_done(reader)

    def _push(self, pcm: Pcm) -> None:
        if self._reader is None or self._reader.done() or not len(pcm):
            return
        with suppress(RuntimeError):  # it has ended at this moment; `finish` says why
            self._stream.push_frame(_frame(pcm, self._rate))

    async def _read(self) -> None:
        try:
            async for event in self._stream:
                self._take(event)
        except Exception as error:  # noqa: BLE001 - a plugin may raise anything; `finish` tells
            self.failure = self._plugin.failure(error)

    def _take(self, event: SpeechEvent) -> None:
        heard = event.alternatives[0] if event.alternatives else None
        match event.type.value:
            case "final_transcript":
                self._interim = None
                if heard is not None and heard.text:
                    self._finals.append(heard)
            case "interim_transcript" | "preflight_transcript":
                self._interim = heard
            case "end_of_speech":
                heard = None
            case _:
                return
        if self._ended and event.type.value in {"final_transcript", "end_of_speech"}:
            self._answered.set()
        if self._on_partial is not None and heard is not None:
            parts = [*self._finals, *([] if self._interim is None else [self._interim])]
            self._on_partial(_transcript(parts, final=False))


class BufferedTurn:
    """One turn for a plugin that can't stream: recognised as a whole. No partial comes."""

    def __init__(self, plugin: LiveKitPlugin, stt: STT[Any], rate: int) -> None:
        self._plugin, self._stt, self._rate = plugin, stt, rate
        self._parts: list[Pcm] = []
        self._fed = 0

    def feed(self, pcm: Pcm) -> None:
        """Take 16 kHz samples."""
        pcm = pcm[: _MAX_TURN - self._fed]
        self._fed += len(pcm)
        self._parts.append(pcm)

    async def finish(self) -> Transcript:
        """See `TranscriptionStream.finish`."""
        pcm = np.concatenate(self._parts) if self._parts else EMPTY
        if not len(pcm):
            return Transcript("", 1.0, final=True)
        if self._rate != HEARING_RATE:
            pcm = await asyncio.to_thread(resample, pcm, HEARING_RATE, self._rate)
        recognise = partial(self._stt.recognize, [_frame(pcm, self._rate)], conn_options=_options())
        try:
            async with asyncio.timeout(_FINAL_TIMEOUT):
                event = await self._plugin.call(
                    lambda: asyncio.create_task(recognise())  # which so runs in its context
                )
        except TimeoutError:
            raise ProviderFailed(self._plugin.place, "gave no transcript in time") from None
        except Exception as error:  # noqa: BLE001 - a plugin may raise anything
            raise self._plugin.failure(error) from None
        return _transcript(event.alternatives[:1], final=True)

    def cancel(self) -> None:
        """Forget the turn."""
        self._parts.clear()


async def _first(tasks: set[asyncio.Task[Any]], timeout: float | None) -> None:
    await asyncio.wait(tasks, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)


async def _until_done(reader: asyncio.Task[None]) -> None:
    for _ in range(_HOPS):
        if reader.done():
            return
        await asyncio.sleep(0)


def _frame(pcm: Pcm, rate: int) -> rtc.AudioFrame:
    from livekit import rtc  # noqa: PLC0415 - heavy, and loaded by now

    return rtc.AudioFrame(pcm.astype("<i2", copy=False).tobytes(), rate, 1, len(pcm))


def _options() -> Any:
    """No attempts of the plugin's own: Greenroom repeats, and goes over to another provider."""
    from livekit.agents import APIConnectOptions  # noqa: PLC0415

    return APIConnectOptions(max_retry=0, timeout=TIMEOUT)


def _transcript(parts: list[SpeechData], *, final: bool) -> Transcript:
    """The parts, joined. The confidence is their mean, by length; 1 where the plugin tells none."""
    texts = [" ".join((part.text or "").split()) for part in parts]
    told = [
        (part.confidence, len(text))
        for part, text in zip(parts, texts, strict=True)
        if part.confidence > 0 and text
    ]
    size = sum(length for _, length in told)
    confidence = sum(value * length for value, length in told) / size if size else 1.0
    return Transcript(" ".join(filter(None, texts)), min(1.0, confidence), final=final)


def create(uri: str, context: ProviderContext) -> LiveKitTranscriber:
    """The entry point `livekit`. Raises ConfigurationError."""
    return LiveKitTranscriber(uri, context)
