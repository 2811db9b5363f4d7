"""Webhooks of contract 001: who sent them, what they tell, and that they may come again."""

from __future__ import annotations

import base64
import hashlib
import json
import time
from typing import Any

import pytest
from google.protobuf.json_format import MessageToJson
from livekit.api import AccessToken
from livekit.protocol.models import ParticipantInfo, Room
from livekit.protocol.webhook import WebhookEvent

from greenroom.api.http import HttpRequest
from greenroom.api.orchestrator.errors import InvalidSignature
from greenroom.api.orchestrator.room_events import read_event
from greenroom.api.orchestrator.routes import INLINE_EVENT, MAX_EVENT
from greenroom.api.orchestrator.signatures import WebhookSignatures
from greenroom.rooms.webhooks import CONTENT_TYPE
from greenroom.sessions.errors import StorageUnavailable
from support.orchestrator_api import PAIR, RunningOrchestrator, bearer, code_of, token_of

DOCUMENTED = {
    "event": "participant_left",
    "room": {"name": "session_123", "id": "RM_123"},
    "participant": {"identity": "user_123", "id": "PA_123"},
}
BODY = json.dumps(DOCUMENTED).encode()
OTHER = json.dumps({**DOCUMENTED, "event": "room_finished"}).encode()


def livekit_event(**more: Any) -> WebhookEvent:
    """As a LiveKit server sends it."""
    return WebhookEvent(
        event="participant_left",
        id="EV_abc",
        created_at=1_771_151_400,
        room=Room(sid="RM_abc", name="session_123"),
        participant=ParticipantInfo(
            sid="PA_abc", identity="user_ann", kind=ParticipantInfo.Kind.STANDARD, **more
        ),
    )


# -- who sent it -----------------------------------------------------------------------------------


async def test_the_documented_signature_of_the_body_is_enough(
    orchestrator: RunningOrchestrator,
) -> None:
    code = code_of(BODY)
    for shown in (code, code.upper(), f"sha256={code}"):
        answer = await orchestrator.told(BODY, **{"X-LiveKit-Signature": shown})
        assert answer.status_code == 200, shown
        assert answer.json() == {"status": "ok", "event": "participant_left"}
    assert len(orchestrator.sessions.told) == 3


async def test_the_token_of_a_livekit_server_is_enough(orchestrator: RunningOrchestrator) -> None:
    body = MessageToJson(livekit_event()).encode()
    digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
    by_livekit = AccessToken(*PAIR).with_sha256(digest).to_jwt()
    for shown in (by_livekit, f"Bearer {by_livekit}", f"bearer {token_of(body)}"):
        answer = await orchestrator.told(
            body, Authorization=shown, **{"Content-Type": CONTENT_TYPE}
        )
        assert answer.status_code == 200, answer.text
    # Either is enough, also beside a wrong one.
    both = {"Authorization": "Bearer no", "X-LiveKit-Signature": code_of(body)}
    assert (await orchestrator.told(body, **both)).status_code == 200
    both = {**bearer(token_of(body)), "X-LiveKit-Signature": "00"}
    assert (await orchestrator.told(body, **both)).status_code == 200
    assert set(map(str, orchestrator.sessions.told)) == {str(livekit_event())}


async def test_what_is_not_signed_or_wrongly_is_refused_before_it_is_read(
    orchestrator: RunningOrchestrator,
) -> None:
    code, token = code_of(BODY), token_of(BODY)
    unsigned = WebhookSigner().token({})
    for headers in (
        {"Content-Type": "application/json"},
        {"X-LiveKit-Signature": ""},
        {"X-LiveKit-Signature": "sha256="},
        {"X-LiveKit-Signature": code[:-1]},
        {"X-LiveKit-Signature": code_of(OTHER)},
        {"X-LiveKit-Signature": code_of(BODY, "another secret")},
        {"X-LiveKit-Signature": "\u00e4" * 64},
        {"Authorization": ""},
        {"Authorization": "Bearer"},
        {"Authorization": f"Basic {token}"},
        {"Authorization": f"Bearer {token[:-2]}"},
        {"Authorization": f"Bearer {token_of(OTHER)}"},
        {"Authorization": f"Bearer {token_of(BODY, pair=(PAIR[0], 'another secret'))}"},
        {"Authorization": f"Bearer {token_of(BODY, pair=('another key', PAIR[1]))}"},
        # A token that lets somebody into a room says nothing of a body.
        {"Authorization": f"Bearer {unsigned}"},
        {"Authorization": f"Bearer {WebhookSigner().token({'sha256': 7})}"},
        {"Authorization": f"Bearer {WebhookSigner().token({'sha256': chr(228)})}"},
        # Sent again by somebody who has seen it.
        {"Authorization": f"Bearer {token_of(BODY, ttl=300, at=-400)}"},
    ):
        content = {name: value.encode("latin-1") for name, value in headers.items()}
        for body in (BODY, b"no JSON"):
            answer = await orchestrator.client.post(
                "/webhook/livekit", content=body, headers=content
            )
            assert answer.status_code == 401, headers
            assert answer.json() == {"detail": "Invalid webhook signature"}
    assert orchestrator.sessions.told == []


class WebhookSigner:
    """Signs tokens of the right pair that say what a test wants."""

    def token(self, claims: dict[str, Any]) -> str:
        from greenroom.rooms.tokens import LiveKitTokens

        return LiveKitTokens(*PAIR, 300).sign_claims(claims)


@pytest.mark.parametrize("pairs", [{}, {"a key": ""}, {"": "a secret"}])
def test_without_a_secret_nothing_is_signed(pairs: dict[str, str]) -> None:
    signatures = WebhookSignatures(pairs)
    for secret in ("", "a secret"):
        scope = {"headers": [(b"x-livekit-signature", code_of(BODY, secret).encode())]}
        with pytest.raises(InvalidSignature):
            signatures.check(HttpRequest(scope, None), BODY)  # type: ignore[arg-type]


async def test_a_webhook_needs_no_other_credential(start_orchestrator: Any) -> None:
    orchestrator = await start_orchestrator(server={"host": "0.0.0.0"})
    assert (await orchestrator.told(BODY)).status_code == 200
    outside = {"X-LiveKit-Signature": code_of(BODY), "Host": "public.example.com"}
    assert (await orchestrator.told(BODY, **outside)).status_code == 200


# -- what it tells ---------------------------------------------------------------------------------


async def test_the_documented_body_is_read_as_livekits(orchestrator: RunningOrchestrator) -> None:
    before = int(time.time())
    assert (await orchestrator.told(BODY)).status_code == 200
    (event,) = orchestrator.sessions.told
    assert (event.room.name, event.room.sid) == ("session_123", "RM_123")
    assert (event.participant.identity, event.participant.sid) == ("user_123", "PA_123")
    # What it lacks is made up, so that the same body is the same event.
    assert event.id == f"body_{hashlib.sha256(BODY).hexdigest()}"
    assert before <= event.created_at <= time.time()
    assert read_event(BODY, 7.0).id == event.id != read_event(OTHER, 7.0).id


async def test_every_event_is_accepted_and_what_is_unknown_in_it_ignored(
    orchestrator: RunningOrchestrator,
) -> None:
    for name in ("room_started", "room_finished", "participant_joined", "of_the_future"):
        body = {
            "event": name,
            "id": f"EV_{name}",
            "createdAt": "1771151400",
            "room": {"sid": "RM_1", "id": "other", "name": "session_1", "new": [1]},
            "participant": {"identity": "user_1", "kind": "OF_THE_FUTURE", "state": 77},
            "new": {"a": None},
        }
        answer = await orchestrator.told(body)
        assert (answer.status_code, answer.json()) == (200, {"status": "ok", "event": name})
    told = orchestrator.sessions.told
    assert [event.id for event in told][:2] == ["EV_room_started", "EV_room_finished"]
    assert {event.created_at for event in told} == {1_771_151_400}
    assert {event.room.sid for event in told} == {"RM_1"}


async def test_a_long_event_is_read_like_a_short_one(orchestrator: RunningOrchestrator) -> None:
    event = livekit_event(metadata="m" * INLINE_EVENT)
    assert (await orchestrator.told(MessageToJson(event).encode())).status_code == 200
    assert orchestrator.sessions.told == [event]


async def test_what_is_no_event_is_refused(orchestrator: RunningOrchestrator) -> None:
    for body in (
        b"",
        b"no JSON",
        b'{"event": "participant_left"',
        b'{"event": "\xff"}',
        b"[]",
        b'"participant_left"',
        b"null",
        b'{"event": 7}',
        b'{"event": "room_finished", "createdAt": "soon"}',
        b'{"event": "room_finished", "participant": {"tracks": 3}}',
        b"[" * 50_000,
    ):
        answer = await orchestrator.told(body)
        assert (answer.status_code, answer.json()) == (400, {"detail": "Invalid JSON payload"}), (
            body[:60]
        )
    for nameless in ({}, {"event": ""}, {"event": None, "room": {"name": "session_1"}}):
        answer = await orchestrator.told(nameless)
        assert answer.status_code == 400
        assert answer.json() == {
            "detail": "event is missing; allowed: the name of a LiveKit webhook event"
        }
    long = await orchestrator.told(b" " * (MAX_EVENT + 1))
    assert long.status_code == 413
    assert orchestrator.sessions.told == []


async def test_an_event_that_can_not_be_kept_is_asked_for_again(
    orchestrator: RunningOrchestrator,
) -> None:
    orchestrator.sessions.error = StorageUnavailable("no database")
    assert (await orchestrator.told(BODY)).status_code == 503
    assert (await orchestrator.told(BODY)).status_code == 200
