"""What `POST /webhook/livekit` is sent, as LiveKit's own message.

LiveKit sends the JSON of `livekit.WebhookEvent`; the contract's document has `id` where LiveKit has
`sid`, and neither the event's own `id` nor its `createdAt`.
"""

from __future__ import annotations

import hashlib
from typing import Any

import orjson
from google.protobuf.json_format import ParseDict, ParseError
from livekit.protocol.webhook import WebhookEvent

from greenroom.api.orchestrator.errors import UnreadableEvent
from greenroom.errors import InvalidInput


def read_event(body: bytes, now: float) -> WebhookEvent:
    """The event of a body. One without an `id` gets one that is made of the body, one without a
    time is of `now`, in seconds since 1970.

    Raises UnreadableEvent for what is no JSON of an event, InvalidInput where it has no name.
    Takes some 0.1 ms, and 3 ms for 8 KiB that tell of many tracks.
    """
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise UnreadableEvent from None
    if not isinstance(content, dict):
        raise UnreadableEvent
    for part in ("room", "participant"):
        if isinstance(told := content.get(part), dict):
            content[part] = {"sid": told.get("id"), **told}
    event = _parse(content)
    if not event.event:
        raise InvalidInput("event", "is missing", "the name of a LiveKit webhook event")
    if not event.id:
        event.id = f"body_{hashlib.sha256(body).hexdigest()}"
    if not event.created_at:
        event.created_at = int(now)
    return event


def _parse(content: dict[str, Any]) -> WebhookEvent:
    try:
        return ParseDict(content, WebhookEvent(), ignore_unknown_fields=True)
    except (ParseError, RecursionError):
        raise UnreadableEvent from None
