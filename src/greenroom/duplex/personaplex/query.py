"""What an upstream server is asked for, in the query of its URL."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from greenroom.duplex.ports import Persona, Said
from greenroom.errors import ConfigurationError

SCHEME = "personaplex:"
PATH = "/api/chat"
MAX_SAID = 1_000
"""Characters of what was said before that are put behind the prompt; these models' prompts are
short."""


def upstream_url(uri: str) -> str:
    """The WebSocket URL of `personaplex:ws://host:8998`, with the protocol's path where it has
    none. Raises ConfigurationError.
    """
    parts = urlsplit(uri.removeprefix(SCHEME))
    if parts.scheme not in {"ws", "wss"} or not parts.hostname:
        raise ConfigurationError("duplex.model", f"{SCHEME} needs ws://host:port or wss://host")
    path = PATH if parts.path in {"", "/"} else parts.path
    return urlunsplit((parts.scheme, parts.netloc, path, parts.query, ""))


def shown(url: str) -> str:
    """The URL without its query and its user, where keys may be."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def with_persona(url: str, persona: Persona, said: Sequence[Said]) -> str:
    """The URL of one talk."""
    parts = urlsplit(url)
    sampling = persona.sampling
    query: dict[str, str | int | float] = {
        **dict(parse_qsl(parts.query)),
        "voice_prompt": persona.voice_prompt,
        "text_prompt": persona.text_prompt + _said_before(said),
        "text_temperature": sampling.text_temperature,
        "audio_temperature": sampling.audio_temperature,
        "text_topk": sampling.text_topk,
        "audio_topk": sampling.audio_topk,
    }
    if sampling.seed is not None:
        query["seed"] = sampling.seed
    return urlunsplit(parts._replace(query=urlencode(query)))


def _said_before(said: Sequence[Said]) -> str:
    lines = "\n".join(
        f"{'You' if piece.speaker == 'ai' else 'User'}: {piece.text}" for piece in said
    )
    return f"\nThe conversation so far:\n{lines[-MAX_SAID:]}" if lines else ""
