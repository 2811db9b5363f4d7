"""Frames in, typed messages out."""

from __future__ import annotations

import base64
import json
from dataclasses import FrozenInstanceError
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_agent import AudioOutput, RateLimitExceeded, UnknownMessage
from voice_agent.messages import ErrorMessage, parse

SOUND = bytes(range(256))
FRAMES: dict[str, dict[str, Any]] = {
    "session.ready": {"session_id": "s", "room": "r", "token": "lk-secret"},
    "transcription": {"text": "hello", "confidence": 1, "is_final": True},
    "agent.response": {"text": "hi", "intent": "greeting", "tools_used": ["a"]},
    "audio.output": {
        "audio": base64.b64encode(SOUND).decode(),
        "format": "mp3",
        "duration_ms": 3500,
    },
    "error": {"code": "RATE_LIMIT_EXCEEDED", "message": "slow", "details": {"retry_after": 3}},
    "agent.interrupted": {"response_id": "reply_1", "heard": "I fo", "played_ms": 840},
    "playback": {"response_id": "reply_1", "state": "started", "played_ms": 0},
}


def frame(kind: str, **changes: Any) -> str:
    return json.dumps({"type": kind, "data": {**FRAMES[kind], **changes}})


@pytest.mark.parametrize("kind", FRAMES)
def test_every_message_of_the_api_has_its_type_and_its_data(kind: str) -> None:
    message = parse(frame(kind, something_new=[1]))
    assert message.type == kind
    for name, value in FRAMES[kind].items():
        if kind == "audio.output" and name == "audio":
            continue
        got = getattr(message.data, name)
        assert (list(got) if isinstance(got, tuple) else got) == value


@pytest.mark.parametrize("kind", FRAMES)
def test_a_message_can_not_be_changed(kind: str) -> None:
    message = parse(frame(kind))
    with pytest.raises(FrozenInstanceError):
        message.type = "other"  # type: ignore[misc,assignment]


@pytest.mark.parametrize("kind", FRAMES)
def test_a_known_message_that_lacks_something_is_unknown_and_says_what_it_was(kind: str) -> None:
    whole = FRAMES[kind]
    for name in whole.keys() - {"details", "intent", "tools_used"}:
        data = {key: value for key, value in whole.items() if key != name}
        message = parse(json.dumps({"type": kind, "data": data}))
        assert message == UnknownMessage(kind, data)


def test_the_sound_is_decoded_when_it_is_asked_for_and_once() -> None:
    message = parse(frame("audio.output"))
    assert isinstance(message, AudioOutput)
    assert message.data.audio == SOUND
    assert message.data.audio is message.data.audio


def test_sound_that_is_no_base64_is_a_value_error_only_when_it_is_asked_for() -> None:
    message = parse(frame("audio.output", audio="***"))
    assert isinstance(message, AudioOutput)
    with pytest.raises(ValueError, match=r"base64|Non-base64|padding"):
        _ = message.data.audio


def test_pcm_says_its_rate_and_its_reply() -> None:
    message = parse(frame("audio.output", format="pcm16", sample_rate=24_000, response_id="r1"))
    assert isinstance(message, AudioOutput)
    assert (message.data.sample_rate, message.data.response_id) == (24_000, "r1")


def test_an_error_message_can_be_raised_as_the_exception_of_its_code() -> None:
    message = parse(frame("error"))
    assert isinstance(message, ErrorMessage)
    error = message.data.as_exception()
    assert isinstance(error, RateLimitExceeded)
    assert error.retry_after == 3


def test_secrets_are_in_no_repr() -> None:
    assert "lk-secret" not in repr(parse(frame("session.ready")))
    assert "lk-secret" not in repr(parse('{"type": "new", "data": {"token": "lk-secret"}}'))
    assert base64.b64encode(SOUND).decode() not in repr(parse(frame("audio.output")))


@pytest.mark.parametrize(
    "garbage",
    [
        "",
        "{",
        "[]",
        "null",
        "NaN",
        '{"type": 3}',
        '{"type": "transcription"}',
        b"\xff\x00",
        "[" * 9_999,
        '{"type":"transcription","data":{"text":"x","confidence":1e999,"is_final":true}}',
        '{"type":"playback","data":{"response_id":"r","state":"s","played_ms":1' + "0" * 400 + "}}",
    ],
)
def test_garbage_is_an_unknown_message(garbage: str | bytes) -> None:
    assert parse(garbage).type == "unknown"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(st.text(max_size=200) | st.binary(max_size=200))
def test_no_frame_whatever_it_is_raises(garbage: str | bytes) -> None:
    assert parse(garbage).type


@given(st.sampled_from(sorted(FRAMES)), st.data())
def test_no_value_in_a_known_message_raises(kind: str, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(FRAMES[kind])))
    message = parse(frame(kind, **{name: data.draw(json_values)}))
    assert message.type in {kind, "unknown"}
    repr(message)
