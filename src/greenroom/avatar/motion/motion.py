"""All that moves on an avatar but the mouth: one pose after the other.

Each part (blinks, gaze, posture ...) makes its plans in seconds from random numbers of its own, and
moves by `glide`, so nothing jumps, whatever is asked for and whenever, and a face moves alike at 20
and at 25 pictures a second: to within the steps of `hold`, and but for the beats of stress, which
are heard picture by picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from greenroom.avatar.motion.blinks import Blinks
from greenroom.avatar.motion.breath import Breath
from greenroom.avatar.motion.expression import Expression
from greenroom.avatar.motion.gaze import Gaze
from greenroom.avatar.motion.gestures import SECONDS, Gestures
from greenroom.avatar.motion.hold import Hold
from greenroom.avatar.motion.posture import Posture
from greenroom.avatar.motion.stress import Stress
from greenroom.avatar.ports import Activity, GestureCue, Pose
from greenroom.avatar.visemes import Weights

STEADY = 0.35
"""How much of the head's turning the eyes make good, so that they stay on what they look at."""
MOST_TILT = 15.0
"""Degrees."""

# From which change on a value is told: what is seen, about a quarter of a pixel at 512 x 512. Head
# and body are one: turn, pitch, tilt (degrees), sway, bob, breath.
_FIGURE = (0.02, 0.03, 0.12, 0.03, 0.05, 0.1)
_FACE = 0.02


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
        self._figure = Hold(*_FIGURE)
        self._eyes = Hold(_FACE, _FACE)
        self._lids = Hold(_FACE)
        self._brows = Hold(_FACE, _FACE)
        self._smile = Hold(_FACE)

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
        self._settle(pose)
        self._see(pose, *self._gaze.direction(now), self._blinks.value(now))
        return pose

    def _settle(self, pose: Pose) -> None:
        """Keep everything in its range, and still where it hardly moves."""
        pose.turn, pose.pitch, pose.tilt, pose.sway, pose.bob, pose.breath = self._figure.tell(
            _within(pose.turn, 1.0),
            _within(pose.pitch, 1.0),
            _within(pose.tilt, MOST_TILT),
            _within(pose.sway, 1.0),
            _within(pose.bob, 1.0),
            _share(pose.breath),
        )
        pose.left_brow, pose.right_brow = self._brows.tell(
            _within(pose.left_brow, 1.0), _within(pose.right_brow, 1.0)
        )
        (pose.smile,) = self._smile.tell(_share(pose.smile))
        pose.wave, pose.wave_angle = _share(pose.wave), _within(pose.wave_angle, 1.0)

    def _see(self, pose: Pose, x: float, y: float, blink: float) -> None:
        """Turn the eyes to what they look at, and close the lids."""
        pose.gaze_x, pose.gaze_y = self._eyes.tell(
            _within(x - STEADY * pose.turn, 1.0), _within(y - STEADY * pose.pitch, 1.0)
        )
        # The upper lid goes down with the eye, and smiling cheeks push up the lower one.
        rest = 0.3 * max(0.0, pose.gaze_y) + 0.12 * pose.smile
        (pose.left_lid,) = self._lids.tell(rest + (1 - rest) * blink)
        pose.right_lid = pose.left_lid


def _random(seed: int, part: str) -> Random:
    """Random numbers of its own for each part: one part's habits don't change another's plans."""
    return Random(f"{seed} {part}")  # noqa: S311 - nothing to be kept secret


def _within(value: float, most: float) -> float:
    return -most if value < -most else min(value, most)


def _share(value: float) -> float:
    return 0.0 if value < 0.0 else min(value, 1.0)
