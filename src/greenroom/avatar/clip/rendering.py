"""A whole sound to what a face is asked for, picture by picture."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import numpy as np

from greenroom.audio.pcm import EMPTY, Pcm
from greenroom.audio.resample import resample
from greenroom.avatar.clip.clip_file import SOUND_RATE, ClipFile
from greenroom.avatar.formats import LIP_SYNC_RATE, LOOK_AHEAD, PictureFormat
from greenroom.avatar.motion.loudness import loudness
from greenroom.avatar.ports import Face, FrameRequest

AROUND = 0.5
"""Seconds without speech that a clip has before and after the sound."""
VOICE = -50.0
"""dBFS from which on a picture's sound counts as speech."""
PAUSE = 1.2
"""Seconds: in a pause of more the face is idle, in a shorter one it goes on as one that speaks."""

OnPicture = Callable[[int, int], None]
"""Told how many pictures are made, and how many there will be."""


def render(
    sound: Pcm,
    face: Face,
    picture: PictureFormat,
    clip: ClipFile,
    on_picture: OnPicture,
) -> int:
    """Have `face` say `sound` (at SOUND_RATE) and write that; return how many pictures it took.

    Raises what the face and the clip raise.
    """
    samples = SOUND_RATE // picture.rate
    around = round(AROUND * SOUND_RATE)
    total = -(-(len(sound) + 2 * around) // samples)
    whole = np.zeros(total * samples, np.int16)
    whole[around : around + len(sound)] = sound
    for k, request in enumerate(requests(resample(whole, SOUND_RATE, LIP_SYNC_RATE), picture)):
        clip.write(face.frame(request), whole[k * samples : (k + 1) * samples])
        on_picture(k + 1, total)
    return total


def requests(heard: Pcm, picture: PictureFormat) -> Iterator[FrameRequest]:
    """All pictures of `heard` (whole pictures, at LIP_SYNC_RATE), the first a keyframe."""
    samples = picture.samples
    total = len(heard) // samples
    speaking = _speaking(heard, picture)
    known = 0
    for k in range(total):
        at = k * samples
        reach = min(at + samples + LOOK_AHEAD, len(heard))
        pcm = heard[known:reach] if reach > known else EMPTY
        known = reach
        yield FrameRequest(
            at,
            samples,
            pcm,
            activity="speaking" if speaking[k] else "idle",
            keyframe=k == 0,
        )


def _speaking(heard: Pcm, picture: PictureFormat) -> list[bool]:
    """For each picture whether there is speech in it, or before and after it."""
    pictures = heard[: len(heard) // picture.samples * picture.samples]
    speaking = [loudness(row) > VOICE for row in pictures.reshape(-1, picture.samples)]
    loud = [k for k, speaks in enumerate(speaking) if speaks]
    for last, following in itertools.pairwise(loud):
        if following - last <= PAUSE * picture.rate:
            speaking[last:following] = [True] * (following - last)
    return speaking
