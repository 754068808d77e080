"""`dialer contacts show | unmaskings`: one contact in full, and who saw what is masked."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer
from rich.table import Table

from dialer.cli.context import Config, Org, opened, out, plain_errors, read_settings
from dialer.cli.rows import print_rows
from dialer.cli.unmask import Unmask, unmask_for
from dialer.logs import mask
from dialer.services.contact_cards import Card, cards_of, list_unmaskings
from dialer.services.organisations import DEFAULT


@plain_errors
def show(
    contact: Annotated[str, typer.Argument(help="The contact's id, as in your list.", show_default=False)],
    unmask: Unmask = False,
    config: Config = None,
    org: Org = DEFAULT,
) -> None:
    """Show a contact: its addresses, its attributes, what was done about it so far, what it is promised, and agents' notes."""
    settings = read_settings(config)
    with opened(settings=settings, org=org) as (store, org_id):
        unmask_for(store, org_id, settings, unmask, f"the contact {contact}")
        cards = asyncio.run(cards_of(store, org_id, contact, unmasked=unmask))
    for card in cards:
        out.print(_table(card))


@plain_errors
def unmaskings(
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many, the latest first.")] = 100,
    config: Config = None,
    org: Org = DEFAULT,
) -> None:
    """Show who saw masked attributes in full."""
    with opened(config, org) as (store, org_id):
        found = asyncio.run(list_unmaskings(store, org_id, limit=limit))
    table = Table("Time (UTC)", "By", "Saw")
    for one in found:
        table.add_row(f"{one.at:%Y-%m-%d %H:%M:%S}", one.by, one.what)
    print_rows(table)


def _table(card: Card) -> Table:
    table = Table("Contact", card.contact.user_contact_id)
    table.add_row("list", card.list_name)
    table.add_row("language", card.contact.language)
    for one in card.contact.addresses:
        zones = f" ({', '.join(one.zones) if len(one.zones) <= 2 else f'one of {len(one.zones)} zones'})" if one.zones else ""
        table.add_row(one.name, mask(one.value) + zones)
    for name, value in (*card.attributes.items(), *card.history.items()):
        table.add_row(name, value)
    if card.excluded_until is not None:
        table.add_row("excluded until", f"{card.excluded_until:%Y-%m-%d %H:%M} UTC")
    for promised in card.callbacks:
        table.add_row(f"callback {promised.id}", f"{promised.at:%Y-%m-%d %H:%M} UTC in job {promised.job_id}")
    for note in card.notes:
        table.add_row(f"note of {note.by}", f"{note.at:%Y-%m-%d %H:%M} UTC: {note.text}")
    return table
