"""Requests, answers, errors and repetitions, without a network."""

from __future__ import annotations

import json
import pickle
from collections.abc import Generator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import voice_agent as sdk
from voice_agent import requests
from voice_agent.address import read_address, read_secret
from voice_agent.backoff import delays
from voice_agent.errors import ConnectionFailed, error_of_answer
from voice_agent.requests import Answer, Request, exchange

SESSION = {"session_id": "s1", "token": "tok-secret", "expires_at": "2026-01-20T15:00:00Z"}


def ok(body: Any) -> Answer:
    return Answer(200, {}, json.dumps(body).encode())


def refusal(status: int, code: str, **details: Any) -> Answer:
    body = {"error": {"code": code, "message": "because", "details": details}}
    return Answer(status, {}, json.dumps(body).encode())


def drive(request: Request[Any], *outcomes: Any, retries: int = 2) -> tuple[Any, list[float]]:
    """What comes of a request whose attempts have these outcomes, and the waits before them."""
    steps: Generator[float, Any, Any] = exchange(request, retries)
    waits = [next(steps)]
    for outcome in outcomes:
        try:
            waits.append(steps.send(outcome))
        except StopIteration as done:
            return done.value, waits
    raise AssertionError("it asks for one attempt more")


def test_a_session_has_an_aware_time_and_hides_its_token() -> None:
    session, _ = drive(requests.create_session(None, None), ok(SESSION))
    assert session.expires_at == datetime(2026, 1, 20, 15, tzinfo=UTC)
    assert session.token == "tok-secret"
    assert "tok-secret" not in repr(session)


def test_only_what_is_given_is_sent() -> None:
    body = requests.create_session(None, {"source": "web"}).body
    assert json.loads(body or b"") == {"metadata": {"source": "web"}}
    search = requests.search_products(
        "shoes", category=None, min_price=None, max_price=Decimal("99.5"), size="10", limit=3
    )
    assert json.loads(search.body or b"") == {
        "query": "shoes",
        "limit": 3,
        "filters": {"price_range": {"max": 99.5}, "size": "10"},
    }


def test_an_event_has_a_key_that_every_repetition_has_too() -> None:
    first = json.loads(requests.track_event("s", "view", None, None).body or b"")
    second = json.loads(requests.track_event("s", "view", None, None).body or b"")
    assert 1 <= len(first["event_key"]) <= 128
    assert first["event_key"] != second["event_key"]
    own = json.loads(requests.track_event("s", "view", None, "mine").body or b"")
    assert own["event_key"] == "mine"


def test_an_id_can_not_leave_its_place_in_the_path() -> None:
    assert requests.get_session("../x?y#z").path == "/api/sessions/..%2Fx%3Fy%23z"
    for bad in ("", ".", ".."):
        with pytest.raises(ValueError, match="session_id"):
            requests.get_session(bad)


PASSING = [
    ConnectionFailed("no"),
    refusal(500, "INTERNAL_ERROR"),
    refusal(502, "SHOPIFY_API_ERROR"),
    refusal(429, "RATE_LIMIT_EXCEEDED", retry_after=1, limit=10),
    Answer(503, {}, b"<html>"),
]


@pytest.mark.parametrize("outcome", PASSING)
def test_what_passes_is_tried_again_after_a_wait(outcome: Any) -> None:
    health = {"status": "healthy", "version": "1", "checks": {"api": "healthy"}}
    answer, waits = drive(requests.health(), outcome, outcome, ok(health))
    assert answer.healthy
    assert waits[0] == 0
    assert all(wait > 0 for wait in waits[1:])


@pytest.mark.parametrize("outcome", PASSING)
def test_what_would_be_done_twice_is_not_tried_again(outcome: Any) -> None:
    for request in (requests.create_session(None, None), requests.run_tool("x", None, None)):
        with pytest.raises(sdk.VoiceAgentError):
            drive(request, outcome)


def test_after_so_many_repetitions_the_last_failure_is_raised() -> None:
    with pytest.raises(ConnectionFailed, match="third"):
        drive(
            requests.health(),
            *(ConnectionFailed(which) for which in ("first", "second", "third")),
        )
    with pytest.raises(ConnectionFailed, match="first"):
        drive(requests.health(), ConnectionFailed("first"), retries=0)


def test_a_server_that_asks_for_a_long_wait_is_believed_and_not_waited_for() -> None:
    with pytest.raises(sdk.RateLimitExceeded) as caught:
        drive(requests.health(), refusal(429, "RATE_LIMIT_EXCEEDED", retry_after=900, limit=1000))
    assert (caught.value.retry_after, caught.value.limit) == (900, 1000)
    _, waits = drive(
        requests.end_session("s"),
        refusal(429, "RATE_LIMIT_EXCEEDED", retry_after=7),
        ok({"message": "ended", "duration_seconds": 3}),
    )
    assert waits[1] == 7


CODES: list[tuple[int, str, type[sdk.VoiceAgentError]]] = [
    (401, "UNAUTHORIZED", sdk.Unauthorized),
    (403, "FORBIDDEN", sdk.Forbidden),
    (404, "NOT_FOUND", sdk.NotFound),
    (400, "VALIDATION_ERROR", sdk.ValidationError),
    (405, "VALIDATION_ERROR", sdk.ValidationError),
    (502, "SHOPIFY_API_ERROR", sdk.ShopifyApiError),
    (502, "LIVEKIT_ERROR", sdk.LiveKitError),
    (429, "RATE_LIMIT_EXCEEDED", sdk.RateLimitExceeded),
    (500, "INTERNAL_ERROR", sdk.InternalError),
    (418, "SOMETHING_NEW", sdk.VoiceAgentError),
]


@pytest.mark.parametrize(("status", "code", "kind"), CODES)
def test_every_code_has_its_exception(
    status: int, code: str, kind: type[sdk.VoiceAgentError]
) -> None:
    with pytest.raises(sdk.VoiceAgentError) as caught:
        drive(requests.get_session("s"), refusal(status, code, field="x"), retries=0)
    error = caught.value
    assert type(error) is kind
    assert (error.code, error.message, error.status) == (code, "because", status)
    assert error.details == {"field": "x"}
    assert str(error) == f"{code}: because"


@pytest.mark.parametrize(
    "error",
    [
        sdk.ConnectionFailed("x", {"a": 1}),
        sdk.SessionEnded("idle_timeout", 1000),
        sdk.UnexpectedAnswer("x", 204),
        sdk.MicrophoneError("x"),
        sdk.RateLimitExceeded("RATE_LIMIT_EXCEEDED", "x", {"limit": 3}, 429),
    ],
)
def test_an_error_can_be_pickled(error: sdk.VoiceAgentError) -> None:
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert type(again) is type(error)
    assert vars(again) == vars(error)


def test_a_refusal_without_the_contracts_body_is_told_by_its_status() -> None:
    limited = error_of_answer(429, {"retry-after": "12"}, b"slow down")
    assert isinstance(limited, sdk.RateLimitExceeded)
    assert limited.retry_after == 12
    assert limited.limit is None
    assert isinstance(error_of_answer(401, {}, b""), sdk.Unauthorized)
    assert isinstance(error_of_answer(504, {}, b'{"error": []}'), sdk.InternalError)
    assert isinstance(error_of_answer(302, {}, b'{"error": {"code": 1}}'), sdk.UnexpectedAnswer)


def test_the_field_of_a_validation_error_is_named() -> None:
    error = error_of_answer(400, {}, refusal(400, "VALIDATION_ERROR", field="data.limit").body)
    assert isinstance(error, sdk.ValidationError)
    assert error.field == "data.limit"
    assert sdk.ValidationError("VALIDATION_ERROR", "x").field is None


@given(st.binary(max_size=100), st.integers(100, 599))
def test_no_refusal_whatever_its_body_is_anything_but_an_error(body: bytes, status: int) -> None:
    assert isinstance(error_of_answer(status, {}, body), sdk.VoiceAgentError)


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"[]", b'{"session_id": 3}', b'{"session_id": "s"}', b"[" * 9_999]
    + [json.dumps(SESSION | {"expires_at": when}).encode() for when in (5, "soon")],
)
def test_an_answer_of_something_else_names_what_is_wrong_and_shows_nothing(body: bytes) -> None:
    with pytest.raises(sdk.UnexpectedAnswer, match="POST /api/sessions: ") as caught:
        drive(requests.create_session(None, None), Answer(200, {}, body))
    assert "tok-secret" not in str(caught.value)


def test_a_product_may_have_no_price_size_or_stock() -> None:
    variant = {"id": "v", "available": False}
    product = {"id": "p", "title": "T", "price": None, "variants": [variant]}
    priced = product | {"price": {"amount": "150.10", "currency": "USD"}}
    body = {"products": [product, priced], "total_count": 5, "has_more": True}
    request = requests.search_products(
        "", category=None, min_price=None, max_price=None, size=None, limit=2
    )
    found, _ = drive(request, ok(body))
    bare, full = found.products
    assert bare.price is None
    assert bare.variants[0].inventory_quantity is None
    assert full.price == sdk.Money(Decimal("150.10"), "USD")
    for amount in ("x", "NaN"):
        priced["price"] = {"amount": amount, "currency": "USD"}
        with pytest.raises(sdk.UnexpectedAnswer, match="amount"):
            drive(request, ok(body))


def test_delays_double_up_to_a_bound_with_jitter() -> None:
    waits = [next(each) for each in [delays()] for _ in range(10)]
    for number, wait in enumerate(waits):
        most = min(0.2 * 2**number, 5.0)
        assert most / 2 <= wait <= most


@pytest.mark.parametrize(
    ("given", "base", "voice"),
    [
        ("http://localhost:8000", "http://localhost:8000", "ws://localhost:8000"),
        ("https://api.example.com/", "https://api.example.com", "wss://api.example.com"),
        (
            "https://example.com/http/v1/",
            "https://example.com/http/v1",
            "wss://example.com/http/v1",
        ),
        ("http://[::1]:80", "http://[::1]:80", "ws://[::1]:80"),
    ],
)
def test_a_base_url_becomes_the_urls_of_rest_and_voice(given: str, base: str, voice: str) -> None:
    address = read_address(given)
    assert address.base_url == base
    assert address.voice_url == voice + "/ws/voice/session"


@pytest.mark.parametrize(
    "bad",
    [
        *("", "localhost:8000", "ftp://host", "ws://host", "http://", "http:///x", "http://a b"),
        *("http://host:99999", "http://host:x", "http://[::1", "http://user:hidden@host"),
        *("http://host?x=1", "http://host/#", "http://host\r\nX: y", "http://hôst", "http://h\\x"),
    ],
)
def test_a_base_url_that_is_none_is_refused_with_a_right_one(bad: str) -> None:
    with pytest.raises(ValueError, match=r"base_url") as caught:
        read_address(bad)
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize("bad", ["", "key\r\nX-Evil: 1", "key 1", "kéy", "k" * 5_000, "key\x00"])
def test_a_key_that_would_change_the_header_is_refused_and_not_shown(bad: str) -> None:
    with pytest.raises(ValueError, match="api_key") as caught:
        read_secret(bad, "api_key")
    assert not bad or bad not in str(caught.value)


def test_values_of_another_type_are_refused() -> None:
    with pytest.raises(TypeError, match="api_key must be a str, not NoneType"):
        read_secret(None, "api_key")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="base_url must be a str, not bytes"):
        read_address(b"http://x")  # type: ignore[arg-type]


def test_settings_are_checked_when_the_client_is_made() -> None:
    for settings, named in (({"timeout": 0}, "timeout"), ({"retries": -1}, "retries")):
        with pytest.raises(ValueError, match=named):
            sdk.VoiceAgentClient(api_key="k", **settings)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"audio_format": "opus"}, "audio_format"),
        ({"sample_rate": 16_000}, "sample_rate is for"),
        ({"audio_format": "pcm16", "sample_rate": 4}, "8000 to 48000"),
        ({"events": ["nosuch"]}, "agent.interrupted, playback, reconnected"),
        ({"reconnect_for": -1}, "reconnect_for"),
        ({"max_ahead": 61}, "max_ahead"),
    ],
)
def test_unfit_options_of_a_voice_session_are_named(options: dict[str, Any], named: str) -> None:
    with sdk.VoiceAgentClient(api_key="k") as client, pytest.raises(ValueError, match=named):
        client.connect_voice("t", **options)
