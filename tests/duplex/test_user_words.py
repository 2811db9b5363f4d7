"""What a user says is cut where they pause, or near three seconds, and told in order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import numpy as np
import pytest

from greenroom.audio.pcm import EMPTY, HEARING_RATE, Pcm, samples_of
from greenroom.duplex import user_words
from greenroom.duplex.ports import DUPLEX_RATE
from greenroom.duplex.user_words import LONGEST, SEARCHED, UserWords, quietest
from greenroom.errors import ProviderFailed
from greenroom.testing import EnergyVoiceActivity, ManualClock, ScriptedTranscriber

FRAME = 0.02


class Person:
    """Speaks (a tone) and pauses, at the pace of speech."""

    def __init__(self, texts: Sequence[str | Exception], hold: asyncio.Event | None = None) -> None:
        self.clock = ManualClock()
        self.transcriber = ScriptedTranscriber(texts, hold=hold, keep_sound=True)
        self.told: list[tuple[str, float]] = []
        self.words = UserWords(
            self.transcriber,
            EnergyVoiceActivity(),
            self.clock,
            lambda text, began: self.told.append((text, round(began, 1))),
        )
        self.at = 0

    async def say(self, seconds: float, level: float = 8_000) -> None:
        for _ in range(round(seconds / FRAME)):
            n = np.arange(self.at, self.at + samples_of(FRAME * 1000, DUPLEX_RATE))
            self.at += len(n)
            tone = level * np.sin(2 * np.pi * 200 * n / DUPLEX_RATE)
            self.clock.advance(FRAME)
            self.words.hear(tone.astype(np.int16))
            await settle()

    async def pause(self, seconds: float) -> None:
        await self.say(seconds, level=0)

    def heard(self, stream: int) -> Pcm:
        return np.concatenate((EMPTY, *self.transcriber.streams[stream].sound))


async def settle() -> None:
    for _ in range(6):
        await asyncio.sleep(0)


@pytest.fixture
async def person() -> AsyncIterator[Callable[..., Person]]:
    people: list[Person] = []

    def make(*texts: str | Exception, **more: Any) -> Person:
        people.append(Person(texts, **more))
        return people[-1]

    yield make
    for each in people:
        await each.words.close()
        assert each.clock.pending == 0
        assert all(stream.state != "open" for stream in each.transcriber.streams)
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_words_are_told_after_a_pause_with_the_time_at_which_they_were_begun(
    person: Callable[..., Person],
) -> None:
    p = person("good morning", "how are you")
    await p.pause(1)
    await p.say(1)
    assert p.told == []
    await p.pause(1)
    assert p.told == [("good morning", 1.0)]
    await p.say(0.8)
    await p.pause(0.6)
    assert p.told == [("good morning", 1.0), ("how are you", 3.0)]


async def test_the_recogniser_hears_a_little_of_what_was_before_the_voice(
    person: Callable[..., Person],
) -> None:
    p = person("hello")
    await p.pause(1)
    await p.say(1)
    await p.pause(0.6)
    assert len(p.heard(0)) == pytest.approx(HEARING_RATE * 1.8, rel=0.05)
    assert np.abs(p.heard(0)[: samples_of(300)]).max() < 100
    assert np.abs(p.heard(0)[samples_of(500) :]).max() > 7_000


async def test_a_long_speech_is_cut_at_the_quietest_point_before_three_seconds(
    person: Callable[..., Person],
) -> None:
    p = person("one", "two")
    await p.say(2.46)
    await p.say(0.1, level=400)
    await p.say(2.4)
    await p.pause(0.6)
    assert p.told == [("one", 0.0), ("two", 2.5)]
    assert len(p.heard(0)) == pytest.approx(2.51 * HEARING_RATE, abs=samples_of(40))


async def test_no_sound_is_lost_nor_heard_twice_where_a_speech_is_cut(
    person: Callable[..., Person],
) -> None:
    p = person("words")
    await p.say(10)
    await p.words.close()
    streams = p.transcriber.streams
    pieces = [p.heard(i) for i in range(len(streams))]
    assert len(pieces) >= 4
    assert all(LONGEST - SEARCHED <= len(piece) <= LONGEST for piece in pieces[:-1])
    whole = np.concatenate(pieces).astype(np.float64)
    assert len(whole) == 10 * HEARING_RATE
    tone = np.sin(2 * np.pi * 200 * np.arange(len(whole)) / HEARING_RATE)
    middle = slice(samples_of(100), -samples_of(100))
    assert np.corrcoef(whole[middle], tone[middle])[0, 1] > 0.999
    starts = np.cumsum([0, *map(len, pieces)])[:-1] / HEARING_RATE
    # Told to a tenth of a second, which either neighbour may be for what lies between two.
    assert [began for _, began in p.told] == pytest.approx(list(starts), abs=0.051)


async def test_the_recogniser_hears_the_first_two_seconds_while_they_are_spoken(
    person: Callable[..., Person],
) -> None:
    p = person("words")
    await p.say(1.5)
    assert len(p.heard(0)) > 1.4 * HEARING_RATE
    await p.say(1)
    assert len(p.heard(0)) == LONGEST - SEARCHED


async def test_a_pause_that_follows_a_cut_is_no_piece(person: Callable[..., Person]) -> None:
    p = person("words")
    await p.say(2.9)
    await p.pause(1.5)
    assert [text for text, _ in p.told] == ["words"]
    assert [s.state for s in p.transcriber.streams[1:]] in ([], ["cancelled"])


async def test_pieces_are_told_in_order_whichever_is_known_first(
    person: Callable[..., Person],
) -> None:
    hold = asyncio.Event()
    p = person("first", "second", hold=hold)
    await p.say(1)
    await p.pause(0.6)
    p.transcriber.hold = None
    await p.say(1)
    await p.pause(0.6)
    assert p.told == []
    hold.set()
    await settle()
    assert [began for _, began in p.told] == [0.0, 1.6]


async def test_what_cannot_be_recognised_is_left_out(
    person: Callable[..., Person], caplog: pytest.LogCaptureFixture
) -> None:
    p = person(ProviderFailed("scripted:", "broken"), "", "and this")
    for _ in range(3):
        await p.say(1)
        await p.pause(0.6)
    assert p.told == [("and this", 3.2)]
    assert "broken" in caplog.text


async def test_who_stops_sending_has_stopped_talking_and_their_clock_stands_still(
    person: Callable[..., Person],
) -> None:
    p = person("first", "second")
    await p.say(1)
    for _ in range(30):
        p.clock.advance(0.1)
        await settle()
    assert p.told == [("first", 0.0)]
    await p.say(1)
    await p.pause(0.6)
    assert p.told == [("first", 0.0), ("second", 1.0)]


async def test_closing_tells_what_was_said_last(person: Callable[..., Person]) -> None:
    p = person("and goodbye")
    await p.say(0.5)
    await p.words.close()
    assert p.told == [("and goodbye", 0.0)]
    await p.say(1)
    await p.words.close()
    assert len(p.told) == 1


async def test_closing_does_not_wait_for_a_recogniser_for_ever(
    person: Callable[..., Person],
) -> None:
    p = person("never", hold=asyncio.Event())
    await p.say(0.5)
    closing = asyncio.ensure_future(p.words.close())
    for _ in range(10):
        await settle()
        p.clock.advance(1)
    await asyncio.wait_for(closing, 5)
    assert p.told == []


async def test_closing_does_not_wait_for_sound_that_nobody_judges() -> None:
    clock = ManualClock()

    class Deaf:
        def open(self, on_probability: Any) -> Deaf:
            return self

        def feed(self, pcm: Pcm) -> None:
            pass

        def close(self) -> None:
            pass

    words = UserWords(ScriptedTranscriber(), Deaf(), clock, lambda *_: None)
    words.hear(np.zeros(DUPLEX_RATE, np.int16))
    closing = asyncio.ensure_future(words.close())
    await settle()
    clock.advance(5)
    await asyncio.wait_for(closing, 5)


async def test_what_is_said_too_far_ahead_of_recognition_is_not_kept(
    person: Callable[..., Person],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(user_words, "MAX_WAITING", 2)
    hold = asyncio.Event()
    p = person("words", hold=hold)
    for _ in range(3):
        await p.say(0.4)
        await p.pause(0.6)
    hold.set()
    await settle()
    assert [began for _, began in p.told] == [0.0, 1.0]
    assert "too far behind" in caplog.text


def test_the_quietest_point_is_where_the_sound_is_weakest() -> None:
    sound = np.full(HEARING_RATE, 1_000, np.int16)
    sound[8_000:8_800] = 10
    assert quietest(sound) == pytest.approx(8_400, abs=80)
    assert quietest(sound[:100]) == 0
