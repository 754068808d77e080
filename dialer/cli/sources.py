"""`dialer contacts source`: saved definitions of where contacts come from."""

from __future__ import annotations

import asyncio
import math
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from dialer.cli.context import Config, Org, opened, out, plain_errors, read_settings, who
from dialer.cli.import_options import (
    CheckDnc,
    CheckFormats,
    CheckPatterns,
    DeleteFirst,
    Delimiter,
    Encoding,
    IdColumn,
    NewAttributes,
    OnDuplicate,
    Phone,
    Region,
    Strict,
    TimeZone,
    import_options,
    row_options,
)
from dialer.cli.import_progress import tell_report
from dialer.cli.rows import print_rows
from dialer.cli.schedule import source_schedule_app
from dialer.cli.source_runs import add_to, said_of
from dialer.domain.data_source import CustomPlace, DatabasePlace, DataSource, FilePlace, Place, SftpPlace
from dialer.domain.ids import SourceId
from dialer.errors import BadInput
from dialer.services import data_sources, import_runs
from dialer.services.data_sources import Reachable
from dialer.services.knobs import parse_filter
from dialer.services.organisations import DEFAULT
from dialer.settings import Settings

source_app = typer.Typer(help="Where contacts come from, to be fetched again and again.", no_args_is_help=True)
add_to(source_app)
source_app.add_typer(source_schedule_app, name="schedule")

Name = Annotated[str, typer.Argument(metavar="SOURCE", help="The data source's name.")]


@source_app.command("add")
@plain_errors
def add(
    name: Annotated[str, typer.Argument(metavar="SOURCE", help="Its name, at most 40 characters; it never changes.")],
    list_name: Annotated[str, typer.Option("--list", help="The list; made if there is none of that name.", show_default=False)],
    file: Annotated[Path | None, typer.Option(help="A CSV file on this machine.")] = None,
    sftp: Annotated[str, typer.Option(help="A server of the settings ([[sftp]]) ...")] = "",
    path: Annotated[str, typer.Option(help="... and the CSV file there.")] = "",
    database: Annotated[str, typer.Option(help="A database of the settings ([[foreign_database]]) ...")] = "",
    query: Annotated[str, typer.Option(help="... and the SELECT whose rows are wanted.")] = "",
    key: Annotated[str, typer.Option(help="A column of the query with unique values: by it an interrupted run goes on.")] = "",
    program: Annotated[str, typer.Option(help="An installed program that gives rows (outdial.import_sources).")] = "",
    parameter: Annotated[list[str] | None, typer.Option(help="NAME=VALUE for the program; may be repeated.")] = None,
    exclude_days: Annotated[
        int | None, typer.Option(help="Do not import: exclude the contacts that the rows name for so many days.")
    ] = None,
    delete_first: DeleteFirst = False,
    delete_where: Annotated[
        list[str] | None, typer.Option(help='Delete before whoever fits: "city = Ankara"; several must all hold.')
    ] = None,
    limit_minutes: Annotated[float, typer.Option(help="A run may not take longer.")] = 240,
    config: Config = None,
    org: Org = DEFAULT,
    region: Region = None,
    time_zone: TimeZone = None,
    strict: Strict = None,
    phone: Phone = None,
    id_column: IdColumn = "",
    on_duplicate: OnDuplicate = "update",
    encoding: Encoding = None,
    delimiter: Delimiter = None,
    new_attributes: NewAttributes = "add",
    check_patterns: CheckPatterns = False,
    check_formats: CheckFormats = False,
    check_dnc: CheckDnc = False,
) -> None:
    """Define a data source: a file, a file on a server, a query to a database, or a program."""
    settings = read_settings(config)
    place = _place(file, sftp, path, database, query, key, program, parameter or [])
    rows = row_options(settings, region=region, time_zone=time_zone, strict=strict, phone=phone, id_column=id_column)
    options = import_options(
        rows,
        on_duplicate=on_duplicate,
        encoding=encoding,
        delimiter=delimiter,
        new_attributes=new_attributes,
        check_patterns=check_patterns,
        check_formats=check_formats,
        check_dnc=check_dnc,
        delete_first=delete_first,
    )
    with opened(settings=settings, org=org) as (store, org_id):
        new = DataSource(
            id=SourceId(0),  # given by the database
            org_id=org_id,
            name=name,
            place=place,
            list_name=list_name,
            options=options,
            exclude_days=exclude_days,
            exclude_zone=settings.numbers.default_time_zone,
            delete_where=parse_filter(delete_where) if delete_where else None,
            limit_s=round(limit_minutes * 60) if math.isfinite(limit_minutes) else 0,
            created_by=who(),
        )
        made = asyncio.run(data_sources.add_source(store, new, _reachable(settings)))
    out.print(f"data source {made.name} added; `dialer contacts source run` fetches it", soft_wrap=True)


@source_app.command("list")
@plain_errors
def list_(config: Config = None, org: Org = DEFAULT) -> None:
    """Show the data sources and how the last run of each stands."""
    with opened(config, org) as (store, org_id):
        found = asyncio.run(data_sources.list_sources(store, org_id))
        last = store.read_now(lambda tx: {one.id: tx.import_runs(org_id).latest(one.id) for one in found})
    table = Table("Source", "Kind", "From", "List", "Last run")
    for one in found:
        run = last[one.id]
        table.add_row(one.name, one.place.kind.value, str(one.place), one.list_name, said_of(run) if run else "never")
    print_rows(table, "no data sources yet: `dialer contacts source add NAME`")


@source_app.command("show")
@plain_errors
def show(name: Name, config: Config = None, org: Org = DEFAULT) -> None:
    """Show a definition in full, and its latest runs."""
    with opened(config, org) as (store, org_id):
        one = asyncio.run(data_sources.get_source(store, org_id, name))
        runs = asyncio.run(import_runs.list_runs(store, org_id, name, limit=5))
    for what, value in _told(one):
        out.print(f"{what}: {value}", soft_wrap=True)
    for run in runs:
        out.print(f"run {run.id}: {said_of(run)}", soft_wrap=True)
    if runs:
        tell_report(runs[0].report)


@source_app.command("remove")
@plain_errors
def remove(name: Name, config: Config = None, org: Org = DEFAULT) -> None:
    """Forget a definition with its schedules and the record of its runs; contacts and lists stay."""
    with opened(config, org) as (store, org_id):
        asyncio.run(data_sources.remove_source(store, org_id, name))
    out.print(f"data source {name} removed")


def _place(
    file: Path | None, sftp: str, path: str, database: str, query: str, key: str, program: str, parameters: list[str]
) -> Place:
    if sum(map(bool, (file, sftp, database, program))) != 1:
        raise BadInput("where do the rows come from?", where="source", mend="one of --file, --sftp, --database, --program")
    for said, of, needs in ((path, sftp, "--path --sftp"), (query or key, database, "--query --database")):
        if said and not of:
            option, wanted = needs.split()
            raise BadInput(f"{option} without {wanted}", where="source", mend=f"name it with {wanted}")
    if parameters and not program:
        raise BadInput("--parameter without --program", where="source", mend="name it with --program")
    if file is not None:
        return FilePlace(path=str(file.absolute()))
    if sftp:
        return SftpPlace(server=sftp, path=path)
    if database:
        return DatabasePlace(database=database, query=query, key=key)
    pairs = [one.partition("=") for one in parameters]
    if wrong := [name or value for name, sign, value in pairs if not (name and sign)]:
        raise BadInput(f"{wrong[0]!r} is no parameter", where="parameter", mend="NAME=VALUE")
    return CustomPlace(program=program, parameters={name: value for name, _, value in pairs})


def _reachable(settings: Settings) -> Reachable:
    from dialer.app_sources import installed_sources  # slow to load, and no other command of this file needs it

    return Reachable(
        servers=[one.name for one in settings.sftp],
        databases=[one.name for one in settings.foreign_database],
        programs=list(installed_sources()),
    )


def _told(one: DataSource) -> list[tuple[str, str]]:
    options, rows = one.options, one.options.rows
    told = [("data source", one.name), (one.place.kind.value, str(one.place)), ("list", one.list_name)]
    if one.exclude_days is not None:
        told.append(("excludes", f"for {one.exclude_days} days, to midnight in {one.exclude_zone or 'UTC'}"))
    else:
        told += [("duplicates", options.on_duplicate), ("new attributes", options.new_attributes)]
        deletes = "everybody" if options.delete_first else str(one.delete_where) if one.delete_where is not None else "nobody"
        told.append(("deletes before", deletes))
        checks = [name for name in ("patterns", "formats", "dnc") if getattr(options, f"check_{name}")]
        told.append(("checks", ", ".join(checks) or "none"))
        told.append(("numbers", f"region {rows.region}{', strict' if rows.strict else ''}; zone {rows.time_zone or 'by number'}"))
        told.append(("telephone columns", ", ".join(rows.phone_columns) or "those with a usual name"))
    told.append(("id column", rows.id_column or "one with a usual name, else the first"))
    if one.place.kind.value in ("file", "sftp"):
        told.append(("written", f"{options.encoding or 'found out'}, delimiter {options.delimiter or 'found out'}"))
    told.append(("limit", f"{one.limit_s / 60:g} minutes"))
    told.append(("added", f"by {one.created_by}" + (f" at {one.created_at:%Y-%m-%d %H:%M} UTC" if one.created_at else "")))
    return told
