"""The agent's voice as messages, without a network: a writer that is run by hand."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import pytest

from greenroom.api.commerce import output as output_module
from greenroom.api.commerce.output import SocketOutput
from greenroom.api.socket_writer import Outgoing, Writer
from greenroom.audio.pcm import EMPTY
from greenroom.testing import ManualClock
from support.commerce import tone

RATE = 24_000


class Line:
    """A client that takes messages while it is told to."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.failed: list[str] = []
        self.clock = ManualClock()
        self.reads = asyncio.Event()
        self.reads.set()
        self.arrived = asyncio.Event()

    async def send(self, message: Any) -> None:
        await self.reads.wait()
        self.messages.append(json.loads(message["text"]))
        self.arrived.set()

    async def wait_for(self, count: int) -> list[dict[str, Any]]:
        async with asyncio.timeout(5):
            while len(self.messages) < count:
                self.arrived.clear()
                await self.arrived.wait()
        return self.messages


@asynccontextmanager
async def speaking(line: Line, **options: Any) -> AsyncIterator[SocketOutput]:
    writer = Writer(line.send, line.failed.append)
    task = asyncio.create_task(writer.run())
    output = SocketOutput(writer, line.clock, **options)
    try:
        yield output
    finally:
        await output.close()
        writer.finish()
        line.reads.set()
        await asyncio.wait_for(task, 5)


def say(output: SocketOutput, reply: str, *lengths_ms: float) -> None:
    for number, ms in enumerate(lengths_ms):
        half = len(tone(ms, RATE)) // 2
        output.write(reply, number, tone(ms, RATE)[:half], last=False)
        output.write(reply, number, tone(ms, RATE)[half:], last=False)
        output.write(reply, number, EMPTY, last=True)


async def test_each_sentence_is_one_file_in_order() -> None:
    line = Line()
    async with speaking(line) as output:
        output.begin("r1", "t1", RATE)
        say(output, "r1", 300, 100, 200)
        messages = await line.wait_for(3)
    assert [m["data"]["duration_ms"] for m in messages] == [300, 100, 200]
    assert {m["type"] for m in messages} == {"audio.output"}


async def test_the_listener_is_taken_to_hear_what_was_sent() -> None:
    line = Line()
    async with speaking(line, pcm_rate=RATE) as output:
        output.begin("r1", "t1", RATE)
        assert output.first_times() == (None, None)
        say(output, "r1", 1_000)
        await line.wait_for(2)
        assert output.first_times() == (line.clock.time(), line.clock.time())
        line.clock.advance(0.25)
        assert output.played_ms() == pytest.approx(250)
        output.report("r1", 400)
        assert output.played_ms() == pytest.approx(400)
        output.report("another", 900)
        output.report(None, 450)
        assert output.flush() == pytest.approx(450)


async def test_a_flush_drops_what_was_not_sent_even_what_is_being_encoded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    encoding, go_on = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def encode(pcm: Any, rate: int) -> bytes:
        loop.call_soon_threadsafe(encoding.set)
        asyncio.run_coroutine_threadsafe(go_on.wait(), loop).result(5)
        return b"mp3"

    monkeypatch.setattr(output_module, "encode_mp3", encode)
    line = Line()
    async with speaking(line) as output:
        output.begin("r1", "t1", RATE)
        say(output, "r1", 300, 100)
        await asyncio.wait_for(encoding.wait(), 5)
        assert output.flush() == 0
        output.write("r1", 2, tone(100, RATE), last=True)
        output.begin("r2", "t2", RATE)
        say(output, "r2", 700)
        go_on.set()
        messages = await line.wait_for(1)
    assert [m["data"]["duration_ms"] for m in messages] == [700]


async def test_a_flush_takes_back_what_the_writer_has_not_sent() -> None:
    line = Line()
    line.reads.clear()
    async with speaking(line, pcm_rate=RATE) as output:
        output.begin("r1", "t1", RATE)
        say(output, "r1", 200, 200, 200)
        await asyncio.sleep(0)  # the first message is with the client's full window
        output.flush()
        line.reads.set()
        await line.wait_for(1)
    assert len(line.messages) == 1


async def test_a_pause_holds_and_a_resume_goes_on_in_order() -> None:
    line = Line()
    async with speaking(line, pcm_rate=RATE, playback=True, named=True) as output:
        output.begin("r1", "t1", RATE)
        output.pause()
        say(output, "r1", 100, 200)
        await asyncio.sleep(0)
        assert line.messages == []
        output.resume()
        output.pause()
        output.resume()
        messages = await line.wait_for(5)
        assert messages[0]["data"] == {"response_id": "r1", "state": "started", "played_ms": 0}
        assert [m["data"]["duration_ms"] for m in messages[1:]] == [50, 50, 100, 100]
        assert {m["data"]["response_id"] for m in messages} == {"r1"}


async def test_a_pause_while_a_sentence_is_encoded_holds_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    line = Line()
    async with speaking(line) as output:
        output.begin("r1", "t1", RATE)
        say(output, "r1", 300, 100)
        output.pause()
        task = output._task
        assert task is not None
        await asyncio.wait_for(asyncio.shield(task), 5)
        await asyncio.sleep(0)
        assert line.messages == []
        output.resume()
        messages = await line.wait_for(2)
        assert [m["data"]["duration_ms"] for m in messages] == [300, 100]


@pytest.mark.parametrize("rate", [8_000, 16_000, 48_000])
async def test_small_chunks_at_another_rate_lose_nothing(rate: int) -> None:
    line = Line()
    async with speaking(line, pcm_rate=rate) as output:
        output.begin("r1", "t1", RATE)
        sound = tone(1_000, RATE)
        for at in range(0, len(sound), 240):
            output.write("r1", 0, sound[at : at + 240], last=False)
        output.write("r1", 0, EMPTY, last=True)
        async with asyncio.timeout(5):
            while output._playout._sent < 999.9:
                line.arrived.clear()
                await line.arrived.wait()
    sent = b"".join(base64.b64decode(m["data"]["audio"]) for m in line.messages)
    samples = np.frombuffer(sent, "<i2")
    assert len(samples) == rate
    assert 5_000 < np.abs(samples[rate // 10 : -rate // 10].astype(np.int32)).mean() < 5_300
    assert sum(m["data"]["duration_ms"] for m in line.messages) == pytest.approx(1_000, abs=60)


async def test_a_long_chunk_is_resampled_in_a_thread() -> None:
    line = Line()
    async with speaking(line, pcm_rate=16_000) as output:
        output.begin("r1", "t1", RATE)
        output.write("r1", 0, tone(2_000, RATE), last=False)
        assert output._task is not None
        output.write("r1", 0, EMPTY, last=True)
        messages = await line.wait_for(2)
    assert sum(m["data"]["duration_ms"] for m in messages) == pytest.approx(2_000, abs=1)


async def test_a_sentence_that_cannot_be_encoded_does_not_stick(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(pcm: Any, rate: int) -> bytes:
        raise RuntimeError("no encoder")

    monkeypatch.setattr(output_module, "encode_mp3", broken)
    line = Line()
    async with speaking(line) as output:
        output.begin("r1", "t1", RATE)
        say(output, "r1", 300)
        output.end("r1")
        waiting = asyncio.create_task(output.wait_until_ahead(0))
        assert output._task is not None
        await asyncio.wait_for(asyncio.shield(output._task), 5)
        line.clock.advance(0.3)
        await asyncio.wait_for(waiting, 5)
    assert "no encoder" in caplog.text


# -- the writer ------------------------------------------------------------------------------------


async def test_a_reader_that_is_too_slow_is_given_up() -> None:
    line = Line()
    line.reads.clear()
    writer = Writer(line.send, line.failed.append, max_messages=3)
    task = asyncio.create_task(writer.run())
    await asyncio.sleep(0)
    for _ in range(5):
        writer.put(Outgoing("{}"))
    assert line.failed == ["slow reader: too much waits to be sent"]
    line.reads.set()
    await asyncio.wait_for(task, 5)


async def test_large_messages_count_by_their_size() -> None:
    line = Line()
    writer = Writer(line.send, line.failed.append, max_size=1_000)
    writer.put(Outgoing("x" * 600))
    assert line.failed == []
    writer.put(Outgoing("x" * 600))
    assert len(line.failed) == 1
    await asyncio.wait_for(writer.run(), 5)


@pytest.mark.parametrize("fault", ["hangs", "gone"])
async def test_a_client_that_takes_nothing_ends_the_writer(fault: str) -> None:
    failed: list[str] = []

    async def send(message: Any) -> None:
        if fault == "gone":
            raise OSError
        await asyncio.Event().wait()

    writer = Writer(send, failed.append, send_timeout=0.05)
    writer.put(Outgoing("{}"))
    writer.put(Outgoing("{}"))
    await asyncio.wait_for(writer.run(), 5)
    expected = "the client has gone" if fault == "gone" else "slow reader: a message was not taken"
    assert len(failed) == 1
    assert failed[0].startswith(expected)


async def test_what_waits_is_sent_before_the_writer_finishes() -> None:
    line = Line()
    writer = Writer(line.send, line.failed.append)
    sent: list[int] = []
    on_sent: list[Callable[[], None]] = [lambda number=n: sent.append(number) for n in range(3)]  # type: ignore[misc]
    for each in on_sent:
        writer.put(Outgoing('{"a": 1}', on_sent=each))
    writer.finish()
    writer.put(Outgoing("{}"))
    await asyncio.wait_for(writer.run(), 5)
    assert len(line.messages) == 3
    assert sent == [0, 1, 2]
