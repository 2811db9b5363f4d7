"""SVG's path data as cubic Bezier curves only, so that two outlines can be blended point by point.

Lines, quadratic curves and arcs become cubic ones. Source of the grammar and of the arcs' formula:
SVG 1.1, sections 8.3 and F.6.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Points: TypeAlias = npt.NDArray[np.float64]

_TOKEN = re.compile(r"[a-zA-Z]|[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
_BETWEEN = re.compile(r"[\s,]*")
_ARITY = {"M": 2, "L": 2, "H": 1, "V": 1, "C": 6, "S": 4, "Q": 4, "T": 2, "A": 7, "Z": 0}
_CIRCLE = 0.5522847498  # of the radius: a quarter of a circle as one cubic curve


@dataclass(frozen=True, slots=True)
class Outline:
    """Contours of cubic curves.

    `curves`: how many each contour has, and `closed`: whether it ends where it began. `points`:
    shape (n, 2): for each contour its first point, then three points for each curve.
    """

    curves: tuple[int, ...]
    closed: tuple[bool, ...]
    points: Points

    def same_structure(self, other: Outline) -> bool:
        """Whether the two can be blended."""
        return self.curves == other.curves and self.closed == other.closed

    def describe(self) -> str:
        """The structure, for people."""
        return " + ".join(
            f"{count} curves{'' if closed else ' (open)'}"
            for count, closed in zip(self.curves, self.closed, strict=True)
        )


class _Pen:
    """Follows commands, and notes down cubic curves."""

    def __init__(self) -> None:
        self.points: list[tuple[float, float]] = []
        self.curves: list[int] = []
        self.closed: list[bool] = []
        self.x = self.y = 0.0
        self._start = (0.0, 0.0)
        self._control: tuple[str, float, float] = ("", 0.0, 0.0)
        self._drawing = False

    def obey(self, command: str, numbers: list[float]) -> None:
        """One command with its numbers."""
        kind, relative = command.upper(), command.islower()
        dx, dy = (self.x, self.y) if relative else (0.0, 0.0)
        previous, self._control = self._control, ("", 0.0, 0.0)
        match kind, numbers:
            case "M", [x, y]:
                self._move(x + dx, y + dy)
            case "L", [x, y]:
                self._line(x + dx, y + dy)
            case "H", [x]:
                self._line(x + dx, self.y)
            case "V", [y]:
                self._line(self.x, y + dy)
            case "C", [a, b, c, d, x, y]:
                self._cubic(a + dx, b + dy, c + dx, d + dy, x + dx, y + dy)
            case "S", [c, d, x, y]:
                a, b = self._mirrored("C", previous)
                self._cubic(a, b, c + dx, d + dy, x + dx, y + dy)
            case "Q", [a, b, x, y]:
                self._quadratic(a + dx, b + dy, x + dx, y + dy)
            case "T", [x, y]:
                a, b = self._mirrored("Q", previous)
                self._quadratic(a, b, x + dx, y + dy)
            case "A", [rx, ry, turned, large, sweep, x, y]:
                self._arc(rx, ry, turned, large != 0, sweep != 0, x + dx, y + dy)
            case _:
                self._close()

    def _move(self, x: float, y: float) -> None:
        self.x, self.y = self._start = (x, y)
        self._drawing = False

    def _line(self, x: float, y: float) -> None:
        a, b = self.x, self.y
        third = ((x - a) / 3, (y - b) / 3)
        self._curve(a + third[0], b + third[1], x - third[0], y - third[1], x, y)

    def _cubic(self, a: float, b: float, c: float, d: float, x: float, y: float) -> None:
        self._curve(a, b, c, d, x, y)
        self._control = ("C", c, d)

    def _quadratic(self, a: float, b: float, x: float, y: float) -> None:
        px, py = self.x, self.y
        self._curve(
            px + 2 / 3 * (a - px), py + 2 / 3 * (b - py),
            x + 2 / 3 * (a - x), y + 2 / 3 * (b - y), x, y,
        )  # fmt: skip
        self._control = ("Q", a, b)

    def _mirrored(self, kind: str, previous: tuple[str, float, float]) -> tuple[float, float]:
        if previous[0] != kind:
            return self.x, self.y
        return 2 * self.x - previous[1], 2 * self.y - previous[2]

    def _curve(self, a: float, b: float, c: float, d: float, x: float, y: float) -> None:
        if not self._drawing:
            self.points.append((self.x, self.y))
            self.curves.append(0)
            self.closed.append(False)
            self._drawing = True
        self.points += [(a, b), (c, d), (x, y)]
        self.curves[-1] += 1
        self.x, self.y = x, y

    def _close(self) -> None:
        if self._drawing:
            self.closed[-1] = True
        self._move(*self._start)

    def _arc(
        self, rx: float, ry: float, turned: float, large: bool, sweep: bool, x: float, y: float
    ) -> None:
        rx, ry = abs(rx), abs(ry)
        if not rx or not ry:
            self._line(x, y)
            return
        if (x, y) == (self.x, self.y):
            return
        cos, sin = math.cos(math.radians(turned)), math.sin(math.radians(turned))
        half_x, half_y = (self.x - x) / 2, (self.y - y) / 2
        u, v = cos * half_x + sin * half_y, cos * half_y - sin * half_x
        grow = math.sqrt(max(1.0, (u / rx) ** 2 + (v / ry) ** 2))
        rx, ry = rx * grow, ry * grow
        below = (rx * v) ** 2 + (ry * u) ** 2
        root = math.sqrt(max(0.0, ((rx * ry) ** 2 - below) / below))
        root = -root if large == sweep else root
        cu, cv = root * rx * v / ry, -root * ry * u / rx
        middle_x = cos * cu - sin * cv + (self.x + x) / 2
        middle_y = sin * cu + cos * cv + (self.y + y) / 2
        begin = math.atan2((v - cv) / ry, (u - cu) / rx)
        angle = math.atan2((-v - cv) / ry, (-u - cu) / rx) - begin
        if sweep and angle < 0:
            angle += 2 * math.pi
        elif not sweep and angle > 0:
            angle -= 2 * math.pi
        steps = max(1, math.ceil(abs(angle) / (math.pi / 2) - 1e-6))
        reach = 4 / 3 * math.tan(angle / steps / 4)

        def at(cu: float, cv: float) -> tuple[float, float]:
            return (
                middle_x + cos * rx * cu - sin * ry * cv,
                middle_y + sin * rx * cu + cos * ry * cv,
            )

        for step in range(steps):
            one, two = begin + angle * step / steps, begin + angle * (step + 1) / steps
            c1, s1, c2, s2 = math.cos(one), math.sin(one), math.cos(two), math.sin(two)
            end = (x, y) if step == steps - 1 else at(c2, s2)
            self._curve(*at(c1 - reach * s1, s1 + reach * c1),
                        *at(c2 + reach * s2, s2 - reach * c2), *end)  # fmt: skip


def parse_path(data: str) -> Outline:
    """The outline of a path's `d`. Raises ValueError that says what can't be read."""
    tokens = _tokens(data)
    pen, at, command = _Pen(), 0, ""
    while at < len(tokens):
        if tokens[at].isalpha():
            command, at = tokens[at], at + 1
            if command.upper() not in _ARITY:
                raise ValueError(f"path command {command!r} does not exist")
        elif not command or command in "zZ":
            raise ValueError("path data does not begin with a command")
        arity = _ARITY[command.upper()]
        numbers = tokens[at : at + arity]
        if len(numbers) < arity or any(number.isalpha() for number in numbers):
            raise ValueError(f"path command {command!r} needs {arity} numbers")
        pen.obey(command, [float(number) for number in numbers])
        at += arity
        command = {"M": "L", "m": "l"}.get(command, command)
    if not pen.points:
        raise ValueError("the path draws nothing")
    return Outline(tuple(pen.curves), tuple(pen.closed), np.array(pen.points, np.float64))


def ellipse(cx: float, cy: float, rx: float, ry: float) -> Outline:
    """An ellipse as four curves, from its right clockwise."""
    u, v = rx * _CIRCLE, ry * _CIRCLE
    points = [
        (cx + rx, cy), (cx + rx, cy + v), (cx + u, cy + ry), (cx, cy + ry),
        (cx - u, cy + ry), (cx - rx, cy + v), (cx - rx, cy),
        (cx - rx, cy - v), (cx - u, cy - ry), (cx, cy - ry),
        (cx + u, cy - ry), (cx + rx, cy - v), (cx + rx, cy),
    ]  # fmt: skip
    return Outline((4,), (True,), np.array(points, np.float64))


def _tokens(data: str) -> list[str]:
    tokens, at = [], 0
    while (at := _BETWEEN.match(data, at).end()) < len(data):  # type: ignore[union-attr]
        token = _TOKEN.match(data, at)
        if token is None:
            raise ValueError(f"path data can't be read at {data[at : at + 20]!r}")
        tokens.append(token[0])
        at = token.end()
    return tokens
