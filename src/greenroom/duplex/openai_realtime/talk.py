"""One duplex talk with the Realtime API."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager

import numpy as np

from greenroom.audio.pcm import Pcm, ms_of
from greenroom.duplex.kept_sound import KeptSound
from greenroom.duplex.openai_realtime.connection import (
    Event,
    Realtime,
    failure_of,
    is_final,
    items_of,
    text_item,
)
from greenroom.duplex.openai_realtime.speech import Speech
from greenroom.duplex.openai_realtime.user_turns import UserTurns
from greenroom.duplex.ports import DUPLEX_RATE, Said, TalkListener
from greenroom.errors import ProviderFailed
from greenroom.providers.clock import Clock, Timer
from greenroom.providers.deadline import Deadline

log = logging.getLogger(__name__)

PAUSES = (0.5, 1.0, 2.0)
"""Seconds before each new attempt, as long as the AI was not heard."""
MAX_RETRY_AFTER = 10.0
"""Seconds that a server may ask for; a talk does not wait longer."""
ANSWER_TIMEOUT = 20.0
"""Seconds from the end of the user's turn to the beginning of an answer."""
ASK_AGAIN = 2.0
"""Seconds after an answer that has failed; most often too much was asked of the server at once."""
MAX_FAILED = 3
"""Answers in a row that the model may fail to give."""
LAST_WORDS_TIMEOUT = 2.0
"""Seconds for the words of the user's last turn when the talk is over."""

Connect = Callable[[], AbstractAsyncContextManager[Realtime]]


class RealtimeTalk:
    """A `ports.DuplexTalk`. It begins in the event loop's next turn; `on_closed` is called once it
    is closed, `on_state` with what a connection has failed by, or None when one was made. `kept`:
    seconds of sound that are said again where a connection fails before the AI was heard. The AI
    speaks first, but where a session is taken up again.
    """

    def __init__(
        self,
        provider: str,
        connect: Connect,
        said: Sequence[Said],
        listener: TalkListener,
        clock: Clock,
        kept: float,
        *,
        on_closed: Callable[[RealtimeTalk], None],
        on_state: Callable[[ProviderFailed | None], None],
    ) -> None:
        self._provider = provider
        self._connect = connect
        self._said = said
        self._listener = listener
        self._clock = clock
        self._on_closed = on_closed
        self._on_state = on_state
        self._speech = Speech(
            clock,
            on_voice=self._on_voice,
            on_words=self._on_words,
            on_flush=listener.on_flush,
        )
        self._turns = UserTurns(listener.on_user_words)
        self._turns_changed = asyncio.Event()
        self._kept = KeptSound(kept)
        self._realtime: Realtime | None = None
        self._sent_from = 0.0  # where in the user's sound the API's own begins, in seconds
        self._heard_samples = 0
        self._response = ""  # the id of the one that is being given
        self._owed = False  # an answer is to be asked for when this one is over
        self._failed = 0
        self._answer_timer: Timer | None = None
        self._ready = self._spoken = self._paused = False
        self._handlers: dict[str, Callable[[Event], None]] = {
            "response.created": self._on_created,
            "response.output_audio.delta": self._on_sound_delta,
            "response.output_audio_transcript.delta": self._on_words_delta,
            "response.output_audio.done": self._on_sound_done,
            "response.done": self._on_done,
            "input_audio_buffer.speech_started": self._on_started,
            "input_audio_buffer.speech_stopped": self._on_stopped,
            "input_audio_buffer.committed": self._on_committed,
            "conversation.item.input_audio_transcription.completed": self._on_transcribed,
            "conversation.item.input_audio_transcription.failed": self._on_not_transcribed,
            "error": self._on_error,
        }
        self._closing: asyncio.Task[None] | None = None
        self._task = asyncio.get_running_loop().create_task(self._live())

    # -- ports.DuplexTalk --------------------------------------------------------------------

    def hear(self, pcm: Pcm) -> None:
        """The user's next sound. In a pause it counts as silence: the sound is the talk's clock."""
        if self._closing is not None:
            return
        pcm = np.zeros_like(pcm) if self._paused else pcm
        self._heard_samples += len(pcm)
        if not self._spoken:
            self._kept.add(pcm)
        if self._realtime is not None:
            self._realtime.hear(pcm)

    def type(self, text: str) -> None:
        """The user writes: the AI stops and answers that."""
        if self._realtime is not None and self._closing is None:
            self._interrupt()
            if self._response:
                self._realtime.send("response.cancel")
            self._realtime.send("conversation.item.create", item=text_item(text, by_user=True))
            self._ask()

    def end_turn(self) -> None:
        """The user has finished; where they don't speak the API knows that already."""
        if self._realtime is not None and self._turns.speaking:
            self._realtime.send("input_audio_buffer.commit")
            self._ask()

    def set_paused(self, paused: bool) -> None:
        """Hear nothing and say nothing, or go on."""
        self._paused = paused
        self._speech.set_paused(paused)

    def played(self) -> float:
        """Seconds of the AI's voice that were to be heard by now."""
        return self._speech.heard_seconds

    async def close(self) -> None:
        """Be silent; tell what the user was saying, if it is known in time; end."""
        if self._closing is None:
            self._closing = asyncio.get_running_loop().create_task(self._close())
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        self._speech.close()
        try:
            if self._realtime is not None and self._turns.speaking:
                self._realtime.send("input_audio_buffer.commit")
            try:
                async with Deadline(self._clock, LAST_WORDS_TIMEOUT):
                    while self._turns.open and not self._task.done():
                        self._turns_changed.clear()
                        await self._turns_changed.wait()
            except TimeoutError:
                log.warning("a user's last words are not known in time")
            self._task.cancel()
            await asyncio.wait((self._task,))
            self._turns.give_up()
        finally:
            self._on_closed(self)

    # -- its life ----------------------------------------------------------------------------

    async def _live(self) -> None:
        try:
            await self._converse()
        except ProviderFailed as error:
            log.info("a talk is given up: %s", error)
            self._end(error.why)
        except Exception:  # the talk is told, and the others live on
            log.exception("a defect in a talk")
            self._end("internal error")
        finally:
            self._expect(answer=False)
            self._turns_changed.set()

    def _end(self, why: str) -> None:
        self._speech.close()
        if self._closing is None:
            self._listener.on_failure(why)

    async def _converse(self) -> None:
        """Talk, over one connection after another until the AI was heard. Raises ProviderFailed."""
        for pause in (*PAUSES, None):
            try:
                async with self._connect() as realtime:
                    self._begin(realtime)
                    async for event in realtime.events():
                        self._on_event(event)
            except ProviderFailed as error:
                self._on_state(error)
                wait = max(pause or 0.0, error.retry_after or 0.0)
                final = pause is None or not error.retryable or wait > MAX_RETRY_AFTER
                if self._spoken or final or self._closing is not None:
                    raise
                log.info("a talk is begun again in %g s: %s", wait, error)
            finally:
                self._realtime = None
                self._expect(answer=False)
            await self._sleep(wait)

    async def _sleep(self, seconds: float) -> None:
        over = asyncio.Event()
        timer = self._clock.call_at(self._clock.time() + seconds, over.set)
        try:
            await over.wait()
        finally:
            timer.cancel()

    def _begin(self, realtime: Realtime) -> None:
        self._turns.give_up()
        self._speech.interrupt("")
        self._response = ""
        self._owed = False
        self._realtime = realtime
        self._on_state(None)
        for item in items_of(self._said):
            realtime.send("conversation.item.create", item=item)
        if not self._said:
            self._ask()
        self._sent_from = self._kept.began
        for pcm in self._kept:
            realtime.hear(pcm)
        if not self._ready:
            self._ready = True
            self._listener.on_ready()

    def _ask(self) -> None:
        """For an answer, as soon as none is being given."""
        if self._realtime is None:
            return
        self._owed = bool(self._response)
        if not self._owed:
            self._realtime.send("response.create")
            self._expect(answer=True)

    def _expect(self, *, answer: bool) -> None:
        if self._answer_timer is not None:
            self._answer_timer.cancel()
            self._answer_timer = None
        if answer:
            due = self._clock.time() + ANSWER_TIMEOUT
            self._answer_timer = self._clock.call_at(due, self._on_no_answer)

    def _on_no_answer(self) -> None:
        self._answer_timer = None
        if self._realtime is not None:
            why = f"does not answer within {ANSWER_TIMEOUT:g} s"
            self._realtime.give_up(ProviderFailed(self._provider, why))

    # -- what the server tells ---------------------------------------------------------------

    def _on_event(self, event: Event) -> None:
        """Handle it, if it is of a kind that matters here. Raises ProviderFailed."""
        handle = self._handlers.get(event["type"])
        if handle is not None:
            handle(event)

    def _on_created(self, event: Event) -> None:
        self._response = _text(event.get("response"), "id") or "unnamed"
        self._expect(answer=False)

    def _on_sound_delta(self, event: Event) -> None:
        if self._realtime is not None:
            pcm = self._realtime.sound_of(event)
            index = event.get("content_index")
            index = index if isinstance(index, int) else 0
            self._speech.sound(_text(event, "response_id"), _text(event, "item_id"), index, pcm)

    def _on_words_delta(self, event: Event) -> None:
        self._speech.words(_text(event, "response_id"), _text(event, "delta"))

    def _on_sound_done(self, event: Event) -> None:
        self._speech.complete(_text(event, "response_id"))

    def _on_done(self, event: Event) -> None:
        response = event.get("response")
        status = _text(response, "status")
        self._response = ""
        if status == "failed":
            details = response.get("status_details") if isinstance(response, dict) else None
            self._on_failed_answer(details.get("error") if isinstance(details, dict) else None)
        elif status != "cancelled":
            self._failed = 0
        if self._owed:
            self._ask()

    def _on_started(self, event: Event) -> None:
        self._expect(answer=False)
        self._owed = False
        self._turns.started(_text(event, "item_id"), self._user_ms(event, "audio_start_ms"))
        self._interrupt()

    def _on_stopped(self, event: Event) -> None:
        self._turns.stopped(_text(event, "item_id"), self._user_ms(event, "audio_end_ms"))
        self._expect(answer=True)

    def _on_committed(self, event: Event) -> None:
        self._turns.committed(_text(event, "item_id"), self._user_ms(event, ""))

    def _on_transcribed(self, event: Event) -> None:
        self._turns.known(_text(event, "item_id"), _text(event, "transcript"))
        self._turns_changed.set()

    def _on_not_transcribed(self, event: Event) -> None:
        log.warning("%s could not write down what a user said", self._provider)
        self._turns.known(_text(event, "item_id"), "")
        self._turns_changed.set()

    def _on_error(self, event: Event) -> None:
        """Most errors are about one event and leave the session as it is."""
        error = event.get("error")
        failure = failure_of(self._provider, error)
        if is_final(error):
            raise failure
        log.warning("%s", failure)

    def _on_failed_answer(self, error: object) -> None:
        """Ask again, a few times."""
        self._failed += 1
        failure = failure_of(self._provider, error)
        log.warning("%s", failure)
        if is_final(error) or self._failed >= MAX_FAILED:
            raise failure
        self._expect(answer=False)
        self._answer_timer = self._clock.call_at(self._clock.time() + ASK_AGAIN, self._ask)

    def _user_ms(self, event: Event, name: str) -> float:
        """A time of the API's, in the user's sound; now where it is not told."""
        value = event.get(name)
        if not isinstance(value, int | float):
            return ms_of(self._heard_samples, DUPLEX_RATE)
        return max(0.0, value) + self._sent_from * 1000

    # -- what the AI says --------------------------------------------------------------------

    def _interrupt(self) -> None:
        """Let the AI be silent, and the API know how much was heard."""
        for item, content_index, ms in self._speech.interrupt(self._response):
            if self._realtime is not None:
                self._realtime.send(
                    "conversation.item.truncate",
                    item_id=item,
                    content_index=content_index,
                    audio_end_ms=ms,
                )

    def _on_voice(self, pcm: Pcm) -> None:
        self._on_spoken()
        self._listener.on_voice(pcm)

    def _on_words(self, text: str) -> None:
        self._on_spoken()
        self._listener.on_words(text)

    def _on_spoken(self) -> None:
        if not self._spoken:
            self._spoken = True
            self._kept.clear()


def _text(value: object, name: str) -> str:
    """A field that should hold text; "" where it doesn't."""
    found = value.get(name) if isinstance(value, dict) else None
    return found if isinstance(found, str) else ""
