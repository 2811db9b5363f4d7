"""However a conversation ends, nothing of it goes on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import pytest

from greenroom.agents.ports import Message, TextDelta
from greenroom.conversation.conversation import spoken_messages
from greenroom.conversation.ports import ReplyInterrupted
from greenroom.sessions.model import ContextEntry, TranscriptEntry
from greenroom.testing import ScriptedAgent

Make = Callable[..., Any]
LONG = "This is a long answer of many words that takes a good while to say."


def assert_all_ended(t: Any) -> None:
    assert t.clock.pending == 0
    assert all(stream.state != "open" for stream in t.transcriber.streams)
    assert t.agent.closed == len(t.agent.heard)
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def idle(t: Any) -> None:
    await t.quiet(100)


async def never_heard(t: Any) -> None:
    pass


async def speaking(t: Any) -> None:
    await t.say(500)


async def pausing(t: Any) -> None:
    await t.say(500)
    await t.quiet(200)


async def starving(t: Any) -> None:
    await t.say(500)
    await t.wait(0.4)


async def recognising(t: Any) -> None:
    t.transcriber.hold = asyncio.Event()
    await t.turn()


async def recognising_two(t: Any) -> None:
    await recognising(t)
    await t.turn()


async def about_to_recognise(t: Any) -> None:
    t.conversation.hear(t.sound(1_000, voice=True))
    t.conversation.hear(t.sound(700, voice=False))


async def thinking(t: Any) -> None:
    t.agent.answers = [[asyncio.Event()]]
    await t.turn()


async def about_to_think(t: Any) -> None:
    await about_to_recognise(t)
    for _ in range(20):
        if t.output.calls:
            return
        await asyncio.sleep(0)
    raise AssertionError


async def replying(t: Any) -> None:
    await t.turn()
    await t.quiet(500)


async def suspected(t: Any) -> None:
    await replying(t)
    await t.say(200)


async def interrupted(t: Any) -> None:
    await replying(t)
    await t.say(800)


async def answered(t: Any) -> None:
    await replying(t)
    await t.quiet(5_000)


STATES = [
    idle, never_heard, speaking, pausing, starving, recognising, recognising_two,
    about_to_recognise, thinking, about_to_think, replying, suspected, interrupted, answered,
]  # fmt: skip


async def close(t: Any) -> None:
    """Close, letting the clock go on where that is waited for."""
    closing = asyncio.create_task(t.conversation.close())
    for _ in range(3):
        await t.settle()
        t.clock.advance(1.0)
    async with asyncio.timeout(5):
        await closing


@pytest.mark.parametrize("state", STATES)
async def test_closing_ends_everything_in_any_state(
    make_talk: Make, state: Callable[[Any], Any]
) -> None:
    t = make_talk(answers=[LONG])
    await state(t)
    await close(t)
    assert_all_ended(t)


@pytest.mark.parametrize("state", STATES)
async def test_closing_that_is_cancelled_ends_everything_too(
    make_talk: Make, state: Callable[[Any], Any]
) -> None:
    t = make_talk(answers=[LONG])
    await state(t)
    closing = asyncio.create_task(t.conversation.close())
    await asyncio.sleep(0)
    closing.cancel()
    await asyncio.wait([closing])
    await t.settle()
    assert_all_ended(t)


@pytest.mark.parametrize("state", STATES)
async def test_after_the_end_nothing_is_heard_or_said(
    make_talk: Make, state: Callable[[Any], Any]
) -> None:
    t = make_talk(answers=[LONG], greeting="Welcome!")
    await state(t)
    await close(t)
    events, entries, calls = len(t.events), len(t.journal), len(t.output.calls)
    await t.conversation.start()
    await t.turn()
    await t.wait(30)
    assert (events, entries, calls) == (len(t.events), len(t.journal), len(t.output.calls))
    assert_all_ended(t)


async def test_closing_twice_is_closing_once(make_talk: Make) -> None:
    t = make_talk(answers=[LONG])
    await replying(t)
    first, second = (asyncio.create_task(t.conversation.close()) for _ in range(2))
    async with asyncio.timeout(5):
        await asyncio.gather(first, second)
        await t.conversation.close()
    assert len(t.of(ReplyInterrupted)) == 1
    assert_all_ended(t)


async def test_each_closing_returns_when_all_has_ended(make_talk: Make) -> None:
    t = make_talk()
    await t.say(500)
    t.transcriber.hold = asyncio.Event()
    first, second = (asyncio.create_task(t.conversation.close()) for _ in range(2))
    await t.settle()
    assert not first.done()
    assert not second.done()
    t.transcriber.hold.set()
    async with asyncio.timeout(5):
        await asyncio.gather(first, second)
    assert_all_ended(t)


async def test_who_hangs_up_in_the_middle_of_a_word_is_recorded(make_talk: Make) -> None:
    t = make_talk(texts=["show me"])
    await t.say(1_010)
    await t.conversation.close()
    assert t.transcript() == [("user", "show me")]
    assert len(t.heard_by(0)) == t.sample
    assert t.prompts == []


async def test_who_hangs_up_while_their_words_are_recognised_is_recorded(make_talk: Make) -> None:
    t = make_talk(texts=["show me"], hold=asyncio.Event())
    await t.turn()
    closing = asyncio.create_task(t.conversation.close())
    await t.settle()
    t.transcriber.hold.set()
    await closing
    assert t.transcript() == [("user", "show me")]
    assert t.prompts == []


async def test_a_reply_is_recorded_as_it_was_heard_when_the_user_left(make_talk: Make) -> None:
    t = make_talk(answers=[LONG])
    await t.turn()
    await t.quiet(1_500)
    await t.conversation.close()
    entry = t.entries(TranscriptEntry)[-1]
    assert entry.full_text == LONG
    assert entry.text
    assert LONG.startswith(entry.text + " ")


class Lingering(ScriptedAgent):
    """Its tool finishes what it began before it ends."""

    cart: tuple[str, ...] = ()

    async def answer(self, text: str, history: Sequence[Message]) -> AsyncIterator[Any]:
        self.heard.append((text, tuple(history)))
        try:
            yield TextDelta("I add it. ")
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            self.cart = ("shoes",)
            self.closed += 1

    def snapshot(self) -> dict[str, Any]:
        return {"cart_items": list(self.cart)}


async def test_what_a_tool_still_did_when_the_user_left_is_recorded(make_talk: Make) -> None:
    t = make_talk(agent=Lingering())
    await t.turn()
    await t.conversation.close()
    assert t.entries(ContextEntry)[-1].values == {"cart_items": ["shoes"]}


class Immortal(ScriptedAgent):
    """Does not end when it is cancelled."""

    def __init__(self, end: asyncio.Event) -> None:
        super().__init__()
        self._end = end

    async def answer(self, text: str, history: Sequence[Message]) -> AsyncIterator[Any]:
        self.heard.append((text, tuple(history)))
        while not self._end.is_set():
            try:
                await self._end.wait()
            except asyncio.CancelledError:
                continue
        self.closed += 1
        yield TextDelta("Too late.")


async def test_an_agent_that_will_not_end_does_not_keep_the_conversation_from_ending(
    make_talk: Make, caplog: pytest.LogCaptureFixture
) -> None:
    end = asyncio.Event()
    t = make_talk(agent=Immortal(end))
    await t.turn()
    closing = asyncio.create_task(t.conversation.close())
    for _ in range(5):
        await t.settle()
        t.clock.advance(1.0)
    await t.settle()
    assert closing.done()
    assert "1 tasks of a conversation do not end" in caplog.text
    end.set()
    await t.settle()
    assert_all_ended(t)
    assert t.said == ""


async def test_a_talk_is_told_again_without_what_nobody_heard() -> None:
    entries = [
        TranscriptEntry("t1", "user", "one"),
        TranscriptEntry("t1", "assistant", "", reply_id="r1", full_text="Never heard."),
        TranscriptEntry("t2", "user", "two"),
    ]
    assert spoken_messages(entries) == [Message("user", "one"), Message("user", "two")]
