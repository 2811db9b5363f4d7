"""What waits to be sent: nothing is lost, doubled or miscounted, however it comes and goes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenroom.rooms.rtc.agent_media.sound_queue import SoundQueue, coding_rate
from support.media import purity, tone


@pytest.mark.parametrize(
    ("rate", "coded"),
    [(8_000, 8_000), (11_025, 12_000), (22_050, 24_000), (32_000, 48_000), (96_000, 48_000)],
)
def test_sound_is_coded_at_its_own_rate_or_the_next_that_opus_knows(rate: int, coded: int) -> None:
    assert coding_rate(rate) == coded


@given(st.lists(st.integers(0, 3_000), max_size=12), st.lists(st.integers(1, 2_000), min_size=1))
def test_what_was_put_is_taken_in_order(pieces: list[int], takes: list[int]) -> None:
    queue = SoundQueue(16_000)
    whole = np.arange(sum(pieces), dtype=np.int32).astype(np.int16)
    for end, size in zip(np.cumsum(pieces), pieces, strict=True):
        queue.put(whole[end - size : end])
    taken = np.concatenate([queue.take(samples) for samples in takes])

    assert np.array_equal(taken, whole[: sum(takes)])
    assert queue.taken == len(taken)
    assert queue.queued == len(whole) - len(taken)


@given(st.lists(st.integers(1, 3_000), min_size=1, max_size=8), st.integers(100, 1_000))
def test_at_another_rate_every_sample_is_counted(pieces: list[int], step: int) -> None:
    queue = SoundQueue(22_050)
    written = out = 0
    for size in pieces:
        queue.put(np.ones(size, np.int16))
        written += size
        out += len(queue.take(step))
        assert queue.taken + queue.queued == written
        assert 0 <= queue.taken <= written
    while queue.queued:
        out += len(queue.take(step))

    assert queue.taken == written
    # Where it runs dry in between, a run's length is rounded.
    assert out == pytest.approx(written * 24_000 / 22_050, abs=len(pieces) + 1)


def test_what_is_written_piece_by_piece_is_what_is_written_at_once() -> None:
    pcm = tone(0.6, 22_050)
    whole, pieces = SoundQueue(22_050), SoundQueue(22_050)
    whole.put(pcm)
    rest = [pcm[start : start + 700] for start in range(0, len(pcm), 700)]
    for piece in rest[:6]:
        pieces.put(piece)
    del rest[:6]
    for _ in range(30):
        if rest:
            pieces.put(rest.pop(0))
        a, b = whole.take(480).astype(np.int32), pieces.take(480)
        assert len(a) == len(b) == 480
        assert np.abs(a - b).max() <= 3


@pytest.mark.parametrize("rate", [16_000, 22_050, 44_100])
def test_peeking_takes_nothing(rate: int) -> None:
    queue = SoundQueue(rate)
    queue.put(tone(0.2, rate))
    queue.take(100)
    queued, taken = queue.queued, queue.taken
    peeked = queue.peek(300)

    assert (queue.queued, queue.taken) == (queued, taken)
    assert np.array_equal(queue.take(300), peeked)


def test_after_a_clear_nothing_of_before_is_heard() -> None:
    queue = SoundQueue(22_050)
    queue.put(np.full(10_000, 9_000, np.int16))
    queue.take(480)
    taken = queue.taken
    queue.clear()
    assert queue.queued == 0
    assert queue.taken == taken
    assert not len(queue.peek(480))
    queue.put(np.zeros(1_000, np.int16))
    assert np.abs(queue.take(2_000)).max() <= 1  # soxr dithers
    queue.put(np.zeros(0, np.int16))
    assert queue.queued == 0


def test_the_filter_keeps_a_tone_pure() -> None:
    queue = SoundQueue(22_050)
    queue.put(tone(0.5, 22_050))
    pcm = np.concatenate([queue.take(480) for _ in range(25)])

    assert purity(pcm[480:-480], 24_000) > 0.9999
