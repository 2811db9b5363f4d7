"""A voice connection against a server that does as it is told."""

from __future__ import annotations

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

import voice_agent as sdk
from voice_agent import VoiceAgentClient, VoiceConnection, lifeline
from voice_agent.mailbox import Mailbox

Fake = Callable[..., Awaitable[Any]]


@contextlib.asynccontextmanager
async def talk(url: str, **options: Any) -> AsyncIterator[VoiceConnection]:
    with VoiceAgentClient(api_key="k", base_url=url) as client:
        async with client.connect_voice("session-token", **options) as ws:
            yield ws
    left = [task for task in asyncio.all_tasks() if "voice_agent" in task.get_name()]
    assert not left, "a task is left running"


async def kinds(ws: VoiceConnection) -> list[str]:
    return [message.type async for message in ws]


def sound_of(messages: list[dict[str, Any]]) -> bytes:
    return b"".join(
        base64.b64decode(each["data"]["audio"])
        for each in messages
        if each["type"] == "audio.input"
    )


async def idle(peer: Any) -> None:
    await peer.next("nothing")


async def end(peer: Any) -> None:
    await peer.next("session.end")
    await peer.send("transcription", text="last words", confidence=0.9, is_final=True)
    await peer.socket.close(1000, "session ended")


async def drop(peer: Any) -> None:
    peer.drop()


async def drop_after_sound(peer: Any) -> None:
    await peer.next("audio.input")
    peer.drop()


def closes(code: int, reason: str) -> Callable[[Any], Awaitable[None]]:
    async def close(peer: Any) -> None:
        await peer.socket.close(code, reason)

    return close


def refuses(
    code: str, message: str = "because", **details: Any
) -> Callable[[Any], Awaitable[None]]:
    async def refuse(peer: Any) -> None:
        await peer.send("error", code=code, message=message, details=details)

    refuse.before_ready = True  # type: ignore[attr-defined]
    return refuse


async def test_the_token_goes_in_the_header_and_the_options_into_session_start(fake: Fake) -> None:
    server = await fake(idle)
    async with talk(
        server.url,
        session_id="s1",
        user_id="me",
        context={"store_id": "shop", "preferences": {"size": "10"}},
        voice="Craig",
        audio_format="pcm16",
        sample_rate=16_000,
        interim=True,
        events=["playback", "reconnected"],
    ) as ws:
        assert ws.session_id == "s1"
        assert ws.ready.room == "r"
        assert ws.ended is None
    headers = {name.lower(): value for name, value in server.headers[0].items()}
    assert headers["authorization"] == "Bearer session-token"
    assert server.starts[0]["data"] == {
        "session_id": "s1",
        "user_id": "me",
        "context": {"store_id": "shop", "preferences": {"size": "10", "voice": "Craig"}},
        "audio_format": "pcm16",
        "sample_rate": 16_000,
        "interim": True,
        "events": ["playback"],
    }


async def test_without_options_session_start_asks_for_nothing(fake: Fake) -> None:
    server = await fake(idle)
    async with talk(server.url):
        pass
    assert server.starts == [{"type": "session.start", "data": {}}]


@pytest.mark.parametrize("reason", ["session ended", "client_stopped", "idle_timeout", ""])
async def test_the_iteration_ends_when_the_session_does(fake: Fake, reason: str) -> None:
    server = await fake(closes(1000, reason))
    async with talk(server.url) as ws:
        assert await kinds(ws) == ["session.ready"]
        assert await kinds(ws) == []
        over = ws.ended
        assert isinstance(over, sdk.SessionEnded)
        assert over.close_code == 1000
        assert over.reason == (reason or "closed with 1000")
        with pytest.raises(sdk.SessionEnded):
            await ws.send_audio(b"\0\0")
    assert len(server.starts) == 1


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (1008, "replaced: the session is used by another connection"),
        (1011, "internal error"),
        (1012, "drained: the server is restarting"),
        (1009, ""),
    ],
)
async def test_an_end_that_nobody_wished_is_raised_and_not_reconnected(
    fake: Fake, code: int, reason: str
) -> None:
    server = await fake(closes(code, reason))
    async with talk(server.url) as ws:
        with pytest.raises(sdk.SessionEnded) as caught:
            await kinds(ws)
        assert caught.value.close_code == code
        assert caught.value.server_restarting is (code == 1012)
        assert reason in str(caught.value)
        with pytest.raises(sdk.SessionEnded):
            await ws.end()
    assert len(server.starts) == 1


@pytest.mark.parametrize(
    "break_it", [drop, closes(1001, "going away"), closes(1011, "keepalive ping timeout")]
)
async def test_a_break_is_not_noticed_but_for_an_event(fake: Fake, break_it: Any) -> None:
    async def second(peer: Any) -> None:
        await peer.send("transcription", text="hello", confidence=1, is_final=True)
        await idle(peer)

    server = await fake(break_it, second)
    async with talk(server.url, events=["reconnected"], user_id="me") as ws:
        seen = []
        async for message in ws:
            seen.append(message.type)
            if message.type == "reconnected":
                assert message.data.attempts == 1
                assert message.data.away_ms > 0
            if message.type == "transcription":
                break
    assert seen == ["session.ready", "reconnected", "transcription"]
    assert server.starts[1]["data"] == {"session_id": "s1", "user_id": "me"}


async def test_without_asking_a_break_leaves_no_trace(fake: Fake) -> None:
    server = await fake(drop, end)
    async with talk(server.url) as ws:
        await server.wait_starts(2)
        await ws.end()
        assert await kinds(ws) == ["session.ready", "transcription"]


async def test_sound_that_is_sent_while_the_connection_is_away_arrives_later_in_order(
    fake: Fake,
) -> None:
    server = await fake(drop, end)
    server.gate.clear()
    sound = bytes(range(256)) * 125  # a second
    async with talk(server.url, events=["reconnected"]) as ws:
        await server.wait_starts(2)
        for at in range(0, len(sound), 3_200):
            await ws.send_audio(sound[at : at + 3_200])
        server.gate.set()
        async for message in ws:
            if message.type == "reconnected":
                assert message.data.kept_ms == 1_000
                break
        await ws.send_audio(b"\1\1")
        await ws.end()
    assert sound_of(server.received) == sound + b"\1\1"


async def test_only_so_much_is_kept_and_then_sending_waits(
    fake: Fake,
) -> None:
    server = await fake(drop, end)
    server.gate.clear()
    async with talk(server.url, max_ahead=60) as ws:
        await server.wait_starts(2)
        await ws.send_audio(bytes(20 * 32_000))
        more = asyncio.create_task(ws.send_audio(b"\1\1"))
        done, _ = await asyncio.wait([more], timeout=0.1)
        assert not done
        server.gate.set()
        await more
        await ws.end()
    assert len(sound_of(server.received)) == 20 * 32_000 + 2


async def test_a_connection_that_does_not_come_back_in_time_is_given_up(fake: Fake) -> None:
    server = await fake(drop, refuses("INTERNAL_ERROR"))
    async with talk(server.url, reconnect_for=0.8) as ws:
        with pytest.raises(sdk.ConnectionFailed, match=r"0\.8 s did not bring it back") as caught:
            await kinds(ws)
        assert isinstance(caught.value.__cause__, sdk.InternalError)
    assert len(server.starts) > 2


async def test_reconnecting_can_be_switched_off(fake: Fake) -> None:
    server = await fake(drop)
    async with talk(server.url, reconnect_for=0) as ws:
        with pytest.raises(sdk.ConnectionFailed):
            await kinds(ws)
    assert len(server.starts) == 1


async def test_a_session_that_ended_while_the_connection_was_away_is_over(fake: Fake) -> None:
    ended = refuses(
        "VALIDATION_ERROR", field="session_id", problem="the session has ended (reconnect_timeout)"
    )
    server = await fake(drop, ended)
    async with talk(server.url) as ws:
        with pytest.raises(sdk.SessionEnded, match="reconnect_timeout") as caught:
            await kinds(ws)
        assert caught.value.close_code is None
    assert len(server.starts) == 2


async def test_a_refusal_that_can_not_pass_is_raised_at_once(fake: Fake) -> None:
    server = await fake(drop, refuses("NOT_FOUND"))
    async with talk(server.url) as ws:
        with pytest.raises(sdk.NotFound):
            await kinds(ws)
    assert len(server.starts) == 2


async def test_a_refusal_that_names_a_time_is_waited_for(fake: Fake) -> None:
    server = await fake(drop, refuses("RATE_LIMIT_EXCEEDED", retry_after=0.9), end)
    began = asyncio.get_running_loop().time()
    async with talk(server.url, events=["reconnected"]) as ws:
        async for message in ws:
            if message.type == "reconnected":
                break
        assert asyncio.get_running_loop().time() - began > 0.9
        await ws.end()


async def test_a_new_connection_that_breaks_while_sound_is_sent_afterwards_is_made_again(
    fake: Fake,
) -> None:
    server = await fake(drop, drop_after_sound, end)
    server.gate.clear()
    async with talk(server.url) as ws:
        await server.wait_starts(2)
        await ws.send_audio(bytes(10 * 32_000))
        server.gate.set()
        await server.wait_starts(3)
        await ws.end()
        assert (await kinds(ws))[-1] == "transcription"


@pytest.mark.parametrize(("script", "error"), [(drop, None), (closes(1008, "replaced: x"), "x")])
async def test_a_new_connection_that_ends_at_once_does_not_lose_what_was_kept(
    fake: Fake, script: Any, error: str | None
) -> None:
    server = await fake(drop, script, end)
    server.gate.clear()
    async with talk(server.url, max_ahead=60) as ws:
        await server.wait_starts(2)
        await ws.send_audio(bytes(19 * 96_000), sample_rate=48_000)
        server.gate.set()
        if error is not None:
            with pytest.raises(sdk.SessionEnded, match=error):
                await kinds(ws)
            return
        await server.wait_starts(3)
        await ws.end()
        assert (await kinds(ws))[-1] == "transcription"
    assert len(sound_of(server.received)) > 10 * 96_000


async def test_a_full_mailbox_waits_for_its_reader() -> None:
    mailbox = Mailbox(2)
    messages = [sdk.UnknownMessage(str(number), None) for number in range(4)]
    await mailbox.put(messages[0])
    await mailbox.put(messages[1])
    third = asyncio.create_task(mailbox.put(messages[2]))
    done, _ = await asyncio.wait([third], timeout=0.02)
    assert not done
    assert await mailbox.get() is messages[0]
    await third
    fourth = asyncio.create_task(mailbox.put(messages[3]))
    await asyncio.sleep(0)
    mailbox.unbind()
    await fourth
    mailbox.finish()
    assert [await mailbox.get() for _ in range(4)] == [*messages[1:], None]


async def test_a_position_that_meets_a_closed_connection_is_dropped(fake: Fake) -> None:
    server = await fake(closes(1000, "idle_timeout"))
    async with talk(server.url, events=["playback"]) as ws:
        with contextlib.suppress(sdk.SessionEnded):
            while True:
                await ws.playback_position("reply_1", 1)
                await asyncio.sleep(0)
        assert await kinds(ws) == ["session.ready"]


async def test_many_breaks_lose_only_what_was_on_its_way_and_mix_nothing(fake: Fake) -> None:
    async def drop_soon(peer: Any) -> None:
        asyncio.get_running_loop().call_later(0.1, peer.drop)
        await idle(peer)

    server = await fake(*[drop_soon] * 5, end)
    async with talk(server.url) as ws:
        count = 0
        while len(server.starts) < 6:  # each turn of it sends
            await ws.send_audio(count.to_bytes(4, "little") + bytes(636))
            await asyncio.sleep(0.002)
            count += 1
        await ws.end()
    heard = [
        int.from_bytes(base64.b64decode(each["data"]["audio"])[:4], "little")
        for each in server.received
        if each["type"] == "audio.input"
    ]
    assert heard == sorted(set(heard)), "in order, none twice"
    assert count - len(heard) < 50


async def test_an_end_during_a_break_is_told_after_it(fake: Fake) -> None:
    server = await fake(drop, end)
    server.gate.clear()
    async with talk(server.url) as ws:
        await server.wait_starts(2)
        ending = asyncio.create_task(ws.end())
        await asyncio.sleep(0)
        server.gate.set()
        await ending
        assert await kinds(ws) == ["session.ready", "transcription"]


async def test_an_end_whose_answer_was_lost_is_an_end(fake: Fake) -> None:
    async def end_and_break(peer: Any) -> None:
        await peer.next("session.end")
        peer.drop()

    ended = refuses("VALIDATION_ERROR", problem="the session has ended (client_stopped)")
    server = await fake(end_and_break, ended)
    async with talk(server.url) as ws:
        await ws.end()
        assert await kinds(ws) == ["session.ready"]


async def test_an_end_that_is_not_carried_out_is_told(fake: Fake) -> None:
    server = await fake(idle)
    async with talk(server.url) as ws:
        with pytest.raises(sdk.ConnectionFailed, match=r"within 0\.1 s"):
            await ws.end(timeout=0.1)
        with pytest.raises(sdk.SessionEnded, match="this client has ended it"):
            await ws.send_audio(b"\0\0")


async def test_an_end_breaks_off_what_is_still_sent(fake: Fake) -> None:
    server = await fake(end)
    async with talk(server.url, max_ahead=1) as ws:
        sending = asyncio.create_task(ws.send_audio(bytes(32_000 * 60)))
        done, _ = await asyncio.wait([sending], timeout=0.1)
        assert not done
        await ws.end()
        with pytest.raises(sdk.SessionEnded):
            await sending


async def test_what_came_before_the_end_can_be_read_after_it_however_much_it_is(
    fake: Fake,
) -> None:
    async def flood(peer: Any) -> None:
        for number in range(1_000):
            await peer.send("transcription", text=str(number), confidence=1, is_final=True)
        await end(peer)

    server = await fake(flood)
    async with talk(server.url) as ws:
        await ws.end()
        texts = [m.data.text async for m in ws if m.type == "transcription"]
    assert texts == [*map(str, range(1_000)), "last words"]


async def test_leaving_ends_the_session_also_where_nothing_is_read(fake: Fake) -> None:
    flooded = asyncio.Event()

    async def flood(peer: Any) -> None:
        for number in range(lifeline.MAX_UNREAD + 100):
            await peer.send("transcription", text=str(number), confidence=1, is_final=True)
        flooded.set()
        await end(peer)

    server = await fake(flood)
    async with talk(server.url):
        await flooded.wait()
        began = asyncio.get_running_loop().time()
    assert asyncio.get_running_loop().time() - began < 1
    assert server.received[-1] == {"type": "session.end"}


async def test_leaving_by_an_error_closes_too_and_the_error_passes(fake: Fake) -> None:
    server = await fake(end)
    with pytest.raises(LookupError):
        async with talk(server.url):
            raise LookupError
    assert server.received[-1] == {"type": "session.end"}


async def test_a_close_may_leave_the_session(fake: Fake) -> None:
    server = await fake(idle)
    async with talk(server.url) as ws:
        await ws.close(end_session=False)
        assert await kinds(ws) == ["session.ready"]
        await ws.close()
        await ws.end()
        with pytest.raises(sdk.SessionEnded):
            await ws.send_audio(b"\0\0")
    assert server.received == []


async def test_a_cancelled_talk_leaves_nothing_running(fake: Fake) -> None:
    server = await fake(idle)
    inside = asyncio.Event()

    async def run() -> None:
        async with talk(server.url) as ws:
            inside.set()
            await kinds(ws)

    task = asyncio.create_task(run())
    await inside.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not [each for each in asyncio.all_tasks() if "voice_agent" in each.get_name()]


async def test_a_wait_for_a_message_may_be_given_up_and_taken_up_again(fake: Fake) -> None:
    say = asyncio.Event()

    async def later(peer: Any) -> None:
        await say.wait()
        await peer.send("transcription", text="hello", confidence=1, is_final=True)
        await idle(peer)

    server = await fake(later)
    async with talk(server.url) as ws:
        assert (await anext(ws)).type == "session.ready"
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(ws), 0.05)
        say.set()
        assert (await anext(ws)).type == "transcription"


async def test_a_refused_start_is_raised_where_the_session_is_entered(fake: Fake) -> None:
    server = await fake(refuses("FORBIDDEN", "not yours"))
    with VoiceAgentClient(api_key="k", base_url=server.url) as client:
        with pytest.raises(sdk.Forbidden, match="not yours"):
            async with client.connect_voice("t"):
                pass


@pytest.mark.parametrize(
    ("script", "error"),
    [
        (closes(1012, "drained"), sdk.SessionEnded),
        (drop, sdk.ConnectionFailed),
    ],
)
async def test_a_connection_that_ends_before_it_is_ready_is_told(
    fake: Fake, script: Any, error: type[Exception]
) -> None:
    async def unready(peer: Any) -> None:
        await script(peer)

    unready.before_ready = True  # type: ignore[attr-defined]
    server = await fake(unready)
    with VoiceAgentClient(api_key="k", base_url=server.url) as client, pytest.raises(error):
        await client.connect_voice("t").__aenter__()


async def test_something_that_is_no_voice_api_is_told(fake: Fake) -> None:
    async def other(peer: Any) -> None:
        await peer.send("welcome")
        await idle(peer)

    other.before_ready = True  # type: ignore[attr-defined]
    server = await fake(other)
    with VoiceAgentClient(api_key="k", base_url=server.url) as client:
        with pytest.raises(sdk.UnexpectedAnswer):
            await client.connect_voice("t").__aenter__()


async def test_a_server_that_never_is_ready_is_given_up_in_time(fake: Fake) -> None:
    async def silent(peer: Any) -> None:
        await idle(peer)

    silent.before_ready = True  # type: ignore[attr-defined]
    server = await fake(silent)
    with VoiceAgentClient(api_key="k", base_url=server.url, timeout=0.2) as client:
        with pytest.raises(sdk.ConnectionFailed, match=r"within 0\.2 s"):
            await client.connect_voice("t").__aenter__()


async def test_no_server_is_a_connection_that_failed() -> None:
    with VoiceAgentClient(api_key="k", base_url="http://127.0.0.1:1") as client:
        with pytest.raises(sdk.ConnectionFailed, match="can't be reached"):
            await client.connect_voice("t").__aenter__()


async def test_a_connection_is_used_by_async_with_and_once(fake: Fake) -> None:
    server = await fake(idle)
    with VoiceAgentClient(api_key="k", base_url=server.url) as client:
        ws = client.connect_voice("t")
        with pytest.raises(RuntimeError, match="async with"):
            await ws.send_audio(b"\0\0")
        with pytest.raises(RuntimeError, match="async with"):
            _ = ws.session_id
        await ws.close()
        async with ws:
            with pytest.raises(RuntimeError, match="once"):
                await ws.__aenter__()


async def test_the_position_of_the_playback_is_told_if_it_was_asked_for(fake: Fake) -> None:
    server = await fake(drop, end)
    server.gate.clear()
    async with talk(server.url, events=["playback", "reconnected"]) as ws:
        await server.wait_starts(2)
        await ws.playback_position("reply_1", 100)  # dropped: the connection is away
        server.gate.set()
        async for message in ws:
            if message.type == "reconnected":
                break
        await ws.playback_position("reply_1", 840)
        await ws.end()
    position = {"response_id": "reply_1", "played_ms": 840}
    assert server.received[0] == {"type": "playback.position", "data": position}
    other = await fake(idle)
    async with talk(other.url) as ws:
        with pytest.raises(ValueError, match="events"):
            await ws.playback_position("reply_1", 840)


async def test_sound_never_runs_further_ahead_than_allowed(fake: Fake) -> None:
    server = await fake(end)
    loop = asyncio.get_running_loop()
    async with talk(server.url, max_ahead=1.0) as ws:
        began = loop.time()
        await ws.send_audio(bytes(32_000 * 2))
        assert 0.9 < loop.time() - began < 1.6
        await ws.end()
    sizes = [len(base64.b64decode(each["data"]["audio"])) for each in server.received[:-1]]
    assert sizes == [16_000] * 4


async def test_the_sound_of_two_calls_is_not_mixed(fake: Fake) -> None:
    server = await fake(end)
    async with talk(server.url) as ws:
        await asyncio.gather(ws.send_audio(b"\1\1" * 40_000), ws.send_audio(b"\2\2" * 40_000))
        await ws.end()
    assert sound_of(server.received) == b"\1\1" * 40_000 + b"\2\2" * 40_000


async def test_a_stream_that_goes_on_after_a_break_begins_with_its_head_again(fake: Fake) -> None:
    head = (
        b"RIFF\xff\xff\xff\xffWAVEfmt \x10\0\0\0\x01\0\x01\0\x80\x3e\0\0\0\x7d\0\0\x02\0\x10\0"
        b"data\xff\xff\xff\xff"
    )
    server = await fake(drop_after_sound, end)
    async with talk(server.url, events=["reconnected"]) as ws:
        await ws.send_audio(head + bytes(16_000), format="wav")
        async for message in ws:
            if message.type == "reconnected":
                break
        server.received.clear()
        await ws.send_audio(b"\1\1" * 8_000, format="wav")
        await ws.end()
    assert sound_of(server.received) == head + b"\1\1" * 8_000


def test_the_bounds_fit_together() -> None:
    from voice_agent import outbox, pacing

    assert outbox.MAX_MS / 1000 + 30 <= pacing.SERVER_BOUND - 5
    assert lifeline.MAX_UNREAD >= 16
