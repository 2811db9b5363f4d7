"""The duplex session API: its model, its sessions, its port."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import numpy as np
import orjson
from starlette.applications import Starlette

from greenroom.api.access import Access
from greenroom.api.auth import Authenticator, SessionTokens
from greenroom.api.duplex.app import DuplexApi
from greenroom.api.duplex.parts import DuplexParts
from greenroom.api.duplex.views import session_body
from greenroom.api.mcp.app import McpApi
from greenroom.app.duplex_models import open_duplex_model
from greenroom.app.engines import Engines
from greenroom.app.foundation import Foundation
from greenroom.audio.pcm import Pcm
from greenroom.duplex.archive import TalkArchive
from greenroom.duplex.parts import TalkParts
from greenroom.duplex.ports import TrackedSession
from greenroom.duplex.sessions import TalkSessions
from greenroom.duplex.voices import VOICES, engine_voice
from greenroom.duplex.webhook import Webhooks, signing_key

_AUDIENCE = "greenroom-duplex"
"""Tokens of other APIs' sessions say nothing here, nor these there."""


@dataclass(frozen=True, slots=True)
class DuplexService:
    """The API, the application of its port, and what was chosen for what, in words."""

    api: DuplexApi
    mcp: McpApi
    app: Starlette
    chosen: tuple[tuple[str, str], ...]

    async def drain(self, seconds: float) -> None:
        """Take no more, give those that talk `seconds` to finish, then end all."""
        await self.api.drain(seconds)
        await self.mcp.close()


async def open_duplex(
    base: Foundation, engines: Engines, stack: AsyncExitStack, address: str
) -> DuplexService:
    """Make it ready, to be ended with `stack`; clients reach its port at `address`, an http URL.

    Raises ConfigurationError where a setting doesn't fit.
    """
    settings, secret = base.settings, base.credentials.jwt_secret
    duplex, clock = settings.duplex, asyncio.get_running_loop()
    model = await open_duplex_model(base, engines, stack)
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
    access = Access.to_duplex(Authenticator(base.credentials.api_keys, base.keys, tokens), settings)

    async def speak(voice: str, text: str) -> tuple[Pcm, int]:
        said = engines.synthesizer.speak(text, engine_voice(voice))
        return np.concatenate([chunk.pcm async for chunk in said]), engines.synthesizer.rate

    async def find_recording(tracked: TrackedSession) -> Path | None:
        found = await base.recordings.find(tracked.session.id)
        return found[-1] if found else None

    parts = DuplexParts(
        settings=settings,
        sessions=sessions,
        access=access,
        speak=speak,
        find_recording=find_recording,
        checks={"api": partial(base.sessions.list, limit=1), "model": model.check},
    )
    api, mcp = DuplexApi(parts), McpApi(parts, address)
    await mcp.open()
    stack.push_async_callback(mcp.close)
    chosen = (("duplex model", model.uri),)
    return DuplexService(api, mcp, api.app([mcp.route()]), chosen)


def _now() -> datetime:
    return datetime.now(UTC)
