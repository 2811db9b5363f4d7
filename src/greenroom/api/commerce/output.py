"""The agent's voice on a WebSocket: `audio.output` messages, and how far the listener is."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from greenroom.api.commerce import protocol
from greenroom.api.socket_writer import Outgoing, Writer
from greenroom.audio.encode import encode_mp3
from greenroom.audio.pcm import Pcm, ms_of
from greenroom.audio.resample import Resampler
from greenroom.conversation.playout import PlayoutClock
from greenroom.providers.clock import Clock

log = logging.getLogger(__name__)


INLINE_MS = 300
"""Sound that is made into a message on the event loop: up to a third of a millisecond's work."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Sound that becomes one message. `last`: it ends a sentence. `ms` is its length."""

    pcm: Pcm
    last: bool
    ms: float


@dataclass(frozen=True, slots=True)
class Encoded:
    """What a message carries: `ms` long; with it, `carries_ms` of the pieces' sound are sent."""

    audio: bytes
    ms: float
    carries_ms: float


class Mp3Sentences:
    """One MP3 file for each sentence."""

    format = "mp3"

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._parts: list[Pcm] = []

    def take(self, pcm: Pcm, *, last: bool) -> Piece | None:
        """The whole sentence, at its end."""
        self._parts.append(pcm)
        if not last:
            return None
        sentence = np.concatenate(self._parts)
        self._parts.clear()
        return Piece(sentence, last, ms_of(len(sentence), self._rate)) if len(sentence) else None

    def is_quick(self, piece: Piece) -> bool:  # noqa: ARG002 - the same for every piece
        """An encoder's run is too much for the event loop."""
        return False

    def encode(self, piece: Piece) -> Encoded:
        """An MP3 file."""
        return Encoded(encode_mp3(piece.pcm, self._rate), piece.ms, piece.ms)


class PcmChunks:
    """Raw samples as they come, at the rate that was asked for."""

    format = "pcm16"

    def __init__(self, rate: int, sent_rate: int) -> None:
        self.rate = sent_rate
        self._from_rate = rate
        self._resampler = Resampler(rate, sent_rate)
        self._held_ms = 0.0

    def take(self, pcm: Pcm, *, last: bool) -> Piece | None:
        """Every chunk at once."""
        return Piece(pcm, last, ms_of(len(pcm), self._from_rate)) if len(pcm) or last else None

    def is_quick(self, piece: Piece) -> bool:
        """Whether the event loop can encode it."""
        return piece.ms <= INLINE_MS

    def encode(self, piece: Piece) -> Encoded:
        """Little-endian samples. What the resampler holds back comes with later pieces."""
        pcm = self._resampler.process(piece.pcm) if len(piece.pcm) else piece.pcm
        if piece.last:
            pcm = np.concatenate([pcm, self._resampler.flush()])
        self._held_ms += piece.ms
        carried = self._held_ms if len(pcm) or piece.last else 0.0
        self._held_ms -= carried
        audio = pcm.astype("<i2", copy=False).tobytes()
        return Encoded(audio, ms_of(len(pcm), self.rate), carried)


class SocketOutput:
    """A `conversation.ports.AudioOutput` over a `Writer`. Close it at the end.

    `pcm_rate` is the rate of pcm16 where the client asked for that; None: MP3. With `playback` the
    client is told when a reply begins; with `named` messages name their reply.
    """

    def __init__(
        self,
        writer: Writer,
        clock: Clock,
        *,
        pcm_rate: int | None = None,
        playback: bool = False,
        named: bool = False,
    ) -> None:
        self._writer = writer
        self._playout = PlayoutClock(clock)
        self._pcm_rate = pcm_rate
        self._playback = playback
        self._named = named
        self._number = 1  # 0 is for messages that belong to no reply
        self._reply = ""
        self._announced = False
        self._paused = False
        self._encoding: Mp3Sentences | PcmChunks = Mp3Sentences(0)
        # What is still to be handed to the writer, in order: sound, or finished messages.
        self._waiting: deque[Piece | Outgoing] = deque()
        self._task: asyncio.Task[None] | None = None
        self._closed = False

    def begin(self, reply_id: str, turn_id: str, rate: int) -> None:  # noqa: ARG002 - the port's
        """A new reply, at `rate` Hz."""
        self._drop()
        self._reply = reply_id
        self._announced = self._paused = False
        self._encoding = (
            Mp3Sentences(rate) if self._pcm_rate is None else PcmChunks(rate, self._pcm_rate)
        )
        self._playout.begin()

    def write(self, reply_id: str, sentence: int, pcm: Pcm, *, last: bool) -> None:  # noqa: ARG002
        """More of a sentence of the current reply."""
        if reply_id != self._reply or self._closed:
            return
        piece = self._encoding.take(pcm, last=last)
        if piece is None:
            return
        self._playout.queued(piece.ms)
        self._waiting.append(piece)
        self._go_on()

    def end(self, reply_id: str) -> None:
        """No more sentences: they all were complete."""

    def pause(self) -> None:
        """Hold what the writer has not sent."""
        self._paused = True
        self._waiting.extendleft(reversed(self._writer.take_back(self._number)))

    def resume(self) -> None:
        """Go on where `pause` held."""
        self._paused = False
        self._go_on()

    def flush(self) -> float:
        """Drop all that has not been sent; the ms that were heard."""
        self._drop()
        return self._playout.flush()

    def played_ms(self) -> float:
        """What the listener has heard of the reply, in ms."""
        return self._playout.played_ms()

    def report(self, response_id: str | None, played_ms: float) -> None:
        """The client says what was heard of a reply (None: of the current one)."""
        if response_id in (None, self._reply):
            self._playout.report(played_ms)

    def first_times(self) -> tuple[float | None, float | None]:
        """When the reply's first audio was sent, and heard."""
        return self._playout.first_times()

    async def wait_until_ahead(self, ms: float) -> None:
        """Return when at most `ms` of the reply's audio are unheard."""
        await self._playout.wait_until_ahead(ms)

    async def close(self) -> None:
        """Drop everything, and wait for a message that is being made."""
        self._closed = True
        self._drop()
        if self._task is not None:
            await asyncio.wait([self._task])

    def _drop(self) -> None:
        """Whatever is on its way belongs to no reply any more."""
        self._writer.take_back(self._number)
        self._number += 1
        self._reply = ""
        self._waiting.clear()

    def _go_on(self) -> None:
        """Hand over what can be, in order; what takes longer is made in a thread first."""
        while self._waiting and not self._paused and self._task is None:
            item = self._waiting.popleft()
            if isinstance(item, Outgoing):
                self._hand_over(item)
                continue
            make = partial(self._message, self._encoding, item, self._number, self._reply)
            if self._encoding.is_quick(item):
                self._hand_over(make())
            else:
                self._task = asyncio.get_running_loop().create_task(self._make(make, item))

    async def _make(self, make: Callable[[], Outgoing], piece: Piece) -> None:
        number = self._number
        made: Outgoing | None = None
        try:
            made = await asyncio.to_thread(make)
        except Exception:
            # The reply goes on without this sentence; its text has reached the client.
            log.exception("the sound of a sentence could not be encoded")
        self._task = None
        if number == self._number:
            if made is not None:
                self._waiting.appendleft(made)
            else:
                self._sent(number, piece.ms)
        self._go_on()

    def _message(
        self, encoding: Mp3Sentences | PcmChunks, piece: Piece, number: int, reply_id: str
    ) -> Outgoing:
        """Make the message of a piece; may run in a thread."""
        encoded = encoding.encode(piece)
        extra: dict[str, object] = {}
        if isinstance(encoding, PcmChunks):
            extra["sample_rate"] = encoding.rate
        if self._named:
            extra["response_id"] = reply_id
        text = ""
        if encoded.audio:
            text = protocol.audio_output(encoded.audio, encoding.format, encoded.ms, **extra)
        return Outgoing(text, number, partial(self._sent, number, encoded.carries_ms))

    def _hand_over(self, message: Outgoing) -> None:
        if self._playback and not self._announced and message.payload:
            self._announced = True
            started = protocol.playback(self._reply, "started", 0)
            self._writer.put(Outgoing(started, self._number))
        self._writer.put(message)

    def _sent(self, number: int, ms: float) -> None:
        if number == self._number and ms > 0:
            self._playout.sent(ms)
