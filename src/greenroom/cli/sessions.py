"""`greenroom sessions`: what was said, from the journal."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from greenroom.cli.options import DataDir, load_settings, new_console, print_json

if TYPE_CHECKING:
    from pathlib import Path

    from greenroom.sessions.model import Record, Session
    from greenroom.sessions.reader import SessionReader

app = typer.Typer(help="Sessions and what was said in them.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("list")
def list_sessions(
    limit: Annotated[int, typer.Option(min=1, max=1_000, help="At most so many.")] = 20,
    json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """List sessions, newest first."""
    from dataclasses import asdict

    from rich.table import Column, Table

    async def work() -> list[Session]:
        async with _reader(data_dir) as reader:
            return list(await reader.list(limit=limit))

    found = asyncio.run(work())
    if json:
        print_json([asdict(session) for session in found])
        return
    # An id that is cut short can't be copied.
    whole = Column("session", no_wrap=True, min_width=36)
    table = Table(whole, "api", "tenant", "status", "ended by", "created", "length", box=None)
    for session in found:
        table.add_row(
            session.id,
            session.api,
            session.tenant,
            session.status,
            session.end_reason or "",
            f"{session.created_at:%Y-%m-%d %H:%M:%S}",
            _length(session),
        )
    new_console().print(table)


@app.command()
def show(
    session_id: Annotated[str, typer.Argument(help="The session's id.")],
    json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Show one session: its course, what was said, which tools ran, how long each stage took."""
    from dataclasses import asdict

    async def work() -> tuple[Session, list[Record]]:
        async with _reader(data_dir) as reader:
            return await reader.get(session_id), list(await reader.records(session_id))

    session, records = asyncio.run(work())
    if json:
        rows = [
            {"seq": r.seq, "at": r.at, "kind": r.entry.kind, **asdict(r.entry)} for r in records
        ]
        print_json({**asdict(session), "records": rows})
    else:
        _print(session, records)


def _print(session: Session, records: list[Record]) -> None:
    from rich.markup import escape

    from greenroom.commerce.figures import COUNTS, costs
    from greenroom.sessions import views
    from greenroom.sessions.model import LifecycleEntry, MetricEntry, ToolCallEntry

    console = new_console()
    ended = f", ended by {session.end_reason}" if session.end_reason else ""
    console.print(f"[bold]{session.id}[/bold]  {session.status}{ended}  {_length(session)}")
    for record in records:
        moment = f"[dim]{record.at:%H:%M:%S}[/dim]"
        match record.entry:
            case LifecycleEntry(event=event, detail=detail):
                console.print(f"{moment}  [dim]{event} {escape(detail)}[/dim]")
            case ToolCallEntry(tool=tool, arguments=arguments, ok=ok, duration_ms=ms):
                outcome = f"{ms:.1f} ms" if ok else "failed"
                console.print(f"{moment}  [dim]{tool} {escape(str(arguments))}: {outcome}[/dim]")
            case MetricEntry(name="stages", values=values):
                stages = ", ".join(f"{name[:-3]} {ms:.0f}" for name, ms in _stages(values))
                console.print(f"{moment}  [dim]ms after the last word: {stages}[/dim]")
    console.print()
    for at, entry in views.transcript(records):
        cut = f"  [dim](cut; meant: {escape(entry.full_text)})[/dim]" if entry.full_text else ""
        console.print(f"{at:%H:%M:%S}  [bold]{entry.role}[/bold]  {escape(entry.text)}{cut}")
    if (spent := costs(records))["usage"]:
        console.print()
        for line in spent["usage"]:
            used = ", ".join(
                f"{line[name]} {name.replace('_', ' ')}" for name in COUNTS if line[name]
            )
            price = "no price known" if line["cost"] is None else line["cost"]
            console.print(f"{line['port']}  [bold]{line['provider']}[/bold]  {used}: {price}")
        whole = "" if spent["cost"]["complete"] else ", and what has no price"
        console.print(f"cost  {spent['cost']['amount']} {spent['cost']['currency']}{whole}")


def _stages(values: dict[str, object]) -> list[tuple[str, float]]:
    return [
        (name, value)
        for name, value in values.items()
        if name.endswith("_ms") and isinstance(value, int | float)
    ]


def _length(session: Session) -> str:
    from datetime import UTC, datetime

    from greenroom.sessions import views

    return f"{views.duration_seconds(session, datetime.now(UTC)):.0f} s"


@asynccontextmanager
async def _reader(data_dir: Path | None) -> AsyncIterator[SessionReader]:
    """Reads the database; works beside a running server."""
    from greenroom.sessions.reader import SessionReader
    from greenroom.sessions.store import Store

    store = Store.of(load_settings(data_dir=data_dir))
    try:
        await store.migrate()
        yield SessionReader(store)
    finally:
        await store.close()
