"""All that moves on an avatar but the mouth: one pose after the other.

Each part (blinks, gaze, posture ...) makes its plans in seconds from random numbers of its own, and
moves by `glide`, so nothing jumps, whatever is asked for and whenever, and a face moves alike at 20
and at 25 pictures a second (but for the beats of stress, which are heard picture by picture).
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from greenroom.avatar.motion.blinks import Blinks
from greenroom.avatar.motion.breath import Breath
from greenroom.avatar.motion.expression import Expression
from greenroom.avatar.motion.gaze import Gaze
from greenroom.avatar.motion.gestures import SECONDS, Gestures
from greenroom.avatar.motion.posture import Posture
from greenroom.avatar.motion.stress import Stress
from greenroom.avatar.ports import Activity, GestureCue, Pose
from greenroom.avatar.visemes import Weights

STEADY = 0.35
"""How much of the head's turning the eyes make good, so that they stay on what they look at."""
MOST_TILT = 15.0
"""Degrees."""

# Steps in which each value is told. They are too small to be seen (about a quarter of a pixel), and
# what moves less than that is exactly still, so that it needn't be drawn again.
_LID, _EYE, _BROW, _HEAD, _DEGREE, _BODY, _BREATH = (
    1 / 48,
    1 / 50,
    1 / 50,
    1 / 100,
    0.1,
    1 / 50,
    1 / 20,
)


class Motion:
    """One avatar's movement. Those of one seed move alike."""

    def __init__(self, seed: int) -> None:
        self._microseconds = 0  # whole ones: sums don't depend on the steps they were made in
        self._now = 0.0
        self._activity: Activity = "idle"
        self._random = _random(seed, "side")
        self._stress = Stress()
        self._blinks = Blinks(_random(seed, "blinks"))
        self._breath = Breath(_random(seed, "breath"))
        self._gaze = Gaze(_random(seed, "gaze"), lambda at: self._blinks.suggest(at, 0.35))
        self._posture = Posture(_random(seed, "posture"))
        self._expression = Expression(_random(seed, "expression"))
        self._gestures = Gestures()

    def step(
        self,
        seconds: float,
        weights: Weights,
        loudness: float,
        activity: Activity,
        gestures: Sequence[GestureCue],
    ) -> Pose:
        """The pose at the end of the next `seconds`, with the mouth of `weights`.

        `loudness` is of their sound, in dBFS (see `motion.loudness`). `activity` and the `gestures`
        that begin count from their beginning. About 20 us.
        """
        if activity != self._activity:
            self._change(activity)
        for cue in gestures:
            self._begin(cue)
        self._microseconds += round(seconds * 1e6)
        self._now = self._microseconds / 1e6
        self._listen(loudness, seconds)
        return self._pose(weights)

    def _change(self, activity: Activity) -> None:
        side = self._random.choice((-1.0, 1.0))
        self._activity = activity
        self._blinks.change(activity)
        self._blinks.suggest(self._now, 0.4)
        self._breath.change(activity)
        self._gaze.change(activity, side, self._now)
        self._posture.change(activity, side, self._now)
        self._expression.change(activity, side, self._now)

    def _begin(self, cue: GestureCue) -> None:
        if cue.name == "look":
            cue = GestureCue("look", _within(cue.x, 1.0), _within(cue.y, 1.0))
            self._gaze.look(cue.x, cue.y, self._now, SECONDS["look"] - 0.3)
        self._gestures.begin(cue, self._now)

    def _listen(self, loudness: float, seconds: float) -> None:
        heard = self._stress.hear(loudness, seconds)
        if self._activity != "speaking":
            return
        if heard.phrase_ended:
            self._blinks.suggest(self._now, 0.6)
            self._gaze.meet(self._now)
        elif heard.beat:
            self._posture.beat(heard.beat, self._now)
            if self._random.random() < heard.beat**2:
                self._expression.beat(heard.beat, self._now)

    def _pose(self, weights: Weights) -> Pose:
        now, posture, face = self._now, self._posture, self._expression
        posture.advance(now)
        gaze_x, gaze_y = self._gaze.direction(now)
        flash = face.flashes.value(now)
        pose = Pose(
            visemes=weights,
            left_brow=face.left.value(now) + flash,
            right_brow=face.right.value(now) + flash,
            turn=posture.turn.value(now),
            pitch=posture.pitch.value(now) + posture.dips.value(now),
            tilt=posture.tilt.value(now),
            sway=posture.sway.value(now),
            bob=posture.bob.value(now),
            breath=self._breath.value(now),
            smile=face.smile.value(now),
        )
        self._gestures.add_to(pose, now)
        pose.gaze_x = gaze_x - STEADY * pose.turn
        pose.gaze_y = gaze_y - STEADY * pose.pitch
        self._settle(pose, self._blinks.value(now))
        return pose

    def _settle(self, pose: Pose, blink: float) -> None:
        """Keep everything in its range and in its steps; close the lids."""
        pose.turn = _step(_within(pose.turn, 1.0), _HEAD)
        pose.pitch = _step(_within(pose.pitch, 1.0), _HEAD)
        pose.tilt = _step(_within(pose.tilt, MOST_TILT), _DEGREE)
        pose.sway = _step(_within(pose.sway, 1.0), _BODY)
        pose.bob = _step(_within(pose.bob, 1.0), _BODY)
        pose.breath = _step(_share(pose.breath), _BREATH)
        pose.gaze_x = _step(_within(pose.gaze_x, 1.0), _EYE)
        pose.gaze_y = _step(_within(pose.gaze_y, 1.0), _EYE)
        pose.left_brow = _step(_within(pose.left_brow, 1.0), _BROW)
        pose.right_brow = _step(_within(pose.right_brow, 1.0), _BROW)
        pose.smile = _step(_share(pose.smile), _BROW)
        pose.wave = _step(_share(pose.wave), _HEAD)
        pose.wave_angle = _step(_within(pose.wave_angle, 1.0), _HEAD)
        # The upper lid goes down with the eye, and smiling cheeks push up the lower one.
        rest = 0.3 * max(0.0, pose.gaze_y) + 0.12 * pose.smile
        pose.left_lid = pose.right_lid = _step(_share(rest + (1 - rest) * blink), _LID)


def _random(seed: int, part: str) -> Random:
    """Random numbers of its own for each part: one part's habits don't change another's plans."""
    return Random(f"{seed} {part}")  # noqa: S311 - nothing to be kept secret


def _within(value: float, most: float) -> float:
    return -most if value < -most else min(value, most)


def _share(value: float) -> float:
    return 0.0 if value < 0.0 else min(value, 1.0)


def _step(value: float, size: float) -> float:
    return round(value / size) * size
