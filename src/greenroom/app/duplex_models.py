"""What duplex sessions talk with, as the settings name it."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

from greenroom.agents.interview.tools import FINISH
from greenroom.app.conversations import Cast, Conversations, Kept, preferred_voice
from greenroom.app.engines import Engines, warm_up
from greenroom.app.foundation import Foundation
from greenroom.app.metering import Meter
from greenroom.app.providers import interview_agents
from greenroom.duplex.archive import persona_of
from greenroom.duplex.cascade.model import CascadeModel
from greenroom.duplex.fallback import FirstThatIsWell
from greenroom.duplex.ports import DuplexModel
from greenroom.errors import UnknownProvider
from greenroom.providers.prices import PriceTable
from greenroom.providers.usage import UsageListener
from greenroom.sessions.model import Session
from greenroom.speech.transcriber_chain import TranscriberChain

SCHEMES = ("cascade", "personaplex", "openai-realtime")


async def open_duplex_model(
    base: Foundation, engines: Engines, stack: AsyncExitStack
) -> DuplexModel:
    """The models of `duplex.model` as one, warm, to be ended with `stack`.

    All servers of PersonaPlex are one pool, which has the place of the first of them. Raises
    ConfigurationError.
    """
    duplex, clock = base.settings.duplex, asyncio.get_running_loop()
    # Without a shop's words: people talk of anything.
    transcriber = engines.transcriber(stack)
    models: dict[str, DuplexModel] = {}
    for uri in duplex.model:
        scheme = uri.partition(":")[0]
        if scheme not in SCHEMES:
            raise UnknownProvider("duplex.model", uri, SCHEMES)
        if scheme in models:
            continue
        if scheme == "cascade":
            models[scheme] = _cascade(base, engines, transcriber, stack)
        elif scheme == "personaplex":
            from greenroom.duplex.personaplex import model as personaplex  # noqa: PLC0415

            uris = [each for each in duplex.model if each.startswith("personaplex:")]
            models[scheme] = personaplex.create(
                uris,
                transcriber=transcriber,
                voice_activity=engines.voice_activity,
                clock=clock,
                settings=duplex,
                turns=base.settings.turns,
            )
        else:
            # The SDK takes a second to import: only where it is used.
            from greenroom.duplex.openai_realtime import model as openai_realtime  # noqa: PLC0415

            context = engines.context
            models[uri] = openai_realtime.create(uri, context, clock=clock, settings=duplex)
    chosen = list(models.values())
    model = chosen[0] if len(chosen) == 1 else FirstThatIsWell(chosen)
    stack.push_async_callback(model.close)
    await warm_up(transcriber.warm_up, model.warm_up)
    return model


def _cascade(
    base: Foundation, engines: Engines, transcriber: TranscriberChain, stack: AsyncExitStack
) -> CascadeModel:
    """The server's own ears and voice, and an interviewer's mind."""
    settings, providers = base.settings, base.settings.providers
    agents = interview_agents(settings)
    stack.push_async_callback(agents.close)

    def new_agent(session: Session, kept: Kept, on_usage: UsageListener) -> Cast:
        prompt = persona_of(session).text_prompt
        agent = agents.create(prompt, kept, on_usage, seed=session.id)
        return Cast(agent, agent.opening(), preferred_voice(session))

    return CascadeModel(
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
        warm_up=[engines.synthesizer.warm_up, agents.warm_up],
        chains=[transcriber.snapshot, engines.synthesizer.snapshot],
        last_tool=FINISH,
    )
