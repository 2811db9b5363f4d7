"""What a token lets its bearer do, in LiveKit's terms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from greenroom.rooms.ports import ParticipantKind, TrackOrigin


@dataclass(frozen=True, slots=True)
class Grants:
    """The claims of a verified access token (LiveKit's `video` grant and its neighbours).

    `room` is the only room that `room_join` and `room_admin` are good for. `can_publish_sources`
    None: any source; else only those named. `expires` is in seconds since the epoch, None where the
    bearer is part of this process. `agent` marks an agent whatever its kind is.
    """

    identity: str = ""
    name: str = ""
    kind: ParticipantKind = "standard"
    metadata: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)
    room: str = ""
    room_join: bool = False
    room_create: bool = False
    room_list: bool = False
    room_admin: bool = False
    room_record: bool = False
    can_publish: bool = True
    can_subscribe: bool = True
    can_publish_data: bool = True
    can_publish_sources: frozenset[TrackOrigin] | None = None
    can_update_own_metadata: bool = False
    can_subscribe_metrics: bool = False
    hidden: bool = False
    recorder: bool = False
    agent: bool = False
    expires: float | None = None

    @property
    def is_agent(self) -> bool:
        """Whether the bearer may speak for others in transcriptions and text streams."""
        return self.agent or self.kind == "agent"

    def may_publish(self, origin: TrackOrigin) -> bool:
        """Whether a track of this origin may be published."""
        return self.can_publish and (
            self.can_publish_sources is None or origin in self.can_publish_sources
        )
