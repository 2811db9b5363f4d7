"""An avatar's performance: what is heard and seen when."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from greenroom.avatar.formats import LIP_SYNC_RATE, LOOK_AHEAD
from greenroom.avatar.ports import GestureCue
from greenroom.errors import CapacityExceeded
from greenroom.rooms.venue import VENUE_RATE
from greenroom.stage.performance import MAX_BEHIND, STALLED, Performance
from support.stage import FORMAT, PICTURE, SOUND, RememberingFace, Scene, tone

RATES = (8_000, 11_025, 16_000, 22_050, 24_000, 44_100, 48_000)


# Sound and pictures.


def test_pictures_come_at_the_clocks_pace_while_nothing_is_said() -> None:
    scene = Scene()
    scene.pass_pictures(50)
    assert [request.at for request in scene.face.requests] == [k * 640 for k in range(51)]
    assert [frame.time for _, frame in scene.venue.shown] == pytest.approx(
        [k * PICTURE for k in range(50)]
    )
    assert not scene.venue.played
    assert all(request.activity == "idle" for request in scene.face.requests)


def test_sound_and_its_picture_are_handed_over_in_one_turn() -> None:
    scene = Scene(venues=2)
    scene.say(2.0)
    scene.pass_pictures(80)
    for venue in scene.venues:
        shown = {frame.time: time for time, frame in venue.shown}
        for time, _ in venue.played:
            media = round((time - scene.start) * FORMAT.rate - 1) / FORMAT.rate
            assert shown[media] == time


@pytest.mark.parametrize("rate", RATES)
def test_all_that_was_said_is_played_to_the_sample_and_lips_hear_the_same(rate: int) -> None:
    scene = Scene()
    scene.pass_pictures(3)
    scene.say(1.23, rate)
    scene.pass_pictures(50)
    samples = round(1.23 * rate)
    assert scene.venue.samples == round(samples * VENUE_RATE / rate)
    assert scene.spoken[0].samples == scene.venue.samples
    scene.assert_lips_follow_the_sound(2.2)


def test_the_first_sound_is_handed_over_within_two_pictures() -> None:
    scene = Scene()
    scene.pass_pictures(10)
    scene.clock.advance(0.001)
    said_at = scene.clock.time()
    scene.say(1.0, end=False)
    scene.pass_pictures(5)
    assert scene.venue.played[0][0] - said_at <= 2 * PICTURE


def test_half_a_second_every_tenth_of_a_second_is_queued_and_played_without_a_gap() -> None:
    scene = Scene()
    sound = tone(12.0, 24_000)
    for number in range(24):
        scene.performance.voice(sound[number * 12_000 : (number + 1) * 12_000], 24_000)
        scene.clock.advance(0.1)
    scene.performance.voice_end()
    scene.clock.advance(12.0)
    assert scene.venue.samples == 12 * VENUE_RATE
    times = [time for time, _ in scene.venue.played]
    assert np.diff(times) == pytest.approx(np.full(299, PICTURE))
    expected = tone(12.0, VENUE_RATE).astype(np.int32)
    middle = slice(SOUND, -SOUND)
    assert np.abs(scene.venue.sound[middle] - expected[middle]).max() < 100
    scene.assert_lips_follow_the_sound(13.0)


def test_long_speech_ends_to_the_sample_and_every_picture_keeps_its_time() -> None:
    """Each minute at another rate."""
    scene = Scene()
    total = 0
    for minute in range(10):
        rate = RATES[minute % len(RATES)]
        sound = np.full(60 * rate, 500, np.int16)
        total += 60 * VENUE_RATE
        scene.performance.voice(sound, rate)
        scene.performance.voice_end()
        scene.clock.advance(60.0)
        scene.venue.played[:-1] = []
        scene.venue.shown[:-1] = []
        del scene.face.requests[:-1]
        scene.face.reader = type(scene.face.reader)()
    scene.clock.advance(1.0)
    figures = scene.performance.figures
    assert figures.samples == total
    assert figures.late == figures.dropped == figures.standstills == 0
    time, frame = scene.venue.shown[-1]
    assert time - scene.start == pytest.approx(frame.time + PICTURE, abs=1e-6)


def test_utterances_that_wait_behind_each_other_follow_without_a_gap() -> None:
    scene = Scene()
    for _ in range(3):
        scene.say(0.333, 22_050)
    scene.pass_pictures(40)
    each = round(0.333 * 22_050)
    assert [spoken.samples for spoken in scene.spoken] == [round(each * 48_000 / 22_050)] * 3
    sizes = [len(pcm) for _, pcm in scene.venue.played]
    assert set(sizes[:-1]) == {SOUND}
    scene.assert_lips_follow_the_sound(1.5)


def test_a_change_of_rate_in_mid_utterance_is_heard_as_one_sound() -> None:
    scene = Scene()
    scene.performance.voice(tone(0.5, 16_000), 16_000)
    scene.performance.voice(tone(0.5, 44_100), 44_100)
    scene.performance.voice(tone(0.5, 8_000), 8_000)
    scene.performance.voice_end()
    scene.pass_pictures(50)
    assert scene.venue.samples == round(1.5 * VENUE_RATE)
    assert len(scene.spoken) == 1
    scene.assert_lips_follow_the_sound(1.8)


def test_requests_hold_the_sound_of_their_picture_and_what_lies_ahead() -> None:
    scene = Scene()
    scene.say(1.0)
    scene.pass_pictures(30)
    first, second = [request for request in scene.face.requests if len(request.pcm)][:2]
    assert (first.cut, second.cut) == (True, False)
    assert (len(first.pcm), len(second.pcm)) == (640 + LOOK_AHEAD, 640)


# A caller whose sound comes just in time.


@pytest.mark.parametrize("rate", RATES)
def test_sound_that_comes_just_in_time_is_played_without_a_pause(rate: int) -> None:
    scene = Scene()
    sound = tone(3.0, rate)
    step = rate // 50
    for at in range(0, len(sound), step):
        scene.performance.voice(sound[at : at + step], rate)
        scene.clock.advance(step / rate)
    scene.performance.voice_end()
    scene.pass_pictures(30)
    assert scene.venue.samples == 3 * VENUE_RATE
    times = [time for time, _ in scene.venue.played]
    assert np.diff(times) == pytest.approx(np.full(len(times) - 1, PICTURE))
    assert times[0] - scene.start < 0.4
    scene.performance.close()
    assert scene.performance.figures.dry_spells == 0
    scene.assert_lips_follow_the_sound(4.0)


def test_an_utterance_that_runs_dry_pauses_and_goes_on_with_a_pre_roll() -> None:
    scene = Scene()
    scene.say(0.5, end=False)
    scene.pass_pictures(17)
    assert scene.venue.samples == VENUE_RATE // 2
    assert scene.face.requests[-1].activity == "speaking"
    scene.say(0.02, end=False)
    scene.pass_pictures(2)
    assert scene.venue.samples == VENUE_RATE // 2  # too little to go on with
    scene.say(0.48)
    scene.pass_pictures(20)
    assert scene.venue.samples == VENUE_RATE
    assert [spoken.samples for spoken in scene.spoken] == [VENUE_RATE]
    scene.performance.close()
    assert scene.performance.figures.dry_spells == 1
    scene.assert_lips_follow_the_sound(1.7)


def test_a_caller_who_sends_large_pieces_just_in_time_is_soon_given_a_margin() -> None:
    scene = Scene()
    for _ in range(30):
        scene.say(0.4, end=False)
        scene.clock.advance(0.395)
        scene.clock.advance(0.01)
    scene.performance.voice_end()
    scene.clock.advance(3.0)
    assert scene.venue.samples == 12 * VENUE_RATE
    scene.performance.close()
    assert scene.performance.figures.dry_spells <= 3


def test_a_word_without_an_end_is_said_after_a_short_wait() -> None:
    scene = Scene()
    scene.say(0.05, end=False)
    scene.pass_pictures(5)
    assert not scene.venue.played
    scene.pass_pictures(20)
    assert scene.venue.samples == 0.05 * VENUE_RATE
    assert [spoken.samples for spoken in scene.spoken] == [2_400]
    scene.performance.voice_end()  # too late to matter
    scene.pass_pictures(3)
    assert len(scene.spoken) == 1


def test_an_end_that_comes_after_the_sound_has_run_out_ends_the_utterance() -> None:
    scene = Scene()
    scene.say(0.5, end=False)
    scene.pass_pictures(16)
    assert not scene.spoken
    scene.performance.voice_end()
    scene.pass_pictures(1)
    assert [spoken.samples for spoken in scene.spoken] == [VENUE_RATE // 2]
    scene.say(0.5)
    scene.pass_pictures(16)
    assert len(scene.spoken) == 2
    scene.performance.close()
    assert scene.performance.figures.dry_spells == 0


def test_more_than_may_wait_is_refused_and_what_was_taken_is_played() -> None:
    scene = Scene(max_ahead=10.0)
    scene.say(6.0, end=False)
    with pytest.raises(CapacityExceeded) as refused:
        scene.performance.voice(np.zeros(3_600 * 16_000, np.int16), 16_000)
    assert refused.value.limit == 10
    with pytest.raises(CapacityExceeded):
        scene.say(4.1)
    scene.say(3.9)
    scene.clock.advance(11.0)
    assert scene.venue.samples == round(9.9 * VENUE_RATE)
    scene.say(9.0)


def test_what_follows_an_utterance_waits_until_enough_of_it_is_there() -> None:
    scene = Scene()
    scene.say(0.2)
    scene.say(0.02, end=False)
    scene.pass_pictures(7)
    assert scene.venue.samples == round(0.2 * VENUE_RATE)
    scene.say(0.5)
    scene.pass_pictures(20)
    assert [spoken.samples for spoken in scene.spoken] == [9_600, 24_960]
    scene.performance.close()
    assert scene.performance.figures.dry_spells == 0


def test_utterances_of_less_than_a_picture_are_all_said_and_counted() -> None:
    scene = Scene()
    for _ in range(10):
        scene.say(0.007, 44_100)
    scene.pass_pictures(10)
    assert len(scene.spoken) == 10
    assert scene.venue.samples == sum(spoken.samples for spoken in scene.spoken)


def test_empty_sound_and_ends_without_sound_are_nothing() -> None:
    scene = Scene()
    scene.performance.voice(np.zeros(0, np.int16), 16_000)
    scene.performance.voice_end()
    scene.performance.voice_end()
    scene.pass_pictures(20)
    assert not scene.spoken
    assert not scene.venue.played
    assert not scene.performance.busy


# A face that is slow.


def test_sound_does_not_wait_for_a_late_picture_which_is_shown_when_it_comes() -> None:
    scene = Scene(at_once=False)
    scene.say(1.0)
    scene.pass_pictures(3)
    assert len(scene.venue.played) == 2
    assert not scene.venue.shown
    scene.face.answer()
    assert len(scene.venue.shown) == 3  # and the fourth when it is due
    assert scene.performance.figures.late == 3
    scene.pass_pictures(1)
    assert len(scene.venue.shown) == 4


def test_a_face_that_is_far_behind_is_asked_for_less_but_hears_everything() -> None:
    scene = Scene(at_once=False)
    scene.pass_pictures(2)
    scene.face.answer()
    scene.say(2.0)
    for number in range(60):
        scene.pass_pictures(1)
        if number % 3 == 0:
            scene.face.answer(1)
    scene.face.at_once = True
    scene.face.answer()
    scene.pass_pictures(3)
    assert scene.venue.samples == 2 * VENUE_RATE
    figures = scene.performance.figures
    assert figures.dropped > 20
    assert len(scene.face.requests) + figures.dropped == 66
    scene.assert_lips_follow_the_sound(2.4)


def test_sound_that_begins_while_the_face_is_behind_is_heard_where_it_plays() -> None:
    scene = Scene(at_once=False)
    scene.pass_pictures(MAX_BEHIND + 1)
    scene.say(1.0)
    scene.pass_pictures(3)
    scene.face.at_once = True
    scene.face.answer()
    scene.pass_pictures(30)
    scene.assert_lips_follow_the_sound(1.5)


def test_a_face_that_does_not_answer_fails_the_performance() -> None:
    scene = Scene(at_once=False)
    scene.clock.advance(STALLED - 0.1)
    assert not scene.failures
    scene.clock.advance(0.2)
    assert scene.failures == ["the renderer does not answer"]
    assert scene.clock.pending == 0


def test_a_failed_face_ends_the_performance_once() -> None:
    scene = Scene()
    scene.say(1.0)
    scene.pass_pictures(3)
    scene.face.fail("the encoder broke")
    scene.face.fail("again")
    assert scene.failures == ["the encoder broke"]
    played = len(scene.venue.played)
    scene.pass_pictures(5)
    scene.performance.voice(tone(0.1, 16_000), 16_000)
    scene.performance.interrupt()
    assert len(scene.venue.played) == played
    assert scene.clock.pending == 0


# Standstills.


def test_after_a_short_standstill_all_that_was_due_is_done_at_once() -> None:
    scene = Scene()
    scene.say(1.0)
    scene.pass_pictures(3)
    scene.clock._now += 4 * PICTURE
    scene.clock.advance(0)
    assert len(scene.venue.played) == 6
    scene.pass_pictures(30)
    assert scene.venue.samples == VENUE_RATE
    assert scene.performance.figures.standstills == 0


def test_after_a_long_standstill_media_time_goes_on_where_it_was() -> None:
    scene = Scene()
    scene.say(1.0)
    scene.pass_pictures(5)
    scene.clock._now += 3.0
    scene.clock.advance(0)
    assert len(scene.venue.played) == 5
    scene.pass_pictures(30)
    assert scene.venue.samples == VENUE_RATE
    assert scene.performance.figures.standstills == 1
    times = [frame.time for _, frame in scene.venue.shown]
    assert np.diff(times) == pytest.approx(np.full(len(times) - 1, PICTURE))


# Interrupts.


def test_an_interrupt_is_silent_at_once_and_closes_the_mouth_between_two_pictures() -> None:
    scene = Scene(at_once=False)
    scene.say(5.0)
    for _ in range(20):
        scene.face.answer()
        scene.pass_pictures(1)
    scene.clock.advance(0.015)
    scene.performance.interrupt()
    assert scene.venue.log[-1] == "flush"
    cut = scene.face.requests[-1]
    assert cut.cut
    assert cut.at == 20 * 640 + 240
    assert cut.at + cut.samples == 21 * 640
    played = len(scene.venue.played)
    shown = len(scene.venue.shown)
    scene.face.answer()
    # The picture that was asked for before it goes first, then it, both at once.
    assert [round(frame.time * 16_000) for _, frame in scene.venue.shown[shown:]] == [
        20 * 640,
        cut.at,
    ]
    scene.face.at_once = True
    scene.pass_pictures(10)
    assert len(scene.venue.played) == played
    assert scene.face.requests[-1].activity == "listening"
    assert [spoken.cut for spoken in scene.spoken] == [True]
    assert scene.spoken[0].samples == scene.venue.samples == scene.performance.figures.samples
    assert scene.performance.figures.late == 0


def test_a_picture_that_was_not_there_for_the_cut_is_shown_in_its_turn() -> None:
    scene = Scene(at_once=False)
    scene.say(5.0)
    scene.pass_pictures(2)
    scene.face.answer()
    scene.performance.interrupt()
    scene.pass_pictures(1)
    assert len(scene.venue.shown) == 3
    scene.face.answer()
    assert len(scene.venue.shown) == 4  # the cut; the fourth is not due


def test_what_is_said_after_an_interrupt_is_heard_and_seen_from_its_beginning() -> None:
    scene = Scene()
    scene.say(5.0, 24_000)
    scene.clock.advance(0.49)
    scene.performance.interrupt()
    scene.say(0.7, 8_000)
    before = scene.venue.samples
    scene.pass_pictures(30)
    assert scene.venue.samples - before == round(0.7 * VENUE_RATE)
    assert [spoken.cut for spoken in scene.spoken] == [True, False]
    heard = scene.face.reader.heard(1.6).astype(np.int32)
    played = scene.venue.heard(scene.start, 1.6)[::3].astype(np.int32)
    after = slice(round(0.52 * LIP_SYNC_RATE), None)
    assert (np.abs(heard - played)[after] > 700).mean() < 0.002


def test_a_second_interrupt_in_the_same_picture_flushes_but_draws_no_more() -> None:
    scene = Scene()
    scene.say(5.0)
    scene.clock.advance(0.49)
    scene.performance.interrupt()
    requests = len(scene.face.requests)
    scene.performance.interrupt()
    assert len(scene.face.requests) == requests
    assert scene.venue.log.count("flush") == 2
    assert scene.performance.figures.interrupts == 2


def test_an_interrupt_in_silence_is_harmless() -> None:
    scene = Scene()
    scene.performance.interrupt()
    scene.pass_pictures(3)
    scene.performance.interrupt()
    scene.pass_pictures(3)
    assert not scene.spoken
    assert scene.face.requests[-1].at == 6 * 640


@given(
    actions=st.lists(
        st.one_of(
            st.tuples(st.just("pass"), st.floats(0.0005, 0.6)),
            st.tuples(st.just("say"), st.floats(0.001, 1.5)),
            st.tuples(st.just("more"), st.floats(0.001, 0.3)),
            st.tuples(st.just("interrupt"), st.just(0.0)),
            st.tuples(st.just("answer"), st.just(0.0)),
        ),
        max_size=15,
    ),
    rate=st.sampled_from(RATES),
    slow=st.booleans(),
)
@settings(max_examples=40, deadline=None)
def test_whatever_happens_nothing_is_played_twice_skipped_or_out_of_order(
    actions: list[tuple[str, float]], rate: int, slow: bool
) -> None:
    scene = Scene(at_once=not slow)
    for action, seconds in actions:
        match action:
            case "pass":
                scene.clock.advance(seconds)
            case "say" | "more":
                scene.say(seconds, rate, end=action == "say")
            case "interrupt":
                played = len(scene.venue.played)
                scene.performance.interrupt()
                scene.clock.advance(PICTURE)
                assert len(scene.venue.played) == played
            case "answer":
                scene.face.answer()
    scene.face.at_once = True
    scene.face.answer()
    scene.clock.advance(25.0)
    scene.pass_pictures(1)
    figures = scene.performance.figures
    assert not scene.performance.busy
    assert not scene.failures
    assert figures.samples == scene.venue.samples == sum(said.samples for said in scene.spoken)
    # A picture each 40 ms, beside those of interrupts; the venue checks that their times rise.
    regular = [request for request in scene.face.requests if request.at % 640 == 0]
    due = round((scene.clock.time() - scene.start) * FORMAT.rate) + 1
    assert len(regular) + figures.dropped == due
    assert len(scene.venue.shown) >= len(scene.face.requests) - 1


# What else is seen.


def test_it_listens_after_it_has_spoken_and_does_what_it_is_told_in_between() -> None:
    scene = Scene()
    scene.say(0.2)
    scene.pass_pictures(10)
    assert scene.face.requests[1].activity == "speaking"
    assert scene.face.requests[-1].activity == "listening"
    scene.performance.set_activity("thinking")
    scene.performance.set_activity("speaking")  # is by itself
    scene.pass_pictures(1)
    assert scene.face.requests[-1].activity == "thinking"
    assert scene.silences == 1


def test_gestures_begin_with_the_next_picture_and_too_many_are_forgotten() -> None:
    scene = Scene()
    scene.performance.gesture(GestureCue("nod"))
    scene.pass_pictures(2)
    assert scene.face.requests[1].gestures == (GestureCue("nod"),)
    assert scene.face.requests[2].gestures == ()
    for number in range(20):
        scene.performance.gesture(GestureCue("look", x=number / 20))
    scene.pass_pictures(1)
    assert [cue.x for cue in scene.face.requests[-1].gestures] == [n / 20 for n in range(12, 20)]


def test_a_keyframe_is_asked_for_once_until_it_has_been_shown() -> None:
    scene = Scene(at_once=False)
    scene.pass_pictures(3)
    assert [request.keyframe for request in scene.face.requests] == [True, False, False, False]
    scene.face.at_once = True
    scene.face.answer()
    scene.pass_pictures(1)
    scene.venue.keyframe_wanted = True
    scene.pass_pictures(2)
    assert [request.keyframe for request in scene.face.requests[-3:]] == [False, True, False]


def test_a_venue_that_is_gone_is_left_out_and_the_others_go_on() -> None:
    scene = Scene(venues=2)
    scene.say(1.0)
    scene.pass_pictures(5)
    assert scene.performance.remove(scene.venues[0]) == 1
    scene.pass_pictures(30)
    assert scene.venues[0].samples == 4 * SOUND
    assert scene.venues[1].samples == VENUE_RATE
    assert scene.performance.remove(scene.venues[1]) == 0


def test_a_venue_that_breaks_fails_the_performance(caplog: pytest.LogCaptureFixture) -> None:
    scene = Scene()
    scene.venue.show = None  # type: ignore[assignment,method-assign]
    scene.pass_pictures(2)
    assert scene.failures == ["room has failed"]
    assert "has failed" in caplog.text


def test_a_defect_fails_the_performance(caplog: pytest.LogCaptureFixture) -> None:
    scene = Scene()

    def ask(_: object) -> None:
        raise ZeroDivisionError

    scene.face.ask = ask  # type: ignore[method-assign]
    scene.pass_pictures(1)
    assert scene.failures == ["internal error"]
    assert "ZeroDivisionError" in caplog.text
    assert scene.clock.pending == 0


def test_nothing_begins_after_the_end() -> None:
    scene = Scene()
    performance = Performance(FORMAT, scene.clock, max_ahead=1.0)
    face = RememberingFace(performance)
    face.fail("before all was open")
    performance.begin(face, scene.venues)
    assert not face.requests


def test_closing_frees_the_timer_and_notes_what_was_cut() -> None:
    scene = Scene()
    scene.say(1.0)
    scene.pass_pictures(5)
    scene.performance.close()
    scene.performance.close()
    assert scene.clock.pending == 0
    assert [spoken.cut for spoken in scene.spoken] == [True]
    scene.face.at_once = False
    scene.performance.on_picture(scene.face.requests[-1], None)  # type: ignore[arg-type]
    values = scene.performance.figures.as_values()
    assert values["played_seconds"] == pytest.approx(0.16)
    assert values["pictures"] == 5
