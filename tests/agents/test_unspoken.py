"""What a model writes and nobody hears."""

from __future__ import annotations

import random

import pytest

from greenroom.agents.unspoken import SilentParts, spoken_part


def heard(*pieces: str) -> str:
    silent = SilentParts()
    return "".join([*map(silent.push, pieces), silent.finish()])


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("<think>The user wants shoes. $12?</think>Here are two.", " Here are two."),
        ("Hm <THINK>no</Think>yes", "Hm  yes"),
        ("<thinking>a</thinking>b<reasoning>c</reasoning>d", " b d"),
        ('<tool_call>{"name": "add_to_cart"}</tool_call>Done.', " Done."),
        ("Look:\n```python\nprint('x')\n```\nNice.", "Look:\n \nNice."),
        ("<think>never closed, so never said", " "),
        ("```json\n{}", " "),
        ("2 < 3 and <b>bold</b>, `code`", "2 < 3 and <b>bold</b>, `code`"),
        ("it ends with <thin", "it ends with <thin"),
        ("it ends with ``", "it ends with ``"),
    ],
)
def test_thoughts_and_code_are_dropped_however_the_stream_is_cut(text: str, left: str) -> None:
    assert heard(text) == left
    assert heard(*text) == left
    rng = random.Random(7)
    for _ in range(50):
        cuts = sorted(rng.choices(range(len(text) + 1), k=5))
        pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
        assert heard(*pieces) == left


def test_what_is_no_tag_is_not_held_back() -> None:
    silent = SilentParts()
    assert silent.push("The Comet is $89. ") == "The Comet is $89. "
    assert silent.push("a <") == "a "
    assert silent.push("b> c") == "<b> c"


def test_a_thought_without_end_is_not_kept() -> None:
    silent = SilentParts()
    silent.push("<think>")
    for _ in range(1_000):
        assert silent.push("and then again " * 10) == ""
    assert len(silent._held) < 20
    assert silent.push("</think>So.") == "So."


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("[laughs] Sure, **two** of them!", "Sure, two of them!"),
        ("<happy>Great choice.</happy>", "Great choice."),
        ("*smiles* That one is lovely.", "That one is lovely."),
        ("(sighs) It's sold out.", "It's sold out."),
        ("*laughs softly* Okay (chuckles warmly) then.", "Okay then."),
        ('One moment.<break time="1s"/> Here it is.', "One moment. Here it is."),
        ("# The Comet", "The Comet"),
        ("- The Comet, *really* light", "The Comet, really light"),
        ("2. The Feather", "The Feather"),
        ("Yes! \U0001f600\U0001f44d\U0001f3fd It's here ❤️.", "Yes! It's here."),
        ("See [the shoe](https://shop.example/p/1).", "See the shoe."),
        ("Pay at https://shop.example/cart/1:2?x=y.", "Pay at the link."),
        ("Go to www.shop.example, please.", "Go to the link, please."),
        ("It's `Comet` &amp; ~~old~~ __new__.", "It's Comet & old new."),
        ("| a | b |", "a, b"),
        ("<|im_end|>Bye.</think>", "Bye."),
        ("It is gid://shopify/Product/7001 here.", "It is here."),
        ("***", ""),
        ("😀", ""),
        ("[sigh]", ""),
        ("The size is 10 (ten), in 20 °C.", "The size is 10 (ten), in 20 °C."),
        ("It costs €49.50, that's 5 * 2 things.", "It costs €49.50, that's 5 2 things."),
        ("We have S, M (medium) and L.", "We have S, M (medium) and L."),
    ],
)
def test_a_sentence_is_cleaned_for_the_ear(written: str, spoken: str) -> None:
    assert spoken_part(written) == spoken
