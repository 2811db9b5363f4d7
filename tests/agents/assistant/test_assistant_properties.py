"""Whatever the prompt and whatever is heard: an answer for the ear, bounded, without an error."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from greenroom.agents.assistant.memory import AssistantMemory
from greenroom.agents.assistant.offline import answer
from greenroom.agents.assistant.tools import toolbox
from greenroom.agents.role import Role
from greenroom.agents.turn import Turn
from greenroom.agents.unspoken import spoken_part
from support.agent_talks import by_rules

LONGEST = 1_500
"""Characters of any answer."""

ORDERS = (
    "Be friendly. Never lie. You must ask for the order number. Always answer politely. Do not "
    "promise refunds. Your goal is to calm the caller. If they shout, stay calm."
)
_WORDS = st.sampled_from(
    (
        "you", "are", "Ada", "a", "the", "user", "we", "open", "from", "9", "to", "5pm", "never",
        "tell", "it", "?", ".", ",", ":", "\n", '"', "'", "(", "[x](", "{", "*", "#", "-", "Q:",
        "A:", "if", "asked", "about", "say", "that", "price", "$5", "what", "is", "twelve",
        "times", "seven", "my", "name", "remember", "yes", "no", "again", "time", "spell", "Mon-",
    )
)  # fmt: skip
_TEXTS = st.one_of(st.text(max_size=120), st.lists(_WORDS, max_size=40).map(" ".join))
_ROLE: Role[AssistantMemory] = Role(
    "assistant", "", toolbox(), lambda memory: memory.prompt, answer
)


async def reply(memory: AssistantMemory, text: str, heard: str) -> str:
    return await by_rules(Turn(text, 1, memory, _ROLE, heard))


async def talk(prompt: str, said: list[str]) -> None:
    memory, last = AssistantMemory(prompt, 7), ""
    for text in said:
        last = await reply(memory, text, last)
        assert 0 < len(last) <= LONGEST
        assert any(char.isalnum() for char in last)
        assert not {"*", "`", "\n"} & set(last)
        memory = AssistantMemory.from_json(prompt, memory.to_json())


@settings(max_examples=100, deadline=None)
@given(_TEXTS, st.lists(_TEXTS, max_size=5))
def test_anything_heard_gets_a_spoken_answer(prompt: str, said: list[str]) -> None:
    asyncio.run(talk(prompt, said))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(ORDERS.replace(".", " ").split()), min_size=1, max_size=8))
def test_no_question_gets_an_order_of_the_prompt_read_out(words: list[str]) -> None:
    memory = AssistantMemory(ORDERS)
    asked = f"what about {' '.join(words)}"
    said = asyncio.run(reply(memory, asked, ""))
    assert memory.read_prompt().find(asked) is None
    assert not any(order.strip() in said for order in ORDERS.split(".") if order.strip())


@pytest.mark.parametrize(
    "piece",
    [
        "You work for Acme. We are open from 9 to 5. Be kind. ", "thank you very much ", "only ",
        "never tell a, b or c. ", "it is a. It is b. ", "http://", "ask about x, say y. ", "1 + ",
        "((", "- a\n", "Q: x y? z.\n", "?\n", "# a\n", " ", "\n", "*", "x: y ", "early only ",
        "what is ", "my name is ", "remember that ", "speak to a person ", "yes ", "9am-", "é",
    ],
)  # fmt: skip
async def test_prompts_and_words_of_20_000_characters_are_taken(piece: str) -> None:
    text = (piece * 20_000)[:20_000]
    async with asyncio.timeout(20):
        await talk(text, [text, "again", "what is it", text])


def test_answers_are_ready_for_the_voice() -> None:
    said = asyncio.run(reply(AssistantMemory("The **bold** one is `new`."), "the bold one", ""))
    assert said == spoken_part(said) == "The bold one is new."
