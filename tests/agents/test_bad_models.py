"""Models that misbehave, up to the voice: each ends in a sane answer, a right cart and journal."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from pydantic_ai.messages import ModelMessage
from pydantic_ai.models.function import AgentInfo, DeltaToolCall, FunctionModel
from pydantic_ai.models.test import TestModel

from greenroom.agents.answer_guard import INSTEAD
from greenroom.agents.ports import Message
from greenroom.agents.shop import ShopAgent, ShopAgents
from greenroom.commerce.context import ShopContext
from greenroom.commerce.toolbox import Toolbox
from greenroom.conversation.ports import AgentReplied, ProviderTrouble
from greenroom.conversation.reply import (
    MAX_UNSPOKEN,
    NO_ANSWER,
    ONE_MOMENT,
    TOO_SLOW,
    TROUBLE,
    Reply,
    Speaking,
)
from greenroom.conversation.stages import Stages
from greenroom.sessions.model import ToolCallEntry, TranscriptEntry
from greenroom.settings import ReplySettings
from greenroom.testing import ManualClock, RecordingOutput, ScriptedSynthesizer
from support.chat_stream import BREAK, HANG, call, chat_stream, end, text

COMET = "comet running shoe"
ADD = ("add_to_cart", json.dumps({"product_id": COMET, "size": "10", "color": "black"}))


class Bench:
    """Gives an agent's answers a voice, as a conversation does, and keeps what came of it."""

    def __init__(self, agent: ShopAgent) -> None:
        self.agent = agent
        self.clock = ManualClock()
        self.synthesizer = ScriptedSynthesizer()
        self.events: list[Any] = []
        self.journal: list[Any] = []
        self.history: list[Message] = []
        self._speaking = Speaking(
            RecordingOutput(), self.synthesizer, "Ashley", self.clock, ReplySettings(),
            self.journal.append, self.events.append,
        )  # fmt: skip

    def reply(self, prompt: str) -> Reply:
        agent, history = self.agent, tuple(self.history)
        return Reply(
            "turn_1", prompt, lambda: agent.answer(prompt, history), self._speaking, Stages(),
            agent.check,
        )  # fmt: skip

    async def ask(self, prompt: str) -> str:
        """The answer's text; what is recorded, told and spoken is checked to be the same."""
        reply = self.reply(prompt)
        async with asyncio.timeout(20):
            await asyncio.gather(reply.read(), reply.speak())
        self.usage = reply.usage
        entry = self.entries(TranscriptEntry)[-1]
        (replied,) = self.of(AgentReplied)[-1:]
        assert reply.text == entry.text == replied.text
        assert " ".join(self.sentences[-len(reply.text.split("\n")) :])
        self.history += [Message("user", prompt), Message("assistant", reply.text)]
        return reply.text

    @property
    def sentences(self) -> list[str]:
        return [spoken for spoken, _ in self.synthesizer.spoken]

    def of(self, kind: type) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    def entries(self, kind: type) -> list[Any]:
        return [entry for entry in self.journal if isinstance(entry, kind)]

    @property
    def cart(self) -> list[tuple[str, str | None, int]]:
        return [(line.title, line.size, line.quantity) for line in self.agent.context.cart]


def model(*steps: Any) -> FunctionModel:
    """Gives, request by request, texts, calls `(tool, JSON)` and exceptions; the last again."""
    left = list(steps)

    async def stream(_messages: list[ModelMessage], _info: AgentInfo) -> AsyncIterator[Any]:
        step = left.pop(0) if len(left) > 1 else left[0]
        for number, part in enumerate(step() if callable(step) else step):
            if isinstance(part, Exception):
                raise part
            if isinstance(part, tuple):
                yield {number: DeltaToolCall(*part, tool_call_id=f"{len(left)}-{number}")}
            else:
                yield part

    return FunctionModel(stream_function=stream, model_name="bad")


@asynccontextmanager
async def bench(toolbox: Toolbox, bad: Any) -> AsyncIterator[Bench]:
    shop = ShopAgents(toolbox, bad)
    await shop.warm_up()
    try:
        yield Bench(shop.create())
    finally:
        await shop.close()


def unchanged(agent: ShopAgent) -> bool:
    """Whether nothing was done: all but what the user said is as at the beginning."""
    agent.context.facts.said.clear()
    return agent.context == ShopContext()


# -- tools ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "step",
    [
        [("rob_bank", "{}")],
        [("search_products", '{"limit": 0}')],
        [("add_to_cart", '{"product_id": ""}')],
        [("add_to_cart", "[]")],
        [("view_cart", "{}")],
        [("view_cart", "{}")] * 30,
    ],
)
async def test_who_only_calls_tools_in_vain_is_given_up(toolbox: Toolbox, step: Any) -> None:
    async with bench(toolbox, model(step)) as b:
        assert await b.ask("hello") == TROUBLE
        assert len(b.of(ProviderTrouble)) == 1
        assert unchanged(b.agent)
        assert all(entry.tool != "rob_bank" for entry in b.entries(ToolCallEntry))


async def test_who_learns_from_a_refusal_answers(toolbox: Toolbox) -> None:
    bad = model(
        [("rob_bank", "{}")], [("add_to_cart", '{"product_id": "x", "quantity": -3}')], ["Sorry."]
    )
    async with bench(toolbox, bad) as b:
        assert await b.ask("add it") == "Sorry."
        assert [(entry.tool, entry.ok) for entry in b.entries(ToolCallEntry)] == [
            ("add_to_cart", False)
        ]
        assert unchanged(b.agent)


async def test_every_tool_called_with_made_up_arguments_does_no_harm(toolbox: Toolbox) -> None:
    async with bench(toolbox, TestModel(seed=3)) as b:
        assert await b.ask("hello")
        assert b.cart == []


async def test_the_same_change_asked_for_twice_at_once_is_made_once(toolbox: Toolbox) -> None:
    async with bench(toolbox, model([ADD, ADD], ["I've added it to your cart."])) as b:
        assert await b.ask("add the comet in ten") == "I've added it to your cart."
        assert b.cart == [("Comet Running Shoe", "10", 1)]
        assert len(b.entries(ToolCallEntry)) == 1
        again = await b.ask("another one")
        assert (again, b.cart[0][2]) == (INSTEAD["cart"], 1), "nothing was added this time"


async def test_changes_that_contradict_each_other_are_made_in_their_order(toolbox: Toolbox) -> None:
    nine = ("add_to_cart", json.dumps({"product_id": COMET, "size": "9", "color": "black"}))
    out = ("remove_from_cart", "{}")
    async with bench(toolbox, model([ADD, out, nine], ["Done."])) as b:
        assert await b.ask("whatever") == "Done."
        assert b.cart == [("Comet Running Shoe", "9", 1)]
    async with bench(toolbox, model([ADD, nine, out], ["Done."])) as b:
        assert await b.ask("whatever") == "Done."
        assert b.cart == []


async def test_calls_at_once_can_not_take_more_than_there_is(toolbox: Toolbox) -> None:
    many = [
        (
            "add_to_cart",
            json.dumps({"product_id": p, "size": "10", "color": "black", "quantity": 7}),
        )
        for p in (COMET, "the comet running shoe", "Comet Running Shoe")
    ]
    async with bench(toolbox, model(many, ["Done."])) as b:
        await b.ask("all of them")
        assert b.cart == [("Comet Running Shoe", "10", 7)]  # there are twelve
        reasons = [entry.result.get("reason") for entry in b.entries(ToolCallEntry)]
        assert reasons == [None, "not_enough_stock", "not_enough_stock"]


async def test_who_fails_after_a_change_says_what_was_changed(toolbox: Toolbox) -> None:
    async with bench(toolbox, model([ADD], [RuntimeError("gone")])) as b:
        said = await b.ask("add the comet in ten")
        assert said == f"I've added the Comet Running Shoe to your cart. {TROUBLE}"
        assert b.cart == [("Comet Running Shoe", "10", 1)]
    async with bench(toolbox, model([ADD], ["Added. ", RuntimeError("gone")])) as b:
        assert await b.ask("add it") == f"Added. {TROUBLE}"


# -- words ----------------------------------------------------------------------------------------


async def test_markup_is_neither_spoken_nor_recorded(toolbox: Toolbox) -> None:
    deltas = [
        "<thi", "nk>They want tents. It costs $5", "!</thi", "nk>", "[laughs] **Hel", "lo!** ",
        "*smiles* What are you looking", " for? \U0001f600 See https://x.example/a?b=c for more. ",
        "``", "`\ncode()\n", "```\n# Bye",
    ]  # fmt: skip
    async with bench(toolbox, model(deltas)) as b:
        said = await b.ask("hi")
        assert said == "Hello! What are you looking for? See the link for more. Bye"
        assert " ".join(b.sentences) == said


async def test_ten_thousand_words_are_cut_and_the_model_is_let_go(toolbox: Toolbox) -> None:
    given = 0

    def chatter() -> Any:
        nonlocal given
        for number in itertools.count():
            given = number
            yield f"Another thought about the weather, of number {number} and no more. "

    async with bench(toolbox, model(chatter)) as b:
        said = await b.ask("hello")
        assert 5_000 < len(said) < 6_200  # the spaces between are not counted
        assert given < 200
        assert unchanged(b.agent)


@pytest.mark.parametrize(
    ("pieces", "said"),
    [
        (["What are you looking for today? "], "What are you looking for today?"),
        (["First we look there. ", "Then here we go. "], "First we look there. Then here we go."),
        (["\n- again and again and again\n"], "again and again and again"),
        (["yes "], NO_ANSWER),
    ],
)
async def test_who_repeats_themselves_for_ever_is_heard_once(
    toolbox: Toolbox, pieces: list[str], said: str
) -> None:
    taken = 0

    def stuck() -> Any:
        nonlocal taken
        for piece in itertools.cycle(pieces):
            taken += 1
            yield piece

    async with bench(toolbox, model(stuck)) as b:
        assert await b.ask("hello") == said
        assert taken < 75 * (MAX_UNSPOKEN + 2)


@pytest.mark.parametrize(
    ("pieces", "said"),
    [
        ([""], TROUBLE),
        ([" "], NO_ANSWER),
        (["<think>Nothing comes to mind.</think>"], NO_ANSWER),
        (["<think>and on and on"], NO_ANSWER),
        (["[sighs] \U0001f600 ***"], NO_ANSWER),
    ],
)
async def test_an_empty_answer_is_owned_up_to(
    toolbox: Toolbox, pieces: list[str], said: str
) -> None:
    async with bench(toolbox, model(pieces)) as b:
        assert await b.ask("hello") == said
        assert unchanged(b.agent)


async def test_an_invented_price_is_not_spoken_sent_or_recorded(toolbox: Toolbox) -> None:
    bad = model(["The Comet is $12.50, and it's on sale. It's 20% off. Which size do you wear?"])
    async with bench(toolbox, bad) as b:
        said = await b.ask("how much is the comet")
        assert said == f"{INSTEAD['price']} Which size do you wear?"
        assert b.usage["facts_refused"] == 2
        assert "$12" not in repr((b.events, b.journal, b.sentences))


async def test_a_looked_up_price_is_spoken_in_this_turn_and_later(toolbox: Toolbox) -> None:
    looked = ("get_product_details", json.dumps({"product_id": COMET}))
    bad = model([looked], ["The Comet is $89."], ["As I said, it's eighty-nine dollars."])
    async with bench(toolbox, bad) as b:
        assert await b.ask("how much is the comet") == "The Comet is $89."
        assert await b.ask("how much") == "As I said, it's eighty-nine dollars."
        assert "facts_refused" not in b.usage


# -- time -----------------------------------------------------------------------------------------


async def test_a_model_that_says_nothing_for_half_a_minute_is_excused_and_let_go(
    toolbox: Toolbox,
) -> None:
    asked, ended = asyncio.Event(), asyncio.Event()

    async def stream(_messages: list[ModelMessage], _info: AgentInfo) -> AsyncIterator[str]:
        asked.set()
        try:
            await asyncio.Event().wait()
            yield "never"
        finally:
            ended.set()

    async with bench(toolbox, FunctionModel(stream_function=stream)) as b:
        waiting = asyncio.create_task(b.ask("hello"))
        async with asyncio.timeout(10):
            await asked.wait()
            b.clock.advance(30)
            assert await waiting == f"{ONE_MOMENT} {TOO_SLOW}"
            await ended.wait()
        assert unchanged(b.agent)


# -- a server of the OpenAI kind ------------------------------------------------------------------


@pytest.fixture
def served(toolbox: Toolbox, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """A bench over a real `openai-chat:` model and a server that streams the given answers."""

    @asynccontextmanager
    async def make(*answers: list[str]) -> AsyncIterator[Bench]:
        async with chat_stream(*answers) as (url, bodies):
            monkeypatch.setenv("OPENAI_BASE_URL", url)
            monkeypatch.setenv("OPENAI_API_KEY", "sk-none")
            async with bench(toolbox, "openai-chat:local") as b:
                b.bodies = bodies  # type: ignore[attr-defined]
                yield b

    return make


async def test_a_stream_that_breaks_off_ends_in_an_apology(served: Callable[..., Any]) -> None:
    async with served([text("I found two. "), text("The fir"), BREAK]) as b:
        assert await b.ask("tents") == f"I found two. {TROUBLE}"
        assert unchanged(b.agent)


async def test_half_a_tool_call_changes_nothing(served: Callable[..., Any]) -> None:
    half = call("add_to_cart", '{"product_id": "comet running shoe", "si')
    async with served([half, end("tool_calls")], [text("Which size?"), end()]) as b:
        assert await b.ask("add the comet") == "Which size?"
        assert b.cart == []
        assert unchanged(b.agent)
    async with served([half, BREAK]) as b:
        assert await b.ask("add the comet") == TROUBLE
        assert b.cart == []


async def test_two_tool_calls_in_one_answer_leave_the_cart_right(
    served: Callable[..., Any],
) -> None:
    calls = [call(*ADD, index=index) for index in range(2)]
    async with served([*calls, end("tool_calls")], [text("It's in your cart now."), end()]) as b:
        await b.ask("add the comet in ten")
        assert b.cart == [("Comet Running Shoe", "10", 1)]
        told = [m for m in b.bodies[1]["messages"] if m["role"] == "tool"]
        assert len(told) == 2
        assert "done once" in told[1]["content"]


async def test_thoughts_in_a_stream_are_dropped(served: Callable[..., Any]) -> None:
    pieces = [text(piece) for piece in ("<th", "ink>It is $3.", " Or $4.</think", ">Hello", "!")]
    async with served([*pieces, end()]) as b:
        assert await b.ask("hi") == "Hello!"
        assert "facts_refused" not in b.usage


async def test_a_server_that_falls_silent_is_let_go(served: Callable[..., Any]) -> None:
    async with served([text("Well, "), HANG]) as b:
        reply = b.reply("hi")
        reading = asyncio.create_task(reply.read())
        async with asyncio.timeout(10):
            while reply.stages.first_token is None:  # noqa: ASYNC110 - the reply tells no event
                await asyncio.sleep(0.001)
            b.clock.advance(30)
            await reading
        assert reply.text == TOO_SLOW


async def test_a_model_is_not_shown_the_link_that_the_client_gets(
    served: Callable[..., Any],
) -> None:
    async with served(
        [call(*ADD), end("tool_calls")],
        [call("checkout_link", "{}"), end("tool_calls")],
        [text("The link is on your screen."), end()],
    ) as b:
        await b.ask("add the comet in ten and check out")
        link = b.agent.snapshot()["checkout_url"]
        assert link.startswith("https://")
        assert link not in json.dumps(b.bodies)
        assert b.entries(ToolCallEntry)[-1].result["checkout_url"] == link


# -- a dead catalogue -----------------------------------------------------------------------------


async def test_a_dead_catalogue_is_apologised_for(toolbox: Toolbox) -> None:
    await toolbox.catalogue.close()
    async with bench(toolbox, "offline") as b:
        for sentence in (
            "show me tents",
            "what is your return policy",
            "compare the comet and the feather",
        ):
            said = await b.ask(sentence)
            assert said.startswith("I'm sorry")
            assert "does not answer" in said
    looked = ("search_products", '{"query": "tents"}')
    told: list[str] = []

    async def stream(messages: list[ModelMessage], info: AgentInfo) -> AsyncIterator[Any]:
        if len(messages) == 1:
            told.append(info.instructions or "")
            yield {0: DeltaToolCall(*looked, tool_call_id="1")}
        else:
            told.append(repr(messages[-1]))
            yield "I'm sorry, I can't reach the shop just now."

    async with bench(toolbox, FunctionModel(stream_function=stream)) as b:
        assert await b.ask("tents") == "I'm sorry, I can't reach the shop just now."
    assert "apologise" in told[0]
    assert "catalogue does not answer" in told[1]
