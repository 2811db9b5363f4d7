"""What it means that a server with OpenAI's HTTP API refuses a request.

The server's own words are read for what they are about and then dropped: they may repeat what a
user said, or the key.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any

import orjson

from greenroom.errors import ProviderFailed
from greenroom.speech.openai_account import Account

_SUBJECTS = ("model", "voice")
_USED_UP = {"insufficient_quota", "billing_hard_limit_reached", "billing_not_active"}
_LATER = {408, 409, 425, 429}
"""Statuses that a later request may not meet; and every 5xx."""


class Refused(ProviderFailed):
    """The server answered with an error. `subjects` are those of `model` and `voice` it names."""

    def __init__(
        self,
        provider: str,
        why: str,
        *,
        status: int,
        subjects: frozenset[str],
        retryable: bool,
        retry_after: float | None,
    ) -> None:
        super().__init__(provider, why, retryable=retryable, retry_after=retry_after)
        self.status, self.subjects = status, subjects


def refusal(
    provider: str,
    account: Account,
    url: str,
    model: str,
    *,
    status: int,
    headers: Mapping[str, str],
    body: bytes,
) -> Refused:
    """The error for an answer of `status`; `headers` by their names in lower case."""
    error = _error(body)
    words = _words(error)
    codes = _codes(error)
    used_up = not _USED_UP.isdisjoint(codes)
    retryable = (status in _LATER or status >= 500) and not used_up
    said = ", ".join([str(status), *codes])
    if used_up:
        why = "the quota is used up"
    elif status == 401 and account.key is None:
        why = "it asks for a key: give key=NAME, the variable that holds it"
    elif status == 401:
        why = f"the key in {account.key_name} was refused"
    elif status == 403:
        why = f"the key in {account.key_name} has no right to do this"
    elif _is_about_model(status, error):
        why = f"model {model!r} is unknown at {account.host}"
    elif status == 404:
        why = f"{url} does not exist; is base_url right?"
    elif 300 <= status < 400:
        why = "it redirects: base_url must be the address itself"
    elif status == 429:
        why = "too many requests"
    else:
        why = "the request was refused" if status < 500 else "the server failed"
    return Refused(
        provider,
        f"{why} ({said})",
        status=status,
        subjects=frozenset(subject for subject in _SUBJECTS if subject in words),
        retryable=retryable,
        retry_after=_retry_after(headers) if retryable else None,
    )


def _error(body: bytes) -> Any:
    """What the body says of the error: OpenAI's `error`, FastAPI's `detail`, or all of it."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return body.decode(errors="replace")
    if isinstance(value, dict):
        return value.get("error") or value.get("detail") or value
    return value


_PLACES = ("param", "loc", "code")
"""What names the field of the request that is wrong."""
_TEXTS = ("message", "msg", "detail")


def _words(error: Any, names: tuple[str, ...] = (*_PLACES, *_TEXTS)) -> str:
    """What the error is about, in lower case. Of the request, which some repeat, nothing."""
    if isinstance(error, list):
        return " ".join(_words(each, names) for each in error)
    if isinstance(error, dict):
        return " ".join(str(error.get(name, "")) for name in names).lower()
    return str(error).lower()


def _codes(error: Any) -> list[str]:
    """The error's code and type, where they are plain words: nothing that could be a key."""
    found = [error.get(name) for name in ("code", "type")] if isinstance(error, dict) else []
    words = [word for word in found if isinstance(word, str) and re.fullmatch("[a-z_]{1,40}", word)]
    return list(dict.fromkeys(words))


def _is_about_model(status: int, error: Any) -> bool:
    """OpenAI says `model_not_found`; others name the model in a 404, or as the wrong field."""
    if status == 404:
        return "model" in _words(error)
    named = isinstance(error, dict | list) and "model" in _words(error, _PLACES)
    return named and status in {400, 422}


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds, from `retry-after-ms` (OpenAI's own) or `retry-after` (RFC 9110, 10.2.3)."""
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            seconds = float(headers.get(name, "")) * unit
        except ValueError:
            continue
        if math.isfinite(seconds):
            return max(0.0, seconds)
    try:
        moment = parsedate_to_datetime(headers.get("retry-after", ""))
        sent = parsedate_to_datetime(headers.get("date", ""))
        return max(0.0, (moment - sent).total_seconds())
    except (TypeError, ValueError):
        return None
