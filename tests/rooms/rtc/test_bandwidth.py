"""How much the other side may send."""

from __future__ import annotations

import pytest

from greenroom.rooms.rtc.bandwidth import BandwidthLimit


def test_it_shrinks_where_much_is_lost_and_not_below_the_least() -> None:
    limit = BandwidthLimit()
    limit.update(1_000_000, 0.2)
    assert limit.bitrate == pytest.approx(1_350_000)
    for _ in range(100):
        limit.update(100_000, 0.5)
    assert limit.bitrate == 150_000


def test_it_grows_where_nothing_is_lost_and_it_is_used() -> None:
    limit = BandwidthLimit()
    start = limit.bitrate
    limit.update(2_000_000, 0.0)
    assert limit.bitrate == pytest.approx(start * 1.08)
    for _ in range(100):
        limit.update(100_000_000, 0.0)
    assert limit.bitrate == 10_000_000


def test_it_stays_where_it_is_not_used_or_some_is_lost() -> None:
    limit = BandwidthLimit()
    start = limit.bitrate
    limit.update(100_000, 0.0)
    limit.update(2_000_000, 0.05)
    assert limit.bitrate == start
