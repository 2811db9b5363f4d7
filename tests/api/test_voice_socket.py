"""Contract 004's WebSocket, by a real client on a real server, with scripted providers."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import wave
from collections.abc import Awaitable, Callable
from typing import Any

import av
import jwt
import numpy as np
import pytest
from websockets.exceptions import InvalidStatus

from greenroom.agents.ports import AnswerDone, ToolRan
from greenroom.errors import ProviderFailed
from greenroom.sessions.errors import StorageUnavailable
from greenroom.sessions.model import EndReason, Status
from greenroom.testing import ScriptedAgent, ScriptedSynthesizer, ScriptedTranscriber
from support.commerce import API_KEY, RATE, RunningApi, Voice, silence, tone

StartApi = Callable[..., Awaitable[RunningApi]]
UNKNOWN = "00000000-0000-4000-8000-000000000000"


# -- the conversation of the contract --------------------------------------------------------------


async def test_a_conversation_has_the_contracts_messages_in_order(start_api: StartApi) -> None:
    ran = ToolRan("search_products", {"query": "running shoes"}, {"total": 3}, True, 1.0)
    agent = ScriptedAgent([["I found 3. ", ran, "Which one?", AnswerDone("product_search")]])
    api = await start_api(agent=agent, transcriber=ScriptedTranscriber(["show me running shoes"]))
    created = await api.create()
    async with api.connect(created["token"]) as socket:
        voice = Voice(socket)
        ready = await voice.start(session_id=created["session_id"], user_id="u1")
        assert set(ready) == {"session_id", "room", "token"}
        assert ready["session_id"] == created["session_id"]
        await voice.say_something()
        assert await voice.receive("transcription") == {
            "text": "show me running shoes",
            "confidence": 0.9,
            "is_final": True,
        }
        messages = [await voice.next() for _ in range(3)]
        response = next(m["data"] for m in messages if m["type"] == "agent.response")
        assert response == {
            "text": "I found 3. Which one?",
            "intent": "product_search",
            "tools_used": ["search_products"],
        }
        sounds = [m["data"] for m in messages if m["type"] == "audio.output"]
        assert len(sounds) == 2
        for sound in sounds:
            assert set(sound) == {"audio", "format", "duration_ms"}
            assert (sound["format"], sound["duration_ms"]) == ("mp3", 400)
            assert 380 < mp3_ms(base64.b64decode(sound["audio"])) < 520
        await voice.send("session.end")
        assert await voice.closed() == (1000, "session ended")
    shown = (await api.client.get(f"/api/sessions/{created['session_id']}")).json()
    assert shown["status"] == "completed"
    assert shown["messages"][0]["content"] == "show me running shoes"


def mp3_ms(data: bytes) -> float:
    with av.open(io.BytesIO(data)) as container:
        frames = list(container.decode(audio=0))
    return sum(frame.samples for frame in frames) * 1000 / frames[0].sample_rate


async def test_ready_names_a_room_and_a_token_for_it(api: RunningApi) -> None:
    async with api.talk(user_id="u7") as voice:
        claims = jwt.decode(voice.ready["token"], options={"verify_signature": False})
        assert claims["iss"] == "devkey"
        assert claims["sub"] == "u7"
        assert claims["video"]["room"] == voice.ready["room"] == f"session_{voice.session_id}"
        assert claims["video"]["roomJoin"] is True


async def test_an_api_key_that_names_no_session_gets_a_new_one(api: RunningApi) -> None:
    async with api.talk(user_id="u1", context={"store_id": "s", "preferences": {"a": 1}}) as voice:
        session = await api.sessions.get(voice.session_id)
        assert session.status is Status.ACTIVE
        assert session.settings == {
            "user_id": "u1",
            "context": {"store_id": "s", "preferences": {"a": 1}},
        }


async def test_what_a_start_says_of_the_user_reaches_the_conversation(api: RunningApi) -> None:
    created = await api.create(metadata={"source": "web"})
    async with api.talk(
        created["token"], user_id="u1", context={"preferences": {"voice": "Edward"}}
    ):
        session, _ = api.conversations.opened[0]
        assert session.settings == {
            "metadata": {"source": "web"},
            "user_id": "u1",
            "context": {"preferences": {"voice": "Edward"}},
        }


async def test_session_start_needs_no_data(api: RunningApi) -> None:
    created = await api.create()
    async with api.connect(created["token"]) as socket:
        voice = Voice(socket)
        await voice.send("session.start")
        assert (await voice.receive("session.ready"))["session_id"] == created["session_id"]


# -- credentials -----------------------------------------------------------------------------------


@pytest.mark.parametrize("token", ["", "wrong", "a.b.c"])
async def test_a_bad_token_is_refused_at_the_handshake(api: RunningApi, token: str) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with api.connect(token):
            pass
    response = refused.value.response
    assert response.status_code == 401
    assert json.loads(response.body or b"")["error"]["code"] == "UNAUTHORIZED"
    assert len(api.api.sockets) == 0


async def test_the_token_may_be_in_the_query(api: RunningApi) -> None:
    from websockets.asyncio.client import connect

    created = await api.create()
    async with connect(f"{api.ws_url}?token={created['token']}", proxy=None) as socket:
        assert (await Voice(socket).start())["session_id"] == created["session_id"]
    with pytest.raises(InvalidStatus):
        async with connect(f"{api.ws_url}?token=wrong", proxy=None):
            pass


async def test_a_session_token_starts_only_its_own_session(api: RunningApi) -> None:
    mine, other = await api.create(), await api.create()
    async with api.connect(mine["token"]) as socket:
        voice = Voice(socket)
        await voice.send("session.start", {"session_id": other["session_id"]})
        assert (await voice.refusal())["code"] == "FORBIDDEN"
        assert (await voice.start())["session_id"] == mine["session_id"]


async def test_sessions_of_nobody_of_others_and_of_other_apis_are_not_found(
    api: RunningApi,
) -> None:
    foreign = await api.sessions.create(api="commerce", tenant="other", settings={})
    avatar = await api.sessions.create(api="anam", tenant="default", settings={})
    async with api.connect() as socket:
        voice = Voice(socket)
        for session_id in (UNKNOWN, foreign.id, avatar.id):
            await voice.send("session.start", {"session_id": session_id})
            assert (await voice.refusal())["code"] == "NOT_FOUND"
        assert await voice.start()


async def test_an_unknown_websocket_path_is_not_found(api: RunningApi) -> None:
    from websockets.asyncio.client import connect

    with pytest.raises(InvalidStatus) as refused:
        async with connect(api.ws_url + "/nothing", proxy=None):
            pass
    assert refused.value.response.status_code == 404
    assert json.loads(refused.value.response.body or b"")["error"]["code"] == "NOT_FOUND"


async def test_more_sockets_than_there_may_be_are_refused(start_api: StartApi) -> None:
    api = await start_api(settings={"server": {"max_sessions": 1}})
    async with api.connect():
        with pytest.raises(InvalidStatus) as refused:
            async with api.connect():
                pass
        assert refused.value.response.status_code == 429
        body = json.loads(refused.value.response.body or b"")
        assert body["error"]["code"] == "RATE_LIMIT_EXCEEDED"


# -- bad input -------------------------------------------------------------------------------------

AUDIO = {"audio": "AAA=", "format": "pcm16", "sample_rate": 16_000}


def audio(**changes: Any) -> str:
    data = {k: v for k, v in (AUDIO | changes).items() if v is not None}
    return json.dumps({"type": "audio.input", "data": data})


def start(**data: Any) -> str:
    return json.dumps({"type": "session.start", "data": data})


@pytest.mark.parametrize(
    ("frame", "field"),
    [
        ("{", "message"),
        ("5", "message"),
        ("[]", "message"),
        ("", "message"),
        ("{}", "type"),
        ('{"type": null}', "type"),
        ('{"type": 7}', "type"),
        ('{"type": "fly"}', "type"),
        ("[" * 100_000, "message"),
        ('{"type": "audio.input"}', "data"),
        ('{"data": {"audio": "AAAA"}, "type": "audio.input"}', "data.format"),
        ('{"type": "audio.input", "data": "AAAA"}', "data"),
        (audio(audio=None), "data.audio"),
        (audio(audio=7), "data.audio"),
        (audio(audio="not base64!"), "data.audio"),
        (audio(audio="AAAA"), "data.audio"),
        (audio(format=None), "data.format"),
        (audio(format="flac"), "data.format"),
        (audio(sample_rate=None), "data.sample_rate"),
        (audio(sample_rate=7_999), "data.sample_rate"),
        (audio(sample_rate=48_001), "data.sample_rate"),
        (audio(sample_rate="16000"), "data.sample_rate"),
        (audio(sample_rate=True), "data.sample_rate"),
        (audio(sample_rate=16_000.5), "data.sample_rate"),
        ('{"type": "session.start"}', "type"),
        ('{"type": "playback.position"}', "data"),
        ('{"type": "playback.position", "data": {"played_ms": 5}}', "type"),
        (b"\x00\x01", "message"),
    ],
)
async def test_a_bad_frame_is_answered_and_the_session_lives_on(
    api: RunningApi, frame: str | bytes, field: str
) -> None:
    async with api.talk() as voice:
        await voice.socket.send(frame)
        error = await voice.refusal()
        assert error["code"] == "VALIDATION_ERROR"
        assert error["details"]["field"] == field, error
        assert field in error["message"]
        await voice.say_something()
        assert (await voice.receive("transcription"))["is_final"] is True


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({"session_id": 5}, "data.session_id"),
        ({"session_id": ""}, "data.session_id"),
        ({"user_id": []}, "data.user_id"),
        ({"context": 5}, "data.context"),
        ({"context": {"preferences": 5}}, "data.context.preferences"),
        ({"context": {"preferences": {"a": "x" * 20_000}}}, "data.context"),
        ({"audio_format": "wav"}, "data.audio_format"),
        ({"audio_format": "pcm16", "sample_rate": 1}, "data.sample_rate"),
        ({"audio_format": "pcm16", "sample_rate": 96_000}, "data.sample_rate"),
        ({"sample_rate": 16_000}, "data"),
        ({"interim": "yes"}, "data.interim"),
        ({"events": "playback"}, "data.events"),
        ({"events": ["weather"]}, "data.events.0"),
    ],
)
async def test_a_bad_start_names_its_field_and_may_be_sent_again(
    api: RunningApi, data: dict[str, Any], field: str
) -> None:
    async with api.connect() as socket:
        voice = Voice(socket)
        await voice.send("session.start", data)
        error = await voice.refusal()
        assert error["code"] == "VALIDATION_ERROR"
        assert error["details"]["field"] == field, error
        assert await voice.start()


@pytest.mark.parametrize(
    "frame",
    [audio(), '{"type": "session.end"}', '{"type": "playback.position", "data": {"played_ms": 1}}'],
)
async def test_nothing_comes_before_session_start(api: RunningApi, frame: str) -> None:
    async with api.connect() as socket:
        voice = Voice(socket)
        await socket.send(frame)
        error = await voice.refusal()
        assert error["details"]["allowed"] == "session.start"
        assert await voice.start()


async def test_a_frame_of_ten_megabytes_is_answered_not_acted_on(api: RunningApi) -> None:
    async with api.talk() as voice:
        await voice.socket.send(audio(audio="A" * 10_000_000))
        error = await voice.refusal()
        assert error["code"] == "VALIDATION_ERROR"
        assert "at most 4000000 bytes" in error["message"]
        await voice.say_something()
        assert await voice.receive("transcription")


async def test_undecodable_audio_is_an_audio_error(api: RunningApi) -> None:
    async with api.talk() as voice:
        await voice.send_raw_audio(b"this is no music at all" * 100, "mp3")
        await voice.send_audio(silence(20))  # what ends the stream of mp3
        error = await voice.refusal()
        assert error["code"] == "AUDIO_PROCESSING_ERROR"
        assert error["details"]["field"] == "data.audio"
        await voice.say_something()
        assert await voice.receive("transcription")


async def test_a_session_that_has_ended_cannot_be_started(api: RunningApi) -> None:
    created = await api.create()
    await api.client.delete(f"/api/sessions/{created['session_id']}")
    async with api.connect(created["token"]) as socket:
        voice = Voice(socket)
        await voice.send("session.start")
        error = await voice.refusal()
        assert error["code"] == "VALIDATION_ERROR"
        assert "client_stopped" in error["details"]["problem"]


async def test_a_client_of_many_mistakes_is_hung_up_on(api: RunningApi) -> None:
    async with api.talk() as voice:
        for _ in range(100):
            await voice.socket.send("{")
        assert await voice.closed() == (1008, "100 errors within 60 s")
    session = await api.sessions.get(voice.session_id)
    assert session.status is Status.ACTIVE, "it may come back and do better"


async def test_a_client_that_never_starts_is_hung_up_on(start_api: StartApi) -> None:
    api = await start_api(settings={"server": {"handshake_timeout": 0.1}})
    async with api.connect() as socket:
        voice = Voice(socket)
        error = await voice.refusal()
        assert error["details"]["field"] == "session.start"
        assert await voice.closed() == (1008, "no session.start in time")


# -- audio -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [8_000, 16_000, 24_000, 44_100, 48_000])
async def test_pcm16_of_any_usual_rate_is_heard(api: RunningApi, rate: int) -> None:
    async with api.talk() as voice:
        await voice.send_audio(tone(1_000, rate), rate)
        await voice.send_audio(silence(1_600, rate), rate)
        assert (await voice.receive("transcription"))["text"] == "hello"
    heard = api.conversations.transcriber.streams[0].samples / RATE
    assert 1.0 < heard < 3.0


async def test_a_wav_file_is_heard_in_pieces_and_so_is_pcm_after_it(api: RunningApi) -> None:
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(24_000)
        writer.writeframes(tone(1_000, 24_000).tobytes())
    data = file.getvalue()
    async with api.talk() as voice:
        for at in range(0, len(data), 9_000):
            await voice.send_raw_audio(data[at : at + 9_000], "wav", 24_000)
        await voice.send_audio(silence(1_600))
        assert await voice.receive("transcription")


async def test_empty_audio_is_nothing(api: RunningApi) -> None:
    async with api.talk() as voice:
        await voice.socket.send(audio(audio=""))
        await voice.say_something()
        assert await voice.receive("transcription")


async def test_audio_may_run_ahead_of_real_time_by_so_much_only(start_api: StartApi) -> None:
    api = await start_api(settings={"server": {"max_audio_ahead_ms": 5_000}})
    async with api.talk() as voice:
        await voice.send_audio(silence(4_000))
        await voice.send_audio(silence(4_000))
        error = await voice.refusal()
        assert error["code"] == "RATE_LIMIT_EXCEEDED"
        assert error["details"] == {"limit": 5_000}
        await voice.send_audio(silence(500))  # what fits is taken, as before
        await voice.send("session.end")
        assert await voice.closed() == (1000, "session ended")


async def test_ten_messages_of_audio_a_second_are_no_control_messages(start_api: StartApi) -> None:
    api = await start_api(settings={"rates": {"messages": "5/minute"}})
    async with api.talk() as voice:
        for _ in range(50):
            await voice.send_audio(silence(20))
        await voice.say_something()
        assert await voice.receive("transcription")


async def test_control_messages_are_limited_and_the_end_always_counts(start_api: StartApi) -> None:
    api = await start_api(settings={"rates": {"messages": "3/minute"}})
    async with api.talk() as voice:
        for _ in range(3):
            await voice.send("fly")
            assert (await voice.refusal())["code"] == "VALIDATION_ERROR"
        await voice.send("fly")
        error = await voice.refusal()
        assert error["code"] == "RATE_LIMIT_EXCEEDED"
        assert error["details"]["limit"] == 3
        assert 0 < error["details"]["retry_after"] <= 60
        await voice.send("session.end")
        assert await voice.closed() == (1000, "session ended")


# -- what may be asked for -------------------------------------------------------------------------


async def test_pcm16_output_comes_at_the_rate_that_was_asked_for(start_api: StartApi) -> None:
    api = await start_api(synthesizer=ScriptedSynthesizer(rate=24_000, length_ms=500))
    async with api.talk(audio_format="pcm16", sample_rate=16_000, events=["playback"]) as voice:
        await voice.say_something()
        response = await voice.wait_for("agent.response")
        sent, state = 0, ""
        while state != "finished":
            message = await voice.next()
            if message["type"] == "audio.output":
                data = message["data"]
                assert (data["format"], data["sample_rate"]) == ("pcm16", 16_000)
                assert data["response_id"] == response["response_id"]
                samples = len(base64.b64decode(data["audio"])) // 2
                assert abs(samples / 16 - data["duration_ms"]) <= 0.5
                sent += samples
            elif message["type"] == "playback":
                state = message["data"]["state"]
        assert sent == 8_000


async def test_partial_transcriptions_come_only_if_asked_for(start_api: StartApi) -> None:
    transcriber = ScriptedTranscriber(["show me shoes"])
    api = await start_api(transcriber=transcriber)
    for interim in (False, True):
        transcriber.streams.clear()
        async with api.talk(interim=interim) as voice:
            await voice.send_audio(tone(1_000))
            await voice.settled()
            transcriber.streams[0].hear("show me")
            await voice.send_audio(silence(1_600))
            said = await voice.receive("transcription")
            assert said["is_final"] is not interim
            assert said["text"] == ("show me" if interim else "show me shoes")


async def test_playback_and_interruptions_are_told_if_asked_for(start_api: StartApi) -> None:
    api = await start_api(
        agent=ScriptedAgent(["One long answer that goes on and on.", "Yes?"]),
        synthesizer=ScriptedSynthesizer(length_ms=8_000),
    )
    asked = {"events": ["agent.interrupted", "playback"], "audio_format": "pcm16"}
    async with api.talk(**asked) as voice:
        await voice.say_something()
        started = await voice.wait_for("playback")
        assert (started["state"], started["played_ms"]) == ("started", 0)
        await voice.send(
            "playback.position", {"response_id": started["response_id"], "played_ms": 4_000}
        )
        await voice.send("playback.position", {"response_id": "another", "played_ms": 1})
        await voice.send_audio(tone(1_000))
        interrupted = await voice.wait_for("agent.interrupted")
        assert interrupted["response_id"] == started["response_id"]
        assert 4_000 <= interrupted["played_ms"] < 8_000
        assert "One long answer".startswith(interrupted["heard"][:8])


async def test_a_finished_reply_is_told_if_asked_for(start_api: StartApi) -> None:
    api = await start_api(synthesizer=ScriptedSynthesizer(length_ms=100))
    async with api.talk(events=["playback"]) as voice:
        await voice.say_something()
        assert (await voice.wait_for("playback"))["state"] == "started"
        finished = await voice.wait_for("playback")
        assert finished["state"] == "finished"
        assert finished["played_ms"] == pytest.approx(100, abs=1)


async def test_a_cut_reply_sends_no_more_audio_and_nothing_that_was_not_asked_for(
    start_api: StartApi,
) -> None:
    api = await start_api(
        agent=ScriptedAgent(["One. Two. Three. Four. Five. Six. Seven. Eight.", "Yes?"]),
        synthesizer=ScriptedSynthesizer(length_ms=1_500),
    )
    async with api.talk() as voice:
        await voice.say_something()
        await voice.wait_for("audio.output")
        await voice.send_audio(np.concatenate([tone(1_000), silence(1_600)]))
        kinds = []
        while "agent.response" not in kinds:
            kinds.append((await voice.next())["type"])
        assert set(kinds) <= {"agent.response", "transcription", "audio.output"}
        assert kinds.count("audio.output") <= 4


@pytest.mark.parametrize(
    ("part", "code"),
    [
        (
            {"transcriber": ScriptedTranscriber([ProviderFailed("x", "no")])},
            "AUDIO_PROCESSING_ERROR",
        ),
        ({"agent": ScriptedAgent([[ProviderFailed("x", "no")]])}, "INTERNAL_ERROR"),
        ({"synthesizer": ScriptedSynthesizer(fails=True)}, "AUDIO_PROCESSING_ERROR"),
    ],
)
async def test_a_provider_that_fails_is_told_without_its_reasons(
    start_api: StartApi, part: dict[str, Any], code: str
) -> None:
    api = await start_api(**part)
    async with api.talk() as voice:
        await voice.say_something()
        error = await voice.wait_for("error")
        assert error["code"] == code
        assert "no" not in error["message"].split()


# -- ends ------------------------------------------------------------------------------------------


async def test_what_was_being_said_at_the_end_is_recorded(api: RunningApi) -> None:
    async with api.talk() as voice:
        await voice.send_audio(tone(1_000))
        await voice.send("session.end")
        assert (await voice.receive("transcription"))["text"] == "hello"
        assert await voice.closed() == (1000, "session ended")
    shown = (await api.client.get(f"/api/sessions/{voice.session_id}")).json()
    assert [m["content"] for m in shown["messages"]] == ["hello"]


async def test_a_lost_client_may_come_back_to_its_session(api: RunningApi) -> None:
    created = await api.create()
    async with api.talk(created["token"]) as voice:
        await voice.say_something()
        await voice.wait_for("agent.response")
    async with api.talk(created["token"]) as voice:
        assert voice.session_id == created["session_id"]
        _, records = api.conversations.opened[1]
        assert "hello" in [r.entry.text for r in records if r.entry.kind == "transcript"]
    session = await api.sessions.get(created["session_id"])
    assert session.status is Status.ACTIVE


async def test_a_second_socket_takes_the_session_over(api: RunningApi) -> None:
    created = await api.create()
    async with api.talk(created["token"]) as first:
        await first.send_audio(tone(1_000))
        async with api.talk(created["token"]) as second:
            code, why = await first.closed()
            assert (code, why) == (1008, "replaced: the session is used by another connection")
            _, records = api.conversations.opened[1]
            assert [r.entry.text for r in records if r.entry.kind == "transcript"] == ["hello"]
            await second.say_something()
            assert await second.receive("transcription")
    assert (await api.sessions.get(created["session_id"])).status is Status.ACTIVE


async def test_deleting_a_session_ends_its_socket(api: RunningApi) -> None:
    async with api.talk() as voice:
        await voice.send_audio(tone(1_000))
        deleted = await api.client.delete(f"/api/sessions/{voice.session_id}")
        assert deleted.json()["message"] == "Session ended successfully"
        assert await voice.closed() == (1000, "client_stopped")
    session = await api.sessions.get(voice.session_id)
    assert (session.status, session.end_reason) == (Status.STOPPED, EndReason.CLIENT_STOPPED)
    shown = (await api.client.get(f"/api/sessions/{voice.session_id}")).json()
    assert [m["content"] for m in shown["messages"]] == ["hello"]


@pytest.mark.parametrize(
    ("setting", "reason"),
    [("idle_timeout", EndReason.IDLE_TIMEOUT), ("max_duration", EndReason.MAX_DURATION)],
)
async def test_a_session_ends_that_is_idle_or_too_long(
    start_api: StartApi, setting: str, reason: EndReason
) -> None:
    api = await start_api(settings={"replies": {setting: 0.2}})
    async with api.talk() as voice:
        assert await voice.closed() == (1000, reason.value)
    session = await api.sessions.get(voice.session_id)
    assert (session.status, session.end_reason) == (Status.STOPPED, reason)


async def test_draining_ends_every_socket_as_a_restart(api: RunningApi) -> None:
    async with api.connect() as idle, api.talk() as voice:
        draining = asyncio.create_task(api.api.drain(0.1))
        assert (await Voice(idle).closed())[0] == 1012
        assert await voice.closed() == (1012, "drained: the server is restarting")
        await draining
        with pytest.raises(InvalidStatus):
            async with api.connect():
                pass
    session = await api.sessions.get(voice.session_id)
    assert session.end_reason is EndReason.DRAINED


async def test_a_defect_ends_the_session_as_failed(
    start_api: StartApi, caplog: pytest.LogCaptureFixture
) -> None:
    api = await start_api()

    def broken(*args: Any, **kwargs: Any) -> Any:
        raise RuntimeError("a defect")

    api.conversations.open = broken  # type: ignore[method-assign]
    created = await api.create()
    async with api.connect(created["token"]) as socket:
        voice = Voice(socket)
        await voice.send("session.start")
        assert (await voice.refusal())["code"] == "INTERNAL_ERROR"
        assert await voice.closed() == (1011, "internal error")
    session = await api.sessions.get(created["session_id"])
    assert (session.status, session.end_reason) == (Status.FAILED, EndReason.AGENT_FAILED)
    assert "a defect" in caplog.text


async def test_a_start_that_the_database_failed_may_be_tried_again(
    api: RunningApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, failures = api.sessions.records, [StorageUnavailable("told to fail")]

    async def records(*args: Any, **kwargs: Any) -> Any:
        if failures:
            raise failures.pop()
        return await real(*args, **kwargs)

    monkeypatch.setattr(api.sessions, "records", records)
    created = await api.create()
    async with api.connect(created["token"]) as socket:
        voice = Voice(socket)
        await voice.send("session.start")
        assert (await voice.refusal())["code"] == "INTERNAL_ERROR"
        assert await voice.start()
        await voice.say_something()
        assert await voice.receive("transcription")


async def test_an_end_that_the_database_failed_still_closes(
    api: RunningApi, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def end(*args: Any, **kwargs: Any) -> Any:
        raise StorageUnavailable("told to fail")

    async with api.talk() as voice:
        with monkeypatch.context() as patch:
            patch.setattr(api.sessions, "end", end)
            await voice.send("session.end")
            assert (await voice.closed())[0] == 1000
    assert "told to fail" in caplog.text


async def test_an_unsigned_room_token_is_a_livekit_error(start_api: StartApi) -> None:
    api = await start_api(livekit=("", ""))
    async with api.connect() as socket:
        voice = Voice(socket)
        await voice.send("session.start")
        assert (await voice.refusal())["code"] == "LIVEKIT_ERROR"
    health = (await api.client.get("/health")).json()
    assert health["checks"]["livekit"] == "unhealthy"


async def test_sessions_made_by_websocket_are_limited_like_others(start_api: StartApi) -> None:
    api = await start_api(settings={"rates": {"session_creation": "1/minute"}})
    await api.create()
    async with api.connect() as socket:
        voice = Voice(socket)
        await voice.send("session.start")
        assert (await voice.refusal())["code"] == "RATE_LIMIT_EXCEEDED"
    assert API_KEY
