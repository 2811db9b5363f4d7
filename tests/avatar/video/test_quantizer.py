"""The quantizer follows the bit rate: coarser when it must be, finer at a keyframe."""

from __future__ import annotations

from greenroom.avatar.video.quantizer import Quantizer, QuantizerScale

SCALE = QuantizerScale(finest=24, coarsest=50, half=6)
RATE = 80_000
"""Bits a second: 400 bytes in a picture of 40 ms."""


def shown(quantizer: Quantizer, size: int, pictures: int) -> int:
    """So many pictures of `size` bytes; returns after how many the quantizer changed, or 0."""
    for count in range(1, pictures + 1):
        quantizer.count(size, 0.04)
        if quantizer.adapt(keyframe=False):
            return count
    return 0


def test_within_the_rate_it_stays_the_finest() -> None:
    quantizer = Quantizer(SCALE, RATE)
    assert shown(quantizer, 400, 1_000) == 0
    assert not quantizer.adapt(keyframe=True)
    assert quantizer.value == 24


def test_a_large_keyframe_alone_changes_nothing() -> None:
    quantizer = Quantizer(SCALE, RATE)
    quantizer.count(15_000, 0.04)
    assert not quantizer.adapt(keyframe=False)


def test_four_times_the_rate_makes_it_coarser_by_twice_what_halves_the_bits() -> None:
    quantizer = Quantizer(SCALE, RATE)
    assert 10 < shown(quantizer, 1_600, 100) < 25
    assert quantizer.value == 36
    assert shown(quantizer, 400, 1_000) == 0


def test_it_stops_at_the_coarsest() -> None:
    quantizer = Quantizer(SCALE, RATE)
    assert shown(quantizer, 100_000, 100) == 1
    assert quantizer.value == 50
    assert shown(quantizer, 100_000, 100) == 0


def test_it_becomes_finer_step_by_step_at_keyframes_only_and_no_finer_than_the_finest() -> None:
    quantizer = Quantizer(SCALE, RATE)
    shown(quantizer, 1_600, 100)
    values = []
    for _ in range(6):
        assert shown(quantizer, 100, 250) == 0
        quantizer.adapt(keyframe=True)
        values.append(quantizer.value)
    assert values == [33, 30, 27, 24, 24, 24]


def test_near_the_rate_a_keyframe_makes_it_no_finer() -> None:
    quantizer = Quantizer(SCALE, RATE)
    shown(quantizer, 1_600, 100)
    assert shown(quantizer, 300, 250) == 0
    assert not quantizer.adapt(keyframe=True)
