"""What hardly moves is held still."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from greenroom.avatar.motion.hold import Hold


def test_values_are_told_together_once_one_of_them_has_gone_far_enough() -> None:
    hold = Hold(0.1, 1.0)
    assert hold.tell(0.0, 0.0) == (0.0, 0.0)
    assert hold.tell(0.09, 0.9) == (0.0, 0.0)
    assert hold.tell(0.09, 1.0) == (0.09, 1.0)
    assert hold.tell(0.0, 1.5) == (0.09, 1.0)
    assert hold.tell(0.2, 1.5) == (0.2, 1.5)


@given(st.lists(st.floats(-1, 1), min_size=1))
def test_no_value_is_told_further_than_a_step_from_where_it_is(path: list[float]) -> None:
    hold = Hold(0.05)
    assert all(abs(hold.tell(value)[0] - value) < 0.05 for value in path)
