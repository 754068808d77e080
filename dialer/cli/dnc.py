"""`dialer dnc`: the do-not-call list."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from dialer.cli.context import Config, Org, err, opened, out, plain_errors, read_settings
from dialer.errors import BadInput
from dialer.services import dnc
from dialer.services.organisations import DEFAULT

dnc_app = typer.Typer(help="Numbers that must not be called.", no_args_is_help=True)

SHOWN = 10  # rejected lines that are told one by one


@dnc_app.command("add")
@plain_errors
def add(
    number: str,
    reason: Annotated[str, typer.Option(help="Why, for the record.")] = "operator",
    config: Config = None,
    org: Org = DEFAULT,
) -> None:
    """Never call this number again, from this moment on."""
    settings = read_settings(config)
    with opened(org=org, settings=settings) as (store, org_id):
        value, new = asyncio.run(dnc.add_to_dnc(store, org_id, number, reason=reason, region=settings.numbers.region))
    out.print(f"{value} is on the DNC list" + ("" if new else " (it was already)"))


@dnc_app.command("remove")
@plain_errors
def remove(number: str, config: Config = None, org: Org = DEFAULT) -> None:
    """Allow calls to a number again."""
    settings = read_settings(config)
    with opened(org=org, settings=settings) as (store, org_id):
        value = asyncio.run(dnc.remove_from_dnc(store, org_id, number, region=settings.numbers.region))
    out.print(f"{value} may be called again")


@dnc_app.command("import")
@plain_errors
def import_numbers(
    file: Annotated[Path, typer.Argument(help="One number a line; what follows a comma is ignored.")],
    reason: Annotated[str, typer.Option(help="Why, for the record.")] = "imported",
    config: Config = None,
    org: Org = DEFAULT,
) -> None:
    """Put the numbers of a file on the list."""
    settings = read_settings(config)
    try:
        with opened(org=org, settings=settings) as (store, org_id), file.open(encoding="utf-8-sig") as lines:
            done = asyncio.run(dnc.import_dnc(store, org_id, lines, reason=reason, region=settings.numbers.region))
    except (OSError, UnicodeDecodeError) as exc:
        raise BadInput(f"cannot be read: {exc}", where=str(file)) from exc
    out.print(f"{done.added:,} added, {done.already:,} were listed already, {len(done.rejected):,} rejected")
    for line, text, reason_why in done.rejected[:SHOWN]:
        err.print(f"{file}:{line}: {text!r}: {reason_why}", soft_wrap=True)
    if len(done.rejected) > SHOWN:
        err.print(f"... and {len(done.rejected) - SHOWN:,} more")


@dnc_app.command("list")
@plain_errors
def list_numbers(
    after: Annotated[str, typer.Option(help="Begin behind this number.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="How many.")] = 100,
    config: Config = None,
    org: Org = DEFAULT,
) -> None:
    """Show the list."""
    with opened(config, org) as (store, org_id):
        entries = asyncio.run(dnc.list_dnc(store, org_id, after=after, limit=limit))
        total = asyncio.run(dnc.count_dnc(store, org_id))
    table = Table("Number", "Reason", "Since (UTC)", caption=f"{len(entries):,} of {total:,}")
    for entry in entries:
        table.add_row(entry.value, entry.reason, f"{entry.created_at:%Y-%m-%d %H:%M:%S}")
    out.print(table)
