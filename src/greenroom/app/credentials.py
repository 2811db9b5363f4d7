"""Which credentials count here. Development ones work where only this machine can connect."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from greenroom.errors import ConfigurationError
from greenroom.settings import DEVELOPMENT_LIVEKIT, ServerSettings, Settings

JWT_SECRET_FILE = "jwt-secret"  # noqa: S105 - the name of a file


@dataclass(frozen=True, slots=True)
class Credentials:
    """What the server signs with and accepts. `repr` shows no secret."""

    api_keys: tuple[str, ...]
    """Keys that settings give; those in the database come on top."""
    jwt_secret: str
    livekit_key: str
    livekit_secret: str
    development: bool

    def __repr__(self) -> str:
        return f"Credentials(development={self.development})"


def provider_secrets(settings: Settings) -> Callable[[str], str | None]:
    """Looks a provider's key up by its conventional name: in the settings, then the environment."""
    keys = {name.upper(): key.get_secret_value() for name, key in settings.providers.keys.items()}
    return lambda name: keys.get(name.upper()) or os.environ.get(name)


def resolve_credentials(settings: Settings, *, has_stored_keys: bool) -> Credentials:
    """The credentials for this bind address.

    Raises ConfigurationError where others than this machine could connect and a real API key (but
    for APIs that the settings open to all) or a real LiveKit key pair is missing.
    """
    auth, loopback = settings.auth, settings.server.is_loopback
    keys = [auth.api_key.get_secret_value()] if auth.api_key else []
    livekit = _livekit_pair(settings)
    if loopback:
        keys.append(settings.test_api_key.get_secret_value())
        livekit = livekit if livekit[0] else DEVELOPMENT_LIVEKIT
    else:
        _require_real(settings, keys, livekit, has_stored_keys=has_stored_keys)
    return Credentials(
        api_keys=tuple(key for key in keys if key),
        jwt_secret=auth.jwt_secret.get_secret_value()
        if auth.jwt_secret
        else _kept_secret(settings.data_dir),
        livekit_key=livekit[0],
        livekit_secret=livekit[1],
        development=loopback,
    )


def worker_credentials(settings: Settings) -> Credentials:
    """What a worker signs with: it is asked by nobody, and only joins rooms.

    Raises ConfigurationError where a real LiveKit key pair is missing.
    """
    livekit = _livekit_pair(settings)
    development = not livekit[0]
    if development:
        host = urlsplit(settings.livekit_url).hostname or ""
        if not ServerSettings(host=host).is_loopback:
            raise ConfigurationError(
                "livekit_api_key", "set LIVEKIT_API_KEY and LIVEKIT_API_SECRET as LiveKit has them"
            )
        livekit = DEVELOPMENT_LIVEKIT
    return Credentials((), "", *livekit, development)


def _livekit_pair(settings: Settings) -> tuple[str, str]:
    """As it is set: empty, or whole."""
    key, secret = (
        given.get_secret_value() if given else ""
        for given in (settings.livekit_api_key, settings.livekit_api_secret)
    )
    if bool(key) != bool(secret):
        raise ConfigurationError(
            "livekit_api_secret", "LiveKit's key and secret are set together or not at all"
        )
    return key, secret


def _require_real(
    settings: Settings, keys: list[str], livekit: tuple[str, str], *, has_stored_keys: bool
) -> None:
    where = f"binding to {settings.server.host} lets other machines connect"
    development = settings.test_api_key.get_secret_value()
    if development in keys:
        raise ConfigurationError("auth.api_key", f"{where}: the development key is not a real one")
    if not keys and not has_stored_keys and not _is_open_to_all(settings):
        raise ConfigurationError(
            "auth.api_key",
            f"{where}: set GREENROOM_AUTH__API_KEY or run `greenroom keys create NAME`",
        )
    if not livekit[0] or livekit == DEVELOPMENT_LIVEKIT:
        raise ConfigurationError(
            "livekit_api_key",
            f"{where}: set LIVEKIT_API_KEY and LIVEKIT_API_SECRET to a pair of your own",
        )


def _is_open_to_all(settings: Settings) -> bool:
    """Whether the settings say of every API that is served that it asks for no credential."""
    said = {
        "duplex": settings.duplex.allow_anonymous,
        "orchestrator": settings.orchestrator.allow_anonymous,
    }
    return all(said.get(api, False) for api in settings.server.apis)


def _kept_secret(data_dir: Path) -> str:
    """A random secret, made at the first start and kept for the user alone."""
    path = data_dir / JWT_SECRET_FILE
    data_dir.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        temporary = path.with_suffix(f".{os.getpid()}")
        temporary.touch(mode=0o600)
        temporary.write_text(secrets.token_urlsafe(48))
        try:
            # Two processes of one folder may start at once: the first to link has made the secret.
            with contextlib.suppress(FileExistsError):
                path.hardlink_to(temporary)
        finally:
            temporary.unlink()
    return path.read_text()
