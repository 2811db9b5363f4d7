"""Gestures: movements that are asked for, on top of everything else.

| gesture | seconds | what is seen |
|---|---|---|
| nod | 0.9 | the head goes down twice, the second time less |
| shake | 1.2 | the head turns to and fro twice |
| smile | 2.4 | the mouth's corners and the cheeks go up |
| wave | 2.2 | a hand comes up and waves; with a small smile |
| look | 1.6 | the eyes go there (`gaze.Gaze.look`), and the head follows a little |

Different gestures add up. The same one again begins from where it is: a wave goes on waving, a
look goes on to the new place.
"""

from __future__ import annotations

from greenroom.avatar.motion.glide import Key, Track
from greenroom.avatar.ports import Gesture, GestureCue, Pose

SECONDS: dict[Gesture, float] = {"nod": 0.9, "shake": 1.2, "smile": 2.4, "wave": 2.2, "look": 1.6}
"""From the beginning until everything is as it was."""

_NOD = ((0.0, 0.5, 0.22), (0.22, 0.06, 0.2), (0.42, 0.34, 0.2), (0.62, 0.0, 0.28))
_SHAKE = (
    (0.0, -0.4, 0.22), (0.22, 0.42, 0.26), (0.48, -0.32, 0.26), (0.74, 0.16, 0.2), (0.94, 0.0, 0.26)
)  # fmt: skip
_HAND = ((0.0, 1.0, 0.5), (1.7, 0.0, 0.5))
_FINGERS = (
    (0.3, 0.9, 0.26), (0.56, -0.9, 0.28), (0.84, 0.9, 0.28), (1.12, -0.9, 0.28), (1.4, 0.7, 0.28),
    (1.68, 0.0, 0.4),
)  # fmt: skip

_SCORES: dict[Gesture, tuple[tuple[str, tuple[Key, ...]], ...]] = {
    "nod": (("pitch", _NOD), ("bob", ((0.0, 0.08, 0.22), (0.5, 0.0, 0.4)))),
    "shake": (("turn", _SHAKE),),
    "smile": (
        ("smile", ((0.0, 0.85, 0.4), (1.75, 0.0, 0.65))),
        ("left_brow", ((0.0, 0.12, 0.4), (1.6, 0.0, 0.6))),
        ("right_brow", ((0.0, 0.12, 0.4), (1.6, 0.0, 0.6))),
    ),
    "wave": (
        ("wave", _HAND),
        ("wave_angle", _FINGERS),
        ("smile", ((0.1, 0.5, 0.4), (1.6, 0.0, 0.6))),
        ("tilt", ((0.1, 3.0, 0.5), (1.6, 0.0, 0.6))),
    ),
    "look": (),
}
# How far the head follows a look to the edge, and when.
_FOLLOW: tuple[Key, ...] = ((0.06, 0.3, 0.4), (1.15, 0.0, 0.45))


class Gestures:
    """The gestures that are going on."""

    def __init__(self) -> None:
        self._tracks: dict[tuple[Gesture, str], Track] = {}
        self._over = 0.0

    def begin(self, cue: GestureCue, at: float) -> None:
        """Begin a gesture at `at`, or begin it again."""
        for channel, keys in _SCORES[cue.name]:
            self._play(cue.name, channel, keys, at)
        if cue.name == "look":
            self._play("look", "turn", _FOLLOW, at, cue.x)
            self._play("look", "pitch", _FOLLOW, at, cue.y)
        self._over = max(self._over, at + SECONDS[cue.name])

    def add_to(self, pose: Pose, at: float) -> None:
        """Add what they are at `at`."""
        if at >= self._over:
            self._tracks.clear()
            return
        for (_, channel), track in self._tracks.items():
            setattr(pose, channel, getattr(pose, channel) + track.value(at))

    def _play(
        self, name: Gesture, channel: str, keys: tuple[Key, ...], at: float, scale: float = 1.0
    ) -> None:
        track = self._tracks.get((name, channel))
        if track is None:
            track = self._tracks[name, channel] = Track()
        track.play(keys, at, scale)
