"""The whole of an avatar's movement: continuous, in range, the same in time, and telling."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Iterable, Sequence
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenroom.avatar.motion.gestures import SECONDS
from greenroom.avatar.motion.loudness import SILENCE
from greenroom.avatar.motion.motion import MOST_TILT, Motion
from greenroom.avatar.ports import GESTURES, Activity, Gesture, GestureCue, Pose
from greenroom.avatar.visemes import at_rest

CHANNELS = [field.name for field in dataclasses.fields(Pose) if field.name != "visemes"]
ACTIVITIES: tuple[Activity, ...] = ("idle", "listening", "thinking", "speaking")
PICTURE = 1 / 25
MOUTH = at_rest()
SHARES = {"left_lid", "right_lid", "breath", "smile", "wave"}
MOST_CHANGE = {
    "left_lid": 0.9, "right_lid": 0.9, "gaze_x": 0.85, "gaze_y": 0.85, "left_brow": 0.3,
    "right_brow": 0.3, "turn": 0.5, "pitch": 0.35, "tilt": 2.0, "sway": 0.2, "bob": 0.15,
    "breath": 0.3, "smile": 0.3, "wave": 0.2, "wave_angle": 0.6,
}  # fmt: skip
"""In 1/25 s. A lid is shut in two pictures, the eyes take three from edge to edge."""
HELD = {"tilt": 0.13, "breath": 0.1}
"""How far a value may be from where it is held, if that is more than 0.05."""


def values(pose: Pose) -> list[float]:
    return [getattr(pose, name) for name in CHANNELS]


def close(one: Pose, other: Pose) -> bool:
    """Whether two poses are the same but for what is held still, each within a step of the path."""
    return all(
        abs(a - b) <= 2 * HELD.get(name, 0.05)
        for name, a, b in zip(CHANNELS, values(one), values(other), strict=True)
    )


def run(
    motion: Motion,
    seconds: float,
    activity: Activity = "idle",
    loudness: float = SILENCE,
    gestures: Sequence[GestureCue] = (),
    picture: float = PICTURE,
) -> list[Pose]:
    """The poses of a time; the gestures begin with it."""
    poses = []
    for k in range(round(seconds / picture)):
        cues = () if k else gestures
        poses.append(motion.step(picture, MOUTH, loudness, activity, cues))
    return poses


def ways(poses: Iterable[Pose], read: Callable[[Pose], float]) -> float:
    """How far a value has gone altogether."""
    path = [read(pose) for pose in poses]
    return sum(abs(b - a) for a, b in itertools.pairwise(path))


cues = st.builds(
    GestureCue,
    st.sampled_from(GESTURES),
    st.sampled_from((-1.0, -0.4, 0.0, 1.0, 3.0)),
    st.sampled_from((-1.0, 0.3, 1.0)),
)
moments = st.lists(
    st.tuples(
        st.integers(1, 12),
        st.sampled_from(ACTIVITIES),
        st.sampled_from((SILENCE, -40.0, -25.0, -12.0, 0.0)),
        st.lists(cues, max_size=3),
    ),
    min_size=1,
    max_size=25,
)


@given(st.integers(0, 2**40), moments)
def test_nothing_jumps_or_leaves_its_range_whatever_is_asked_for(
    seed: int, script: list[tuple[int, Activity, float, list[GestureCue]]]
) -> None:
    motion = Motion(seed)
    before = values(run(motion, 0.2)[-1])
    for pictures, activity, loudness, gestures in script:
        for pose in run(motion, pictures * PICTURE, activity, loudness, gestures):
            after = values(pose)
            for name, a, b in zip(CHANNELS, before, after, strict=True):
                most = MOST_TILT if name == "tilt" else 1.0
                assert (0.0 if name in SHARES else -most) <= b <= most, name
                assert abs(b - a) <= MOST_CHANGE[name], name
            before = after


@given(
    st.integers(0, 2**40),
    st.lists(st.tuples(st.integers(1, 6), st.sampled_from(ACTIVITIES), st.lists(cues, max_size=2))),
)
def test_at_20_and_at_25_pictures_a_second_the_path_is_the_same(
    seed: int, script: list[tuple[int, Activity, list[GestureCue]]]
) -> None:
    slow, fast = Motion(seed), Motion(seed)
    for fifths, activity, gestures in script:
        a = run(slow, fifths / 5, activity, gestures=gestures, picture=1 / 20)
        b = run(fast, fifths / 5, activity, gestures=gestures, picture=1 / 25)
        for one, other in zip(a[3::4], b[4::5], strict=True):
            assert close(one, other)


def test_faces_of_one_seed_move_alike_and_those_of_two_do_not() -> None:
    paths = [[values(pose) for pose in run(Motion(seed), 20, "speaking")] for seed in (7, 7, 8)]
    assert paths[0] == paths[1] != paths[2]


def test_the_mouth_is_handed_on_as_it_is() -> None:
    assert Motion(1).step(PICTURE, MOUTH, SILENCE, "speaking", ()).visemes is MOUTH


def test_who_is_idle_is_exactly_still_in_many_pictures_but_not_for_long() -> None:
    still = [0]
    poses = [values(pose) for pose in run(Motion(4), 60)]
    for a, b in itertools.pairwise(poses):
        still = [*still[:-1], still[-1] + 1] if a == b else [*still, 0]
    assert sum(still) > 0.6 * len(poses)
    assert max(still) < 4 / PICTURE


def test_the_head_moves_more_while_speaking() -> None:
    idle, speaking = (run(Motion(2), 60, activity) for activity in ("idle", "speaking"))
    for read in (lambda pose: pose.turn, lambda pose: pose.tilt, lambda pose: pose.sway):
        assert ways(speaking, read) > 2.5 * ways(idle, read)


def looks_aside(poses: Sequence[Pose]) -> float:
    """The share of the time in which the eyes are not with the viewer, who is where 0.35 of the
    head's turn is made good."""
    return fmean(
        abs(pose.gaze_x + 0.35 * pose.turn) > 0.12 or abs(pose.gaze_y + 0.35 * pose.pitch) > 0.12
        for pose in poses
    )


def test_activities_can_be_told_from_each_other() -> None:
    seen = {activity: run(Motion(5), 120, activity)[25:] for activity in ACTIVITIES}
    assert looks_aside(seen["listening"]) < 0.05
    assert 0.02 < looks_aside(seen["idle"]) < 0.3
    assert 0.02 < looks_aside(seen["speaking"]) < 0.3
    assert looks_aside(seen["thinking"]) > 0.5
    assert fmean(pose.gaze_y for pose in seen["thinking"]) < -0.15
    assert fmean(pose.pitch for pose in seen["thinking"]) < -0.1
    assert all(pose.left_brow != pose.right_brow for pose in seen["thinking"])
    assert fmean(abs(pose.tilt) for pose in seen["listening"]) > 3
    assert min(pose.left_brow for pose in seen["listening"]) > 0.1
    assert fmean(pose.smile for pose in seen["idle"]) > 0.1


def test_a_listener_nods_a_little_at_times() -> None:
    nods = [pose.pitch for pose in run(Motion(3), 60, "listening")]
    dips = sum(a < 0.15 <= b for a, b in itertools.pairwise(nods))
    assert 6 <= dips <= 30


@pytest.mark.parametrize("seed", range(4))
def test_a_new_activity_is_taken_up_within_the_blend(seed: int) -> None:
    motion = Motion(seed)
    run(motion, 2.0, "thinking")
    early, *_, late = run(motion, 0.6, "listening")
    assert early.left_brow != early.right_brow
    assert min(late.left_brow, late.right_brow) > 0.15
    assert late.pitch > -0.05
    assert abs(late.tilt) > 2.5


@pytest.mark.parametrize(
    ("name", "read", "least"),
    [
        ("nod", lambda pose: pose.pitch, 0.4),
        ("shake", lambda pose: abs(pose.turn), 0.25),
        ("smile", lambda pose: pose.smile, 0.9),
        ("wave", lambda pose: pose.wave, 1.0),
        ("look", lambda pose: pose.gaze_x, 0.7),
    ],
)
def test_a_gesture_is_seen_and_over_after_its_time(
    name: Gesture, read: Callable[[Pose], float], least: float
) -> None:
    plain, gesturing = Motion(6), Motion(6)
    without = run(plain, SECONDS[name] + 1)
    poses = run(gesturing, SECONDS[name] + 1, gestures=[GestureCue(name, 1.0, 0.4)])
    assert max(map(read, poses)) >= least
    if name == "look":  # after which the eyes have other plans
        assert poses[-1].gaze_x < 0.5
    else:
        assert close(poses[-1], without[-1])


def test_gestures_overlap() -> None:
    poses = run(
        Motion(6), 1.2, gestures=[GestureCue("nod"), GestureCue("wave"), GestureCue("look", -1.0)]
    )
    assert max(pose.pitch for pose in poses) > 0.4
    assert max(pose.wave for pose in poses) == 1
    assert min(pose.gaze_x for pose in poses) < -0.7


def test_a_wave_that_is_asked_for_again_keeps_the_hand_up() -> None:
    motion = Motion(6)
    run(motion, 1.4, gestures=[GestureCue("wave")])
    poses = run(motion, 1.4, gestures=[GestureCue("wave")])
    assert min(pose.wave for pose in poses) == 1
    assert ways(poses, lambda pose: pose.wave_angle) > 4
    assert run(motion, 1.2)[-1].wave == 0


def test_a_look_may_go_beyond_the_edge_and_is_held_there() -> None:
    poses = run(Motion(1), 1.2, gestures=[GestureCue("look", 40.0, -40.0)])
    assert all(pose.gaze_x > 0.8 for pose in poses[12:])
    assert all(pose.gaze_y < -0.8 for pose in poses[12:])
    assert poses[-1].turn > 0.15


def test_brows_and_head_follow_stressed_words() -> None:
    """A loud syllable each second, among soft ones."""

    def talk(loud: float) -> list[Pose]:
        motion = Motion(9)
        poses = []
        for _ in range(20):
            poses += run(motion, 0.2, "speaking", loud) + run(motion, 0.4, "speaking", -30.0)
            poses += run(motion, 0.4, "speaking", -31.0)
        return poses

    plain, stressed = talk(-31.0), talk(-14.0)
    assert max(pose.left_brow for pose in plain) < 0.1
    raised = [pose.left_brow > 0.2 for pose in stressed]
    assert 8 <= sum(b and not a for a, b in itertools.pairwise(raised)) <= 20
    assert ways(stressed, lambda p: p.pitch) > 1.5 * ways(plain, lambda p: p.pitch)


def test_only_who_speaks_is_moved_by_sound() -> None:
    def listen(loudness: float) -> list[list[float]]:
        motion = Motion(9)
        return [
            values(pose)
            for _ in range(5)
            for pose in run(motion, 0.5, "idle", loudness) + run(motion, 0.5, "idle")
        ]

    assert listen(-10.0) == listen(SILENCE)


def test_the_ends_of_phrases_bring_blinks() -> None:
    def blinks_after(loudness: float) -> int:
        """Blinks in the 0.3 s that follow each second, the last 0.2 s of which are a pause."""
        motion, found = Motion(3), 0
        for _ in range(60):
            run(motion, 0.8, "speaking", -25.0)
            poses = run(motion, 0.2, "speaking", loudness) + run(motion, 0.2, "speaking", -25.0)
            found += max(pose.left_lid for pose in poses) > 0.6
        return found

    assert blinks_after(SILENCE) > 1.4 * blinks_after(-25.0)
