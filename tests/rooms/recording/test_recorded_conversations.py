from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from audio.sounds import tone
from greenroom.audio.pcm import Pcm
from greenroom.conversation.ports import AudioOutput, Listener
from greenroom.rooms.recording.conversations import RecordedConversations
from greenroom.rooms.recording.service import Recordings
from greenroom.sessions.model import Record, Session, Status
from greenroom.settings import RecordingSettings
from greenroom.testing.output import RecordingOutput
from rooms.recording.recorded import AGENT, USER, played, strength

RATE = 48_000


class Echo:
    """A conversation that answers whatever it hears with a tone."""

    def __init__(self, output: AudioOutput) -> None:
        self._output = output
        self.samples: list[Pcm] = []
        self.started = self.closed = False
        self.written = ""
        self.turns_ended = 0

    async def start(self) -> None:
        self.started = True

    def hear(self, pcm: Pcm) -> None:
        self.samples.append(pcm)
        self._output.begin("reply", "turn", 24_000)
        self._output.write("reply", 0, tone(AGENT, 0.2, 24_000), last=True)

    def heard(self) -> str:
        return "a tone"

    def begun(self) -> str:
        return "a tone or"

    def say_as_user(self, text: str) -> None:
        self.written = text

    def end_turn(self) -> None:
        self.turns_ended += 1

    def interrupt(self) -> None:
        self._output.flush()

    async def close(self) -> None:
        self.closed = True


class Echoes:
    """Opens them."""

    voice_rate = 24_000

    def __init__(self) -> None:
        self.opened: list[Echo] = []
        self.outputs: list[AudioOutput] = []
        self.openings: list[str | None] = []
        self.fails = False

    def open(
        self,
        session: Session,
        *,
        output: AudioOutput,
        listener: Listener,
        records: Sequence[Record],
        opening: str | None = None,
    ) -> Echo:
        if self.fails:
            raise RuntimeError("no conversation")
        self.openings.append(opening)
        self.outputs.append(output)
        self.opened.append(Echo(output))
        return self.opened[-1]


@pytest.fixture
async def recordings(data_dir: Path) -> AsyncIterator[Recordings]:
    service = Recordings(RecordingSettings(enabled=True), data_dir)
    yield service
    await service.close()


def session(**settings: Any) -> Session:
    created = datetime(2026, 1, 2, tzinfo=UTC)
    return Session("sess_1", "commerce", "tenant", Status.ACTIVE, created, settings)


def open_with(conversations: RecordedConversations, **settings: Any) -> Any:
    return conversations.open(
        session(**settings), output=RecordingOutput(), listener=lambda event: None, records=()
    )


async def test_a_conversation_is_recorded_from_its_opening_to_its_end(
    recordings: Recordings,
) -> None:
    echoes = Echoes()
    conversation = open_with(RecordedConversations(echoes, recordings))
    await conversation.start()
    conversation.hear(tone(USER, 0.4))
    await asyncio.wait_for(conversation.close(), 5)
    await asyncio.wait_for(conversation.close(), 5)

    [echo] = echoes.opened
    assert echo.started
    assert echo.closed
    assert np.array_equal(echo.samples[0], tone(USER, 0.4))
    [path] = await recordings.find("sess_1")
    left, right = played(path)
    assert len(left) >= 0.4 * RATE
    assert strength(left[RATE // 10 : RATE // 10 * 3], USER) > 0.2
    assert strength(right[: RATE // 5], AGENT) > 0.15


async def test_what_else_a_conversation_does_it_still_does(recordings: Recordings) -> None:
    echoes = Echoes()
    conversations = RecordedConversations(echoes, recordings)
    assert conversations.voice_rate == 24_000
    output = RecordingOutput()
    conversation = conversations.open(
        session(), output=output, listener=lambda event: None, records=(), opening="I am back."
    )
    assert echoes.openings == ["I am back."]
    assert conversation.heard() == "a tone"
    assert conversation.begun() == "a tone or"
    conversation.say_as_user("hello")
    conversation.end_turn()
    [echo] = echoes.opened
    assert (echo.written, echo.turns_ended) == ("hello", 1)
    conversation.interrupt()
    assert output.calls == ["flush"]
    await conversation.close()


async def test_a_conversation_that_opts_out_is_left_alone(recordings: Recordings) -> None:
    echoes = Echoes()
    output = RecordingOutput()
    conversation = RecordedConversations(echoes, recordings).open(
        session(context={"preferences": {"recording": False}}),
        output=output,
        listener=lambda event: None,
        records=(),
        opening="I am back.",
    )
    assert conversation is echoes.opened[0]
    assert echoes.openings == ["I am back."]
    assert echoes.outputs == [output]
    assert await recordings.find("sess_1") == []


async def test_a_conversation_that_cannot_be_opened_leaves_no_recording_running(
    recordings: Recordings,
) -> None:
    echoes = Echoes()
    echoes.fails = True
    with pytest.raises(RuntimeError, match="no conversation"):
        open_with(RecordedConversations(echoes, recordings))
    assert [recording.ended for recording in recordings._open] == [True]
