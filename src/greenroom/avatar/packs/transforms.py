"""The `transform` attribute of SVG as a 3 x 3 matrix. Source: SVG 1.1, section 7.6."""

from __future__ import annotations

import math
import re
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Matrix: TypeAlias = npt.NDArray[np.float64]
"""Shape (3, 3); a point is the column (x, y, 1)."""

IDENTITY: Matrix = np.eye(3)

_CALL = re.compile(r"\s*([a-zA-Z]+)\s*\(([^)]*)\)[\s,]*")


def parse_transform(text: str) -> Matrix:
    """The product of all transforms in `text`. Raises ValueError."""
    result, at = IDENTITY, 0
    while at < len(text.rstrip()):
        call = _CALL.match(text, at)
        if call is None:
            raise ValueError(f"transform {text[:60]!r} can't be read")
        values = [float(value) for value in call[2].replace(",", " ").split()]
        result = result @ _one(call[1], values)
        at = call.end()
    return result


def _one(name: str, values: list[float]) -> Matrix:
    match name, values:
        case "matrix", [a, b, c, d, e, f]:
            result = _matrix(a, b, c, d, e, f)
        case "translate", [x, *rest] if len(rest) <= 1:
            result = _matrix(1, 0, 0, 1, x, rest[0] if rest else 0.0)
        case "scale", [x, *rest] if len(rest) <= 1:
            result = _matrix(x, 0, 0, rest[0] if rest else x, 0, 0)
        case "rotate", [degrees]:
            result = _rotation(degrees)
        case "rotate", [degrees, x, y]:
            there, back = _matrix(1, 0, 0, 1, x, y), _matrix(1, 0, 0, 1, -x, -y)
            result = there @ _rotation(degrees) @ back
        case "skewX", [degrees]:
            result = _matrix(1, 0, math.tan(math.radians(degrees)), 1, 0, 0)
        case "skewY", [degrees]:
            result = _matrix(1, math.tan(math.radians(degrees)), 0, 1, 0, 0)
        case _:
            raise ValueError(f"transform {name} of {len(values)} numbers does not exist")
    return result


def _matrix(a: float, b: float, c: float, d: float, e: float, f: float) -> Matrix:
    return np.array([[a, c, e], [b, d, f], [0, 0, 1]], np.float64)


def _rotation(degrees: float) -> Matrix:
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return _matrix(cos, sin, -sin, cos, 0, 0)
