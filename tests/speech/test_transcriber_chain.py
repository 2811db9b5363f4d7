from __future__ import annotations

import asyncio
from collections.abc import Callable

import numpy as np
import pytest

from greenroom.audio.pcm import HEARING_RATE, Pcm, samples_of
from greenroom.errors import ProviderFailed
from greenroom.providers.usage import Usage
from greenroom.speech.ports import PartialListener, Transcript
from greenroom.speech.transcriber_chain import MAX_KEPT, TranscriberChain
from greenroom.testing import ManualClock

FRAME = samples_of(20)


class Stream:
    """Finishes as its engine's script says. `failure` may be set in mid-turn."""

    def __init__(self, engine: Engine, on_partial: PartialListener | None) -> None:
        self.engine, self.on_partial = engine, on_partial
        self.sound: list[Pcm] = []
        self.cancelled = 0
        self.failure: ProviderFailed | None = None
        self.feed_error: Exception | None = None

    def feed(self, pcm: Pcm) -> None:
        if self.feed_error is not None:
            raise self.feed_error
        self.sound.append(pcm)

    async def finish(self) -> Transcript:
        step = self.engine.next()
        if isinstance(step, asyncio.Event):
            await step.wait()
        if isinstance(step, Exception):
            raise step
        return Transcript(str(step), 0.8, final=True)

    def cancel(self) -> None:
        self.cancelled += 1
        if self.engine.cancel_error is not None:
            raise self.engine.cancel_error

    @property
    def heard(self) -> Pcm:
        return np.concatenate(self.sound) if self.sound else np.zeros(0, np.int16)


class Engine:
    def __init__(self, uri: str, *finals: str | Exception | asyncio.Event) -> None:
        self.uri = uri
        self.finals = list(finals) or ["hello there"]
        self.streams: list[Stream] = []
        self.open_errors: list[Exception] = []
        self.cancel_error: Exception | None = None
        self.closed = False

    def next(self) -> str | Exception | asyncio.Event:
        return self.finals.pop(0) if len(self.finals) > 1 else self.finals[0]

    def open(self, on_partial: PartialListener | None = None) -> Stream:
        if self.open_errors:
            raise self.open_errors.pop(0)
        self.streams.append(Stream(self, on_partial))
        return self.streams[-1]

    async def warm_up(self) -> None:
        pass

    async def close(self) -> None:
        self.closed = True


def down(uri: str = "cloud:", *, retryable: bool = False) -> ProviderFailed:
    return ProviderFailed(uri, "is down", retryable=retryable)


def speech(frames: int) -> list[Pcm]:
    noise = np.random.default_rng(frames)
    return [noise.integers(-9_000, 9_000, FRAME, np.int16) for _ in range(frames)]


def chain_of(clock: ManualClock, *engines: Engine, retries: int = 1) -> TranscriberChain:
    return TranscriberChain(engines, retries=retries, timeout=6, recovery_interval=20, clock=clock)


async def hear(chain: TranscriberChain, frames: int = 100) -> Transcript:
    stream = chain.open()
    for frame in speech(frames):
        stream.feed(frame)
    return await stream.finish()


async def until(ready: Callable[[], object]) -> None:
    for _ in range(1_000):
        if ready():
            return
        await asyncio.sleep(0)
    raise AssertionError("it never came to that")


async def test_the_first_member_hears_while_it_is_well() -> None:
    first, second = Engine("cloud:"), Engine("local:")
    chain = chain_of(ManualClock(), first, second)
    assert chain.uri == "cloud: → local:"
    assert await hear(chain) == Transcript("hello there", 0.8, final=True)
    assert (len(first.streams), len(second.streams)) == (1, 0)
    assert first.streams[0].cancelled


async def test_a_turn_that_fails_at_its_end_is_heard_whole_by_the_next() -> None:
    first, second = Engine("cloud:", down()), Engine("local:", "all of it")
    chain = chain_of(ManualClock(), first, second)
    assert (await hear(chain)).text == "all of it"
    assert np.array_equal(second.streams[0].heard, np.concatenate(speech(100)))
    assert first.streams[0].cancelled
    assert (await hear(chain)).text == "all of it"
    assert len(first.streams) == 1, "the first rests"


async def test_a_member_that_is_refused_at_opening_costs_nothing() -> None:
    first, second = Engine("cloud:"), Engine("local:")
    first.open_errors = [down()]
    assert (await hear(chain_of(ManualClock(), first, second))).text == "hello there"
    assert len(second.streams[0].sound) == 100, "it hears live"


async def test_a_failure_in_mid_turn_is_noticed_and_the_next_catches_up_at_once() -> None:
    first, second = Engine("cloud:"), Engine("local:", "every word")
    chain = chain_of(clock := ManualClock(), first, second)
    partials: list[str] = []
    stream = chain.open(lambda partial: partials.append(partial.text))
    frames = speech(100)
    for frame in frames[:60]:
        stream.feed(frame)
    clock.advance(1.2)
    lost = first.streams[0]
    assert lost.on_partial is not None
    lost.on_partial(Transcript("every", 0.5, final=False))
    lost.failure = down()
    for frame in frames[60:]:
        stream.feed(frame)
    heir = second.streams[0]
    assert len(heir.sound) == 2 + 39, "what was said comes in pieces of a second, the rest live"
    lost.on_partial(Transcript("too late", 0.5, final=False))
    assert heir.on_partial is not None
    heir.on_partial(Transcript("every word", 0.5, final=False))
    assert (await stream.finish()).text == "every word"
    assert np.array_equal(heir.heard, np.concatenate(frames))
    heir.on_partial(Transcript("after the end", 0.5, final=False))
    assert partials == ["every", "every word"]


async def test_a_member_that_raises_when_fed_is_left(caplog: pytest.LogCaptureFixture) -> None:
    first, second = Engine("cloud:"), Engine("local:", "all")
    chain = chain_of(ManualClock(), first, second, retries=0)
    stream = chain.open()
    stream.feed(speech(1)[0])
    first.streams[0].feed_error = BrokenPipeError()
    stream.feed(speech(1)[0])
    assert (await stream.finish()).text == "all"
    assert "failed unexpectedly" in caplog.text
    assert chain.snapshot()[0].why == "unexpected BrokenPipeError"


async def test_a_member_that_hangs_is_left_after_the_time_limit() -> None:
    first, second = Engine("cloud:", never := asyncio.Event()), Engine("local:", "in the end")
    chain = chain_of(clock := ManualClock(), first, second)
    task = asyncio.create_task(hear(chain))
    await until(lambda: clock.pending)
    clock.advance(5.9)
    await asyncio.sleep(0)
    assert not task.done()
    clock.advance(0.1)
    assert (await task).text == "in the end"
    assert chain.snapshot()[0].why == "no transcript within 6 s"
    assert (clock.pending, never.is_set()) == (0, False)


async def test_the_repeat_of_a_long_turn_has_more_time() -> None:
    gate = asyncio.Event()
    chain = chain_of(clock := ManualClock(), Engine("cloud:", down()), Engine("local:", gate))
    task = asyncio.create_task(hear(chain, frames=500))
    await until(lambda: clock.pending)
    clock.advance(10.9)
    await asyncio.sleep(0)
    assert not task.done(), "ten seconds of sound: five more"
    clock.advance(0.1)
    with pytest.raises(ProviderFailed, match="no transcript within 11 s"):
        await task


async def test_a_passing_failure_is_tried_again_at_the_same_member() -> None:
    first = Engine("cloud:", down(retryable=True), "second try")
    second = Engine("local:")
    chain = chain_of(clock := ManualClock(), first, second)
    stream = chain.open()
    stream.feed(speech(1)[0])
    clock.advance(30)
    assert (await stream.finish()).text == "second try", "the length of the turn does not count"
    assert second.streams == []
    assert np.array_equal(first.streams[1].heard, speech(1)[0])
    assert chain.snapshot()[0].well


async def test_a_retry_that_can_not_even_begin_goes_to_the_next() -> None:
    first, second = Engine("cloud:", down(retryable=True)), Engine("local:", "all")
    chain = chain_of(ManualClock(), first, second)
    stream = chain.open()
    stream.feed(speech(1)[0])
    first.open_errors = [ConnectionRefusedError()]
    assert (await stream.finish()).text == "all"
    assert chain.snapshot()[0].failures == 1


async def test_a_member_that_fails_while_it_catches_up_is_left_too() -> None:
    class Full(Engine):
        def open(self, on_partial: PartialListener | None = None) -> Stream:
            stream = super().open(on_partial)
            stream.feed_error = MemoryError()
            return stream

    chain = chain_of(ManualClock(), Engine("a:", down()), full := Full("b:"), Engine("c:", "all"))
    assert (await hear(chain)).text == "all"
    assert full.streams[0].cancelled


async def test_where_all_fail_the_error_names_each() -> None:
    chain = chain_of(ManualClock(), Engine("a:", down("a:")), Engine("b:", down("b:")))
    with pytest.raises(ProviderFailed, match="a:: is down; b:: is down"):
        await hear(chain)


async def test_where_none_can_open_the_turn_fails_in_the_end_and_not_in_the_sound() -> None:
    engine = Engine("a:")
    engine.open_errors = [down("a:")]
    stream = chain_of(ManualClock(), engine).open()
    stream.feed(speech(1)[0])
    with pytest.raises(ProviderFailed, match="a:: is down"):
        await stream.finish()


async def test_the_first_comes_back_with_a_real_turn_and_a_failed_trial_costs_no_word() -> None:
    passing = down(retryable=True)
    first = Engine("cloud:", passing, passing, "well again")
    local = Engine("local:", "by the other")
    chain = chain_of(clock := ManualClock(), first, local, retries=0)
    await hear(chain)
    clock.advance(20)
    assert (await hear(chain)).text == "by the other"
    assert len(first.streams) == 2
    clock.advance(40)
    assert (await hear(chain)).text == "well again"
    assert chain.snapshot()[0].serving


async def test_a_cough_leaves_the_trial_to_the_next_turn() -> None:
    first = Engine("cloud:", down(retryable=True), "well again")
    chain = chain_of(clock := ManualClock(), first, Engine("local:"), retries=0)
    await hear(chain)
    clock.advance(20)
    cough = chain.open()
    cough.feed(speech(1)[0])
    cough.cancel()
    cough.cancel()
    cough.feed(speech(1)[0])
    assert len(first.streams[1].sound) == 1
    assert (await hear(chain)).text == "well again"


async def test_a_finish_that_is_broken_off_frees_the_member() -> None:
    first = Engine("cloud:", asyncio.Event())
    chain = chain_of(clock := ManualClock(), first)
    task = asyncio.create_task(hear(chain))
    await until(lambda: clock.pending)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert first.streams[0].cancelled
    assert chain.snapshot()[0].well
    assert clock.pending == 0


async def test_a_member_that_can_not_end_a_turn_harms_nobody(
    caplog: pytest.LogCaptureFixture,
) -> None:
    first = Engine("cloud:")
    first.cancel_error = RuntimeError()
    assert (await hear(chain_of(ManualClock(), first))).text == "hello there"
    assert "could not end a turn" in caplog.text


async def test_each_member_s_use_is_told_also_of_failed_and_cancelled_turns() -> None:
    used: list[Usage] = []
    chain = chain_of(ManualClock(), Engine("cloud:", down()), Engine("local:"))
    view = chain.for_session(used.append)
    assert view.uri == chain.uri
    stream = view.open()
    for frame in speech(100):
        stream.feed(frame)
    await stream.finish()
    stream.cancel()
    cough = view.open()
    cough.feed(speech(1)[0])
    cough.cancel()
    view.open().cancel()
    assert used == [
        Usage("transcriber", "cloud:", audio_seconds=2.0),
        Usage("transcriber", "local:", audio_seconds=2.0),
        Usage("transcriber", "local:", audio_seconds=0.02),
    ]


async def test_a_session_s_view_does_not_close_the_chain() -> None:
    chain = chain_of(ManualClock(), engine := Engine("cloud:"))
    view = chain.for_session(lambda usage: None)
    await view.warm_up()
    await view.close()
    assert not engine.closed
    await chain.close()
    assert engine.closed


async def test_what_can_not_have_been_said_is_not_believed() -> None:
    chain = chain_of(ManualClock(), Engine("cloud:", "thank you for watching my channel " * 3))
    assert await hear(chain, frames=5) == Transcript("", 0.0, final=True)
    stream = chain.open()
    stream.feed(np.zeros(3 * HEARING_RATE, np.int16))
    assert (await stream.finish()).text == ""
    chain = chain_of(ManualClock(), Engine("cloud:", "I see. " * 9))
    assert await hear(chain) == Transcript("I see.", 0.8, final=True)


async def test_what_is_kept_of_a_turn_is_bounded() -> None:
    first, second = Engine("cloud:", down()), Engine("local:")
    stream = chain_of(ManualClock(), first, second).open()
    second_of_sound = np.ones(HEARING_RATE, np.int16)
    for _ in range(80):
        stream.feed(second_of_sound)
    stream.feed(second_of_sound[:0])
    await stream.finish()
    assert len(first.streams[0].heard) == 80 * HEARING_RATE
    assert len(second.streams[0].heard) == MAX_KEPT
