"""`cascade:`, the duplex model that works everywhere: the engine of the commerce API's talks."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import timedelta

from greenroom.conversation.ports import Conversations
from greenroom.duplex.cascade.talk import CascadeTalk
from greenroom.duplex.ports import Persona, Said, TalkListener
from greenroom.duplex.voices import engine_voice
from greenroom.errors import ProviderFailed
from greenroom.providers.clock import Clock
from greenroom.providers.health import MemberHealth
from greenroom.sessions.model import ContextEntry, Record, Session, TranscriptEntry

ReadRecords = Callable[[str], Awaitable[Sequence[Record]]]
"""The journal of a session, by its id."""

Snapshot = Callable[[], Sequence[MemberHealth]]
"""How the members of a chain of providers do."""


class CascadeModel:
    """A `ports.DuplexModel` on conversations.

    What `conversations` opens is given the session with the persona's voice as its preferred one,
    in the settings where other sessions have it (`context.preferences.voice`). It journals what the
    agent remembers, but no transcript, which is the session's own; and it tells the user's asides,
    which belong on that. An agent is given back what it remembered where a session is taken up
    again. `chains` are asked whether a talk would succeed. `last_tool`: see `CascadeTalk`.
    """

    uri = "cascade:"

    def __init__(
        self,
        conversations: Conversations,
        *,
        records: ReadRecords,
        clock: Clock,
        warm_up: Sequence[Callable[[], Awaitable[None]]] = (),
        chains: Sequence[Snapshot] = (),
        last_tool: str = "",
    ) -> None:
        self._conversations = conversations
        self._records = records
        self._clock = clock
        self._warm_up = tuple(warm_up)
        self._chains = tuple(chains)
        self._last_tool = last_tool
        self._talks: set[CascadeTalk] = set()

    async def open(
        self, session: Session, persona: Persona, listener: TalkListener, said: Sequence[Said]
    ) -> CascadeTalk:
        """Begin a talk; it is ready at once, which its listener is told after this has returned.

        Raises InvalidInput for a voice that doesn't exist, CapacityExceeded.
        """
        voice = {"preferences": {"voice": engine_voice(persona.voice_prompt)}}
        records = await self._remembered(session, said) if said else ()
        talk = CascadeTalk(listener, self._clock, self._talks.discard, last_tool=self._last_tool)
        try:
            conversation = self._conversations.open(
                replace(session, settings={**session.settings, "context": voice}),
                output=talk.output,
                listener=talk,
                records=records,
            )
        except BaseException:
            talk.output.close()
            raise
        self._talks.add(talk)
        talk.begin(conversation)
        return talk

    async def warm_up(self) -> None:
        """Load what talks are made with, one after the other."""
        for warm_up in self._warm_up:
            await warm_up()

    async def check(self) -> None:
        """Raises ProviderFailed where no member of one of the chains is well."""
        for snapshot in self._chains:
            members = snapshot()
            if members and not any(member.well for member in members):
                raise ProviderFailed(members[0].provider, members[0].why or "is not well")

    async def close(self) -> None:
        """End every talk."""
        await asyncio.gather(*[talk.close() for talk in tuple(self._talks)])

    async def _remembered(self, session: Session, said: Sequence[Said]) -> Sequence[Record]:
        """What was said, and what the agent last remembered, as a conversation reads it."""
        records = await self._records(session.id)
        kept = [record for record in records if isinstance(record.entry, ContextEntry)][-1:]
        began = session.started_at or session.created_at
        return [
            *kept,
            *(
                Record(0, session.id, began + timedelta(seconds=piece.t), _entry(number, piece))
                for number, piece in enumerate(said)
            ),
        ]


def _entry(number: int, said: Said) -> TranscriptEntry:
    return TranscriptEntry(
        f"said_{number}",
        "user" if said.speaker == "user" else "assistant",
        said.text,
        start_ms=said.t * 1000,
    )
