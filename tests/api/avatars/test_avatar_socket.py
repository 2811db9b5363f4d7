"""The avatar WebSocket of both contracts, by a real client on a real server."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from greenroom.api import message_socket
from greenroom.avatar.ports import GestureCue
from greenroom.errors import CapacityExceeded, ProviderFailed
from greenroom.sessions.errors import StorageUnavailable
from greenroom.sessions.model import EndReason, Status
from support.avatars import API_KEY, START, RunningAvatars, bearer

UNKNOWN = "550e8400-e29b-41d4-a716-446655440000"


async def refused(avatars: RunningAvatars, *args: Any, **headers: str) -> tuple[int, str]:
    """Status and code with which an upgrade is refused."""
    with pytest.raises(InvalidStatus) as error:
        async with avatars.connected(*args, **headers):
            pass
    body = json.loads(error.value.response.body or b"")
    assert set(body) == {"error", "message", "code"}
    return error.value.response.status_code, body["code"]


# -- the way in ------------------------------------------------------------------------------------


async def test_bad_credentials_are_refused_at_the_upgrade(avatars: RunningAvatars) -> None:
    one, other = await avatars.start(), await avatars.start()
    foreign, _ = avatars.parts.authenticator.tokens.sign(one["session_id"], "default")
    token = one["session_token"]
    assert await refused(avatars) == (401, "MISSING_CREDENTIALS")
    assert await refused(avatars, path="/ws") == (401, "MISSING_CREDENTIALS")
    for wrong in ("x", "a.b.c", API_KEY, foreign):
        assert await refused(avatars, wrong) == (401, "INVALID_SESSION_TOKEN")
        assert await refused(avatars, path=f"/ws?token={wrong}") == (401, "INVALID_SESSION_TOKEN")
    path = f"/ws?sessionId={other['session_id']}&token={token}"
    assert await refused(avatars, path=path) == (401, "INVALID_SESSION_TOKEN")
    await avatars.stage.stop(one["session_id"])
    assert await refused(avatars, token) == (401, "INVALID_SESSION_TOKEN")
    assert await refused(avatars, path="/nowhere") == (404, "ENDPOINT_NOT_FOUND")
    assert len(avatars.api.sockets) == 0


async def test_the_two_step_address_needs_no_header_and_stands_one(avatars: RunningAvatars) -> None:
    token = await avatars.order()
    answer = await avatars.client.post("/engine/session", headers=bearer(token))
    address = answer.json()["websocketAddress"].replace("wss://avatars.example.com", avatars.ws_url)
    for headers in ({}, bearer("something that routes"), bearer(API_KEY)):
        async with avatars.connected(path=address, **headers) as line:
            await line.send("init", sessionId=answer.json()["sessionId"], event_id="e")
            await line.settled()


async def test_a_browser_may_have_the_token_in_the_url(avatars: RunningAvatars) -> None:
    token = (await avatars.start())["session_token"]
    async with avatars.connected(path=f"/v1/websocket?token={token}") as line:
        await line.send("init")
        await line.settled()


async def test_more_connections_than_there_may_be_are_refused(start_avatars: Any) -> None:
    avatars = await start_avatars(avatar={"max_sessions": 1, "max_waiting": 1})
    token = (await avatars.start())["session_token"]
    async with avatars.connected(token), avatars.connected(token):
        assert await refused(avatars, token) == (503, "CAPACITY_EXCEEDED")


# -- init ------------------------------------------------------------------------------------------


async def test_commands_before_init_are_refused_and_the_connection_stays(
    avatars: RunningAvatars,
) -> None:
    started = await avatars.start()
    async with avatars.connected(started["session_token"]) as line:
        await line.voice(b"\0\0")
        assert await line.receive() == {
            "command": "error",
            "code": "NOT_INITIALIZED",
            "message": "init comes first; voice was not acted on",
            "event_id": "e1",
        }
        for command in ("voice_end", "voice_interrupt", "heartbeat"):
            await line.send(command)
            assert (await line.refusal())[0] == "NOT_INITIALIZED"
        await line.send("special", content="<x/>")
        assert (await line.refusal())[0] == "NOT_INITIALIZED"
        await line.send("init", session_id=UNKNOWN)
        assert (await line.refusal())[0] == "SESSION_MISMATCH"
        await line.send("init", session_id=started["session_id"])
        await line.settled()
    session = await avatars.parts.sessions.get(started["session_id"])
    assert session.status is Status.ACTIVE


async def test_a_second_init_changes_nothing(avatars: RunningAvatars) -> None:
    async with avatars.initialised() as (line, _):
        await line.send("init", **{**START, "quality": "low"})
        await line.send("init", session_id=UNKNOWN, event_id="e2")
        assert (await line.refusal())[0] == "SESSION_MISMATCH"
        await line.settled()
    assert len(avatars.stage.avatars) == 1


async def test_a_channel_token_that_runs_out_is_asked_for_and_renewed_by_init(
    avatars: RunningAvatars,
) -> None:
    async with avatars.initialised() as (line, avatar):
        (client,) = avatars.stage.clients.values()
        client.on_token_expiring()
        assert (await line.receive())["command"] == "token_expiring"
        await line.send("init", agora_settings={"token": "a new one"})
        await line.settled()
        assert avatar.tokens[-1] == "a new one"
        await line.send("init", agoraSettings={"token": ""})
        assert (await line.refusal())[0] == "VALIDATION_ERROR"


async def test_who_does_not_init_in_time_is_closed_with_words(start_avatars: Any) -> None:
    avatars = await start_avatars(server={"handshake_timeout": 0.05})
    async with avatars.connected((await avatars.start())["session_token"]) as line:
        code, frames = await line.closed()
    assert (code, frames[0]["command"], frames[0]["code"]) == (1008, "error", "INIT_TIMEOUT")


async def test_what_comes_while_the_session_begins_is_acted_on_in_order(
    avatars: RunningAvatars,
) -> None:
    avatars.stage.gate.clear()
    async with avatars.connected((await avatars.start())["session_token"]) as line:
        await line.send("init")
        await line.voice(b"\1\0")
        await line.send("voice_end")
        await avatars.stage.entering.wait()
        avatars.stage.gate.set()
        await line.settled()
        calls = avatars.stage.avatars[0].calls
    assert calls == [("voice", [1], 16_000), ("voice_end",)]


async def test_who_hangs_up_while_the_session_begins_leaves_it(avatars: RunningAvatars) -> None:
    avatars.stage.gate.clear()
    async with avatars.connected((await avatars.start())["session_token"]) as line:
        await line.send("init")
        await avatars.stage.entering.wait()
        (socket,) = avatars.api.sockets.all()
        socket.stop(EndReason.DRAINED)
    avatars.stage.gate.set()
    await avatars.api.sockets.drain(5)
    assert avatars.stage.avatars[0].left.is_set()


@pytest.mark.parametrize(
    ("error", "code", "close"),
    [
        (CapacityExceeded("avatars", 50), "CAPACITY_EXCEEDED", 1013),
        (ProviderFailed("renderer", "broke"), "AVATAR_FAILED", 1011),
        (StorageUnavailable("host"), "SERVICE_UNAVAILABLE", 1011),
        (RuntimeError("a secret"), "INTERNAL_ERROR", 1011),
    ],
)
async def test_a_session_that_cannot_begin_is_told_and_closed(
    avatars: RunningAvatars, error: Exception, code: str, close: int
) -> None:
    avatars.stage.error = error
    async with avatars.connected((await avatars.start())["session_token"]) as line:
        await line.send("init")
        assert (await line.refusal())[0] == code
        assert await line.closed() == (close, [])
    assert len(avatars.api.sockets) == 0


async def test_a_session_that_ended_since_the_upgrade_is_told(avatars: RunningAvatars) -> None:
    started = await avatars.start()
    async with avatars.connected(started["session_token"]) as line:
        await avatars.stage.stop(started["session_id"])
        await line.send("init")
        assert (await line.refusal())[0] == "SESSION_NOT_FOUND"
        assert await line.closed() == (1008, [])


# -- commands --------------------------------------------------------------------------------------


async def test_sound_reaches_the_avatar_in_order_and_at_its_rate(avatars: RunningAvatars) -> None:
    async with avatars.initialised() as (line, avatar):
        await line.voice(b"\1\0\2\0", sampleRate=24_000)
        await line.voice(bytes([129]), encoding="PCM8", sampleRate=8_000)
        await line.voice(b"")
        await line.voice(b"\xfc\xff\xfe", encoding="OPUS")  # 20 ms of silence, stereo
        await line.send("voice_end", event_id="e")
        await line.send("voice_interrupt", event_id="e")
        await line.settled()
    assert avatar.calls == [
        ("voice", [1, 2], 24_000),
        ("voice", [256], 8_000),
        ("voice", [0] * 960, 48_000),
        ("voice_end",),
        ("interrupt",),
    ]


async def test_large_messages_are_read_in_order_too(avatars: RunningAvatars) -> None:
    async with avatars.initialised() as (line, avatar):
        await line.voice(bytes([128]) * 300_000, encoding="PCM8")
        await line.voice(b"\1\0")
        await line.settled()
    assert [len(call[1]) for call in avatar.calls] == [300_000, 1]


async def test_a_heartbeat_is_answered_and_is_no_activity(avatars: RunningAvatars) -> None:
    async with avatars.initialised() as (line, avatar):
        await line.send("heartbeat", event_id="h1", timestamp=1_234_567_890_000)
        assert await line.receive() == {
            "command": "heartbeat_ack",
            "event_id": "h1",
            "timestamp": 1_234_567_890_000,
        }
        assert avatar.calls == []


async def test_gestures_are_done_and_the_unknown_is_acknowledged_as_ignored(
    avatars: RunningAvatars,
) -> None:
    async with avatars.initialised() as (line, avatar):
        content = '<s><gesture name="look" x="0.5"/><activity name="thinking"/></s>'
        await line.send("special", content=content, event_id="s1")
        assert await line.receive() == {
            "command": "special_ack",
            "event_id": "s1",
            "status": "applied",
            "applied": ["look", "thinking"],
            "ignored": [],
        }
        await line.send("special", content="<prosody/>")
        ack = await line.receive()
        assert (ack["command"], ack["status"], ack["applied"]) == ("special_ack", "ignored", [])
        assert ack["ignored"]
    assert avatar.calls == [("gesture", GestureCue("look", 0.5)), ("activity", "thinking")]


async def test_mistakes_are_told_and_the_session_lives_on(avatars: RunningAvatars) -> None:
    async with avatars.initialised() as (line, avatar):
        for frame, code in (
            ("{", "INVALID_JSON"),
            (b"\1\2", "BINARY_FRAME"),
            ('{"command": "dance", "event_id": "e"}', "UNKNOWN_COMMAND"),
            ('"' + "x" * 4_000_001 + '"', "MESSAGE_TOO_LARGE"),
        ):
            await line.socket.send(frame)
            assert (await line.refusal())[0] == code
        await line.voice(b"\1", event_id="odd")
        assert (await line.receive())["event_id"] == "odd"
        await line.voice(b"\xff\xff\1", encoding="OPUS", event_id="opus")
        frame = await line.receive()
        assert (frame["code"], frame["event_id"]) == ("INVALID_AUDIO", "opus")
        await line.voice(b"\1\0")
        await line.settled()
    assert avatar.calls == [("voice", [1], 16_000)]


async def test_sound_that_is_too_much_is_told_and_the_client_is_not_hung_up_on(
    avatars: RunningAvatars,
) -> None:
    async with avatars.initialised() as (line, avatar):
        avatar.full = True
        for _ in range(message_socket.MAX_ERRORS + 10):
            await line.voice(b"\1\0")
        for _ in range(message_socket.MAX_ERRORS + 10):
            code, message = await line.refusal()
            assert code == "AUDIO_QUEUE_FULL"
            assert "300 seconds" in message
        avatar.full = False
        await line.voice(b"\1\0")
        await line.settled()
    assert avatar.calls == [("voice", [1], 16_000)]


async def test_who_makes_only_mistakes_is_hung_up_on(avatars: RunningAvatars) -> None:
    async with avatars.initialised() as (line, avatar):
        for _ in range(message_socket.MAX_ERRORS):
            await line.socket.send("{")
        code, frames = await line.closed()
        assert (code, frames[-1]["code"]) == (1008, "CONNECTION_REFUSED")
        assert avatar.left.is_set()


# -- ends ------------------------------------------------------------------------------------------


async def test_a_lost_client_comes_back_to_its_session(avatars: RunningAvatars) -> None:
    started = await avatars.start()
    for number in range(2):
        async with avatars.connected(started["session_token"]) as line:
            await line.send("init", session_id=started["session_id"])
            await line.settled()
        await asyncio.wait_for(avatars.stage.avatars[number].left.wait(), 5)


async def test_a_connection_that_is_replaced_is_told_not_to_come_back(
    avatars: RunningAvatars,
) -> None:
    started = await avatars.start()
    async with avatars.connected(started["session_token"]) as first:
        await first.send("init")
        await first.settled()
        async with avatars.connected(started["session_token"]) as second:
            await second.send("init")
            await second.settled()
            code, frames = await first.closed()
            assert (code, frames[0]["code"]) == (4001, "CONNECTION_REPLACED")
            await second.settled()
    assert not avatars.stage.avatars[0].left.is_set()


@pytest.mark.parametrize(
    ("status", "reason", "detail", "close"),
    [
        (Status.STOPPED, EndReason.CLIENT_STOPPED, "", 1000),
        (Status.STOPPED, EndReason.IDLE_TIMEOUT, "", 1000),
        (Status.STOPPED, EndReason.REPLACED, "", 1000),
        (Status.STOPPED, EndReason.DRAINED, "", 1012),
        (Status.FAILED, EndReason.AGENT_FAILED, "the encoder failed", 1011),
    ],
)
async def test_the_end_of_a_session_is_told(
    avatars: RunningAvatars, status: Status, reason: EndReason, detail: str, close: int
) -> None:
    async with avatars.initialised() as (line, avatar):
        (session_id,) = avatars.stage.clients
        await avatars.stage.end(session_id, status, reason, detail)
        code, (frame,) = await line.closed()
        assert code == close
        said = frame.pop("message")
        assert said == detail if detail else said
        assert frame == {
            "command": "session_ended",
            "session_id": session_id,
            "status": status,
            "reason": reason,
        }
        assert avatar.left.is_set()


async def test_a_stop_by_rest_ends_the_connection(avatars: RunningAvatars) -> None:
    started = await avatars.start()
    async with avatars.connected(started["session_token"]) as line:
        await line.send("init")
        await line.settled()
        body = {name: started[name] for name in ("session_id", "session_token")}
        await avatars.client.request(
            "DELETE", "/session/stop", json=body, headers={"x-api-key": API_KEY}
        )
        code, frames = await line.closed()
        assert (code, frames[0]["reason"]) == (1000, "client_stopped")


async def test_a_drained_server_asks_all_to_come_back_and_takes_no_more(
    avatars: RunningAvatars,
) -> None:
    token = (await avatars.start())["session_token"]
    async with avatars.initialised() as (line, _), avatars.connected(token) as waiting:
        await avatars.api.drain(5)
        code, frames = await line.closed()
        assert (code, frames[0]["reason"]) == (1012, "drained")
        code, frames = await waiting.closed()
        assert (code, frames[0]["code"]) == (1012, "SERVER_RESTARTING")
    assert await refused(avatars, token) == (503, "CAPACITY_EXCEEDED")


async def test_a_connection_that_sends_nothing_at_all_is_closed(start_avatars: Any) -> None:
    avatars = await start_avatars(avatar={"heartbeat_timeout": 0.1})
    async with avatars.initialised() as (line, avatar):
        code, frames = await line.closed()
        assert (code, frames[-1]["code"]) == (1011, "CONNECTION_SILENT")
        assert avatar.left.is_set()


async def test_without_a_heartbeat_timeout_silence_is_no_reason_to_close(
    start_avatars: Any,
) -> None:
    avatars = await start_avatars(avatar={"heartbeat_timeout": 0})
    async with avatars.initialised() as (line, _):
        await line.settled()


async def test_a_defect_ends_the_connection_with_words(
    avatars: RunningAvatars, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with avatars.initialised() as (line, avatar):
        monkeypatch.setattr(avatar, "voice_end", None)
        await line.send("voice_end")
        code, frames = await line.closed()
        assert (code, frames[-1]["code"]) == (1011, "INTERNAL_ERROR")
        assert avatar.left.is_set()
