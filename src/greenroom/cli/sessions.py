"""`greenroom sessions`: what was said, from the journal; and the end of what nobody ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from greenroom.cli.options import DataDir, load_settings, new_console, print_json

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console

    from greenroom.sessions.attendance import Conversation
    from greenroom.sessions.model import Record, Session
    from greenroom.sessions.overdue import Overdue
    from greenroom.sessions.reader import SessionReader
    from greenroom.sessions.store import Store

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
    from datetime import UTC, datetime

    from greenroom.sessions.attendance import conversation

    async def work() -> tuple[Session, list[Record]]:
        async with _reader(data_dir) as reader:
            return await reader.get(session_id), list(await reader.records(session_id))

    session, records = asyncio.run(work())
    talk = conversation(session, records, datetime.now(UTC))
    if json:
        rows = [
            {"seq": r.seq, "at": r.at, "kind": r.entry.kind, **asdict(r.entry)} for r in records
        ]
        print_json({**asdict(session), "conversation": talk, "records": rows})
    else:
        _print(session, records, talk)


@app.command()
def reap(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be ended; end nothing.")
    ] = False,
    json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """End sessions that nobody will end: never started in time, or left by a server or worker that
    is gone. Works beside running servers, which do the same every five seconds."""
    from rich.table import Table

    from greenroom.sessions.clock import SystemClock
    from greenroom.sessions.overdue import Waits
    from greenroom.sessions.reap import end_overdue, find_overdue

    async def work() -> list[Overdue]:
        waits, clock = Waits.of(load_settings(data_dir=data_dir)), SystemClock()
        async with _store(data_dir) as store:
            found = await find_overdue(store, waits, clock)
            if not dry_run:
                ended = await end_overdue(store, found, clock)
                done = {(session.id, session.end_reason) for session in ended}
                found = [one for one in found if (one.session_id, one.reason) in done]
            return found

    found = asyncio.run(work())
    if json:
        print_json([_overdue(one) for one in found])
        return
    would = "would end as" if dry_run else "ended as"
    table = Table("session", would, "by", "at", "node", box=None)
    for one in found:
        at = "now" if one.ended_at is None else f"{one.ended_at:%Y-%m-%d %H:%M:%S}"
        table.add_row(one.session_id, one.status, one.reason, at, one.only_on or "")
    new_console().print(table if found else "Nothing to end.")


def _overdue(one: Overdue) -> dict[str, object]:
    return {
        "session_id": one.session_id,
        "status": one.status,
        "end_reason": one.reason,
        "ended_at": one.ended_at,
        "node": one.only_on,
    }


def _print(session: Session, records: list[Record], talk: Conversation | None) -> None:
    console = new_console()
    ended = f", ended by {session.end_reason}" if session.end_reason else ""
    console.print(f"[bold]{session.id}[/bold]  {session.status}{ended}  {_length(session)}")
    _print_course(console, records)
    if talk is not None:
        console.print(f"conversation  {talk.seconds} s, billed as {talk.minutes} min")
        for gap in talk.gaps:
            until = "the end" if gap.ended is None else f"{gap.ended:%H:%M:%S}"
            console.print(f"without an agent  from {gap.began:%H:%M:%S} to {until}")
    _print_words(console, records)
    _print_costs(console, records)


def _print_course(console: Console, records: list[Record]) -> None:
    from rich.markup import escape

    from greenroom.sessions.model import (
        LifecycleEntry,
        MetricEntry,
        PresenceEntry,
        ToolCallEntry,
    )
    from greenroom.sessions.tables import moment

    for record in records:
        line = ""
        at = record.at
        match record.entry:
            case LifecycleEntry(event=event, detail=detail):
                line = f"{event} {escape(detail)}"
            case PresenceEntry(event=event, happened=happened, who=who):
                # Which may be before it was written: that an agent is lost is found out later.
                at = moment(happened)
                line = f"{event} {escape(who)}"
            case ToolCallEntry(tool=tool, arguments=arguments, ok=ok, duration_ms=ms):
                outcome = f"{ms:.1f} ms" if ok else "failed"
                line = f"{tool} {escape(str(arguments))}: {outcome}"
            case MetricEntry(name="stages", values=values):
                stages = ", ".join(f"{name[:-3]} {ms:.0f}" for name, ms in _stages(values))
                line = f"ms after the last word: {stages}"
        if line:
            console.print(f"[dim]{at:%H:%M:%S}[/dim]  [dim]{line}[/dim]")


def _print_words(console: Console, records: list[Record]) -> None:
    from rich.markup import escape

    from greenroom.sessions import views

    console.print()
    for at, entry in views.transcript(records):
        cut = f"  [dim](cut; meant: {escape(entry.full_text)})[/dim]" if entry.full_text else ""
        console.print(f"{at:%H:%M:%S}  [bold]{entry.role}[/bold]  {escape(entry.text)}{cut}")


def _print_costs(console: Console, records: list[Record]) -> None:
    from greenroom.commerce.figures import COUNTS, costs

    if not (spent := costs(records))["usage"]:
        return
    console.print()
    for line in spent["usage"]:
        used = ", ".join(f"{line[name]} {name.replace('_', ' ')}" for name in COUNTS if line[name])
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
    """Reads the database."""
    from greenroom.sessions.reader import SessionReader

    async with _store(data_dir) as store:
        yield SessionReader(store)


@asynccontextmanager
async def _store(data_dir: Path | None) -> AsyncIterator[Store]:
    """The database; works beside a running server."""
    from greenroom.sessions.store import Store

    store = Store.of(load_settings(data_dir=data_dir))
    try:
        await store.migrate()
        yield store
    finally:
        await store.close()
