"""What the avatar APIs ask of the stage, and what they are told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from greenroom.audio.pcm import Pcm
from greenroom.avatar.formats import Quality, VideoCodec
from greenroom.avatar.ports import Activity, GestureCue
from greenroom.sessions.life import Ended
from greenroom.sessions.model import Session


@dataclass(frozen=True, slots=True)
class AgoraChannel:
    """Where an Agora client is to be, as the contracts' settings say. `repr` hides the token."""

    app_id: str
    token: str = field(repr=False)
    channel: str
    uid: str
    string_uid: bool = False


@dataclass(frozen=True, slots=True)
class AvatarOrder:
    """What a client asked for, checked. `idle_timeout` in seconds; 0: never.

    `extra` is kept with the session as the API wants it kept (JSON values).
    """

    avatar_id: str
    quality: Quality
    codec: VideoCodec
    idle_timeout: float
    channel: AgoraChannel
    extra: dict[str, Any] = field(default_factory=dict)


class AvatarClient(Protocol):
    """The connection that speaks for a session. Called on the event loop; must not raise."""

    def on_replaced(self) -> None:
        """Another connection has taken its place; the session goes on."""
        ...

    def on_token_expiring(self) -> None:
        """The channel's token runs out soon: the session needs another (`LiveAvatar.renew`)."""
        ...

    def on_ended(self, ended: Ended) -> None:
        """The session is over, for this reason; everything is recorded."""
        ...


class LiveAvatar(Protocol):
    """A session's avatar while it plays, as its connection sees it. All calls are plain.

    Every call but `leave` counts as the activity that `idle_timeout` waits for. After the session
    has ended calls do nothing.
    """

    def voice(self, pcm: Pcm, rate: int) -> None:
        """Sound to say, at `rate` Hz (8,000 to 48,000); queued behind what waits.

        Raises CapacityExceeded, taking nothing, where too much would wait.
        """
        ...

    def voice_end(self) -> None:
        """The utterance is complete."""
        ...

    def interrupt(self) -> None:
        """Silence at once: everything that waits is dropped."""
        ...

    def gesture(self, cue: GestureCue) -> None:
        """Begin a gesture now."""
        ...

    def set_activity(self, activity: Activity) -> None:
        """What it does while it says nothing; `speaking` is by itself."""
        ...

    def renew(self, token: str) -> None:
        """The channel's token, which is another than before where that runs out."""
        ...

    def leave(self) -> None:
        """The connection is gone; the session waits for another for `avatar.reconnect_grace`."""
        ...


class AvatarSessions(Protocol):
    """All avatar sessions of this server."""

    @property
    def avatar_ids(self) -> Sequence[str]:
        """What `AvatarOrder.avatar_id` may be."""
        ...

    async def create(self, order: AvatarOrder, *, api: str, tenant: str) -> Session:
        """Make a session that waits for its `init`.

        A live session of the same tenant, app id, channel and uid is ended with REPLACED. Raises
        InvalidInput (field `avatar_id`), CapacityExceeded, StorageUnavailable.
        """
        ...

    async def enter(self, session_id: str, client: AvatarClient) -> LiveAvatar:
        """Begin the session, or take it over from the connection before: that is told.

        Raises SessionNotFound, SessionEnded, CapacityExceeded, ProviderFailed where the avatar or a
        venue can't be had (the session has then ended as failed).
        """
        ...

    async def stop(self, session_id: str) -> Session:
        """End it for its client (STOPPED, CLIENT_STOPPED), on whichever node; return the end state.

        Raises SessionNotFound, SessionEnded where it has ended before.
        """
        ...

    async def drain(self, seconds: float) -> None:
        """Take no more, give those that speak `seconds` to finish, then end all with DRAINED."""
        ...
