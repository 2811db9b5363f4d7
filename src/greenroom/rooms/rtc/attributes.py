"""Read the values of a session description's attributes.

All of them raise InvalidDescription where a value can't be what it stands for.
"""

from __future__ import annotations

import re
from functools import lru_cache

from greenroom.rooms.errors import InvalidDescription
from greenroom.rooms.rtc.description import Parameters

MAX_PARAMETERS = 32
TOKEN = re.compile(r"[!#$%&'*+\-.^_`{|}~0-9A-Za-z]{1,64}")  # RFC 8866, 9
LABEL = re.compile(r"[!#$%&'*+\-.^_`{|}~0-9A-Za-z]{1,16}")
"""A token that fits into a one-byte header extension of RTP, as mids and rids must."""
ICE = re.compile(r"[0-9A-Za-z+/=\-_#]{4,256}")  # RFC 8839, 5.4, and what libraries add to it
ID = re.compile(r"[\x21-\x7e]{1,256}")
FINGERPRINT = re.compile(r"[0-9A-F]{2}(:[0-9A-F]{2}){15,63}")
_NUMBER = re.compile(r"[0-9]{1,10}")


def to_number(text: str, most: int, what: str) -> int:
    """A decimal from 0 to `most`."""
    if not _NUMBER.fullmatch(text) or int(text) > most:
        raise InvalidDescription(f"{what} is not a number up to {most}: {text[:40]!r}")
    return int(text)


def to_matching(pattern: re.Pattern[str], text: str, what: str) -> str:
    """The text, which is all of the pattern's."""
    if not pattern.fullmatch(text):
        raise InvalidDescription(f"{what} can't be {text[:40]!r}")
    return text


# The lines of formats are the same in the sections of all clients of one make, and most of them
# all: they need not be read again.
_remembered = lru_cache(maxsize=512)


@_remembered
def to_encoding(value: str) -> tuple[int, tuple[str, int, int]]:
    """Of `a=rtpmap`: the payload type, and the encoding's name, clock rate and channels."""
    number, _, encoding = value.partition(" ")
    name, _, rates = encoding.strip().partition("/")
    rate, _, channels = rates.partition("/")
    return to_number(number, 127, "a payload type"), (
        to_matching(TOKEN, name, "an encoding").lower(),
        to_number(rate, 1_000_000, "a clock rate"),
        to_number(channels or "1", 255, "a number of channels"),
    )


@_remembered
def to_parameters(value: str) -> tuple[int, Parameters]:
    """Of `a=fmtp`."""
    number, _, parameters = value.partition(" ")
    pairs = [word.strip().partition("=") for word in parameters.split(";") if word.strip()]
    if len(pairs) > MAX_PARAMETERS:
        raise InvalidDescription("too many parameters of a format")
    return to_number(number, 127, "a payload type"), tuple(
        (name.strip().lower(), text.strip()) for name, _, text in pairs
    )


@_remembered
def to_feedback(value: str) -> tuple[int | None, str]:
    """Of `a=rtcp-fb`; None: of all payload types."""
    number, _, kind = value.partition(" ")
    found = None if number == "*" else to_number(number, 127, "a payload type")
    return found, " ".join(kind.lower().split())


@_remembered
def to_extension(value: str) -> tuple[int, str]:
    """Of `a=extmap`: the id and the URI."""
    number, _, rest = value.partition(" ")
    uri = to_matching(ID, rest.partition(" ")[0], "a header extension")
    # 4096 and more are offered to be renumbered (RFC 8285, 7); nobody who talks to us does.
    return to_number(number.partition("/")[0], 4351, "a header extension's id"), uri
