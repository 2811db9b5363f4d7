"""The process that recognises: `python -m greenroom.speech.pocketsphinx_helper MODEL_DIRECTORY`.

Many streams share the process: each has its audio kept until a decoder is free for it, decoders are
made as they are needed up to a limit, and streams get their decoders' time in turn, those that wait
for their final transcript first.

Greeting: `{"hello": "pocketsphinx"}`. The server's frames of a stream: `{"id", "op": "audio"}` with
16 kHz samples, `{"id", "op": "finish"}`. Answers: `{"id", "text", "stability"}` as words are heard;
then `{"id", "text", "confidence", "end"}`.
"""

from __future__ import annotations

import sys
from array import array
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pocketsphinx

from greenroom.helpers.child import Child, ServerGone
from greenroom.speech.pocketsphinx_files import DICTIONARY, FILLERS, LANGUAGE_MODEL

MAX_DECODERS = 8
"""At once in one process, 15 MB each; a core keeps up with about as many people who speak."""

_BYTES_PER_MS = 32
_STEP = 200 * _BYTES_PER_MS
_PARTIAL_EVERY = 250 * _BYTES_PER_MS
_FRAMES_PER_SECOND = 100

# Cepstral mean normalisation. The mean of the cepstra depends on voice and microphone, and a wrong
# one costs a third of the words, so the first _HOLD of a stream are measured before they are
# searched. Sphinx mixes its measurement with _LIVE_WINDOW frames of the mean that it was given
# (cmn_live.c); that is undone here, and _PRIOR frames of a typical mean are mixed in instead. The
# silence before the speech is left out, since how much of it comes is by chance.
_HOLD = 1_000 * _BYTES_PER_MS
_LIVE_WINDOW = 500
_PRIOR = 50
_TYPICAL_MEAN = (50.0, -3, -2, 12, -10, 3, -12, -5, -5, -2, 4, -5, 2)

_LEAD = 150 * _BYTES_PER_MS
"""What is left of the silence before speech."""
_ONSET = 0.1
"""Speech has begun where the level reaches this share of the loudest."""

_LEAST_CONFIDENCE = 0.15
"""Below, the words are garbage: nothing was understood."""
_LONGEST_PHONE = 25
"""Frames a phone of a word may last on average; steady noise is heard as a word drawn out."""
_LEAST_CONTRAST = 1.6
"""How much louder the loudest 20 ms must be than the softest, as a ratio of their peaks."""
_BLOCK = 320


class Ear:
    """A decoder, and the utterance that it hears now."""

    def __init__(self, model: Path) -> None:
        self._decoder = pocketsphinx.Decoder(
            lm=str(model / LANGUAGE_MODEL),
            dict=str(model / DICTIONARY),
            fdict=str(model / FILLERS),
            loglevel="FATAL",
            # Found by measuring word errors over six synthetic voices: more Gaussians and wider
            # beams than the defaults, and no second pass, which would come after the last word.
            topn=8,
            beam=1e-60,
            wbeam=1e-40,
            pbeam=1e-60,
            pl_window=10,
            lw=9.0,
            bestpathlw=9.0,
            fwdflat=False,
        )
        # A search of nothing, for the pass that only measures.
        self._main = self._decoder.current_search()
        self._decoder.add_jsgf_string("measure", "#JSGF V1.0; grammar g; public <g> = yes;")
        self._held = bytearray()
        self._started = False
        self._loudest, self._softest = 0, 1 << 16

    def begin(self) -> None:
        """A new utterance."""
        self._held.clear()
        self._started = False
        self._loudest, self._softest = 0, 1 << 16

    def hear(self, pcm: bytes) -> None:
        """More of it."""
        if self._started:
            self._decoder.process_raw(pcm)
        else:
            self._held += pcm
            if len(self._held) >= _HOLD:
                self._start()
        self._note_level(pcm)

    def words(self) -> list[str]:
        """What was heard so far."""
        hypothesis = self._decoder.hyp() if self._started else None
        return hypothesis.hypstr.split() if hypothesis is not None else []

    def finish(self) -> tuple[str, float]:
        """The transcript, and the confidence in it."""
        if not self._started:
            if not self._held:
                return "", 0.0
            self._start()
        self._decoder.end_utt()
        self._started = False
        return self._judged(list(self._decoder.seg() or ()))

    def abandon(self) -> None:
        """Nobody wants to know any more."""
        if self._started:
            self._decoder.end_utt()
            self._started = False
        self._held.clear()

    def _start(self) -> None:
        held = bytes(self._held)
        held = held[_onset(held) :]
        self._held.clear()
        mean = self._measured_mean(held)
        self._decoder.activate_search(self._main)
        self._decoder.start_utt()
        self._decoder.set_cmn(_listed(mean))
        self._decoder.process_raw(held)
        self._started = True

    def _measured_mean(self, pcm: bytes) -> list[float]:
        decoder = self._decoder
        decoder.activate_search("measure")
        decoder.start_utt()
        decoder.set_cmn(_listed(_TYPICAL_MEAN))
        decoder.process_raw(pcm, no_search=True)
        mixed = [float(value) for value in decoder.get_cmn(True).split(",")]
        decoder.end_utt()
        frames = len(pcm) / _BYTES_PER_MS * _FRAMES_PER_SECOND / 1000
        return [
            (_PRIOR * typical + value * (_LIVE_WINDOW + frames) - _LIVE_WINDOW * typical)
            / (_PRIOR + frames)
            for value, typical in zip(mixed, _TYPICAL_MEAN, strict=True)
        ]

    def _note_level(self, pcm: bytes) -> None:
        for peak in _peaks(pcm):
            self._loudest = max(self._loudest, peak)
            self._softest = min(self._softest, peak)

    def _judged(self, segments: list[Any]) -> tuple[str, float]:
        """The words of the best path, and the share of it that is surely right.

        Confidence is the mean posterior probability of the words (the lattice's, over all paths
        through it), weighted by their length; noise between words counts as a word of probability
        zero, silence not at all. It ranks and is no exact chance: over six synthetic voices its
        median was 0.83 where every word was right and 0.55 to 0.61 where one was wrong.
        """
        words: list[str] = []
        length = sure = 0.0
        for segment in segments:
            frames = segment.end_frame - segment.start_frame + 1
            word = segment.word.partition("(")[0]
            if word in {"<s>", "</s>", "<sil>"}:
                continue
            length += frames
            if word.startswith("["):
                continue
            phones = len((self._decoder.lookup_word(segment.word) or word).split())
            if frames > _LONGEST_PHONE * phones:
                continue
            words.append(word)
            sure += frames * min(1.0, segment.prob)
        confidence = sure / length if length else 0.0
        steady = self._loudest < _LEAST_CONTRAST * max(1, self._softest)
        if not words or steady or confidence < _LEAST_CONFIDENCE:
            return "", 0.0
        return " ".join(words), confidence


def _peaks(pcm: bytes) -> list[int]:
    """The peak of each 20 ms."""
    samples = array("h", pcm)
    peaks: list[int] = []
    for start in range(0, len(samples) - _BLOCK + 1, _BLOCK):
        block = samples[start : start + _BLOCK]
        high, low = max(block), min(block)
        peaks.append(max(high, -low))
    return peaks


def _onset(pcm: bytes) -> int:
    """The byte where the speech in `pcm` begins, less a little silence."""
    peaks = _peaks(pcm)
    loud = _ONSET * max(peaks, default=0)
    first = next((i for i, peak in enumerate(peaks) if peak >= loud), 0)
    return max(0, 2 * _BLOCK * first - _LEAD)


def _listed(values: Sequence[float]) -> str:
    """As pocketsphinx takes a vector."""
    return ",".join(f"{value:.4f}" for value in values)


class _Stream:
    """One turn of one speaker."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.audio = bytearray()
        self.finished = False
        self.ear: Ear | None = None
        self.since_partial = 0
        self.told: list[str] = []


class Recogniser:
    """The streams, and the decoders that they share."""

    def __init__(self, child: Child, model: Path) -> None:
        self._child = child
        self._model = model
        self._free = [Ear(model)]
        self._made = 1
        self._streams: dict[int, _Stream] = {}
        self._turns: deque[_Stream] = deque()

    def serve(self) -> None:
        """Recognise until the server goes."""
        self._child.send({"hello": "pocketsphinx"})
        while True:
            stream = self._next()
            for frame in self._child.poll(wait=stream is None):
                self._take(frame.header, frame.payload)
            if stream is not None and stream.number in self._streams:
                self._work(stream)

    def _take(self, header: dict[str, Any], payload: bytes) -> None:
        number, op = header["id"], header.get("op")
        stream = self._streams.get(number)
        if op == "cancel":
            if stream is not None:
                self._release(stream)
            return
        if stream is None:
            stream = self._streams[number] = _Stream(number)
            self._turns.append(stream)
        stream.audio += payload
        stream.finished = stream.finished or op == "finish"

    def _next(self) -> _Stream | None:
        """The stream to work for: one that is finished before others, else in turn."""
        chosen: _Stream | None = None
        for stream in self._turns:
            if not (stream.finished or len(stream.audio) >= _STEP or self._is_hearing(stream)):
                continue
            if stream.ear is None and not self._free and self._made >= MAX_DECODERS:
                continue
            if stream.finished:
                chosen = stream
                break
            chosen = chosen or stream
        if chosen is not None:
            self._turns.remove(chosen)
            self._turns.append(chosen)
        return chosen

    @staticmethod
    def _is_hearing(stream: _Stream) -> bool:
        return stream.ear is not None and bool(stream.audio)

    def _work(self, stream: _Stream) -> None:
        if stream.ear is None:
            if self._free:
                stream.ear = self._free.pop()
            else:
                stream.ear = Ear(self._model)
                self._made += 1
            stream.ear.begin()
        piece = bytes(stream.audio[:_STEP])
        del stream.audio[:_STEP]
        if piece:
            stream.ear.hear(piece)
        if stream.finished and not stream.audio:
            text, confidence = stream.ear.finish()
            self._child.send(
                {"id": stream.number, "text": text, "confidence": confidence, "end": True}
            )
            self._release(stream)
            return
        stream.since_partial += len(piece)
        if stream.since_partial >= _PARTIAL_EVERY and not stream.finished:
            stream.since_partial = 0
            self._tell_partial(stream, stream.ear.words())

    def _tell_partial(self, stream: _Stream, words: list[str]) -> None:
        if words and words != stream.told:
            kept = sum(old == new for old, new in zip(stream.told, words, strict=False))
            stability = kept / len(words)
            stream.told = words
            self._child.send({"id": stream.number, "text": " ".join(words), "stability": stability})

    def _release(self, stream: _Stream) -> None:
        del self._streams[stream.number]
        self._turns.remove(stream)
        if stream.ear is not None:
            stream.ear.abandon()
            self._free.append(stream.ear)


def main() -> None:
    """Serve until the server goes."""
    child = Child()
    try:
        Recogniser(child, Path(sys.argv[1])).serve()
    except ServerGone:
        return


if __name__ == "__main__":
    main()
