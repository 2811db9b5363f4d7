"""A server's own offers on one peer connection, and what their answers leave of them.

Each track to send has a section; a section whose track has gone is described as inactive once, and
then another track of its kind can have it. Sections never move, and a rejected one stays rejected.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from greenroom.rooms.errors import InvalidDescription
from greenroom.rooms.rtc.codecs import SectionCodecs, find
from greenroom.rooms.rtc.description import Description, Section
from greenroom.rooms.rtc.media import Kind
from greenroom.rooms.rtc.negotiation import (
    SCTP_PORT,
    Slot,
    check_order,
    send_parameters,
    track_section,
)
from greenroom.rooms.rtc.payload_types import PayloadTypes, accepted
from greenroom.rooms.rtc.sender import RtpSender

_AVP, _SCTP = "UDP/TLS/RTP/SAVPF", "UDP/DTLS/SCTP"


@dataclass(slots=True)
class AnsweredSection:
    """What an answer says to one offered section; `codecs` None: nothing can be sent."""

    rejected: bool
    sender: RtpSender | None = None
    codecs: SectionCodecs | None = None


class Offerer:
    """Makes the offers over `slots`, which it fills and keeps."""

    def __init__(self, slots: list[Slot], max_sections: int, max_message_bytes: int) -> None:
        self._slots, self._max_sections = slots, max_sections
        self._max_message_bytes = max_message_bytes
        self._payload_types = PayloadTypes()
        self._offered: list[RtpSender | None] | None = None

    def offer(self, senders: Sequence[RtpSender], *, channels: bool) -> Description:
        """Describe every sender, as far as sections suffice, and data where `channels`."""
        if channels and all(slot.media != "application" for slot in self._slots):
            self._append("application")
        placed = {id(slot.sender) for slot in self._slots if slot.sender is not None}
        for sender in senders:
            if id(sender) not in placed:
                self._place(sender)
        for slot in self._slots:
            slot.announced = slot.sender is not None
        self._offered = [slot.sender for slot in self._slots]
        sections = tuple(self._section(slot) for slot in self._slots)
        mids = tuple(slot.mid for slot in self._slots if not slot.rejected)
        return Description(sections, mids)

    def _append(self, media: str) -> Slot | None:
        if len(self._slots) >= self._max_sections:
            return None
        slot = Slot(media, str(len(self._slots)))
        self._slots.append(slot)
        return slot

    def _place(self, sender: RtpSender) -> None:
        codecs = self._payload_types.of(sender.codec)
        if codecs is not None:
            kind = sender.codec.kind
            slot = self._spare(kind) or self._append(kind)
            if slot is not None:
                slot.sender, slot.codecs = sender, codecs

    def has_place(self, sender: RtpSender) -> bool:
        """Whether the next offer can describe a sender that the last one did not."""
        if self._payload_types.of(sender.codec) is None:
            return False
        return len(self._slots) < self._max_sections or self._spare(sender.codec.kind) is not None

    def _spare(self, kind: Kind) -> Slot | None:
        for slot in self._slots:
            used = slot.rejected or slot.announced or slot.sender is not None
            if slot.media == kind and not used:
                return slot
        return None

    def _section(self, slot: Slot) -> Section:
        if slot.codecs is None:
            return Section(
                slot.media,
                slot.mid,
                _SCTP,
                ("webrtc-datachannel",),
                rejected=slot.rejected,
                sctp_port=SCTP_PORT,
                max_message_bytes=self._max_message_bytes,
            )
        section = Section(slot.media, slot.mid, _AVP, rejected=slot.rejected)
        return track_section(section, slot.codecs, slot.sender, receives=False)

    def plan(self, answer: Description) -> list[AnsweredSection]:
        """What the answer to the last offer says; changes nothing.

        Raises:
            InvalidDescription: it isn't an answer to that offer, or there is none.
        """
        if self._offered is None:
            raise InvalidDescription("there is no offer to answer")
        if len(answer.sections) != len(self._offered):
            raise InvalidDescription("the answer has not as many media sections as the offer")
        check_order(answer, self._slots)
        plans = []
        for section, slot, sender in zip(answer.sections, self._slots, self._offered, strict=False):
            plan = AnsweredSection(section.rejected or slot.rejected, sender)
            if sender is not None and slot.codecs is not None and section.receives:
                codecs = accepted(slot.codecs, section)
                if find(sender.codec, codecs.payload_types) is not None:
                    plan.codecs = codecs
            plans.append(plan)
        return plans

    def accept(self, plans: Sequence[AnsweredSection]) -> list[RtpSender]:
        """Let the senders send as planned; returns those that the other side doesn't take."""
        refused: list[RtpSender] = []
        self._offered = None
        for plan, slot in zip(plans, self._slots, strict=False):
            slot.rejected = plan.rejected
            slot.open = plan.codecs is not None
            if plan.sender is None or plan.sender is not slot.sender:
                continue  # removed since it was offered
            if plan.codecs is not None:
                plan.sender.negotiate(send_parameters(slot.mid, plan.codecs, plan.sender))
            else:
                plan.sender.negotiate(None)
                slot.sender = None
                refused.append(plan.sender)
        return refused
