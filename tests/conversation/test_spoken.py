from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from greenroom.conversation.spoken import SpokenReply


def spoken(*sentences: tuple[str, float]) -> SpokenReply:
    reply = SpokenReply()
    for text, ms in sentences:
        reply.begin_sentence(text)
        reply.add(ms)
        reply.end_sentence()
    return reply


def test_nothing_played_is_nothing_heard() -> None:
    assert spoken(("One two.", 800)).heard(0) == ""


def test_all_played_is_all_heard() -> None:
    reply = spoken(("One two.", 800), ("Three.", 600))
    assert reply.length_ms == 1_400
    assert reply.heard(1_400) == "One two. Three."
    assert reply.heard(9_999) == "One two. Three."


def test_without_word_times_the_cut_goes_back_to_the_end_of_a_word() -> None:
    reply = spoken(("One two three four.", 1_900))
    assert reply.heard(100) == ""
    assert reply.heard(500) == "One"
    assert reply.heard(1_200) == "One two"
    assert reply.heard(1_350) == "One two three"


def test_with_word_times_a_word_counts_once_the_next_has_begun() -> None:
    reply = SpokenReply()
    reply.begin_sentence("One two three.")
    reply.add(500, ((0, 0.0), (4, 300.0)))
    reply.add(500, ((8, 900.0),))
    reply.end_sentence()
    assert reply.heard(299) == ""
    assert reply.heard(300) == "One"
    assert reply.heard(899) == "One"
    assert reply.heard(950) == "One two"
    assert reply.heard(1_000) == "One two three."


def test_a_sentence_that_is_still_being_made_was_not_heard_to_its_end() -> None:
    reply = SpokenReply()
    reply.begin_sentence("One two three four five six.")
    reply.add(600)
    assert reply.heard(600) == "One two"
    reply.add(1_000)
    reply.end_sentence()
    assert reply.heard(1_600) == "One two three four five six."


def test_a_sentence_without_sound_was_not_heard() -> None:
    reply = SpokenReply()
    reply.begin_sentence("Lost.")
    reply.begin_sentence("Heard.")
    reply.add(400)
    reply.end_sentence()
    reply.begin_sentence("Lost too.")
    reply.end_sentence()
    assert reply.heard(400) == "Heard."


WORDS = st.lists(st.text("abc,.", min_size=1, max_size=8), min_size=1, max_size=12)


@settings(max_examples=40, deadline=None, database=None)
@given(WORDS, st.data())
def test_what_was_heard_is_whole_words_from_the_start_and_never_shrinks(
    words: list[str], data: st.DataObject
) -> None:
    text = " ".join(words)
    lengths = [data.draw(st.integers(40, 600)) for _ in words]
    onsets, offsets, at, offset = [], [], 0, 0
    for word, length in zip(words, lengths, strict=True):
        onsets.append(float(at))
        offsets.append(offset)
        at, offset = at + length, offset + len(word) + 1
    times = tuple(zip(offsets, onsets, strict=True))
    timed, untimed = SpokenReply(), spoken((text, at))
    timed.begin_sentence(text)
    timed.add(at, times)
    timed.end_sentence()
    before = {timed: "", untimed: ""}
    for played in sorted(data.draw(st.lists(st.integers(0, at + 100), max_size=20))):
        begun = sum(onset <= played for onset in onsets)
        expected = words if played >= at else words[: max(begun - 1, 0)]
        assert timed.heard(played) == (" ".join(expected) if played > 0 else "")
        for reply, earlier in before.items():
            heard = reply.heard(played)
            assert heard.split() == words[: len(heard.split())]
            assert len(heard) >= len(earlier)
            before[reply] = heard


def test_a_word_has_begun_as_soon_as_its_sound_is_heard() -> None:
    reply = SpokenReply()
    reply.begin_sentence("One two three.")
    reply.add(500, ((0, 50.0), (4, 300.0)))
    assert reply.begun(0) == ""
    assert reply.begun(49) == ""
    assert reply.begun(50) == "One"
    assert reply.begun(300) == "One two"
    reply.add(500, ((8, 900.0),))
    reply.end_sentence()
    assert reply.begun(950) == "One two three."
    assert reply.begun(9_999) == "One two three."


def test_without_word_times_the_word_that_sounds_has_begun() -> None:
    reply = spoken(("One two three four.", 1_900), ("Five.", 500))
    assert reply.begun(0) == ""
    assert reply.begun(1) == "One"
    assert reply.begun(450) == "One two"
    assert reply.begun(1_850) == "One two three four."
    assert reply.begun(1_901) == "One two three four. Five."


def test_a_sentence_without_sound_has_begun_once_a_later_one_has() -> None:
    reply = spoken(("One.", 400), ("Two.", 0), ("Three.", 600), ("Four.", 0))
    assert reply.begun(400) == "One."
    assert reply.begun(401) == "One. Two. Three."
    assert reply.begun(5_000) == "One. Two. Three."


@settings(max_examples=60, deadline=None, database=None)
@given(
    sentences=st.lists(
        st.tuples(
            st.sampled_from(["Yes.", "One two three.", "It is a long one, with clauses."]),
            st.integers(0, 3_000),
            st.booleans(),
        ),
        max_size=5,
    ),
    played=st.lists(st.integers(0, 16_000), max_size=8),
)
def test_what_has_begun_is_a_beginning_of_the_text_that_only_grows_and_holds_what_was_heard(
    sentences: list[tuple[str, int, bool]], played: list[int]
) -> None:
    reply = SpokenReply()
    for text, ms, complete in sentences:
        reply.begin_sentence(text)
        reply.add(ms)
        if complete:
            reply.end_sentence()
    whole = " ".join(text for text, _, _ in sentences)
    begun = [reply.begun(ms) for ms in sorted(played)]
    assert all(whole.startswith(text) for text in begun)
    assert sorted(begun, key=len) == begun
    if all(ms and complete for _, ms, complete in sentences):
        for ms, text in zip(sorted(played), begun, strict=True):
            assert text.startswith(reply.heard(ms))
