"""The voices that a persona may have, and who speaks them where the synthesizer's own voices do.

The eighteen names are those of the models of this protocol: natural (`NAT`) and varied (`VAR`),
women (`F`) and men (`M`), numbered.
"""

from __future__ import annotations

from greenroom.errors import InvalidInput

VOICES = (
    *(f"NATF{n}.pt" for n in range(4)),
    *(f"NATM{n}.pt" for n in range(4)),
    *(f"VARF{n}.pt" for n in range(5)),
    *(f"VARM{n}.pt" for n in range(5)),
)
"""What `Persona.voice_prompt` may be."""

_WOMEN = ("Olivia", "Wendy", "Ashley", "Priya")
_MEN = ("Craig", "Edward")
_ENGINE = {
    name: voices[int(name[4]) % len(voices)]
    for name in VOICES
    for voices in (_WOMEN if name[3] == "F" else _MEN,)
}


def engine_voice(name: str) -> str:
    """The one of the synthesizer's voices (`speech.ports.VOICES`) that stands for `name`.

    The six are fewer than the names: some share one. Raises InvalidInput (`voice_prompt`).
    """
    try:
        return _ENGINE[name]
    except KeyError:
        raise InvalidInput("voice_prompt", "no such voice", ", ".join(VOICES)) from None
