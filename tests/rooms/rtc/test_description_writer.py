from __future__ import annotations

from aiortc.sdp import SessionDescription
from hypothesis import given, settings
from hypothesis import strategies as st

from greenroom.rooms.rtc.description import (
    Description,
    Encryption,
    Format,
    Section,
    Ssrcs,
)
from greenroom.rooms.rtc.description_reader import read
from greenroom.rooms.rtc.description_writer import Origin, write
from support.offers import FINGERPRINT

ENCRYPTION = Encryption(
    "abcd", "x" * 24, "passive", (("sha-256", FINGERPRINT.removeprefix("sha-256 ")),)
)
CANDIDATES = ("candidate:1 1 udp 2130706431 192.0.2.7 7882 typ host",)

VIDEO = Section(
    "video",
    "v",
    format_list=("96", "97"),
    direction="sendonly",
    encryption=ENCRYPTION,
    formats=(
        Format(96, "vp8", 90_000, feedback=("nack", "nack pli")),
        Format(97, "rtx", 90_000, parameters=(("apt", "96"),)),
    ),
    extensions={"urn:ietf:params:rtp-hdrext:sdes:mid": 4},
    msid=("PA_x|TR_y", "TR_y"),
    ssrcs=Ssrcs((1,), {2: 1}, "cname"),
    rtcp_mux=True,
)
AUDIO = Section(
    "audio",
    "a",
    format_list=("63", "111"),
    direction="recvonly",
    encryption=ENCRYPTION,
    formats=(
        Format(63, "red", 48_000, 2, (("111/111", ""),)),
        Format(111, "opus", 48_000, 2, (("minptime", "10"), ("useinbandfec", "1"))),
    ),
    rtcp_mux=True,
)
DATA = Section(
    "application",
    "d",
    "UDP/DTLS/SCTP",
    ("webrtc-datachannel",),
    encryption=ENCRYPTION,
    sctp_port=5000,
    max_message_bytes=65_536,
)


def written(*sections: Section, bundle: tuple[str, ...] = ("a", "v", "d")) -> str:
    description = Description(sections, bundle)
    return write(description, Origin(123, 4), ENCRYPTION, CANDIDATES)


def test_what_is_written_reads_the_same() -> None:
    assert read(written(AUDIO, VIDEO, DATA)) == Description((AUDIO, VIDEO, DATA), ("a", "v", "d"))


def test_another_implementation_reads_it() -> None:
    parsed = SessionDescription.parse(written(AUDIO, VIDEO, DATA))
    assert parsed.group[0].items == ["a", "v", "d"]
    audio, video, data = parsed.media
    assert audio.ice.iceLite
    assert audio.ice_candidates_complete
    assert [candidate.ip for candidate in audio.ice_candidates] == ["192.0.2.7"]
    assert audio.dtls is not None
    assert audio.dtls.role == "server"
    assert audio.direction == "recvonly"
    assert [codec.mimeType for codec in audio.rtp.codecs] == ["audio/red", "audio/opus"]
    assert video.msid == "PA_x|TR_y TR_y"
    assert [(one.ssrc, one.cname) for one in video.ssrc] == [(1, "cname"), (2, "cname")]
    assert video.rtp.codecs[1].parameters == {"apt": 96}
    assert data.sctp_port == 5000


def test_the_header_names_the_connection_and_counts() -> None:
    lines = written(AUDIO).split("\r\n")
    assert lines[1] == "o=- 123 4 IN IP4 127.0.0.1"
    assert "a=ice-lite" in lines
    assert lines[-1] == ""


def test_candidates_are_in_every_section_that_is_used() -> None:
    gone = Section("video", "g", format_list=("96",), rejected=True)
    text = written(AUDIO, gone, VIDEO)
    assert text.count("a=candidate:1 1 udp 2130706431 192.0.2.7 7882 typ host\r\n") == 2
    assert text.count("a=end-of-candidates\r\n") == 2
    assert "candidate" not in text[text.index("m=video 0") : text.index("m=video 9")]


def test_a_rejected_section_says_nothing_else() -> None:
    gone = Section("video", "v", format_list=("96",), rejected=True)
    assert written(gone, AUDIO, bundle=("a",)).split("\r\n")[8:12] == [
        "m=video 0 UDP/TLS/RTP/SAVPF 96",
        "c=IN IP4 0.0.0.0",
        "a=mid:v",
        "a=inactive",
    ]
    nameless = Section("video", "", format_list=("96",), rejected=True)
    assert "a=mid:\r\n" not in written(nameless, AUDIO, bundle=())


def test_simulcast_is_answered_with_the_layers_offered() -> None:
    section = Section("video", "v", format_list=("96",), direction="recvonly", rids=("q", "h"))
    text = written(section, bundle=("v",))
    assert "a=rid:q recv\r\na=rid:h recv\r\na=simulcast:recv q;h\r\n" in text


labels = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=16)


@settings(max_examples=50, deadline=None)
@given(
    st.lists(labels, min_size=1, max_size=5, unique=True),
    st.lists(st.tuples(labels.map(str.lower), labels), max_size=4),
    st.sampled_from(["sendrecv", "sendonly", "recvonly", "inactive"]),
    st.integers(0, 127),
)
def test_any_section_reads_the_same(
    mids: list[str], parameters: list[tuple[str, str]], direction: str, number: int
) -> None:
    sections = tuple(
        Section(
            "audio",
            mid,
            format_list=(str(number),),
            direction=direction,  # type: ignore[arg-type]
            encryption=ENCRYPTION,
            formats=(Format(number, "opus", 48_000, 2, tuple(parameters)),),
            rtcp_mux=True,
        )
        for mid in mids
    )
    assert read(written(*sections, bundle=tuple(mids))) == Description(sections, tuple(mids))
