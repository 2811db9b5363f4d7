"""One duplex talk on the conversation engine: its sound and its words, both ways."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import numpy as np

from greenroom.audio.pcm import HEARING_RATE, Pcm
from greenroom.audio.resample import Resampler
from greenroom.conversation.ports import (
    AgentReplied,
    Conversation,
    ConversationEvent,
    ReplyFinished,
    ReplyInterrupted,
    UserAside,
    UserSaid,
)
from greenroom.duplex.cascade.turn_pieces import Piece, TurnPieces
from greenroom.duplex.cascade.voice_output import VoiceOutput
from greenroom.duplex.ports import DUPLEX_RATE, TalkListener
from greenroom.providers.clock import Clock


class CascadeTalk:
    """A `ports.DuplexTalk`. `begin` it with its conversation, which is given `output` and this
    object as its listener; `on_closed` is called once it has ended. The talk is over when a reply
    for which the agent has used the tool `last_tool` was heard to its end.
    """

    def __init__(
        self,
        listener: TalkListener,
        clock: Clock,
        on_closed: Callable[[CascadeTalk], None],
        *,
        last_tool: str = "",
    ) -> None:
        self._listener = listener
        self._on_closed = on_closed
        self._last_tool = last_tool
        self._goodbye = False
        self.output = VoiceOutput(
            clock, on_voice=listener.on_voice, on_flush=listener.on_flush, on_heard=self._on_heard
        )
        self._resampler = Resampler(DUPLEX_RATE, HEARING_RATE)
        self._conversation: Conversation | None = None
        self._turns: dict[str, TurnPieces] = {}
        self._writing = False
        self._paused = False
        self._meant = ""  # the text of the reply, once it is complete
        self._told = ""  # as much of it as has begun to be heard
        self._spoke = False
        self._beginning: asyncio.Task[None] | None = None
        self._closing: asyncio.Task[None] | None = None

    def begin(self, conversation: Conversation) -> None:
        """Hear and speak. The listener is told in the event loop's next turn that this is so."""
        self._conversation = conversation
        self._beginning = asyncio.get_running_loop().create_task(self._begin(conversation))

    def __call__(self, event: ConversationEvent) -> None:
        """A `conversation.ports.Listener`."""
        match event:
            case UserSaid() if not self._writing:
                self._on_said(event)
            case UserAside(_, text, start_ms):
                self._tell_pieces([Piece(text, start_ms)])
            case AgentReplied(text=text, tools_used=tools):
                self._meant = text
                self._goodbye = self._last_tool in tools
            case ReplyFinished():
                self._tell(self._meant)
                self._told = ""
                if self._goodbye and self._closing is None:
                    self._listener.on_ended()
            case ReplyInterrupted():
                self._told = ""
            case _:
                pass

    # -- ports.DuplexTalk --------------------------------------------------------------------

    def hear(self, pcm: Pcm) -> None:
        """The user's next sound. In a pause it counts as silence: the sound is the talk's clock."""
        if self._conversation is None or self._closing is not None:
            return
        heard = self._resampler.process(np.zeros_like(pcm) if self._paused else pcm)
        if len(heard):
            self._conversation.hear(heard)

    def type(self, text: str) -> None:
        """The user writes; it is answered as if it had been said."""
        if self._conversation is None or self._closing is not None:
            return
        self._writing = True
        try:
            self._conversation.say_as_user(text)
        finally:
            self._writing = False

    def end_turn(self) -> None:
        """The user has finished."""
        if self._conversation is not None and self._closing is None:
            self._conversation.end_turn()

    def set_paused(self, paused: bool) -> None:
        """Hear nothing and say nothing, or go on."""
        self._paused = paused
        self.output.set_paused(paused)

    def played(self) -> float:
        """Seconds of the AI's voice that were to be heard by now."""
        return self.output.heard_seconds

    async def close(self) -> None:
        """Be silent; tell what the user was saying; end."""
        if self._closing is None:
            if self._beginning is not None:
                self._beginning.cancel()
            self._closing = asyncio.get_running_loop().create_task(self._close())
        await asyncio.shield(self._closing)

    # -- beginning and ending ----------------------------------------------------------------

    async def _begin(self, conversation: Conversation) -> None:
        self._listener.on_ready()
        await conversation.start()

    async def _close(self) -> None:
        try:
            if self._beginning is not None:
                await asyncio.wait([self._beginning])
            self.output.close()
            if self._conversation is not None:
                await self._conversation.close()
        finally:
            self._on_closed(self)

    # -- what the user said ------------------------------------------------------------------

    def _on_said(self, said: UserSaid) -> None:
        if said.turn_id not in self._turns:
            self._turns[said.turn_id] = TurnPieces(said.start_ms)
        turn = self._turns[said.turn_id]
        if said.final:
            # Turns are final in their order: earlier ones that are still open had no words.
            for earlier in list(self._turns):
                del self._turns[earlier]
                if earlier == said.turn_id:
                    break
            self._tell_pieces(turn.final(said.text, said.end_ms))
        elif next(iter(self._turns)) == said.turn_id:  # else the earlier one's end comes first
            self._tell_pieces(turn.partial(said.text, said.end_ms))

    def _tell_pieces(self, pieces: list[Piece]) -> None:
        for text, began_ms in pieces:
            self._listener.on_user_words(text, began_ms / 1000)

    # -- what the AI says --------------------------------------------------------------------

    def _on_heard(self) -> None:
        if self._conversation is not None:
            self._tell(self._conversation.begun())

    def _tell(self, begun: str) -> None:
        """`begun`: the text of the reply as far as it has begun to be heard."""
        more = begun[len(self._told) :]
        if not more or self._closing is not None:
            return
        if not self._told and self._spoke:
            more = " " + more  # behind the last reply
        self._told, self._spoke = begun, True
        self._listener.on_words(more)
