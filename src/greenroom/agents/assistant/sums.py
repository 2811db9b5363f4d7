"""Small sums: an expression worked out, and one found in what was said."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from decimal import Decimal, DecimalException, localcontext

from greenroom.commerce.numerals import replace_number_words

MAX_EXPRESSION = 200
"""Characters."""
_DIGITS = 28
"""Of each step."""
_SAID_DIGITS = 6
"""Behind the point, in a result."""
_LARGEST = Decimal(10) ** 15
_LARGEST_POWER = 100

_OPERATORS: dict[type[ast.operator], Callable[[Decimal, Decimal], Decimal]] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.Div: lambda a, b: a / b,
    ast.Mod: lambda a, b: a % b,
}


class SumError(Exception):
    """A sum that can't be worked out; the message is fit for a model and for the ear."""


def work_out(expression: str) -> Decimal:
    """The value of numbers with + - * / % ** and brackets. Raises SumError.

    Bounded: 28 digits in each step, powers up to 100, results up to 10**15.
    """
    if len(expression) > MAX_EXPRESSION:
        raise SumError("that is too long a sum")
    try:
        tree = ast.parse(expression.strip(), mode="eval")
        with localcontext(prec=_DIGITS):
            value = _value(tree.body)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise SumError("that is no sum of plain numbers") from error
    except DecimalException as error:
        raise SumError("that has no result") from error
    if abs(value) > _LARGEST:
        raise SumError("the result is too large to say")
    return value


def said(value: Decimal) -> tuple[str, bool]:
    """A result as it is said, and whether it is exact."""
    rounded = round(value, _SAID_DIGITS)
    text = f"{rounded:f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return ("0" if text == "-0" else text), rounded == value


def _value(node: ast.expr) -> Decimal:
    match node:
        case ast.Constant(value=bool()):
            pass
        case ast.Constant(value=int() | float() as number):
            return Decimal(repr(number))
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_value(operand)
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            return _value(operand)
        case ast.BinOp(left=left, op=ast.Pow(), right=right):
            power = _value(right)
            if abs(power) > _LARGEST_POWER:
                raise SumError("the result is too large to say")
            return _value(left) ** power
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
            return _OPERATORS[type(op)](_value(left), _value(right))
    raise SumError("that is no sum of plain numbers")


_NUMBER = r"-?\d+(?:\.\d+)?"
_WORDS_FOR = tuple(
    (re.compile(pattern), sign)
    for pattern, sign in (
        (r"(?<=\d),(?=\d{3}\b)", ""),
        (rf"({_NUMBER}) ?(?:percent|per cent|%) of ({_NUMBER})", r"\1 / 100 * \2"),
        (rf"half of ({_NUMBER})", r"\1 / 2"),
        (rf"(?:double|twice) ({_NUMBER})", r"2 * \1"),
        (r" ?\bsquared\b", " ** 2"),
        (r" ?\bcubed\b", " ** 3"),
        (r"\b(?:to the power of|\^)", "**"),
        (r"\b(?:plus|added to)\b", "+"),
        (r"\b(?:minus|take away|subtract)\b|\u2212", " - "),
        (r"\b(?:times|multiplied by|multiply by)\b|(?<=\d) ?x ?(?=\d)|\u00d7", " * "),
        (r"\b(?:divided by|over)\b|\u00f7", " / "),
        # Ears write "to plus to".
        (r"\b(?:to|too)\b", "2"),
        (r"\bfor\b", "4"),
        (r"\bwon\b", "1"),
        (rf"^({_NUMBER}) and ({_NUMBER})$", r"\1 + \2"),
    )
)
_A_SUM = re.compile(rf"{_NUMBER}(?: ?(?:\*\*|[-+*/]) ?{_NUMBER})+")
_LEAD = re.compile(
    r"^(?:(?:what|what's|what is|how much|how much is|how many is|is|do you know|can you|could you|"
    r"please|tell me|calculate|compute|work out|add up|the answer to|the result of|and) )+"
)
_TAIL = re.compile(
    r"[ =?.!,]*(?:\b(?:please|equals?|equal|make|makes|is|come to|for me)\b[ =?.!,]*)*$"
)


def sum_in(text: str) -> str | None:
    """The expression that `text` asks to be worked out ("what is twelve times seven"), or None."""
    if len(text) > MAX_EXPRESSION:
        return None
    words = _TAIL.sub("", _LEAD.sub("", " ".join(text.casefold().replace("\u2019", "'").split())))
    # "one" counts here, where no product is "the first one".
    numbers = ["1" if word == "one" else word for word in replace_number_words(words.split())]
    expression = " ".join(numbers)
    for pattern, sign in _WORDS_FOR:
        expression = pattern.sub(sign, expression)
    expression = " ".join(expression.split())
    return expression if _A_SUM.fullmatch(expression) else None
