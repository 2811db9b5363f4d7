"""What offers and answers have in common: media sections and what is sent and received on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from greenroom.rooms.errors import InvalidDescription
from greenroom.rooms.rtc.codecs import USUAL, SectionCodecs, Wish, find, is_stereo
from greenroom.rooms.rtc.description import (
    Description,
    Encryption,
    Format,
    Section,
    Ssrcs,
    direction,
)
from greenroom.rooms.rtc.ports import StreamParameters
from greenroom.rooms.rtc.receiver import RtpReceiver
from greenroom.rooms.rtc.sender import RtpSender

SCTP_PORT = 5000

# LiveKit's names of simulcast layers, the smallest first.
_LAYERS = {"q": 0, "h": 1, "f": 2}


@dataclass(slots=True)
class Slot:
    """A media section as it was negotiated last.

    `announced`: the last description of this side's sends here, so that the section must be
    described as silent once before another track can have it (the other side sees a new track only
    where it received none). `open`: the other side takes what is sent here. `codecs` are those of
    the section `offered` by the other side, by the `wish` for its track.
    """

    media: str
    mid: str
    rejected: bool = False
    open: bool = False
    announced: bool = False
    codecs: SectionCodecs | None = None
    offered: Section | None = None
    wish: Wish = USUAL
    sender: RtpSender | None = None
    receiver: RtpReceiver | None = None

    def can_take(self, sender: RtpSender) -> bool:
        """Whether it is free for the sender, as far as is known."""
        return (
            not self.rejected
            and self.open
            and not self.announced
            and self.sender is None
            and self.fits(sender)
        )

    def fits(self, sender: RtpSender) -> bool:
        """Whether its codecs do."""
        return (
            self.media == sender.codec.kind
            and self.codecs is not None
            and find(sender.codec, self.codecs.payload_types) is not None
        )


def check_order(description: Description, slots: Sequence[Slot]) -> None:
    """Sections stay where they are; only rejected ones may be used anew (RFC 8829, 5.2.2).

    Raises:
        InvalidDescription: they don't.
    """
    if len(description.sections) < len(slots):
        raise InvalidDescription("media sections are missing that were there before")
    for section, slot in zip(description.sections, slots, strict=False):
        if section.rejected or slot.rejected:
            continue
        if section.mid != slot.mid or section.media != slot.media:
            raise InvalidDescription(f"media section {slot.mid} is not where it was")


def dtls_role(encryption: Encryption, dtls_client: bool | None) -> bool:
    """Whether this side sends the first DTLS message; `dtls_client` if that is decided already.

    The server waits where it may, as the client's way in is open only once the client has sent.

    Raises:
        InvalidDescription: the offer wants the roles changed on a live connection.
    """
    if encryption.setup == "actpass":
        return dtls_client or False
    wanted = encryption.setup == "passive"
    if dtls_client is not None and dtls_client != wanted:
        raise InvalidDescription("the DTLS roles can't change")
    return wanted


def track_section(
    section: Section, codecs: SectionCodecs, sender: RtpSender | None, *, receives: bool
) -> Section:
    """The section with what is sent and received on it."""
    formats = codecs.formats
    msid, ssrcs = None, Ssrcs()
    if sender is not None:
        msid = (sender.stream_id, sender.track_id)
        again = any(one.rtx is not None for one in codecs.payload_types)
        rtx = {sender.rtx_ssrc: sender.ssrc} if again else {}
        ssrcs = Ssrcs((sender.ssrc,), rtx, sender.cname)
        if is_stereo(sender.codec):
            formats = tuple(_in_stereo(one) for one in formats)
    return replace(
        section,
        format_list=tuple(str(one.number) for one in formats),
        formats=formats,
        extensions=codecs.extensions,
        direction=direction(sends=sender is not None, receives=receives),
        msid=msid,
        ssrcs=ssrcs,
    )


def _in_stereo(one: Format) -> Format:
    if one.name != "opus":
        return one
    return replace(one, parameters=(*one.parameters, ("sprop-stereo", "1")))


def receive_parameters(section: Section, codecs: SectionCodecs) -> StreamParameters:
    """What a receiver needs of a section that the other side sends on."""
    rids = section.rids
    if set(rids) <= _LAYERS.keys():
        rids = tuple(sorted(rids, key=_LAYERS.__getitem__))
    return StreamParameters(
        section.mid,
        "video" if section.kind == "video" else "audio",
        codecs.payload_types,
        codecs.red,
        codecs.extensions,
        section.ssrcs.primary,
        section.ssrcs.rtx,
        rids,
    )


def send_parameters(mid: str, codecs: SectionCodecs, sender: RtpSender) -> StreamParameters:
    """What a sender needs of its section: the payload type that fits its codec comes first."""
    best = find(sender.codec, codecs.payload_types)
    payload_types = sorted(codecs.payload_types, key=lambda one: one is not best)
    return StreamParameters(
        mid, sender.codec.kind, tuple(payload_types), codecs.red, codecs.extensions
    )
