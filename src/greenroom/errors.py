"""Errors that carry data. An API floor turns them into its contract's error body."""

from __future__ import annotations

from collections.abc import Sequence


class GreenroomError(Exception):
    """The root: anything Greenroom raises on purpose."""


class ClientError(GreenroomError):
    """The caller did something that it can do differently."""


class ServerError(GreenroomError):
    """Greenroom, or something that it depends on, failed."""


class InvalidInput(ClientError):
    """A value that a client sent does not fit.

    `field` is the wire's dotted path of the value (`data.sample_rate`), `problem` what is wrong
    with it, `allowed` what would be right.
    """

    def __init__(self, field: str, problem: str, allowed: str = "") -> None:
        self.field, self.problem, self.allowed = field, problem, allowed
        super().__init__(f"{field}: {problem}" + (f"; allowed: {allowed}" if allowed else ""))


class SessionNotFound(ClientError):
    """No session of this id exists for the caller."""

    def __init__(self, session_id: str) -> None:
        self.session_id = session_id
        super().__init__(f"no session {session_id}")


class SessionEnded(ClientError):
    """The session has ended and can't be used any more."""

    def __init__(self, session_id: str, reason: str) -> None:
        self.session_id, self.reason = session_id, reason
        super().__init__(f"session {session_id} has ended ({reason})")


class ProductNotFound(ClientError):
    """No product of this id is in the catalogue."""

    def __init__(self, product_id: str) -> None:
        self.product_id = product_id
        super().__init__(f"no product {product_id}")


class Unauthorized(ClientError):
    """No credential, or one that is not valid. `why` is safe to show."""

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(why)


class Forbidden(ClientError):
    """The credential is valid but not for this. `why` is safe to show."""

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(why)


class CapacityExceeded(ClientError):
    """A bound was reached; nothing was allocated."""

    def __init__(self, what: str, limit: int) -> None:
        self.what, self.limit = what, limit
        super().__init__(f"at most {limit} {what}")


class ConfigurationError(GreenroomError):
    """A setting is missing or wrong. `setting` is its dotted name."""

    def __init__(self, setting: str, problem: str) -> None:
        self.setting, self.problem = setting, problem
        super().__init__(f"setting {setting}: {problem}")


class ProviderFailed(ServerError):
    """A transcriber, synthesizer, model or catalogue failed or took too long.

    `why` never holds a key, nor what a user said. `retryable` is false where the same request would
    fail again (a wrong key, say). `retry_after` is in seconds, where the provider said it.
    """

    def __init__(
        self, provider: str, why: str, *, retryable: bool = True, retry_after: float | None = None
    ) -> None:
        self.provider, self.why = provider, why
        self.retryable, self.retry_after = retryable, retry_after
        super().__init__(f"{provider}: {why}")


class ProviderUnavailable(ConfigurationError):
    """A provider that a setting names can't be used here; `problem` says how to mend that."""


class UnknownProvider(ConfigurationError):
    """A provider URI whose scheme nothing answers to."""

    def __init__(self, setting: str, uri: str, known: Sequence[str]) -> None:
        self.uri, self.known = uri, tuple(known)
        super().__init__(setting, f"no provider {uri!r}; known: {', '.join(sorted(known))}")
