"""The WebSocket's messages: typed, one class for each `type`, so that mypy narrows a `Message`."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, TypeAlias

from voice_agent.errors import VoiceAgentError, error_of_code
from voice_agent.fields import Fields, Unreadable


@dataclass(frozen=True, slots=True)
class SessionReadyData:
    """`token` is a LiveKit access token for `room`: a secret."""

    session_id: str
    room: str
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class SessionReady:
    """The session has started."""

    data: SessionReadyData
    type: Literal["session.ready"] = field(default="session.ready", init=False)


@dataclass(frozen=True, slots=True)
class TranscriptionData:
    """`confidence` is 0 to 1. With `is_final` false the turn's next transcription replaces it."""

    text: str
    confidence: float
    is_final: bool


@dataclass(frozen=True, slots=True)
class Transcription:
    """What the user said."""

    data: TranscriptionData
    type: Literal["transcription"] = field(default="transcription", init=False)


@dataclass(frozen=True, slots=True)
class AgentResponseData:
    """`response_id` is there if events were asked for."""

    text: str
    intent: str | None
    tools_used: tuple[str, ...]
    response_id: str | None = None


@dataclass(frozen=True, slots=True)
class AgentResponse:
    """What the agent says."""

    data: AgentResponseData
    type: Literal["agent.response"] = field(default="agent.response", init=False)


@dataclass(frozen=True)
class AudioOutputData:
    """The agent's voice. `encoded` is base64; `audio` is decoded when it is first asked for.

    With `format` "mp3" it is a whole file; with "pcm16" it is 16 bit, signed, little-endian, mono
    samples at `sample_rate` Hz. `duration_ms` is the length of the speech.
    """

    encoded: str = field(repr=False)
    format: str
    duration_ms: float
    sample_rate: int | None = None
    response_id: str | None = None

    @cached_property
    def audio(self) -> bytes:
        """The sound. Raises ValueError where it is not base64."""
        return base64.b64decode(self.encoded, validate=True)


@dataclass(frozen=True, slots=True)
class AudioOutput:
    """A piece of the agent's voice."""

    data: AudioOutputData
    type: Literal["audio.output"] = field(default="audio.output", init=False)


@dataclass(frozen=True, slots=True)
class ErrorData:
    """One of the API's codes, and what the server says of it."""

    code: str
    message: str
    details: Mapping[str, Any]

    def as_exception(self) -> VoiceAgentError:
        """The same as an exception, for those who want to raise it."""
        return error_of_code(self.code, self.message, self.details)


@dataclass(frozen=True, slots=True)
class ErrorMessage:
    """Something could not be done; the session lives on."""

    data: ErrorData
    type: Literal["error"] = field(default="error", init=False)


@dataclass(frozen=True, slots=True)
class AgentInterruptedData:
    """`heard` is what the user heard of the reply before they took the turn."""

    response_id: str
    heard: str
    played_ms: float


@dataclass(frozen=True, slots=True)
class AgentInterrupted:
    """Stop playing that reply, also what has been received of it. Comes if it was asked for."""

    data: AgentInterruptedData
    type: Literal["agent.interrupted"] = field(default="agent.interrupted", init=False)


@dataclass(frozen=True, slots=True)
class PlaybackData:
    """`state` is `started` or `finished`."""

    response_id: str
    state: str
    played_ms: float


@dataclass(frozen=True, slots=True)
class Playback:
    """A reply's sound begins, or has been heard to its end. Comes if it was asked for."""

    data: PlaybackData
    type: Literal["playback"] = field(default="playback", init=False)


@dataclass(frozen=True, slots=True)
class ReconnectedData:
    """How long the connection was away, how often it was tried, ms of audio that were kept."""

    away_ms: float
    attempts: int
    kept_ms: float


@dataclass(frozen=True, slots=True)
class Reconnected:
    """The connection broke and is there again. Made by this package, if it was asked for."""

    data: ReconnectedData
    type: Literal["reconnected"] = field(default="reconnected", init=False)


@dataclass(frozen=True, slots=True)
class UnknownMessage:
    """A message that this version does not know. `kind` is its type on the wire, or empty."""

    kind: str
    data: Any = field(repr=False)
    type: Literal["unknown"] = field(default="unknown", init=False)


Message: TypeAlias = (
    SessionReady
    | Transcription
    | AgentResponse
    | AudioOutput
    | ErrorMessage
    | AgentInterrupted
    | Playback
    | Reconnected
    | UnknownMessage
)


def parse(frame: str | bytes) -> Message:
    """Read one frame. Whatever is not understood becomes an UnknownMessage."""
    try:
        values = json.loads(frame)
    except (ValueError, RecursionError):
        return UnknownMessage("", frame)
    if not isinstance(values, dict):
        return UnknownMessage("", values)
    kind, data = values.get("type"), values.get("data")
    if not isinstance(kind, str):
        return UnknownMessage("", data)
    read = _READERS.get(kind)
    if read is None:
        return UnknownMessage(kind, data)
    try:
        return read(Fields(data, kind))
    except Unreadable:
        return UnknownMessage(kind, data)


def _ready(data: Fields) -> Message:
    return SessionReady(
        SessionReadyData(data.text("session_id"), data.text("room"), data.text("token"))
    )


def _transcription(data: Fields) -> Message:
    return Transcription(
        TranscriptionData(data.text("text"), data.number("confidence"), data.flag("is_final"))
    )


def _response(data: Fields) -> Message:
    return AgentResponse(
        AgentResponseData(
            data.text("text"),
            data.maybe_text("intent"),
            data.texts("tools_used"),
            data.maybe_text("response_id"),
        )
    )


def _audio(data: Fields) -> Message:
    return AudioOutput(
        AudioOutputData(
            data.text("audio"),
            data.text("format"),
            data.number("duration_ms"),
            data.maybe_whole("sample_rate"),
            data.maybe_text("response_id"),
        )
    )


def _error(data: Fields) -> Message:
    return ErrorMessage(ErrorData(data.text("code"), data.text("message"), data.mapping("details")))


def _interrupted(data: Fields) -> Message:
    return AgentInterrupted(
        AgentInterruptedData(data.text("response_id"), data.text("heard"), data.number("played_ms"))
    )


def _playback(data: Fields) -> Message:
    return Playback(
        PlaybackData(data.text("response_id"), data.text("state"), data.number("played_ms"))
    )


_READERS: dict[str, Callable[[Fields], Message]] = {
    "session.ready": _ready,
    "transcription": _transcription,
    "agent.response": _response,
    "audio.output": _audio,
    "error": _error,
    "agent.interrupted": _interrupted,
    "playback": _playback,
}
