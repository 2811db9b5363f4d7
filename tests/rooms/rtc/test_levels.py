"""Who is speaking."""

from __future__ import annotations

from greenroom.rooms.rtc.levels import Speaker, SpeakerLevels
from greenroom.testing.clock import ManualClock
from support.rtp_peers import FakeSource


def talk(clock: ManualClock, seconds: float, *sources: tuple[FakeSource, int | None]) -> None:
    """Packets of 20 ms of each source with its level in -dBov."""
    for _ in range(round(seconds / 0.02)):
        for source, level in sources:
            source.send(level=level)
        clock.advance(0.02)


def names(speakers: list[Speaker]) -> list[str]:
    return [speaker.identity for speaker in speakers]


def test_the_loudest_comes_first_and_the_quiet_do_not_speak() -> None:
    clock = ManualClock()
    levels = SpeakerLevels(clock)
    alice, bob, carol = (FakeSource(clock) for _ in range(3))
    for name, source in (("alice", alice), ("bob", bob), ("carol", carol)):
        levels.add(name, source)
    assert levels.speakers() == []
    talk(clock, 0.5, (alice, 30), (bob, 12), (carol, 60))
    speakers = levels.speakers()
    assert names(speakers) == ["bob", "alice"]
    assert 0.2 < speakers[0].level < 0.26
    assert 0.02 < speakers[1].level < 0.04


def test_speaking_begins_and_ends_within_a_moment() -> None:
    clock = ManualClock()
    levels, alice = SpeakerLevels(clock), FakeSource(clock)
    levels.add("alice", alice)
    talk(clock, 0.04, (alice, 127))
    talk(clock, 0.1, (alice, 20))
    assert names(levels.speakers()) == ["alice"]
    talk(clock, 0.3, (alice, 127))
    assert names(levels.speakers()) == ["alice"], "words have pauses"
    talk(clock, 1.5, (alice, 127))
    assert levels.speakers() == []


def test_one_click_is_no_speech() -> None:
    clock = ManualClock()
    levels, alice = SpeakerLevels(clock), FakeSource(clock)
    levels.add("alice", alice)
    talk(clock, 0.2, (alice, 127))
    talk(clock, 0.02, (alice, 35))
    talk(clock, 0.1, (alice, 127))
    assert levels.speakers() == []


def test_who_sends_nothing_any_more_is_silent() -> None:
    clock = ManualClock()
    levels, alice = SpeakerLevels(clock), FakeSource(clock)
    levels.add("alice", alice)
    talk(clock, 0.5, (alice, 20))
    clock.advance(0.6)
    assert levels.speakers() == []
    assert clock.pending == 0


def test_packets_without_a_level_and_late_ones_tell_nothing() -> None:
    clock = ManualClock()
    levels, alice = SpeakerLevels(clock), FakeSource(clock)
    levels.add("alice", alice)
    talk(clock, 0.5, (alice, None))
    assert levels.speakers() == []
    old = alice.make(level=0)
    talk(clock, 0.1, (alice, 127))
    for _ in range(9):
        alice.give(old)
    assert levels.speakers() == []


def test_who_has_two_sources_speaks_with_the_louder() -> None:
    clock = ManualClock()
    levels, voice, screen = SpeakerLevels(clock), FakeSource(clock), FakeSource(clock)
    levels.add("alice", voice)
    levels.add("alice", screen)
    levels.add("alice", screen)
    talk(clock, 0.5, (voice, 30), (screen, 20))
    (speaker,) = levels.speakers()
    assert speaker.level > 0.08
    levels.remove("alice", screen)
    levels.remove("alice", screen)
    assert screen.sinks == []
    (speaker,) = levels.speakers()
    assert speaker.level < 0.04
