"""`dialer contacts`: put people on lists, and look at them."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from dialer.cli.context import Config, Org, opened, out, plain_errors, read_settings
from dialer.cli.unmask import Unmask, unmask_for
from dialer.domain.imports import RowOptions
from dialer.logs import mask
from dialer.services.contact_cards import contacts_page
from dialer.services.import_file import ImportOptions, ImportReport, import_file
from dialer.services.organisations import DEFAULT

contacts_app = typer.Typer(help="Contacts: the people on the lists that campaigns call.", no_args_is_help=True)


@contacts_app.command("import")
@plain_errors
def import_(
    file: Annotated[Path, typer.Argument(help="A CSV file whose first line names the columns.", show_default=False)],
    list_name: Annotated[str, typer.Option("--list", help="The list; made if there is none of that name.", show_default=False)],
    config: Config = None,
    org: Org = DEFAULT,
    region: Annotated[str | None, typer.Option(help="Country of numbers without a country code, such as US.")] = None,
    time_zone: Annotated[str | None, typer.Option(help="Zone of numbers that tell none, such as America/Chicago.")] = None,
    strict: Annotated[bool | None, typer.Option(help="Refuse numbers that no carrier has given out.")] = None,
    phone: Annotated[list[str] | None, typer.Option(help="A column with telephone numbers; may be repeated.")] = None,
    id_column: Annotated[str, typer.Option(help="The column with your own id of a contact.")] = "",
    on_duplicate: Annotated[Literal["update", "ignore"], typer.Option(help="What to do with ids on the list.")] = "update",
    encoding: Annotated[str | None, typer.Option(help="Found out if not given.")] = None,
    delimiter: Annotated[str | None, typer.Option(help="Found out if not given.")] = None,
    new_attributes: Annotated[Literal["add", "refuse"], typer.Option(help="Columns that the list does not have yet.")] = "add",
    check_patterns: Annotated[bool, typer.Option("--check-patterns", help="Leave out numbers by reject pattern.")] = False,
    check_formats: Annotated[bool, typer.Option("--check-formats", help="Leave out numbers of a wrong length.")] = False,
    check_dnc: Annotated[bool, typer.Option("--check-dnc", help="Leave out numbers on a DNC list.")] = False,
    delete_first: Annotated[bool, typer.Option("--delete-first", help="Empty the list before.")] = False,
    errors_to: Annotated[Path | None, typer.Option(help="The file for the reasons; in the data folder if not given.")] = None,
) -> None:
    """Import a CSV file. Rows that cannot be used are listed in a file, each with its reason; the others are stored."""
    settings = read_settings(config)
    numbers = settings.numbers
    rows = RowOptions(
        region=(region or numbers.region).upper(),
        strict=numbers.strict if strict is None else strict,
        time_zone=numbers.default_time_zone if time_zone is None else time_zone,
        language=settings.ivr.language,
        id_column=id_column,
        phone_columns=tuple(phone or ()),
    )
    options = ImportOptions(
        rows=rows,
        on_duplicate=on_duplicate,
        encoding=encoding,
        delimiter="\t" if delimiter in ("\\t", "tab") else delimiter,
        new_attributes=new_attributes,
        check_patterns=check_patterns,
        check_formats=check_formats,
        check_dnc=check_dnc,
        delete_first=delete_first,
        errors_to=errors_to or settings.data_dir / "imports" / f"{file.stem}-errors.csv",
    )
    begun = time.monotonic()
    with opened(settings=settings, org=org) as (store, org_id), _bar() as bar:
        task = bar.add_task("import", total=None, rows=0, refused=0)

        def show(report: ImportReport) -> None:
            bar.update(
                task,
                completed=report.bytes_read,
                total=report.bytes_total,
                rows=f"{report.processed:,}",
                refused=f"{report.rejected:,}",
            )

        report = import_file(store, org_id, file, list_name, options, show)
    _tell(report, time.monotonic() - begun)


@contacts_app.command("list")
@plain_errors
def list_(
    name: Annotated[str | None, typer.Argument(help="A list; without it all lists are named.", show_default=False)] = None,
    config: Config = None,
    org: Org = DEFAULT,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many contacts to show.")] = 20,
    unmask: Unmask = False,
    show_numbers: Annotated[bool, typer.Option("--show-numbers", help="Do not mask the telephone numbers.")] = False,
) -> None:
    """Show the lists, or the first contacts of one in the order in which they are called."""
    settings = read_settings(config)
    with opened(settings=settings, org=org) as (store, org_id):
        if name is None:
            lists = store.read_now(lambda tx: tx.contact_lists(org_id).all())
            sizes = store.read_now(lambda tx: tx.contact_lists(org_id).sizes())
            table = Table("List", "Contacts", "Attributes")
            for one in lists:
                table.add_row(one.name, f"{sizes.get(one.id, 0):,}", ", ".join(one.attributes))
        else:
            unmask_for(store, org_id, settings, unmask, f"the list {name}")
            people = asyncio.run(contacts_page(store, org_id, name, limit=limit, unmasked=unmask))
            table = Table("Id", "Addresses", "Zone", "Language", "Attributes")
            for person, attributes in people:
                numbers = [f"{one.name} {one.value if show_numbers else mask(one.value)}" for one in person.addresses]
                zones = sorted({zone for one in person.addresses for zone in one.zones})
                shown = ", ".join(zones) if len(zones) <= 2 else f"one of {len(zones)}"
                said = ", ".join(f"{key}={value}" for key, value in attributes.items() if value)
                table.add_row(person.user_contact_id, "\n".join(numbers), shown, person.language, said)
    out.print(table)


def _bar() -> Progress:
    return Progress(
        TextColumn("[bold]importing"),
        BarColumn(bar_width=30),
        TaskProgressColumn(),
        TextColumn("{task.fields[rows]} rows, {task.fields[refused]} refused"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=out,
        transient=True,
        disable=not out.is_terminal,
    )


def _tell(report: ImportReport, took_s: float) -> None:
    table = Table("List", "Rows", "New", "Updated", "Ignored", "Refused", "Numbers left out")
    counts = (report.processed, report.inserted, report.updated, report.ignored, report.rejected, report.numbers_left_out)
    table.add_row(report.list_name, *(f"{count:,}" for count in counts))
    out.print(table)
    checked = (report.deleted, report.matched_pattern, report.format_failed, report.matched_dnc)
    if any(checked):
        names = ("deleted before", "matched a reject pattern", "not of their country's format", "on a DNC list")
        out.print("; ".join(f"{count:,} {name}" for count, name in zip(checked, names, strict=True) if count))
    per_s = f", {report.processed / took_s:,.0f} rows/s" if took_s > 1 else ""
    out.print(f"{report.encoding}, delimiter {report.delimiter!r}; {took_s:.1f} s{per_s}", markup=False, highlight=False)
    out.print(f"telephone numbers: {', '.join(report.phones)}", markup=False, highlight=False)
    if report.errors_file is not None:
        out.print(f"reasons: {report.errors_file}", markup=False, highlight=False, soft_wrap=True)
