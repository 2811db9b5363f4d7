"""What a prompt says of "the user", as it is said to that person: "their team" is "your team"."""

from __future__ import annotations

import re

_WHO = (
    r"(?:the|this|each) (?:users?|customers?|candidates?|participants?|persons?|interviewees?|"
    r"clients?|callers?|respondents?|guests?|applicants?|patients?|students?|employees?|"
    r"members?|founders?|visitors?|people)"
)
_IRREGULAR = {"is": "are", "was": "were", "has": "have", "does": "do", "goes": "go"}
_THEIRS = re.compile(rf"\b(?:{_WHO}(?:'s|\u2019s|s'|s\u2019)|their)(?=\s)", re.IGNORECASE)
_BE = re.compile(rf"\b(is|was|has|does) (?:{_WHO})\b", re.IGNORECASE)
_THEY_DO = re.compile(rf"\b{_WHO} ([a-z]+)\b", re.IGNORECASE)
_THEY = re.compile(rf"\b(?:they|them|{_WHO})\b", re.IGNORECASE)
_THEMSELVES = re.compile(r"\bthem(?:selves|self)\b", re.IGNORECASE)
_CONTRACTED = re.compile(r"\bthey(?=['\u2019](?:re|ve|d|ll)\b)", re.IGNORECASE)
_VERBS = re.compile(r"[a-z]{2,}[^s]s")


def to_you(text: str) -> str:
    """`text` in the second person."""
    text = _THEIRS.sub("your", text)
    text = _THEMSELVES.sub("yourself", text)
    text = _CONTRACTED.sub("you", text)
    text = _BE.sub(lambda found: f"{_IRREGULAR[found[1].casefold()]} you", text)
    text = _THEY_DO.sub(lambda found: f"you {_plural(found[1])}", text)
    return _THEY.sub("you", text)


def _plural(verb: str) -> str:
    """The verb as it follows "you"; a word that is no third person stays."""
    plain = verb.casefold()
    if plain in _IRREGULAR:
        return _IRREGULAR[plain]
    if not _VERBS.fullmatch(plain) or plain in {"always", "does", "perhaps", "sometimes"}:
        return verb
    if plain.endswith("ies"):
        return verb[:-3] + "y"
    if plain.endswith(("ches", "shes", "xes", "sses", "zes")):
        return verb[:-2]
    return verb[:-1]
