"""`openai-realtime:MODEL`, a `DuplexModel` on OpenAI's Realtime API or a server that speaks it.

Options of the URI: `base_url` (`http://host/v1`), `key` (the variable that holds the key),
`transcriber` (the API's model that writes down what the user says).
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial

from openai import AsyncOpenAI

from greenroom.duplex.openai_realtime.connection import open_realtime, session_of
from greenroom.duplex.openai_realtime.talk import RealtimeTalk
from greenroom.duplex.ports import Persona, Said, TalkListener
from greenroom.errors import ProviderFailed
from greenroom.providers.clock import Clock
from greenroom.sessions.model import Session
from greenroom.settings import DuplexSettings
from greenroom.speech.openai_account import (
    ACCOUNT_OPTIONS,
    NO_KEY,
    Account,
    read_account,
    read_model,
)
from greenroom.speech.ports import ProviderContext
from greenroom.speech.provider_uri import parse_provider_uri

DEFAULT_MODEL = "gpt-realtime-2.1"
DEFAULT_TRANSCRIBER = "gpt-transcribe"


class RealtimeModel:
    """Each talk has a connection of its own."""

    def __init__(
        self, account: Account, model: str, transcriber: str, clock: Clock, kept: float
    ) -> None:
        self.uri = f"openai-realtime:{model}"
        self._account = account
        self._model = model
        self._transcriber = transcriber
        self._clock = clock
        self._kept = kept
        self._client = AsyncOpenAI(
            api_key=account.key or NO_KEY, base_url=account.base_url, max_retries=0
        )
        self._talks: set[RealtimeTalk] = set()
        self._trouble: ProviderFailed | None = None

    async def open(
        self,
        session: Session,  # noqa: ARG002 - the port's
        persona: Persona,
        listener: TalkListener,
        said: Sequence[Said],
    ) -> RealtimeTalk:
        """Begin a talk. Raises InvalidInput for a voice that doesn't exist."""
        connect = partial(
            open_realtime,
            self._client,
            self._account,
            self.uri,
            self._model,
            session_of(persona, self._transcriber),
            self._clock,
        )
        talk = RealtimeTalk(
            self.uri,
            connect,
            said,
            listener,
            self._clock,
            self._kept,
            on_closed=self._talks.discard,
            on_state=self._on_state,
        )
        self._talks.add(talk)
        return talk

    async def warm_up(self) -> None:
        """Nothing: a connection is one talk's, and costs."""

    async def check(self) -> None:
        """Raises ProviderFailed where the last talk that was begun has failed."""
        if self._trouble is not None:
            raise ProviderFailed(self.uri, self._trouble.why)

    async def close(self) -> None:
        """End every talk."""
        await asyncio.gather(*[talk.close() for talk in tuple(self._talks)])
        await self._client.close()

    def _on_state(self, trouble: ProviderFailed | None) -> None:
        self._trouble = trouble


def create(
    uri: str, context: ProviderContext, *, clock: Clock, settings: DuplexSettings
) -> RealtimeModel:
    """The model that `uri` names. Call it on the event loop.

    Raises ConfigurationError, ProviderUnavailable where there is no key.
    """
    parsed = parse_provider_uri("duplex.model", uri, {*ACCOUNT_OPTIONS, "transcriber"})
    account = read_account(parsed, context)
    return RealtimeModel(
        account,
        read_model(parsed, account, DEFAULT_MODEL),
        parsed.text("transcriber", DEFAULT_TRANSCRIBER),
        clock,
        settings.max_early_audio,
    )
