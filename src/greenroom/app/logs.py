"""The log of a server or a worker: standard error, one line for each message."""

from __future__ import annotations

import logging
import sys

from greenroom.settings import Settings

_NOISY = ("uvicorn.error", "httpx", "httpcore", "openai", "alembic", "livekit", "mcp")
"""Those of HTTP clients would hold what users say, and some of them keys."""


def set_up_logging(settings: Settings) -> None:
    """Log what is at least of the level of the settings."""
    logging.basicConfig(
        level=settings.log_level.upper(),
        format="%(asctime)s %(levelname)-7s %(name)s: %(message)s",
        stream=sys.stderr,
    )
    for noisy in _NOISY:
        logging.getLogger(noisy).setLevel(logging.WARNING)
