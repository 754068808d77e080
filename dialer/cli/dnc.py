"""`dialer dnc`: the do-not-call lists."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from dialer.cli.context import Config, Org, err, opened, out, plain_errors, read_settings
from dialer.cli.import_options import CheckFormats, CheckPatterns, Delimiter, Encoding, Region, delimiter_sign
from dialer.cli.rows import print_rows
from dialer.domain.codes import name_key
from dialer.domain.dnc import DncKind
from dialer.errors import BadInput, NotFound
from dialer.services import campaigns, dnc, dnc_groups
from dialer.services.dnc_import import DncImportOptions, import_dnc
from dialer.services.organisations import DEFAULT
from dialer.settings import Settings

dnc_app = typer.Typer(help="Who must not be called.", no_args_is_help=True)

Reason = Annotated[str, typer.Option(help="Why, for the record.")]
Kind = Annotated[DncKind, typer.Option("--by", help="What is named: an address, your id of a contact, or a customer_id.")]
ListName = Annotated[str, typer.Option("--list", help="A list; without it the one that always applies.")]
Common = Annotated[bool, typer.Option("--common", help="A list of all organisations.")]
Days = Annotated[int | None, typer.Option(help="For so many days: until midnight, in --time-zone.")]
Until = Annotated[datetime | None, typer.Option(help="Until this moment, in --time-zone.")]
Zone = Annotated[str, typer.Option("--time-zone", help="Whose midnight; [numbers] default_time_zone if not given, else UTC.")]


@dnc_app.command("add")
@plain_errors
def add(
    value: Annotated[str, typer.Argument(help="A number, an e-mail address, or an id.", show_default=False)],
    reason: Reason = "operator",
    kind: Kind = DncKind.ADDRESS,
    list_name: ListName = "",
    common: Common = False,
    days: Days = None,
    until: Until = None,
    time_zone: Zone = "",
    config: Config = None,
    org: Org = DEFAULT,
) -> None:
    """Never call this number, contact or customer again, from this moment on."""
    settings = read_settings(config)
    ends_at = _ends_at(settings, days, until, time_zone)
    onto = dnc.Onto(name=list_name, common=common)
    with opened(org=org, settings=settings) as (store, org_id):
        region = settings.numbers.region
        adding = dnc.add_to_dnc(store, org_id, value, reason=reason, region=region, kind=kind, ends_at=ends_at, onto=onto)
        kept, new = asyncio.run(adding)
    limit = f" until {ends_at:%Y-%m-%d %H:%M} UTC" if ends_at else ""
    out.print(f"{kept} is on the DNC list{limit}" + ("" if new else " (it was already)"))


@dnc_app.command("remove")
@plain_errors
def remove(
    value: str,
    kind: Kind = DncKind.ADDRESS,
    list_name: ListName = "",
    common: Common = False,
    config: Config = None,
    org: Org = DEFAULT,
) -> None:
    """Allow calls again, as far as this list goes."""
    settings = read_settings(config)
    onto = dnc.Onto(name=list_name, common=common)
    with opened(org=org, settings=settings) as (store, org_id):
        kept = asyncio.run(dnc.remove_from_dnc(store, org_id, value, region=settings.numbers.region, kind=kind, onto=onto))
        still = store.read_now(lambda tx: tx.dnc(org_id).listed([kept])) if kind is DncKind.ADDRESS else set()
    out.print(f"{kept} may be called again" if not still else f"{kept} is removed; another list still forbids it")


@dnc_app.command("import")
@plain_errors
def import_numbers(
    file: Annotated[Path, typer.Argument(help="One number or id a row; columns may say number, reason, days, until.")],
    reason: Annotated[str, typer.Option(help="Why, for the record; of rows that say nothing themselves.")] = "imported",
    kind: Kind = DncKind.ADDRESS,
    list_name: ListName = "",
    common: Common = False,
    days: Days = None,
    until: Until = None,
    time_zone: Zone = "",
    region: Region = None,
    check_patterns: CheckPatterns = False,
    check_formats: CheckFormats = False,
    encoding: Encoding = None,
    delimiter: Delimiter = None,
    errors_to: Annotated[Path | None, typer.Option(help="The file for the reasons; in the data folder if not given.")] = None,
    config: Config = None,
    org: Org = DEFAULT,
) -> None:
    """Put the numbers (or ids) of a CSV file on a list. Rows that cannot be used are listed in a file, with their reasons."""
    settings = read_settings(config)
    options = DncImportOptions(
        onto=dnc.Onto(name=list_name, common=common),
        kind=kind,
        reason=reason,
        ends_at=_ends_at(settings, days, until, time_zone),
        zone=time_zone or settings.numbers.default_time_zone,
        region=(region or settings.numbers.region).upper(),
        check_patterns=check_patterns,
        check_formats=check_formats,
        encoding=encoding,
        delimiter=delimiter_sign(delimiter),
        errors_to=errors_to or settings.imports_folder / f"{file.stem}-errors.csv",
    )
    with opened(org=org, settings=settings) as (store, org_id):
        done = import_dnc(store, org_id, file, options)
    out.print(f"{done.added:,} added, {done.already:,} were listed already, {done.rejected:,} rejected")
    for count, what in (
        (done.matched_pattern, "matched a reject pattern"),
        (done.format_failed, "not of their country's format"),
    ):
        if count:
            out.print(f"{count:,} {what}")
    for line, text, why in done.first_rejected:
        err.print(f"{file}:{line}: {text!r}: {why}", soft_wrap=True)
    if done.rejected > len(done.first_rejected):
        err.print(f"... and {done.rejected - len(done.first_rejected):,} more")
    if done.errors_file is not None:
        out.print(f"reasons: {done.errors_file}", soft_wrap=True)


@dnc_app.command("list")
@plain_errors
def list_numbers(
    after: Annotated[str, typer.Option(help="Begin behind this number.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="How many.")] = 100,
    list_name: ListName = "",
    common: Common = False,
    config: Config = None,
    org: Org = DEFAULT,
) -> None:
    """Show the entries of a list."""
    onto = dnc.Onto(name=list_name, common=common)
    with opened(config, org) as (store, org_id):
        entries = asyncio.run(dnc.list_dnc(store, org_id, after=after, limit=limit, onto=onto))
        total = asyncio.run(dnc.count_dnc(store, org_id, onto=onto))
    table = Table("Number or id", "By", "Reason", "Since (UTC)", "Until (UTC)", caption=f"{len(entries):,} of {total:,}")
    for entry in entries:
        ends = f"{entry.ends_at:%Y-%m-%d %H:%M:%S}" if entry.ends_at else ""
        table.add_row(entry.value, entry.kind.value, entry.reason, f"{entry.created_at:%Y-%m-%d %H:%M:%S}", ends)
    print_rows(table, "nobody is on this list")


@dnc_app.command("lists")
@plain_errors
def lists(
    create: Annotated[str, typer.Option(help="Make a list of this name.")] = "",
    drop: Annotated[str, typer.Option(help="Remove this list with its entries.")] = "",
    common: Common = False,
    config: Config = None,
    org: Org = DEFAULT,
) -> None:
    """Show the lists, after making or removing one."""
    with opened(config, org) as (store, org_id):
        if create:
            asyncio.run(dnc_groups.create_dnc_list(store, org_id, create, common=common))
        if drop:
            asyncio.run(dnc_groups.drop_dnc_list(store, org_id, drop, common=common))
        found = asyncio.run(dnc_groups.dnc_lists(store, org_id))
    table = Table("List", "Of", "Applies", "Entries")
    for one in found:
        applies = "always" if one.always else "through groups"
        table.add_row(one.name, "all organisations" if one.common else "the organisation", applies, f"{one.entries:,}")
    print_rows(table)


@dnc_app.command("group")
@plain_errors
def group(
    name: Annotated[str, typer.Argument(help="A group; without it all are shown.", show_default=False)] = "",
    holds: Annotated[
        list[str] | None, typer.Option("--list", help='A list in it; up to five, instead of what it held; "" = none.')
    ] = None,
    drop: Annotated[bool, typer.Option("--drop", help="Remove the group.")] = False,
    config: Config = None,
    org: Org = DEFAULT,
) -> None:
    """Show the groups, after making, changing or removing one."""
    with opened(config, org) as (store, org_id):
        if name and drop:
            asyncio.run(dnc_groups.drop_dnc_group(store, org_id, name))
        elif name and holds is not None:
            asyncio.run(dnc_groups.save_dnc_group(store, org_id, name, [one for one in holds if one]))
        elif drop or holds is not None:
            raise BadInput("which group?", where="group", mend="its name")
        found = asyncio.run(dnc_groups.dnc_groups(store, org_id))
    table = Table("Group", "Lists", "Campaigns")
    for one in found:
        if not name or drop or name_key(one.name) == name_key(name):
            table.add_row(one.name, ", ".join(one.lists), ", ".join(one.campaigns))
    if found and not table.row_count:
        raise NotFound(f"no DNC group {name!r}; there are: {', '.join(one.name for one in found)}")
    print_rows(table, "no groups yet: `dialer dnc group NAME --list LIST`")


@dnc_app.command("campaign")
@plain_errors
def campaign(
    name: Annotated[str, typer.Argument(help="The campaign.", show_default=False)],
    groups: Annotated[
        list[str] | None, typer.Option("--group", help='A group that binds it; up to five, instead of those before; "" = none.')
    ] = None,
    config: Config = None,
    org: Org = DEFAULT,
) -> None:
    """Show which groups bind a campaign; with --group, make exactly these bind it: a running job obeys with its next call."""
    with opened(config, org) as (store, org_id):
        if groups is not None:
            asyncio.run(dnc_groups.set_campaign_dnc(store, org_id, name, [one for one in groups if one]))
        found = asyncio.run(campaigns.campaign_named(store, org_id, name))
        bound = [one.name for one in asyncio.run(dnc_groups.dnc_groups(store, org_id)) if found.name in one.campaigns]
    out.print(f"{found.name}: {', '.join(bound) or 'only the lists that always apply'}", soft_wrap=True)


def _ends_at(settings: Settings, days: int | None, until: datetime | None, zone: str) -> datetime | None:
    return dnc.dnc_ends_at(days=days, until=until, zone=zone or settings.numbers.default_time_zone, now=datetime.now(UTC))
