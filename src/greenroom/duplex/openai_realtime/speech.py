"""The AI's side of a talk: its sound at the pace of speech, its words as they are heard."""

from __future__ import annotations

from collections.abc import Callable

from greenroom.audio.pcm import Pcm, ms_of
from greenroom.duplex.cascade.voice_output import VoiceOutput
from greenroom.duplex.openai_realtime.reply import Heard, Reply
from greenroom.duplex.ports import DUPLEX_RATE
from greenroom.providers.clock import Clock


class Speech:
    """What comes of responses, by their ids. Close it at the end."""

    def __init__(
        self,
        clock: Clock,
        *,
        on_voice: Callable[[Pcm], None],
        on_words: Callable[[str], None],
        on_flush: Callable[[], None],
    ) -> None:
        self._on_words = on_words
        self._output = VoiceOutput(
            clock, on_voice=on_voice, on_flush=on_flush, on_heard=self._on_heard
        )
        self._reply: Reply | None = None
        self._replies = 0
        self._latest = ""  # the response of which something has come last
        self._worded = ""  # the response of which words have come last
        self._dropped = ""  # the response that was interrupted
        self._paused = False

    def sound(self, response: str, item: str, content_index: int, pcm: Pcm) -> None:
        """More sound of an item."""
        if self._is_wanted(response):
            self._reply_of(response).sound(item, content_index, ms_of(len(pcm), DUPLEX_RATE))
            self._output.write(str(self._replies), 0, pcm, last=False)

    def words(self, response: str, text: str) -> None:
        """More words, whose sound is still to come; a space parts them from those of another."""
        if self._is_wanted(response):
            reply = self._reply_of(response)
            reply.words(text if self._worded in {"", response} else " " + text)
            self._worded = response
            self._on_heard()

    def complete(self, response: str) -> None:
        """All sound of an item has come."""
        if self._is_wanted(response) and self._reply is not None:
            self._reply.complete()
            self._on_heard()

    def interrupt(self, response: str) -> list[Heard]:
        """Be silent; `response` is being given, and what still comes of it is not heard.

        Returns the items that were not heard to their end.
        """
        self._dropped = response
        reply, self._reply = self._reply, None
        return [] if reply is None else reply.cut(self._output.flush())

    def set_paused(self, paused: bool) -> None:
        """Hold the sound and the words, or go on."""
        self._paused = paused
        self._output.set_paused(paused)

    @property
    def heard_seconds(self) -> float:
        """Of all that was said."""
        return self._output.heard_seconds

    def close(self) -> None:
        """Nothing is told any more. Harmless twice."""
        self._reply = None
        self._output.close()

    def _is_wanted(self, response: str) -> bool:
        return not self._dropped or response != self._dropped

    def _reply_of(self, response: str) -> Reply:
        """The reply that is heard; another where that is over and this response is another."""
        reply = self._reply
        over = reply is not None and self._output.played_ms() >= reply.ms
        if reply is None or (over and response != self._latest):
            self._on_heard()
            reply = self._reply = Reply()
            self._replies += 1
            self._output.begin(str(self._replies), "", DUPLEX_RATE)
        self._latest = response
        return reply

    def _on_heard(self) -> None:
        """Tell the words that have begun to be heard."""
        if self._reply is not None and not self._paused:
            text = self._reply.begun(self._output.played_ms())
            if text:
                self._on_words(text)
