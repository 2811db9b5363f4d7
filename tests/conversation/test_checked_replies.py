"""A reply's sentences pass the agent's check before anybody hears, reads or records them."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

from greenroom.agents.ports import AgentEvent, AnswerDone, Message, TextDelta
from greenroom.conversation.ports import AgentReplied, ProviderTrouble
from greenroom.conversation.reply import MAX_UNSPOKEN, NO_ANSWER, TROUBLE, Reply, Speaking
from greenroom.conversation.stages import Stages
from greenroom.sessions.model import TranscriptEntry
from greenroom.settings import ReplySettings
from greenroom.testing import ManualClock, RecordingOutput, ScriptedAgent, ScriptedSynthesizer

DONE = AnswerDone("greeting", {"output_tokens": 3})


class Bench:
    """One reply, and what came of it."""

    def __init__(self, agent: Any, check: Callable[[str], str] | None) -> None:
        self.synthesizer = ScriptedSynthesizer()
        self.journal: list[Any] = []
        self.events: list[Any] = []
        speaking = Speaking(
            RecordingOutput(), self.synthesizer, "Ashley", ManualClock(), ReplySettings(),
            self.journal.append, self.events.append,
        )  # fmt: skip
        self.reply = Reply("t", "hi", lambda: agent.answer("hi", ()), speaking, Stages(), check)

    async def run(self) -> str:
        async with asyncio.timeout(5):
            await asyncio.gather(self.reply.read(), self.reply.speak())
        (recorded,) = (entry for entry in self.journal if isinstance(entry, TranscriptEntry))
        (told,) = (event for event in self.events if isinstance(event, AgentReplied))
        spoken = " ".join(text for text, _ in self.synthesizer.spoken)
        assert self.reply.text == recorded.text == told.text == spoken
        return spoken


def scripted(*pieces: Any) -> ScriptedAgent:
    return ScriptedAgent([[*pieces, DONE]])


async def test_what_the_check_gives_is_what_is_said() -> None:
    seen: list[str] = []

    def check(sentence: str) -> str:
        seen.append(sentence)
        return {"It's $5.": "I'd have to look.", "Psst.": ""}.get(sentence, sentence)

    bench = Bench(scripted("Hello. It's", " $5. Psst. ", "Anything else?"), check)
    assert await bench.run() == "Hello. I'd have to look. Anything else?"
    assert seen == ["Hello.", "It's $5.", "Psst.", "Anything else?"]
    assert bench.reply.usage == {"output_tokens": 3}


async def test_a_reply_without_a_check_is_said_as_it_is() -> None:
    assert await Bench(scripted("Everything is 20% off."), None).run() == "Everything is 20% off."


async def test_an_answer_of_which_nothing_may_be_said_is_owned_up_to() -> None:
    bench = Bench(scripted("One. ", "Two."), lambda _: "")
    assert await bench.run() == NO_ANSWER


async def test_an_agent_that_only_says_what_must_not_be_said_is_let_go() -> None:
    class Babbler(ScriptedAgent):
        given = 0

        async def answer(self, text: str, history: Sequence[Message]) -> AsyncIterator[AgentEvent]:
            try:
                for self.given in itertools.count(1):
                    yield TextDelta("Blah blah. ")
            finally:
                self.closed += 1

    agent = Babbler()
    assert await Bench(agent, lambda _: "").run() == NO_ANSWER
    assert (agent.given, agent.closed) == (MAX_UNSPOKEN, 1)


async def test_what_is_left_out_now_and_then_does_not_end_an_answer() -> None:
    text = " ".join(f"{word} {n}." for n in range(MAX_UNSPOKEN * 2) for word in ("Good", "Bad"))
    said = await Bench(scripted(text), lambda each: "" if "Bad" in each else each).run()
    assert said.count("Good") == MAX_UNSPOKEN * 2
    assert "Bad" not in said


async def test_a_check_that_fails_is_a_failure_of_the_agent() -> None:
    def check(_sentence: str) -> str:
        raise ZeroDivisionError

    bench = Bench(scripted("Hello."), check)
    assert await bench.run() == TROUBLE
    (trouble,) = (event for event in bench.events if isinstance(event, ProviderTrouble))
    assert (trouble.part, trouble.why) == ("agent", "ZeroDivisionError")


def test_a_scripted_agent_lets_everything_through() -> None:
    assert ScriptedAgent().check("It's $5.") == "It's $5."
