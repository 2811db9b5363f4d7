"""The process that hosts piper: `python -m greenroom.speech.piper_helper OPTIONS`.

piper is under the GPL, version 3 or later. This process imports it, and speaks with the server by
the frames of `wire`; it imports nothing of Greenroom but that and `child`.

`OPTIONS` is a JSON object: `model`, the path of a voice that is loaded first, and `threads`.
Greeting: `{"hello": "piper"}`. Request: `{"id", "op": "speak", "text", "model", "speaker", "shift",
"rate"}`, where `rate` is the answers' in Hz, and `shift` moves pitch and timbre by that factor.
Answers: `{"id", "words": [[character offset, sample], ...]}` with samples as payload, counted from
the utterance's beginning; then `end`. Utterances are spoken sentence by sentence, in turn.
"""

from __future__ import annotations

import json
import re
import sys
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime
import soxr
from piper import PhonemeType, PiperConfig, PiperVoice, SynthesisConfig

from greenroom.helpers.child import Child, ServerGone

Sound = npt.NDArray[np.float32]
Words = list[tuple[int, int]]

_MAX_VOICES = 3
"""Loaded at once, about 150 MB each."""
_PEAK = 0.7
_SILENT = 1e-6
_MOST_SPOILT = 0.01
"""The share of samples that may be no numbers."""
_MAX_SECONDS = 90
"""Of one sentence, which has 400 characters at most."""
_FRAME_SECONDS = 1
_SENTENCE = re.compile(r"\S.*?(?:[.!?]+[\"'”’)\]]*(?=\s)|$)", re.DOTALL)  # noqa: RUF001
_BETWEEN_WORDS = " .,;:!?"
_WORD = re.compile(r"\S*\w\S*")


class Unspeakable(Exception):
    """Why a sentence can't be said, in words without the sentence."""


class Voice:
    """A voice's model, loaded."""

    def __init__(self, path: str, threads: int) -> None:
        config = PiperConfig.from_dict(json.loads(Path(f"{path}.json").read_bytes()))
        if config.phoneme_type not in {PhonemeType.ESPEAK, PhonemeType.TEXT}:
            raise Unspeakable(f"the voice needs {config.phoneme_type.value}: not supported")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        self._piper = PiperVoice(session=session, config=config)
        self._config = config

    def say(self, text: str, speaker: int | None, shift: float, rate: int) -> tuple[Sound, Words]:
        """A sentence at `rate` Hz, peaking at 1, and where its words begin. Raises Unspeakable."""
        phonemes = [phoneme for part in self._piper.phonemize(text) for phoneme in part]
        if not phonemes:
            return np.zeros(0, np.float32), []
        ids = self._piper.phonemes_to_ids(phonemes)
        settings = SynthesisConfig(
            speaker_id=speaker, length_scale=self._config.length_scale * shift
        )
        sound, lengths = self._piper.phoneme_ids_to_audio(ids, settings, include_alignments=True)
        sound = clean(np.atleast_1d(sound), _MAX_SECONDS * self._config.sample_rate)
        made_at = self._config.sample_rate * shift
        onsets = self._onsets(text, phonemes, lengths, len(sound))
        if made_at != rate:
            sound = soxr.resample(sound, made_at, rate)
        return sound, [(at, round(sample * rate / made_at)) for at, sample in onsets]

    def _onsets(
        self, text: str, phonemes: list[str], lengths: npt.NDArray[np.int64] | None, size: int
    ) -> Words:
        """Where words begin, in the model's samples; empty where the model does not tell."""
        if lengths is None:
            return []
        words = [match.start() for match in _WORD.finditer(text)]
        begins = self._word_begins(phonemes, np.atleast_1d(lengths), size)
        if len(begins) == len(words):
            return list(zip(words, begins, strict=True))
        # espeak joins words ("of the") and spells numbers: their places are estimated.
        return [(at, round(size * at / len(text))) for at in words]

    def _word_begins(
        self, phonemes: list[str], lengths: npt.NDArray[np.int64], size: int
    ) -> list[int]:
        """The sample at which each run of phonemes between spaces begins."""
        ids = self._config.phoneme_id_map
        ends = np.cumsum(lengths)
        if not len(ends) or abs(int(ends[-1]) - size) > size // 10:
            return []
        place = len(ids["^"]) + len(ids["_"])
        begins: list[int] = []
        in_word = False
        for phoneme in phonemes:
            if phoneme in _BETWEEN_WORDS:
                in_word = False
            elif phoneme.isalpha() and not in_word:
                in_word = True
                begins.append(int(ends[min(place, len(ends)) - 1]))
            if phoneme in ids:
                place += len(ids[phoneme]) + len(ids["_"])
        return begins


def clean(sound: Sound, longest: int) -> Sound:
    """Finite samples that peak at 1; silence stays. Raises Unspeakable for what is no speech."""
    if not 0 < sound.size <= longest or sound.ndim != 1:
        raise Unspeakable("the voice gave no sound, or one without end")
    spoilt = ~np.isfinite(sound)
    if spoilt.any():
        if spoilt.mean() > _MOST_SPOILT:
            raise Unspeakable("the voice gave samples that are no numbers")
        sound = np.where(spoilt, np.float32(0), sound)
    peak = float(np.abs(sound).max())
    return sound / np.float32(peak) if peak > _SILENT else np.zeros_like(sound)


def sentences(text: str) -> list[tuple[int, str]]:
    """Each sentence that has a word, with the offset of its first character."""
    found = [(match.start(), match[0]) for match in _SENTENCE.finditer(text)]
    return [(at, sentence) for at, sentence in found if _WORD.search(sentence)]


@dataclass(slots=True)
class _Utterance:
    """What is still to be said of a request."""

    request: dict[str, Any]
    left: deque[tuple[int, str]] = field(default_factory=deque)
    said: int = 0
    """Samples."""


class Speaker:
    """The voices, and the utterances that wait for them."""

    def __init__(self, child: Child, model: str, threads: int) -> None:
        self._child = child
        self._threads = threads
        self._voices = OrderedDict({model: Voice(model, threads)})
        # The first phonemes load espeak-ng's data: better before the first utterance.
        self._voices[model].say("a.", None, 1.0, 16_000)
        self._queue: deque[_Utterance] = deque()

    def serve(self) -> None:
        """Speak what is asked until the server goes."""
        self._child.send({"hello": "piper"})
        while True:
            for frame in self._child.poll(wait=not self._queue):
                self._take(frame.header)
            if self._queue:
                self._speak(self._queue.popleft())

    def _take(self, header: dict[str, Any]) -> None:
        if header.get("op") == "speak":
            self._queue.append(_Utterance(header, deque(sentences(header["text"]))))
        elif header.get("op") == "cancel":
            self._queue = deque(u for u in self._queue if u.request["id"] != header["id"])

    def _speak(self, utterance: _Utterance) -> None:
        """The next sentence; what is left of the utterance goes behind the others."""
        request = utterance.request
        try:
            offset, text = utterance.left.popleft() if utterance.left else (0, "")
            sound, words = self._voice(request["model"]).say(
                text, request["speaker"], request["shift"], request["rate"]
            )
        except Unspeakable as error:
            self._fail(request, str(error))
            return
        except Exception as error:  # noqa: BLE001 - a broken voice must not end the others' speech
            # Its message might hold the text.
            self._fail(request, f"the voice can't speak ({type(error).__name__})")
            return
        self._send(utterance, sound, [(offset + at, n) for at, n in words])
        if utterance.left:
            self._queue.append(utterance)

    def _fail(self, request: dict[str, Any], why: str) -> None:
        self._child.send({"id": request["id"], "end": True, "error": why})

    def _send(self, utterance: _Utterance, sound: Sound, words: Words) -> None:
        """A sentence, in frames of a second."""
        pcm = np.round(sound.clip(-1, 1) * np.float32(_PEAK * 32_767)).astype("<i2")
        size = _FRAME_SECONDS * utterance.request["rate"]
        for start in range(0, max(1, len(pcm)), size):
            piece = pcm[start : start + size]
            last = start + size >= len(pcm)
            here = [
                (at, utterance.said + min(n, len(pcm)))
                for at, n in words
                if start <= n < start + size or (last and n >= start + size)
            ]
            header = {"id": utterance.request["id"], "words": here}
            if last and not utterance.left:
                header["end"] = True
            self._child.send(header, piece.tobytes())
        utterance.said += len(pcm)

    def _voice(self, model: str) -> Voice:
        voice = self._voices.get(model)
        if voice is None:
            while len(self._voices) >= _MAX_VOICES:
                self._voices.popitem(last=False)
            voice = self._voices[model] = Voice(model, self._threads)
        self._voices.move_to_end(model)
        return voice


def main() -> None:
    """Serve until the server goes."""
    child = Child()
    options = json.loads(sys.argv[1])
    try:
        Speaker(child, options["model"], options["threads"]).serve()
    except ServerGone:
        return


if __name__ == "__main__":
    main()
