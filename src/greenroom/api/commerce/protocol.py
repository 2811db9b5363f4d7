"""The WebSocket's messages without a socket: text in, typed command out; fact in, text out."""

from __future__ import annotations

import contextlib
from binascii import b2a_base64
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, TypeVar

import orjson
from pydantic import TypeAdapter, ValidationError

from greenroom.api.commerce.errors import WireError
from greenroom.api.commerce.models import (
    AudioMessage,
    Message,
    PlaybackData,
    PlaybackMessage,
    StartData,
    StartMessage,
    invalid,
)
from greenroom.conversation.ports import AgentReplied, ReplyInterrupted, UserSaid
from greenroom.errors import InvalidInput

AudioFormat = Literal["pcm16", "opus", "mp3", "wav"]

COMMANDS = "session.start, audio.input, session.end, playback.position"

_MESSAGE = TypeAdapter(Message)
_AUDIO = TypeAdapter(AudioMessage)

_SNIFFED = 64
"""Characters in which a message shows that it is audio, if its type comes first."""

_BYTES_OF_A_SAMPLE = 2

Parsed = TypeVar("Parsed")


@dataclass(frozen=True, slots=True)
class StartSession:
    """`session.start`."""

    data: StartData


@dataclass(frozen=True, slots=True)
class AudioInput:
    """`audio.input`. Of pcm16, `audio` is whole samples; it may be empty."""

    audio: bytes
    format: AudioFormat
    sample_rate: int


@dataclass(frozen=True, slots=True)
class EndSession:
    """`session.end`."""


@dataclass(frozen=True, slots=True)
class PlaybackPosition:
    """`playback.position`."""

    data: PlaybackData


Command: TypeAlias = StartSession | AudioInput | EndSession | PlaybackPosition


def parse(text: str) -> Command:
    """What a text frame asks for. Raises InvalidInput that names the field."""
    if "audio.input" in text[:_SNIFFED]:
        # Nearly every message. One pass for JSON, base64 and types; where it fails, the ways below
        # find out what is wrong.
        with contextlib.suppress(ValidationError):
            return _audio_input(_AUDIO.validate_json(text))
    kind = _checked(_MESSAGE.validate_json, text)["type"]
    match kind:
        case "session.start":
            start = _checked(StartMessage.model_validate_json, text)
            return StartSession(start.data or StartData())
        case "audio.input":
            return _audio_input(_checked(_AUDIO.validate_json, text))
        case "session.end":
            return EndSession()
        case "playback.position":
            return PlaybackPosition(_checked(PlaybackMessage.model_validate_json, text).data)
        case _:
            raise InvalidInput("type", f"is {kind[:64]!r}", COMMANDS)


def _checked(validate: Callable[[str], Parsed], text: str) -> Parsed:
    try:
        return validate(text)
    except ValidationError as error:
        raise invalid(error, "message") from None


def _audio_input(message: AudioMessage) -> AudioInput:
    data = message["data"]
    audio = data["audio"]
    if data["format"] == "pcm16" and len(audio) % _BYTES_OF_A_SAMPLE:
        raise InvalidInput(
            "data.audio",
            f"has {len(audio)} bytes, an odd number",
            "samples of two bytes: signed, little-endian, mono",
        )
    return AudioInput(audio, data["format"], data["sample_rate"])


def session_ready(session_id: str, room: str, token: str) -> str:
    """`session.ready`."""
    return _frame("session.ready", {"session_id": session_id, "room": room, "token": token})


def transcription(said: UserSaid) -> str:
    """`transcription`."""
    data = {
        "text": said.text,
        "confidence": round(said.confidence, 4),
        "is_final": said.final,
    }
    return _frame("transcription", data)


def agent_response(reply: AgentReplied, *, with_id: bool) -> str:
    """`agent.response`; `with_id` names the reply, for clients that asked for events of it."""
    data: dict[str, Any] = {
        "text": reply.text,
        "intent": reply.intent,
        "tools_used": reply.tools_used,
    }
    if with_id:
        data["response_id"] = reply.reply_id
    return _frame("agent.response", data)


def audio_output(audio: bytes, audio_format: str, duration_ms: float, **more: Any) -> str:
    """`audio.output`. `duration_ms` is rounded to whole ms."""
    encoded = b2a_base64(audio, newline=False).decode()
    data = {"audio": encoded, "format": audio_format, "duration_ms": round(duration_ms)}
    return _frame("audio.output", data | more)


def agent_interrupted(interrupted: ReplyInterrupted) -> str:
    """`agent.interrupted`, an addition to the contract."""
    data = {
        "response_id": interrupted.reply_id,
        "heard": interrupted.heard,
        "played_ms": round(interrupted.played_ms),
    }
    return _frame("agent.interrupted", data)


def playback(response_id: str, state: Literal["started", "finished"], played_ms: float) -> str:
    """`playback`, an addition to the contract."""
    data = {"response_id": response_id, "state": state, "played_ms": round(played_ms)}
    return _frame("playback", data)


def error_message(error: WireError) -> str:
    """`error`. `details` is an addition to the contract."""
    data = {"code": error.code, "message": error.message, "details": error.details}
    return _frame("error", data)


def _frame(kind: str, data: dict[str, Any]) -> str:
    return orjson.dumps({"type": kind, "data": data}).decode()
