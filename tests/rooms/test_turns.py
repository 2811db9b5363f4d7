from __future__ import annotations

import asyncio
from collections.abc import Sequence

import numpy as np

from greenroom.audio.pcm import EMPTY, Pcm
from greenroom.rooms.ports import EncodedFrame
from greenroom.rooms.turns import Turns


class Played:
    """What was delivered, turn by turn: the samples, and the pictures' times."""

    def __init__(self) -> None:
        self.turns: list[tuple[list[int], list[float]]] = []

    def __call__(self, sound: Pcm, pictures: Sequence[EncodedFrame]) -> None:
        self.turns.append((sound.tolist(), [picture.time for picture in pictures]))


def sound(*samples: int) -> Pcm:
    return np.array(samples, np.int16)


def picture(time: float) -> EncodedFrame:
    return EncodedFrame(b"picture", time, keyframe=False)


async def test_what_comes_in_one_turn_is_delivered_together_in_whatever_order() -> None:
    played = Played()
    turns = Turns(played)
    turns.play(sound(1, 2))
    turns.show(picture(1.0))
    turns.play(sound(3))
    assert played.turns == []
    await asyncio.sleep(0)
    turns.show(picture(2.0))
    turns.play(sound(4))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert played.turns == [([1, 2, 3], [1.0]), ([4], [2.0])]


async def test_samples_are_copied_and_none_are_nothing() -> None:
    played = Played()
    turns = Turns(played)
    turns.play(EMPTY)
    await asyncio.sleep(0)
    assert played.turns == []
    samples = sound(1, 2)
    turns.play(samples)
    samples[:] = 0
    await asyncio.sleep(0)
    assert played.turns == [([1, 2], [])]


async def test_flushing_takes_the_sound_of_this_turn_and_leaves_its_picture() -> None:
    played = Played()
    turns = Turns(played)
    turns.play(sound(1))
    turns.show(picture(1.0))
    turns.flush()
    turns.play(sound(2))
    await asyncio.sleep(0)
    assert played.turns == [([2], [1.0])]


async def test_finishing_delivers_the_turn_that_is_under_way() -> None:
    played = Played()
    turns = Turns(played)
    turns.play(sound(1))
    turns.finish()
    turns.finish()
    turns.play(sound(2))
    turns.show(picture(1.0))
    await asyncio.sleep(0)
    assert played.turns == [([1], [])]


async def test_closing_delivers_nothing() -> None:
    played = Played()
    turns = Turns(played)
    turns.play(sound(1))
    turns.close()
    turns.close()
    turns.play(sound(2))
    await asyncio.sleep(0)
    assert played.turns == []
