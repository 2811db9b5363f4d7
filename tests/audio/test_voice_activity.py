from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from audio.sounds import REFERENCE
from greenroom.audio import voice_activity
from greenroom.audio.pcm import Pcm
from greenroom.audio.silero import WINDOW
from greenroom.audio.voice_activity import VoiceActivity
from greenroom.audio.voice_stream import VoiceStream
from greenroom.errors import CapacityExceeded

ONE = np.zeros(WINDOW, np.int16)


@pytest.fixture
async def detector() -> AsyncIterator[VoiceActivity]:
    detector = VoiceActivity(tick_ms=1, max_streams=4)
    yield detector
    await detector.close()
    assert not detector._thread.is_alive()


class Ear:
    """Collects what one stream is told; `heard(n)` waits for n windows."""

    def __init__(self, detector: VoiceActivity) -> None:
        self.told: list[tuple[float, int]] = []
        self._changed = asyncio.Event()
        self.stream: VoiceStream = detector.open(self._hear)

    def _hear(self, probability: float, end: int) -> None:
        self.told.append((probability, end))
        self._changed.set()

    def nearly(self, probabilities: npt.NDArray[np.float32]) -> bool:
        told = np.array([probability for probability, _ in self.told])
        return bool(np.abs(told - probabilities).max() < 1e-4)

    async def heard(self, windows: int) -> None:
        async with asyncio.timeout(10):
            while len(self.told) < windows:
                self._changed.clear()
                await self._changed.wait()


class Gate:
    """Stands before the model's run: counts, and holds it while shut."""

    def __init__(self, detector: VoiceActivity, monkeypatch: pytest.MonkeyPatch) -> None:
        self._run = detector._model.run
        self._open = threading.Event()
        self._entered = threading.Semaphore(0)
        self.batches: list[int] = []
        self.error: Exception | None = None
        self._open.set()
        monkeypatch.setattr(detector._model, "run", self._pass)

    def _pass(self, rows: int) -> None:
        self.batches.append(rows)
        self._entered.release()
        assert self._open.wait(10)
        if self.error is not None:
            raise self.error
        self._run(rows)

    def shut(self) -> None:
        self._open.clear()

    def open(self) -> None:
        self._open.set()

    async def entered(self) -> None:
        """A batch is in the model's run."""
        assert await asyncio.to_thread(self._entered.acquire, timeout=10)


async def turns(count: int = 20) -> None:
    """Let the loop run what is due."""
    for _ in range(count):
        await asyncio.sleep(0)


async def test_every_stream_hears_of_its_own_sound_however_it_is_cut(
    detector: VoiceActivity,
) -> None:
    sound: Pcm = REFERENCE["pcm"]
    lengths = (160, 153, 120)
    ears = [Ear(detector) for _ in lengths]
    rng = np.random.default_rng(2)
    cuts = [
        np.split(sound[: n * WINDOW], np.sort(rng.integers(1, n * WINDOW, 200))) for n in lengths
    ]
    for step in range(201):
        for ear, cut in zip(ears, cuts, strict=True):
            ear.stream.feed(cut[step])
        if step % 10 == 0:
            await asyncio.sleep(0)
    for ear, n in zip(ears, lengths, strict=True):
        await ear.heard(n)
        assert [end for _, end in ear.told] == [WINDOW * (i + 1) for i in range(n)]
        assert ear.nearly(REFERENCE["probabilities"][:n])


async def test_a_stream_in_a_used_place_begins_afresh(detector: VoiceActivity) -> None:
    first = Ear(detector)
    first.stream.feed(REFERENCE["pcm"][: 40 * WINDOW])
    await first.heard(40)
    first.stream.close()
    second = Ear(detector)
    assert second.stream.slot == first.stream.slot
    second.stream.feed(REFERENCE["pcm"][: 40 * WINDOW])
    await second.heard(40)
    assert np.abs(np.array(second.told) - np.array(first.told)).max() < 1e-6


async def test_windows_that_come_together_are_one_batch(
    detector: VoiceActivity, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(detector, monkeypatch)
    ears = [Ear(detector) for _ in range(4)]
    for ear in ears:
        ear.stream.feed(ONE)
    for ear in ears:
        await ear.heard(1)
    assert gate.batches == [4]


async def test_batches_begin_a_tick_apart_in_real_time_and_back_to_back_behind_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    detector = VoiceActivity(tick_ms=400, max_streams=2)
    gate = Gate(detector, monkeypatch)
    ears = [Ear(detector), Ear(detector)]
    loop = asyncio.get_running_loop()
    began = loop.time()
    ears[0].stream.feed(ONE)
    await ears[0].heard(1)
    assert loop.time() - began < 0.35, "the first window waits for no tick"
    ears[1].stream.feed(ONE)
    await ears[1].heard(1)
    assert loop.time() - began >= 0.3
    began = loop.time()
    ears[0].stream.feed(np.zeros(WINDOW * 40, np.int16))
    await ears[0].heard(41)
    assert loop.time() - began < 8, "40 windows of a backlog don't take 40 ticks"
    assert gate.batches == [1] * 42
    await detector.close()


async def test_nothing_wakes_up_without_sound(
    detector: VoiceActivity, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(detector, monkeypatch)
    ear = Ear(detector)
    ear.stream.feed(ONE[:-1])
    await turns()
    assert detector._timer is None
    ear.stream.feed(ONE[:1])
    await ear.heard(1)
    assert detector._timer is None
    assert gate.batches == [1]


async def test_sound_that_comes_during_a_batch_is_kept_in_order(
    detector: VoiceActivity, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(detector, monkeypatch)
    gate.shut()
    ear = Ear(detector)
    sound: Pcm = REFERENCE["pcm"][: 20 * WINDOW]
    buffer = np.empty(320, np.int16)
    for start in range(0, len(sound), 320):
        buffer[:] = sound[start : start + 320]
        ear.stream.feed(buffer)  # the same array again and again: what is kept is a copy
        await turns(2)
    await gate.entered()
    gate.open()
    await ear.heard(20)
    assert ear.nearly(REFERENCE["probabilities"][:20])


async def test_a_stream_closed_during_its_batch_hears_nothing_and_keeps_its_place_till_then(
    detector: VoiceActivity, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(detector, monkeypatch)
    gate.shut()
    ear = Ear(detector)
    ear.stream.feed(np.zeros(3 * WINDOW, np.int16))
    await gate.entered()
    ear.stream.close()
    ear.stream.close()
    ear.stream.feed(ONE)
    other = Ear(detector)
    assert other.stream.slot != ear.stream.slot
    gate.open()
    other.stream.feed(ONE)
    await other.heard(1)
    assert ear.told == []
    other.stream.close()
    assert {Ear(detector).stream.slot for _ in range(4)} == {0, 1, 2, 3}


async def test_a_stream_closed_before_its_batch_is_left_out(
    detector: VoiceActivity, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(detector, monkeypatch)
    ears = [Ear(detector), Ear(detector)]
    for ear in ears:
        ear.stream.feed(ONE)
    ears[0].stream.close()
    await ears[1].heard(1)
    assert ears[0].told == []
    lonely = Ear(detector)
    lonely.stream.feed(ONE)
    lonely.stream.close()
    await asyncio.sleep(0.01)
    assert gate.batches == [1]


async def test_a_callback_may_close_any_stream_of_the_batch(detector: VoiceActivity) -> None:
    streams: list[VoiceStream] = []
    told: list[str] = []

    def close_all(name: str) -> Callable[[float, int], None]:
        def hear(probability: float, end: int) -> None:
            told.append(name)
            for stream in streams:
                stream.close()
            done.set()

        return hear

    done = asyncio.Event()
    streams += [detector.open(close_all(name)) for name in "abc"]
    for stream in streams:
        stream.feed(ONE)
    async with asyncio.timeout(5):
        await done.wait()
    await turns()
    assert told == ["a"]
    assert len(detector._free) == 4


async def test_a_callback_that_fails_takes_nothing_from_the_others(
    detector: VoiceActivity,
) -> None:
    reported: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context))

    def fail(probability: float, end: int) -> None:
        raise LookupError("a bug")

    bad = detector.open(fail)
    good = Ear(detector)
    bad.feed(ONE)
    good.stream.feed(ONE)
    await good.heard(1)
    assert isinstance(reported[0]["exception"], LookupError)


async def test_a_model_that_fails_is_silence_logged_once_until_it_works_again(
    detector: VoiceActivity, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    gate = Gate(detector, monkeypatch)
    gate.error = RuntimeError("out of memory")
    ear = Ear(detector)
    with caplog.at_level(logging.ERROR):
        ear.stream.feed(REFERENCE["pcm"][: 30 * WINDOW])
        await ear.heard(30)
    assert [p for p, _ in ear.told] == [0.0] * 30
    assert len(caplog.records) == 1
    assert detector.failing

    gate.error = None
    ear.stream.feed(REFERENCE["pcm"][: 30 * WINDOW])
    await ear.heard(60)
    assert not detector.failing
    assert max(p for p, _ in ear.told[30:]) > 0.9


async def test_more_streams_than_places_are_refused(detector: VoiceActivity) -> None:
    ears = [Ear(detector) for _ in range(4)]
    with pytest.raises(CapacityExceeded) as caught:
        Ear(detector)
    assert caught.value.limit == 4
    ears[2].stream.close()
    Ear(detector)


async def test_closing_ends_the_thread_and_every_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    detector = VoiceActivity(tick_ms=10_000, max_streams=2)
    gate = Gate(detector, monkeypatch)
    gate.shut()
    ears = [Ear(detector), Ear(detector)]
    ears[0].stream.feed(np.zeros(5 * WINDOW, np.int16))
    await gate.entered()
    ears[1].stream.feed(ONE)
    closing = [asyncio.create_task(detector.close()) for _ in range(2)]
    await turns()
    gate.open()
    async with asyncio.timeout(5):
        await asyncio.gather(*closing)
        await detector.close()
    assert not detector._thread.is_alive()
    assert ears[0].told == ears[1].told == []
    ears[0].stream.feed(ONE)
    with pytest.raises(RuntimeError, match="closed"):
        Ear(detector)


async def test_closing_while_a_tick_is_awaited_ends_it() -> None:
    detector = VoiceActivity(tick_ms=10_000)
    ear = Ear(detector)
    ear.stream.feed(ONE)
    await ear.heard(1)
    ear.stream.feed(ONE)
    assert detector._timer is not None
    async with asyncio.timeout(5):
        await detector.close()
    assert len(ear.told) == 1


def test_the_thread_ends_where_the_loop_went_away(monkeypatch: pytest.MonkeyPatch) -> None:
    detector = VoiceActivity(tick_ms=1)
    gate = Gate(detector, monkeypatch)
    gate.shut()

    async def leave() -> None:
        detector.open(lambda probability, end: None).feed(ONE)
        await gate.entered()

    asyncio.run(leave())
    gate.open()
    detector._thread.join(5)
    assert not detector._thread.is_alive()


def test_a_model_that_can_not_be_loaded_is_said_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_streams: int) -> None:
        raise FileNotFoundError("no model")

    monkeypatch.setattr(voice_activity, "SileroModel", missing)
    with pytest.raises(FileNotFoundError, match="no model"):
        VoiceActivity()
