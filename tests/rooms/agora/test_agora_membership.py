"""A membership, driven as the helper drives it, with the stand-in of the SDK."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

from greenroom.rooms.agora.membership import MOST_PICTURES, MOST_SOUND, Membership
from greenroom.rooms.agora.service import AgoraFailed, AgoraService
from rooms.agora.conftest import StandIn, Told, joining

Join = Callable[..., Membership]
TEN_MS = bytes(960)


@pytest.fixture
def join(service: AgoraService, told: Told, stand_in: StandIn) -> Iterator[Join]:
    """Joins with a token that says how the SDK behaves; all that joined leave at the end."""
    members: list[Membership] = []

    def begin(token: str = "", **more: object) -> Membership:
        member = Membership(service, joining(token, **more), told)
        members.append(member)
        member.start()
        return member

    yield begin
    stand_in.script.GATE.set()
    for member in members:
        member.leave()
        member.wait(5)
        assert member.ended


@pytest.fixture
def joined(join: Join, told: Told) -> Join:
    def begin(token: str = "", **more: object) -> Membership:
        member = join(token, **more)
        assert told.next() == {"joined": True}
        return member

    return begin


def finish(member: Membership, told: Told) -> None:
    """Return when all that was asked is done, in a channel that refuses new tokens."""
    member.renew("marker")
    assert told.next() == {"event": "renewal_refused"}


def test_it_observes_before_it_connects_and_publishes_before_it_is_connected(
    joined: Join, stand_in: StandIn
) -> None:
    joined("a-token", channel="room1", uid="alice", app_id="app", string_uid=True)
    assert stand_in.names()[:7] == [
        "initialize", "create", "register_observer", "register_local_user_observer",
        "connect", "publish_audio", "publish_video",
    ]  # fmt: skip
    assert stand_in.calls("initialize") == [{"appid": "app", "use_string_uid": 1}]
    assert stand_in.calls("connect") == [{"token": "a-token", "channel": "room1", "uid": "alice"}]


def test_it_leaves_and_frees_the_connection(
    joined: Join, told: Told, stand_in: StandIn, service: AgoraService
) -> None:
    member = joined()
    member.leave()
    member.leave()
    assert told.next() == {"end": True, "dropped": 0}
    member.wait(5)
    assert member.ended
    assert stand_in.names()[-2:] == ["disconnect", "release"]
    service.release()
    service.release()
    assert stand_in.calls("service.release") == [{}]


@pytest.mark.parametrize(
    ("codec", "named", "number"),
    [
        ("h264", "VIDEO_CODEC_H264", 2),
        ("vp8", "VIDEO_CODEC_VP8", 1),
        ("av1", "VIDEO_CODEC_AV1", 12),
    ],
)
def test_pictures_go_out_in_their_codec_with_their_times(
    joined: Join, told: Told, stand_in: StandIn, codec: str, named: str, number: int
) -> None:
    member = joined("renewal-refused", codec=codec)
    member.show(b"key", 1_000, keyframe=True)
    member.show(b"delta", 1_040, keyframe=False)
    finish(member, told)
    created = stand_in.calls("create")[0]
    assert created["codec"] == named
    assert created["video"] == "VIDEO_PUBLISH_TYPE_ENCODED_IMAGE"
    pictures = stand_in.calls("push_video")
    assert [picture["frame_type"] for picture in pictures] == [3, 4]  # key, delta
    for picture, pts in zip(pictures, (1_000, 1_040), strict=True):
        assert picture["codec_type"] == number
        assert (picture["width"], picture["height"], picture["frames_per_second"]) == (64, 48, 25)
        assert picture["capture_time_ms"] == picture["presentation_ms"] == pts


def test_sound_goes_out_at_48_khz_mono_with_its_time(
    joined: Join, told: Told, stand_in: StandIn
) -> None:
    member = joined("renewal-refused")
    member.play(TEN_MS * 4, 1_000)
    finish(member, told)
    assert stand_in.calls("push_audio") == [
        {"length": 3_840, "rate": 48_000, "channels": 1, "pts": 1_000}
    ]


@pytest.mark.parametrize(
    ("token", "words"),
    [
        ("refused=8", "the token is not valid"),
        ("refused=9", "the token has expired"),
        ("refused=3", "kicked it out"),
        ("refused=19", "somebody else has joined with the same uid"),
        ("refused=99", "for reason 99"),
        ("error=110", "the token is not valid"),
        ("error=17", "Agora rejected the request"),
        ("returns=-2", "wrong argument"),
        ("returns=-1000", "error 1000"),
        ("unlicensed", "licence"),
        ("raises", "Agora's SDK has failed (TypeError)"),
    ],
)
def test_a_refusal_ends_it_with_why(
    join: Join, told: Told, stand_in: StandIn, token: str, words: str
) -> None:
    join(token)
    end = told.next()
    assert end["end"]
    assert words in end["error"]
    assert stand_in.names()[-2:] == ["disconnect", "release"]


@pytest.mark.parametrize(
    ("token", "words"),
    [
        ("unpublished=2", "the picture can't be published"),
        ("mute", "the sound can't be published"),
    ],
)
def test_what_cannot_be_published_ends_it(join: Join, told: Told, token: str, words: str) -> None:
    join(f"{token},silent")
    assert words in told.next()["error"]


def test_an_app_id_that_gives_no_connection_ends_it(join: Join, told: Told) -> None:
    join(app_id="no-handle")
    assert told.next()["error"] == "Agora's SDK made no connection"


def test_a_service_that_cannot_be_initialised_is_tried_again(
    join: Join, told: Told, stand_in: StandIn
) -> None:
    stand_in.script.INITIALIZE_RETURNS[0] = -101
    join()
    assert told.next()["error"] == "the app id is not valid"
    stand_in.script.INITIALIZE_RETURNS[0] = 0
    join()
    assert told.next() == {"joined": True}


def test_one_process_serves_one_app_id_and_kind_of_uid(
    joined: Join, join: Join, told: Told, service: AgoraService
) -> None:
    joined()
    with pytest.raises(AgoraFailed, match="another app id"):
        service.connection(joining("token", string_uid=True))
    join(app_id="other")
    assert "another app id" in told.next()["error"]


def test_an_error_that_does_not_matter_is_left_alone(join: Join, told: Told) -> None:
    member = join("error=1")
    member.leave()
    assert "error" not in told.next()


@pytest.mark.parametrize(
    ("token", "words"),
    [
        ("lost=3", "kicked it out"),
        ("lost=19", "same uid"),
        ("expired", "the token has expired"),
    ],
)
def test_it_ends_when_it_is_thrown_out(joined: Join, told: Told, token: str, words: str) -> None:
    member = joined(token)
    member.show(b"1", 0, keyframe=True)
    member.show(b"2", 40, keyframe=False)
    assert words in told.next()["error"]


def test_a_token_is_renewed(joined: Join, told: Told, stand_in: StandIn) -> None:
    member = joined("expires,renewal-refused")
    member.show(b"1", 0, keyframe=True)
    assert told.next() == {"event": "token_expiring"}
    member.renew("new")
    assert told.next() == {"event": "renewal_refused"}
    assert stand_in.calls("renew_token") == [{"token": "new"}]


def test_a_network_that_is_lost_and_found_is_told(joined: Join, told: Told) -> None:
    member = joined("reconnects")
    member.show(b"1", 0, keyframe=True)
    member.show(b"2", 40, keyframe=False)
    assert told.next() == {"event": "reconnecting"}
    assert told.next() == {"event": "reconnected"}


def test_a_viewer_who_cannot_see_gets_a_keyframe(joined: Join, told: Told) -> None:
    member = joined("intra")
    member.show(b"1", 0, keyframe=True)
    member.show(b"2", 40, keyframe=False)
    assert told.next() == {"event": "keyframe"}


def test_a_picture_that_the_sdk_does_not_take_asks_for_a_keyframe(
    joined: Join, told: Told, stand_in: StandIn
) -> None:
    member = joined("pushes=-1,renewal-refused")
    member.show(b"1", 0, keyframe=True)
    member.show(b"2", 40, keyframe=False)
    assert told.next() == {"event": "keyframe"}
    member.show(b"3", 80, keyframe=False)
    finish(member, told)
    member.leave()
    assert told.next() == {"end": True, "dropped": 2}
    assert len(stand_in.calls("push_video")) == 2


def test_a_slow_sdk_costs_pictures_up_to_a_keyframe_and_sound_but_no_memory(
    joined: Join, told: Told, stand_in: StandIn
) -> None:
    member = joined("gate,renewal-refused")
    for n in range(200):
        member.show(b"picture", 40 * n, keyframe=n == 0)
        member.play(TEN_MS * 4, 40 * n)
    for n in range(200, 210):
        member.show(b"picture", 40 * n, keyframe=n == 205)
    stand_in.script.GATE.set()
    # Once for the first that didn't fit, once for the keyframe that didn't.
    assert told.next() == {"event": "keyframe"}
    assert told.next() == {"event": "keyframe"}
    member.show(b"late", 9_000, keyframe=False)
    member.show(b"key", 9_040, keyframe=True)
    finish(member, told)
    times = [picture["capture_time_ms"] for picture in stand_in.calls("push_video")]
    assert times == [40 * n for n in range(MOST_PICTURES)] + [9_040]
    assert len(stand_in.calls("push_audio")) == MOST_SOUND // 40
    member.leave()
    assert told.next() == {"end": True, "dropped": 211 - MOST_PICTURES}


def test_flushing_drops_the_sound_that_waits(joined: Join, told: Told, stand_in: StandIn) -> None:
    member = joined("gate,intra")
    member.show(b"1", 0, keyframe=True)
    member.play(TEN_MS, 0)
    member.flush()
    member.play(TEN_MS, 500)
    member.show(b"2", 500, keyframe=False)
    stand_in.script.GATE.set()
    assert told.next() == {"event": "keyframe"}
    assert stand_in.calls("interrupt_audio") == [{}]
    assert [sound["pts"] for sound in stand_in.calls("push_audio")] == [500]


def test_a_failure_while_leaving_is_no_hindrance(joined: Join, told: Told) -> None:
    member = joined("fails-to-leave")
    member.leave()
    assert told.next() == {"end": True, "dropped": 0}


def test_it_is_known_for_how_long_the_sdk_has_not_returned(
    joined: Join, told: Told, stand_in: StandIn
) -> None:
    member = joined("gate,intra")
    member.show(b"1", 0, keyframe=True)
    member.show(b"2", 40, keyframe=False)
    assert stand_in.script.WAITING.wait(5)
    assert member.busy(time.monotonic() + 100) > 99
    stand_in.script.GATE.set()
    assert told.next() == {"event": "keyframe"}
