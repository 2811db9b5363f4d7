from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import numpy as np
import pytest

from greenroom.errors import InvalidInput, ProviderFailed
from greenroom.providers.usage import Usage
from greenroom.speech.ports import SpeechChunk, Synthesizer
from greenroom.speech.synthesizer_chain import SynthesizerChain
from greenroom.testing import ManualClock

TEXT = "I have two pairs of shoes"
WORDS = ((0, 0), (2, 100), (7, 400), (11, 600), (17, 1_000), (20, 1_100))
"""At 1,000 Hz, so that a sample is a millisecond."""


def sound(samples: int, level: int = 1_000) -> np.ndarray[Any, np.dtype[np.int16]]:
    return np.full(samples, level, np.int16)


def spoken(samples: int, *words: tuple[int, int]) -> SpeechChunk:
    return SpeechChunk(sound(samples), words)


class Engine:
    """Speaks its script: each utterance is a list of chunks, exceptions and events to wait for."""

    def __init__(self, uri: str, *utterances: list[object], rate: int = 1_000) -> None:
        self.uri, self.rate = uri, rate
        self.utterances = list(utterances) or [[spoken(500)]]
        self.asked: list[tuple[str, str]] = []
        self.ended = 0
        self.closed = False

    async def speak(self, text: str, voice: str) -> AsyncGenerator[SpeechChunk]:
        self.asked.append((text, voice))
        steps = self.utterances.pop(0) if len(self.utterances) > 1 else self.utterances[0]
        try:
            for step in steps:
                if isinstance(step, asyncio.Event):
                    await step.wait()
                elif isinstance(step, Exception):
                    raise step
                else:
                    yield step  # type: ignore[misc]
        finally:
            self.ended += 1

    async def warm_up(self) -> None:
        self.rate = self.rate or 1_000

    async def close(self) -> None:
        self.closed = True


def down(uri: str = "cloud:", *, retryable: bool = False) -> ProviderFailed:
    return ProviderFailed(uri, "is down", retryable=retryable)


def chain_of(clock: ManualClock, *engines: Engine, retries: int = 1) -> SynthesizerChain:
    return SynthesizerChain(
        engines, retries=retries, first_audio_timeout=4, recovery_interval=20, clock=clock
    )


async def say(synthesizer: Synthesizer, text: str = TEXT, voice: str = "Ashley") -> SpeechChunk:
    """The whole utterance as one chunk."""
    chunks = [chunk async for chunk in synthesizer.speak(text, voice)]
    pcm = np.concatenate([np.zeros(0, np.int16), *(chunk.pcm for chunk in chunks)])
    return SpeechChunk(pcm, tuple(word for chunk in chunks for word in chunk.words))


async def until_pending(clock: ManualClock) -> None:
    for _ in range(1_000):
        if clock.pending:
            return
        await asyncio.sleep(0)
    raise AssertionError("nobody waits")


async def test_the_first_member_speaks_while_it_is_well() -> None:
    first, second = (
        Engine("cloud:", [spoken(300, *WORDS[:3]), spoken(900, *WORDS[3:])]),
        Engine("b:"),
    )
    chain = chain_of(ManualClock(), first, second)
    assert (chain.uri, chain.rate) == ("cloud: → b:", 1_000)
    whole = await say(chain)
    assert (len(whole.pcm), whole.words) == (1_200, WORDS)
    assert first.asked == [(TEXT, "Ashley")]
    assert second.asked == []


async def test_a_failure_before_the_first_sound_is_not_heard() -> None:
    first, second = Engine("cloud:", [down()]), Engine("local:")
    chain = chain_of(ManualClock(), first, second)
    assert len((await say(chain)).pcm) == 500
    assert second.asked == [(TEXT, "Ashley")]
    await say(chain)
    assert len(first.asked) == 1, "it rests"


async def test_a_passing_failure_is_tried_again_at_the_same_member() -> None:
    first, second = Engine("cloud:", [down(retryable=True)], [spoken(100)]), Engine("local:")
    chain = chain_of(ManualClock(), first, second)
    assert len((await say(chain)).pcm) == 100
    assert (len(first.asked), second.asked) == (2, [])
    assert chain.snapshot()[0].well


@pytest.mark.parametrize("before", [[], [SpeechChunk(np.zeros(0, np.int16))]])
async def test_a_member_that_gives_no_sound_in_time_is_left(before: list[object]) -> None:
    first, second = Engine("cloud:", [*before, asyncio.Event()]), Engine("local:")
    chain = chain_of(clock := ManualClock(), first, second)
    task = asyncio.create_task(say(chain))
    await until_pending(clock)
    clock.advance(3.9)
    await asyncio.sleep(0)
    assert not task.done()
    clock.advance(0.1)
    assert len((await task).pcm) == 500
    assert chain.snapshot()[0].why == "no sound within 4 s"
    assert (first.ended, clock.pending) == (1, 0)


async def test_in_mid_sentence_the_next_goes_on_from_the_word_that_broke_off(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    first = Engine("cloud:", [spoken(400, *WORDS[:3]), spoken(400, *WORDS[3:5]), down()])
    second = Engine("local:", [spoken(700, (0, 0), (6, 350), (9, 450))])
    whole = await say(chain_of(ManualClock(), first, second))
    assert second.asked == [("pairs of shoes", "Ashley")]
    assert len(whole.pcm) == 800 + 700
    assert whole.words == (*WORDS[:5], (11, 800), (17, 1_150), (20, 1_250))
    assert "broke off in mid-sentence" in caplog.text


async def test_a_member_that_stalls_in_mid_sentence_is_left_too() -> None:
    first = Engine("cloud:", [spoken(1_000, *WORDS), asyncio.Event()])
    chain = chain_of(clock := ManualClock(), first, second := Engine("local:"))
    task = asyncio.create_task(say(chain))
    await until_pending(clock)
    clock.advance(4)
    await task
    assert second.asked == [("of shoes", "Ashley")]


async def test_what_breaks_off_after_the_last_word_is_whole() -> None:
    first = Engine("cloud:", [spoken(3_000, *WORDS), down()])
    chain = chain_of(ManualClock(), first, second := Engine("local:"))
    assert len((await say(chain)).pcm) == 3_000
    assert second.asked == []


async def test_what_breaks_off_without_the_times_of_words_is_never_begun_anew() -> None:
    first = Engine("cloud:", [spoken(500), down()])
    chain = chain_of(ManualClock(), first, second := Engine("local:"))
    with pytest.raises(ProviderFailed, match="cloud:: is down"):
        await say(chain)
    assert second.asked == []
    await say(chain)
    assert second.asked == [(TEXT, "Ashley")], "the next sentence is the other's"


async def test_a_member_of_another_rate_is_resampled_and_its_words_with_it() -> None:
    first = Engine("cloud:", [down()], rate=24_000)
    second = Engine("local:", [spoken(16_000, (0, 0), (2, 1_600)), spoken(3)], rate=16_000)
    used: list[Usage] = []
    whole = await say(chain_of(ManualClock(), first, second).for_session(used.append))
    assert len(whole.pcm) == pytest.approx(24_000, abs=30)
    assert whole.words == ((0, 0), (2, 2_400))
    assert abs(int(np.median(whole.pcm)) - 1_000) < 20
    assert used[1].audio_seconds == pytest.approx(16_003 / 16_000)


@pytest.mark.parametrize(
    ("pcm", "kind"),
    [
        (np.full(10, np.nan, np.float32), "float32 of 1 dimensions"),
        (np.zeros((10, 2), np.int16), "int16 of 2 dimensions"),
        (b"\\x00\\x01\\x02", "bytes"),
    ],
)
async def test_what_is_no_sound_is_a_failure(pcm: Any, kind: str) -> None:
    first, second = Engine("cloud:", [SpeechChunk(pcm)]), Engine("local:")
    chain = chain_of(ManualClock(), first, second)
    assert len((await say(chain)).pcm) == 500
    assert kind in chain.snapshot()[0].why


async def test_a_text_with_letters_must_sound() -> None:
    chain = chain_of(ManualClock(), Engine("cloud:", []), second := Engine("local:"), retries=0)
    assert len((await say(chain, "Hello")).pcm) == 500
    assert chain.snapshot()[0].why == "gave no sound"
    chain = chain_of(ManualClock(), Engine("cloud:", []), second)
    assert len((await say(chain, "…")).pcm) == 0
    assert chain.snapshot()[0].well


async def test_a_member_that_speaks_without_end_is_stopped() -> None:
    first = Engine("cloud:", [spoken(10_000, (0, 0)) for _ in range(30)])
    chain = chain_of(ManualClock(), first, second := Engine("local:"))
    assert len((await say(chain, "Hello")).pcm) == 60_000
    assert (first.ended, second.asked) == (1, [])
    assert chain.snapshot()[0].why == "speaks without end"


async def test_a_defect_of_a_member_is_a_failure(caplog: pytest.LogCaptureFixture) -> None:
    chain = chain_of(ManualClock(), Engine("cloud:", [KeyError("x")]), Engine("local:"), retries=0)
    assert len((await say(chain)).pcm) == 500
    assert chain.snapshot()[0].why == "unexpected KeyError"
    assert "failed unexpectedly" in caplog.text


async def test_where_all_fail_the_error_names_each() -> None:
    chain = chain_of(ManualClock(), Engine("a:", [down("a:")]), Engine("b:", [down("b:")]))
    with pytest.raises(ProviderFailed, match="a:: is down; b:: is down"):
        await say(chain)


async def test_a_voice_that_the_first_does_not_have_is_the_client_s_error() -> None:
    used: list[Usage] = []
    no_voice = InvalidInput("voice", "no voice 'x'")
    chain = chain_of(ManualClock(), Engine("cloud:", [no_voice]), second := Engine("local:"))
    with pytest.raises(InvalidInput):
        await say(chain.for_session(used.append), voice="x")
    assert (second.asked, used) == ([], [])
    assert chain.snapshot()[0].well


async def test_a_voice_of_the_first_s_own_does_not_leave_the_fallback_dumb() -> None:
    no_voice = InvalidInput("voice", "no voice 'alloy'")
    second = Engine("local:", [no_voice], [spoken(70)])
    chain = chain_of(ManualClock(), Engine("cloud:", [down()]), second)
    assert len((await say(chain, voice="alloy")).pcm) == 70
    assert second.asked == [(TEXT, "alloy"), (TEXT, "Ashley")]
    assert all(member.well for member in chain.snapshot()[1:])


async def test_the_use_of_every_call_is_told() -> None:
    used: list[Usage] = []
    first = Engine("cloud:", [spoken(400, *WORDS[:3]), down()])
    chain = chain_of(ManualClock(), first, Engine("local:"))
    view = chain.for_session(used.append)
    assert (view.uri, view.rate) == (chain.uri, chain.rate)
    await say(view)
    assert used == [
        Usage("synthesizer", "cloud:", audio_seconds=0.4, characters=len(TEXT)),
        Usage("synthesizer", "local:", audio_seconds=0.5, characters=len("two pairs of shoes")),
    ]


async def test_a_listener_who_has_heard_enough_stops_the_work() -> None:
    used: list[Usage] = []
    first = Engine("cloud:", [down(retryable=True)], [spoken(100), asyncio.Event()])
    chain = chain_of(clock := ManualClock(), first, Engine("local:"), retries=0)
    await say(chain)
    clock.advance(20)
    async with aclosing(chain.speak_for(TEXT, "Ashley", used.append)) as chunks:
        await anext(chunks)
    assert first.ended == 2
    assert used[0].audio_seconds == 0.1
    assert chain.snapshot()[0].well, "it has spoken"
    task = asyncio.create_task(say(chain))
    await until_pending(clock)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (first.ended, clock.pending) == (3, 0)


async def test_a_trial_that_fails_is_not_heard_and_one_that_goes_well_ends_the_rest() -> None:
    first = Engine("cloud:", [down(retryable=True)], [down()], [spoken(9)])
    chain = chain_of(clock := ManualClock(), first, Engine("local:"), retries=0)
    for seconds, length in ((20, 500), (320, 500), (0, 9)):
        assert len((await say(chain)).pcm) == length
        clock.advance(seconds)
    assert chain.snapshot()[0].serving


async def test_the_rate_is_the_first_s_once_it_is_warm() -> None:
    chain = chain_of(ManualClock(), first := Engine("cloud:", rate=0), Engine("local:"))
    view = chain.for_session(lambda usage: None)
    await view.warm_up()
    assert (chain.rate, chain.for_session(lambda usage: None).rate) == (1_000, 1_000)
    await view.close()
    assert not first.closed
    await chain.close()
    assert first.closed
