"""The AI's voice is one stream at the pace of real time."""

from __future__ import annotations

import numpy as np
import pytest

from greenroom.api.duplex.voice_stream import LEAD, VoiceStream
from greenroom.audio.ogg import PageReader
from greenroom.audio.pcm import Pcm
from greenroom.duplex.ogg_opus import OpusStreamReader
from greenroom.duplex.ports import DUPLEX_RATE
from greenroom.testing.clock import ManualClock

PAGE_SECONDS = 0.08


def loud(seconds: float) -> Pcm:
    t = np.arange(round(seconds * DUPLEX_RATE)) / DUPLEX_RATE
    return (10_000 * np.sin(2 * np.pi * 440 * t)).astype(np.int16)


class Listener:
    """A stream, and what has been sent of it."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.pages: list[bytes] = []
        self.sound: list[Pcm] = []
        self.reader = OpusStreamReader()
        self.stream = VoiceStream(self.listen, self.clock)

    def listen(self, pages: bytes) -> None:
        self.pages.append(pages)
        self.sound.append(self.reader.read(pages))

    @property
    def heard(self) -> Pcm:
        return np.concatenate(self.sound)

    @property
    def seconds(self) -> float:
        return sum(map(len, self.sound)) / DUPLEX_RATE

    def loud_seconds(self) -> float:
        """Of what was sent, in frames of 20 ms."""
        frames = self.heard[: len(self.heard) // 480 * 480].reshape(-1, 480)
        return float(np.count_nonzero(np.abs(frames).max(axis=1) > 3_000) * 0.02)


@pytest.fixture
def listener() -> Listener:
    return Listener()


def test_nothing_is_sent_before_the_start(listener: Listener) -> None:
    listener.stream.play(loud(1))
    listener.clock.advance(1)
    assert listener.pages == []
    listener.stream.start()
    listener.stream.start()
    assert listener.loud_seconds() == pytest.approx(PAGE_SECONDS, abs=0.02)


def test_silence_is_sent_as_its_time_passes(listener: Listener) -> None:
    listener.stream.start()
    assert listener.pages == []
    listener.clock.advance(10)
    assert listener.seconds == pytest.approx(10, abs=PAGE_SECONDS)
    assert not listener.heard.any()
    # In bytes: hardly anything.
    assert len(b"".join(listener.pages)) < 60 * len(listener.pages)


def test_the_first_sound_goes_out_at_once(listener: Listener) -> None:
    listener.stream.start()
    listener.clock.advance(1.03)
    before = len(listener.pages)
    listener.stream.play(loud(0.02))
    assert len(listener.pages) == before + 1


def test_sound_is_sent_ahead_of_time_by_the_lead_and_no_more(listener: Listener) -> None:
    listener.stream.start()
    listener.clock.advance(1)
    listener.stream.play(loud(5))
    for _ in range(40):
        listener.clock.advance(0.05)
        passed = listener.clock.time() - 1_000
        assert passed <= listener.seconds <= passed + LEAD + 1e-9
    listener.clock.advance(5)
    assert listener.loud_seconds() == pytest.approx(5, abs=0.05)


def test_what_was_not_sent_is_dropped_by_a_flush_and_the_time_is_kept(listener: Listener) -> None:
    listener.stream.start()
    listener.stream.play(loud(5))
    listener.clock.advance(1)
    listener.stream.flush()
    listener.clock.advance(4)
    assert listener.loud_seconds() == pytest.approx(1 + LEAD, abs=PAGE_SECONDS)
    assert listener.seconds == pytest.approx(5, abs=PAGE_SECONDS)


def test_a_pause_holds_what_was_not_sent(listener: Listener) -> None:
    listener.stream.start()
    listener.stream.play(loud(2))
    listener.clock.advance(1)
    listener.stream.set_paused(True)
    listener.clock.advance(10)
    assert listener.loud_seconds() == pytest.approx(1 + LEAD, abs=PAGE_SECONDS)
    listener.stream.set_paused(False)
    listener.clock.advance(2)
    assert listener.loud_seconds() == pytest.approx(2, abs=0.05)


def test_small_portions_make_a_steady_stream(listener: Listener) -> None:
    """20 ms each, as they are spoken: what is at hand is sent in time, and nothing is lost."""
    listener.stream.start()
    sound = loud(2)
    for at in range(0, len(sound), 480):
        listener.stream.play(sound[at : at + 480])
        listener.clock.advance(0.02)
    listener.clock.advance(0.5)
    assert listener.loud_seconds() == pytest.approx(2, abs=0.05)
    loud_frames = np.flatnonzero(np.abs(listener.heard).reshape(-1, 480).max(axis=1) > 3_000)
    assert np.all(np.diff(loud_frames) == 1)  # no gap


@pytest.mark.parametrize("size", [7, 479, 481, 1_921, 5_000])
def test_portions_of_any_size_lose_nothing(listener: Listener, size: int) -> None:
    listener.stream.start()
    sound = loud(1)
    for at in range(0, len(sound), size):
        listener.stream.play(sound[at : at + size])
    listener.clock.advance(2)
    assert listener.loud_seconds() == pytest.approx(1, abs=0.03)


def test_the_end_of_a_sound_does_not_wait_for_silence(listener: Listener) -> None:
    listener.stream.start()
    listener.stream.play(loud(0.05))  # two packets and a half
    listener.clock.advance(0.051)
    assert listener.seconds == pytest.approx(0.06)


def test_after_the_close_nothing_is_sent(listener: Listener) -> None:
    listener.stream.close()
    listener.stream.start()
    listener.stream.play(loud(1))
    other = Listener()
    other.stream.start()
    other.stream.close()
    other.clock.advance(1)
    assert listener.pages == other.pages == []
    assert listener.clock.pending == other.clock.pending == 0


def test_the_clock_of_the_stream_counts_what_was_sent(listener: Listener) -> None:
    listener.stream.start()
    listener.stream.play(loud(0.5))
    listener.clock.advance(3)
    pages = list(PageReader().feed(b"".join(listener.pages)))
    assert pages[-1].granule / 48_000 == pytest.approx(3, abs=PAGE_SECONDS)
    granules = [page.granule for page in pages]
    assert granules == sorted(granules)
