"""What both clients share: checked settings, voice connections, how a request is sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from voice_agent.address import Secret, read_address, read_secret
from voice_agent.errors import ConnectionFailed
from voice_agent.requests import Request
from voice_agent.start import AudioFormat, StartOptions
from voice_agent.voice import VoiceConnection

if TYPE_CHECKING:
    import ssl

DEFAULT_URL = "http://localhost:8000"
DEFAULT_TIMEOUT = 20.0

T = TypeVar("T")


class BaseClient:
    """Its subclasses send."""

    def __init__(
        self,
        *,
        api_key: str,
        base_url: str = DEFAULT_URL,
        timeout: float = DEFAULT_TIMEOUT,
        retries: int = 2,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        """Nothing is sent yet.

        `timeout` is in seconds, for each attempt; `retries` says how often a request that may be
        repeated is repeated. `ssl_context` is for servers with a certificate of their own.
        Raises ValueError for an unfit value; it does not show the key.
        """
        if not timeout > 0:
            raise ValueError(f"timeout is {timeout}; it is seconds, more than 0")
        if retries < 0:
            raise ValueError(f"retries is {retries}; it is a number of repetitions, 0 or more")
        self._key = read_secret(api_key, "api_key")
        self._address = read_address(base_url)
        self._timeout = timeout
        self._retries = retries
        self._ssl = ssl_context
        self._open()

    def __repr__(self) -> str:
        return f"{type(self).__name__}(base_url={self._address.base_url!r})"

    def connect_voice(
        self,
        token: str,
        *,
        session_id: str | None = None,
        context: Mapping[str, Any] | None = None,
        user_id: str | None = None,
        voice: str | None = None,
        audio_format: AudioFormat = "mp3",
        sample_rate: int | None = None,
        interim: bool = False,
        events: Sequence[str] = (),
        reconnect_for: float = 30.0,
        max_ahead: float = 30.0,
    ) -> VoiceConnection:
        """A live voice session; use it by `async with`.

        `token` is the session's (or an API key: then `session_id` names a session, or a new one is
        made). `context` has `store_id` and `preferences`, `voice` is one of its preferences.
        `sample_rate` (Hz) is of the agent's voice with `audio_format="pcm16"`. `interim` asks for
        partial transcriptions; `events` for any of `agent.interrupted`, `playback`, `reconnected`.
        `reconnect_for` is how many seconds a broken connection is tried to be made again, 0: never.
        `max_ahead` is how many seconds sent audio may run ahead of real time; the server's bound is
        60. Raises ValueError for an unfit value.
        """
        return VoiceConnection(
            self._address.voice_url,
            read_secret(token, "token"),
            StartOptions(
                session_id=session_id,
                context=context,
                user_id=user_id,
                voice=voice,
                audio_format=audio_format,
                sample_rate=sample_rate,
                interim=interim,
                events=tuple(events),
            ),
            ssl_context=self._ssl,
            open_timeout=self._timeout,
            reconnect_for=reconnect_for,
            max_ahead=max_ahead,
        )

    def _open(self) -> None:
        """Make the HTTP client."""
        raise NotImplementedError

    def _url(self, request: Request[T]) -> str:
        return self._address.base_url + request.path

    def _headers(self, request: Request[T]) -> dict[str, str]:
        return _headers(None if request.public else self._key, has_body=request.body is not None)

    def _verify(self) -> ssl.SSLContext | bool:
        # For plain http the certificates of this machine need not be read: that takes long.
        return self._ssl or self._address.base_url.startswith("https:")


def failed(request: Request[Any], error: Exception) -> ConnectionFailed:
    """What becomes of an error of the HTTP library's."""
    why = str(error) or type(error).__name__
    failure = ConnectionFailed(f"{request.method} {request.path}: {why}")
    failure.__cause__ = error
    return failure


def _headers(key: Secret | None, *, has_body: bool) -> dict[str, str]:
    headers = {"Accept": "application/json"}
    if key is not None:
        headers["Authorization"] = key.bearer
    if has_body:
        headers["Content-Type"] = "application/json"
    return headers
