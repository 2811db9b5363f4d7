from __future__ import annotations

import pytest

from greenroom.rooms.rtc.codecs import (
    ABS_SEND_TIME,
    AUDIO_LEVEL,
    MID,
    PUBLISH_CODECS,
    REPAIRED_STREAM_ID,
    RTP_STREAM_ID,
    SectionCodecs,
    Wish,
    common,
    find,
    h264_profile,
    is_stereo,
    parameter,
)
from greenroom.rooms.rtc.description import Section
from greenroom.rooms.rtc.description_reader import read
from greenroom.rooms.rtc.media import AV1, H264, OPUS, VP8, VP9, Codec
from greenroom.rooms.rtc.ports import PayloadType
from support.offers import (
    AUDIO_FORMATS,
    RED,
    VP8_FORMAT,
    OfferedFormat,
    OfferedSection,
    describe,
    listening,
    opus,
    video_format,
)


def offered(section: OfferedSection) -> Section:
    return read(describe(section)).sections[0]


def audio(*formats: OfferedFormat, names: frozenset[str] = PUBLISH_CODECS) -> SectionCodecs:
    return common(offered(listening("audio", "0", formats=formats)), names)


def video(*formats: OfferedFormat, names: frozenset[str] = PUBLISH_CODECS) -> SectionCodecs:
    return common(offered(listening("video", "0", formats=formats)), names)


def test_redundant_audio_leads_and_the_rest_of_audio_is_left_out() -> None:
    codecs = audio(*AUDIO_FORMATS)
    assert [one.number for one in codecs.formats] == [63, 111]
    assert codecs.red == 63
    assert [one.number for one in codecs.payload_types] == [111]


def test_redundancy_is_left_out_where_it_is_not_wanted() -> None:
    section = offered(listening("audio", "0"))
    assert common(section, PUBLISH_CODECS, Wish(red=False)).red is None
    assert common(section, PUBLISH_CODECS - {"red"}).red is None
    assert [one.number for one in common(section, PUBLISH_CODECS, Wish(red=False)).formats] == [111]


@pytest.mark.parametrize("fmtp", ["0/0", "111/0", "111/x", "99/99"])
def test_redundancy_of_other_codecs_is_no_use(fmtp: str) -> None:
    red = OfferedFormat(63, "red/48000/2", fmtp)
    assert audio(opus(), red, OfferedFormat(0, "PCMU/8000")).red is None


def test_redundancy_that_does_not_say_of_what_is_of_opus() -> None:
    codecs = audio(opus(), OfferedFormat(63, "red/48000/2"))
    assert codecs.red == 63
    assert codecs.formats[0].parameters == (("111/111", ""),)


def test_redundancy_alone_is_nothing() -> None:
    codecs = audio(RED)
    assert codecs.payload_types == ()
    assert codecs.formats == ()
    assert codecs.red is None


def test_redundancy_at_another_rate_is_no_use() -> None:
    assert audio(opus(), OfferedFormat(63, "red/8000", "111/111")).red is None


@pytest.mark.parametrize(
    ("offered_fmtp", "answered"),
    [
        ("", "minptime=10;useinbandfec=1;usedtx=1"),
        ("minptime=3;cbr=1", "minptime=10;useinbandfec=1;usedtx=1"),
        ("usedtx=1", "minptime=10;useinbandfec=1;usedtx=1"),
        ("usedtx=0;stereo=0", "minptime=10;useinbandfec=1"),
        ("stereo=1;usedtx=1", "minptime=10;useinbandfec=1;usedtx=1;stereo=1"),
        ("sprop-stereo=1;usedtx=0", "minptime=10;useinbandfec=1;stereo=1"),
    ],
)
def test_opus_is_answered_with_what_the_client_asks(offered_fmtp: str, answered: str) -> None:
    (one,) = audio(opus(offered_fmtp)).formats
    assert ";".join(f"{name}={value}" for name, value in one.parameters) == answered


def test_silence_is_sent_where_that_is_wished_for() -> None:
    (one,) = common(offered(listening("audio", "0")), {"opus"}, Wish(dtx=False)).formats
    assert one.parameters == (("minptime", "10"), ("useinbandfec", "1"))


def test_a_source_keeps_the_parameters_that_its_client_offered() -> None:
    codecs = audio(opus("minptime=10;stereo=1"))
    assert codecs.payload_types[0].codec == Codec(
        "audio", "opus", 48_000, 2, (("minptime", "10"), ("stereo", "1"))
    )
    assert is_stereo(codecs.payload_types[0].codec)
    assert not is_stereo(OPUS)


@pytest.mark.parametrize("encoding", ["opus/48000", "opus/16000/2", "opus/48000/1"])
def test_opus_is_at_48_khz_with_two_channels(encoding: str) -> None:
    assert audio(OfferedFormat(111, encoding)).payload_types == ()


def test_sound_is_retransmitted_where_the_client_offers_it() -> None:
    assert audio(opus(feedback=("nack", "transport-cc"))).formats[0].feedback == ("nack",)
    assert audio(opus()).formats[0].feedback == ()


def test_video_keeps_the_clients_order_and_its_retransmissions() -> None:
    codecs = common(offered(listening("video", "0")), PUBLISH_CODECS)
    numbers = [one.number for one in codecs.formats]
    assert numbers == [96, 97, 103, 104, 109, 110, 45, 46, 98, 99, 100, 101]
    assert [(one.number, one.rtx) for one in codecs.payload_types][:2] == [(96, 97), (103, 104)]
    vp8 = codecs.payload_types[0]
    assert vp8.feedback == {"goog-remb", "nack", "nack pli", "ccm fir"}


def test_a_codec_that_is_wished_for_comes_first_and_the_others_stay() -> None:
    section = offered(listening("video", "0"))
    codecs = common(section, PUBLISH_CODECS, Wish(codec="vp9"))
    assert [one.number for one in codecs.formats][:6] == [98, 99, 100, 101, 96, 97]
    assert codecs.payload_types[0].codec.name == "vp9"
    assert common(section, PUBLISH_CODECS, Wish(codec="h265")) == common(section, PUBLISH_CODECS)
    red_first = common(offered(listening("audio", "0")), PUBLISH_CODECS, Wish(codec="opus"))
    assert [one.number for one in red_first.formats] == [63, 111]


def test_only_the_codecs_that_are_wanted_are_kept() -> None:
    codecs = common(offered(listening("video", "0")), {"opus", "vp8"})
    assert [one.codec.name for one in codecs.payload_types] == ["vp8"]


def test_audio_codecs_in_a_video_section_are_no_use() -> None:
    assert video(OfferedFormat(111, "opus/48000/2")).payload_types == ()
    assert audio(OfferedFormat(96, "VP8/90000")).payload_types == ()


def test_retransmission_of_nothing_is_left_out() -> None:
    codecs = video(OfferedFormat(96, "VP8/90000"), OfferedFormat(97, "rtx/90000", "apt=98"))
    assert codecs.payload_types[0].rtx is None
    assert [one.number for one in codecs.formats] == [96]


def test_only_extensions_that_are_used_are_kept() -> None:
    assert common(offered(listening("audio", "0")), PUBLISH_CODECS).extensions == {
        MID: 4,
        AUDIO_LEVEL: 1,
        ABS_SEND_TIME: 2,
    }
    assert common(offered(listening("video", "0")), PUBLISH_CODECS).extensions == {
        MID: 4,
        RTP_STREAM_ID: 10,
        REPAIRED_STREAM_ID: 11,
        ABS_SEND_TIME: 2,
    }


def test_extensions_that_need_long_headers_are_left_out() -> None:
    text = describe(listening("audio", "0")).replace("extmap:1 ", "extmap:15 ")
    assert AUDIO_LEVEL not in common(read(text).sections[0], PUBLISH_CODECS).extensions


def h264(profile: str, mode: str = "1") -> Codec:
    parameters = [("packetization-mode", mode)] if mode else []
    return Codec("video", "h264", 90_000, 1, (*parameters, ("profile-level-id", profile)))


def payload(number: int, codec: Codec) -> PayloadType:
    return PayloadType(number, codec)


@pytest.mark.parametrize(
    ("source", "number"),
    [
        (VP8, 96),
        (VP9, 98),
        (H264, 109),
        (AV1, 45),
        (Codec("video", "vp9", 90_000, 1, (("profile-id", "2"),)), 100),
        (Codec("video", "vp9", 90_000, 1, (("profile-id", "1"),)), None),
        (Codec("video", "av1", 90_000, 1, (("profile", "1"),)), None),
        (h264("42e034"), 109),
        (h264("42001f"), 103),
        (h264("640c1f"), None),
        (OPUS, None),
        (Codec("video", "vp8", 48_000), None),
    ],
)
def test_a_source_is_sent_under_the_payload_type_of_its_profile(
    source: Codec, number: int | None
) -> None:
    codecs = common(offered(listening("video", "0")), PUBLISH_CODECS)
    found = find(source, codecs.payload_types)
    assert (found.number if found else None) == number


@pytest.mark.parametrize(
    ("source", "targets", "number"),
    [
        ("42e01f", ["42001f"], 0),  # any decoder decodes constrained baseline
        ("42e01f", ["4d001f", "42c01f"], 1),
        ("42e01f", ["64001f"], 0),
        ("42001f", ["42e01f"], None),
        ("42001f", ["4d001f"], None),
        ("4d001f", ["64001f"], 0),
        ("4d001f", ["42e01f"], None),
        ("640c1f", ["64001f"], 0),
        ("64001f", ["640c1f"], None),
        ("f4001f", ["64001f", "f4001f"], 1),
    ],
)
def test_a_decoder_of_a_larger_h264_profile_will_do(
    source: str, targets: list[str], number: int | None
) -> None:
    found = find(h264(source), [payload(n, h264(one)) for n, one in enumerate(targets)])
    assert (found.number if found else None) == number


def test_h264_of_the_simpler_packetization_can_be_sent_to_the_other() -> None:
    assert find(h264("42e01f", "0"), [payload(1, h264("42e01f", "1"))])
    assert find(h264("42e01f", ""), [payload(1, h264("42e01f", "1"))])
    assert not find(h264("42e01f", "1"), [payload(1, h264("42e01f", "0"))])


def test_h264_in_single_packets_is_not_taken_from_clients() -> None:
    assert video(video_format(96, "H264", "profile-level-id=42e01f")).payload_types == ()
    assert video(VP8_FORMAT, names=frozenset({"h264"})).payload_types == ()


@pytest.mark.parametrize(
    ("profile", "name"),
    [
        ("42e01f", "constrained baseline"),
        ("4d801f", "constrained baseline"),
        ("42000a", "baseline"),
        ("4d001f", "main"),
        ("640c1f", "constrained high"),
        ("64001f", "high"),
        ("f4001f", "f400"),
        ("zz", "zz"),
    ],
)
def test_profiles_have_names(profile: str, name: str) -> None:
    assert h264_profile(profile) == name


def test_a_parameter_has_a_default() -> None:
    assert parameter(OPUS, "minptime") == "10"
    assert parameter(OPUS, "ptime", "20") == "20"
    assert find(OPUS, []) is None
