"""`dialer contacts area-codes`: which time zone goes with the first digits of a number."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from dialer.cli.context import Config, Org, opened, out, plain_errors, read_settings
from dialer.cli.import_options import Delimiter, Encoding, delimiter_sign
from dialer.cli.rows import print_rows
from dialer.services import area_codes
from dialer.services.area_code_import import import_area_codes
from dialer.services.organisations import DEFAULT

area_codes_app = typer.Typer(help="Time zones by area code: before what a number alone tells.", no_args_is_help=True)

Digits = Annotated[str, typer.Argument(help="First digits of national numbers: 212, or 205-209.", show_default=False)]
Country = Annotated[str, typer.Option("--country", help="The calling code.")]


@area_codes_app.command("list")
@plain_errors
def list_(
    country: Annotated[str, typer.Option("--country", help="Only this calling code.")] = "",
    config: Config = None,
    org: Org = DEFAULT,
) -> None:
    """Show the table."""
    with opened(config, org) as (store, org_id):
        rows = asyncio.run(area_codes.list_area_codes(store, org_id, country))
    table = Table("Country", "Digits", "State", "Zone", "DST", "Locked", caption=f"{len(rows):,} rows")
    now = datetime.now(UTC)
    for row in rows:
        dst = "yes" if area_codes.changes_clocks(row.zone, now) else "no"
        table.add_row(f"+{row.calling_code}", row.digits, row.state, row.zone, dst, "locked" if row.locked else "")
    print_rows(table)


@area_codes_app.command("add")
@plain_errors
def add(
    digits: Digits,
    zone: Annotated[str, typer.Option("--zone", help="IANA zone; one without DST means no DST.", show_default=False)],
    state: Annotated[str, typer.Option("--state", help="For people who read the table.")] = "",
    locked: Annotated[bool, typer.Option("--locked", help="No import changes it.")] = False,
    country: Country = "1",
    config: Config = None,
    org: Org = DEFAULT,
) -> None:
    """Write a row, over the one with the same digits if there is one."""
    row = area_codes.area_code(country, digits, zone, state=state, locked=locked)
    with opened(config, org) as (store, org_id):
        new = asyncio.run(area_codes.add_area_code(store, org_id, row))
    out.print(f"+{row.calling_code} {row.digits} is in {row.zone}" + ("" if new else " from now on"))


@area_codes_app.command("lock")
@plain_errors
def lock(digits: Digits, country: Country = "1", config: Config = None, org: Org = DEFAULT) -> None:
    """Keep imports from changing a row, and the zone of its numbers."""
    _lock(digits, country, config, org, locked=True)


@area_codes_app.command("unlock")
@plain_errors
def unlock(digits: Digits, country: Country = "1", config: Config = None, org: Org = DEFAULT) -> None:
    """Let imports change a row again."""
    _lock(digits, country, config, org, locked=False)


def _lock(digits: str, country: str, config: Path | None, org: str, *, locked: bool) -> None:
    with opened(config, org) as (store, org_id):
        row = asyncio.run(area_codes.lock_area_code(store, org_id, country, digits, locked=locked))
    out.print(f"+{row.calling_code} {row.digits} is {'locked' if row.locked else 'not locked'}")


@area_codes_app.command("remove")
@plain_errors
def remove(digits: Digits, country: Country = "1", config: Config = None, org: Org = DEFAULT) -> None:
    """Remove a row, locked or not."""
    with opened(config, org) as (store, org_id):
        asyncio.run(area_codes.remove_area_code(store, org_id, country, digits))
    out.print(f"+{country.removeprefix('+')} {digits} is removed")


@area_codes_app.command("import")
@plain_errors
def import_(
    file: Annotated[Path, typer.Argument(help="A CSV file with the columns digits and zone, and perhaps state, locked, dst.")],
    country: Annotated[str, typer.Option("--country", help="The calling code, where no column calling_code says it.")] = "1",
    replace_all: Annotated[bool, typer.Option("--replace", help="Remove rows that are neither locked nor in the file.")] = False,
    encoding: Encoding = None,
    delimiter: Delimiter = None,
    errors_to: Annotated[Path | None, typer.Option(help="The file for the reasons; in the data folder if not given.")] = None,
    config: Config = None,
    org: Org = DEFAULT,
) -> None:
    """Take over the rows of a CSV file. What is locked stays as it is."""
    settings = read_settings(config)
    reasons = errors_to or settings.imports_folder / f"{file.stem}-errors.csv"
    with opened(settings=settings, org=org) as (store, org_id):
        importing = import_area_codes(
            store,
            org_id,
            file,
            calling_code=country,
            replace_all=replace_all,
            errors_to=reasons,
            encoding=encoding,
            delimiter=delimiter_sign(delimiter),
        )
        done = asyncio.run(importing)
    out.print(
        f"{done.rows:,} rows: {done.added:,} added, {done.changed:,} changed, {done.same:,} as they were, "
        f"{done.kept_locked:,} kept out by locked rows, {done.rejected:,} rejected; {done.removed:,} removed"
    )
    if done.errors_file is not None:
        out.print(f"reasons: {done.errors_file}", soft_wrap=True)
