from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from greenroom.rooms.errors import InvalidDescription
from greenroom.rooms.rtc.description import Description, Format, Section
from greenroom.rooms.rtc.description_reader import (
    MAX_LENGTH,
    MAX_LINE,
    MAX_LINES,
    DescriptionReader,
    read,
)
from support.offers import (
    FINGERPRINT,
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
)


def only(text: str) -> Section:
    (section,) = read(text).sections
    return section


def test_the_python_clients_offer_has_spare_sections_and_data() -> None:
    description = read(describe(*python_client()))
    kinds = [section.media for section in description.sections]
    assert kinds == ["audio"] * 3 + ["video"] * 3 + ["application"]
    assert description.bundle == ("0", "1", "2", "3", "4", "5", "6")
    assert [section.mid for section in description.sections] == list(description.bundle)
    assert all(section.direction == "recvonly" for section in description.sections[:6])
    assert all(section.receives and not section.sends for section in description.sections[:6])
    application = description.sections[6]
    assert (application.sctp_port, application.max_message_bytes) == (5000, 262_144)


def test_formats_come_with_their_parameters_and_feedback() -> None:
    section = only(describe(listening("audio", "0")))
    assert section.format_list == ("111", "63", "9", "0", "110")
    assert section.formats[0] == Format(
        111, "opus", 48_000, 2, (("minptime", "10"), ("useinbandfec", "1")), ("transport-cc",)
    )
    assert section.formats[1].parameters == (("111/111", ""),)
    assert section.extensions["urn:ietf:params:rtp-hdrext:sdes:mid"] == 4


def test_a_track_that_is_sent_has_an_msid_and_ssrcs() -> None:
    section = only(describe(camera("0", "cam")))
    assert section.msid == ("stream", "cam")
    assert section.ssrcs.primary == (1_000_001,)
    assert section.ssrcs.rtx == {1_000_002: 1_000_001}
    assert section.ssrcs.cname == "Qx0PpNu2BpbPxfQs"


def test_simulcast_layers_are_read_in_the_order_offered() -> None:
    assert read(describe(*browser())).sections[3].rids == ("q", "h", "f")


def test_alternatives_and_paused_layers_count_as_layers() -> None:
    section = camera("0", rids=())
    section.extra = ["a=rid:a send", "a=rid:b send", "a=rid:c recv", "a=simulcast:send a,b;~b;c"]
    assert only(describe(section)).rids == ("a", "b")


def test_a_simulcast_group_orders_the_ssrcs() -> None:
    section = OfferedSection("video", "0", "sendonly", ("s", "t"))
    section.extra = ["a=ssrc-group:SIM 3 1 2", *(f"a=ssrc:{n} cname:x" for n in (1, 2, 3, 9))]
    assert only(describe(section)).ssrcs.primary == (3, 1, 2, 9)


def test_an_msid_may_stand_on_an_ssrc_line() -> None:
    section = OfferedSection("audio", "0", "sendonly")
    section.extra = ["a=ssrc:7 msid:old-stream old-track", "a=ssrc:7 cname:x"]
    assert only(describe(section)).msid == ("old-stream", "old-track")


def test_feedback_can_be_for_all_formats() -> None:
    section = listening("audio", "0", formats=(opus(feedback=()), OfferedFormat(0, "PCMU/8000")))
    section.extra = ["a=rtcp-fb:* nack"]
    assert [one.feedback for one in only(describe(section)).formats] == [("nack",), ("nack",)]


def test_sections_inherit_what_the_session_says() -> None:
    text = describe(listening("audio", "0"), data("1"))
    lines = [
        line
        for line in text.split("\r\n")
        if not line.startswith(("a=ice", "a=fingerprint", "a=setup", "a=recvonly"))
    ]
    lines[4:4] = [
        "a=ice-ufrag:abcd",
        "a=ice-pwd:" + "x" * 22,
        "a=setup:active",
        f"a=fingerprint:{FINGERPRINT}",
        "a=sendonly",
    ]
    description = read("\n".join(lines))
    for section in description.sections:
        assert section.encryption is not None
        assert section.encryption.ufrag == "abcd"
        assert section.encryption.setup == "active"
        assert section.direction == "sendonly"


def test_a_bundled_section_with_port_zero_is_not_rejected() -> None:
    bundled = OfferedSection("video", "1", port=0, extra=["a=bundle-only"])
    gone = OfferedSection("video", "2", port=0)
    description = read(describe(listening("audio", "0"), bundled, gone))
    assert [section.rejected for section in description.sections] == [False, False, True]
    assert not description.sections[2].receives


def test_rejected_sections_need_no_mid() -> None:
    text = describe(listening("audio", "0")) + "m=video 0 UDP/TLS/RTP/SAVPF 96\r\n" * 2
    assert [section.rejected for section in read(text).sections] == [False, True, True]


def test_the_leading_bundled_section_tells_how_to_encrypt() -> None:
    text = describe(listening("audio", "0"), listening("audio", "1"), bundle=("1", "0"))
    first, second = text.split("a=mid:0")
    second = second.replace("a=ice-ufrag:rY9F", "a=ice-ufrag:other")
    encryption = read(first + "a=mid:0" + second).encryption()
    assert encryption is not None
    assert encryption.ufrag == "other"


def test_without_a_bundle_only_the_first_section_is_used() -> None:
    text = describe(listening("audio", "0"), listening("audio", "1"))
    description = read(text.replace("a=group:BUNDLE 0 1\r\n", ""))
    assert description.bundle == ()
    assert [description.is_bundled(one) for one in description.sections] == [True, False]
    assert description.encryption() is not None


def test_there_is_no_encryption_where_a_part_of_it_is_missing() -> None:
    text = describe(listening("audio", "0"))
    for start in ("a=ice-ufrag", "a=ice-pwd", "a=fingerprint", "a=setup"):
        lines = [line for line in text.split("\r\n") if not line.startswith(start)]
        assert read("\r\n".join(lines)).encryption() is None


def test_unknown_lines_are_passed_over() -> None:
    text = describe(listening("audio", "0"))
    more = "b=AS:30\r\nk=clear:x\r\na=sctp-init:AQ==\r\na=whatever\r\na=rid:x recv\r\n"
    assert read(text + more) == read(text)


SECTION = "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\n"


@pytest.mark.parametrize(
    "line",
    [
        "a=mid:",
        "a=mid:two words",
        "a=mid:" + "x" * 17,
        "a=ice-ufrag:abc",
        "a=ice-pwd:a b c d e f g",
        "a=setup:holdconn",
        "a=fingerprint:sha-256",
        "a=fingerprint:sha-256 AB:CD",
        "a=fingerprint:sha 256 " + ":".join(["AB"] * 32),
        "a=rtpmap:128 opus/48000/2",
        "a=rtpmap:111 opus",
        "a=rtpmap:111 opus/x",
        "a=rtpmap:-1 opus/48000",
        "a=rtpmap:\u0661\u0661\u0661 opus/48000",
        "a=fmtp:x a=b",
        "a=fmtp:111 " + ";".join(f"a{n}=1" for n in range(33)),
        "a=rtcp-fb:x nack",
        "a=extmap:x urn:x",
        "a=extmap:4352 urn:x",
        "a=extmap:1",
        "a=extmap:1 urn:a\r\na=extmap:1 urn:b",
        "a=ssrc:4294967296 cname:x",
        "a=ssrc-group:FID 1 x",
        "a=sctp-port:65536",
        "a=max-message-size:x",
        "a=rid:two/words send",
        "a=rid:" + "x" * 17 + " send",
        "a=msid:stream " + "x" * 257,
        "m=audio 9 RTP/AVP",
        "m=audio x RTP/AVP 0",
        "m=audio 65536 RTP/AVP 0",
        "m=audio 9 RTP/AVP 0",  # has no mid
        "m=audio 9 RTP/AVP 0 0\r\na=mid:1",
        "m=audio 9 RTP/AVP 200\r\na=mid:1",
        "m=audio 9 RTP/AVP " + " ".join(["0"] * 65),
        "m=audio 9 RTP/AVP 0\r\na=mid:0",  # again
        "nonsense",
        "a=x\ry",
        "a=" + "x" * MAX_LINE,
    ],
)
def test_what_is_used_must_be_right(line: str) -> None:
    assert read("v=0\r\n" + SECTION)
    with pytest.raises(InvalidDescription):
        read("v=0\r\n" + SECTION + line + "\r\n")


@pytest.mark.parametrize(
    "lines",
    [
        [f"a=rtpmap:{n} x/8000" for n in range(65)],
        [f"a=extmap:{n} urn:{n}" for n in range(1, 34)],
        [f"a=ssrc:{n} cname:x" for n in range(33)],
        [f"a=rid:r{n} send" for n in range(9)],
        [f"a=fingerprint:{FINGERPRINT}"] * 9,
        [f"a=rtcp-fb:111 {n}" for n in range(17)],
        ["b=x"] * MAX_LINES,
        ["b=" + "x" * 4000] * (MAX_LENGTH // 4000),
    ],
)
def test_there_can_be_too_much_of_anything(lines: list[str]) -> None:
    assert read("\r\n".join(["v=0", SECTION, lines[0]]))
    with pytest.raises(InvalidDescription):
        read("\r\n".join(["v=0", SECTION, *lines]))


@pytest.mark.parametrize(
    "text", ["", "v=0", "v=1\r\n" + SECTION, "v=0\r\na=group:BUNDLE 0 0\r\n" + SECTION]
)
def test_what_is_no_description_is_refused(text: str) -> None:
    with pytest.raises(InvalidDescription):
        read(text)


def test_what_is_the_same_as_before_is_not_read_again() -> None:
    reader = DescriptionReader()
    first = reader.read(describe(*browser()))
    second = reader.read(describe(*browser(), microphone("5", "second")))
    assert second == read(describe(*browser(), microphone("5", "second")))
    assert all(one is two for one, two in zip(first.sections, second.sections[:5], strict=True))
    changed = reader.read(describe(*browser(), ufrag="changed"))
    assert all(one.encryption and one.encryption.ufrag == "changed" for one in changed.sections)


def test_what_sections_inherit_may_change() -> None:
    reader = DescriptionReader()
    text = "v=0\r\na={}\r\n" + SECTION
    assert reader.read(text.format("sendonly")).sections[0].direction == "sendonly"
    assert reader.read(text.format("recvonly")).sections[0].direction == "recvonly"


def test_a_description_that_is_refused_is_forgotten() -> None:
    reader = DescriptionReader()
    first = reader.read("v=0\r\n" + SECTION)
    with pytest.raises(InvalidDescription):
        reader.read("v=0\r\n" + SECTION + SECTION)
    assert reader.read("v=0\r\n" + SECTION).sections[0] is first.sections[0]


def test_sections_are_bounded() -> None:
    text = describe(*(listening("audio", str(mid)) for mid in range(5)))
    assert len(read(text, max_sections=5).sections) == 5
    with pytest.raises(InvalidDescription, match="more than 4"):
        read(text, max_sections=4)


WHOLE = describe(*browser(), microphone("5", "second"))


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_garbage_raises_nothing_else(draw: st.DataObject) -> None:
    lines = WHOLE.split("\r\n")
    for _ in range(draw.draw(st.integers(1, 4))):
        index = draw.draw(st.integers(0, len(lines) - 1))
        line = lines[index]
        at = draw.draw(st.integers(0, len(line)))
        junk = draw.draw(st.text(max_size=6) | st.sampled_from(["", "0", " ", ":", "=", "99999"]))
        cut = draw.draw(st.integers(0, 4))
        lines[index] = line[:at] + junk + line[at + cut :]
    with suppress(InvalidDescription):
        assert isinstance(read("\r\n".join(lines)), Description)


@settings(max_examples=40, deadline=None)
@given(st.text())
def test_any_text_is_refused_or_read(text: str) -> None:
    for start in ("", "v=0\r\n", "v=0\r\n" + SECTION, "v=0\r\n" + SECTION + "a="):
        with suppress(InvalidDescription):
            assert isinstance(read(start + text), Description)
