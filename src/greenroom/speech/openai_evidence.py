"""How sure a server with OpenAI's HTTP API is of a transcript."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

UNTOLD = 0.8
"""The confidence of a transcript whose server tells nothing about it."""
_DOUBTFUL = 0.4
"""Confidence below which a phrase that models make up is not believed (Whisper's bound: 0.37)."""
_NO_SPEECH = 0.5
"""Whisper's probability that nobody spoke, from which on it counts."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """A transcript, and what speaks for it. `confidence` is the mean probability of a token."""

    text: str
    confidence: float = UNTOLD
    no_speech: float = 0.0
    """Whisper's probability that nobody spoke, of the segment in which it is least."""

    @property
    def is_weak(self) -> bool:
        """Whether the recogniser itself doubts that this was said."""
        return self.confidence < _DOUBTFUL or self.no_speech >= _NO_SPEECH


def read_evidence(answer: Any) -> Evidence | None:
    """What an answer says: `json`, `verbose_json` or the last event of a stream. None: no text."""
    match answer:
        case {"text": str(text), "segments": [_, *_] as segments}:
            return _of_segments(
                text, [segment for segment in segments if isinstance(segment, dict)]
            )
        case {"text": str(text), "logprobs": [_, *_] as tokens}:
            return Evidence(
                text, _mean_probability([(_number(token, "logprob"), 1.0) for token in tokens])
            )
        case {"text": str(text)}:
            return Evidence(text)
    return None


def _of_segments(text: str, segments: list[dict[str, Any]]) -> Evidence:
    logprobs = [
        (_number(segment, "avg_logprob"), float(len(str(segment.get("text", ""))) or 1))
        for segment in segments
    ]
    silences = [_number(segment, "no_speech_prob") for segment in segments]
    known = [silence for silence in silences if silence is not None]
    return Evidence(text, _mean_probability(logprobs), min(known, default=0.0))


def _mean_probability(weighed: list[tuple[float | None, float]]) -> float:
    """e to the mean of (logarithm, weight); those that are not known are left out."""
    known = [(value, weight) for value, weight in weighed if value is not None]
    total = sum(weight for _, weight in known)
    if not total:
        return UNTOLD
    mean = sum(value * weight for value, weight in known) / total
    return math.exp(min(0.0, mean))


def _number(values: Any, name: str) -> float | None:
    """A finite number, where it is one."""
    value = values.get(name) if isinstance(values, dict) else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None
