"""The synthesizer `livekit:<plugin>`: the text-to-speech of any plugin of LiveKit Agents.

A plugin that streams is spoken to by its stream: its WebSocket stays open between utterances, and
it tells when words begin. Any other gets one request for each piece of text. An option beside those
of the plugin: `voices=Ashley:<id>,Craig:<id>` says which of the vendor's voices a named voice is.
With the plugin's own option for the voice (`voice=<id>`) all others are that one.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import TYPE_CHECKING
from weakref import WeakSet

import numpy as np

from greenroom.audio.pcm import EMPTY, Pcm
from greenroom.audio.resample import Resampler
from greenroom.errors import InvalidInput, ProviderFailed
from greenroom.speech.livekit_errors import is_lost_connection
from greenroom.speech.livekit_plugins import TIMEOUT, LiveKitPlugin
from greenroom.speech.livekit_speakers import Speaker, Speakers
from greenroom.speech.livekit_voices import VendorVoices, check_names, voices_of
from greenroom.speech.ports import VOICES, ProviderContext, SpeechChunk
from greenroom.speech.spoken_text import SpokenText, spoken

if TYPE_CHECKING:
    from livekit.agents.tts import ChunkedStream, SynthesizedAudio, SynthesizeStream

log = logging.getLogger(__name__)

_SETTING = "providers.synthesizer"
RATE = 24_000
"""Hz, what most vendors speak at; where the URI has a `sample_rate`, that."""
_RATES = (8_000, 48_000)
_GAP = 8.0
"""Seconds without a frame until a plugin counts as stuck."""
_MAX_PIECE_SECONDS = 180.0
"""A piece is short; a server that makes more sound of it has gone mad."""
_TIMED = "lk.timed_transcripts"
"""Where LiveKit puts timed words in a frame: its USERDATA_TIMED_TRANSCRIPT, heavy to import."""
_SKIPPED = 48
"""Characters between two timed words, at most; a word that is not found so near is left out."""


class LiveKitSynthesizer:
    """Speaks with a plugin. Voices: VOICES, and the vendor's own by their ids."""

    def __init__(self, uri: str, context: ProviderContext) -> None:
        self.uri = uri
        self._plugin = LiveKitPlugin(_SETTING, uri, "TTS", context, "voices")
        given = self._plugin.uri
        self._own = given.pairs("voices")
        if (unknown := check_names(self._own)) is not None:
            raise given.wrong("voices", f"of {', '.join(VOICES)}, not {unknown!r}")
        self.rate = given.whole("sample_rate", RATE, *_RATES)
        self._speakers = Speakers(self._plugin)
        self._vendor: VendorVoices | None = None
        self._utterances: WeakSet[_Utterance] = WeakSet()

    async def warm_up(self) -> None:
        """Load the plugin and make its object. Raises ProviderUnavailable."""
        await self._ready()

    async def _ready(self) -> VendorVoices:
        await self._plugin.load()
        if self._vendor is not None:
            return self._vendor
        vendor = voices_of(self._plugin.label, self._plugin.constructor)
        if self._own and vendor.parameter is None:
            raise self._plugin.unavailable("the plugin has no voices to choose from")
        self._speakers.parameter = vendor.parameter
        self._speakers.give_back(self._speakers.borrow(self._voice(vendor, VOICES[0])))
        self._vendor = vendor
        chosen = vendor.parameter in self._plugin.arguments
        if not vendor.named and not chosen and self._own.keys() != set(VOICES):
            log.warning(
                "%s: it is not known which voices this plugin has; those that the option"
                " voices=Ashley:<id>,... does not name speak with its default voice",
                self._plugin.place,
            )
        return vendor

    async def close(self) -> None:
        """End every stream and connection."""
        for utterance in list(self._utterances):
            utterance.close()
        self._speakers.close()
        await self._plugin.close()

    async def speak(self, text: str, voice: str) -> AsyncIterator[SpeechChunk]:
        """See `Synthesizer.speak`. Text without a letter or digit gives no chunk."""
        vendor = await self._ready()
        chosen = self._voice(vendor, voice)
        made = 0
        for piece in spoken(text).pieces():
            async with aclosing(self._speak_piece(piece, chosen, made)) as chunks:
                async for chunk in chunks:
                    made += len(chunk.pcm)
                    yield chunk

    def _voice(self, vendor: VendorVoices, name: str) -> str:
        """The vendor's voice for a name; "": its default."""
        if name in self._own:
            return self._own[name]
        if name in VOICES:
            given = self._plugin.arguments.get(vendor.parameter or "")
            return given if isinstance(given, str) else vendor.named.get(name, "")
        if vendor.parameter is None or not vendor.shape.match(name):
            own = f"; or a voice of the vendor such as {vendor.example}" if vendor.parameter else ""
            raise InvalidInput("voice", f"no voice {name[:64]!r}", f"{', '.join(VOICES)}{own}")
        return name

    async def _speak_piece(
        self, piece: SpokenText, voice: str, before: int
    ) -> AsyncGenerator[SpeechChunk, None]:
        """`before`: samples of the utterance that were made already."""
        for last_attempt in (False, True):
            speaker = self._speakers.borrow(voice)
            utterance = _Utterance(self._plugin, speaker, piece, self.rate, before)
            self._utterances.add(utterance)
            spoke = False
            try:
                while (chunk := await utterance.next()) is not None:
                    spoke = True
                    yield chunk
            except ProviderFailed:
                # A connection that was kept since an earlier utterance may have been dropped by
                # the server meanwhile; a new object has new connections.
                if spoke or last_attempt or not (speaker.used and utterance.lost):
                    raise
                self._speakers.drop(speaker)
            else:
                speaker.used = True
                return
            finally:
                utterance.close()
                self._speakers.give_back(speaker)


class _Utterance:
    """One piece of text, spoken by one stream of the plugin."""

    def __init__(
        self, plugin: LiveKitPlugin, speaker: Speaker, piece: SpokenText, rate: int, before: int
    ) -> None:
        self._plugin, self._speaker, self._piece = plugin, speaker, piece
        self._rate, self._before = rate, before
        self._stream: SynthesizeStream | ChunkedStream | None = None
        self._resampler: Resampler | None = None
        self._from_rate = 0
        self._made = 0
        self._place = 0
        """In the piece's text, after the last word that was timed."""
        self._over = False
        self.lost = False
        """Whether it failed because the connection was lost."""

    async def next(self) -> SpeechChunk | None:
        """More sound; None: that was all. Raises ProviderFailed."""
        while not self._over:
            event = await self._event()
            if event is None:
                self._over = True
                rest = EMPTY if self._resampler is None else self._resampler.flush()
                chunk = SpeechChunk(rest)
            else:
                chunk = SpeechChunk(self._pcm(event), self._words(event))
            self._made += len(chunk.pcm)
            if self._made > _MAX_PIECE_SECONDS * self._rate:
                raise ProviderFailed(self._plugin.place, "speaks without end")
            if len(chunk.pcm) or chunk.words:
                return chunk
        return None

    def close(self) -> None:
        """Stop the work at once; the server's goodbye is awaited elsewhere."""
        if self._stream is not None:
            self._plugin.leaving.retire(self._end(self._stream, was_cut=not self._over))
            self._stream = None

    async def _end(self, stream: SynthesizeStream | ChunkedStream, *, was_cut: bool) -> None:
        await self._plugin.leaving.end_stream(stream)
        tts = self._speaker.tts
        if was_cut and not self._speaker.dropped:
            # LiveKit's pool says goodbye to the connection of a cut utterance, and opens another,
            # when the next utterance needs one. Here that is done while the user speaks.
            drain = getattr(getattr(tts, "_pool", None), "_drain_to_close", None)
            if drain is not None:
                await drain()
            if not self._speaker.dropped:
                self._speaker.used = True
                self._plugin.call(tts.prewarm)

    async def _event(self) -> SynthesizedAudio | None:
        try:
            if self._stream is None:
                self._stream = self._plugin.call(self._begin)
            async with asyncio.timeout(_GAP):
                return await anext(self._stream, None)
        except TimeoutError:
            raise ProviderFailed(self._plugin.place, "sent no sound in time") from None
        except Exception as error:  # noqa: BLE001 - a plugin may raise anything
            self.lost = is_lost_connection(error)
            raise self._plugin.failure(error) from None

    def _begin(self) -> SynthesizeStream | ChunkedStream:
        """Runs in the plugin's context, and with it the tasks that begin here."""
        from livekit.agents import APIConnectOptions  # noqa: PLC0415 - heavy, and loaded by now

        # No attempts of its own: Greenroom repeats, and goes over to another provider.
        options = APIConnectOptions(max_retry=0, timeout=TIMEOUT)
        tts = self._speaker.tts
        if not tts.capabilities.streaming:
            return tts.synthesize(self._piece.text, conn_options=options)
        stream = tts.stream(conn_options=options)
        stream.push_text(self._piece.text)
        stream.end_input()
        return stream

    def _pcm(self, event: SynthesizedAudio) -> Pcm:
        frame = event.frame
        pcm: Pcm = np.frombuffer(frame.data, "<i2")
        if frame.num_channels > 1:
            pcm = pcm.reshape(-1, frame.num_channels).mean(axis=1).astype(np.int16)
        before = EMPTY
        if self._resampler is None or frame.sample_rate != self._from_rate:
            if self._resampler is not None:
                before = self._resampler.flush()
            self._from_rate = frame.sample_rate
            self._resampler = Resampler(frame.sample_rate, self._rate)
        pcm = self._resampler.process(pcm)
        return np.concatenate((before, pcm)) if len(before) else pcm

    def _words(self, event: SynthesizedAudio) -> tuple[tuple[int, int], ...]:
        """Timed words, found again in the text; the vendor may have left some out."""
        words: list[tuple[int, int]] = []
        for timed in event.frame.userdata.get(_TIMED, ()):
            word, onset = timed.strip(), getattr(timed, "start_time", None)
            if not word or not isinstance(onset, int | float):
                continue
            place = self._piece.text.find(word, self._place, self._place + len(word) + _SKIPPED)
            if place >= 0:
                self._place = place + len(word)
                sample = self._before + round(onset * self._rate)
                words.append((self._piece.written_at(place), sample))
        return tuple(words)


def create(uri: str, context: ProviderContext) -> LiveKitSynthesizer:
    """The entry point `livekit`. Raises ConfigurationError."""
    return LiveKitSynthesizer(uri, context)
