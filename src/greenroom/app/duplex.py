"""The duplex session API: its model, its sessions, its port."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import orjson
from starlette.applications import Starlette

from greenroom.agents.ports import Agent
from greenroom.api.auth import Authenticator, SessionTokens
from greenroom.api.duplex.access import Access
from greenroom.api.duplex.app import DuplexApi
from greenroom.api.duplex.parts import DuplexParts
from greenroom.api.duplex.views import session_body
from greenroom.app.conversations import Conversations, Kept
from greenroom.app.engines import Engines, warm_up, without_options
from greenroom.app.foundation import Foundation
from greenroom.app.metering import Meter
from greenroom.app.providers import interview_agents
from greenroom.audio.pcm import Pcm
from greenroom.duplex.archive import TalkArchive, persona_of
from greenroom.duplex.cascade.model import CascadeModel
from greenroom.duplex.parts import TalkParts
from greenroom.duplex.ports import DuplexModel, TrackedSession
from greenroom.duplex.sessions import TalkSessions
from greenroom.duplex.voices import VOICES, engine_voice
from greenroom.duplex.webhook import Webhooks, signing_key
from greenroom.providers.prices import PriceTable
from greenroom.providers.usage import UsageListener
from greenroom.sessions.model import Session

_AUDIENCE = "greenroom-duplex"
"""Tokens of other APIs' sessions say nothing here, nor these there."""


@dataclass(frozen=True, slots=True)
class DuplexService:
    """The API, the application of its port, and what was chosen for what, in words."""

    api: DuplexApi
    app: Starlette
    chosen: tuple[tuple[str, str], ...]


async def open_duplex(base: Foundation, engines: Engines, stack: AsyncExitStack) -> DuplexService:
    """Make it ready, to be ended with `stack`.

    Raises ConfigurationError where a setting doesn't fit.
    """
    settings, secret = base.settings, base.credentials.jwt_secret
    duplex, clock = settings.duplex, asyncio.get_running_loop()
    model = await _cascade(base, engines, stack)
    archive = TalkArchive(base.sessions)
    webhooks = Webhooks(
        base.sessions,
        archive,
        lambda tracked: orjson.dumps(session_body(tracked)),
        signing_key(
            duplex.webhook_secret.get_secret_value() if duplex.webhook_secret else None, secret
        ),
        clock=clock,
        now=_now,
        allow_private=duplex.webhook_private,
    )
    stack.push_async_callback(webhooks.close)
    sessions = TalkSessions(
        TalkParts(
            sessions=base.sessions,
            archive=archive,
            settings=duplex,
            model=model,
            voices=VOICES,
            webhooks=webhooks,
            recordings=base.recordings,
            clock=clock,
            now=_now,
        )
    )
    stack.push_async_callback(sessions.drain, 0)
    webhooks.start()
    tokens = SessionTokens(secret, duplex.enter_timeout + duplex.max_duration, audience=_AUDIENCE)
    access = Access(Authenticator(base.credentials.api_keys, base.keys, tokens), settings)

    async def speak(voice: str, text: str) -> tuple[Pcm, int]:
        said = engines.synthesizer.speak(text, engine_voice(voice))
        return np.concatenate([chunk.pcm async for chunk in said]), engines.synthesizer.rate

    async def find_recording(tracked: TrackedSession) -> Path | None:
        found = await base.recordings.find(tracked.session.id)
        return found[-1] if found else None

    async def storage() -> None:
        await base.sessions.list(limit=1)

    api = DuplexApi(
        DuplexParts(
            settings=settings,
            sessions=sessions,
            access=access,
            speak=speak,
            find_recording=find_recording,
            checks={"api": storage, "model": model.check},
        )
    )
    chosen = (("duplex model", without_options(model.uri)),)
    return DuplexService(api, api.app(), chosen)


async def _cascade(base: Foundation, engines: Engines, stack: AsyncExitStack) -> DuplexModel:
    """Ears without a shop's words, an interviewer's mind, the server's voice."""
    settings, providers = base.settings, base.settings.providers
    transcriber = engines.transcriber(stack)
    agents = interview_agents(settings)
    stack.push_async_callback(agents.close)

    def new_agent(session: Session, kept: Kept, on_usage: UsageListener) -> tuple[Agent, str]:
        prompt = persona_of(session).text_prompt
        agent = agents.create(prompt, kept, on_usage, seed=session.id)
        return agent, agent.opening()

    model = CascadeModel(
        Conversations(
            settings,
            base.sessions,
            engines.voice_activity,
            transcriber,
            engines.synthesizer,
            Meter(PriceTable(providers.prices), providers.currency),
            new_agent,
            writes_words=False,
        ),
        records=base.sessions.records,
        clock=asyncio.get_running_loop(),
        chains=[transcriber.snapshot, engines.synthesizer.snapshot],
    )
    stack.push_async_callback(model.close)
    await warm_up(transcriber.warm_up, engines.synthesizer.warm_up, agents.warm_up)
    return model


def _now() -> datetime:
    return datetime.now(UTC)
