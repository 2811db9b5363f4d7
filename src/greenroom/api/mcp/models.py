"""What the tools take and give, by the names that REST has for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from greenroom.api.bodies import Body
from greenroom.api.duplex.models import first_of
from greenroom.errors import InvalidInput

MAX_WAIT = 600.0
"""Seconds of one call of `wait_for_session`."""

SHOWN_PROMPT = 200
"""Characters of a prompt in a list."""

Arguments = TypeVar("Arguments", bound=BaseModel)

SessionId = Annotated[
    str, Field(min_length=1, max_length=128, description="`session_id` of start_voice_session")
]
Status = Literal["waiting", "active", "completed", "stopped"]


class OneSession(Body):
    """Which session is meant."""

    session_id: SessionId


class WaitForSession(OneSession):
    """`wait_for_session`."""

    timeout_seconds: Annotated[float, Field(ge=0, le=MAX_WAIT)] = 50.0


class NoArguments(Body):
    """Of a tool that takes none."""


class _View(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Entry(_View):
    """A piece of a transcript."""

    speaker: Literal["ai", "user"]
    text: str
    t: Annotated[float, Field(description="seconds since the session's start")]


class SessionSummary(_View):
    """A session in a list."""

    session_id: str
    status: Annotated[
        Status,
        Field(
            description="waiting: nobody has connected; active: they talk; completed: the person "
            "has closed it; stopped: it was ended otherwise, see end_reason"
        ),
    ]
    voice_prompt: str
    text_prompt: Annotated[str, Field(description="instructions of the AI that talks")]
    created_at: Annotated[str, Field(description="ISO 8601, UTC")]
    started_at: Annotated[str | None, Field(description="when the person connected")]
    ended_at: str | None
    duration_seconds: float | None
    word_count: Annotated[int, Field(description="words that both sides have said")]
    end_reason: str | None
    metadata: dict[str, str]


class SessionView(SessionSummary):
    """A session, with all that was said so far."""

    transcript: list[Entry]
    full_transcript: Annotated[
        str, Field(description="one line an entry, after `AI: ` or `User: `")
    ]
    websocket_url: Annotated[str, Field(description="where the person's voice client connects")]


class SessionList(_View):
    """A page of sessions, newest first."""

    sessions: list[SessionSummary]


class VoiceList(_View):
    """What `voice_prompt` may be."""

    voices: list[str]


def read_arguments(model: type[Arguments], given: Mapping[str, Any]) -> Arguments:
    """What an agent gave. Raises InvalidInput, also for a name that is none: it is a mistake."""
    unknown = sorted(given.keys() - model.model_fields.keys())
    if unknown:
        known = ", ".join(model.model_fields) or "none"
        raise InvalidInput(unknown[0], "is no argument here", known)
    try:
        return model.model_validate(given)
    except ValidationError as error:
        raise first_of(error) from None


def input_schema(
    model: type[BaseModel], descriptions: Mapping[str, str], voices: Sequence[str] = ()
) -> dict[str, Any]:
    """The JSON Schema of a tool's arguments; `voices` are what its `voice_prompt` may be."""
    schema = model.model_json_schema()
    schema.pop("description", None)
    properties = schema.setdefault("properties", {})
    for name, words in descriptions.items():
        properties[name]["description"] = words
    if voices:
        properties["voice_prompt"]["enum"] = list(voices)
    return schema | {"additionalProperties": False}


def summary_of(body: Mapping[str, Any]) -> dict[str, Any]:
    """A SessionSummary of what is a SessionView."""
    summary = {name: body[name] for name in SessionSummary.model_fields}
    prompt = body["text_prompt"]
    if len(prompt) > SHOWN_PROMPT:
        summary["text_prompt"] = prompt[: SHOWN_PROMPT - 1] + "…"
    return summary
