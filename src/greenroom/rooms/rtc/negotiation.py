"""How an offer is answered: which sections are used, by whom and with which codecs.

`plan_answer` changes nothing, so that an offer that can't be answered leaves all as it was.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from greenroom.rooms.errors import InvalidDescription
from greenroom.rooms.rtc.codecs import SectionCodecs, common, find, is_stereo
from greenroom.rooms.rtc.description import (
    Description,
    Encryption,
    Format,
    Section,
    Ssrcs,
    direction,
)
from greenroom.rooms.rtc.media import Kind
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
    where it received none). `open`: the other side takes what is sent here.
    """

    media: str
    mid: str
    rejected: bool = False
    open: bool = False
    announced: bool = False
    codecs: SectionCodecs | None = None
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


@dataclass(slots=True)
class SectionPlan:
    """What becomes of one offered section."""

    offered: Section
    codecs: SectionCodecs | None = None
    rejected: bool = False
    receives: bool = False
    sender: RtpSender | None = None

    @property
    def kind(self) -> Kind | None:
        """Of the section."""
        return self.offered.kind


def plan_answer(
    offer: Description,
    slots: Sequence[Slot],
    senders: Sequence[RtpSender],
    names: Collection[str],
    without_red: Collection[str],
) -> list[SectionPlan]:
    """Decide what is done with each section.

    `senders` are all there are, in order; those without a section get one where one is free.
    `names` are the codecs that may be received, `without_red` the ids of tracks that are to come
    without redundancy.

    Raises:
        InvalidDescription: the offer does not follow the one before.
    """
    check_order(offer, slots)
    plans = [_plan(offer, section, names, without_red) for section in offer.sections]
    taken: set[int] = set()
    for plan, slot in zip(plans, slots, strict=False):
        if slot.sender is not None and _takes(plan, slot.sender):
            plan.sender = slot.sender
            taken.add(id(slot.sender))
    silent = [p for i, p in enumerate(plans) if i >= len(slots) or not slots[i].announced]
    silent.sort(key=lambda plan: plan.receives)
    for sender in senders:
        if id(sender) not in taken:
            free = (one for one in silent if one.sender is None and _takes(one, sender))
            if (chosen := next(free, None)) is not None:
                chosen.sender = sender
    return plans


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


def _plan(
    offer: Description, section: Section, names: Collection[str], without_red: Collection[str]
) -> SectionPlan:
    plan = SectionPlan(section, rejected=True)
    if section.rejected or not offer.is_bundled(section):
        return plan
    if section.kind is None:
        plan.rejected = (
            section.media != "application"
            or not section.protocol.endswith("DTLS/SCTP")
            or section.sctp_port != SCTP_PORT
        )
        return plan
    track = section.msid[1] if section.msid and section.sends else None
    plan.codecs = common(section, names, red=track not in without_red)
    plan.rejected = (
        not section.protocol.endswith("/SAVPF")
        or not section.rtcp_mux
        or not plan.codecs.payload_types
    )
    plan.receives = track is not None and not plan.rejected
    return plan


def _takes(plan: SectionPlan, sender: RtpSender) -> bool:
    return (
        not plan.rejected
        and plan.kind == sender.codec.kind
        and plan.offered.receives
        and plan.codecs is not None
        and find(sender.codec, plan.codecs.payload_types) is not None
    )


def answer_role(encryption: Encryption, dtls_client: bool | None) -> bool:
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


def answer_section(plan: SectionPlan, max_message_bytes: int) -> Section:
    """This side's description of a planned section."""
    offered = plan.offered
    section = Section(offered.media, offered.mid, offered.protocol, offered.format_list)
    if plan.rejected:
        return replace(section, rejected=True)
    if plan.codecs is None:
        return replace(section, sctp_port=SCTP_PORT, max_message_bytes=max_message_bytes)
    section = replace(section, rids=offered.rids if plan.receives else ())
    return track_section(section, plan.codecs, plan.sender, receives=plan.receives)


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
