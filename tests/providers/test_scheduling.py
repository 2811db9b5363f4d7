"""Threads keep their priority, whatever a library thinks of itself."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path

import av
import pytest

from greenroom.providers.scheduling import kept_scheduling


def policies() -> set[int]:
    return {os.sched_getscheduler(int(task.name)) for task in Path("/proc/self/task").iterdir()}


def test_an_av1_encoder_makes_no_thread_a_real_time_one() -> None:
    before = policies()
    encoder = av.CodecContext.create("libsvtav1", "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = 64, 64, "yuv420p"
    encoder.time_base, encoder.options = Fraction(1, 25), {"preset": "12", "svtav1-params": "lp=1"}
    with kept_scheduling():
        encoder.open()
    assert policies() <= before
    encoder.encode(None)


def test_what_fails_within_is_told_and_undone_too() -> None:
    with pytest.raises(ValueError, match="invalid literal"), kept_scheduling():
        int("told")
    assert os.sched_getscheduler(0) == os.SCHED_OTHER
