"""What clients are told of STUN and TURN."""

from __future__ import annotations

import base64
import hashlib
import hmac

from pydantic import SecretStr

from greenroom.rooms.rtc.ice_servers import IceServer, ice_servers
from greenroom.settings import RoomSettings

NOW = 1_800_000_000.7


def test_without_servers_there_are_none() -> None:
    assert ice_servers(RoomSettings(), "ann", NOW) == []


def test_stun_servers_get_their_scheme() -> None:
    rooms = RoomSettings(stun_servers=("stun.example.com:3478", "stun:other.example.com"))
    assert ice_servers(rooms, "ann", NOW) == [
        IceServer(("stun:stun.example.com:3478", "stun:other.example.com"))
    ]


def test_turn_servers_have_the_credentials_that_are_set() -> None:
    rooms = RoomSettings(
        turn_servers=("turn:t.example.com:3478?transport=udp", "turns:t.example.com:443"),
        turn_username="greenroom",
        turn_password=SecretStr("secret"),
    )
    assert ice_servers(rooms, "ann", NOW) == [
        IceServer(
            ("turn:t.example.com:3478?transport=udp", "turns:t.example.com:443"),
            "greenroom",
            "secret",
        )
    ]


def test_turn_without_credentials_has_none() -> None:
    rooms = RoomSettings(turn_servers=("t.example.com",))
    assert ice_servers(rooms, "ann", NOW) == [IceServer(("turn:t.example.com",))]


def test_a_shared_secret_gives_each_client_a_password_for_a_day() -> None:
    rooms = RoomSettings(turn_servers=("turn:t.example.com",), turn_secret=SecretStr("shared"))
    (server,) = ice_servers(rooms, "ann", NOW)
    assert server.username == f"{1_800_000_000 + 86_400}:ann"
    expected = hmac.new(b"shared", server.username.encode(), hashlib.sha1).digest()
    assert base64.b64decode(server.credential) == expected
    (other,) = ice_servers(rooms, "bob", NOW)
    assert other.credential != server.credential
