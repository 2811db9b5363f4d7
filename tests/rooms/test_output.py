"""An agent's voice in a room, as a conversation drives it."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from greenroom.audio.pcm import Pcm
from greenroom.rooms.errors import RoomIsClosed
from greenroom.rooms.output import LEAD, RoomOutput
from greenroom.testing.clock import ManualClock
from greenroom.testing.tracks import ScriptedAudioTrack

RATE = 16_000


def tone(ms: int, rate: int = RATE) -> Pcm:
    return np.full(ms * rate // 1000, 1_000, np.int16)


class Voice:
    def __init__(self) -> None:
        self.clock = ManualClock()
        self.began: list[str] = []
        self.track = ScriptedAudioTrack("TR_1", RATE, self.clock, delay_ms=60, room="room")
        self.output = RoomOutput(self.track, self.clock, self.began.append)


def test_a_reply_is_counted_from_its_own_beginning() -> None:
    voice = Voice()
    for number in (1, 2):
        voice.output.begin(f"r{number}", "t", RATE)
        voice.output.write(f"r{number}", 0, tone(200), last=True)
        voice.output.end(f"r{number}")
        assert voice.output.played_ms() == 0
        voice.clock.advance(0.16)
        assert voice.output.played_ms() == pytest.approx(100, abs=21)
        voice.clock.advance(0.5)
        assert voice.output.played_ms() == pytest.approx(200)
    assert voice.began == ["r1", "r2"]


def test_a_flush_counts_what_has_left_and_is_silent() -> None:
    voice = Voice()
    voice.output.begin("r", "t", RATE)
    voice.output.write("r", 0, tone(1_000), last=True)
    voice.clock.advance(0.3)
    assert voice.output.flush() == pytest.approx(300, abs=21)
    left = len(voice.track.played)
    voice.clock.advance(1)
    assert len(voice.track.played) == left
    voice.output.write("r", 1, tone(100), last=True)
    voice.clock.advance(1)
    assert len(voice.track.played) == left


def test_a_hold_keeps_what_has_not_left() -> None:
    voice = Voice()
    voice.output.begin("r", "t", RATE)
    voice.output.pause()
    voice.output.write("r", 0, tone(200), last=True)
    assert voice.output.first_times() == (None, None)
    voice.clock.advance(1)
    assert voice.output.played_ms() == 0
    voice.output.resume()
    sent, heard = voice.output.first_times()
    assert sent == voice.clock.time()
    assert heard is not None
    voice.clock.advance(0.3)
    assert voice.output.played_ms() == pytest.approx(200)


def test_a_reply_of_another_rate_is_resampled_to_its_end() -> None:
    voice = Voice()
    voice.output.begin("r", "t", 24_000)
    voice.output.write("r", 0, tone(500, 24_000), last=True)
    voice.output.end("r")
    assert len(voice.track.pcm) == pytest.approx(8_000, abs=8)


async def test_waiting_ends_when_all_but_so_much_was_heard() -> None:
    voice = Voice()
    voice.output.begin("r", "t", RATE)
    voice.output.write("r", 0, tone(400), last=True)
    waiting = asyncio.create_task(voice.output.wait_until_ahead(0))
    for _ in range(44):
        await asyncio.sleep(0)
        assert not waiting.done()
        voice.clock.advance(0.01)
    for _ in range(10):
        voice.clock.advance(0.01)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    async with asyncio.timeout(1):
        await waiting
    assert voice.output.played_ms() == pytest.approx(400)


async def test_waiting_in_a_room_that_is_gone_ends_by_the_cut_alone() -> None:
    voice = Voice()
    voice.output.begin("r", "t", RATE)
    voice.output.write("r", 0, tone(400), last=True)
    waiting = asyncio.create_task(voice.output.wait_until_ahead(0))
    await asyncio.sleep(0)
    voice.track.end()
    for _ in range(5):
        await asyncio.sleep(0)
    assert not waiting.done()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_a_reply_to_who_has_just_begun_to_receive_follows_on_a_short_silence() -> None:
    voice = Voice()
    assert await voice.output.wait_until_received(2.0)
    voice.clock.advance(0.02)
    left = LEAD - 0.02
    voice.output.begin("r", "t", RATE)
    voice.output.write("r", 0, tone(200), last=True)
    sent, _ = voice.output.first_times()
    assert sent == pytest.approx(voice.clock.time() + left)
    voice.clock.advance(left + 0.06)
    assert voice.output.played_ms() == pytest.approx(0, abs=0.1)
    voice.clock.advance(0.1)
    assert voice.output.played_ms() == pytest.approx(100, abs=0.1)
    assert voice.output.flush() == pytest.approx(160, abs=0.1)
    silent = round(left * RATE)
    played = voice.track.played
    assert not played[:silent].any()
    assert played[silent:].all()

    voice.output.begin("later", "t", RATE)
    voice.output.write("later", 0, tone(20), last=True)
    assert voice.output.first_times()[0] == voice.clock.time()
    voice.clock.advance(1)
    assert len(voice.track.played) == len(played) + 20 * RATE // 1000


async def test_a_voice_that_nobody_takes_is_waited_for_so_long() -> None:
    voice = Voice()
    voice.track.received = False
    waiting = asyncio.create_task(voice.output.wait_until_received(2.0))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert voice.clock.pending == 1
    voice.clock.advance(2.0)
    assert not await waiting
    waiting = asyncio.create_task(voice.output.wait_until_received(2.0))
    await asyncio.sleep(0)
    voice.track.end()
    with pytest.raises(RoomIsClosed):
        await waiting
    assert voice.clock.pending == 0
