"""`dialer contacts`: put people on lists, and look at them."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from dialer.cli.area_codes import area_codes_app
from dialer.cli.contact_rules import add_to
from dialer.cli.contact_show import show, unmaskings
from dialer.cli.context import Config, Org, opened, plain_errors, read_settings
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
from dialer.cli.import_progress import ImportBar, tell_report
from dialer.cli.rows import print_rows
from dialer.cli.sources import source_app
from dialer.cli.unmask import Unmask, unmask_for
from dialer.logs import mask
from dialer.services.contact_cards import contacts_page
from dialer.services.import_file import import_file
from dialer.services.organisations import DEFAULT

contacts_app = typer.Typer(help="Contacts: the people on the lists that campaigns call.", no_args_is_help=True)
add_to(contacts_app)
contacts_app.command()(show)
contacts_app.command()(unmaskings)
contacts_app.add_typer(source_app, name="source")
contacts_app.add_typer(area_codes_app, name="area-codes")


@contacts_app.command("import")
@plain_errors
def import_(
    file: Annotated[Path, typer.Argument(help="A CSV file whose first line names the columns.", show_default=False)],
    list_name: Annotated[str, typer.Option("--list", help="The list; made if there is none of that name.", show_default=False)],
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
    delete_first: DeleteFirst = False,
    errors_to: Annotated[Path | None, typer.Option(help="The file for the reasons; in the data folder if not given.")] = None,
) -> None:
    """Import a CSV file. Rows that cannot be used are listed in a file, each with its reason; the others are stored."""
    settings = read_settings(config)
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
    options = replace(options, errors_to=errors_to or settings.imports_folder / f"{file.stem}-errors.csv")
    begun = time.monotonic()
    with opened(settings=settings, org=org) as (store, org_id), ImportBar() as bar:
        report = import_file(store, org_id, file, list_name, options, bar.show)
    tell_report(report, time.monotonic() - begun)


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
    print_rows(table, "nobody yet: `dialer contacts import FILE --list NAME`")
