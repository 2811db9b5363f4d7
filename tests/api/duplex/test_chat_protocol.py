"""The chat protocol's frames, without a socket."""

from __future__ import annotations

import pytest

from greenroom.api.duplex import protocol
from greenroom.api.duplex.protocol import Audio, Control, Message, Ping, Text, Unheeded, parse
from greenroom.errors import InvalidInput


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (b"\x01OggS...", Audio(b"OggS...")),
        (b"\x02" + "Grüß Gott".encode(), Text("Grüß Gott")),
        (b"\x03\x00", Control.START),
        (b"\x03\x01", Control.END_TURN),
        (b"\x03\x02", Control.PAUSE),
        (b"\x03\x03", Control.RESTART),
        (b"\x06", Ping()),
        (b"\x06anything", Ping()),
        (b"\x00", Unheeded()),
        (b'\x04{"a": 1}', Unheeded()),
        (b"\x05the client failed", Unheeded()),
    ],
)
def test_frames_that_clients_may_send_are_understood(frame: bytes, message: Message) -> None:
    assert parse(frame) == message


@pytest.mark.parametrize(
    ("frame", "field", "problem"),
    [
        (b"", "frame", "is empty"),
        (b"\x07", "kind", "0x07 is unknown"),
        (b"\xff\x00", "kind", "0xff is unknown"),
        (b"\x01", "audio", "is empty"),
        (b"\x02", "text", "is empty"),
        (b"\x02 \n", "text", "is empty"),
        (b"\x02\xff\xfe", "text", "is not UTF-8"),
        (b"\x02" + b"a" * 4_001, "text", "must have at most 4000 characters"),
        (b"\x03", "control", "is not known"),
        (b"\x03\x04", "control", "is not known"),
        (b"\x03\x00\x00", "control", "is not known"),
    ],
)
def test_what_is_wrong_with_a_frame_is_said(frame: bytes, field: str, problem: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse(frame)
    assert (refused.value.field, refused.value.problem) == (field, problem)


def test_an_unknown_kind_or_control_names_the_known_ones() -> None:
    with pytest.raises(InvalidInput, match="0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06"):
        parse(b"\x40")
    with pytest.raises(InvalidInput, match=r"0 \(start\), 1 \(end_turn\), 2 \(pause\), 3"):
        parse(b"\x03\x09")


def test_what_the_server_says_begins_with_its_kind() -> None:
    assert protocol.HANDSHAKE == b"\x00"
    assert protocol.PING == b"\x06"
    assert protocol.audio(b"OggS") == b"\x01OggS"
    assert protocol.text(" café") == b"\x02 caf\xc3\xa9"
    assert protocol.metadata(queue_position=2) == b'\x04{"queue_position":2}'
    assert protocol.error("no") == b"\x05no"


def test_a_lone_surrogate_does_not_end_the_chat() -> None:
    assert protocol.text("\ud800!") == b"\x02?!"
