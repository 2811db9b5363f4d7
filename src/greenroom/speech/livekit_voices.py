"""Which voices of a vendor the six named voices are, in LiveKit's plugins.

Only voices that their vendor publishes for everybody's use. American: Ashley, Craig, Wendy;
British: Edward, Olivia; Indian: Priya, where the vendor has such a voice.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from greenroom.speech.livekit_options import Constructor
from greenroom.speech.ports import VOICES

_PARAMETERS = ("voice", "voice_id", "voice_name", "speaker", "speaker_id", "reference_id")
"""What plugins call the voice."""
_ANY = re.compile(r"(?=.{1,128}\Z)[A-Za-z0-9]\w*(?:[ .:-]\w+)*\Z")
"""No slash and no `..`: some plugins put the voice into a URL's path as it is."""


@dataclass(frozen=True, slots=True)
class VendorVoices:
    """The voices of one plugin's class."""

    parameter: str | None
    """Of the constructor; None: it has no voices."""
    named: Mapping[str, str]
    """Empty where Greenroom does not know the vendor."""
    shape: re.Pattern[str] = _ANY
    """What one of the vendor's own voices looks like."""
    example: str = "an id of the vendor"


_KNOWN = {
    # https://developers.deepgram.com/docs/tts-models; Aura has no Indian English.
    "deepgram.TTS": VendorVoices(
        "model",
        {
            "Ashley": "aura-2-thalia-en",
            "Craig": "aura-2-apollo-en",
            "Edward": "aura-2-draco-en",
            "Olivia": "aura-2-pandora-en",
            "Wendy": "aura-2-andromeda-en",
            "Priya": "aura-2-luna-en",
        },
        re.compile(r"aura(?:-\d)?-[a-z]{1,32}-[a-z]{2}\Z"),
        "aura-2-thalia-en",
    ),
    # https://play.cartesia.ai/voices
    "cartesia.TTS": VendorVoices(
        "voice",
        {
            "Ashley": "f786b574-daa5-4673-aa0c-cbe3e8534c02",
            "Craig": "5ee9feff-1265-424a-9d7f-8e4d431a12c7",
            "Edward": "95856005-0332-41b0-935f-352e296aa0df",
            "Olivia": "a01c369f-6d2d-4185-bc20-b32c225eab70",
            "Wendy": "9626c31c-bec5-4cca-baa8-f8ba9e84c8bc",
            "Priya": "3b554273-4299-48b9-9aaf-eefd438e3941",
        },
        re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z"),
        "f786b574-daa5-4673-aa0c-cbe3e8534c02",
    ),
    # https://elevenlabs.io/docs: the premade voices; none is Indian.
    "elevenlabs.TTS": VendorVoices(
        "voice_id",
        {
            "Ashley": "EXAVITQu4vr4xnSDxMaL",
            "Craig": "nPczCjzI2devNBz1zQrb",
            "Edward": "JBFqnCBsd6RMkjVDRZzb",
            "Olivia": "Xb7hH8MSUJpSbSDYk0k2",
            "Wendy": "XrExE9yKIg1WjnnlVkGX",
            "Priya": "cgSgspJ2msm6clMCkdW9",
        },
        re.compile(r"[A-Za-z0-9]{16,32}\Z"),
        "EXAVITQu4vr4xnSDxMaL",
    ),
}


def voices_of(label: str, constructor: Constructor) -> VendorVoices:
    """The voices of the class `label`, such as `cartesia.TTS`."""
    if label in _KNOWN:
        return _KNOWN[label]
    taken = (name for name in _PARAMETERS if constructor.takes(name))
    return VendorVoices(next(taken, None), {})


def check_names(given: Mapping[str, str]) -> str | None:
    """The first name of a table that is none of VOICES."""
    return next((name for name in given if name not in VOICES), None)
