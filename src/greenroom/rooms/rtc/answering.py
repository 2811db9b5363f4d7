"""How a client's offers are answered: which sections are used, by whom and with which codecs."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from greenroom.rooms.rtc.codecs import USUAL, SectionCodecs, Wish, common, find
from greenroom.rooms.rtc.description import Description, Section
from greenroom.rooms.rtc.media import Kind
from greenroom.rooms.rtc.negotiation import (
    SCTP_PORT,
    Slot,
    check_order,
    receive_parameters,
    send_parameters,
    track_section,
)
from greenroom.rooms.rtc.receiver import RtpReceiver
from greenroom.rooms.rtc.sender import RtpSender
from greenroom.rooms.rtc.streams import Streams


@dataclass(slots=True)
class SectionPlan:
    """What becomes of one offered section; `track` is the id of the track that is received."""

    offered: Section
    codecs: SectionCodecs | None = None
    rejected: bool = False
    wish: Wish = USUAL
    track: str | None = None
    sender: RtpSender | None = None

    @property
    def kind(self) -> Kind | None:
        """Of the section."""
        return self.offered.kind


@dataclass(slots=True)
class Outcome:
    """The receivers that an answer ended, those that it began, and senders that nothing takes."""

    ended: list[RtpReceiver] = field(default_factory=list)
    begun: list[RtpReceiver] = field(default_factory=list)
    refused: set[RtpSender] = field(default_factory=set)


class Answerer:
    """Answers offers over `slots`, which it fills and keeps.

    `plan` changes nothing, so that an offer that can't be answered leaves all as it was. `names`
    are the codecs that may be received.
    """

    def __init__(
        self,
        slots: list[Slot],
        streams: Streams,
        names: Collection[str],
        max_message_bytes: int,
    ) -> None:
        self._slots, self._streams, self._names = slots, streams, names
        self._max_message_bytes = max_message_bytes

    def plan(
        self, offer: Description, senders: Sequence[RtpSender], wishes: Mapping[str, Wish]
    ) -> list[SectionPlan]:
        """Decide what is done with each section.

        `senders` are all there are, in order; those without a section get one where one is free.
        `wishes` are for tracks by their ids.

        Raises:
            InvalidDescription: the offer does not follow the one before.
        """
        slots = self._slots
        check_order(offer, slots)
        plans = [self._plan(offer, i, wishes) for i in range(len(offer.sections))]
        taken: set[int] = set()
        for plan, slot in zip(plans, slots, strict=False):
            if slot.sender is not None and _takes(plan, slot.sender):
                plan.sender = slot.sender
                taken.add(id(slot.sender))
        silent = [p for i, p in enumerate(plans) if i >= len(slots) or not slots[i].announced]
        silent.sort(key=lambda plan: plan.track is not None)
        for sender in senders:
            if id(sender) not in taken:
                free = (one for one in silent if one.sender is None and _takes(one, sender))
                if (chosen := next(free, None)) is not None:
                    chosen.sender = sender
        return plans

    def _plan(self, offer: Description, index: int, wishes: Mapping[str, Wish]) -> SectionPlan:
        section = offer.sections[index]
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
        plan.wish = wishes.get(track, USUAL) if track is not None else USUAL
        plan.codecs = self._common(section, index, plan.wish)
        plan.rejected = (
            not section.protocol.endswith("/SAVPF")
            or not section.rtcp_mux
            or not plan.codecs.payload_types
        )
        plan.track = None if plan.rejected else track
        return plan

    def _common(self, section: Section, index: int, wish: Wish) -> SectionCodecs:
        """The codecs of the section, as they were where it is the same as before."""
        slot = self._slots[index] if index < len(self._slots) else None
        same = slot is not None and slot.offered is section and slot.wish == wish
        if slot is not None and slot.codecs is not None and same:
            return slot.codecs
        return common(section, self._names, wish)

    def answer(self, offer: Description, plans: Sequence[SectionPlan]) -> Description:
        """This side's description of what was planned."""
        mids = {plan.offered.mid for plan in plans if not plan.rejected}
        return Description(
            tuple(self._section(plan) for plan in plans),
            tuple(mid for mid in offer.bundle if mid in mids),
        )

    def _section(self, plan: SectionPlan) -> Section:
        offered = plan.offered
        section = Section(offered.media, offered.mid, offered.protocol, offered.format_list)
        if plan.rejected:
            return replace(section, rejected=True)
        if plan.codecs is None:
            return replace(section, sctp_port=SCTP_PORT, max_message_bytes=self._max_message_bytes)
        section = replace(section, rids=offered.rids if plan.track is not None else ())
        return track_section(section, plan.codecs, plan.sender, receives=plan.track is not None)

    def apply(self, plans: Sequence[SectionPlan], senders: Sequence[RtpSender]) -> Outcome:
        """Make what was planned the present state of the streams."""
        outcome = Outcome()
        placed = {id(plan.sender) for plan in plans if plan.sender is not None}
        for sender in senders:
            if id(sender) not in placed:
                sender.negotiate(None)
        self._slots += [Slot(p.offered.media, p.offered.mid) for p in plans[len(self._slots) :]]
        # What has gone first: its SSRCs may be another section's now.
        for slot, plan in zip(self._slots, plans, strict=True):
            self._end(slot, plan, outcome)
        for slot, plan in zip(self._slots, plans, strict=True):
            offered = plan.offered
            self._receive(slot, plan, outcome)
            slot.media, slot.mid, slot.rejected = offered.media, offered.mid, plan.rejected
            slot.open, slot.codecs = offered.receives, plan.codecs
            slot.offered, slot.wish = offered, plan.wish
            slot.sender, slot.announced = plan.sender, plan.sender is not None
            if plan.sender is not None and plan.codecs is not None:
                plan.sender.negotiate(send_parameters(slot.mid, plan.codecs, plan.sender))
        outcome.refused = {sender for sender in senders if self._is_refused(sender)}
        return outcome

    def _end(self, slot: Slot, plan: SectionPlan, outcome: Outcome) -> None:
        receiver = slot.receiver
        if receiver is not None and (plan.track, plan.offered.mid) != (receiver.track_id, slot.mid):
            self._streams.remove_receiver(receiver)
            outcome.ended.append(receiver)
            slot.receiver = None

    def _receive(self, slot: Slot, plan: SectionPlan, outcome: Outcome) -> None:
        if plan.track is None or plan.codecs is None:
            return
        parameters = receive_parameters(plan.offered, plan.codecs)
        if slot.receiver is not None:
            self._streams.update_receiver(slot.receiver, parameters)
        else:
            slot.receiver = self._streams.add_receiver(parameters, plan.track)
            outcome.begun.append(slot.receiver)

    def _is_refused(self, sender: RtpSender) -> bool:
        """Whether there are sections that could take it but for their codecs."""
        if sender.mid is not None:
            return False
        sections = [s for s in self._slots if s.open and s.media == sender.codec.kind]
        return bool(sections) and not any(slot.fits(sender) for slot in sections)


def _takes(plan: SectionPlan, sender: RtpSender) -> bool:
    return (
        not plan.rejected
        and plan.kind == sender.codec.kind
        and plan.offered.receives
        and plan.codecs is not None
        and find(sender.codec, plan.codecs.payload_types) is not None
    )
