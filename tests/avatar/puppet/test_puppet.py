"""The puppet: what is drawn is the pose, and what is said to have changed is all that has."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random

import numpy as np
import pytest

from greenroom.avatar.packs.library import SHIPPED
from greenroom.avatar.packs.pack import load_pack
from greenroom.avatar.ports import Pose, Puppet, Rect
from greenroom.avatar.puppet.artwork import KEPT, artwork
from greenroom.avatar.puppet.puppet import SkiaPuppet
from greenroom.avatar.puppet.view import View
from greenroom.avatar.visemes import VISEMES, Weights
from greenroom.errors import InvalidInput
from support.tiny_pack import FILES, MANIFEST, svg, write_pack

SIDE = 120


@pytest.fixture(scope="module")
def jonas() -> SkiaPuppet:
    """An avatar that has everything: glasses, a hand, brows."""
    return SkiaPuppet(load_pack(SHIPPED / "jonas"), SIDE, SIDE)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pack(tmp_path_factory.mktemp("packs") / "tiny")


def viseme(name: str) -> Weights:
    weights = np.zeros(len(VISEMES), np.float32)
    weights[VISEMES.index(name)] = 1
    return weights


def picture(puppet: SkiaPuppet, pose: Pose) -> np.ndarray:
    puppet.draw(pose)
    return puppet.pixels.astype(int)


def poses(seed: int, count: int) -> Iterator[Pose]:
    """Poses of which each differs in a few things from the one before."""
    random = Random(seed)
    pose = Pose()
    for _ in range(count):
        ranges = {
            "turn": (-1, 1), "pitch": (-1, 1), "tilt": (-6, 6), "sway": (-1, 1), "bob": (-1, 1),
            "breath": (0, 1), "smile": (0, 1), "left_lid": (0, 1), "right_lid": (0, 1),
            "gaze_x": (-1, 1), "gaze_y": (-1, 1), "left_brow": (-1, 1), "wave": (0, 1),
            "wave_angle": (-1, 1),
        }  # fmt: skip
        names = random.sample(sorted(ranges), random.randint(0, 3))
        changes = {name: random.uniform(*ranges[name]) for name in names}
        if random.random() < 0.5:
            changes["visemes"] = viseme(random.choice(VISEMES))
        pose = replace(pose, **changes)
        yield pose


def check_rects(rects: tuple[Rect, ...], width: int, height: int) -> np.ndarray:
    """Where they lie, as a mask."""
    inside = np.zeros((height, width), int)
    for left, top, right, bottom in rects:
        assert 0 <= left < right <= width
        assert 0 <= top < bottom <= height
        assert not any(edge % 2 for edge in (left, top, right, bottom))
        inside[top:bottom, left:right] += 1
    assert inside.max(initial=0) <= 1, "they overlap"
    return inside > 0


def test_the_first_picture_is_all_new_and_opaque(tiny: Path) -> None:
    puppet: Puppet = SkiaPuppet(load_pack(tiny), 160, 90)
    pixels = puppet.pixels
    assert puppet.draw(Pose()) == ((0, 0, 160, 90),)
    assert puppet.pixels is pixels
    assert pixels.shape == (90, 160, 4)
    assert pixels.dtype == np.uint8
    assert (pixels[:, :, 3] == 255).all()
    assert tuple(pixels[2, 2]) == (0xC0, 0xA0, 0x80, 255)  # the background's colour as BGRA
    assert tuple(pixels[45, 80]) == (0x90, 0xB0, 0xE0, 255)  # the head's, in the middle


def test_what_has_changed_lies_in_the_rectangles_and_nothing_else_does(jonas: SkiaPuppet) -> None:
    picture(jonas, Pose())
    for pose in poses(1, 60):
        before = jonas.pixels.copy()
        rects = jonas.draw(pose)
        changed = (jonas.pixels != before).any(axis=2)
        inside = check_rects(rects, SIDE, SIDE)
        assert not (changed & ~inside).any(), pose


def test_a_picture_that_was_drawn_bit_by_bit_is_the_one_that_is_drawn_at_once(
    jonas: SkiaPuppet,
) -> None:
    for number, pose in enumerate(poses(2, 24)):
        pieced = picture(jonas, pose)
        if number % 4 == 3:
            fresh = picture(SkiaPuppet(load_pack(SHIPPED / "jonas"), SIDE, SIDE), pose)
            difference = np.abs(pieced - fresh).max(axis=2)
            # An outline that has moved by less than can be seen is not drawn again.
            assert difference.max() <= 64, pose
            assert difference.mean() < 0.2, pose


def test_a_pose_that_is_held_costs_nothing(jonas: SkiaPuppet) -> None:
    for pose in poses(3, 10):
        picture(jonas, pose)
        assert jonas.draw(replace(pose)) == ()
    picture(jonas, Pose())
    assert jonas.draw(Pose(turn=0.001, tilt=0.01, sway=0.002, breath=0.01)) == ()


def test_a_moving_mouth_changes_only_what_is_around_it(jonas: SkiaPuppet) -> None:
    picture(jonas, Pose())
    rects = jonas.draw(Pose(visemes=viseme("aa")))
    (left, top, right, bottom) = rects[0]
    assert len(rects) == 1
    assert (right - left) * (bottom - top) < SIDE * SIDE / 8
    assert top > SIDE / 2


def test_each_viseme_looks_different(jonas: SkiaPuppet) -> None:
    seen = [picture(jonas, Pose(visemes=viseme(name))) for name in VISEMES]
    for at, one in enumerate(seen):
        for other in seen[at + 1 :]:
            assert np.abs(one - other).max() > 12


def test_an_open_mouth_is_darker_than_a_closed_one(jonas: SkiaPuppet) -> None:
    closed = picture(jonas, Pose())
    changed = np.abs(picture(jonas, Pose(visemes=viseme("aa"))) - closed).max(axis=2) > 80
    opened = picture(jonas, Pose(visemes=viseme("aa")))
    assert opened[changed].mean() < closed[changed].mean() - 30


def test_lids_hide_the_iris_and_gaze_moves_it_only_while_it_is_seen(jonas: SkiaPuppet) -> None:
    def blue(pose: Pose) -> np.ndarray:
        pixels = picture(jonas, pose)[: SIDE // 2]
        mask = (pixels[:, :, 0] - pixels[:, :, 2]) > 30
        mask[:, : SIDE // 4] = mask[:, -SIDE // 4 :] = False  # the wall is blue as well
        return np.flatnonzero(mask.any(axis=0))

    ahead, right = blue(Pose()), blue(Pose(gaze_x=1))
    assert len(ahead) > 4
    assert right.max() > ahead.max()
    assert len(blue(Pose(left_lid=1, right_lid=1))) == 0
    assert jonas.draw(Pose(left_lid=1, right_lid=1, gaze_x=1)) == ()


def test_one_eye_closes_without_the_other(jonas: SkiaPuppet) -> None:
    picture(jonas, Pose())
    (rect,) = jonas.draw(Pose(left_lid=1))
    assert rect[2] <= SIDE / 2 + 4


def test_a_hand_comes_up_swings_and_goes(jonas: SkiaPuppet) -> None:
    rest = picture(jonas, Pose())
    raised = picture(jonas, Pose(wave=1))
    swung = picture(jonas, Pose(wave=1, wave_angle=1))
    half = picture(jonas, Pose(wave=0.5))
    rows = [
        np.flatnonzero((np.abs(one - rest).max(axis=2) > 40).any(axis=1)).min()
        for one in (raised, half)
    ]
    assert rows[0] < rows[1]
    assert (swung != raised).any()
    assert np.abs(picture(jonas, Pose()) - rest).max() < 40


def test_a_tilted_head_leans_to_its_side(jonas: SkiaPuppet) -> None:
    def top(pose: Pose) -> float:
        """Where the grey hair's middle is."""
        row = picture(jonas, pose)[SIDE // 6]
        return float(np.flatnonzero(row[:, 0] < 200).mean())

    assert top(Pose(tilt=5)) > top(Pose()) + 2
    assert top(Pose(tilt=-5)) < top(Pose()) - 2


def test_a_wide_picture_shows_the_same_figure_in_the_middle(tiny: Path) -> None:
    pack = load_pack(tiny)
    square, wide = SkiaPuppet(pack, 90, 90), SkiaPuppet(pack, 160, 90)
    one, other = picture(square, Pose(turn=0.5)), picture(wide, Pose(turn=0.5))
    assert np.abs(one - other[:, 35:125]).max() <= 1
    assert (other[:, :10] == other[0, 0]).all()


def test_a_tall_picture_has_the_figure_at_the_bottom(tiny: Path) -> None:
    tall = picture(SkiaPuppet(load_pack(tiny), 90, 120), Pose())
    assert tuple(tall[75, 45, :3]) == (0x90, 0xB0, 0xE0)


def test_a_frame_brings_the_figure_closer(tiny: Path, tmp_path: Path) -> None:
    closer = write_pack(tmp_path, avatar_toml="frame = [250, 250, 500]\n" + MANIFEST)
    far, near = (picture(SkiaPuppet(load_pack(pack), 90, 90), Pose()) for pack in (tiny, closer))
    head = [(one == (0x90, 0xB0, 0xE0, 255)).all(axis=2).sum() for one in (far, near)]
    assert head[1] > 2.5 * head[0]


def test_puppets_of_one_pack_and_size_share_their_artwork(tiny: Path) -> None:
    view = View(64, 64)
    one, other = SkiaPuppet(load_pack(tiny), 64, 64), SkiaPuppet(load_pack(tiny), 64, 64)
    assert one._artwork is other._artwork is artwork(load_pack(tiny), view)
    one.draw(Pose(turn=1))
    other.draw(Pose(turn=-1))
    assert (one.pixels != other.pixels).any()


def test_artwork_that_is_in_use_is_shared_and_what_was_used_last_is_kept(tiny: Path) -> None:
    pack = load_pack(tiny)
    used = SkiaPuppet(pack, 20, 20)
    last = [id(artwork(pack, View(size, size))) for size in range(22, 22 + 2 * KEPT, 2)]
    assert artwork(pack, View(20, 20)) is used._artwork
    assert id(artwork(pack, View(20 + 2 * KEPT, 20 + 2 * KEPT))) == last[-1]


def test_paints_may_be_gradients_and_lines(tmp_path: Path) -> None:
    head = FILES["mouth.svg"].replace(
        'fill="#a03030"', 'fill="url(#g)" stroke="#00ff00" stroke-width="10" stroke-linecap="round"'
    )
    defs = (
        '<linearGradient id="g" gradientUnits="userSpaceOnUse" x1="400" x2="600" y1="0" y2="0">'
        '<stop offset="0" stop-color="#ff0000"/><stop offset="1" stop-color="#0000ff"/>'
        "</linearGradient>"
    )
    pack = load_pack(write_pack(tmp_path / "a", mouth_svg=head.replace("<g", defs + "<g", 1)))
    pixels = picture(SkiaPuppet(pack, 200, 200), Pose())
    assert tuple(pixels[120, 100, :3]) == (0, 255, 0)  # the line along the top
    assert pixels[123, 117, 0] > pixels[123, 112, 0]  # bluer to the right
    ball = (
        '<radialGradient id="g" gradientUnits="userSpaceOnUse" cx="560" cy="615" r="30">'
        '<stop offset="0" stop-color="#ffffff"/></radialGradient>'
    )
    pack = load_pack(write_pack(tmp_path / "b", mouth_svg=head.replace("<g", ball + "<g", 1)))
    assert tuple(picture(SkiaPuppet(pack, 200, 200), Pose())[123, 112, :3]) == (255, 255, 255)


def test_a_layer_of_which_nothing_is_seen_does_no_harm(tmp_path: Path) -> None:
    more = "".join(
        f'[[layers]]\nfile = "{name}.svg"\n{what}\n'
        for name, what in (
            ("empty", 'on = "head"'), ("outside", 'on = "body"'), ("sky", 'on = "background"'),
            ("hand", 'draws = "hand"\npivot = [1, 2]'),
        )
    )  # fmt: skip
    folder = write_pack(
        tmp_path,
        avatar_toml=MANIFEST + more,
        empty_svg=svg("<g/>"),
        outside_svg=svg('<circle r="9"/>', "3000 0 100 100"),
        hand_svg=svg("<g/>"),
        sky_svg=svg('<path d="M0 0H1000V100H0Z" fill="#ffffff"/>'),
    )
    puppet = SkiaPuppet(load_pack(folder), 100, 100)
    assert tuple(picture(puppet, Pose(turn=1, sway=1, wave=1))[5, 50, :3]) == (255, 255, 255)


def test_a_drawing_that_skia_cannot_read_is_refused(
    tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("greenroom.avatar.packs.svg.Drawing.text", lambda self: b"<nothing")
    with pytest.raises(InvalidInput, match="can't be drawn"):
        SkiaPuppet(load_pack(tiny), 40, 40)
