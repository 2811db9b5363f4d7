from __future__ import annotations

from decimal import Decimal

from greenroom.providers.prices import PriceTable
from greenroom.providers.usage import Usage
from greenroom.settings import Price


def test_each_kind_of_use_has_its_price() -> None:
    table = PriceTable(
        {
            "openai:whisper-1": Price(audio_minute=0.006),
            "openai:tts-1": Price(million_characters=15),
            "openai:gpt-5-mini": Price(million_input_tokens=0.25, million_output_tokens=2),
        }
    )
    heard = Usage("transcriber", "openai:whisper-1?language=en", audio_seconds=90)
    said = Usage("synthesizer", "openai:tts-1", characters=2_000, audio_seconds=60)
    thought = Usage("model", "openai:gpt-5-mini", requests=1, input_tokens=4_000, output_tokens=100)
    assert table.cost(heard) == Decimal("0.009")
    assert table.cost(said) == Decimal("0.03")
    assert table.cost(thought) == Decimal("0.0012")


def test_what_runs_here_is_free_unless_the_operator_prices_it() -> None:
    heard = Usage("transcriber", "pocketsphinx:", audio_seconds=60)
    assert PriceTable({}).cost(heard) == 0
    assert PriceTable({"pocketsphinx:": Price(audio_minute=1)}).cost(heard) == 1


def test_a_provider_that_no_price_is_known_of_has_no_cost() -> None:
    assert PriceTable({}).cost(Usage("model", "openai:gpt-5-mini", requests=1)) is None


def test_the_same_uri_with_options_may_have_a_price_of_its_own() -> None:
    table = PriceTable(
        {"openai:m": Price(audio_minute=1), "openai:m?language=fr": Price(audio_minute=2)}
    )
    assert table.cost(Usage("transcriber", "openai:m?language=fr", audio_seconds=60)) == 2
    assert table.cost(Usage("transcriber", "openai:m?language=en", audio_seconds=60)) == 1
