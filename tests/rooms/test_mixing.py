"""Several microphones as one."""

from __future__ import annotations

import numpy as np

from greenroom.audio.pcm import Pcm
from greenroom.rooms.mixing import MAX_AHEAD, Mixer
from greenroom.testing.clock import ManualClock


class Heard:
    def __init__(self) -> None:
        self.clock = ManualClock()
        self.parts: list[Pcm] = []
        self.mixer = Mixer(self.parts.append, self.clock)

    @property
    def samples(self) -> list[int]:
        return [int(x) for part in self.parts for x in part]


def pcm(value: int, n: int) -> Pcm:
    return np.full(n, value, np.int16)


def test_one_person_is_heard_at_once_and_unchanged() -> None:
    heard = Heard()
    sound = pcm(7, 320)
    heard.mixer.add("ada", sound)
    assert heard.parts[0] is sound


def test_two_people_are_added_up_as_far_as_both_have_come() -> None:
    heard = Heard()
    heard.mixer.add("ada", pcm(1, 2))
    heard.mixer.add("bob", pcm(10, 4))
    heard.mixer.add("ada", pcm(2, 3))
    assert heard.samples == [1, 1, 12, 12, 12]
    heard.mixer.add("ada", pcm(3, 1))
    assert heard.samples[-1] == 13


def test_a_loud_sum_is_clipped_and_does_not_wrap() -> None:
    heard = Heard()
    heard.mixer.add("ada", pcm(1, 1))
    heard.mixer.add("bob", pcm(30_000, 2))
    heard.mixer.add("ada", pcm(30_000, 2))
    assert heard.samples == [1, 32_767, 32_767]


def test_who_has_fallen_silent_holds_nobody_up() -> None:
    heard = Heard()
    heard.mixer.add("ada", pcm(1, 320))
    heard.mixer.add("bob", pcm(2, 320))
    heard.clock.advance(0.2)
    heard.mixer.add("bob", pcm(3, 320))
    assert heard.samples == [1] * 320 + [2] * 320 + [3] * 320


def test_who_is_far_ahead_waits_no_longer() -> None:
    heard = Heard()
    heard.mixer.add("ada", pcm(1, 1))
    heard.mixer.add("bob", pcm(2, MAX_AHEAD + 5))
    assert heard.samples == [1] + [2] * 5


def test_who_has_gone_is_heard_to_the_end_and_waited_for_no_more() -> None:
    heard = Heard()
    heard.mixer.add("ada", pcm(1, 1))
    heard.mixer.add("bob", pcm(2, 10))
    heard.mixer.remove("ada")
    assert heard.samples == [1] + [2] * 10
    heard.mixer.add("bob", pcm(3, 2))
    assert heard.samples[-2:] == [3, 3]
    heard.mixer.remove("nobody")
