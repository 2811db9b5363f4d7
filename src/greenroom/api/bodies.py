"""JSON bodies of requests: read strictly, with words for what is wrong."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, model_validator
from pydantic_core import ErrorDetails

from greenroom.errors import InvalidInput

_PROBLEMS = {
    "model_type": "must be an object",
    "dict_type": "must be an object",
    "string_type": "must be a string",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_parsing_size": "is too large a number",
    "finite_number": "must be a finite number",
    "greater_than": "must be more than {gt:g}",
    "greater_than_equal": "must be at least {ge:g}",
    "less_than_equal": "must be at most {le:g}",
    "string_too_short": "must not be empty",
    "string_too_long": "must have at most {max_length} characters",
    "too_long": "must have at most {max_length} entries",
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


def path_of(problem: ErrorDetails) -> str:
    """The wire's dotted path of what is wrong."""
    return ".".join(map(str, problem["loc"])) or "body"


def invalid_input(problem: ErrorDetails) -> InvalidInput:
    """What is wrong, in words."""
    context = problem.get("ctx", {})
    words = _PROBLEMS.get(problem["type"], "is not allowed").format(**context)
    # Pydantic's words for several values are: 'low', 'medium' or 'high'.
    allowed = str(context.get("expected", "")).replace(" or ", ", ").replace("'", "")
    return InvalidInput(path_of(problem), words, allowed)
