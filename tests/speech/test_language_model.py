from __future__ import annotations

from pathlib import Path

import pocketsphinx
import pytest

from greenroom.speech.language_model import BEGIN, END, Background, LanguageModel, build

SENTENCES = ["show me shoes", "show me boots", "show my cart", "add it to my cart"]
BACKGROUND = Background(
    {"the": 0.4, "weather": 0.2, "show": 0.2, "is": 0.2},
    {("the", "weather"): 0.6, ("weather", "is"): 0.5, ("show", "is"): 0.3, (BEGIN, "the"): 0.3},
)


@pytest.fixture
def model() -> LanguageModel:
    return build(SENTENCES, BACKGROUND)


@pytest.mark.parametrize(
    "history",
    [(), ("show",), ("show", "me"), ("the",), ("weather",), ("my", "cart"), ("shoes", "the")],
)
def test_the_chances_of_all_words_add_up_to_one(
    model: LanguageModel, history: tuple[str, ...]
) -> None:
    assert sum(model.probability(w, *history) for w in model.unigrams) == pytest.approx(1)


def test_what_was_said_is_likelier_than_what_was_not(model: LanguageModel) -> None:
    assert model.probability("me", "show") > 10 * model.probability("it", "show")
    assert model.probability("shoes", "show", "me") > 10 * model.probability("cart", "show", "me")
    assert model.probability(END, "my", "cart") > 0.5


def test_the_background_keeps_other_words_possible_and_in_their_order(model: LanguageModel) -> None:
    assert model.probability("weather", "the") > 10 * model.probability("the", "weather") > 0
    assert model.words == {
        "show", "me", "shoes", "boots", "my", "cart", "add", "it", "to", "the", "weather", "is",
    }  # fmt: skip


def test_a_model_of_the_background_alone_or_of_sentences_alone_is_a_model_too() -> None:
    general = build([], BACKGROUND)
    assert sum(general.probability(w, "the") for w in general.unigrams) == pytest.approx(1)
    alone = build(SENTENCES)
    assert sum(alone.probability(w, "show") for w in alone.unigrams) == pytest.approx(1)


def test_what_is_seldom_said_does_not_vanish_beside_what_a_pattern_repeats() -> None:
    sentences = ["help", *(f"show me {thing}" for thing in "abcdefghijklmnopqrstuvwxyz")]
    damped, plain = build(sentences), build(sentences, damping=1.0)
    assert damped.probability("help", BEGIN) > 3 * plain.probability("help", BEGIN)
    assert damped.probability("show", BEGIN) > damped.probability("help", BEGIN)


def test_pocketsphinx_reads_the_file_and_computes_the_same(
    model: LanguageModel, tmp_path: Path
) -> None:
    path = tmp_path / "model.arpa"
    with path.open("w") as out:
        model.write_arpa(out)
    pocketsphinx.set_loglevel("FATAL")
    logs = pocketsphinx.LogMath(1.0001)
    read = pocketsphinx.NGramModel(pocketsphinx.Config(), logs, str(path))
    for word, history in [
        ("me", ("show",)),
        ("shoes", ("show", "me")),
        ("weather", ("the",)),
        ("cart", ("is", "shoes")),
    ]:
        newest_first = [word, *reversed(history)]
        assert logs.exp(read.prob(newest_first)) == pytest.approx(
            model.probability(word, *history), rel=0.02
        )
