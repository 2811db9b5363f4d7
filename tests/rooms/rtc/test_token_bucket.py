"""The bound on work."""

from __future__ import annotations

from greenroom.rooms.rtc.token_bucket import TokenBucket


def test_a_burst_passes_and_then_the_rate() -> None:
    bucket = TokenBucket(10, 3)
    assert [bucket.take(5.0) for _ in range(4)] == [True, True, True, False]
    assert not bucket.take(5.05)
    assert bucket.take(5.11)
    assert not bucket.take(5.12)


def test_a_pause_gives_no_more_than_the_burst() -> None:
    bucket = TokenBucket(10, 2)
    assert [bucket.take(1_000.0) for _ in range(3)] == [True, True, False]


def test_several_pass_together_or_not_at_all() -> None:
    bucket = TokenBucket(10, 10)
    assert bucket.take(5.0, 7)
    assert not bucket.take(5.0, 7)
    assert bucket.take(5.4, 7)
