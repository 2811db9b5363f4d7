"""Whatever happens in whatever order, a talk can go on, and ends when it is ended."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from greenroom.conversation.ports import ReplyFinished, ReplyInterrupted, UserSaid
from greenroom.errors import ProviderFailed
from greenroom.sessions.model import TranscriptEntry
from greenroom.settings import TurnSettings
from greenroom.testing import ScriptedSynthesizer

TEXTS = st.sampled_from(["show me shoes", "", "in blue", ProviderFailed("t", "x"), KeyError("t")])
ANSWERS = st.sampled_from(
    [
        "All right.",
        "A longer answer of some words. And one more sentence.",
        [],
        ["Let me see. ", ProviderFailed("a", "x")],
        ["Let me ", KeyError("a")],
        ["hang"],
        ["A word. ", "hang"],
    ]
)
STEPS = st.one_of(
    st.tuples(st.just("say"), st.integers(20, 1_500)),
    st.tuples(st.just("quiet"), st.integers(20, 1_500)),
    st.tuples(st.just("upload"), st.integers(100, 4_000)),
    st.tuples(st.just("wait"), st.sampled_from([0.3, 1.0, 9.0, 30.0])),
    st.tuples(st.sampled_from(["hold", "release"]), st.none()),
)


@settings(
    max_examples=20,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    steps=st.lists(STEPS, max_size=15),
    texts=st.lists(TEXTS, max_size=8),
    answers=st.lists(ANSWERS, max_size=8),
    voice_fails=st.booleans(),
)
def test_a_talk_survives_anything(
    make_talk: Callable[..., Any],
    steps: list[tuple[str, Any]],
    texts: list[str | Exception],
    answers: list[Any],
    voice_fails: bool,
) -> None:
    asyncio.run(_storm(make_talk, steps, texts, answers, voice_fails))


async def _storm(
    make_talk: Callable[..., Any],
    steps: list[tuple[str, Any]],
    texts: list[Any],
    answers: list[Any],
    voice_fails: bool,
) -> None:
    hangs = asyncio.Event()
    script = [
        [hangs if e == "hang" else e for e in answer] if isinstance(answer, list) else answer
        for answer in answers
    ]
    t = make_talk(
        texts=[*texts, "the end"],
        answers=[*script, "The last answer."],
        turns=TurnSettings(max_turn_ms=3_000),
        synthesizer=ScriptedSynthesizer(fails=voice_fails),
    )
    released = asyncio.Event()
    released.set()
    t.transcriber.hold = released
    for step, value in steps:
        match step:
            case "say":
                await t.say(value)
            case "quiet":
                await t.quiet(value)
            case "wait":
                await t.wait(value)
            case "upload":
                t.conversation.hear(t.sound(value, voice=True))
                t.conversation.hear(t.sound(700, voice=False))
            case "hold":
                released.clear()
            case _:
                released.set()
    released.set()
    # The storm is over: nothing speaks, nothing is held, nothing waits.
    await t.quiet(1_500)
    await t.wait(60)
    assert t.clock.pending == 0
    assert not t.output.paused
    assert asyncio.all_tasks() == {asyncio.current_task()}
    # And a turn is a turn again.
    t.transcriber.texts, t.agent.answers = ["the end"], ["The last answer."]
    before = len(t.of(UserSaid))
    await t.turn()
    await t.quiet(2_000)
    assert len(t.of(UserSaid)) == before + 1
    assert t.prompts[-1].endswith("the end")
    assert t.transcript()[-1] == ("assistant", "The last answer.")
    # What was said was recorded once, in order, and each reply came to one end.
    said = [e.text for e in t.entries(TranscriptEntry) if e.role == "user"]
    assert said == [e.text for e in t.of(UserSaid) if e.final]
    ends = [e.reply_id for e in t.events if isinstance(e, ReplyFinished | ReplyInterrupted)]
    assert len(ends) == len(set(ends)) == t.output.calls.count("begin")
    # Nothing was left out of what the agent was asked, but what it was asked again.
    assert {word for text in said for word in text.split()} <= set(" ".join(t.prompts).split())
    await t.conversation.close()
    assert t.clock.pending == 0
    assert all(stream.state != "open" for stream in t.transcriber.streams)
    assert t.agent.closed == len(t.agent.heard)
    assert asyncio.all_tasks() == {asyncio.current_task()}
