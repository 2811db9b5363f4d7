"""Bodies of requests: read strictly, with everything that is missing named at once."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails

from greenroom.api.avatars.errors import Code, MissingFields, Refused
from greenroom.api.avatars.protocol import MAX_TOKEN
from greenroom.api.endpoint import Call
from greenroom.errors import ClientError, InvalidInput

MAX_IDLE_TIMEOUT = 86_400.0
DEFAULT_IDLE_TIMEOUT = 120.0
"""Seconds."""

_MAX_UID = 2**32 - 1
"""Agora's numbers for users are unsigned and have 32 bits."""

Name = Annotated[str, Field(min_length=1, max_length=256)]
Token = Annotated[str, Field(min_length=1, max_length=MAX_TOKEN)]
IdleTimeout = Annotated[float, Field(ge=0, le=MAX_IDLE_TIMEOUT)]

Model = TypeVar("Model", bound=BaseModel)

_PROBLEMS = {
    "model_type": "must be an object",
    "string_type": "must be a string",
    "bool_type": "must be true or false",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "greater_than_equal": "must be at least {ge:g}",
    "less_than_equal": "must be at most {le:g}",
    "string_too_short": "must not be empty",
    "string_too_long": "must have at most {max_length} characters",
    "literal_error": "is not supported",
    "value_error": "{error}",
}
"""By Pydantic's names for them, with what it tells of each."""


class Body(BaseModel):
    """Types are not guessed, unknown fields are ignored, and null is as good as missing."""

    model_config = ConfigDict(
        strict=True, frozen=True, extra="ignore", hide_input_in_errors=True, allow_inf_nan=False
    )

    parts: ClassVar[tuple[str, ...]] = ()
    """Fields that are objects, of which, when one is missing, the fields are named."""

    @model_validator(mode="before")
    @classmethod
    def _null_is_missing(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        given = {name: value for name, value in data.items() if value is not None}
        return {part: {} for part in cls.parts} | given


async def read(call: Call, model: type[Model]) -> Model:
    """A call's body; an empty one is an empty object.

    Raises Refused (INVALID_JSON), MissingFields, InvalidInput.
    """
    body = await call.body()
    try:
        return model.model_validate_json(body or b"{}")
    except ValidationError as error:
        raise invalid(error.errors(include_url=False, include_input=False)) from None


def check_uid(uid: str, *, is_string: bool) -> str:
    """`uid` as it is. Raises ValueError for what is to be a number and is none of Agora's."""
    if not is_string and not (uid.isascii() and uid.isdigit() and int(uid[:11]) <= _MAX_UID):
        raise ValueError(f"must be a number from 0 to {_MAX_UID}, as a string")
    return uid


def invalid(problems: list[ErrorDetails]) -> ClientError:
    """All that is missing, else the first thing that is wrong."""
    missing = [_path(problem) for problem in problems if problem["type"] == "missing"]
    if missing:
        return MissingFields(missing)
    first = problems[0]
    if first["type"] == "json_invalid":
        return Refused(Code.INVALID_JSON, "Request body is not valid JSON")
    context = first.get("ctx", {})
    problem = _PROBLEMS.get(first["type"], "is not allowed").format(**context)
    # Pydantic's words for several values are: 'low', 'medium' or 'high'.
    allowed = str(context.get("expected", "")).replace(" or ", ", ").replace("'", "")
    return InvalidInput(_path(first), problem, allowed)


def _path(problem: ErrorDetails) -> str:
    return ".".join(map(str, problem["loc"])) or "body"
