"""Tells what Whisper heard from what it made up.

Whisper was trained on subtitles: of silence and noise it makes what often stands under such sounds
("Thanks for watching!"), it may repeat itself without end, and it may echo its prompt. Three
figures tell: the mean log probability of its tokens, the probability that nothing is said, and how
long a voice activity detector heard a voice. Pure functions; nothing but the standard library.
"""

from __future__ import annotations

import math
import re
import zlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Decoding:
    """What one pass of the model gave. `voiced` is in seconds."""

    text: str
    avg_logprob: float
    no_speech_prob: float
    voiced: float


LEAST_VOICED = 0.1
"""Seconds of voice below which nothing was said; a short "yes" has twice that."""
_NO_SPEECH, _NO_SPEECH_LOGPROB = 0.6, -1.0
"""Whisper's own rule for silence: both are passed (whisper/transcribe.py)."""
_GARBLED = -1.6
"""Mean log probability below which the words were guessed."""
_TOO_REGULAR = 2.4
"""Compression ratio, of Whisper's own rule for repetition."""
_WORDS_PER_SECOND, _FREE_WORDS = 7.0, 3
"""Faster than that nobody speaks; a fast speaker says five words in a second."""
_DOUBTFUL_NO_SPEECH, _DOUBTFUL_LOGPROB, _DOUBTFUL_VOICED = 0.3, -0.6, 0.2
_LOOP = 4
"""Times that a phrase is said in a row, from which it is a loop."""
_LONGEST_LOOP = 12
"""Words of such a phrase."""

_PHANTOM_TEXT = """
    thank you|thanks|thank you very much|thank you so much|you|bye|bye bye|goodbye|so|oh|okay
    thanks for watching|thank you for watching|thank you so much for watching|the end|subscribe
    thanks for listening|thank you for listening|please subscribe|please subscribe to my channel
    like and subscribe|dont forget to subscribe|ill see you next time|see you next time
    see you in the next video|ill see you in the next video|well be right back|hello everyone
    we will be right back|uh|um|hmm|subtitles by the amara org community|music|applause|silence
    transcription by castingwords|laughter
"""
_PHANTOMS = frozenset(
    phrase.strip() for phrase in _PHANTOM_TEXT.replace("\n", "|").split("|") if phrase.strip()
)

_ANNOTATION = re.compile(r"\[[^\]]{0,40}\]|\([^)]{0,40}\)|[♪♫]+|<\|[^|]{0,20}\|>")
_NOT_A_WORD = re.compile(r"[^\w\s]")


def judge(decoding: Decoding, prompt: Collection[str] = ()) -> tuple[str, float]:
    """The words that were said, and how sure that is, 0 to 1; `("", 0.0)` where none were.

    `prompt` holds the words that the model was told to expect, in lower case.
    """
    text = without_loops(_ANNOTATION.sub(" ", decoding.text))
    words = plain_words(text)
    made_up = (
        not words
        or decoding.voiced < LEAST_VOICED
        or not decoding.avg_logprob >= _GARBLED  # which is true of NaN, too
        or (decoding.no_speech_prob > _NO_SPEECH and decoding.avg_logprob < _NO_SPEECH_LOGPROB)
        or len(words) > _FREE_WORDS + _WORDS_PER_SECOND * decoding.voiced
        or _compression_ratio(text) > _TOO_REGULAR
        or (_is_doubtful(decoding) and _is_suspicious(words, prompt))
    )
    return ("", 0.0) if made_up else (text, confidence_of(decoding.avg_logprob))


def confidence_of(avg_logprob: float) -> float:
    """The geometric mean of the tokens' probabilities, 0 to 1."""
    return math.exp(min(0.0, avg_logprob)) if math.isfinite(avg_logprob) else 0.0


def without_loops(text: str) -> str:
    """`text` with a phrase that is said four times in a row, or more, said once.

    Digits are left: "5 5 5 5" may be somebody's number.
    """
    words = text.split()
    keys = [_NOT_A_WORD.sub("", word).lower() for word in words]
    out: list[str] = []
    at = 0
    while at < len(words):
        length, times = _loop_at(keys, at)
        out += words[at : at + length]
        at += length * times
    return " ".join(out)


def _loop_at(keys: Sequence[str], at: int) -> tuple[int, int]:
    """Words of the phrase that begins at `at` and is looped, and how often; (1, 1) for none."""
    for length in range(1, min(_LONGEST_LOOP, (len(keys) - at) // _LOOP) + 1):
        phrase = keys[at : at + length]
        times = 1
        while keys[at + times * length : at + (times + 1) * length] == phrase:
            times += 1
        if times >= _LOOP and not all(word.isdigit() for word in phrase):
            return length, times
    return 1, 1


def plain_words(text: str) -> list[str]:
    """The words, without case and punctuation."""
    return _NOT_A_WORD.sub("", text.replace("-", " ")).lower().split()


def stability(before: str, now: str) -> float:
    """The share of the words of `now` that `before` began with, 0 to 1: they hardly change."""
    old, new = plain_words(before), plain_words(now)
    same = 0
    while same < min(len(old), len(new)) and old[same] == new[same]:
        same += 1
    return same / len(new) if new else 0.0


def unended(text: str) -> str:
    """`text` without the full stop that Whisper puts where the sound ends, in mid-sentence too."""
    return text.rstrip(" .…,-")


def _is_doubtful(decoding: Decoding) -> bool:
    return (
        decoding.no_speech_prob > _DOUBTFUL_NO_SPEECH
        or decoding.avg_logprob < _DOUBTFUL_LOGPROB
        or decoding.voiced < _DOUBTFUL_VOICED
    )


def _is_suspicious(words: Sequence[str], prompt: Collection[str]) -> bool:
    """A phrase that silence is known for, or an echo of the prompt."""
    return " ".join(words) in _PHANTOMS or (
        len(words) > 1 and all(word in prompt for word in words)
    )


def _compression_ratio(text: str) -> float:
    data = text.encode()
    return len(data) / len(zlib.compress(data))
