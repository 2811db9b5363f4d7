"""Pixels become the planes that encoders take: in the right colours, only where they changed."""

from __future__ import annotations

from collections.abc import Sequence

import av
import numpy as np
import numpy.typing as npt
import pytest

from greenroom.avatar.ports import Pixels, Rect
from greenroom.avatar.video.planes import Planes

WIDTH, HEIGHT = 96, 64
WHOLE: Rect = (0, 0, WIDTH, HEIGHT)


def noise(seed: int) -> Pixels:
    pixels: Pixels = np.random.default_rng(seed).integers(0, 256, (HEIGHT, WIDTH, 4), np.uint8)
    return pixels


def converted(*steps: tuple[Pixels, Sequence[Rect]]) -> list[npt.NDArray[np.int64]]:
    """The three planes after these updates."""
    planes = Planes(WIDTH, HEIGHT)
    for pixels, rects in steps:
        planes.update(pixels, rects)
    return unpacked(planes.frame)


def unpacked(frame: av.VideoFrame) -> list[npt.NDArray[np.int64]]:
    rows = frame.to_ndarray().astype(np.int64)
    chroma = rows[HEIGHT:].reshape(2, HEIGHT // 2, WIDTH // 2)
    return [rows[:HEIGHT], chroma[0], chroma[1]]


def test_colours_are_those_of_bt_601_with_limited_range() -> None:
    pixels = noise(1)
    blue, green, red = (pixels[:, :, i].astype(float) / 255 for i in range(3))
    # ITU-R BT.601-7, 2.5.1 and 2.5.2.
    luma = 0.299 * red + 0.587 * green + 0.114 * blue

    def halved(plane: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        whole = plane.reshape(HEIGHT // 2, 2, WIDTH // 2, 2)
        means: npt.NDArray[np.float64] = whole.mean(axis=(1, 3))
        return means

    wanted = (
        16 + 219 * luma,
        128 + 224 * halved((blue - luma) / 1.772),
        128 + 224 * halved((red - luma) / 1.402),
    )
    for plane, want in zip(converted((pixels, [WHOLE])), wanted, strict=True):
        assert np.abs(plane - want).max() < 1.6


@pytest.mark.parametrize(
    "rect", [(32, 16, 64, 48), (0, 0, 2, 2), (94, 62, 96, 64), (0, 30, 96, 32), WHOLE]
)
def test_a_part_becomes_what_it_would_be_in_the_whole_and_the_rest_stays(rect: Rect) -> None:
    left, top, right, bottom = rect
    before, after = noise(1), noise(1)
    after[top:bottom, left:right] = noise(2)[top:bottom, left:right]
    parts = converted((before, [WHOLE]), (after, [rect]))

    for part, whole in zip(parts, converted((after, [WHOLE])), strict=True):
        assert np.abs(part - whole).max() <= 1


def test_only_what_is_said_to_have_changed_is_converted() -> None:
    before, after = noise(1), noise(2)
    old, parts = (
        converted((before, [WHOLE])),
        converted((before, [WHOLE]), (after, [(32, 16, 64, 48)])),
    )

    for part, was, size in zip(parts, old, (1, 2, 2), strict=True):
        changed = np.argwhere(part != was)
        assert changed.min(axis=0).tolist() == [16 // size, 32 // size]
        assert changed.max(axis=0).tolist() == [48 // size - 1, 64 // size - 1]


def test_several_parts_are_converted_at_once_and_none_costs_nothing() -> None:
    before, after = noise(1), noise(2)
    both = converted((before, [WHOLE]), (after, [(0, 0, 48, 64), (48, 0, 96, 64)]), (before, []))
    new = converted((after, [WHOLE]))

    assert all(np.abs(a - b).max() <= 1 for a, b in zip(both, new, strict=True))


def test_it_is_black_at_first() -> None:
    assert [np.unique(plane).tolist() for plane in converted()] == [[16], [128], [128]]
