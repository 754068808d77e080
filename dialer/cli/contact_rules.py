"""`dialer contacts exclude | include | delete | add-to-job | attribute | phone-check`: what holds for contacts."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.table import Table

from dialer.cli.context import Config, Org, opened, out, plain_errors, read_settings
from dialer.cli.rows import print_rows
from dialer.domain.attributes import AttributeType
from dialer.domain.phone_checks import MAX_LENGTH, MIN_LENGTH, PhoneFormat, RejectPattern
from dialer.errors import BadInput
from dialer.services import contacts
from dialer.services.import_rows import column_name
from dialer.services.organisations import DEFAULT

ListName = Annotated[str, typer.Option("--list", help="The list on which the contact stands.", show_default=False)]
UserId = Annotated[str, typer.Argument(help="The contact's id.", show_default=False)]


def add_to(app: typer.Typer) -> None:
    """Give the `contacts` commands these too."""
    for command in (exclude, include, delete, attribute):
        app.command()(command)
    app.command("add-to-job")(add_to_job)
    app.command("phone-check")(phone_check)


@plain_errors
def exclude(
    contact: UserId,
    list_name: ListName,
    days: Annotated[int | None, typer.Option(help="For so many days, until midnight.")] = None,
    until: Annotated[datetime | None, typer.Option(help="Until this moment.")] = None,
    reason: Annotated[str, typer.Option(help="Why, for the record.")] = "",
    config: Config = None,
    org: Org = DEFAULT,
) -> None:
    """Call a contact in no campaign for a while."""
    settings = read_settings(config)
    zone = settings.numbers.default_time_zone
    with opened(settings=settings, org=org) as (store, org_id):
        ends_at = asyncio.run(
            contacts.exclude_contact(
                store, org_id, list_name, contact, days=days, until=until, zone=zone, reason=reason, now=datetime.now(UTC)
            )
        )
    out.print(f"{contact} is excluded until {ends_at:%Y-%m-%d %H:%M} UTC")


@plain_errors
def include(contact: UserId, list_name: ListName, config: Config = None, org: Org = DEFAULT) -> None:
    """End the exclusion of a contact."""
    with opened(config, org) as (store, org_id):
        ended = asyncio.run(contacts.include_contact(store, org_id, list_name, contact))
    out.print(f"{contact} " + ("is no longer excluded" if ended else "was not excluded"))


@plain_errors
def delete(contact: UserId, list_name: ListName, config: Config = None, org: Org = DEFAULT) -> None:
    """Delete a contact, also from running jobs."""
    with opened(config, org) as (store, org_id):
        asyncio.run(contacts.delete_contact(store, org_id, list_name, contact))
    out.print(f"{contact} is deleted")


@plain_errors
def add_to_job(
    contact: UserId,
    list_name: ListName,
    campaign: Annotated[str, typer.Option(help="The running campaign.", show_default=False)],
    config: Config = None,
    org: Org = DEFAULT,
) -> None:
    """Let a running campaign call a contact too, within seconds."""
    with opened(config, org) as (store, org_id):
        added = asyncio.run(contacts.add_to_job(store, org_id, campaign, list_name, contact))
    out.print(f"{contact} " + ("is added" if added else "is in the job already"))


@plain_errors
def attribute(
    name: Annotated[str, typer.Argument(help="The attribute; without it the definitions are shown.")] = "",
    kind: Annotated[AttributeType | None, typer.Option("--type", help="What it holds; string if nothing was said.")] = None,
    masked: Annotated[bool | None, typer.Option("--masked/--shown", help="Show it only to those who unmask, or to all.")] = None,
    config: Config = None,
    org: Org = DEFAULT,
) -> None:
    """Say what an attribute holds, or show what was said; what is not given stays as it is."""
    with opened(config, org) as (store, org_id):
        if name and (kind is not None or masked is not None):
            asyncio.run(contacts.define_attribute(store, org_id, name, kind=kind, masked=masked))
        elif kind is not None or masked is not None:
            raise BadInput("of which attribute?", where="attribute", mend="its name")
        found = store.read_now(lambda tx: tx.contact_rules(org_id).definitions())
    table = Table("Attribute", "Type", "Masked")
    for one in found.values():
        if not name or one.name == column_name(name):
            table.add_row(one.name, one.type.value, "yes" if one.masked else "")
    print_rows(table, f"nothing was said of {name or 'any attribute'}: what is not said is text")


@plain_errors
def phone_check(
    reject: Annotated[str, typer.Option(help="Refuse numbers like this: digits, *, ?, [1-35].")] = "",
    drop: Annotated[str, typer.Option(help="Forget this pattern.")] = "",
    country: Annotated[str, typer.Option(help="Calling code, such as 90, for the pattern or the format.")] = "",
    length: Annotated[tuple[int, int] | None, typer.Option(help="Digits behind the calling code: fewest, most.")] = None,
    prefix: Annotated[str, typer.Option(help="Put before numbers that are too short.")] = "",
    config: Config = None,
    org: Org = DEFAULT,
) -> None:
    """Show the reject patterns and formats of numbers, after changing them."""
    if prefix and not length:
        raise BadInput("a prefix goes with a length", where="prefix", mend="--length FEWEST MOST")
    if country and not (reject or drop or length):
        raise BadInput("what of that country?", where="country", mend="--reject, --drop or --length")
    with opened(config, org) as (store, org_id):
        asyncio.run(
            contacts.change_phone_checks(
                store,
                org_id,
                add_pattern=RejectPattern(pattern=reject, calling_code=country) if reject else None,
                drop_pattern=RejectPattern(pattern=drop, calling_code=country) if drop else None,
                add_format=PhoneFormat(
                    calling_code=country,
                    min_length=(length or (MIN_LENGTH, MAX_LENGTH))[0],
                    max_length=(length or (MIN_LENGTH, MAX_LENGTH))[1],
                    prefix=prefix,
                )
                if length
                else None,
            )
        ) if reject or drop or length else None
        checks = store.read_now(lambda tx: tx.contact_rules(org_id).phone_checks())
    table = Table("Country", "Rejects", "Length", "Prefix")
    for pattern in checks.patterns:
        table.add_row(pattern.calling_code or "any", pattern.pattern, "", "")
    for one in checks.formats:
        table.add_row(one.calling_code, "", f"{one.min_length} to {one.max_length}", one.prefix)
    print_rows(table)
