"""What `POST /webhook/livekit` is sent, as LiveKit's own message.

LiveKit sends the JSON of `livekit.WebhookEvent`; the contract's document has `id` where LiveKit has
`sid`, and no `id` of the event itself.
"""

from __future__ import annotations

import hashlib
from typing import Any

import orjson
from google.protobuf.json_format import ParseDict, ParseError
from livekit.protocol.webhook import WebhookEvent

from greenroom.api.orchestrator.errors import UnreadableEvent
from greenroom.errors import InvalidInput


def read_event(body: bytes) -> WebhookEvent:
    """The event of a body; one without an `id` gets one that is made of the body.

    Raises UnreadableEvent for what is no JSON of an event, InvalidInput where it has no name.
    Takes some 0.1 ms, 1 ms for 16 KiB.
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
    return event


def _parse(content: dict[str, Any]) -> WebhookEvent:
    try:
        return ParseDict(content, WebhookEvent(), ignore_unknown_fields=True)
    except (ParseError, RecursionError):
        raise UnreadableEvent from None
