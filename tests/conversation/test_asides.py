"""What is said beside a reply without taking the turn is kept where it is to be kept."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from greenroom.conversation.ports import UserAside, UserSaid
from greenroom.errors import ProviderFailed

Make = Callable[..., Any]
LONG = "This is a long answer of many words that takes a good while to say."


async def aside(t: Any) -> None:
    await t.conversation.start()
    await t.quiet(992)
    await t.say(300)
    await t.quiet(1_000)


async def test_an_aside_is_told_with_its_time_and_is_not_answered(talk: Make) -> None:
    t = talk(greeting=LONG, texts=["mm-hm"], asides=True)
    await aside(t)
    (said,) = t.of(UserAside)
    assert said.text == "mm-hm"
    assert abs(said.start_ms - 992) <= 32
    assert t.of(UserSaid) == []
    assert t.prompts == []
    assert not t.output.paused
    assert len(t.metrics("backchannel")) == 1


async def test_a_cough_without_words_is_no_aside(talk: Make) -> None:
    t = talk(greeting=LONG, texts=[""], asides=True)
    await aside(t)
    assert t.of(UserAside) == []


async def test_an_aside_that_cannot_be_recognised_is_left_out(talk: Make) -> None:
    t = talk(greeting=LONG, texts=[ProviderFailed("scripted:", "broken")], asides=True)
    await aside(t)
    assert t.of(UserAside) == []


async def test_an_aside_that_is_recognised_late_is_told_before_the_turn_that_followed(
    talk: Make,
) -> None:
    hold = asyncio.Event()
    t = talk(greeting=LONG, texts=["mm-hm", "stop it"], asides=True, hold=hold)
    await aside(t)
    await t.turn()
    hold.set()
    await t.settle()
    told = [event.text for event in t.events if isinstance(event, UserAside | UserSaid)]
    assert told == ["mm-hm", "stop it"]
    assert t.prompts == ["stop it"]


async def test_no_aside_is_recognised_where_none_is_to_be_kept(talk: Make) -> None:
    t = talk(greeting=LONG, texts=["mm-hm"])
    await aside(t)
    assert t.of(UserAside) == []
    assert [stream.state for stream in t.transcriber.streams] == ["cancelled"]
