"""An avatar order as it is kept with its session, where no token can be read."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from dataclasses import asdict
from typing import Any, NamedTuple

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from greenroom.errors import ProviderFailed, SessionNotFound
from greenroom.sessions.model import Session
from greenroom.stage.ports import AgoraChannel, AvatarOrder


class Seat(NamedTuple):
    """Where a session's avatar sits: one live session at a time."""

    tenant: str
    app_id: str
    channel: str
    uid: str

    @classmethod
    def of(cls, order: AvatarOrder, tenant: str) -> Seat:
        """The seat that is ordered for a tenant."""
        channel = order.channel
        return cls(tenant, channel.app_id, channel.channel, channel.uid)


class OrderKeeper:
    """Orders to sessions' settings, and back.

    A session may begin after a restart, or on another server of the same database, so that the
    channel's token has to be stored. It is sealed (Fernet) with a key that is derived from the
    servers' common secret, and so is of no use to a reader of the database.
    """

    def __init__(self, secret: str) -> None:
        derived = HKDF(SHA256(), 32, salt=None, info=b"greenroom avatar channel token")
        self._seal = Fernet(urlsafe_b64encode(derived.derive(secret.encode())))

    def settings_of(self, order: AvatarOrder) -> dict[str, Any]:
        """JSON values."""
        settings = asdict(order)
        settings["channel"]["token"] = self._seal.encrypt(order.channel.token.encode()).decode()
        return settings

    def order_of(self, session: Session) -> AvatarOrder:
        """What was ordered.

        Raises SessionNotFound for a session that is not an avatar's, ProviderFailed for one of a
        server that has another secret.
        """
        try:
            settings = dict(session.settings)
            channel = dict(settings.pop("channel"))
            sealed = channel.pop("token").encode()
            token = self._seal.decrypt(sealed).decode()
            return AvatarOrder(channel=AgoraChannel(token=token, **channel), **settings)
        except InvalidToken as error:
            why = "the session was made by a server with another secret (auth.jwt_secret)"
            raise ProviderFailed("stage", why, retryable=False) from error
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise SessionNotFound(session.id) from error

    @staticmethod
    def seat_of(session: Session) -> Seat | None:
        """The seat of a session's avatar; None where it has none."""
        match session.settings.get("channel"):
            case {"app_id": str(app_id), "channel": str(channel), "uid": str(uid)}:
                return Seat(session.tenant, app_id, channel, uid)
            case _:
                return None
