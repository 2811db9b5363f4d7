"""What clients send, by the wire's own names."""

from __future__ import annotations

from typing import Annotated, TypeVar

from pydantic import BaseModel, Field, ValidationError

from greenroom.api.bodies import Body, invalid_input
from greenroom.api.endpoint import Call
from greenroom.errors import InvalidInput
from greenroom.settings import Settings
from greenroom.speech.ports import VOICES
from greenroom.workers.order import AgentOrder

MAX_SESSION_ID = 128
"""Characters of a `sessionId`; ours have some 30."""

Model = TypeVar("Model", bound=BaseModel)


class StartSession(Body):
    """`POST /api/session/start`. What is left out is as the settings have it."""

    userName: str  # noqa: N815 - these are the wire's names
    voiceId: Annotated[  # noqa: N815
        str | None, Field(json_schema_extra={"enum": [*VOICES, None]})
    ] = None
    openingLine: str | None = None  # noqa: N815
    systemPrompt: str = ""  # noqa: N815

    def order(self, settings: Settings) -> AgentOrder:
        """Raises InvalidInput for what is empty, too long, or no voice."""
        bounds = settings.orchestrator
        name = self.userName.strip()
        if not name:
            raise InvalidInput("userName", "must not be empty")
        _bound("userName", name, bounds.max_user_name)
        opening = (self.openingLine or "").strip()
        _bound("openingLine", opening, bounds.max_opening_line)
        _bound("systemPrompt", self.systemPrompt, bounds.max_prompt)
        voice = _default_voice(settings) if self.voiceId is None else self.voiceId
        if voice not in VOICES:
            raise InvalidInput("voiceId", "is no voice", ", ".join(VOICES))
        return AgentOrder(name, voice, opening or bounds.greeting, self.systemPrompt)


class EndSession(Body):
    """`POST /api/session/end`."""

    sessionId: Annotated[  # noqa: N815
        str, Field(min_length=1, max_length=MAX_SESSION_ID)
    ]


async def read(call: Call, model: type[Model]) -> Model:
    """A call's body; an empty one is an empty object. Raises InvalidInput."""
    body = await call.body()
    try:
        return model.model_validate_json(body or b"{}")
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        match first["type"]:
            case "json_invalid":
                raise InvalidInput("body", "is not valid JSON", "a JSON object") from None
            case "missing":
                raise InvalidInput(str(first["loc"][0]), "is missing") from None
            case _:
                raise invalid_input(first) from None


def _default_voice(settings: Settings) -> str:
    """The server's own, unless that is a voice of a provider, which this contract can't name."""
    own = settings.providers.voice
    return own if own in VOICES else VOICES[0]


def _bound(field: str, text: str, most: int) -> None:
    if len(text) > most:
        raise InvalidInput(field, f"must have at most {most} characters")
