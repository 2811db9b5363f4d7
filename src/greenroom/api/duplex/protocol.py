"""The chat protocol's frames without a socket: bytes in, typed message out; fact in, bytes out.

The first byte of a frame is its kind.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, TypeAlias

import orjson

from greenroom.api.duplex.models import MAX_TYPED
from greenroom.errors import InvalidInput


class Kind(IntEnum):
    """What a frame is."""

    HANDSHAKE = 0
    AUDIO = 1
    TEXT = 2
    CONTROL = 3
    METADATA = 4
    ERROR = 5
    PING = 6


class Control(IntEnum):
    """What a client may ask of the conversation."""

    START = 0
    """Go on after a pause; without one nothing."""
    END_TURN = 1
    PAUSE = 2
    RESTART = 3


@dataclass(frozen=True, slots=True)
class Audio:
    """A piece of the client's Ogg Opus stream."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Text:
    """What the person has written."""

    text: str


@dataclass(frozen=True, slots=True)
class Ping:
    """Asks for an answer."""


@dataclass(frozen=True, slots=True)
class Unheeded:
    """A frame of a kind that clients may send, and that says nothing to a server."""


Message: TypeAlias = Audio | Text | Control | Ping | Unheeded


def parse(frame: bytes) -> Message:
    """What a client's frame says. Raises InvalidInput."""
    if not frame:
        raise InvalidInput("frame", "is empty", "a first byte that names its kind")
    read = _READERS.get(frame[0])
    if read is None:
        known = ", ".join(f"0x{kind:02x}" for kind in _READERS)
        raise InvalidInput("kind", f"0x{frame[0]:02x} is unknown", known)
    return read(frame[1:])


def _audio(payload: bytes) -> Audio:
    if not payload:
        raise InvalidInput("audio", "is empty", "a piece of an Ogg Opus stream")
    return Audio(payload)


def _text(payload: bytes) -> Text:
    try:
        text = payload.decode()
    except UnicodeDecodeError:
        raise InvalidInput("text", "is not UTF-8") from None
    if not text.strip():
        raise InvalidInput("text", "is empty")
    if len(text) > MAX_TYPED:
        raise InvalidInput("text", f"must have at most {MAX_TYPED} characters")
    return Text(text)


def _control(payload: bytes) -> Control:
    if len(payload) == 1 and payload[0] in set(Control):
        return Control(payload[0])
    known = ", ".join(f"{control.value} ({control.name.lower()})" for control in Control)
    raise InvalidInput("control", "is not known", f"one byte: {known}")


_READERS: dict[int, Callable[[bytes], Message]] = {
    Kind.HANDSHAKE: lambda _: Unheeded(),
    Kind.AUDIO: _audio,
    Kind.TEXT: _text,
    Kind.CONTROL: _control,
    Kind.METADATA: lambda _: Unheeded(),
    Kind.ERROR: lambda _: Unheeded(),
    Kind.PING: lambda _: Ping(),
}

HANDSHAKE = bytes([Kind.HANDSHAKE])
"""The model takes sound now."""
PING = bytes([Kind.PING])
"""The answer to a ping, as to every."""


def audio(pages: bytes) -> bytes:
    """A piece of the AI's Ogg Opus stream."""
    return bytes([Kind.AUDIO]) + pages


def text(words: str) -> bytes:
    """A piece of the AI's words."""
    return bytes([Kind.TEXT]) + words.encode(errors="replace")


def metadata(**facts: Any) -> bytes:
    """Facts that a client need not understand."""
    return bytes([Kind.METADATA]) + orjson.dumps(facts)


def error(message: str) -> bytes:
    """What is wrong, in words."""
    return bytes([Kind.ERROR]) + message.encode(errors="replace")
