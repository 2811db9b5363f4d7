"""The avatar WebSocket's frames without a socket: text in, typed command out; fact in, text out.

One protocol for both contracts: where they spell a field differently, both spellings count.
"""

from __future__ import annotations

import binascii
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

import orjson

from greenroom.api.avatars.errors import Code, MissingFields, Refused, wire_error

Encoding: TypeAlias = Literal["PCM16", "PCM8", "OPUS"]
ENCODINGS: tuple[Encoding, ...] = get_args(Encoding)
RATES = (8_000, 48_000)
"""Hz, least and most."""
OPUS_RATE = 48_000
"""Hz that Opus is decoded to, whatever the frame says: a stream of Opus has no other clock."""

MAX_EVENT_ID = 256
"""Characters."""
MAX_TOKEN = 8_192
"""Characters of a channel's token, here and when a session is made."""

EventId: TypeAlias = str | int | None
Message: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Init:
    """`init`. `session_id` None: the session that the token names.

    `channel_token` is that of the Agora settings, where the message repeats them.
    """

    event_id: EventId
    session_id: str | None
    channel_token: str | None = None


@dataclass(frozen=True, slots=True)
class Voice:
    """`voice`. Of PCM16, `audio` is whole samples; it may be empty. `rate` in Hz."""

    event_id: EventId
    audio: bytes
    encoding: Encoding
    rate: int


@dataclass(frozen=True, slots=True)
class VoiceEnd:
    """`voice_end`."""

    event_id: EventId


@dataclass(frozen=True, slots=True)
class VoiceInterrupt:
    """`voice_interrupt`."""

    event_id: EventId


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """`heartbeat`. `timestamp` is the client's own, in ms."""

    event_id: EventId
    timestamp: float | None


@dataclass(frozen=True, slots=True)
class Special:
    """`special`. What its content asks for, `special.read_special` says."""

    event_id: EventId
    content: str | Message | list[Any]


Command: TypeAlias = Init | Voice | VoiceEnd | VoiceInterrupt | Heartbeat | Special


def parse(text: str) -> Command:
    """What a text frame asks for. Raises Refused.

    About 4 ms for a megabyte, mostly for base64.
    """
    try:
        message = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise Refused(Code.INVALID_JSON, "The message is not valid JSON") from None
    if not isinstance(message, dict):
        raise Refused(Code.VALIDATION_ERROR, "The message must be a JSON object")
    event_id = _event_id(message)
    try:
        return _command(message, event_id)
    except Refused as error:
        error.event_id = event_id
        raise


def _command(message: Message, event_id: EventId) -> Command:
    name = message.get("command")
    if name is None:
        raise _missing("command")
    read = _COMMANDS.get(name) if isinstance(name, str) else None
    if read is None:
        shown = repr(name)[:64]
        raise Refused(
            Code.UNKNOWN_COMMAND, f"Unknown command {shown}; known: {', '.join(_COMMANDS)}"
        )
    return read(message, event_id)


def _init(message: Message, event_id: EventId) -> Init:
    session_id = _either(message, "session_id", "sessionId")
    if session_id is not None and not isinstance(session_id, str):
        raise _invalid("session_id must be a string")
    channel = _either(message, "agora_settings", "agoraSettings")
    token = channel.get("token") if isinstance(channel, dict) else None
    if token is not None and not (isinstance(token, str) and 0 < len(token) <= MAX_TOKEN):
        raise _invalid(f"agora_settings.token must be a string of 1 to {MAX_TOKEN} characters")
    return Init(event_id, session_id, token)


def _voice(message: Message, event_id: EventId) -> Voice:
    encoding, rate = _encoding(message), _rate(message)
    if encoding == "OPUS":
        rate = OPUS_RATE
    given = {"audio": message.get("audio"), "encoding": encoding, "sample_rate": rate}
    missing = [name for name, value in given.items() if value is None]
    if missing or encoding is None or rate is None:
        raise _missing(*missing)
    audio = _audio(given["audio"])
    if encoding == "PCM16" and len(audio) % 2:
        raise Refused(
            Code.INVALID_AUDIO,
            f"audio has {len(audio)} bytes, an odd number; PCM16 is samples of two bytes: signed, "
            "little-endian, mono",
        )
    return Voice(event_id, audio, encoding, rate)


def _encoding(message: Message) -> Encoding | None:
    value = message.get("encoding")
    if value is None:
        return None
    for encoding in ENCODINGS:
        if isinstance(value, str) and value.upper() == encoding:
            return encoding
    raise _invalid(f"encoding must be one of: {', '.join(ENCODINGS)}")


def _rate(message: Message) -> int | None:
    rate = _either(message, "sample_rate", "sampleRate")
    if rate is None:
        return None
    low, high = RATES
    if type(rate) is not int or not low <= rate <= high:
        raise _invalid(f"sample_rate must be a whole number from {low} to {high}, in Hz")
    return rate


def _audio(value: Any) -> bytes:
    if not isinstance(value, str):
        raise _invalid("audio must be a string with base64")
    try:
        return binascii.a2b_base64(value, strict_mode=True)
    except ValueError:
        raise Refused(
            Code.INVALID_AUDIO, "audio is not base64: standard base64 with padding, in one line"
        ) from None


def _heartbeat(message: Message, event_id: EventId) -> Heartbeat:
    timestamp = message.get("timestamp")
    if timestamp is not None and type(timestamp) not in (int, float):
        raise _invalid("timestamp must be a number of milliseconds")
    return Heartbeat(event_id, timestamp)


def _special(message: Message, event_id: EventId) -> Special:
    content = message.get("content")
    if content is None:
        raise _missing("content")
    if not isinstance(content, str | dict | list):
        raise _invalid("content must be a string with XML or JSON, or a JSON object")
    return Special(event_id, content)


_COMMANDS: dict[str, Callable[[Message, EventId], Command]] = {
    "init": _init,
    "voice": _voice,
    "voice_end": lambda _, event_id: VoiceEnd(event_id),
    "voice_interrupt": lambda _, event_id: VoiceInterrupt(event_id),
    "heartbeat": _heartbeat,
    "special": _special,
}


def _event_id(message: Message) -> EventId:
    event_id = message.get("event_id")
    if event_id is None or type(event_id) is int:
        return event_id
    if not isinstance(event_id, str) or len(event_id) > MAX_EVENT_ID:
        raise _invalid(f"event_id must be a string of at most {MAX_EVENT_ID} characters")
    return event_id


def _either(message: Message, snake: str, camel: str) -> Any:
    """A field of two spellings, which must not disagree."""
    one, other = message.get(snake), message.get(camel)
    if one is not None and other is not None and one != other:
        raise _invalid(f"{snake} and {camel} are not the same")
    return other if one is None else one


def _invalid(message: str) -> Refused:
    return Refused(Code.VALIDATION_ERROR, message)


def _missing(*fields: str) -> Refused:
    return _invalid(wire_error(MissingFields(fields)).message)


def heartbeat_ack(heartbeat: Heartbeat) -> str:
    """`heartbeat_ack`, with the client's own `event_id` and `timestamp`."""
    return _frame("heartbeat_ack", event_id=heartbeat.event_id, timestamp=heartbeat.timestamp)


def special_ack(event_id: EventId, applied: list[str], ignored: list[str]) -> str:
    """`special_ack`: what was done, and what was not and why."""
    status = "applied" if applied else "ignored"
    return _frame("special_ack", event_id=event_id, status=status, applied=applied, ignored=ignored)


def token_expiring(session_id: str) -> str:
    """`token_expiring`: an `init` with a new token of the channel is needed soon."""
    return _frame("token_expiring", session_id=session_id)


def session_ended(session_id: str, status: str, reason: str, message: str) -> str:
    """`session_ended`: the last frame of a session."""
    return _frame(
        "session_ended", session_id=session_id, status=status, reason=reason, message=message
    )


def error_frame(error: Exception, event_id: EventId = None) -> str:
    """`error`, for what was raised. `event_id` names the frame that it answers."""
    wire = wire_error(error)
    return _frame("error", code=wire.code, message=wire.message, event_id=event_id)


def _frame(command: str, **fields: Any) -> str:
    given = {name: value for name, value in fields.items() if value is not None}
    return orjson.dumps({"command": command, **given}).decode()
