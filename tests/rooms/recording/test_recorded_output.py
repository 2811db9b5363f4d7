from __future__ import annotations

from pathlib import Path

import pytest

from audio.sounds import tone
from greenroom.rooms.recording.output import RecordedOutput
from greenroom.rooms.recording.recording import Recording
from greenroom.testing.clock import ManualClock
from greenroom.testing.output import RecordingOutput as Listener
from rooms.recording.recorded import AGENT, begin, near, played, spans, strength


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def recording(tmp_path: Path, clock: ManualClock) -> Recording:
    return begin(tmp_path / "talk", clock)


async def heard(recording: Recording) -> list[tuple[float, float]]:
    """Where the agent is heard on the record, which ends now."""
    file = await recording.close()
    assert file.path is not None
    left, right = played(file.path)
    assert spans(left) == []
    for start, end in spans(right):
        middle = right[round(start * 48_000) : round(end * 48_000)]
        assert strength(middle, AGENT) > 0.2
    return spans(right)


def say(output: RecordedOutput, reply: str, seconds: float, rate: int = 24_000) -> None:
    """A reply that is written much faster than it is heard."""
    output.begin(reply, "turn", rate)
    pcm = tone(AGENT, seconds, rate)
    for at in range(0, len(pcm), rate // 5):
        output.write(reply, 0, pcm[at : at + rate // 5], last=False)
    output.end(reply)


async def test_what_is_written_ahead_is_on_the_record_when_it_is_heard(
    recording: Recording, clock: ManualClock
) -> None:
    output = RecordedOutput(Listener(clock), recording)
    clock.advance(0.333)
    say(output, "a", 2.0)
    clock.advance(4.0)
    assert near(await heard(recording), (0.333, 2.333))


async def test_what_was_cut_is_not_on_the_record(recording: Recording, clock: ManualClock) -> None:
    output = RecordedOutput(Listener(clock), recording)
    clock.advance(0.5)
    say(output, "a", 3.0)
    clock.advance(1.234)
    assert output.flush() == pytest.approx(1_234)
    clock.advance(0.5)
    say(output, "b", 0.4)
    clock.advance(2.0)
    assert near(await heard(recording), (0.5, 1.734), (2.234, 2.634))


async def test_a_reply_that_another_one_replaces_ends_there(
    recording: Recording, clock: ManualClock
) -> None:
    output = RecordedOutput(Listener(clock), recording)
    say(output, "a", 3.0)
    clock.advance(1.0)
    say(output, "b", 0.5)
    output.write("a", 1, tone(AGENT, 5.0, 24_000), last=False)  # too late
    clock.advance(2.0)
    assert near(await heard(recording), (0, 1.5))


async def test_what_is_unheard_at_the_end_is_not_on_the_record(
    recording: Recording, clock: ManualClock
) -> None:
    output = RecordedOutput(Listener(clock), recording)
    say(output, "a", 3.0)
    clock.advance(1.21)
    assert near(await heard(recording), (0, 1.21))


async def test_sound_that_comes_late_leaves_a_gap(recording: Recording, clock: ManualClock) -> None:
    output = RecordedOutput(Listener(clock), recording)
    output.begin("a", "turn", 16_000)
    output.write("a", 0, tone(AGENT, 0.55), last=False)
    clock.advance(1.07)
    output.write("a", 0, tone(AGENT, 0.5), last=True)
    clock.advance(1.0)
    assert near(await heard(recording), (0, 0.55), (1.07, 1.57))


async def test_a_sound_shorter_than_a_look_is_where_it_was_heard(
    recording: Recording, clock: ManualClock
) -> None:
    output = RecordedOutput(Listener(clock), recording)
    clock.advance(0.53)
    say(output, "a", 0.03)
    clock.advance(1.0)
    assert near(await heard(recording), (0.53, 0.56))


async def test_a_held_reply_is_silent_on_the_record_until_it_goes_on(
    recording: Recording, clock: ManualClock
) -> None:
    output = RecordedOutput(Listener(clock), recording)
    output.begin("a", "turn", 16_000)
    output.write("a", 0, tone(AGENT, 0.3), last=False)
    clock.advance(0.15)
    output.pause()
    output.write("a", 0, tone(AGENT, 0.3), last=False)
    clock.advance(0.65)
    output.resume()
    clock.advance(1.0)
    assert near(await heard(recording), (0, 0.3), (0.8, 1.1))


class Packets(Listener):
    """A listener whose position goes on by packets of 20 ms."""

    def played_ms(self) -> float:
        return super().played_ms() // 20 * 20


async def test_a_position_that_goes_on_by_packets_makes_no_gaps(
    recording: Recording, clock: ManualClock
) -> None:
    output = RecordedOutput(Packets(clock), recording)
    clock.advance(0.417)
    say(output, "a", 2.0)
    for _ in range(300):
        clock.advance(0.013)
    assert near(await heard(recording), (0.417, 2.417))


class Reporting(Listener):
    """A listener who says where they are, and may take it back."""

    position = 0.0

    def played_ms(self) -> float:
        return self.position


async def test_a_listener_who_goes_back_hears_nothing_twice_on_the_record(
    recording: Recording, clock: ManualClock
) -> None:
    listener = Reporting()
    output = RecordedOutput(listener, recording)
    say(output, "a", 1.0)
    for position in (0, 100, 200, 150, 250, 350, 600, 700, 800, 900, 1_000):
        listener.position = position
        clock.advance(0.1)
    clock.advance(0.5)
    found = await heard(recording)
    assert sum(end - start for start, end in found) == pytest.approx(1.0, abs=0.02)


async def test_everything_is_passed_on(recording: Recording, clock: ManualClock) -> None:
    listener = Listener(clock)
    output = RecordedOutput(listener, recording)
    say(output, "a", 0.3)
    output.pause()
    output.resume()
    clock.advance(0.1)
    assert output.played_ms() == listener.played_ms() == pytest.approx(100)
    assert output.first_times() == listener.first_times() == (1_000.0, 1_000.0)
    clock.advance(0.2)
    await output.wait_until_ahead(0)
    output.flush()
    assert listener.calls == ["begin", "end", "pause", "resume", "flush"]
    assert listener.flushed == [pytest.approx(300)]
    await recording.close()
