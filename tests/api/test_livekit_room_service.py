"""RoomService by LiveKit's own API client, and by hand where that client can't go wrong enough."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from livekit import api
from livekit.protocol import models
from livekit.protocol import room as messages

from greenroom.api.livekit_rooms import room_service
from greenroom.rooms.embedded.grants import Grants
from greenroom.rooms.embedded.local import LocalParticipant
from greenroom.rooms.rtc.media import OPUS, MediaSink
from support.rooms import KEY, SECRET, RunningRooms, grant_token, running_rooms

NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Spares each client the reading of the system's certificates."""

LONG_SECRET = "a livekit secret that is as long as it should be"


@pytest.fixture
async def rooms() -> AsyncIterator[RunningRooms]:
    # LiveKit's client warns of short secrets.
    async with running_rooms(key_pairs={KEY: SECRET, "long": LONG_SECRET}, max_rooms=3) as running:
        yield running


@pytest.fixture
async def client(rooms: RunningRooms) -> AsyncIterator[api.LiveKitAPI]:
    async with api.LiveKitAPI(rooms.url, "long", LONG_SECRET) as made:
        yield made


class Quiet:
    """An agent that takes no notice of the room, but of what is asked of it."""

    def __init__(self) -> None:
        self.data: list[models.DataPacket] = []
        self.mutes: list[tuple[str, bool]] = []
        self.removed: str | None = None
        self.subscribed: list[str] = []

    def on_participant_joined(self, participant: models.ParticipantInfo) -> None: ...
    def on_participant_changed(self, participant: models.ParticipantInfo) -> None: ...
    def on_participant_left(self, participant: models.ParticipantInfo) -> None: ...

    def on_track(
        self, participant: models.ParticipantInfo, track: models.TrackInfo, source: Any
    ) -> None:
        self.subscribed.append(track.sid)

    def on_track_ended(self, participant: models.ParticipantInfo, track: models.TrackInfo) -> None:
        self.subscribed.remove(track.sid)

    def on_track_muted(
        self, participant: models.ParticipantInfo, track: models.TrackInfo
    ) -> None: ...

    def on_data(self, packet: models.DataPacket, reliable: bool) -> None:
        self.data.append(packet)

    def on_track_received(self, sid: str) -> None: ...

    def on_mute_requested(self, sid: str, muted: bool) -> None:
        self.mutes.append((sid, muted))

    def on_removed(self, reason: str) -> None:
        self.removed = reason


class Silence:
    """A source of nothing."""

    codec = OPUS

    def add_sink(self, sink: MediaSink) -> None: ...
    def remove_sink(self, sink: MediaSink) -> None: ...
    def request_keyframe(self, layer: int) -> None: ...


def agent(rooms: RunningRooms, identity: str) -> tuple[LocalParticipant, Quiet]:
    quiet = Quiet()
    grants = Grants(identity=identity, room="r", room_join=True, kind="agent", agent=True)
    return rooms.server.add_local(grants, quiet), quiet


async def test_rooms_are_made_listed_changed_and_deleted(client: api.LiveKitAPI) -> None:
    made = await client.room.create_room(
        messages.CreateRoomRequest(name="r", metadata="m", empty_timeout=100)
    )
    assert (made.name, made.metadata, made.empty_timeout) == ("r", "m", 100)
    assert made.sid.startswith("RM_")
    again = await client.room.create_room(messages.CreateRoomRequest(name="r"))
    assert again.sid == made.sid
    await client.room.create_room(messages.CreateRoomRequest(name="s"))
    listed = await client.room.list_rooms(messages.ListRoomsRequest())
    assert {room.name for room in listed.rooms} == {"r", "s"}
    listed = await client.room.list_rooms(messages.ListRoomsRequest(names=["s", "t"]))
    assert [room.name for room in listed.rooms] == ["s"]
    changed = await client.room.update_room_metadata(
        messages.UpdateRoomMetadataRequest(room="r", metadata="n")
    )
    assert changed.metadata == "n"
    await client.room.delete_room(messages.DeleteRoomRequest(room="r"))
    listed = await client.room.list_rooms(messages.ListRoomsRequest())
    assert [room.name for room in listed.rooms] == ["s"]


async def test_participants_are_listed_changed_and_sent_away(
    rooms: RunningRooms, client: api.LiveKitAPI
) -> None:
    _, bob = agent(rooms, "bob")
    place, _ = agent(rooms, "ann")
    listed = await client.room.list_participants(messages.ListParticipantsRequest(room="r"))
    assert {found.identity for found in listed.participants} == {"ann", "bob"}
    ann = messages.RoomParticipantIdentity(room="r", identity="ann")
    found = await client.room.get_participant(ann)
    assert (found.sid, found.kind) == (place.sid, models.ParticipantInfo.AGENT)
    changed = await client.room.update_participant(
        messages.UpdateParticipantRequest(
            room="r", identity="ann", metadata="m", name="Ann", attributes={"a": "b"}
        )
    )
    assert (changed.metadata, changed.name, changed.attributes) == ("m", "Ann", {"a": "b"})
    await client.room.remove_participant(messages.RoomParticipantIdentity(room="r", identity="bob"))
    assert bob.removed == "participant_removed"
    listed = await client.room.list_participants(messages.ListParticipantsRequest(room="r"))
    assert [found.identity for found in listed.participants] == ["ann"]


async def test_tracks_are_muted_and_subscriptions_changed(
    rooms: RunningRooms, client: api.LiveKitAPI
) -> None:
    place, ann = agent(rooms, "ann")
    _, bob = agent(rooms, "bob")
    track = place.publish(Silence(), models.TrackInfo(type=models.AUDIO, name="voice"))
    assert bob.subscribed == [track.sid]
    muted = await client.room.mute_published_track(
        messages.MuteRoomTrackRequest(room="r", identity="ann", track_sid=track.sid, muted=True)
    )
    assert (muted.track.sid, muted.track.muted) == (track.sid, True)
    assert ann.mutes == [(track.sid, True)]
    await client.room.update_subscriptions(
        messages.UpdateSubscriptionsRequest(
            room="r", identity="bob", track_sids=[track.sid], subscribe=False
        )
    )
    assert bob.subscribed == []
    unmuted = await client.room.mute_published_track(
        messages.MuteRoomTrackRequest(room="r", identity="ann", track_sid=track.sid, muted=False)
    )
    assert not unmuted.track.muted
    assert ann.mutes == [(track.sid, True), (track.sid, False)]


async def test_data_is_sent_to_who_is_named(rooms: RunningRooms, client: api.LiveKitAPI) -> None:
    _, ann = agent(rooms, "ann")
    _, bob = agent(rooms, "bob")
    await client.room.send_data(
        messages.SendDataRequest(room="r", data=b"hello", destination_identities=["ann"], topic="t")
    )
    assert [(packet.user.payload, packet.user.topic) for packet in ann.data] == [(b"hello", "t")]
    assert bob.data == []


async def test_what_is_not_there_is_not_found(client: api.LiveKitAPI) -> None:
    asked = [
        client.room.delete_room(messages.DeleteRoomRequest(room="x")),
        client.room.get_participant(messages.RoomParticipantIdentity(room="x", identity="i")),
        client.room.remove_participant(messages.RoomParticipantIdentity(room="x", identity="i")),
        client.room.update_participant(messages.UpdateParticipantRequest(room="x", identity="i")),
        client.room.update_room_metadata(messages.UpdateRoomMetadataRequest(room="x")),
        client.room.send_data(messages.SendDataRequest(room="x", data=b"d")),
        client.room.mute_published_track(
            messages.MuteRoomTrackRequest(room="x", identity="i", track_sid="s", muted=True)
        ),
    ]
    for call in asked:
        with pytest.raises(api.TwirpError) as refused:
            await call
        assert (refused.value.code, refused.value.status) == ("not_found", 404)
    listed = await client.room.list_participants(messages.ListParticipantsRequest(room="x"))
    assert not listed.participants


async def test_rooms_are_bounded(client: api.LiveKitAPI) -> None:
    for name in "abc":
        await client.room.create_room(messages.CreateRoomRequest(name=name))
    with pytest.raises(api.TwirpError) as refused:
        await client.room.create_room(messages.CreateRoomRequest(name="d"))
    assert (refused.value.code, refused.value.status) == ("resource_exhausted", 429)
    with pytest.raises(api.TwirpError) as refused:
        await client.room.create_room(messages.CreateRoomRequest(name=""))
    assert (refused.value.code, refused.value.status) == ("invalid_argument", 400)
    assert refused.value.metadata.get("argument")


async def test_what_a_single_server_has_no_use_for_is_told_as_such(
    client: api.LiveKitAPI,
) -> None:
    with pytest.raises(api.TwirpError) as refused:
        await client.room.move_participant(
            messages.MoveParticipantRequest(room="r", identity="i", destination_room="s")
        )
    assert (refused.value.code, refused.value.status) == ("unimplemented", 501)


# -- by hand ---------------------------------------------------------------------------------------


async def call(
    rooms: RunningRooms,
    method: str,
    content: bytes = b"{}",
    *,
    token: str | None = None,
    content_type: str = "application/json",
    verb: str = "POST",
) -> httpx.Response:
    headers = {"content-type": content_type}
    if token is not None:
        headers["authorization"] = f"Bearer {token}"
    async with httpx.AsyncClient(trust_env=False, verify=NO_TLS) as http:
        url = f"{rooms.http_url}{room_service.PATH}/{method}"
        return await http.request(verb, url, content=content, headers=headers)


async def test_json_is_read_in_either_case_and_written_with_every_field(
    rooms: RunningRooms,
) -> None:
    token = grant_token(roomCreate=True, roomList=True)
    for number, name in enumerate(("emptyTimeout", "empty_timeout")):
        body = b'{"name": "r%d", "%s": 77, "later": 1}' % (number, name.encode())
        answer = await call(rooms, "CreateRoom", body, token=token)
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "application/json"
        assert answer.headers["access-control-allow-origin"] == "*"
        room = answer.json()
        assert (room["name"], room["empty_timeout"]) == (f"r{number}", 77)
        assert room["num_participants"] == 0
    answer = await call(rooms, "ListRooms", token=token, content_type="application/json; a=b")
    assert len(answer.json()["rooms"]) == 2


def methods(rooms: RunningRooms) -> list[str]:
    return list(room_service.RoomService(rooms.server).methods)


async def test_every_method_needs_its_grant(rooms: RunningRooms) -> None:
    rooms.server.create_room(messages.CreateRoomRequest(name="r"))
    others = {
        "CreateRoom": grant_token(roomList=True, roomAdmin=True, room="r"),
        "DeleteRoom": grant_token(roomList=True, roomAdmin=True, room="r"),
        "ListRooms": grant_token(roomCreate=True, roomAdmin=True, room="r"),
    }
    elsewhere = grant_token(roomCreate=True, roomList=True, roomAdmin=True, room="s")
    for name in methods(rooms):
        token = others.get(name, elsewhere)
        answer = await call(rooms, name, b'{"room": "r"}', token=token)
        assert (answer.status_code, answer.json()) == (
            401,
            {"code": "unauthenticated", "msg": "permissions denied"},
        ), name
    assert len(rooms.server.list_rooms()) == 1


@pytest.mark.parametrize("token", [None, "nonsense"])
async def test_without_a_token_nothing_is_done(rooms: RunningRooms, token: str | None) -> None:
    answer = await call(rooms, "ListRooms", token=token)
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")


@pytest.mark.parametrize(
    ("method", "content", "content_type", "verb", "code"),
    [
        ("ListRooms", b"{", "application/json", "POST", "malformed"),
        ("ListRooms", b'{"names": 1}', "application/json", "POST", "malformed"),
        ("ListRooms", b"\xff\xff", "application/json", "POST", "malformed"),
        ("ListRooms", b"\xff\xff", "application/protobuf", "POST", "malformed"),
        ("ListRooms", b"x" * 2_000_000, "application/json", "POST", "invalid_argument"),
        ("ListRooms", b"", "text/plain", "POST", "bad_route"),
        ("ListRooms", b"{}", "application/json", "GET", "bad_route"),
        ("Nothing", b"{}", "application/json", "POST", "bad_route"),
    ],
)
async def test_what_is_no_call_is_told_as_such(
    rooms: RunningRooms, method: str, content: bytes, content_type: str, verb: str, code: str
) -> None:
    token = grant_token(roomList=True)
    answer = await call(rooms, method, content, token=token, content_type=content_type, verb=verb)
    assert (answer.json()["code"], answer.status_code) == (
        code,
        404 if code == "bad_route" else 400,
    )


async def test_pages_of_other_origins_may_call(rooms: RunningRooms) -> None:
    answer = await call(rooms, "ListRooms", verb="OPTIONS")
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "authorization" in answer.headers["access-control-allow-headers"]


async def test_a_defect_is_an_internal_error_and_logged(
    rooms: RunningRooms, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(rooms.server, "list_rooms", lambda names: 1 // 0)
    answer = await call(rooms, "ListRooms", token=grant_token(roomList=True))
    monkeypatch.undo()
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert "division" not in answer.text
    assert "ZeroDivisionError" in caplog.text
