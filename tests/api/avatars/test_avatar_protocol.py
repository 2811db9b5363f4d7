"""The avatar WebSocket's frames, without a socket."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from greenroom.api.avatars import protocol
from greenroom.api.avatars.errors import Code, Refused
from greenroom.api.avatars.protocol import (
    OPUS_RATE,
    Heartbeat,
    Init,
    Special,
    Voice,
    VoiceEnd,
    VoiceInterrupt,
    parse,
)
from greenroom.api.avatars.special import read_special
from greenroom.errors import CapacityExceeded
from support.avatars import START

B64 = base64.b64encode(b"\x01\x00\x02\x00").decode()
VOICE = {"command": "voice", "audio": B64, "encoding": "PCM16", "sampleRate": 24_000}


def text(**fields: Any) -> str:
    return json.dumps(fields)


@pytest.mark.parametrize(
    ("fields", "command"),
    [
        (
            {"command": "init", "session_id": "s", **START},
            Init(None, "s", START["agora_settings"]["token"]),
        ),
        ({"command": "init", "sessionId": "s", "event_id": "e", "version": "v1"}, Init("e", "s")),
        ({"command": "init", "sessionId": "s", "session_id": "s"}, Init(None, "s")),
        ({"command": "init"}, Init(None, None)),
        ({**VOICE, "event_id": "e"}, Voice("e", b"\x01\x00\x02\x00", "PCM16", 24_000)),
        (
            {"command": "voice", "audio": B64, "encoding": "PCM16", "sample_rate": 8_000},
            Voice(None, b"\x01\x00\x02\x00", "PCM16", 8_000),
        ),
        ({**VOICE, "sample_rate": 24_000}, Voice(None, b"\x01\x00\x02\x00", "PCM16", 24_000)),
        ({**VOICE, "encoding": "pcm8"}, Voice(None, b"\x01\x00\x02\x00", "PCM8", 24_000)),
        ({**VOICE, "audio": ""}, Voice(None, b"", "PCM16", 24_000)),
        (
            {"command": "voice", "audio": B64, "encoding": "OPUS"},
            Voice(None, b"\x01\x00\x02\x00", "OPUS", OPUS_RATE),
        ),
        ({**VOICE, "encoding": "OPUS"}, Voice(None, b"\x01\x00\x02\x00", "OPUS", OPUS_RATE)),
        ({"command": "voice_end", "event_id": 7}, VoiceEnd(7)),
        ({"command": "voice_interrupt", "event_id": "e"}, VoiceInterrupt("e")),
        (
            {"command": "heartbeat", "event_id": "e", "timestamp": 1_234_567_890_000},
            Heartbeat("e", 1_234_567_890_000),
        ),
        ({"command": "heartbeat", "timestamp": 1.5}, Heartbeat(None, 1.5)),
        ({"command": "heartbeat"}, Heartbeat(None, None)),
        ({"command": "special", "content": "<x/>"}, Special(None, "<x/>")),
        ({"command": "special", "content": {"gesture": "nod"}}, Special(None, {"gesture": "nod"})),
    ],
)
def test_a_frame_is_a_command(fields: dict[str, Any], command: protocol.Command) -> None:
    assert parse(json.dumps(fields)) == command


@pytest.mark.parametrize(
    ("frame", "code", "said"),
    [
        ("", "INVALID_JSON", "not valid JSON"),
        ("{", "INVALID_JSON", "not valid JSON"),
        ('{"command": NaN}', "INVALID_JSON", "not valid JSON"),
        ("[]", "VALIDATION_ERROR", "must be a JSON object"),
        ('"init"', "VALIDATION_ERROR", "must be a JSON object"),
        ("{}", "VALIDATION_ERROR", "Missing required field: command"),
        (text(command="fly"), "UNKNOWN_COMMAND", "'fly'; known: init, voice, voice_end"),
        (text(command="Init"), "UNKNOWN_COMMAND", "'Init'"),
        (text(command=["init"]), "UNKNOWN_COMMAND", "known: init"),
        (text(command="x" * 10_000), "UNKNOWN_COMMAND", "'xxxx"),
        (text(command="init", session_id=5), "VALIDATION_ERROR", "session_id must be a string"),
        (
            text(command="init", session_id="a", sessionId="b"),
            "VALIDATION_ERROR",
            "session_id and sessionId are not the same",
        ),
        (text(command="init", event_id=["e"]), "VALIDATION_ERROR", "event_id must be"),
        (text(command="init", event_id="e" * 257), "VALIDATION_ERROR", "256 characters"),
        (text(command="init", event_id=True), "VALIDATION_ERROR", "event_id must be"),
        (
            text(command="voice"),
            "VALIDATION_ERROR",
            "Missing required fields: audio, encoding, sample_rate",
        ),
        (text(**{**VOICE, "audio": None}), "VALIDATION_ERROR", "Missing required field: audio"),
        (text(**{**VOICE, "audio": 3}), "VALIDATION_ERROR", "audio must be a string"),
        (text(**{**VOICE, "audio": "AA A="}), "INVALID_AUDIO", "not base64"),
        (text(**{**VOICE, "audio": "AAA"}), "INVALID_AUDIO", "not base64"),
        (text(**{**VOICE, "audio": "-_-_"}), "INVALID_AUDIO", "not base64"),
        (text(**{**VOICE, "audio": "\u00e9\u00e9\u00e9\u00e9"}), "INVALID_AUDIO", "not base64"),
        (text(**{**VOICE, "audio": "AAAA"}), "INVALID_AUDIO", "3 bytes, an odd number"),
        (
            text(**{**VOICE, "encoding": "MP3"}),
            "VALIDATION_ERROR",
            "encoding must be one of: PCM16, PCM8, OPUS",
        ),
        (text(**{**VOICE, "encoding": 16}), "VALIDATION_ERROR", "encoding must be one of"),
        (text(**{**VOICE, "sampleRate": 7_999}), "VALIDATION_ERROR", "from 8000 to 48000"),
        (text(**{**VOICE, "sampleRate": 48_001}), "VALIDATION_ERROR", "from 8000 to 48000"),
        (text(**{**VOICE, "sampleRate": "16000"}), "VALIDATION_ERROR", "whole number"),
        (text(**{**VOICE, "sampleRate": True}), "VALIDATION_ERROR", "whole number"),
        (text(**{**VOICE, "sampleRate": None}), "VALIDATION_ERROR", "field: sample_rate"),
        (text(**{**VOICE, "sample_rate": 16_000}), "VALIDATION_ERROR", "not the same"),
        (text(command="heartbeat", timestamp="now"), "VALIDATION_ERROR", "timestamp must be"),
        (text(command="heartbeat", timestamp=False), "VALIDATION_ERROR", "timestamp must be"),
        (text(command="special"), "VALIDATION_ERROR", "Missing required field: content"),
        (text(command="special", content=4), "VALIDATION_ERROR", "content must be"),
    ],
)
def test_a_wrong_frame_is_refused_with_what_would_be_right(
    frame: str, code: str, said: str
) -> None:
    with pytest.raises(Refused) as refused:
        parse(frame)
    assert refused.value.code == code
    assert said in refused.value.message
    assert len(refused.value.message) < 300


def test_a_refusal_names_the_frame_that_it_answers() -> None:
    with pytest.raises(Refused) as refused:
        parse(text(command="fly", event_id="e9"))
    frame = json.loads(protocol.error_frame(refused.value, refused.value.event_id))
    assert frame["command"] == "error"
    assert (frame["code"], frame["event_id"]) == ("UNKNOWN_COMMAND", "e9")


def test_frames_of_the_server_are_objects_with_a_command() -> None:
    assert json.loads(protocol.heartbeat_ack(Heartbeat("e", 5))) == {
        "command": "heartbeat_ack",
        "event_id": "e",
        "timestamp": 5,
    }
    assert json.loads(protocol.heartbeat_ack(Heartbeat(None, None))) == {"command": "heartbeat_ack"}
    assert json.loads(protocol.error_frame(Refused(Code.NOT_INITIALIZED, "init first"))) == {
        "command": "error",
        "code": "NOT_INITIALIZED",
        "message": "init first",
    }
    assert json.loads(protocol.error_frame(CapacityExceeded("avatars", 3)))["code"] == (
        "CAPACITY_EXCEEDED"
    )
    assert json.loads(protocol.session_ended("s", "stopped", "idle_timeout", "quiet")) == {
        "command": "session_ended",
        "session_id": "s",
        "status": "stopped",
        "reason": "idle_timeout",
        "message": "quiet",
    }


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)
FIELDS = st.fixed_dictionaries(
    {"command": st.sampled_from([*protocol._COMMANDS, "x"])},
    optional=dict.fromkeys(
        ("session_id", "audio", "encoding", "sampleRate", "timestamp", "event_id"), JSON
    )
    | {"content": JSON | st.text(alphabet="<>/!&;gesture=\"' nod{}[]", max_size=40)},
)


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=40) | FIELDS.map(json.dumps))
def test_no_frame_does_more_than_be_refused(frame: str) -> None:
    try:
        command = parse(frame)
    except Refused as error:
        json.loads(protocol.error_frame(error, error.event_id))
    else:
        if isinstance(command, Special):
            steps = read_special(command.content)
            json.loads(protocol.special_ack(command.event_id, [], steps.ignored))
