from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from greenroom.conversation.history import SampleHistory

OPERATIONS = st.one_of(
    st.tuples(st.just("append"), st.integers(0, 9_000)),
    st.tuples(st.just("forget"), st.integers(-2_000, 12_000)),
    st.tuples(st.just("read"), st.integers(-2_000, 12_000)),
)


@settings(max_examples=40, deadline=None, database=None)
@given(st.lists(OPERATIONS, max_size=40))
def test_it_remembers_what_a_list_of_all_samples_would(operations: list[tuple[str, int]]) -> None:
    history = SampleHistory()
    everything = np.zeros(0, np.int16)
    kept_from = 0
    for operation, value in operations:
        if operation == "append":
            new = (np.arange(len(everything), len(everything) + value) % 30_000).astype(np.int16)
            history.append(new)
            everything = np.concatenate([everything, new])
        elif operation == "forget":
            history.forget_before(kept_from + value)
            kept_from = max(kept_from, min(kept_from + value, len(everything)))
        else:
            start = kept_from + value
            read = history.read(start, start + 3_000)
            first = max(start, kept_from)
            assert np.array_equal(read, everything[first : max(start + 3_000, first)])
        assert history.end == len(everything)


def test_nothing_is_allocated_for_a_microphone_that_never_spoke() -> None:
    assert SampleHistory().capacity == 0


def test_a_steady_stream_needs_little_more_room_than_is_kept() -> None:
    history = SampleHistory()
    frame = np.zeros(320, np.int16)
    for _ in range(5_000):
        history.append(frame)
        history.forget_before(history.end - 8_000)
        assert history.capacity <= 13_000


def test_the_room_of_a_long_turn_is_given_back() -> None:
    history = SampleHistory()
    history.append(np.zeros(960_000, np.int16))
    assert history.capacity >= 960_000
    history.forget_before(history.end - 8_000)
    assert history.capacity <= 13_000


def test_what_was_read_does_not_change_when_more_comes() -> None:
    history = SampleHistory()
    history.append(np.arange(4_000, dtype=np.int16))
    read = history.read(0, 10)
    history.forget_before(4_000)
    history.append(np.full(4_000, 7, np.int16))
    assert read.tolist() == list(range(10))
