"""A small strict GraphQL: parses a query, checks every name against a schema, and costs it.

Enough of https://spec.graphql.org for a client's read queries: operations with variables, fields
with arguments, named fragments. What it doesn't know is an error, as it would be at a real server.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

Types = Mapping[str, Mapping[str, tuple[str, Mapping[str, str]]]]
"""Object types: for each field its type and its arguments' types. Other types are scalars."""

_TOKEN = re.compile(r"""\.\.\.|[{}()\[\]:$!=@|]|"(?:[^"\\\n]|\\.)*"|-?\d+(?:\.\d+)?|[_A-Za-z]\w*""")


class GraphQLError(Exception):
    """The query is not one that the schema allows."""


@dataclass
class Field:
    name: str
    arguments: dict[str, Any]
    selections: list[Field | str] | None
    """Fields, and names of fragments; None where there are none."""


@dataclass
class Document:
    kind: str = "query"
    root: list[Field | str] = field(default_factory=list)
    variables: dict[str, str] = field(default_factory=dict)
    fragments: dict[str, tuple[str, list[Field | str]]] = field(default_factory=dict)


@dataclass(frozen=True)
class Variable:
    name: str


@dataclass(frozen=True)
class Enum:
    name: str


class Parser:
    def __init__(self, text: str) -> None:
        if rest := re.sub(r"[\s,]+", "", _TOKEN.sub("", re.sub(r"#[^\n]*", "", text))):
            raise GraphQLError(f"syntax error near {rest[:10]!r}")
        self._tokens = _TOKEN.findall(re.sub(r"#[^\n]*", "", text))
        self._at = 0
        self.inline: dict[str, tuple[str, list[Field | str]]] = {}

    def document(self) -> Document:
        document = Document(fragments=self.inline)
        while self._at < len(self._tokens):
            kind = self._next()
            if kind == "fragment":
                name = self._next()
                self._expect("on")
                document.fragments[name] = self._next(), self._selections()
            elif kind in {"query", "mutation"} and not document.root:
                self._next()
                if self._peek() == "(":
                    document.variables = self._definitions()
                document.root, document.kind = self._selections(), kind
            elif kind == "{" and not document.root:
                self._at -= 1
                document.root = self._selections()
            else:
                raise GraphQLError(f"syntax error at {kind!r}")
        return document

    def _definitions(self) -> dict[str, str]:
        self._expect("(")
        found = {}
        while self._peek() != ")":
            self._expect("$")
            name = self._next()
            self._expect(":")
            found[name] = self._next()
            if self._peek() == "!":
                found[name] += self._next()
        self._expect(")")
        return found

    def _selections(self) -> list[Field | str]:
        self._expect("{")
        found: list[Field | str] = []
        while self._peek() != "}":
            if self._peek() == "...":
                self._next()
                name = self._next()
                if name == "on":
                    name = f"on {self._next()} {self._at}"
                    self.inline[name] = name.split()[1], self._selections()
                found.append(name)
                continue
            name, arguments = self._next(), {}
            if self._peek() == "(":
                self._next()
                while self._peek() != ")":
                    argument = self._next()
                    self._expect(":")
                    arguments[argument] = self._value()
                self._next()
            nested = self._selections() if self._peek() == "{" else None
            found.append(Field(name, arguments, nested))
        self._next()
        if not found:
            raise GraphQLError("an empty selection")
        return found

    def _value(self) -> Any:
        token = self._next()
        if token == "$":
            return Variable(self._next())
        if token[0] == '"':
            return token[1:-1]
        return int(token) if token.lstrip("-").isdigit() else Enum(token)

    def _peek(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _next(self) -> str:
        if self._at >= len(self._tokens):
            raise GraphQLError("syntax error: unexpected end")
        self._at += 1
        return self._tokens[self._at - 1]

    def _expect(self, token: str) -> None:
        if (found := self._next()) != token:
            raise GraphQLError(f"syntax error: {found!r} where {token!r} should be")


class Query:
    """A parsed, checked query with its variables filled in."""

    def __init__(
        self, text: str, variables: dict[str, Any], types: Types, enums: Any, *, bulk: bool = False
    ) -> None:
        self._document, self._types, self._enums = Parser(text).document(), types, enums
        self._variables, self._bulk = variables, bulk
        self._used: set[str] = set()
        self._used_fragments: set[str] = set()
        self._check_variables()
        self.start = "Mutation" if self._document.kind == "mutation" else "QueryRoot"
        self.root = self._resolve(self.start, self._document.root)
        if unused := self._document.variables.keys() - self._used:
            raise GraphQLError(f"Variable ${min(unused)} is declared but not used")
        if idle := self._document.fragments.keys() - self._used_fragments:
            raise GraphQLError(f"Fragment {min(idle)} was defined, but not used")

    @property
    def cost(self) -> int:
        """Points: one for an object, two and its nodes for a connection."""
        if self.start == "Mutation":
            return 10
        return sum(_cost(each, self._types, "QueryRoot") for each in self.root)

    def _check_variables(self) -> None:
        for name, kind in self._document.variables.items():
            value = self._variables.get(name)
            if value is None and kind.endswith("!"):
                raise GraphQLError(f"Variable ${name} of type {kind} was provided invalid value")
            wanted = int if kind.startswith("Int") else str
            if value is not None and not isinstance(value, wanted):
                raise GraphQLError(f"Variable ${name} of type {kind} was provided invalid value")
        if unknown := self._variables.keys() - self._document.variables.keys():
            raise GraphQLError(f"no variable ${min(unknown)}")

    def _resolve(self, kind: str, selections: list[Field | str]) -> list[Field]:
        found: list[Field] = []
        for each in selections:
            if isinstance(each, str):
                on, nested = self._document.fragments[each]
                if on != kind and (kind != "Node" or on not in self._types):
                    raise GraphQLError(f"Fragment {each} on {on} can't be spread inside {kind}")
                self._used_fragments.add(each)
                found += self._resolve(on, nested)
            else:
                found.append(self._field(kind, each))
        return found

    def _field(self, kind: str, one: Field) -> Field:
        if one.name not in self._types[kind]:
            raise GraphQLError(f"Field '{one.name}' doesn't exist on type '{kind}'")
        result, takes = self._types[kind][one.name]
        arguments = {name: self._argument(takes, kind, one, name) for name in one.arguments}
        if missing := [n for n, k in takes.items() if k.endswith("!") and arguments.get(n) is None]:
            raise GraphQLError(f"Field '{one.name}' is missing required arguments: {missing[0]}")
        inner = result.strip("[]!")
        if (inner in self._types) != (one.selections is not None):
            raise GraphQLError(f"Selections and type don't fit (field '{one.name}' of {result})")
        if inner.endswith("Connection") and not self._bulk:
            first = arguments.get("first")
            if not isinstance(first, int) or not 1 <= first <= 250:
                raise GraphQLError("you must provide one of first or last, at most 250")
        nested = None if one.selections is None else self._resolve(inner, one.selections)
        return Field(one.name, arguments, nested)  # type: ignore[arg-type]

    def _argument(self, takes: Mapping[str, str], kind: str, one: Field, name: str) -> Any:
        if name not in takes:
            raise GraphQLError(f"Field '{one.name}' doesn't accept argument '{name}'")
        value, wanted = one.arguments[name], takes[name].strip("!")
        if isinstance(value, Variable):
            if value.name not in self._document.variables:
                raise GraphQLError(f"Variable ${value.name} is used but not declared")
            declared = self._document.variables[value.name].strip("!")
            if declared != wanted:
                raise GraphQLError(f"Type mismatch on variable ${value.name} ({declared}/{wanted})")
            self._used.add(value.name)
            value = self._variables.get(value.name)
        name_of_enum = value.name if isinstance(value, Enum) else value
        if wanted in self._enums and name_of_enum not in self._enums[wanted]:
            raise GraphQLError(f"Argument '{name}' has an invalid value")
        return name_of_enum


def _cost(one: Field, types: Types, kind: str) -> int:
    if one.selections is None:
        return 0
    if one.name not in types[kind]:
        return 0  # of a fragment on another type
    inner = types[kind][one.name][0].strip("[]!")
    if inner.endswith("Connection"):
        nodes = [each for each in fields_of(one) if each.name == "nodes"]
        each_costs = sum(_cost(node, types, inner) for node in nodes)
        return 2 + int(one.arguments["first"]) * each_costs
    if inner == "PageInfo":
        return 0
    return 1 + sum(_cost(each, types, inner) for each in fields_of(one))


def fields_of(one: Field) -> Iterator[Field]:
    """The fields of a checked selection, whose fragments are resolved."""
    for each in one.selections or ():
        assert isinstance(each, Field)
        yield each
