"""Provider URIs: strict, and silent about values."""

from __future__ import annotations

import pytest

from greenroom.errors import ConfigurationError
from greenroom.speech.provider_uri import ProviderUri, parse_provider_uri

OPTIONS = ("base_url", "key", "rate", "speed", "format", "voices", "stream", "instructions")


def parse(uri: str) -> ProviderUri:
    return parse_provider_uri("providers.synthesizer", uri, OPTIONS)


def test_a_uri_is_taken_apart() -> None:
    uri = parse(
        "openai:hexgrad/Kokoro%2D82M?rate=16000&instructions=Speak+up%2C%20please&speed=1.5"
    )
    assert (uri.scheme, uri.name) == ("openai", "hexgrad/Kokoro-82M")
    assert uri.whole("rate", 24_000, 8_000, 48_000) == 16_000
    assert uri.number("speed", 1, 0.25, 4) == 1.5
    assert uri.text("instructions") == "Speak up, please"


def test_what_is_not_given_takes_its_default() -> None:
    uri = parse("openai:")
    assert uri.name == ""
    assert uri.whole("rate", 24_000, 8_000, 48_000) == 24_000
    assert uri.text("key", "OPENAI_API_KEY") == "OPENAI_API_KEY"
    assert uri.choice("format", "pcm", ("pcm", "wav")) == "pcm"
    assert uri.flag("stream", default=True)
    assert uri.pairs("voices") == {}
    assert uri.http_url("base_url", "https://api.openai.com/v1") == "https://api.openai.com/v1"


def test_a_name_may_hold_a_colon_and_a_slash() -> None:
    assert parse("livekit:deepgram/nova-3:en").name == "deepgram/nova-3:en"


@pytest.mark.parametrize(
    ("uri", "says"),
    [
        ("openai:m?voice=nova", r"no option 'voice'; allowed: base_url, format"),
        ("openai:m?rate=1&rate=2", "option 'rate' is given twice"),
        ("openai:m?rate", r"options are written \?option=value"),
        ("openai:m?" + "&".join(f"rate={n}" for n in range(40)), "options are written"),
        ("openai:two words", "spaces or control characters"),
        ("openai:m%0Ax", "spaces or control characters"),
    ],
)
def test_a_slip_is_an_error_that_names_the_setting(uri: str, says: str) -> None:
    with pytest.raises(ConfigurationError, match=says) as raised:
        parse(uri)
    assert raised.value.setting == "providers.synthesizer"


@pytest.mark.parametrize("value", ["fast", "5", "-1", "nan", "inf", ""])
def test_a_number_out_of_its_range_is_refused(value: str) -> None:
    with pytest.raises(ConfigurationError, match=r"'speed' .* a number from 0.25 to 4"):
        parse(f"openai:m?speed={value}").number("speed", 1, 0.25, 4)


def test_a_whole_number_is_whole() -> None:
    with pytest.raises(ConfigurationError, match="a whole number from 8000 to 48000"):
        parse("openai:m?rate=16000.5").whole("rate", 24_000, 8_000, 48_000)


def test_a_word_that_is_not_allowed_is_refused_with_those_that_are() -> None:
    with pytest.raises(ConfigurationError, match="one of pcm, wav"):
        parse("openai:m?format=flac").choice("format", "pcm", ("pcm", "wav"))


def test_a_flag_is_true_or_false() -> None:
    assert not parse("openai:m?stream=false").flag("stream", default=True)
    with pytest.raises(ConfigurationError, match="one of true, false"):
        parse("openai:m?stream=yes").flag("stream", default=True)


def test_an_empty_text_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="'instructions'"):
        parse("openai:m?instructions=").text("instructions")


def test_pairs_are_a_map() -> None:
    uri = parse("openai:m?voices=Ashley:nova,%20Craig:en-us%2Bm3:x")
    assert uri.pairs("voices") == {"Ashley": "nova", "Craig": "en-us+m3:x"}


@pytest.mark.parametrize("value", ["", "Ashley", "Ashley:", ":nova", "A:b,A:c", "A:b,"])
def test_pairs_that_are_none_are_refused(value: str) -> None:
    with pytest.raises(ConfigurationError, match="pairs such as Ashley:nova"):
        parse(f"openai:m?voices={value}").pairs("voices")


def test_a_url_loses_its_final_slash() -> None:
    uri = parse("openai:m?base_url=http://127.0.0.1:8880/v1/")
    assert uri.http_url("base_url", "") == "http://127.0.0.1:8880/v1"


@pytest.mark.parametrize(
    "value",
    [
        "mine.example/v1",
        "ftp://speech.example",
        "http://",
        "http://user:secret@mine.example/v1",
        "http://mine.example:port/v1",
        "http://mine.example/v1%3Fa=b",
        "http://[::1/v1",
    ],
)
def test_a_url_that_is_none_is_refused_without_repeating_it(value: str) -> None:
    with pytest.raises(ConfigurationError, match=r"'base_url' .* a URL such as") as raised:
        parse(f"openai:m?base_url={value}").http_url("base_url", "")
    assert value not in str(raised.value)
    assert "secret" not in str(raised.value)


def test_neither_a_message_nor_a_repr_repeats_a_value() -> None:
    uri = parse("openai:m?key=sk-secret&speed=sk-secret")
    assert "sk-secret" not in repr(uri)
    with pytest.raises(ConfigurationError) as raised:
        uri.number("speed", 1, 0, 2)
    assert "sk-secret" not in str(raised.value)
