"""Hearing over OpenAI's HTTP API, against a server on a real socket."""

from __future__ import annotations

import asyncio
import io
import logging
import wave
from collections.abc import AsyncIterator, Callable
from typing import Any

import numpy as np
import pytest

from greenroom.audio.pcm import HEARING_RATE, Pcm, samples_of
from greenroom.errors import ConfigurationError, ProviderFailed, ProviderUnavailable
from greenroom.speech import openai_account, openai_client, openai_transcriber
from greenroom.speech.openai_client import OpenAIClient, Patience
from greenroom.speech.openai_transcriber import OpenAITranscriber, Wish, create
from greenroom.speech.ports import ProviderContext, Transcript
from greenroom.speech.registry import create_transcriber
from support.openai_server import (
    KEY,
    Behaviour,
    OpenAIServer,
    openai_server,
    refused,
    silent,
    stalled,
    unavailable_html,
)

URI = "openai:gpt-4o-mini-transcribe"
NOTHING = Transcript("", 0.0, final=True)
Make = Callable[..., OpenAITranscriber]


def voice(ms: float = 1_000, level: int = 6_000) -> Pcm:
    time = np.arange(samples_of(ms)) / HEARING_RATE
    return (level * np.sin(2 * np.pi * 220 * time)).astype(np.int16)


@pytest.fixture
async def server() -> AsyncIterator[OpenAIServer]:
    async with openai_server() as server:
        yield server


@pytest.fixture
async def make(server: OpenAIServer, data_dir: Any) -> AsyncIterator[Make]:
    """`make(uri, patience)`: a transcriber of the server."""
    made: list[OpenAITranscriber] = []

    def make(
        uri: str = URI, *, vocabulary: tuple[str, ...] = (), secrets: dict[str, str] | None = None
    ) -> OpenAITranscriber:
        known = {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": server.url} | (secrets or {})
        context = ProviderContext(data_dir, vocabulary=vocabulary, secret=known.get)
        made.append(create(uri, context))
        return made[-1]

    yield make
    for transcriber in made:
        await transcriber.close()


async def hear(
    transcriber: OpenAITranscriber, pcm: Pcm | None = None, partials: list[Transcript] | None = None
) -> Transcript:
    stream = transcriber.open(None if partials is None else partials.append)
    sound = voice() if pcm is None else pcm
    for at in range(0, len(sound), 512):
        stream.feed(sound[at : at + 512])
    async with asyncio.timeout(10):
        return await stream.finish()


async def failure(transcriber: OpenAITranscriber) -> ProviderFailed:
    with pytest.raises(ProviderFailed) as raised:
        await hear(transcriber)
    assert raised.value.provider == transcriber.uri
    assert KEY not in str(raised.value)
    assert "show me" not in str(raised.value)
    return raised.value


async def test_a_turn_is_sent_as_it_was_fed_and_heard(server: OpenAIServer, make: Make) -> None:
    partials: list[Transcript] = []
    pcm = voice(1_234)
    heard = await hear(make(), pcm, partials)
    assert heard == Transcript("show me running shoes", pytest.approx(np.exp(-0.1)), final=True)
    assert [partial.text for partial in partials] == [
        "show me",
        "show me running",
        "show me running shoes",
    ]
    assert not any(partial.final for partial in partials)
    [sound] = [part for part in server.requests[0].parts() if part.name == "file"]
    with wave.open(io.BytesIO(sound.content)) as file:
        assert file.getframerate() == HEARING_RATE
        assert file.readframes(file.getnframes()) == pcm.tobytes()
    assert server.requests[0].form() == {
        "model": ["gpt-4o-mini-transcribe"],
        "response_format": ["json"],
        "stream": ["true"],
        "include[]": ["logprobs"],
    }


async def test_words_come_while_the_server_still_recognises(
    server: OpenAIServer, make: Make
) -> None:
    hold = Behaviour(hold_at=60)
    server.behave(hold)
    first = asyncio.get_running_loop().create_future()
    stream = make().open(lambda partial: first.done() or first.set_result(partial))
    stream.feed(voice())
    final = asyncio.create_task(stream.finish())
    async with asyncio.timeout(5):
        assert (await first).text == "show me"
        assert not final.done()
        hold.release.set()
        assert (await final).text == server.transcript


@pytest.mark.parametrize(
    ("uri", "fields"),
    [
        (
            "openai:?language=en",
            {
                "model": ["gpt-transcribe"],
                "stream": ["true"],
                "languages[]": ["en"],
                "keywords[]": ["backpack", "jacket"],
            },
        ),
        (
            "openai:gpt-4o-transcribe?stream=false&language=de",
            {
                "model": ["gpt-4o-transcribe"],
                "language": ["de"],
                "include[]": ["logprobs"],
                "prompt": ["Words that may come up: backpack, jacket."],
            },
        ),
        (
            "openai:whisper-1",
            {
                "model": ["whisper-1"],
                "response_format": ["verbose_json"],
                "prompt": ["Words that may come up: backpack, jacket."],
            },
        ),
        (
            "openai:gpt-4o-transcribe-diarize",
            {"model": ["gpt-4o-transcribe-diarize"], "stream": ["true"]},
        ),
        (
            "openai:Systran/faster-whisper-small?detail=false",
            {
                "model": ["Systran/faster-whisper-small"],
                "prompt": ["Words that may come up: backpack, jacket."],
            },
        ),
    ],
)
async def test_each_model_is_asked_for_what_it_can_do(
    server: OpenAIServer,
    make: Make,
    monkeypatch: pytest.MonkeyPatch,
    uri: str,
    fields: dict[str, list[str]],
) -> None:
    monkeypatch.setattr(openai_account, "OPENAI", server.url)  # which has a default model
    sentences = ("show me a backpack", "is the jacket there", "backpack please")
    transcriber = make(uri, vocabulary=sentences)
    server.hearing_models += (*fields["model"],)
    assert (await hear(transcriber)).text == "show me running shoes"
    assert server.requests[0].form() == {"response_format": ["json"]} | fields


async def test_a_long_vocabulary_is_cut_to_what_a_prompt_holds(
    server: OpenAIServer, make: Make
) -> None:
    words = [f"w{chr(97 + i // 26)}{chr(97 + i % 26)}nder" for i in range(500)]
    await hear(make("openai:whisper-1", vocabulary=tuple(f"show me {word}" for word in words)))
    [prompt] = server.requests[0].form()["prompt"]
    assert 550 < len(prompt) < 650


@pytest.mark.parametrize("ms", [0, 50, 99])
async def test_what_is_too_short_for_a_word_costs_no_request(
    server: OpenAIServer, make: Make, ms: int
) -> None:
    assert await hear(make(), voice(ms)) == NOTHING
    assert server.requests == []


async def test_silence_costs_no_request(server: OpenAIServer, make: Make) -> None:
    quiet = np.random.default_rng(0).normal(0, 8, HEARING_RATE).astype(np.int16)
    assert await hear(make(), quiet) == NOTHING
    assert server.requests == []


async def test_a_turn_is_bounded(
    server: OpenAIServer, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openai_transcriber, "MAX_SECONDS", 2)
    await hear(make(), voice(3_000))
    with wave.open(io.BytesIO(server.requests[0].parts()[-1].content)) as file:
        assert file.getnframes() == 2 * HEARING_RATE


@pytest.mark.parametrize(
    ("text", "logprob", "no_speech", "ms", "heard"),
    [
        ("Thank you.", -0.2, 0.01, 1_500, "Thank you."),
        ("Thank you.", -0.2, 0.5, 1_500, ""),
        ("Thanks for watching!", -0.7, 0.1, 1_500, ""),
        ("Thank you.", -0.2, 0.01, 150, ""),
        ("Yes.", -0.2, 0.01, 200, "Yes."),
        ("Show me all the shoes that you have, please.", -0.2, 0.01, 200, ""),
        ("Show me all.", -2.0, 0.01, 1_500, ""),
        ("Backpack, jacket.", -0.7, 0.01, 1_500, ""),
        ("Words that may come up: backpack, jacket.", -0.1, 0.01, 1_500, ""),
        ("I'll do it. " * 9, -0.1, 0.01, 1_500, "I'll do it."),
        ("no no no", -0.2, 0.01, 1_500, "no no no"),
        (" ... ", -0.2, 0.01, 1_500, ""),
        ("[BLANK_AUDIO]", -0.2, 0.01, 1_500, ""),
    ],
)
async def test_what_the_model_made_up_is_not_heard(
    server: OpenAIServer,
    make: Make,
    text: str,
    logprob: float,
    no_speech: float,
    ms: int,
    heard: str,
) -> None:
    server.transcript = text
    server.segments = ({"text": text, "avg_logprob": logprob, "no_speech_prob": no_speech},)
    transcriber = make("openai:whisper-1", vocabulary=("a backpack", "a jacket"))
    quiet = np.zeros(samples_of(600), np.int16)
    result = await hear(transcriber, np.concatenate([quiet, voice(ms), quiet]))
    assert result.text == heard
    assert (result == NOTHING) is (not heard)


async def test_confidence_is_the_mean_probability_of_the_segments(
    server: OpenAIServer, make: Make
) -> None:
    server.segments = (
        {"text": "x" * 30, "avg_logprob": -0.1, "no_speech_prob": 0.9},
        {"text": "x" * 10, "avg_logprob": -0.5, "no_speech_prob": 0.0},
        {"text": "x" * 10, "avg_logprob": "broken"},
    )
    heard = await hear(make("openai:whisper-1"))
    assert heard.confidence == pytest.approx(np.exp(-0.2))


@pytest.mark.parametrize(
    "body",
    [
        b'{"text": "blue socks"}',
        b'{"text": "blue socks", "segments": []}',
        b'{"text": "blue socks", "segments": [1, {"avg_logprob": true}, {"avg_logprob": NaN}]}',
        b'{"text": "blue socks", "logprobs": [null]}',
    ],
)
async def test_a_server_that_tells_nothing_is_believed_a_little_less(
    server: OpenAIServer, make: Make, body: bytes
) -> None:
    server.behave(Behaviour(body=body, kind="application/json"))
    assert await hear(make()) == Transcript("blue socks", pytest.approx(0.8), final=True)


async def test_a_stream_without_its_last_event_is_heard(server: OpenAIServer, make: Make) -> None:
    events = (
        b": a comment\r\n\r\nevent: x\r\n"
        b'data: {"type":"transcript.text.delta","delta":"blue"}\r\n\r\n'
        b'data: {"type":"something.new"}\n\n'
        b'data:{"type":"transcript.text.delta","delta":" socks"}\n\ndata: [DONE]\n\n'
    )
    server.behave(Behaviour(body=events, piece=7))
    assert await hear(make()) == Transcript("blue socks", pytest.approx(0.8), final=True)


@pytest.mark.parametrize(
    ("behaviour", "says", "retryable", "retry_after"),
    [
        (refused(400, "bad_thing"), r"refused \(400, bad_thing\)", False, None),
        (refused(401, "invalid_api_key"), "OPENAI_API_KEY was refused", False, None),
        (refused(403), "no right", False, None),
        (refused(404, "model_not_found"), "model 'gpt-4o-mini-transcribe' is unknown", False, None),
        (refused(404), "does not exist; is base_url right", False, None),
        (refused(422), "422", False, None),
        (Behaviour(404, b'{"detail":"Model x is not installed"}'), "is unknown", False, None),
        (
            Behaviour(422, b'{"detail":[{"loc":["body","model"],"msg":"?","input":{"voice":1}}]}'),
            "is unknown",
            False,
            None,
        ),
        (Behaviour(400, b'{"error":"no stream with this model"}'), "was refused", False, None),
        (refused(429, "rate_limit_exceeded", {"retry-after": "7"}), "too many", True, 7.0),
        (refused(429, "", {"retry-after-ms": "1500", "retry-after": "2"}), "too many", True, 1.5),
        (
            refused(
                429,
                "",
                {
                    "date": "Sun, 22 Nov 2026 10:00:00 GMT",
                    "retry-after": "Sun, 22 Nov 2026 10:00:09 GMT",
                },
            ),
            "too many",
            True,
            9.0,
        ),
        (refused(429, "", {"retry-after": "inf"}), "too many", True, None),
        (refused(429, "insufficient_quota"), "quota is used up", False, None),
        (refused(500, "server_error"), r"failed \(500, server_error\)", True, None),
        (unavailable_html(), r"failed \(503\)", True, None),
        (Behaviour(307, headers={"location": "http://127.0.0.1:1/"}), "redirects", False, None),
        (Behaviour(400, b'["sk-not-a-code"]'), r"refused \(400\)", False, None),
        (
            Behaviour(400, b'{"error": {"code": "sk-0123", "type": 5}}'),
            r"refused \(400\)",
            False,
            None,
        ),
        (Behaviour(body=b"", kind="application/json"), "is no JSON", True, None),
        (Behaviour(body=b"<html>", kind="application/json"), "is no JSON", True, None),
        (Behaviour(body=b'{"txt": 1}', kind="application/json"), "no transcript", True, None),
        (Behaviour(body=b"[1]", kind="application/json"), "no transcript", True, None),
        (Behaviour(body=b"data: {oops}\n\n"), "is no JSON", True, None),
        (Behaviour(body=b"data: [DONE]\n\n"), "no transcript", True, None),
        (Behaviour(body=b'data: {"error":{"message":"x"}}\n\n'), "broke its answer", True, None),
        (Behaviour(cut_at=-1), "connection broke", True, None),
        (Behaviour(cut_at=0), "connection broke", True, None),
        (Behaviour(cut_at=80), "connection broke", True, None),
        (Behaviour(body=b'data: "' + b"x" * 4_000_000), "without end", True, None),
    ],
)
async def test_trouble_is_told_for_what_it_is(
    server: OpenAIServer,
    make: Make,
    behaviour: Behaviour,
    says: str,
    retryable: bool,
    retry_after: float | None,
) -> None:
    transcriber = make()
    server.behave(behaviour)
    error = await failure(transcriber)
    assert error.retryable is retryable
    assert error.retry_after == retry_after
    with pytest.raises(ProviderFailed, match=says):
        raise error
    # The next turn is served, whatever became of this one.
    assert (await hear(transcriber)).text == server.transcript


@pytest.mark.parametrize(
    ("behaviour", "patience", "says"),
    [
        (silent(), Patience(idle=0.3), "sent nothing for 0.3 s"),
        (stalled(50), Patience(idle=0.3), "sent nothing for 0.3 s"),
        (stalled(50), Patience(total=0.3), "took longer than 0.3 s"),
    ],
)
async def test_a_server_that_hangs_is_not_waited_for_long(
    server: OpenAIServer, make: Make, behaviour: Behaviour, patience: Patience, says: str
) -> None:
    account = make()._client.account
    client = OpenAIClient(URI, "gpt-4o-mini-transcribe", account, patience)
    fields = {"model": client.model, "response_format": "json"}
    transcriber = OpenAITranscriber(URI, client, Wish(fields))
    server.transcript = "x" * 100
    server.behave(behaviour)
    error = await failure(transcriber)
    assert says in error.why
    assert error.retryable
    await server.requests[0].gone.wait()
    await transcriber.close()


async def test_the_words_of_a_refusal_are_not_waited_for_long(
    server: OpenAIServer, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openai_client, "_REFUSAL_TIME", 0.05)
    server.behave(Behaviour(500, b"x" * 100, hold_at=50))
    assert "(500)" in (await failure(make())).why


async def test_the_end_of_a_stream_is_not_waited_for(server: OpenAIServer, make: Make) -> None:
    events = server._events(None)[:-1]
    server.behave(Behaviour(body=b"".join(events), hold_at=sum(map(len, events))))
    assert (await hear(make())).text == server.transcript
    await server.requests[0].gone.wait()


async def test_a_server_that_is_not_there_is_told_at_once(make: Make) -> None:
    transcriber = make(secrets={"OPENAI_BASE_URL": "http://127.0.0.1:1/v1"})
    error = await failure(transcriber)
    assert "127.0.0.1 can't be reached" in error.why
    with pytest.raises(ProviderFailed, match="can't be reached"):
        await transcriber.warm_up()


async def test_ten_turns_use_one_connection(server: OpenAIServer, make: Make) -> None:
    transcriber = make()
    await transcriber.warm_up()
    for _ in range(10):
        await hear(transcriber)
    assert {request.connection for request in server.requests} == {1}
    assert len(server.requests) == 11


async def test_turns_at_once_do_not_wait_for_each_other(server: OpenAIServer, make: Make) -> None:
    transcriber = make()
    server.behave(silent())
    stuck = asyncio.create_task(hear(transcriber))
    await server.request()
    assert (await hear(transcriber)).text == server.transcript
    stuck.cancel()
    await asyncio.gather(stuck, return_exceptions=True)


async def test_a_turn_that_is_cancelled_sends_nothing(server: OpenAIServer, make: Make) -> None:
    stream = make().open()
    stream.feed(voice())
    stream.cancel()
    stream.cancel()
    stream.feed(voice())
    assert await stream.finish() == NOTHING
    assert server.requests == []


async def test_cancelling_takes_the_request_back(server: OpenAIServer, make: Make) -> None:
    partials: list[Transcript] = []
    server.behave(stalled(80))
    stream = make().open(partials.append)
    stream.feed(voice())
    final = asyncio.create_task(stream.finish())
    request = await server.request()
    stream.cancel()
    async with asyncio.timeout(5):
        assert await final == NOTHING
        await request.gone.wait()
    assert partials == []


async def test_a_caller_that_is_cancelled_takes_the_request_back(
    server: OpenAIServer, make: Make
) -> None:
    server.behave(silent())
    final = asyncio.create_task(hear(make()))
    request = await server.request()
    final.cancel()
    with pytest.raises(asyncio.CancelledError):
        await final
    async with asyncio.timeout(5):
        await request.gone.wait()


async def test_closing_ends_what_goes_on(server: OpenAIServer, make: Make) -> None:
    transcriber = make()
    server.behave(silent())
    final = asyncio.create_task(failure(transcriber))
    request = await server.request()
    await transcriber.close()
    async with asyncio.timeout(5):
        await final
        await request.gone.wait()
    error = await failure(transcriber)
    assert "is closed" in error.why
    assert not error.retryable


async def test_a_missing_key_is_told_with_how_to_give_it(make: Make) -> None:
    with pytest.raises(ProviderUnavailable, match="no key: set GROQ_API_KEY in the env") as raised:
        make(f"{URI}?key=GROQ_API_KEY")
    assert raised.value.setting == "providers.transcriber"
    with pytest.raises(ProviderUnavailable, match="key=none"):
        make(secrets={"OPENAI_API_KEY": "  "})
    with pytest.raises(ProviderUnavailable, match="can't be a key"):
        make(secrets={"OPENAI_API_KEY": "ключ"})


async def test_a_key_of_another_name_is_used(make: Make) -> None:
    async with openai_server(key="gsk-1") as groq:
        uri = f"{URI}?base_url={groq.url}/&key=GROQ_API_KEY"
        transcriber = make(uri, secrets={"GROQ_API_KEY": " gsk-1\n"})
        await transcriber.warm_up()
        assert (await hear(transcriber)).text == groq.transcript


async def test_a_server_without_keys_is_shown_none(make: Make) -> None:
    async with openai_server(key=None, has_models_list=False) as local:
        transcriber = make(f"{URI}?base_url={local.url}&key=none")
        await transcriber.warm_up()
        assert (await hear(transcriber)).text == local.transcript
        assert all("authorization" not in request.headers for request in local.requests)


async def test_a_key_that_is_refused_ends_the_start(server: OpenAIServer, make: Make) -> None:
    with pytest.raises(
        ProviderUnavailable, match="the key in OPENAI_API_KEY was refused"
    ) as raised:
        await make(secrets={"OPENAI_API_KEY": "sk-wrong"}).warm_up()
    assert raised.value.setting == "providers.transcriber"
    assert "sk-wrong" not in str(raised.value)
    with pytest.raises(ProviderUnavailable, match="asks for a key: give key=NAME"):
        await make(f"{URI}?key=none").warm_up()


@pytest.mark.parametrize("status", [403, 404, 405])
async def test_a_key_that_may_not_list_models_will_do(
    server: OpenAIServer, make: Make, status: int
) -> None:
    server.behave(refused(status))
    await make().warm_up()


async def test_a_server_that_is_down_at_the_start_is_told(server: OpenAIServer, make: Make) -> None:
    server.behave(unavailable_html())
    with pytest.raises(ProviderFailed, match="503"):
        await make().warm_up()


@pytest.mark.parametrize(
    ("uri", "says"),
    [
        ("openai:m?key=sk-secret", "'key' .* the name of the variable"),
        ("openai:m?language=english", "'language' .* two or three letters"),
        ("openai:m?voices=Ashley:nova", "no option 'voices'"),
        ("openai:", "names no model of 127.0.0.1"),
        ("openai:m?base_url=speech.example", "'base_url' .* a URL"),
    ],
)
async def test_a_uri_that_does_not_fit_is_refused(make: Make, uri: str, says: str) -> None:
    with pytest.raises(ConfigurationError, match=says) as raised:
        make(uri)
    assert raised.value.setting == "providers.transcriber"
    assert "sk-secret" not in str(raised.value)


async def test_a_base_url_that_is_none_is_told_by_its_variable(make: Make) -> None:
    with pytest.raises(ConfigurationError, match="what OPENAI_BASE_URL holds is no URL"):
        make(secrets={"OPENAI_BASE_URL": "speech.example"})


async def test_the_key_is_in_no_repr_and_no_log(
    server: OpenAIServer, make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    transcriber = make()
    server.behave(Behaviour(), refused(401, "invalid_api_key"))
    await hear(transcriber)
    await failure(transcriber)
    client = transcriber._client
    assert KEY not in repr([transcriber, client, vars(client), vars(transcriber)])
    assert caplog.records
    assert KEY not in caplog.text
    assert "shoes" not in caplog.text


def test_it_is_found_by_its_scheme(data_dir: Any) -> None:
    context = ProviderContext(data_dir, secret={"OPENAI_API_KEY": KEY}.get)
    transcriber = create_transcriber("openai:", context)
    assert isinstance(transcriber, OpenAITranscriber)
    assert transcriber._client.model == "gpt-transcribe"
    assert transcriber._client.account.is_openai
