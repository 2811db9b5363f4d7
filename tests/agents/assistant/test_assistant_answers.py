"""Questions that the prompt answers, as ears hear them, and those that it doesn't."""

from __future__ import annotations

import re

import pytest

from greenroom.agents.assistant.intents import recognise
from greenroom.agents.assistant.knowledge import knowledge_of
from greenroom.agents.assistant.phrases import likely_sentences
from greenroom.agents.assistant.words import stem, words_of

CLINIC = """\
You are Mia, a friendly receptionist for Bright Dental in Leeds. Be warm. Never give medical advice.

## Clinic
- Opening hours: Mon-Fri 9am-5pm, Sat 10am-2pm. We are closed on Sundays.
- Address: 12 Station Road, Leeds.
- A check-up costs 45 pounds. Whitening is 199 pounds. It takes about an hour.
- Free parking is available behind the building.
- Patients can cancel up to 24 hours before an appointment without a fee.
- The owner is Dr. Sarah Lee, who founded the clinic in 2009.
- Wi-fi is free for patients.

## Rules
- Always confirm the patient's name.

If asked about insurance, say that we accept Bupa and Denplan.
Tell customers that refunds take 5 days.
Call us at 0113 555 0100 to book.

Q: Do you treat children?
A: Yes, children of all ages are welcome.
"""
SHOP = """\
You sell lamps for Lumen. The small lamp costs 20 euros. The large lamp costs 35 euros. Shipping is
free over 40 euros. We ship to France and Spain. Lamps can be returned within two weeks.
The warranty is two years. You can pay by card or PayPal.
We offer lamps, bulbs and cables. Contact us at help@lumen.com.
"""


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("what are your opening hours", "Monday to Friday 9am to 5pm"),
        ("When do you open on Saturday?", "Saturday 10am"),
        ("are you open on sundays", "closed on Sundays"),
        ("what time do you close", "9am to 5pm"),
        ("where are you located", "12 Station Road"),
        ("what's your address please", "12 Station Road"),
        ("where can i park", "Free parking"),
        ("how much is a checkup", "45 pounds"),
        ("how much does whitening cost", "199 pounds"),
        ("how long does the whitening take", "It takes about an hour"),
        ("what insurance do you take", "Bupa"),
        ("do you treat kids", "children of all ages"),
        ("how can i cancel my appointment", "24 hours before"),
        ("how long do refunds take", "Refunds take 5 days"),
        ("who is the owner", "Sarah Lee"),
        ("when was the clinic founded", "2009"),
        ("do you have wifi", "Wi-fi is free"),
        ("what is your phone number", "0113 555 0100"),
        ("who are bright dental", "receptionist for Bright Dental"),
        ("whitning", "199 pounds"),
    ],
)
def test_the_clinic_answers(question: str, words: str) -> None:
    found = knowledge_of(CLINIC).find(question)
    assert found is not None
    assert words in found.text
    assert found.sure or question == "whitning"


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("what does the large lamp cost", "The large lamp costs 35 euros."),
        ("how much are the lamps", "The small lamp costs 20 euros. The large lamp costs 35 euros."),
        ("do you ship to spain", "We ship to France and Spain."),
        ("can i send it back", "returned within two weeks"),
        ("can i get my money back", "returned within two weeks"),
        ("is there a guarantee", "two years"),
        ("what do you sell", "lamps"),
        ("do you take paypal", "PayPal"),
        ("what's your e mail address", "help@lumen.com"),
        ("do you have a re turn policy", "returned within two weeks"),
        ("how long is the waranty", "two years"),
    ],
)
def test_the_shop_answers(question: str, words: str) -> None:
    found = knowledge_of(SHOP.replace("You can pay", "Customers can pay")).find(question)
    assert found is not None
    assert words in found.text


@pytest.mark.parametrize(
    "question",
    [
        "what's the capital of france",
        "who won the world cup",
        "tell me a joke",
        "do you know a good restaurant",
        "what is the weather like today",
        "how old are you",
        "can you write a poem",
        "is there a discount for students",
        "should i be worried about my tooth",
        "always confirm the patient's name",
        "what is it",
        "and on monday",
        "",
        "?!",
    ],
)
def test_what_the_prompt_does_not_say_is_not_answered(question: str) -> None:
    assert knowledge_of(CLINIC).find(question) is None


def test_an_answer_that_covers_half_is_not_sure() -> None:
    found = knowledge_of(SHOP).find("how bright is the small lamp")
    assert found is not None
    assert not found.sure


def test_a_short_question_goes_on_with_the_topic_before() -> None:
    clinic = knowledge_of(CLINIC)
    first = clinic.find("when are you open")
    assert first is not None
    assert first.topics == ("hours",)
    then = clinic.find("and on saturday", first.topics)
    assert then is not None
    assert "Saturday 10am" in then.text
    assert then.topics == ("hours",)
    assert clinic.find("on saturday evening with friends", first.topics) is None


def test_what_is_offered_is_what_it_knows() -> None:
    assert knowledge_of(SHOP).offers[:3] == ("prices", "how to reach us", "returns")
    assert knowledge_of("You are a customer service representative.").offers == ()
    assert knowledge_of("").find("what do you sell") is None


@pytest.mark.parametrize(
    ("prompt", "name", "role"),
    [
        (
            "You are a helpful customer service representative for ACME Corp. Be friendly.",
            "",
            "a customer service representative for ACME Corp",
        ),
        ("You are Mia, the receptionist at Hill Dental.", "Mia", "the receptionist at Hill Dental"),
        ("You are a clerk for Northwind, an internet provider.", "", "a clerk for Northwind"),
        ("Sell our product. Our product is called ZapClean.", "", ""),
        ("An assistant called Max helps.", "Max", ""),
        ("Be kind.", "", ""),
    ],
)  # fmt: skip
def test_a_prompt_tells_who_speaks(prompt: str, name: str, role: str) -> None:
    knowledge = knowledge_of(prompt)
    assert (knowledge.name, knowledge.role) == (name, role)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("closing", "closes"), ("closed", "close"), ("shipped", "shipping"), ("cities", "city"),
        ("classes", "class"), ("kids", "children"), ("bus", "bus"), ("lamps", "lamp"),
        ("delivery", "deliveries"), ("spring", "spring"),
    ],
)  # fmt: skip
def test_forms_of_a_word_have_one_stem(one: str, other: str) -> None:
    assert stem(one) == stem(other)


def test_words_are_plain_and_numbers_are_digits() -> None:
    assert words_of("What's 1,200 and twenty-one, don't you?") == [
        *["what", "1200", "and", "21", "don't", "you"]
    ]


def test_likely_sentences_are_plain_words_that_ask_or_tell_something() -> None:
    sentences = likely_sentences()
    assert len(set(sentences)) == len(sentences) > 200
    assert all(re.fullmatch(r"[a-z']+(?: [a-z']+)*", sentence) for sentence in sentences)
    wishes = {recognise(sentence).intent for sentence in sentences}
    assert {"question", "person", "who", "sum", "note", "date", "name_asked"} <= wishes
    assert "unclear" not in wishes
