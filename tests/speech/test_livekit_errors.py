from __future__ import annotations

from types import SimpleNamespace

import pytest
from livekit.agents import APIConnectionError, APIError, APIStatusError, APITimeoutError

from greenroom.speech.livekit_errors import as_failure, is_lost_connection


def status(code: int) -> APIStatusError:
    return APIStatusError("what the user said", status_code=code)


@pytest.mark.parametrize(
    ("error", "why", "retryable"),
    [
        (status(401), "refused the key (401)", False),
        (status(403), "refused the key (403)", False),
        (status(3000), "refused the key (3000)", False),
        (status(400), "refused the request (400)", False),
        (status(402), "refused the request (402)", False),
        (status(408), "answered with status 408", True),
        (status(503), "answered with status 503", True),
        (status(1011), "closed the connection (1011)", True),
        (status(1008), "closed the connection (1008)", False),
        (status(-1), "lost the connection", True),
        (APITimeoutError("what the user said"), "did not answer in time", True),
        (TimeoutError(), "did not answer in time", True),
        (APIConnectionError("what the user said"), "lost the connection", True),
        (APIConnectionError("x", retryable=False), "lost the connection", False),
        (APIError("no audio for: what the user said"), "reported an error", True),
        (APIError("x", retryable=False), "reported an error", False),
        (KeyError("what the user said"), "failed (KeyError)", True),
    ],
)
def test_an_error_is_told_without_its_message(error: Exception, why: str, retryable: bool) -> None:
    failure = as_failure("livekit:x", error)
    assert (failure.provider, failure.why, failure.retryable) == ("livekit:x", why, retryable)


def test_the_time_to_wait_belongs_to_rate_limiting_only() -> None:
    assert as_failure("livekit:x", status(429), 7.0).retry_after == 7
    assert as_failure("livekit:x", status(429)).retry_after is None
    assert as_failure("livekit:x", status(503), 7.0).retry_after is None


def test_an_error_that_wraps_another_is_told_as_the_other() -> None:
    wrapper = status(-1)
    wrapper.__cause__ = APITimeoutError()
    assert as_failure("livekit:x", wrapper).why == "did not answer in time"


class _Refused(Exception):
    """As the errors of websockets and httpx are."""

    def __init__(self, status_code: int) -> None:
        self.response = SimpleNamespace(status_code=status_code)


@pytest.mark.parametrize(("code", "retryable"), [(401, False), (429, True)])
def test_a_status_that_a_plugin_has_hidden_is_found(code: int, retryable: bool) -> None:
    hidden = OSError()
    hidden.__context__ = _Refused(code)
    error = APIConnectionError()
    error.__cause__ = hidden
    failure = as_failure("livekit:x", error, 7.0)
    assert str(code) in failure.why
    assert failure.retryable is retryable
    assert failure.retry_after == (7 if code == 429 else None)
    assert not is_lost_connection(error)


@pytest.mark.parametrize(
    ("error", "lost"),
    [
        (status(1006), True),
        (status(-1), True),
        (APIConnectionError(), True),
        (APITimeoutError(), False),
        (status(429), False),
        (status(500), False),
        (ValueError(), False),
    ],
)
def test_only_a_lost_connection_counts_as_one(error: Exception, lost: bool) -> None:
    assert is_lost_connection(error) is lost
