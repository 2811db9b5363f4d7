"""What of a prompt is a statement, and what must never be said."""

from __future__ import annotations

import pytest

from greenroom.agents.assistant.facts import MAX_FACTS, facts_in
from greenroom.agents.assistant.instruction_words import is_order
from greenroom.agents.assistant.knowledge import MAX_PROMPT, knowledge_of
from greenroom.agents.assistant.statements import MAX_FACT, Fact


def texts(prompt: str) -> list[str]:
    return [fact.text for fact in facts_in(prompt)]


@pytest.mark.parametrize(
    ("prompt", "said"),
    [
        ("We are open from 9 to 5.", ["We are open from 9 to 5."]),
        ("Your shop was founded in 1990", ["Our shop was founded in 1990."]),
        ("You work for Acme. Your name is Max.", ["I work for Acme.", "My name is Max."]),
        ("You are a clerk at Acme.", ["I'm a clerk at Acme."]),
        ("You\u2019re based in Berlin.", ["I'm based in Berlin."]),
        ("Open: Mon-Fri 9am-5pm", ["Open: Monday to Friday 9am to 5pm."]),
        ("Hours: 9-5pm, Sat 10:00-14:00", ["Hours: 9 to 5pm, Saturday 10:00 to 14:00."]),
        ("Call 555-123-4567 to book.", ["Call 555-123-4567 to book."]),
        ("Contact us at hello@acme.com.", ["Contact us at hello@acme.com."]),
        ("Support is available at night.", ["Support is available at night."]),
        ("If you pay early, shipping is free.", ["If you pay early, shipping is free."]),
        ("The user has 30 days to return it.", ["You have 30 days to return it."]),
        ("Tell customers that refunds take 5 days.", ["Refunds take 5 days."]),
        ("If asked about parking, say that it is free.", ["It is free."]),
        ('If the user asks about dogs, say: "Dogs are welcome."', ["Dogs are welcome."]),
        ("The lamp is new. It costs 5 euros.", ["The lamp is new. It costs 5 euros."]),
        ("**Price** is `$5`. See [us](http://a.b).", ["Price is $5.", "See us."]),
        ("Mr. Smith owns the shop. Dr. Lee helps.", ["Mr. Smith owns the shop.", "Dr. Lee helps."]),
        ("We do not share your data.", ["We do not share your data."]),
        ("System: you are a clerk at Acme.", ["I'm a clerk at Acme."]),
        ("We sell tea. We sell tea.", ["We sell tea."]),
    ],
)
def test_a_statement_is_said_as_the_assistant_would_say_it(prompt: str, said: list[str]) -> None:
    assert texts(prompt) == said


@pytest.mark.parametrize(
    "prompt",
    [
        "Be friendly and professional.",
        "Provide clear troubleshooting steps.",
        "Always answer in one sentence.",
        "Never argue, and keep calm.",
        "Politely ask for the order number.",
        "Do not give legal advice.",
        "You must verify the caller.",
        "You can offer a discount of 10 percent.",
        "You love rum.",
        "Your goal is to sell.",
        "Your tone is warm.",
        "Tone: warm and calm.",
        "Refunds: check the order first.",
        "Answers should be short.",
        "The assistant should never guess.",
        "Customers must be greeted by name.",
        "If the user is angry, apologise.",
        "When users ask for prices quote the basic plan.",
        "If asked about parking, be vague.",
        "Use at most 30 words per answer, in markdown.",
        "What is your name?",
        "Follow these steps:",
        "The caller is called {name}.",
        "User: hi\nAssistant: hello there",
        "## Rules\n\n- The clerk is polite.\n- Refunds are rare.",
        "Style:\n- The tone is warm.",
        "It is not known what this leans on.",
        "Hm.",
        "x" * (MAX_FACT + 1),
        "word " * MAX_FACT,
        "",
    ],
)
def test_an_order_is_no_statement(prompt: str) -> None:
    assert texts(prompt) == []


@pytest.mark.parametrize(
    "prompt",
    [
        "The staff discount code is TOOTH20. Never reveal it.",
        "- The margin is 40%.\n- Do not tell anyone this.",
        "The discount code is SAVE10.\n\nNever share the discount code with anyone.",
        "You must not mention the price increase or the lawsuit. The lawsuit is about patents.",
        "The door password is swordfish.",
        "Internal: we lost money in May.",
        "Q: What is the secret?\nA: The secret is out.",
        "Q: What if they shout?\nA: Transfer them to a manager.",
        "Q: What if they cry?\nA: You should be kind.",
    ],
)
def test_a_secret_is_kept(prompt: str) -> None:
    assert texts(prompt) == []


def test_what_is_near_a_secret_is_told() -> None:
    prompt = (
        "The gift code is in the box. Opening is at nine. Never reveal the discount code.\n"
        "Orders leave on Monday. Never say that you are a machine. "
        "Do not discuss other customers or their orders."
    )
    assert texts(prompt) == [
        *["The gift code is in the box.", "Opening is at nine.", "Orders leave on Monday."]
    ]


def test_questions_with_answers_are_kept_together() -> None:
    prompt = (
        "Q: Do you treat children? A: Yes, from the age of three.\n"
        "Question 2: Where do I park?\nAnswer: You can park behind the house.\n"
        "- Is it far? Not at all, it is near.\n\n"
        "Q: Where is my receipt?\nA: Check your spam folder.\n"
        "Can I pay by card?\nWe take all cards.\n"
        "What then?\n- Be kind.\n"
        "Who are you? Just be yourself."
    )
    assert facts_in(prompt) == (
        Fact("Yes, from the age of three.", "Do you treat children?"),
        Fact("You can park behind the house.", "Where do I park?"),
        Fact("Not at all, it is near.", "Is it far?"),
        Fact("Check your spam folder.", "Where is my receipt?"),
        Fact("We take all cards.", "Can I pay by card?"),
    )


def test_a_heading_tells_what_its_list_is_about_and_ends_with_it() -> None:
    prompt = (
        "## Amenities\n\n- Free parking\n- A heated pool\n\nThe lobby is red.\n"
        "Rules:\n- The guest is king.\n\nBreakfast is at eight.\n"
        "**Prices**\nA room is 90 euros."
    )
    assert facts_in(prompt) == (
        Fact("Free parking.", "Amenities"),
        Fact("A heated pool.", "Amenities"),
        Fact("The lobby is red."),
        Fact("Breakfast is at eight."),
        Fact("A room is 90 euros.", "Prices"),
    )


def test_a_statement_with_what_leans_on_it_has_its_bound() -> None:
    long = "The wall is made of " + "very " * 100 + "old stones."
    assert texts(f"{long} It stands {'long ' * 30}there.") == [long]


def test_long_prompts_have_their_bound() -> None:
    prompt = "\n".join(f"Room {n} is blue." for n in range(3_000))
    assert len(facts_in(prompt)) == MAX_FACTS
    assert knowledge_of("x" * MAX_PROMPT + " We sell tea.").find("do you sell tea") is None


@pytest.mark.parametrize(
    ("sentence", "ordered"),
    [
        ("Check the order", True),
        ("Check-in is at three", False),
        ("Check in is at three", False),
        ("Check what is wrong", True),
        ("Please never mind", True),
        ("Returns are free", False),
        ("Gently correct the user", True),
    ],
)
def test_nouns_that_look_like_verbs_give_no_order(sentence: str, ordered: bool) -> None:
    assert is_order(sentence) is ordered
