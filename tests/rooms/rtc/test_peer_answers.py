"""What a peer connection answers to a client's offers."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from greenroom.rooms.errors import InvalidDescription
from greenroom.rooms.rtc.description import Description, Section
from greenroom.rooms.rtc.description_reader import read
from greenroom.rooms.rtc.media import AV1, H264, OPUS, VP8, Codec
from greenroom.rooms.rtc.peer import MAX_WISHES, PeerConnection
from greenroom.rooms.rtc.sender import RtpSender
from support.offers import (
    RED,
    VP8_FORMAT,
    OfferedFormat,
    OfferedSection,
    browser,
    camera,
    data,
    describe,
    listening,
    microphone,
    opus,
    python_client,
    rejected,
)
from support.quiet_transport import QuietTransport, RecordedEvents, StillClock


class Connection:
    """A peer connection without a network."""

    def __init__(self, **options: object) -> None:
        self.transport = QuietTransport()
        self.events = RecordedEvents()
        self.clock = StillClock()
        self.peer = PeerConnection(self.transport, self.clock, **options)  # type: ignore[arg-type]
        self.peer.attach(self.events)

    def answer(self, *sections: OfferedSection, **options: str) -> Description:
        return read(self.peer.answer(describe(*sections, **options)))  # type: ignore[arg-type]

    def add(self, codec: Codec = OPUS, track: str = "TR_1") -> RtpSender:
        return self.peer.add_sender(codec, stream_id=f"PA_1|{track}", track_id=track)

    def close(self) -> None:
        self.peer.close()
        assert self.clock.waiting == []


@pytest.fixture
def connection() -> Iterator[Connection]:
    made = Connection()
    yield made
    made.close()


def directions(description: Description) -> list[str]:
    return [section.direction for section in description.sections]


def numbers(section: Section) -> list[int]:
    return [one.number for one in section.formats]


def test_a_python_client_without_tracks_gets_silent_sections(connection: Connection) -> None:
    answer = connection.answer(*python_client())
    assert directions(answer) == ["inactive"] * 6 + ["sendrecv"]
    assert answer.bundle == ("0", "1", "2", "3", "4", "5", "6")
    assert answer.sections[6].sctp_port == 5000
    assert answer.sections[6].max_message_bytes == 262_144
    encryption = answer.encryption()
    assert encryption is not None
    assert (encryption.ufrag, encryption.setup) == ("server0", "passive")
    assert connection.events.begun == []


def test_the_transport_learns_of_the_client(connection: Connection) -> None:
    connection.answer(*python_client())
    (remote,) = connection.transport.remotes
    assert (remote.ufrag, remote.pwd) == ("rY9F", "Lqaxjo+z9DnndeVNayDfpdV7")
    assert remote.fingerprints[0][0] == "sha-256"
    assert not remote.dtls_client


def test_senders_take_the_spare_sections_of_their_kind(connection: Connection) -> None:
    voice, second, picture = connection.add(), connection.add(track="TR_2"), connection.add(H264)
    assert connection.peer.missing_sections() == (2, 1)
    answer = connection.answer(*python_client())
    assert (voice.mid, second.mid, picture.mid) == ("0", "1", "3")
    assert directions(answer)[:5] == ["sendonly", "sendonly", "inactive", "sendonly", "inactive"]
    audio, video = answer.sections[0], answer.sections[3]
    assert audio.msid == ("PA_1|TR_1", "TR_1")
    assert audio.ssrcs.primary == (voice.ssrc,)
    assert video.ssrcs.primary == (picture.ssrc,)
    assert video.ssrcs.rtx == {picture.rtx_ssrc: picture.ssrc}
    assert connection.peer.missing_sections() == (0, 0)
    assert not connection.peer.needs_description()


def test_a_sender_gets_the_payload_type_that_fits_it(connection: Connection) -> None:
    picture, voice = connection.add(H264), connection.add()
    connection.answer(*python_client())
    parameters = picture._parameters
    assert parameters is not None
    assert [one.number for one in parameters.payload_types] == [109, 96, 103, 45, 98, 100]
    assert parameters.payload_types[0].rtx == 110
    assert parameters.mid == "3"
    assert voice._parameters is not None
    assert voice._parameters.red == 63


def test_a_browsers_tracks_are_received(connection: Connection) -> None:
    answer = connection.answer(*browser())
    microphone_, camera_ = connection.events.begun
    assert (microphone_.track_id, microphone_.mid, microphone_.kind) == ("mic", "2", "audio")
    assert (camera_.track_id, camera_.mid, camera_.kind) == ("cam", "3", "video")
    assert directions(answer)[2:4] == ["recvonly", "recvonly"]
    assert numbers(answer.sections[2]) == [63, 111]
    assert numbers(answer.sections[3])[:4] == [96, 97, 103, 104]
    parameters = microphone_.parameters  # type: ignore[attr-defined]
    assert parameters.ssrcs == (2_411_723_628,)
    assert parameters.red == 63


def test_simulcast_is_accepted_with_the_smallest_layer_first(connection: Connection) -> None:
    text = connection.peer.answer(describe(camera("0", rids=("f", "h", "q"))))
    assert "a=rid:f recv\r\na=rid:h recv\r\na=rid:q recv\r\na=simulcast:recv f;h;q\r\n" in text
    assert connection.events.begun[0].parameters.rids == ("q", "h", "f")  # type: ignore[attr-defined]


def test_layers_of_other_names_keep_their_order(connection: Connection) -> None:
    connection.answer(camera("0", rids=("low", "high")))
    assert connection.events.begun[0].parameters.rids == ("low", "high")  # type: ignore[attr-defined]


def test_neither_unused_feedback_nor_unused_extensions_are_accepted(
    connection: Connection,
) -> None:
    text = connection.peer.answer(describe(*browser()))
    for word in ("transport-cc", "transport-wide-cc", "video-orientation", "toffset", "ulpfec"):
        assert word in describe(*browser())
        assert word not in text
    assert "a=rtcp-rsize" in text
    assert "goog-remb" in text


def test_a_section_can_be_used_both_ways(connection: Connection) -> None:
    sender = connection.add()
    answer = connection.answer(microphone("0", direction="sendrecv"))
    assert directions(answer) == ["sendrecv"]
    assert sender.mid == "0"
    assert connection.events.begun[0].mid == "0"


def test_sections_that_only_receive_are_taken_first(connection: Connection) -> None:
    sender = connection.add()
    connection.answer(microphone("0", direction="sendrecv"), listening("audio", "1"))
    assert sender.mid == "1"


def test_nothing_is_received_on_a_section_without_an_msid(connection: Connection) -> None:
    answer = connection.answer(OfferedSection("audio", "0", "sendonly"))
    assert directions(answer) == ["inactive"]
    assert connection.events.begun == []


def test_missing_sections_are_counted_by_kind(connection: Connection) -> None:
    for track in range(5):
        connection.add(track=f"TR_{track}")
    connection.add(VP8, "TR_v")
    connection.answer(*python_client())
    assert connection.peer.missing_sections() == (2, 0)
    assert connection.peer.needs_description()
    more = (listening("audio", "7"), listening("audio", "8"))
    connection.answer(*python_client(), *more)
    assert connection.peer.missing_sections() == (0, 0)


def test_spare_sections_count_before_they_are_offered_again(connection: Connection) -> None:
    connection.answer(*python_client())
    connection.add()
    assert connection.peer.missing_sections() == (0, 0)
    assert connection.peer.needs_description()


def test_a_codec_that_the_client_does_not_take_needs_no_section(connection: Connection) -> None:
    sender = connection.add(AV1)
    assert connection.peer.missing_sections() == (0, 1)
    connection.answer(listening("video", "0", formats=(VP8_FORMAT,)))
    assert not connection.peer.can_send(sender)
    assert connection.peer.missing_sections() == (0, 0)
    assert not connection.peer.needs_description()
    assert sender.mid is None
    connection.answer(listening("video", "0", formats=(VP8_FORMAT,)), listening("video", "1"))
    assert connection.peer.can_send(sender)
    assert sender.mid == "1"


def test_a_replaced_track_appears_once_its_section_was_silent(connection: Connection) -> None:
    first = connection.add(track="TR_1")
    connection.answer(*python_client())
    connection.peer.remove_sender(first)
    second = connection.add(track="TR_2")
    assert connection.peer.needs_description()
    # The other spare section takes it at once, the old one is silent.
    answer = connection.answer(*python_client())
    assert second.mid == "1"
    assert directions(answer)[:2] == ["inactive", "sendonly"]
    third = connection.add(track="TR_3")
    answer = connection.answer(*python_client())
    assert third.mid == "0"
    assert answer.sections[0].msid == ("PA_1|TR_3", "TR_3")


def test_with_one_section_a_replaced_track_waits_for_a_description(
    connection: Connection,
) -> None:
    offered = listening("audio", "0")
    first = connection.add(track="TR_1")
    connection.answer(offered)
    connection.peer.remove_sender(first)
    second = connection.add(track="TR_2")
    assert connection.peer.missing_sections() == (1, 0)
    assert directions(connection.answer(offered)) == ["inactive"]
    assert second.mid is None
    assert connection.peer.missing_sections() == (0, 0)
    assert connection.peer.needs_description()
    assert directions(connection.answer(offered)) == ["sendonly"]
    assert second.mid == "0"


def test_a_sender_keeps_its_section(connection: Connection) -> None:
    first, second = connection.add(track="TR_1"), connection.add(track="TR_2")
    connection.answer(*python_client())
    for _ in range(3):
        answer = connection.answer(*python_client())
        assert (first.mid, second.mid) == ("0", "1")
        assert directions(answer)[:2] == ["sendonly", "sendonly"]


def test_a_client_publishes_and_unpublishes_and_publishes_again(connection: Connection) -> None:
    silent = OfferedSection("audio", "1", "inactive")
    connection.answer(data("0"))
    connection.answer(data("0"), microphone("1", "a"))
    connection.answer(data("0"), microphone("1", "a"))
    assert connection.events.order == [("begun", "a")]
    assert directions(connection.answer(data("0"), silent))[1] == "inactive"
    assert connection.events.ended == connection.events.begun
    connection.answer(data("0"), microphone("1", "b"))
    assert connection.events.order == [("begun", "a"), ("ended", "a"), ("begun", "b")]


def test_a_track_may_be_replaced_at_once(connection: Connection) -> None:
    connection.answer(microphone("0", "a"))
    connection.answer(microphone("0", "b"))
    assert connection.events.order == [("begun", "a"), ("ended", "a"), ("begun", "b")]


def test_what_is_negotiated_anew_reaches_the_receiver(connection: Connection) -> None:
    connection.answer(camera("0"))
    (receiver,) = connection.events.begun
    connection.answer(camera("0", formats=(VP8_FORMAT,)))
    assert [one.number for one in receiver.parameters.payload_types] == [96]  # type: ignore[attr-defined]
    assert connection.events.ended == []


def test_a_rejected_section_ends_both_ways_and_stays(connection: Connection) -> None:
    sender = connection.add()
    offered = microphone("0", "a", direction="sendrecv")
    connection.answer(offered, data("1"))
    answer = connection.answer(rejected(offered), data("1"))
    assert [section.rejected for section in answer.sections] == [True, False]
    assert answer.bundle == ("1",)
    assert connection.events.order == [("begun", "a"), ("ended", "a")]
    assert sender.mid is None
    assert connection.peer.missing_sections() == (1, 0)
    # Its place can be used again, under another mid and for another kind.
    answer = connection.answer(listening("video", "2"), data("1"), listening("audio", "3"))
    assert answer.sections[0].mid == "2"
    assert sender.mid == "3"


def test_a_sender_waits_where_its_section_stops_receiving(connection: Connection) -> None:
    sender = connection.add()
    connection.answer(listening("audio", "0"), listening("audio", "1"))
    assert sender.mid == "0"
    connection.answer(OfferedSection("audio", "0", "inactive"), listening("audio", "1"))
    assert sender.mid == "1"


def test_bundled_sections_may_have_port_zero(connection: Connection) -> None:
    second = OfferedSection("audio", "1", port=0, extra=["a=bundle-only"])
    answer = connection.answer(listening("audio", "0"), second)
    assert [section.rejected for section in answer.sections] == [False, False]


@pytest.mark.parametrize(
    "text",
    [
        describe(listening("audio", "0"), listening("audio", "x"), bundle=["0"]),
        describe(
            listening("audio", "0"),
            listening("audio", "x", formats=(OfferedFormat(0, "PCMU/8000"), RED)),
        ),
        describe(listening("audio", "0"), data("x")).replace("sctp-port:5000", "sctp-port:5001"),
        describe(listening("audio", "0"), data("x")).replace("UDP/DTLS/SCTP", "UDP/DTLS"),
        describe(listening("audio", "0"), data("x")).replace("m=application", "m=text"),
        describe(listening("audio", "0"), listening("video", "x")).replace(
            "m=video 9 UDP/TLS/RTP/SAVPF", "m=video 9 RTP/AVP"
        ),
        describe(listening("audio", "0"))
        + describe(listening("video", "x"))
        .partition("a=msid-semantic: WMS\r\n")[2]
        .replace("a=rtcp-mux\r\n", ""),
    ],
)
def test_sections_that_cannot_be_used_are_rejected(connection: Connection, text: str) -> None:
    answer = read(connection.peer.answer(text))
    assert [section.rejected for section in answer.sections] == [False, True]
    assert answer.bundle == ("0",)


def test_an_offer_without_a_bundle_uses_its_first_section(connection: Connection) -> None:
    text = describe(listening("audio", "0"), data("1")).replace("a=group:BUNDLE 0 1\r\n", "")
    answer = connection.peer.answer(text)
    assert "a=group" not in answer
    assert "a=candidate" in answer
    assert [section.rejected for section in read(answer).sections] == [False, True]


def test_only_codecs_that_are_allowed_are_accepted() -> None:
    connection = Connection(publish_codecs={"opus", "vp8"})
    answer = connection.answer(*browser())
    assert numbers(answer.sections[2]) == [111]
    assert numbers(answer.sections[3]) == [96, 97]
    connection.close()


def test_a_track_can_come_without_redundancy(connection: Connection) -> None:
    connection.peer.disable_red("secret")
    answer = connection.answer(microphone("0", "open"), microphone("1", "secret"))
    assert [numbers(section) for section in answer.sections] == [[63, 111], [111]]
    # It may be asked for later too.
    connection.peer.disable_red("open")
    answer = connection.answer(microphone("0", "open"), microphone("1", "secret"))
    assert [numbers(section) for section in answer.sections] == [[111], [111]]
    for number in range(MAX_WISHES):
        connection.peer.disable_red(str(number))
    assert len(connection.peer._wishes) == MAX_WISHES


def test_a_track_can_come_with_packets_for_silence(connection: Connection) -> None:
    connection.peer.disable_red("music")
    connection.peer.disable_dtx("music")
    answer = connection.answer(microphone("0", "music"), microphone("1", "voice"))
    assert numbers(answer.sections[0]) == [111]
    assert [("usedtx", "1") in one.formats[-1].parameters for one in answer.sections] == [
        False,
        True,
    ]


def test_a_tracks_codec_can_be_chosen(connection: Connection) -> None:
    offered = camera("0", "cam"), camera("1", "other")
    connection.peer.prefer_codec("cam", "h264")
    answer = connection.answer(*offered)
    assert [numbers(section)[0] for section in answer.sections] == [103, 96]
    assert connection.events.begun[0].codec.name == "h264"
    connection.peer.prefer_codec("cam", "av1")
    answer = connection.answer(*offered)
    assert [numbers(section)[0] for section in answer.sections] == [45, 96]


def test_a_stereo_source_is_announced_as_such(connection: Connection) -> None:
    stereo = Codec("audio", "opus", 48_000, 2, (("stereo", "1"),))
    connection.add(stereo, "TR_stereo")
    connection.add(OPUS, "TR_mono")
    answer = connection.answer(*python_client())
    assert ("sprop-stereo", "1") in answer.sections[0].formats[1].parameters
    assert ("sprop-stereo", "1") not in answer.sections[1].formats[1].parameters


def test_a_client_may_wait_for_the_handshake(connection: Connection) -> None:
    answer = connection.answer(data("0"), setup="passive")
    encryption = answer.encryption()
    assert encryption is not None
    assert encryption.setup == "active"
    assert connection.transport.remotes[0].dtls_client
    # Offered anew with a choice, the roles stay.
    again = connection.answer(data("0"), setup="actpass").encryption()
    assert again is not None
    assert again.setup == "active"


def test_roles_cannot_change(connection: Connection) -> None:
    connection.answer(data("0"), setup="active")
    with pytest.raises(InvalidDescription, match="roles"):
        connection.answer(data("0"), setup="passive")


def test_a_client_can_restart_ice(connection: Connection) -> None:
    connection.answer(data("0"))
    answer = connection.answer(data("0"), ufrag="other", pwd="y" * 24)
    encryption = answer.encryption()
    assert encryption is not None
    assert encryption.ufrag == "server1"
    assert connection.transport.remotes[-1].ufrag == "other"


def test_the_descriptions_of_a_connection_are_counted(connection: Connection) -> None:
    first, second = (connection.peer.answer(describe(data("0"))).split("\r\n")[1] for _ in "12")
    assert first.split()[1] == second.split()[1]
    assert (first.split()[2], second.split()[2]) == ("1", "2")


GOOD = (microphone("0", "a"), listening("audio", "1"), data("2"))


def described(*sections: OfferedSection) -> str:
    return describe(*sections)


@pytest.mark.parametrize(
    "text",
    [
        described(*GOOD[:2]),
        described(GOOD[1], GOOD[0], GOOD[2]),
        described(listening("video", "0"), *GOOD[1:]),
        described(*GOOD, microphone("3", "b")).replace("a=ice-pwd", "a=x"),
        described(*GOOD, microphone("3", "b")).replace("a=fingerprint", "a=x"),
        described(*GOOD, microphone("3", "b")).replace("actpass", "passive"),
        described(*GOOD, microphone("3", "b")).replace("a=mid:3", "a=mid:0"),
        described(*(rejected(one) for one in GOOD)),
        "v=0\r\n",
    ],
)
def test_a_bad_offer_changes_nothing(text: str) -> None:
    connection = Connection()
    sender = connection.add()
    connection.answer(*GOOD)
    waiting = connection.add(track="TR_2")
    with pytest.raises(InvalidDescription):
        connection.peer.answer(text)
    assert connection.events.order == [("begun", "a")]
    assert len(connection.transport.remotes) == 1
    assert (sender.mid, waiting.mid) == ("1", None)
    answer = connection.answer(*GOOD, listening("audio", "3"))
    assert directions(answer) == ["recvonly", "sendonly", "sendrecv", "sendonly"]
    connection.close()


def test_too_many_sections_are_refused() -> None:
    connection = Connection(max_sections=2)
    with pytest.raises(InvalidDescription):
        connection.answer(data("0"), listening("audio", "1"), listening("audio", "2"))
    connection.close()


def test_no_more_sections_are_missing_than_there_may_be() -> None:
    connection = Connection(max_sections=3)
    connection.answer(data("0"))
    for track in range(4):
        connection.add(track=f"TR_{track}")
    assert connection.peer.missing_sections() == (2, 0)
    connection.close()


def test_what_the_other_side_reports_can_be_read(connection: Connection) -> None:
    assert connection.peer.round_trip is None
    assert connection.peer.available_bitrate is None


def test_a_removed_sender_sends_nothing_and_may_be_removed_twice(connection: Connection) -> None:
    sender = connection.add(AV1)
    connection.answer(listening("video", "0", formats=(VP8_FORMAT,)))
    connection.peer.remove_sender(sender)
    connection.peer.remove_sender(sender)
    assert connection.peer.can_send(sender)
    assert connection.peer.missing_sections() == (0, 0)


def test_events_of_the_transport_reach_the_owner(connection: Connection) -> None:
    told = connection.transport.events
    assert told is connection.peer
    told.on_state("connected")
    told.on_channel("_reliable")
    told.on_message("_reliable", b"hello")
    told.on_rtp(b"garbage", 0.0)
    told.on_rtcp(b"garbage")
    assert connection.events.states == ["connected"]
    assert connection.events.channels == ["_reliable"]
    assert connection.events.messages == [("_reliable", b"hello")]
    assert connection.peer.state == "new"
    assert connection.peer.send_message("_reliable", b"there")
    assert connection.transport.messages == [("_reliable", b"there")]


def test_without_an_owner_nothing_is_told() -> None:
    transport = QuietTransport()
    peer = PeerConnection(transport, StillClock())
    peer.on_state("connected")
    peer.on_channel("_lossy")
    peer.on_message("_lossy", b"")
    peer.answer(describe(microphone("0")))
    peer.answer(describe(OfferedSection("audio", "0", "inactive")))
    peer.close()


def test_after_the_end_nothing_is_answered(connection: Connection) -> None:
    connection.peer.close()
    connection.peer.close()
    connection.peer.restart_ice()
    assert connection.transport.closed == 1
    assert connection.transport.restarts == 0
    assert not connection.peer.needs_description()
    with pytest.raises(InvalidDescription):
        connection.answer(data("0"))


OFFERS = st.lists(
    st.sampled_from(
        [
            ("listening", "audio"),
            ("listening", "video"),
            ("silent", "audio"),
            ("microphone", "a"),
            ("microphone", "b"),
            ("both", "c"),
            ("camera", "d"),
            ("data", ""),
            ("rejected", "audio"),
        ]
    ),
    min_size=1,
    max_size=6,
)


def section(index: int, what: str, which: str) -> OfferedSection:
    mid = str(index)
    made = {
        "listening": lambda: listening(which, mid),
        "silent": lambda: OfferedSection(which, mid, "inactive"),
        "microphone": lambda: microphone(mid, which),
        "both": lambda: microphone(mid, which, direction="sendrecv"),
        "camera": lambda: camera(mid, which),
        "rejected": lambda: rejected(listening(which, mid)),
        "data": lambda: data(mid),
    }
    return made[what]()


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(OFFERS, st.integers(0, 3), st.booleans()), min_size=1, max_size=5))
def test_any_sequence_of_offers_keeps_order_and_both_sides_agree(
    steps: list[tuple[list[tuple[str, str]], int, bool]],
) -> None:
    connection = Connection()
    senders: list[RtpSender] = []
    track = itertools.count()
    for shape, added, removes in steps:
        codec = VP8 if added == 2 else OPUS
        senders += [connection.add(codec, f"TR_{next(track)}") for _ in range(added)]
        if removes and senders:
            connection.peer.remove_sender(senders.pop(0))
        offered = [section(index, *one) for index, one in enumerate(shape)]
        with suppress(InvalidDescription):
            answer = connection.answer(*offered)
            assert [one.mid for one in answer.sections] == [one.mid for one in offered]
            sent = {one.msid: one for one in answer.sections if one.sends and one.kind}
            assert len(sent) == sum(1 for sender in senders if sender.mid is not None)
            for sender in senders:
                if sender.mid is not None:
                    assert sent[sender.stream_id, sender.track_id].mid == sender.mid
            live = [one for one in connection.events.begun if one not in connection.events.ended]
            receiving = {one.mid for one in answer.sections if one.receives and one.kind}
            assert {one.mid for one in live} == receiving
            waiting = [one for one in senders if one.mid is None and connection.peer.can_send(one)]
            assert sum(connection.peer.missing_sections()) <= len(waiting)
            assert bool(waiting) <= connection.peer.needs_description()
    connection.close()


def test_opus_with_stereo_is_received_as_such(connection: Connection) -> None:
    connection.answer(microphone("0", formats=(opus("stereo=1;sprop-stereo=1"), RED)))
    assert connection.events.begun[0].codec.fmtp == (("stereo", "1"), ("sprop-stereo", "1"))
