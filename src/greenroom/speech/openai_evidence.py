"""How sure a server with OpenAI's HTTP API is of a transcript, and whether to believe it."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from greenroom.speech.ports import Transcript
from greenroom.speech.whisper_guards import Decoding, judge

UNTOLD = 0.8
"""The confidence of a transcript whose server tells nothing about it."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """A transcript, and what speaks for it."""

    text: str
    logprob: float = math.log(UNTOLD)
    """The mean over the tokens of the logarithm of their probabilities."""
    no_speech: float = 0.0
    """Whisper's probability that nobody spoke, of the segment in which it is least."""

    def final(self, voiced: float, hint: Collection[str]) -> Transcript:
        """What may be believed of it, if there were `voiced` seconds of sound.

        `hint` holds the words that the server was told to expect, which models may repeat.
        """
        text, confidence = judge(
            Decoding(self.text.strip(), self.logprob, self.no_speech, voiced), hint
        )
        return Transcript(text, confidence, final=True)


def read_evidence(answer: Any) -> Evidence | None:
    """What an answer says: `json`, `verbose_json` or the last event of a stream. None: no text."""
    match answer:
        case {"text": str(text), "segments": [_, *_] as segments}:
            return _of_segments(text, segments)
        case {"text": str(text), "logprobs": [_, *_] as tokens}:
            return Evidence(text, _mean([(_number(token, "logprob"), 1.0) for token in tokens]))
        case {"text": str(text)}:
            return Evidence(text)
    return None


def _of_segments(text: str, segments: list[Any]) -> Evidence:
    silences = [_number(segment, "no_speech_prob") for segment in segments]
    known = [silence for silence in silences if silence is not None]
    logprobs = [(_number(segment, "avg_logprob"), _length(segment)) for segment in segments]
    return Evidence(text, _mean(logprobs), min(known, default=0.0))


def _length(segment: Any) -> float:
    """A segment's weight: its characters."""
    return float(len(str(segment.get("text", "")))) if isinstance(segment, dict) else 0.0


def _mean(weighed: list[tuple[float | None, float]]) -> float:
    """The mean of (logarithm, weight); those that are not known are left out."""
    known = [(value, weight) for value, weight in weighed if value is not None and weight > 0]
    total = sum(weight for _, weight in known)
    return sum(value * weight for value, weight in known) / total if total else math.log(UNTOLD)


def _number(values: Any, name: str) -> float | None:
    """A finite number, where it is one."""
    value = values.get(name) if isinstance(values, dict) else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None
