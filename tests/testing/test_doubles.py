"""The doubles do what the ports say."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from greenroom.agents.ports import AnswerDone, TextDelta
from greenroom.errors import ConfigurationError, ProviderFailed
from greenroom.speech.ports import ProviderContext, Transcript
from greenroom.testing import (
    EnergyVoiceActivity,
    ManualClock,
    RecordingOutput,
    ScriptedAgent,
    ScriptedTranscriber,
)
from greenroom.testing.providers import create_synthesizer, create_transcriber

CONTEXT = ProviderContext(Path())
FRAME = np.ones(1_600, np.int16)  # 100 ms


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def test_a_clock_stands_still_and_makes_its_calls_in_order_at_their_own_times() -> None:
    clock = ManualClock(0.0)
    calls: list[tuple[str, float]] = []
    clock.call_at(3, lambda: calls.append(("late", clock.time())))
    clock.call_at(1, lambda: clock.call_at(2, lambda: calls.append(("new", clock.time()))))
    clock.call_at(2, lambda: calls.append(("never", clock.time()))).cancel()
    assert clock.pending == 2
    clock.advance(2.5)
    assert (calls, clock.time()) == ([("new", 2.0)], 2.5)
    clock.advance(0.5)
    assert calls == [("new", 2.0), ("late", 3.0)]
    assert clock.pending == 0


def test_loud_is_voice_and_quiet_is_not() -> None:
    verdicts: list[tuple[float, int]] = []
    stream = EnergyVoiceActivity().open(lambda p, end: verdicts.append((p, end)))
    stream.feed(np.full(500, -32_768, np.int16))
    assert verdicts == []
    stream.feed(np.full(524, -32_768, np.int16))
    stream.feed(np.full(600, 100, np.int16))
    assert verdicts == [(1.0, 512), (1.0, 1_024), (0.0, 1_536)]


def test_nobody_is_told_of_voice_after_the_end() -> None:
    verdicts: list[float] = []
    stream = EnergyVoiceActivity().open(lambda p, _end: (verdicts.append(p), stream.close()))
    stream.feed(np.zeros(5_000, np.int16))
    stream.feed(np.zeros(5_000, np.int16))
    assert verdicts == [0.0]


async def test_a_scripted_transcriber_hears_its_texts_and_then_the_last_again() -> None:
    transcriber = create_transcriber("scripted:?text=one&text=", CONTEXT)
    await transcriber.warm_up()
    heard = [await transcriber.open().finish() for _ in range(3)]
    assert [t.text for t in heard] == ["one", "", ""]
    assert [t.confidence for t in heard] == [0.9, 0.0, 0.0]
    await transcriber.close()


async def test_a_scripted_stream_tells_what_happened_to_it() -> None:
    partials: list[Transcript] = []
    transcriber = ScriptedTranscriber([ProviderFailed("x", "y")], keep_sound=True)
    stream = transcriber.open(partials.append)
    stream.feed(FRAME)
    stream.hear("he")
    assert (stream.samples, len(stream.sound), stream.state) == (1_600, 1, "open")
    with pytest.raises(ProviderFailed):
        await stream.finish()
    stream.hear("late")
    stream.cancel()
    assert stream.state == "finished"
    assert [p.text for p in partials] == ["he"]


async def test_a_scripted_voice_is_as_long_as_its_text() -> None:
    synthesizer = create_synthesizer("scripted:?ms_per_character=50", CONTEXT)
    await synthesizer.warm_up()
    chunks = [chunk.pcm async for chunk in synthesizer.speak("1234567890", "Ashley")]
    assert sum(map(len, chunks)) == synthesizer.rate // 2
    assert synthesizer.spoken == [("1234567890", "Ashley")]
    await synthesizer.close()


def test_a_scripted_voice_of_no_length_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"providers\.synthesizer"):
        create_synthesizer("scripted:?ms_per_character=long", CONTEXT)


async def test_a_scripted_agent_plays_events_exceptions_and_waits() -> None:
    go = asyncio.Event()
    agent = ScriptedAgent([["a", go, KeyError("x")], "b"])
    events: list[Any] = []

    async def listen() -> None:
        async for event in agent.answer("one", ()):
            events.append(event)  # noqa: PERF401

    task = asyncio.create_task(listen())
    await settle()
    assert events == [TextDelta("a")]
    go.set()
    with pytest.raises(KeyError):
        await task
    await listen()
    assert events[1:] == [TextDelta("b"), AnswerDone("scripted")]
    assert agent.closed == 2
    assert agent.snapshot() == {"answered": 2}


async def test_an_output_without_a_clock_plays_all_at_once() -> None:
    output = RecordingOutput()
    output.begin("r1", "t1", 16_000)
    output.write("r1", 0, FRAME, last=False)
    output.write("r0", 0, FRAME, last=False)
    output.write("r1", 0, FRAME[:0], last=True)
    output.end("r1")
    output.end("r0")
    await output.wait_until_ahead(0)
    assert output.calls == ["begin", "sentence 0", "end"]
    assert (len(output.pcm), output.played_ms()) == (1_600, 100)
    assert output.first_times() == (None, None)
    assert output.flush() == 100


async def test_an_output_with_a_clock_plays_in_its_time_and_holds_when_paused() -> None:
    clock = ManualClock()
    output = RecordingOutput(clock)
    assert len(output.pcm) == 0
    output.begin("r1", "t1", 16_000)
    output.write("r1", 0, FRAME, last=True)
    output.pause()
    output.write("r1", 1, FRAME, last=True)
    waiting = asyncio.create_task(output.wait_until_ahead(0))
    await settle()
    clock.advance(1)
    await settle()
    assert (output.played_ms(), waiting.done()) == (100, False)
    output.resume()
    clock.advance(0.1)
    await waiting
    assert output.played_ms() == pytest.approx(200)
    assert output.first_times() == (1_000.0, 1_000.0)


def test_a_flush_ends_a_pause_and_makes_the_reply_one_of_the_past() -> None:
    output = RecordingOutput(ManualClock())
    output.begin("r1", "t1", 16_000)
    output.pause()
    output.write("r1", 0, FRAME, last=True)
    assert output.flush() == 0
    assert not output.paused
    output.write("r1", 1, FRAME, last=True)
    assert len(output.sound) == 1
