"""The chat WebSocket of contract 003, by a real client on a real server."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import numpy as np
import pytest
from websockets.exceptions import InvalidStatus

from greenroom.api import message_socket
from greenroom.audio.ogg import write_page
from greenroom.audio.pcm import Pcm
from greenroom.duplex.ogg_opus import OpusStreamWriter
from greenroom.duplex.ports import DUPLEX_RATE, Persona, Sampling
from greenroom.errors import CapacityExceeded, ProviderFailed
from greenroom.rooms.rtc.agent_media.opus import SILENT_FRAME
from greenroom.sessions.model import EndReason, Status
from support.duplex_api import (
    API_KEY,
    AUDIO,
    OTHER_KEY,
    TEXT,
    VOICE,
    RunningDuplex,
    bearer,
)

START, END_TURN, PAUSE, RESTART = b"\0", b"\1", b"\2", b"\3"


def tone(seconds: float) -> Pcm:
    t = np.arange(round(seconds * DUPLEX_RATE)) / DUPLEX_RATE
    return (16_000 * np.sin(2 * np.pi * 440 * t)).astype(np.int16)


def is_tone(pcm: Pcm) -> bool:
    """Whether there is 440 Hz in it and nothing else, beginning and end left out."""
    middle = pcm[2_400:-2_400].astype(np.float64)
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle)))) ** 2
    near = round(440 * len(middle) / DUPLEX_RATE)
    return bool(spectrum[near - 3 : near + 4].sum() > 0.999 * spectrum.sum())


async def refused(duplex: RunningDuplex, path: str, **headers: str) -> tuple[int, str]:
    """Status and words with which an upgrade is refused."""
    with pytest.raises(InvalidStatus) as error:
        async with duplex.connected(path, headers):
            pass
    body = json.loads(error.value.response.body or b"")
    assert list(body) == ["error"]
    return error.value.response.status_code, body["error"]


# -- the way in ------------------------------------------------------------------------------------


async def test_sessions_that_are_none_are_refused_at_the_upgrade(duplex: RunningDuplex) -> None:
    not_found = (404, "Session not found")
    session_id = (await duplex.start())["session_id"]
    path = f"/api/chat?session_id={session_id}"
    assert await refused(duplex, "/api/chat?session_id=a1b2c3d4") == not_found
    assert await refused(duplex, path, **bearer(OTHER_KEY)) == not_found
    await duplex.client.post(f"/api/sessions/{session_id}/stop")
    assert await refused(duplex, path) == (400, "Session is already stopped")
    assert await refused(duplex, "/api/nowhere") == (404, "Nothing is served at /api/nowhere")
    assert len(duplex.api.sockets) == 0


async def test_personas_that_are_none_are_refused_at_the_upgrade(duplex: RunningDuplex) -> None:
    for query, error in (
        ("voice_prompt=NATF9.pt", "voice_prompt is no voice; allowed: NATF0.pt, "),
        ("voice_prompt=..%2FNATF2.pt", "voice_prompt must be a bare file name, without a path"),
        ("text_topk=0", "text_topk must be at least 1"),
        ("audio_temperature=hot", "audio_temperature must be a number"),
        ("seed=1.5", "seed must be a whole number"),
        (f"text_prompt={'a' * 20_001}", "text_prompt must have at most 20000 characters"),
    ):
        status, told = await refused(duplex, f"/api/chat?{query}")
        assert status == 400
        assert told.startswith(error)
    assert duplex.sessions.orders == []


async def test_without_a_session_one_is_made_of_the_query(duplex: RunningDuplex) -> None:
    query = (
        "voice_prompt=VARM1.pt&text_prompt=Be%20kind.&text_temperature=0.5&audio_temperature=1"
        "&text_topk=10&audio_topk=20&seed=7"
    )
    async with duplex.connected(f"/api/chat?{query}") as line:
        assert await line.receive() == b"\0"
        facts = await line.facts()
    (order,) = duplex.sessions.orders
    assert order.persona == Persona("VARM1.pt", "Be kind.", Sampling(0.5, 1.0, 10, 20, 7))
    assert facts == {"session_id": next(iter(duplex.sessions.kept))}
    async with duplex.connected("/api/chat?voice_prompt=&session_id="):
        pass
    assert duplex.sessions.orders[-1].persona == Persona("NATF2.pt")


async def test_more_connections_than_there_may_be_are_refused(start_duplex: Any) -> None:
    duplex = await start_duplex(duplex={"max_sessions": 1})
    async with duplex.connected(), duplex.connected():
        status, told = await refused(duplex, "/api/chat")
    assert (status, told) == (503, "Too much at once: at most 2 connections; try again later")


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [
        (CapacityExceeded("talks", 2), 1013, "Too much at once: at most 2 talks; try again later"),
        (ProviderFailed("x:", "secret"), 1011, "The model can't be reached"),
        (RuntimeError("a defect"), 1011, "Something went wrong on the server"),
    ],
)
async def test_a_session_that_can_not_begin_is_told_and_closed(
    duplex: RunningDuplex, error: Exception, code: int, told: str
) -> None:
    started = await duplex.start()
    duplex.sessions.gate.clear()
    async with duplex.connected(started["websocket_url"]) as line:
        await line.send(AUDIO, b"early")
        duplex.sessions.error = error
        duplex.sessions.gate.set()
        assert await line.closed() == (code, [b"\5" + told.encode()])
    duplex.sessions.error = None


async def test_a_session_that_ends_while_one_enters_is_told(duplex: RunningDuplex) -> None:
    started = await duplex.start()
    duplex.sessions.gate.clear()
    async with duplex.connected(started["websocket_url"]) as line:
        del duplex.sessions.kept[started["session_id"]]
        duplex.sessions.gate.set()
        assert await line.closed() == (1008, [b"\5Session not found"])


# -- sound -----------------------------------------------------------------------------------------


async def test_sound_before_the_handshake_is_heard(duplex: RunningDuplex) -> None:
    duplex.sessions.ready = False
    duplex.sessions.gate.clear()
    started = await duplex.start()
    async with duplex.connected(started["websocket_url"]) as line:
        await line.speak(tone(0.4))
        duplex.sessions.gate.set()
        await line.settled()
        assert len(duplex.sessions.talks[-1].heard()) == round(0.4 * DUPLEX_RATE)
        duplex.sessions.clients[started["session_id"]].on_ready()
        assert await line.receive() == b"\0"


async def test_a_tone_goes_both_ways_unharmed(duplex: RunningDuplex) -> None:
    async with duplex.talking() as (line, talk, client):
        await line.speak(tone(0.8))
        await line.settled()
        assert is_tone(talk.heard())
        client.on_voice(tone(0.3))
        heard = await line.listen(round(0.3 * DUPLEX_RATE))
    first = int(np.flatnonzero(np.abs(heard) > 3_000)[0])
    assert is_tone(heard[first : first + 6_720])


async def test_a_flush_drops_what_was_not_sent(duplex: RunningDuplex) -> None:
    async with duplex.talking() as (line, _, client):
        client.on_voice(tone(60))
        client.on_flush()
        heard = await line.listen(round(0.6 * DUPLEX_RATE))
    assert np.abs(heard[-2_000:]).max() < 100


async def test_sound_that_can_not_be_read_is_told_and_the_session_goes_on(
    duplex: RunningDuplex,
) -> None:
    async with duplex.talking() as (line, talk, _):
        for data, told in (
            (b"RIFF", "audio is no Ogg stream; allowed: pieces of an Ogg Opus stream, "),
            (b"OggS" + bytes(100), "audio is no Ogg stream"),
            (
                write_page([SILENT_FRAME], serial=1, sequence=5, granule=0),
                "audio is a stream whose beginning is missing",
            ),
            (b"", "audio is empty"),
        ):
            await line.send(AUDIO, data)
            assert (await line.refusal()).startswith(told)
        await line.speak(tone(0.08))
        await line.settled()
        assert len(talk.heard()) == 1_920


async def test_a_large_message_is_decoded_in_a_thread_in_its_order(duplex: RunningDuplex) -> None:
    async with duplex.talking() as (line, talk, _):
        writer = OpusStreamWriter()
        await line.send(AUDIO, writer.write(tone(2)))
        await line.send(AUDIO, writer.write(np.zeros(1_920, np.int16)))
        await line.settled()
        assert len(talk.heard()) == 2 * DUPLEX_RATE + 1_920
        assert np.abs(talk.heard()[-480:]).max() < 100


async def test_sound_far_ahead_of_time_is_dropped_and_told(start_duplex: Any) -> None:
    duplex = await start_duplex(duplex={"max_early_audio": 1.0})
    async with duplex.talking() as (line, talk, _):
        await line.speak(tone(0.96))
        await line.speak(tone(0.96))
        told = await line.refusal()
        await line.settled()
    assert told.startswith("Too much at once: at most 1 seconds of sound ahead of real time")
    assert len(talk.heard()) < 1.6 * DUPLEX_RATE


# -- words and control -----------------------------------------------------------------------------


async def test_words_go_both_ways(duplex: RunningDuplex) -> None:
    async with duplex.talking() as (line, talk, client):
        client.on_words("Hello")
        client.on_words(" there.")
        assert await line.receive_kind(TEXT) == b"Hello"
        assert await line.receive_kind(TEXT) == b" there."
        await line.send(TEXT, "Grüße".encode())
        await line.settled()
        assert talk.calls == [("type", "Grüße")]
        talk.reads = False
        await line.send(TEXT, b"again")
        assert await line.refusal() == "text can't be read by this model"


async def test_control_reaches_the_session_in_order(duplex: RunningDuplex) -> None:
    async with duplex.talking() as (line, talk, _):
        for control in (PAUSE, START, END_TURN, RESTART):
            await line.send(3, control)
        await line.settled()
        assert talk.calls == [
            ("paused", True),
            ("paused", False),
            ("end_turn",),
            ("paused", False),
            ("restart",),
        ]


async def test_a_pause_holds_the_voice(duplex: RunningDuplex) -> None:
    async with duplex.talking() as (line, _, client):
        await line.send(3, PAUSE)
        await line.settled()
        client.on_voice(tone(0.2))
        assert np.abs(await line.listen(2_000)).max() < 100
        await line.send(3, START)
        await line.settled()
        assert np.abs(await line.listen(2_000)).max() > 3_000


async def test_who_waits_for_the_model_is_told_its_place(duplex: RunningDuplex) -> None:
    duplex.sessions.ready = False
    started = await duplex.start()
    async with duplex.connected(started["websocket_url"]) as line:
        await line.settled()
        client = duplex.sessions.clients[started["session_id"]]
        client.on_queued(2)
        client.on_queued(1)
        session_id = started["session_id"]
        assert await line.facts() == {"session_id": session_id, "queue_position": 2}
        assert await line.facts() == {"session_id": session_id, "queue_position": 1}
        client.on_ready()
        client.on_ready()  # after a restart
        assert await line.receive() == b"\0"
        assert await line.facts() == {"session_id": session_id}
        await line.settled()


async def test_frames_that_are_wrong_are_told_and_the_session_goes_on(
    duplex: RunningDuplex,
) -> None:
    async with duplex.talking() as (line, talk, _):
        await line.socket.send("hello")
        assert await line.refusal() == "frame is text; allowed: binary frames"
        for frame, told in (
            (b"", "frame is empty"),
            (b"\x09", "kind 0x09 is unknown"),
            (b"\x03\x08", "control is not known"),
            (b"\x02\xff", "text is not UTF-8"),
        ):
            await line.socket.send(frame)
            assert (await line.refusal()).startswith(told)
        for frame in (b"\x00", b"\x04{}", b"\x05oh"):
            await line.socket.send(frame)
        await line.settled()
        assert talk.calls == []


async def test_a_frame_that_is_too_long_is_told(start_duplex: Any) -> None:
    duplex = await start_duplex(server={"max_message_bytes": 1_024})
    async with duplex.talking() as (line, _, _):
        await line.send(AUDIO, bytes(1_024))
        assert await line.refusal() == "frame has 1025 bytes; allowed: at most 1024"


async def test_too_many_mistakes_end_the_connection_and_not_the_session(
    duplex: RunningDuplex,
) -> None:
    async with duplex.talking() as (line, talk, _):
        for _ in range(message_socket.MAX_ERRORS):
            await line.send(9)
        code, frames = await line.closed()
        assert code == 1008
        assert frames[-1] == b"\5The connection is closed: 100 errors within 60 s"
        async with asyncio.timeout(5):
            await talk.left.wait()
        assert talk.finished is False


async def test_a_burst_of_pings_is_answered(duplex: RunningDuplex) -> None:
    async with duplex.talking() as (line, _, _):
        for _ in range(1_500):
            await line.send(6)
        for _ in range(1_500):
            assert await line.receive_kind(6) == b""


# -- the end ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("code", "finished"), [(1000, True), (1001, True), (3000, False)])
async def test_the_way_a_client_closes_says_whether_it_is_finished(
    duplex: RunningDuplex, code: int, finished: bool
) -> None:
    async with duplex.talking() as (line, talk, _):
        await line.socket.close(code)
        async with asyncio.timeout(5):
            await talk.left.wait()
        assert talk.finished is finished


async def test_a_broken_connection_is_not_finished(duplex: RunningDuplex) -> None:
    async with duplex.talking() as (line, talk, _):
        line.socket.transport.abort()
        async with asyncio.timeout(5):
            await talk.left.wait()
        assert talk.finished is False
    assert len(duplex.api.sockets) == 0


async def test_a_session_that_is_stopped_closes_its_socket(duplex: RunningDuplex) -> None:
    async with duplex.talking() as (line, talk, client):
        (session_id,) = duplex.sessions.clients
        client.on_words("Bye.")
        await duplex.client.post(f"/api/sessions/{session_id}/stop")
        code, frames = await line.closed()
        facts = {"session_id": session_id, "end_reason": "client_stopped"}
        assert code == 1000
        assert [frames[0], json.loads(frames[1][1:])] == [b"\2Bye.", facts]
        await talk.left.wait()
    assert await refused(duplex, f"/api/chat?session_id={session_id}") == (
        400,
        "Session is already stopped",
    )


@pytest.mark.parametrize(
    ("reason", "detail", "code", "told"),
    [
        (EndReason.AGENT_FAILED, "no upstream answers", 1011, "no upstream answers"),
        (EndReason.AGENT_FAILED, "", 1011, "The model failed"),
        (EndReason.DRAINED, "", 1012, "The server is restarting"),
    ],
)
async def test_an_end_that_nobody_wished_is_told_as_an_error(
    duplex: RunningDuplex, reason: EndReason, detail: str, code: int, told: str
) -> None:
    async with duplex.talking() as (line, _, _):
        (session_id,) = duplex.sessions.clients
        duplex.sessions.end(session_id, reason, Status.FAILED, detail)
        assert await line.closed() == (code, [b"\5" + told.encode()])


async def test_a_second_socket_takes_the_session_over(duplex: RunningDuplex) -> None:
    started = await duplex.start()
    async with duplex.connected(started["websocket_url"]) as first:
        await first.settled()
        async with duplex.connected(started["websocket_url"]) as second:
            assert await second.receive() == b"\0"
            code, frames = await first.closed()
            assert code == 4001
            assert frames[-1] == b"\5Another connection has taken the session over"
            await second.settled()


async def test_draining_ends_what_is_left(duplex: RunningDuplex) -> None:
    async with duplex.talking() as (line, _, _):
        await duplex.api.drain(0)
        code, frames = await line.closed()
        assert (code, frames[-1]) == (1012, b"\5The server is restarting")
    assert (await refused(duplex, "/api/chat", **bearer(API_KEY)))[0] == 503


async def test_the_registry_can_end_a_socket_by_itself(duplex: RunningDuplex) -> None:
    async with duplex.talking() as (line, _, _):
        for socket in duplex.api.sockets.all():
            socket.stop(EndReason.DRAINED)
        assert (await line.closed())[0] == 1012


async def test_the_voice_that_was_ordered_stays(duplex: RunningDuplex) -> None:
    """What else the query holds was said when the session was made."""
    session_id = (await duplex.start())["session_id"]
    async with duplex.connected(f"/api/chat?session_id={session_id}&voice_prompt=VARF0.pt") as line:
        await line.settled()
    assert duplex.sessions.kept[session_id].persona == Persona(VOICE)
    assert len(duplex.sessions.orders) == 1
