"""`greenroom doctor`: what would be chosen here, why, and how to get better."""

from __future__ import annotations

import typer

from greenroom.cli.options import DataDir, load_settings, new_console


def doctor(data_dir: DataDir = None) -> None:
    """Examine settings, providers and storage. Ends with 1 if something is broken."""
    import asyncio

    from rich.markup import escape
    from rich.table import Table

    from greenroom.app.doctor import Verdict, examine

    colours = {Verdict.GOOD: "green", Verdict.COULD_BE_BETTER: "yellow", Verdict.BROKEN: "red"}
    findings = asyncio.run(examine(load_settings(data_dir=data_dir)))
    table = Table("", "part", "what is there", "what would help", box=None)
    for finding in findings:
        colour = colours[finding.verdict]
        cells = finding.part, finding.what, finding.advice
        table.add_row(f"[{colour}]●[/]", *map(escape, cells))
    new_console().print(table)
    if any(finding.verdict is Verdict.BROKEN for finding in findings):
        raise typer.Exit(1)
