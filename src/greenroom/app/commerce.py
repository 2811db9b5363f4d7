"""The voice commerce API: its providers chosen, warmed and wired."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass

from greenroom.api.auth import Authenticator, SessionTokens
from greenroom.api.commerce.app import CommerceApi
from greenroom.api.commerce.parts import CommerceParts
from greenroom.api.limits import RateLimits
from greenroom.app.conversations import Cast, Conversations, Kept, preferred_voice
from greenroom.app.engines import Engines, warm_up, without_options
from greenroom.app.foundation import Foundation
from greenroom.app.metering import Meter
from greenroom.app.providers import create_catalogue, shop_agents, shop_sentences
from greenroom.commerce.context import ShopContext
from greenroom.commerce.toolbox import Toolbox
from greenroom.providers.prices import PriceTable
from greenroom.providers.usage import UsageListener
from greenroom.rooms.recording.conversations import RecordedConversations
from greenroom.rooms.tokens import LiveKitTokens
from greenroom.sessions.model import Session


@dataclass(frozen=True, slots=True)
class CommerceService:
    """The API, and what was chosen for what, in words."""

    api: CommerceApi
    chosen: tuple[tuple[str, str], ...]


async def open_commerce(
    base: Foundation, engines: Engines, stack: AsyncExitStack
) -> CommerceService:
    """Make it ready, to be ended with `stack`.

    Raises ConfigurationError where a setting doesn't fit.
    """
    settings, credentials, providers = base.settings, base.credentials, base.settings.providers
    catalogue = create_catalogue(settings)
    stack.push_async_callback(catalogue.close)
    toolbox = Toolbox(catalogue)
    transcriber = engines.transcriber(stack, await shop_sentences(catalogue))
    agents = shop_agents(settings, toolbox)
    stack.push_async_callback(agents.close)
    await warm_up(transcriber.warm_up, engines.synthesizer.warm_up, agents.warm_up)
    limits = RateLimits(settings.rates, base.redis_url)
    stack.push_async_callback(limits.close)

    def new_agent(session: Session, kept: Kept, on_usage: UsageListener) -> Cast:
        agent = agents.create(ShopContext.from_json(kept), on_usage)
        return Cast(agent, providers.greeting, preferred_voice(session))

    ttl = settings.auth.session_token_ttl
    api = CommerceApi(
        CommerceParts(
            settings=settings,
            sessions=base.sessions,
            catalogue=catalogue,
            toolbox=toolbox,
            conversations=RecordedConversations(
                Conversations(
                    settings,
                    base.sessions,
                    engines.voice_activity,
                    transcriber,
                    engines.synthesizer,
                    Meter(PriceTable(providers.prices), providers.currency),
                    new_agent,
                ),
                base.recordings,
            ),
            authenticator=Authenticator(
                credentials.api_keys, base.keys, SessionTokens(credentials.jwt_secret, ttl)
            ),
            limits=limits,
            livekit=LiveKitTokens(credentials.livekit_key, credentials.livekit_secret, ttl),
            rooms=base.rooms.rooms,
        )
    )
    return CommerceService(api, (("shop", without_options(catalogue.uri)),))
