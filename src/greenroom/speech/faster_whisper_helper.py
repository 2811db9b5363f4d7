"""The process that runs Whisper: `python -m greenroom.speech.faster_whisper_helper OPTIONS`.

`OPTIONS` is a JSON object of the fields of `Options`. One model serves many streams, one decoding
at a time. Whisper hears a whole window at once, so a turn is decoded anew as it grows. What is done
first: finals; then turns that outgrow the model's window; then partial transcripts, each for the
stream that waited longest, and only of what has come by then: partials never pile up.

The frames are those of `helper_calls.HeardTurn`, whose audio says whether partials are wanted.
Greeting: `{"hello": "faster-whisper"}`.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

# Models are local folders here; nothing may look for one on the network.
os.environ["HF_HUB_OFFLINE"] = "1"

import numpy as np
import numpy.typing as npt
from faster_whisper import WhisperModel  # type: ignore[import-untyped]
from faster_whisper.vad import (  # type: ignore[import-untyped]
    VadOptions,
    get_speech_timestamps,
)

from greenroom.helpers.child import Child, ServerGone
from greenroom.speech.whisper_guards import (
    LEAST_VOICED,
    Decoding,
    judge,
    plain_words,
    stability,
    unended,
)

Samples = npt.NDArray[np.float32]

_RATE = 16_000
_WINDOW = 28 * _RATE
"""Samples that are decoded at once, at most; the model's own limit is 30 s."""
_SHORT = 18 * _RATE
_FEW_FRAMES, _ALL_FRAMES = 2_000, 3_000
"""Of 10 ms: what the model hears of a short sound, and of others."""
_EARLIEST_CUT = 12 * _RATE
_PARTIAL_EVERY = round(0.6 * _RATE)
_PAUSE = round(0.24 * _RATE)
"""Quiet after a voice, in samples, that has a turn decoded at once: it may be over."""
_TOO_SLOW = 1.5
"""Seconds of a decoding above which a turn is decoded at its pauses only."""
_BLOCK = 320
_QUIET = 0.05
"""A block's level, as a share of the stream's loudest, below which nobody speaks."""
_LEAST_LEVEL = 0.002
_MARGIN = round(0.3 * _RATE)
"""What is left around the voice."""
_TOKENS_PER_SECOND, _FREE_TOKENS, _MAX_TOKENS = 10, 16, 200
"""Bounds of a decoding; speech has about six tokens in a second."""
_VAD = VadOptions(threshold=0.4, min_silence_duration_ms=100, speech_pad_ms=0)


@dataclass(frozen=True, slots=True)
class Options:
    """What the server says about the model. An empty `language` has it recognised."""

    model: str
    device: str = "cpu"
    compute_type: str = "int8"
    threads: int = 1
    language: str = "en"
    beam_size: int = 1
    names: tuple[str, ...] = ()
    """What users are likely to name."""


class _Whisper(WhisperModel):  # type: ignore[misc]
    """Pads a short sound to 20 s instead of 30, before the part of the model that costs most.

    Measured with `base` over 60 sentences of twelve synthetic voices: 0.8 s of one core instead of
    1.8, for one word in a hundred that is understood wrongly on top.
    """

    frames = _ALL_FRAMES

    def encode(self, features: Samples) -> Any:
        """See `WhisperModel.encode`; `features` are of 30 s, shape (..., mels, frames)."""
        return super().encode(features[..., : self.frames])


class Ear:
    """The model."""

    def __init__(self, options: Options) -> None:
        self._model = _Whisper(
            options.model,
            device=options.device,
            compute_type=options.compute_type,
            cpu_threads=options.threads,
            local_files_only=True,
        )
        if options.language and options.language not in self._model.supported_languages:
            raise SystemExit(f"the model does not know the language {options.language!r}")
        self._language = options.language or None
        self._hotwords = ", ".join(options.names) or None
        self._prompt = frozenset(plain_words(" ".join(options.names)))

    def hear(self, pcm: bytes, beam_size: int) -> tuple[str, float]:
        """The words in at most `_WINDOW` of 16 kHz samples, and the confidence in them."""
        sound = np.frombuffer(pcm, "<i2").astype(np.float32) / np.float32(32_768)
        spans = get_speech_timestamps(sound, _VAD)
        voiced = sum(span["end"] - span["start"] for span in spans) / _RATE
        if voiced < LEAST_VOICED:
            return "", 0.0
        start = max(0, spans[0]["start"] - _MARGIN)
        sound = sound[start : spans[-1]["end"] + _MARGIN]
        return judge(self._decode(sound, voiced, beam_size), self._prompt)

    def _decode(self, sound: Samples, voiced: float, beam_size: int) -> Decoding:
        tokens = _FREE_TOKENS + round(_TOKENS_PER_SECOND * len(sound) / _RATE)
        self._model.frames = _FEW_FRAMES if len(sound) <= _SHORT else _ALL_FRAMES
        segments, _ = self._model.transcribe(
            sound,
            language=self._language,
            beam_size=beam_size,
            # One pass without chance: `judge` tells what the model's own thresholds would have.
            temperature=0.0,
            no_speech_threshold=None,
            log_prob_threshold=None,
            compression_ratio_threshold=None,
            condition_on_previous_text=False,
            without_timestamps=True,
            max_new_tokens=min(_MAX_TOKENS, tokens),
            hotwords=self._hotwords,
        )
        found = list(segments)
        if not found:
            return Decoding("", 0.0, 1.0, voiced)
        return Decoding(
            "".join(segment.text for segment in found).strip(),
            min(segment.avg_logprob for segment in found),
            max(segment.no_speech_prob for segment in found),
            voiced,
        )


@dataclass(slots=True)
class _Stream:
    """One turn of one speaker. Places are in bytes of `audio`, which has what is not settled."""

    number: int
    audio: bytearray = field(default_factory=bytearray)
    settled: list[tuple[str, float]] = field(default_factory=list)
    """What was heard of the parts of a long turn that are decoded for good."""
    finished: bool = False
    wants_partials: bool = False
    loudest: float = _LEAST_LEVEL
    decoded: int = 0
    """How much of `audio` the last decoding had heard."""
    last: tuple[str, float] = ("", 0.0)
    told: str = ""
    waiting_since: float = 0.0
    cost: float = 0.0
    """Seconds of the last decoding."""

    def take(self, payload: bytes) -> None:
        self.audio += payload
        self.loudest = max(self.loudest, float(_levels(payload).max(initial=0.0)))

    @property
    def is_too_long(self) -> bool:
        return len(self.audio) > 2 * _WINDOW

    def is_due(self) -> bool:
        """Whether a partial transcript would have news: a voice since the last, or its pause."""
        fresh = self.audio[self.decoded :]
        if self.finished or not self.wants_partials or len(fresh) < 2 * _PAUSE:
            return False
        if not self.is_voiced(fresh):
            return False
        if not self.is_voiced(fresh[-2 * _PAUSE :]):
            return True
        # A final waits for the decoding that runs: those in between get half of the time.
        often = max(_PARTIAL_EVERY, round(2 * self.cost * _RATE))
        return self.cost < _TOO_SLOW and len(fresh) >= 2 * often

    def is_voiced(self, pcm: bytes | bytearray) -> bool:
        """Whether a part of it is about as loud as this stream's speech."""
        return bool(_levels(pcm).max(initial=0.0) > _QUIET * self.loudest)

    def text_with(self, text: str) -> str:
        return " ".join(filter(None, (*(part for part, _ in self.settled), text)))

    def confidence(self) -> float:
        """Of all parts, by their length."""
        parts = [(len(text), sure) for text, sure in (*self.settled, self.last) if text]
        length = sum(size for size, _ in parts)
        return sum(size * sure for size, sure in parts) / length if length else 0.0


def _levels(pcm: bytes | bytearray) -> Samples:
    """The RMS of each 20 ms, 0 to 1."""
    samples = np.frombuffer(bytes(pcm[: len(pcm) // (2 * _BLOCK) * (2 * _BLOCK)]), "<i2")
    blocks = samples.reshape(-1, _BLOCK).astype(np.float32) / np.float32(32_768)
    levels: Samples = np.sqrt(np.mean(blocks * blocks, axis=1))
    return levels


def cut_point(pcm: bytes | bytearray) -> int:
    """The byte where a turn that is too long for the model is best cut: its quietest 200 ms."""
    levels = _levels(pcm[2 * _EARLIEST_CUT : 2 * _WINDOW])
    around = np.convolve(levels, np.ones(10, np.float32), "valid")
    return 2 * (_EARLIEST_CUT + _BLOCK * (int(around.argmin()) + 5))


class Recogniser:
    """The streams, and the model that they share."""

    def __init__(
        self, child: Child, options: Options, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._child = child
        self._clock = clock
        self._beam_size = options.beam_size
        self._ear = Ear(options)
        self._streams: dict[int, _Stream] = {}

    def serve(self) -> None:
        """Recognise until the server goes."""
        self._child.send({"hello": "faster-whisper"})
        while True:
            for frame in self._child.poll(wait=self._next() is None):
                self._take(frame.header, frame.payload)
            stream = self._next()
            if stream is None:
                continue
            if stream.is_too_long:
                self._settle(stream)
            elif stream.finished:
                self._finish(stream)
            else:
                self._tell_partial(stream)

    def _take(self, header: dict[str, Any], payload: bytes) -> None:
        number = header["id"]
        if header.get("op") == "cancel":
            self._streams.pop(number, None)
            return
        stream = self._streams.setdefault(number, _Stream(number))
        stream.take(payload)
        stream.wants_partials = bool(header.get("partials"))
        stream.finished = stream.finished or header.get("op") == "finish"

    def _next(self) -> _Stream | None:
        """The stream to work for."""
        streams = sorted(self._streams.values(), key=lambda stream: stream.waiting_since)
        for is_next in (_is_finished, _outgrows, _Stream.is_due):
            for stream in streams:
                if is_next(stream):
                    return stream
        return None

    def _hear(self, stream: _Stream, size: int, beam_size: int) -> tuple[str, float]:
        began = self._clock()
        heard = self._ear.hear(bytes(stream.audio[:size]), beam_size)
        stream.waiting_since = self._clock()
        stream.cost = stream.waiting_since - began
        return heard

    def _settle(self, stream: _Stream) -> None:
        cut = cut_point(stream.audio)
        stream.settled.append(self._hear(stream, cut, self._beam_size))
        del stream.audio[:cut]
        stream.decoded, stream.last = 0, ("", 0.0)

    def _finish(self, stream: _Stream) -> None:
        # A turn mostly ends with silence, and what was said before it is often decoded already.
        heard_all = self._beam_size == 1 and stream.decoded > 0
        if not (heard_all and not stream.is_voiced(stream.audio[stream.decoded :])):
            stream.last = self._hear(stream, len(stream.audio), self._beam_size)
        self._child.send(
            {
                "id": stream.number,
                "text": stream.text_with(stream.last[0]),
                "confidence": stream.confidence(),
                "end": True,
            }
        )
        del self._streams[stream.number]

    def _tell_partial(self, stream: _Stream) -> None:
        size = len(stream.audio)
        stream.last = self._hear(stream, size, 1)
        stream.decoded = size
        text = unended(stream.text_with(stream.last[0]))
        if text and text != stream.told:
            self._child.send(
                {"id": stream.number, "text": text, "stability": stability(stream.told, text)}
            )
            stream.told = text


def _is_finished(stream: _Stream) -> bool:
    return stream.finished


def _outgrows(stream: _Stream) -> bool:
    return stream.is_too_long


def main() -> None:
    """Serve until the server goes."""
    child = Child()
    options = Options(**json.loads(sys.argv[1]))
    try:
        Recogniser(child, options).serve()
    except ServerGone:
        return


if __name__ == "__main__":
    main()
