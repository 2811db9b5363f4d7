"""A connection on which the server makes the offers."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from greenroom.rooms.errors import InvalidDescription
from greenroom.rooms.rtc.codecs import AUDIO_LEVEL, MID
from greenroom.rooms.rtc.description import Description, Section
from greenroom.rooms.rtc.description_reader import read
from greenroom.rooms.rtc.media import AV1, H264, OPUS, VP8, VP9, Codec
from greenroom.rooms.rtc.payload_types import PayloadTypes
from greenroom.rooms.rtc.peer import PeerConnection
from greenroom.rooms.rtc.sender import RtpSender
from support.offers import FINGERPRINT, data, describe
from support.quiet_transport import QuietTransport, RecordedEvents, StillClock

Change = Callable[[str], str]


class Subscriber:
    """A peer connection that offers, and a client that answers."""

    def __init__(self, **options: object) -> None:
        self.transport = QuietTransport()
        self.peer = PeerConnection(self.transport, StillClock(), **options)  # type: ignore[arg-type]
        self.peer.attach(RecordedEvents())

    def add(self, codec: Codec = OPUS, track: str = "TR_1") -> RtpSender:
        return self.peer.add_sender(codec, stream_id="PA_1", track_id=track)

    def offer(self) -> Description:
        return read(self.peer.offer())

    def negotiate(self, change: Change = lambda text: text) -> Description:
        """Offer, and have it answered by a client that takes everything, but for `change`."""
        offer = self.peer.offer()
        self.peer.accept(change(answered(offer)))
        return read(offer)


def answered(offer: str) -> str:
    """What a client that takes all of it answers."""
    for mine, theirs in {
        "a=sendonly": "a=recvonly",
        "a=setup:actpass": "a=setup:active",
        "a=ice-ufrag:server": "a=ice-ufrag:client",
        "a=ice-lite\r\n": "",
    }.items():
        offer = offer.replace(mine, theirs)
    lines = offer.split("\r\n")
    return "\r\n".join(line for line in lines if not line.startswith(("a=msid:", "a=ssrc")))


@pytest.fixture
def subscriber() -> Iterator[Subscriber]:
    made = Subscriber()
    yield made
    made.peer.close()


def kinds(description: Description) -> list[tuple[str, str, str]]:
    return [(one.mid, one.media, one.direction) for one in description.sections]


def test_an_offer_has_a_section_for_each_track_and_data(subscriber: Subscriber) -> None:
    subscriber.peer.open_channel("_reliable", ordered=True, max_retransmits=None)
    voice, picture = subscriber.add(), subscriber.add(VP8, "TR_2")
    assert subscriber.peer.needs_description()
    offer = subscriber.offer()
    assert kinds(offer) == [
        ("0", "application", "sendrecv"),
        ("1", "audio", "sendonly"),
        ("2", "video", "sendonly"),
    ]
    assert offer.bundle == ("0", "1", "2")
    encryption = offer.encryption()
    assert encryption is not None
    assert encryption.setup == "actpass"
    audio, video = offer.sections[1:]
    assert audio.msid == ("PA_1", "TR_1")
    assert audio.ssrcs.primary == (voice.ssrc,)
    assert [(one.number, one.name) for one in audio.formats] == [(111, "opus"), (63, "red")]
    assert video.ssrcs.rtx == {picture.rtx_ssrc: picture.ssrc}
    assert [(one.number, one.name) for one in video.formats] == [(96, "vp8"), (97, "rtx")]
    assert audio.extensions[MID] == video.extensions[MID]
    assert AUDIO_LEVEL in audio.extensions
    assert (voice.mid, picture.mid) == (None, None)


def test_senders_send_once_the_answer_is_there(subscriber: Subscriber) -> None:
    voice, picture = subscriber.add(), subscriber.add(H264, "TR_2")
    subscriber.negotiate()
    assert (voice.mid, picture.mid) == ("0", "1")
    assert voice._parameters is not None
    assert voice._parameters.red == 63
    assert picture._parameters is not None
    assert picture._parameters.payload_types[0].number == 96
    assert picture._parameters.payload_types[0].rtx == 97
    (remote,) = subscriber.transport.remotes
    assert remote.ufrag == "client0"
    assert not remote.dtls_client
    assert not subscriber.peer.needs_description()
    assert subscriber.peer.missing_sections() == (0, 0)


def test_a_client_may_leave_out_what_it_does_not_take(subscriber: Subscriber) -> None:
    voice, picture = subscriber.add(), subscriber.add(VP8, "TR_2")

    def leave_out(text: str) -> str:
        text = text.replace(" 111 63", " 111").replace(" 96 97", " 96")
        lines = text.split("\r\n")
        gone = ("a=rtpmap:63", "a=fmtp:63", "a=rtpmap:97", "a=fmtp:97", "a=rtcp-fb:96 nack")
        gone += (f"a=extmap:{subscriber_extensions[AUDIO_LEVEL]} ",)
        return "\r\n".join(line for line in lines if not line.startswith(gone))

    subscriber_extensions = subscriber.offer().sections[0].extensions
    subscriber.negotiate(leave_out)
    assert voice._parameters is not None
    assert voice._parameters.red is None
    assert AUDIO_LEVEL not in voice._parameters.extensions
    assert picture._parameters is not None
    (payload_type,) = picture._parameters.payload_types
    assert payload_type.rtx is None
    assert payload_type.feedback == {"goog-remb", "ccm fir"}


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("m=video 9", "m=video 0"),
        lambda text: text.replace("m=video 9 UDP/TLS/RTP/SAVPF 96", "m=video 9 UDP/TLS/RTP/SAVPF"),
        lambda text: text.replace("VP8/90000", "H265/90000"),
        lambda text: "a=inactive".join(text.rsplit("a=recvonly", 1)),
    ],
)
def test_a_track_that_the_client_does_not_take_is_not_offered_again(
    subscriber: Subscriber, change: Change
) -> None:
    voice, picture = subscriber.add(), subscriber.add(VP8, "TR_2")
    subscriber.negotiate(change)
    assert voice.mid == "0"
    assert picture.mid is None
    assert not subscriber.peer.can_send(picture)
    assert subscriber.peer.can_send(voice)
    subscriber.peer.remove_sender(picture)
    assert kinds(subscriber.negotiate())[0] == ("0", "audio", "sendonly")
    assert all(direction == "inactive" for _, _, direction in kinds(subscriber.negotiate())[1:])
    assert voice.mid == "0"


def test_a_rejected_section_is_not_used_again(subscriber: Subscriber) -> None:
    subscriber.peer.remove_sender(subscriber.add())
    subscriber.add(VP8, "TR_2")
    subscriber.negotiate(lambda text: text.replace("m=video 9", "m=video 0"))
    second = subscriber.add(VP9, "TR_3")
    offer = subscriber.negotiate()
    assert [(one.rejected, one.mid) for one in offer.sections] == [(True, "0"), (False, "1")]
    assert offer.bundle == ("1",)
    assert second.mid == "1"


def test_a_section_is_silent_once_before_it_is_used_again(subscriber: Subscriber) -> None:
    first = subscriber.add()
    subscriber.negotiate()
    subscriber.peer.remove_sender(first)
    assert subscriber.peer.needs_description()
    second = subscriber.add(track="TR_2")
    assert kinds(subscriber.negotiate()) == [
        ("0", "audio", "inactive"),
        ("1", "audio", "sendonly"),
    ]
    assert second.mid == "1"
    third = subscriber.add(track="TR_3")
    offer = subscriber.negotiate()
    assert third.mid == "0"
    assert offer.sections[0].msid == ("PA_1", "TR_3")


def test_a_section_may_be_used_again_for_another_codec(subscriber: Subscriber) -> None:
    first = subscriber.add(VP8)
    subscriber.negotiate()
    subscriber.peer.remove_sender(first)
    subscriber.negotiate()
    second = subscriber.add(AV1, "TR_2")
    offer = subscriber.negotiate()
    assert [one.name for one in offer.sections[0].formats] == ["av1", "rtx"]
    assert second.mid == "0"


def test_a_track_that_goes_before_the_answer_is_not_sent(subscriber: Subscriber) -> None:
    sender = subscriber.add()
    offer = subscriber.peer.offer()
    subscriber.peer.remove_sender(sender)
    later = subscriber.add(track="TR_2")
    subscriber.peer.accept(answered(offer))
    assert (sender.mid, later.mid) == (None, None)
    assert subscriber.peer.needs_description()
    subscriber.negotiate()
    assert later.mid == "1"


def test_sections_are_bounded() -> None:
    subscriber = Subscriber(max_sections=2)
    senders = [subscriber.add(track=f"TR_{number}") for number in range(3)]
    subscriber.peer.open_channel("_lossy", ordered=True, max_retransmits=0)
    assert len(subscriber.negotiate().sections) == 2
    assert [sender.mid for sender in senders] == ["1", None, None]
    assert not subscriber.peer.needs_description()  # as another would say no more
    subscriber.peer.remove_sender(senders[0])
    subscriber.negotiate()
    assert subscriber.peer.needs_description()
    subscriber.negotiate()
    assert senders[1].mid == "1"
    assert subscriber.transport.channels == [("_lossy", True, 0)]
    subscriber.peer.close()


def test_data_is_left_out_where_no_section_is_left() -> None:
    subscriber = Subscriber(max_sections=1)
    subscriber.add()
    subscriber.negotiate()
    subscriber.peer.open_channel("_lossy", ordered=True, max_retransmits=0)
    assert not subscriber.peer.needs_description()
    assert len(subscriber.offer().sections) == 1
    subscriber.peer.close()


def test_data_may_come_later(subscriber: Subscriber) -> None:
    subscriber.add()
    subscriber.negotiate()
    subscriber.peer.open_channel("_reliable", ordered=True, max_retransmits=None)
    assert subscriber.peer.needs_description()
    assert kinds(subscriber.negotiate())[1] == ("1", "application", "sendrecv")
    assert not subscriber.peer.needs_description()


def test_the_server_can_restart_ice(subscriber: Subscriber) -> None:
    subscriber.add()
    subscriber.negotiate()
    subscriber.peer.restart_ice()
    assert subscriber.peer.needs_description()
    offer = subscriber.negotiate()
    encryption = offer.encryption()
    assert encryption is not None
    assert encryption.ufrag == "server1"
    assert subscriber.transport.remotes[-1].ufrag == "client1"
    assert not subscriber.peer.needs_description()


def test_a_passive_client_is_called_by_the_server(subscriber: Subscriber) -> None:
    subscriber.add()
    subscriber.negotiate(lambda text: text.replace("setup:active", "setup:passive"))
    assert subscriber.transport.remotes[0].dtls_client


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("a=setup:active", "a=setup:actpass"),
        lambda text: text.replace("a=ice-pwd", "a=x"),
        lambda text: text.replace("a=mid:0", "a=mid:7").replace("BUNDLE 0", "BUNDLE 7"),
        lambda text: text[: text.index("m=video")],
        lambda text: text.replace("m=video", "m=audio"),
        lambda text: describe(data("0")),
        lambda text: "",
    ],
)
def test_a_bad_answer_changes_nothing(subscriber: Subscriber, change: Change) -> None:
    voice, picture = subscriber.add(), subscriber.add(VP8, "TR_2")
    offer = subscriber.peer.offer()
    with pytest.raises(InvalidDescription):
        subscriber.peer.accept(change(answered(offer)))
    assert (voice.mid, picture.mid) == (None, None)
    assert subscriber.transport.remotes == []
    subscriber.peer.accept(answered(offer))
    assert (voice.mid, picture.mid) == ("0", "1")


def test_an_answer_that_rejects_everything_needs_no_credentials(subscriber: Subscriber) -> None:
    sender = subscriber.add()
    subscriber.negotiate(lambda text: "v=0\r\nm=audio 0 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\n")
    assert subscriber.transport.remotes == []
    assert not subscriber.peer.can_send(sender)


def test_an_answer_needs_an_offer(subscriber: Subscriber) -> None:
    answer = describe(data("0"))
    with pytest.raises(InvalidDescription):
        subscriber.peer.accept(answer)
    subscriber.add()
    subscriber.negotiate()
    with pytest.raises(InvalidDescription):
        subscriber.peer.accept(answer)


def test_one_side_makes_all_offers(subscriber: Subscriber) -> None:
    subscriber.add()
    subscriber.peer.offer()
    with pytest.raises(InvalidDescription):
        subscriber.peer.answer(describe(data("0")))
    other = Subscriber()
    other.peer.answer(describe(data("0")))
    with pytest.raises(RuntimeError):
        other.peer.offer()
    with pytest.raises(InvalidDescription):
        other.peer.accept(describe(data("0")))
    other.peer.close()


def test_a_codec_keeps_its_numbers_and_others_get_their_own() -> None:
    numbers = PayloadTypes()
    profiles = [H264, VP8, VP9, AV1]
    profiles += [
        Codec("video", "h264", 90_000, 1, (("profile-level-id", profile),))
        for profile in ("42001f", "4d001f", "64001f", "640c1f")
    ]
    given = [numbers.of(codec) for codec in profiles]
    firsts = [one.payload_types[0].number for one in given if one is not None]
    assert firsts == [96, 98, 100, 102, 104, 106, 108]
    assert given[-1] is None
    again = numbers.of(VP8)
    assert again is not None
    assert again.payload_types[0].number == 98
    higher_level = Codec(
        "video", "h264", 90_000, 1, (*H264.fmtp[:2], ("profile-level-id", "42e034"))
    )
    other = numbers.of(higher_level)
    assert other is not None
    assert other.payload_types[0].number == 96


def test_a_track_without_a_number_waits(subscriber: Subscriber) -> None:
    profiles = ["42e01f", "42001f", "4d001f", "64001f", "640c1f", "f4001f", "7a001f", "58001f"]
    senders = [
        subscriber.add(Codec("video", "h264", 90_000, 1, (("profile-level-id", one),)), one)
        for one in profiles
    ]
    assert len(subscriber.offer().sections) == 7
    assert senders[-1].mid is None
    assert not subscriber.peer.needs_description()


def test_a_stereo_source_is_offered_as_such(subscriber: Subscriber) -> None:
    subscriber.add(Codec("audio", "opus", 48_000, 2, (("stereo", "1"),)))
    section: Section = subscriber.offer().sections[0]
    assert section.formats[0].parameters == (("stereo", "1"), ("sprop-stereo", "1"))
    assert FINGERPRINT.startswith("sha-256")
