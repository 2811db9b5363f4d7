"""The API's voices that stand for those a persona may have."""

from __future__ import annotations

from greenroom.duplex.voices import VOICES
from greenroom.errors import InvalidInput

_WOMEN = ("marin", "coral", "sage", "shimmer", "alloy")
_MEN = ("cedar", "ash", "echo", "verse", "ballad")
_REALTIME = {name: (_WOMEN if name[3] == "F" else _MEN)[int(name[4])] for name in VOICES}


def realtime_voice(name: str) -> str:
    """The voice of the API for `name` (`NATF2.pt`): a woman's or a man's, as the name says.

    Raises InvalidInput (`voice_prompt`).
    """
    try:
        return _REALTIME[name]
    except KeyError:
        raise InvalidInput("voice_prompt", "no such voice", ", ".join(VOICES)) from None
