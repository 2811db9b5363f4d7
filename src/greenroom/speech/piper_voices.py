"""Piper's voices: what a voice's description says, and which speaker of it is called what."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from greenroom.speech.ports import VOICES

_MAX_DESCRIPTION = 4_000_000
_RATES = range(8_000, 48_001)

# Speakers of the VCTK corpus, as its speaker-info.txt tells: Ashley and Wendy are American women
# (San Francisco, Philadelphia), Craig an American man (New Jersey), Edward and Olivia are from the
# south of England, Priya is from India.
_SPEAKERS = {
    "Ashley": "p294",
    "Craig": "p360",
    "Edward": "p226",
    "Olivia": "p228",
    "Wendy": "p305",
    "Priya": "p248",
}
# A voice of one speaker becomes six by playing it slower or faster, which moves pitch and timbre.
_SHIFTS = {
    "Ashley": 1.0,
    "Craig": 0.79,
    "Edward": 0.86,
    "Olivia": 1.07,
    "Wendy": 1.15,
    "Priya": 0.93,
}


class VoiceUnusable(Exception):
    """What is wrong with a voice's files."""


@dataclass(frozen=True, slots=True)
class Voice:
    """A voice's model. `rate` in Hz; `speakers` from name to number."""

    path: Path
    rate: int
    count: int
    speakers: Mapping[str, int] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Part:
    """Who speaks: a speaker of a voice, moved in pitch and timbre by the factor `shift`."""

    voice: Voice
    speaker: int | None
    shift: float = 1.0


def read_voice(path: Path) -> Voice:
    """What `path`, an .onnx file, has beside it in `.onnx.json`. Raises VoiceUnusable."""
    description = path.with_name(f"{path.name}.json")
    try:
        if description.stat().st_size > _MAX_DESCRIPTION:
            raise VoiceUnusable(f"{description} is too large")
        content = json.loads(description.read_bytes())
        rate, count = int(content["audio"]["sample_rate"]), int(content["num_speakers"])
        named = content.get("speaker_id_map") or {}
        speakers = {str(name): int(number) for name, number in named.items()}
    except OSError as error:
        raise VoiceUnusable(f"{description} can't be read: {error.strerror}") from None
    except (KeyError, TypeError, ValueError, AttributeError):
        raise VoiceUnusable(f"{description} is no description of a piper voice") from None
    if rate not in _RATES or not path.is_file():
        raise VoiceUnusable(f"{path} is not there, or has no rate that can be used")
    return Voice(path, rate, max(1, count), speakers)


def cast_named(voice: Voice, name: str) -> Part:
    """Who of `voice` plays one of VOICES. The six are six different ones with every voice."""
    place = VOICES.index(name)
    if voice.count == 1:
        return Part(voice, None, _SHIFTS[name])
    if all(speaker in voice.speakers for speaker in _SPEAKERS.values()):
        return Part(voice, voice.speakers[_SPEAKERS[name]])
    if voice.count >= len(VOICES):
        return Part(voice, math.floor(place * (voice.count - 1) / (len(VOICES) - 1)))
    return Part(voice, place % voice.count, _SHIFTS[name])


def cast_speaker(voice: Voice, speaker: str) -> Part | None:
    """A speaker of `voice` by name or number; "" is the first. None: there is none such."""
    if not speaker:
        return Part(voice, 0 if voice.count > 1 else None)
    if speaker in voice.speakers:
        return Part(voice, voice.speakers[speaker])
    if speaker.isdecimal() and int(speaker) < voice.count > 1:
        return Part(voice, int(speaker))
    return None
