"""What clients send by REST and in the query of the chat WebSocket, by the wire's own names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, Field, ValidationError

from greenroom.api.bodies import Body, invalid_input
from greenroom.api.endpoint import Call
from greenroom.api.http import HttpRequest
from greenroom.duplex.ports import Persona, Sampling, SessionOrder
from greenroom.errors import InvalidInput

MAX_TEMPERATURE = 2.0
MAX_TOPK = 100_000
"""More than any model has tokens."""
MAX_TYPED = 4_000
"""Characters of a text that is written into a session."""
MAX_SHOWN = 50
"""Sessions of one page."""

_MAX_SEED = 2**32 - 1
_DEFAULT = Sampling()

Temperature = Annotated[float, Field(gt=0, le=MAX_TEMPERATURE)]
TopK = Annotated[int, Field(ge=1, le=MAX_TOPK)]
Seed = Annotated[int, Field(ge=-1, le=_MAX_SEED)]
Label = Annotated[str, Field(max_length=128)]
Note = Annotated[str, Field(max_length=2_000)]

Model = TypeVar("Model", bound=BaseModel)


class PersonaFields(Body):
    """A persona, in a body or in a query. `seed` -1 is no seed, as upstream servers have it."""

    voice_prompt: str
    text_prompt: str = ""
    text_temperature: Temperature = _DEFAULT.text_temperature
    audio_temperature: Temperature = _DEFAULT.audio_temperature
    text_topk: TopK = _DEFAULT.text_topk
    audio_topk: TopK = _DEFAULT.audio_topk
    seed: Seed = -1

    def persona(self, voices: Sequence[str], max_prompt: int) -> Persona:
        """Raises InvalidInput for a voice that is none, or a prompt that is too long."""
        if len(self.text_prompt) > max_prompt:
            raise InvalidInput("text_prompt", f"must have at most {max_prompt} characters")
        sampling = Sampling(
            self.text_temperature,
            self.audio_temperature,
            self.text_topk,
            self.audio_topk,
            None if self.seed < 0 else self.seed,
        )
        return Persona(known_voice(self.voice_prompt, voices), self.text_prompt, sampling)


class StartSession(PersonaFields):
    """`POST /api/sessions/start`. What PersonaFields has not is an addition to the contract."""

    webhook_url: Annotated[str, Field(max_length=2_048)] = ""
    recording: bool | None = None
    metadata: Annotated[dict[Label, Note], Field(max_length=32, default_factory=dict)]

    def order(self, voices: Sequence[str], max_prompt: int) -> SessionOrder:
        """Raises as `persona` does."""
        persona = self.persona(voices, max_prompt)
        return SessionOrder(persona, self.webhook_url, self.recording, self.metadata)


class TypedMessage(Body):
    """`POST /api/sessions/{id}/messages`, an addition."""

    text: Annotated[str, Field(min_length=1, max_length=MAX_TYPED)]


class Page(Body):
    """The query of `GET /api/sessions`; all of it an addition."""

    limit: Annotated[int, Field(ge=1, le=MAX_SHOWN)] = MAX_SHOWN
    before: Annotated[str, Field(max_length=128)] | None = None
    status: Literal["waiting", "active", "completed", "stopped"] | None = None


class ExportFormat(Body):
    """The query of `GET /api/sessions/{id}/transcript`."""

    format: Literal["json", "srt", "vtt", "txt"] = "json"


async def read_start(call: Call, voices: Sequence[str]) -> StartSession:
    """A call's body. Raises InvalidInput, which names the voices where one is missing."""
    try:
        return await read(call, StartSession)
    except InvalidInput as error:
        raise naming_voices(error, voices) from None


async def read(call: Call, model: type[Model]) -> Model:
    """A call's body; an empty one is an empty object. Raises InvalidInput."""
    body = await call.body()
    try:
        return model.model_validate_json(body or b"{}")
    except ValidationError as error:
        raise first_of(error) from None


def read_query(request: HttpRequest, model: type[Model], **defaults: str) -> Model:
    """What the query says; what it has empty is missing. Raises InvalidInput."""
    given = {name: request.query(name) for name in model.model_fields}
    present = {name: value for name, value in given.items() if value is not None}
    try:
        return model.model_validate(defaults | present, strict=False)
    except ValidationError as error:
        raise first_of(error) from None


def naming_voices(error: InvalidInput, voices: Sequence[str]) -> InvalidInput:
    """The same, with the voices that there are, where it is about one."""
    if error.field != "voice_prompt":
        return error
    return InvalidInput(error.field, error.problem, ", ".join(voices))


def known_voice(name: str, voices: Sequence[str]) -> str:
    """`name`, where it is a voice. Raises InvalidInput that lists them."""
    if name in voices:
        return name
    problem = "is no voice"
    if not name:
        problem = "must not be empty"
    elif "/" in name or "\\" in name:
        problem = "must be a bare file name, without a path"
    raise InvalidInput("voice_prompt", problem, ", ".join(voices))


def first_of(error: ValidationError) -> InvalidInput:
    """The first of what is wrong, in words."""
    first = error.errors(include_url=False, include_input=False)[0]
    match first["type"]:
        case "json_invalid":
            return InvalidInput("body", "is not valid JSON", "a JSON object")
        case "missing":
            return InvalidInput(str(first["loc"][0]), "is missing")
        case _:
            return invalid_input(first)
