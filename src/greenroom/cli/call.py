"""`greenroom call`: talk to a running server by synthetic voice and read both sides."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from greenroom.cli.options import load_settings, new_console

if TYPE_CHECKING:
    from rich.console import Console

    from greenroom.cli.caller import Exchange


def call(
    lines: Annotated[list[str], typer.Argument(help="What the caller says, one turn each.")],
    url: Annotated[str | None, typer.Option(help="The server.", show_default=False)] = None,
    key: Annotated[
        str | None,
        typer.Option(help="API key; default: GREENROOM_API_KEY, else the development key."),
    ] = None,
    voice: Annotated[str, typer.Option(help="The caller's voice.")] = "Edward",
    save: Annotated[
        Path | None, typer.Option(help="Write both sides to this stereo WAV file.")
    ] = None,
    time_limit: Annotated[float, typer.Option(help="Seconds to wait for each answer.")] = 60.0,
) -> None:
    """Speak each line through the real WebSocket and print the conversation with its latencies.

    Ends with 1 if a line was not answered.
    """
    import asyncio

    settings = load_settings()
    address = url or f"http://{settings.server.host}:{settings.server.port}"
    token = key or os.environ.get("GREENROOM_API_KEY") or settings.test_api_key.get_secret_value()
    console = new_console()
    answered = asyncio.run(_call(console, lines, address, token, voice, save, time_limit))
    if not answered:
        raise typer.Exit(1)


async def _call(
    console: Console,
    lines: list[str],
    url: str,
    token: str,
    voice: str,
    save: Path | None,
    time_limit: float,
) -> bool:
    from greenroom.audio.wave_file import write_stereo_wav
    from greenroom.cli.caller import place_call
    from greenroom.speech.ports import ProviderContext
    from greenroom.speech.registry import create_synthesizer

    settings = load_settings()
    context = ProviderContext(data_dir=settings.data_dir)
    synthesizer = create_synthesizer("espeak:", context)
    exchanges: list[Exchange] = []
    try:
        await synthesizer.warm_up()
        async with place_call(url, token, synthesizer, voice) as caller:
            for line in lines:
                exchange = await caller.say(line, time_limit=time_limit)
                exchanges.append(exchange)
                _print(console, exchange)
            console.print(f"[dim]session {caller.session_id}[/dim]")
    finally:
        await synthesizer.close()
    if save is not None:
        left, right = caller.tracks()
        write_stereo_wav(save, left, right, 16_000)
        console.print(f"[dim]both sides: {save} (left: caller, right: agent)[/dim]")
    return all(exchange.answered for exchange in exchanges)


def _print(console: Console, exchange: Exchange) -> None:
    console.print(f"[bold]caller[/bold]  {exchange.said}")
    heard = exchange.heard or "[nothing]"
    console.print(
        f"[dim]  heard {heard!r}, confidence {exchange.confidence:.2f}, "
        f"{_ms(exchange.transcript_after)} after the last word[/dim]"
    )
    if exchange.answered:
        tools = f", {', '.join(exchange.tools)}" if exchange.tools else ""
        console.print(f"[bold green]agent[/bold green]   {exchange.answer}")
        console.print(
            f"[dim]  {exchange.intent}{tools}; text {_ms(exchange.answer_after)}, "
            f"sound {_ms(exchange.audio_after)} after the last word[/dim]"
        )
    for error in exchange.errors:
        console.print(f"[red]  {error}[/red]")


def _ms(seconds: float | None) -> str:
    return "never" if seconds is None else f"{seconds * 1000:.0f} ms"
