"""Rectangles of what has changed."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from greenroom.avatar.puppet.damage import around, merged, overlap, union

SIZE = (101, 60)
EDGE = st.floats(-20, 130)


@given(EDGE, EDGE, EDGE, EDGE)
def test_a_rectangle_has_even_edges_within_the_picture_and_covers_what_it_is_around(
    a: float, b: float, c: float, d: float
) -> None:
    left, top, right, bottom = min(a, c), min(b, d), max(a, c), max(b, d)
    rect = around(left, top, right, bottom, SIZE)
    if rect is None:
        assert right <= 0 or bottom <= 0 or left >= SIZE[0] - 1 or top >= 60 or (
            left == right or top == bottom
        )  # fmt: skip
        return
    x0, y0, x1, y1 = rect
    assert 0 <= x0 < x1 <= SIZE[0]
    assert 0 <= y0 < y1 <= SIZE[1]
    assert x0 <= max(left, 0)
    assert y0 <= max(top, 0)
    assert x1 >= min(right, SIZE[0])
    assert y1 >= min(bottom, SIZE[1])
    assert not any(edge % 2 for edge in (x0, y0, y1))
    assert x1 % 2 == 0 or x1 == SIZE[0]


RECTS = st.tuples(
    st.integers(0, 30), st.integers(0, 30), st.integers(1, 12), st.integers(1, 12)
).map(lambda r: (r[0], r[1], r[0] + r[2], r[1] + r[3]))


@given(st.lists(st.one_of(st.none(), RECTS), max_size=8))
def test_merged_rectangles_cover_the_same_and_do_not_overlap(rects) -> None:
    result = merged(rects)
    for rect in rects:
        if rect is not None:
            assert any(union(rect, one) == one for one in result)
    for at, one in enumerate(result):
        assert not any(overlap(one, other) for other in result[at + 1 :])


def test_what_touches_at_an_edge_does_not_overlap() -> None:
    assert merged([(0, 0, 2, 2), (2, 0, 4, 2), None]) == ((0, 0, 2, 2), (2, 0, 4, 2))
    assert merged([(0, 0, 2, 2), (4, 0, 6, 2), (1, 0, 5, 2)]) == ((0, 0, 6, 2),)
